/* backend.h - what computes a graph: the seam between layers as model code names them (layers.h) and a kind of device.
 *
 * A backend has one function for each of layers.h that appends operations, and a few that plan and run what they appended.
 * graph.c keeps the list, the lives of the buffers and their places; it knows neither kernels nor devices. Private to src/nn,
 * but for the names of the backends. */
#ifndef BN_NN_BACKEND_H
#define BN_NN_BACKEND_H

#include "nn/layers.h"
#include "nn/op.h"

/* A picture's planes as channels: channel (plane, i, j) of pixel (y, x) is the picture's row y * row_step + i * row_tile,
 * column x * column_step + j * column_tile. */
typedef struct bn_rearrangement {
    int down, across; /* values of i and j */
    int row_step, row_tile, column_step, column_tile;
    bool grid_order; /* channels (j, i, plane) instead of (plane, i, j) */
} bn_rearrangement;

struct bn_backend {
    const char *name;
    size_t align_bytes; /* of buffers in the arena */
    int pictures;       /* that a graph may compute at once */

    /* Layers, as in layers.h; patches and tiles are one, a rearrangement to [h, w, 3 * down * across]. NULL: this backend has none, and a graph that wants one fails. */
    bn_planes (*halve)(bn_graph *graph, bn_planes picture);
    bn_map (*rearrange)(bn_graph *graph, bn_planes picture, int h, int w, bn_rearrangement what);
    bn_map (*logits)(bn_graph *graph, bn_map map, bn_planes picture, const bn_source *filter);
    void (*linear_into)(bn_graph *graph, bn_map x, bn_map dst, const bn_source *source,
                        bn_activation activation, bool add);
    bn_map (*conv)(bn_graph *graph, bn_map x, bn_conv_params params, const bn_source *source);
    bn_map (*norm)(bn_graph *graph, bn_map x, float eps, const bn_source *source, bn_type type);
    void (*norm_inplace)(bn_graph *graph, bn_map x, float eps, const bn_source *source);
    void (*copy_into)(bn_graph *graph, bn_map x, bn_map dst);
    bn_map (*gate)(bn_graph *graph, bn_map x, const bn_source *source);
    bn_map (*depthwise_gelu)(bn_graph *graph, bn_map x, const bn_source *source);
    void (*window_attention)(bn_graph *graph, bn_map x, bn_window_attention_params params);
    bn_map (*attention)(bn_graph *graph, bn_map q, bn_map kv, int heads);
    void (*mlp)(bn_graph *graph, bn_map x, bn_mlp_params params);
    bn_map (*patch_merge)(bn_graph *graph, bn_map x, int out, float eps, const bn_source *norm,
                          const bn_source *linear);
    void (*resize_into)(bn_graph *graph, bn_map x, bn_map dst, int via_h, int via_w, const bn_map *gate,
                        bool add);
    bn_map (*pooled_bias)(bn_graph *graph, bn_map x, int width, int out, const bn_source *pool,
                          const bn_source *weight);
    bn_map (*deform)(bn_graph *graph, bn_map x, const bn_deform_params *params);

    /* May put the operations into another order before lives are known (bn_graph_reorder); NULL: leaves it. */
    bn_status (*arrange)(bn_graph *graph, bn_error *err);
    /* Lives and places are known: allocate, unless the graph is only to be counted, and give the buffers that the caller fills
     * or reads their memory on the host (bn_graph_set_host). */
    bn_status (*finish)(bn_graph *graph, bn_error *err);
    bn_status (*run)(bn_graph *graph, bn_graph_progress_fn progress, void *user, bn_error *err);
    void (*destroy)(bn_graph *graph); /* frees bn_graph_own; also after a failure, then perhaps without one */
};

/* ---- what a backend asks of a graph ---------------------------------------------------------------------------- */

const bn_backend *bn_graph_backend(const bn_graph *graph);
const bn_graph_options *bn_graph_options_of(const bn_graph *graph);

/* What the backend keeps with the graph. */
void *bn_graph_own(const bn_graph *graph);
void bn_graph_set_own(bn_graph *graph, void *own);

size_t bn_graph_op_count(const bn_graph *graph);
bn_op *bn_graph_op(const bn_graph *graph, size_t index);

/* All operations in this order; then each has to touch its maps anew. */
void bn_graph_reorder(bn_graph *graph, bn_op *const *order);
void bn_graph_touch_at(bn_graph *graph, bn_map map, size_t op);

/* A buffer's place in the arena and its life. */
typedef struct bn_graph_place {
    size_t offset, bytes;
    bool input, kept; /* the caller fills it before a run; reads it afterwards */
    bool stays;       /* but not now: bn_graph_transfer */
    void *host;       /* as set; NULL before */
} bn_graph_place;

size_t bn_graph_buffer_count(const bn_graph *graph);
bn_graph_place bn_graph_place_of(const bn_graph *graph, int buffer);
void bn_graph_set_host(bn_graph *graph, int buffer, void *host); /* what bn_graph_data points into */

/* For the times of parts: all to 0 before a run, then what each took. */
void bn_graph_clear_times(bn_graph *graph);
void bn_graph_add_time(bn_graph *graph, int part, double ms);

#endif
