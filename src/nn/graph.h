/* graph.h - a network written down as a list of operations, its memory planned, ready to run again and again.
 *
 * Building: model code calls layer functions (layers.h) in order; each appends operations, as the graph's backend does them,
 * and says which maps they read and write. bn_graph_finish then knows the life of every buffer and places all of them in one
 * arena. Running walks the list; it allocates nothing.
 *
 * Errors while building are sticky: after the first one every layer function does nothing and returns a map that
 * must not be used, and bn_graph_finish reports it. Model code therefore needs no checks of its own.
 *
 * A graph is used by one thread at a time; packed weights (pack.h) are shared between graphs. */
#ifndef BN_NN_GRAPH_H
#define BN_NN_GRAPH_H

#include "base/cpu.h"
#include "base/error.h"
#include "nn/map.h"

#include <stdbool.h>

typedef struct bn_graph bn_graph;
typedef struct bn_backend bn_backend;
typedef struct bn_pack_store bn_pack_store;
typedef struct bn_gpu_packs bn_gpu_packs;

/* What computes graphs (backend.h). */
extern const bn_backend bn_cpu_backend, bn_gpu_backend;

typedef struct bn_graph_options {
    const bn_backend *backend; /* NULL: the CPU */
    bn_type type;              /* of operands: activations between layers and packed weights */
    /* for the CPU */
    bn_isa isa;           /* level of our own kernels, at most bn_cpu_isa() */
    int threads;          /* >= 1 */
    bn_pack_store *packs; /* borrowed; outlives the graph */
    double ask_ms;        /* within an operation the progress function is asked so often at most; 0: usual */
    /* for a graphics card */
    bn_gpu_packs *gpu; /* the device with its packs; borrowed, outlives the graph */
    int batch; /* pictures at once, 0 = 1: in each map's memory, picture z begins at element h * w * stride * z */
} bn_graph_options;

bn_status bn_graph_create(const bn_graph_options *options, bn_graph **graph, bn_error *err);
void bn_graph_destroy(bn_graph **graph);

/* ---- building -------------------------------------------------------------------------------------------- */

/* A new map with nothing in it yet. */
bn_map bn_graph_map(bn_graph *graph, int h, int w, int c, bn_type type);

/* Operations from here on belong to the part of this name (static storage): for timing and progress. */
void bn_graph_part(bn_graph *graph, const char *name);

/* The same for a part whose operations may run beside those of the part before it, where what they read and write allows it;
 * where a backend does so, the time of both is counted for that one. */
void bn_graph_part_beside(bn_graph *graph, const char *name);

/* This map is filled by the caller before a run. */
void bn_graph_input(bn_graph *graph, bn_map map);

/* Keep this map's memory to the end of the run, so that it can be read afterwards. */
void bn_graph_keep(bn_graph *graph, bn_map map);

/* Whether runs from now on bring this input to the device, or this kept map back; at first they do. On a CPU both are there. */
void bn_graph_transfer(bn_graph *graph, bn_map map, bool wanted);

/* The type that activations have in this graph. */
bn_type bn_graph_type(const bn_graph *graph);

/* Make the graph fail, if it has not failed before: for model code that cannot go on. */
void bn_graph_refuse(bn_graph *graph, bn_status status, const char *message);

/* Plan the memory and allocate it. To be called once. */
bn_status bn_graph_finish(bn_graph *graph, bn_error *err);

/* ---- running --------------------------------------------------------------------------------------------- */

/* As birefnet_progress_fn: asked before each operation, and now and then within; non-zero stops the run. */
typedef int (*bn_graph_progress_fn)(void *user, const char *part, double done);

bn_status bn_graph_run(bn_graph *graph, bn_graph_progress_fn progress, void *user, bn_error *err);

/* First element of a map's memory; fill inputs before and read kept outputs after a run. Others have none everywhere. */
void *bn_graph_data(const bn_graph *graph, bn_map map);

typedef struct bn_part_stats {
    const char *name;
    double giga_macs; /* 10^9 multiply-accumulates of one run */
    double last_ms;   /* time in the last run */
    bool is_beside;   /* bn_graph_part_beside */
    int calls;        /* of kernels on a graphics card; 0 on a CPU */
    double mib;       /* that these calls read and write, each number once a call */
} bn_part_stats;

/* The most that `threads` threads can be used in a part (index -1: in all), 1 where all of them work to the end: work / (threads
 * x the longest thread's), summed over loops. Pieces of a loop are equal; none of this is measured. */
double bn_graph_balance(const bn_graph *graph, int index, int threads);

int bn_graph_parts(const bn_graph *graph);
bn_part_stats bn_graph_part_stats(const bn_graph *graph, int index);
size_t bn_graph_arena_bytes(const bn_graph *graph);
double bn_graph_giga_macs(const bn_graph *graph);

#endif
