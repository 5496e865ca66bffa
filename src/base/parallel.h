/* parallel.h - the one place where loops are spread over threads.
 *
 * The threads are those of GNU OpenMP, because oneDNN (Debian's build) computes on them too: one pool, not two. */
#ifndef BN_BASE_PARALLEL_H
#define BN_BASE_PARALLEL_H

#include <stddef.h>

#define BN_MAX_THREADS 64 /* more are never started, whatever is asked for */

/* Does items [begin, end). `thread` is 0 .. threads-1 and runs one call at a time, so it may index scratch memory. What
 * oneDNN is asked for in here runs on this thread alone, however many threads or items the loop has. */
typedef void (*bn_parallel_fn)(void *context, size_t begin, size_t end, int thread);

/* Split 0 .. count into `threads` ranges of nearly equal length and do them at the same time (threads >= 1; fewer
 * are used for a small count, at most BN_MAX_THREADS). Returns when all are done. Not to be nested. */
void bn_parallel_for(int threads, size_t count, bn_parallel_fn fn, void *context);

/* Do single items, each thread taking the next one that is free: for items of unequal cost. */
void bn_parallel_items(int threads, size_t count, bn_parallel_fn fn, void *context);

/* Set how many threads oneDNN uses when called from this thread; returns what it was. */
int bn_parallel_set_threads(int threads);

#endif
