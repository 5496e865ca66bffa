/* running.h - a run that is under way, as its operations see it: whether it is to stop. Private to src/nn/cpu. */
#ifndef BN_NN_CPU_RUNNING_H
#define BN_NN_CPU_RUNNING_H

#include "nn/graph.h"

/* Between two pieces of an operation, from thread `thread` of its loop. Thread 0, which is the caller's, asks the progress
 * function now and then; the others hear what it said. */
bool bn_cpu_stopped(const bn_graph *graph, int thread);

/* CANCELLED, in words. */
bn_status bn_cpu_cancelled(const bn_graph *graph, bn_error *err);

#endif
