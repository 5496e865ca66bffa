/* params.h - sources of weights for the layers: names of tensors, and what is folded into them on loading.
 *
 * Every function makes a source that lives as long as the bn_params it was asked of. What goes wrong is remembered in
 * the graph, so that the network's description needs no checks. */
#ifndef BN_MODEL_PARAMS_H
#define BN_MODEL_PARAMS_H

#include "model/arch.h"
#include "nn/layers.h"

typedef struct bn_params bn_params;

bn_status bn_params_create(const bn_weights *weights, const bn_arch *arch, bn_graph *graph,
                           bn_params **params, bn_error *err);
void bn_params_destroy(bn_params **params);

/* PREFIX.weight and, if there is one, PREFIX.bias. */
const bn_source *bn_param(bn_params *params, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One tensor by its whole name, without bias. */
const bn_source *bn_param_table(bn_params *params, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A convolution with the batch norm behind it folded in. */
const bn_source *bn_param_folded(bn_params *params, const char *prefix, const char *conv, const char *norm);

/* The same, with the weights of a deformable convolution: [out][kernel][kernel][in], as its samples lie. */
const bn_source *bn_param_deform(bn_params *params, const char *branch);

/* Input channels first .. first + count - 1 of a 1x1 convolution, optionally with a batch norm folded in (norm may be
 * NULL). The bias is there only if `bias`. */
const bn_source *bn_param_inputs(bn_params *params, const char *prefix, const char *conv, const char *norm,
                                 int first, int count, bool bias);

/* Offsets and modulators of several deformable branches of one kernel size, one under the other, padded with zero
 * filters to a multiple of 16: for branch i, 2 kernel^2 offsets at i * 3 kernel^2, then kernel^2 modulators. */
const bn_source *bn_param_offsets(bn_params *params, const char *block, const char *const *branches,
                                  int count);
int bn_param_offsets_width(int kernel, int branches); /* filters, padding included */

/* The last decoder block's conv_out and bn_out, and the part of conv_out1 that reads them: [1][inter][3][3]. */
const bn_source *bn_param_projection(bn_params *params);

/* decoder.ipt_blk1 and the part of conv_out1 that reads it, as a bn_picture_filter. */
const bn_source *bn_param_picture_filter(bn_params *params);

#endif
