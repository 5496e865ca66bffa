/* lanes.h - operations whose threads each do whole pieces of work by themselves, meeting only at the end. Private to
 * src/nn/cpu.
 *
 * A piece (some rows of a map) goes through all steps on one thread: what lies between two steps stays in that core's
 * cache, and a thread that is held up by other processes does not hold up the others at every step. */
#ifndef BN_NN_CPU_LANES_H
#define BN_NN_CPU_LANES_H

#include "base/parallel.h"
#include "nn/cpu/numbers.h"

/* Scratch of an op, one share for each thread. */
typedef struct bn_lane_memory {
    bn_map map;
    size_t each_bytes; /* a multiple of 64 */
} bn_lane_memory;

bn_lane_memory bn_lane_memory_make(bn_graph *graph, size_t each_bytes);
void *bn_lane_memory_of(const bn_graph *graph, const bn_lane_memory *memory, int thread);

/* Does piece `piece` of the op on thread `thread`. */
typedef bn_status (*bn_lane_fn)(const void *op, const bn_graph *graph, size_t piece, int thread);

/* All pieces, each thread taking the next one that is left; CANCELLED where the run is to stop before that. */
bn_status bn_lanes_run(const void *op, const bn_graph *graph, size_t pieces, bn_lane_fn fn, bn_error *err);

/* Pieces that a loop is cut into where it has the rows: one for each of 64 threads, four for each of 16. */
#define BN_LANE_PIECES 64
#define BN_LANE_LEAST  32 /* rows of a piece: fewer would wait for the weights */

/* Rows of a piece, so that there are BN_LANE_PIECES. oneDNN's results depend on it, therefore it does not depend on the
 * number of threads; our own products give a row the same bits in any piece, and few threads get fewer, larger ones
 * where the `weights` (how many numbers a piece reads) are too many to stay in a core's cache. */
int bn_lane_share(const bn_graph *graph, int rows, size_t weights);

/* Rows of a piece: about `bytes` of its widest rows but at least `least` rows, or bn_lane_share where that is fewer;
 * whole register blocks, and all pieces equal but the last. */
int bn_lane_rows(const bn_graph *graph, int rows, size_t weights, size_t row_bytes, size_t bytes, int least);

/* Layer norm of dense rows on the calling thread. */
void bn_lane_norm(const bn_graph *graph, const bn_norm_numbers *numbers, const float *in, ptrdiff_t in_stride,
                  void *out, bn_type type, int rows, int c);

#endif
