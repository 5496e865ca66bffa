/* parallel.c - loops over GNU OpenMP's threads, through its stable ABI so that clang builds share the same pool. */
#include "base/parallel.h"

#include "base/size.h"

#include <pthread.h>
#include <stdatomic.h>

/* libgomp's own entry points (what gcc compiles `#pragma omp parallel` to). clang's -fopenmp would bring a second
 * runtime with a second pool of threads into the process. */
void GOMP_parallel(void (*fn)(void *), void *data, unsigned threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_max_threads(void);
void omp_set_num_threads(int threads);
int omp_get_initial_device(void);
int omp_pause_resource(int kind, int device);

/* The runtime keeps a thread's team for its next loop. A child of fork() has the books of that team and not its threads, and
 * would wait for them for ever; so the team of the thread that forks ends before. Its next loop starts another. */
static void end_team(void)
{
    const int soft = 1;
    omp_pause_resource(soft, omp_get_initial_device());
}

__attribute__((constructor)) static void end_teams_before_forks(void)
{
    pthread_atfork(end_team, NULL, NULL); /* where memory is short forks are as before */
}

typedef struct loop {
    bn_parallel_fn fn;
    void *context;
    size_t count;
    atomic_size_t next; /* bn_parallel_items: the first item that nobody took */
} loop;

/* A primitive of oneDNN that was made for one thread must find one when it runs. In a team of several it does; in a team
 * of one (all that the runtime gives) or without a team it would find as many as the caller may start. The setting
 * belongs to the thread's task and ends with the team. */
static void run_range(void *data)
{
    omp_set_num_threads(1);
    const loop *job = data;
    /* the runtime may give fewer threads than it was asked for */
    const size_t thread = (size_t)omp_get_thread_num(), threads = (size_t)omp_get_num_threads();
    const size_t begin = job->count * thread / threads, end = job->count * (thread + 1) / threads;
    if (begin < end) job->fn(job->context, begin, end, (int)thread);
}

static void run_items(void *data)
{
    omp_set_num_threads(1);
    loop *job = data;
    const int thread = omp_get_thread_num();
    for (size_t item; (item = atomic_fetch_add(&job->next, 1)) < job->count;)
        job->fn(job->context, item, item + 1, thread);
}

/* libgomp ends the process where the system gives it no more threads, so that callers must not ask for any number. */
static size_t team_for(int threads, size_t count)
{
    return BN_MIN((size_t)BN_MAX(BN_MIN(threads, BN_MAX_THREADS), 1), count);
}

/* The loop by the caller alone: all at once, or item by item. */
static void run_alone(const loop *job, size_t step)
{
    const int before = bn_parallel_set_threads(1);
    for (size_t begin = 0; begin < job->count; begin += step) job->fn(job->context, begin, begin + step, 0);
    bn_parallel_set_threads(before);
}

void bn_parallel_for(int threads, size_t count, bn_parallel_fn fn, void *context)
{
    loop job = {.fn = fn, .context = context, .count = count};
    const size_t team = team_for(threads, count);
    if (team > 1)
        GOMP_parallel(run_range, &job, (unsigned)team, 0);
    else
        run_alone(&job, BN_MAX(count, 1));
}

void bn_parallel_items(int threads, size_t count, bn_parallel_fn fn, void *context)
{
    loop job = {.fn = fn, .context = context, .count = count};
    const size_t team = team_for(threads, count);
    if (team > 1)
        GOMP_parallel(run_items, &job, (unsigned)team, 0);
    else
        run_alone(&job, 1);
}

int bn_parallel_set_threads(int threads)
{
    const int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    return before;
}
