/* norm.h - layer norm over channels on a graphics card. Private to nn/gpu. */
#ifndef BN_NN_GPU_NORM_H
#define BN_NN_GPU_NORM_H

#include "nn/gpu/call.h"

/* dst = norm(x), pixel by pixel; source: weight [c], bias [c]. x is float32, dst of any type; dst may be x. */
void bn_gpu_norm(bn_graph *graph, bn_map x, bn_map dst, float eps, const bn_source *source);

/* The same of the pixels (0,0) (1,0) (0,1) (1,1) (y, x) of each 2x2 square side by side, zeros beyond an odd edge:
 * dst [ceil(h/2)][ceil(w/2)][4c]; source: weight [4c], bias [4c]. */
void bn_gpu_norm_squares(bn_graph *graph, bn_map x, bn_map dst, float eps, const bn_source *source);

#endif
