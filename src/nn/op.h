/* op.h - what a layer's file needs to append operations to a graph. Private to src/nn. */
#ifndef BN_NN_OP_H
#define BN_NN_OP_H

#include "nn/graph.h"

typedef struct bn_op bn_op;

struct bn_op {
    bn_status (*run)(bn_op *op, bn_graph *graph, bn_error *err); /* NULL where the backend does without */
    void (*destroy)(bn_op *op); /* frees what the op holds, not the op; NULL if it holds nothing */
    int part;
    double macs;
};

/* A zeroed op of `size` bytes (a struct whose first member is a bn_op), appended to the graph. NULL once the graph
 * has failed; the layer then returns at once. */
void *bn_graph_append(bn_graph *graph, size_t size, bn_status (*run)(bn_op *, bn_graph *, bn_error *),
                      void (*destroy)(bn_op *));

/* Say that the op appended last reads or writes these maps. */
void bn_graph_touch(bn_graph *graph, bn_map map);

/* Scratch memory of so many bytes that lives for the op appended last only; of the map, only its data is of use. */
bn_map bn_graph_scratch(bn_graph *graph, size_t bytes);

/* Work of the op appended last: multiply-accumulates of one loop over `rows` rows (or other equal things), `piece` of
 * them at a time by whichever thread is free; the threads meet behind it. */
void bn_graph_work(bn_graph *graph, double macs, size_t rows, size_t piece);

/* The op appended last is a kernel call that moves so many bytes. */
void bn_graph_traffic(bn_graph *graph, double bytes);

/* Make the graph fail with this status. */
void bn_graph_fail(bn_graph *graph, bn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool bn_graph_failed(const bn_graph *graph);
bn_error *bn_graph_error(bn_graph *graph); /* where calls made while building put their message */
/* Remember a failure that a call already described in bn_graph_error. */
void bn_graph_set_failed(bn_graph *graph, bn_status status);

int bn_graph_threads(const bn_graph *graph);

/* A byte address inside a map: element `element` counted from the map's first. */
static inline void *bn_map_at(const bn_graph *graph, bn_map map, size_t element)
{
    return (char *)bn_graph_data(graph, map) + element * bn_type_size(map.type);
}

#endif
