/* layer_deform.c - the deformable branches of ASPP and the 1x1 convolution that joins them.
 *
 * A branch of one tap is a product whose rows are sampled while they are read. With more taps the samples, up to 49 times the
 * map, are written down for some rows at a time: many small groups wait for their reads together better than the few large
 * ones of a product. Offsets and positions are float32. */
#include "nn/gpu/layers.h"
#include "nn/gpu/product.h"
#include "nn/gpu/width.h"

#include "base/size.h"
#include "nn/backend.h"

#define PIECE_BYTES ((size_t)112 << 20) /* of samples */
#define PIECE_ROWS  128

/* Pixels first .. first + some - 1, as a map of one row. */
static bn_map part_of(bn_map map, int first, int some)
{
    map.offset += (size_t)first * (size_t)map.stride;
    map.h = 1;
    map.w = some;
    return map;
}

static void append_samples(bn_graph *graph, bn_map x, const bn_deform_branch *branch, int first, bn_map rows)
{
    const uint32_t kernel = (uint32_t)branch->kernel;
    bn_gpu_step step = {.kernel = BN_GPU_SAMPLE,
                        .slot = {bn_gpu_reads(x), bn_gpu_writes(rows), [4] = bn_gpu_reads(branch->offsets)},
                        .number = {(uint32_t)(first + rows.w), (uint32_t)first, (uint32_t)rows.c,
                                   (uint32_t)x.stride, [6] = (uint32_t)x.c, (uint32_t)x.h, (uint32_t)x.w,
                                   (uint32_t)x.w, kernel | 1u << 8 | kernel / 2 << 16,
                                   (uint32_t)branch->offsets.stride,
                                   (uint32_t)(branch->offset | branch->modulator << 16)},
                        .constant = {x.type, bn_gpu_by_fours(x)}};
    bn_gpu_spread(&step, (size_t)rows.w * (((size_t)rows.c + 7) / 8));
    bn_gpu_step_append(graph, &step);
}

/* Rows at a time, all pieces about equal. */
static int piece_rows(const bn_graph *graph, int pixels, size_t row_bytes)
{
    const size_t all = (size_t)pixels * row_bytes * (size_t)BN_MAX(bn_graph_options_of(graph)->batch, 1);
    const size_t pieces = (all + PIECE_BYTES - 1) / PIECE_BYTES;
    return (int)bn_size_round_up(((size_t)pixels + pieces - 1) / pieces, PIECE_ROWS);
}

static void append_branch(bn_graph *graph, bn_map x, const bn_deform_branch *branch, bn_map dst)
{
    const int depth = branch->kernel * branch->kernel * x.c, pixels = bn_map_pixels(x);
    bn_gpu_product_params product = {.a = x,
                                     .loader = BN_GPU_SAMPLES,
                                     .kernel = branch->kernel,
                                     .offsets = branch->offsets,
                                     .offset = branch->offset,
                                     .modulator = branch->modulator,
                                     /* the source has channels last */
                                     .weight = bn_gpu_pack_matrix(graph, branch->source, dst.c, depth, 1),
                                     .bias = bn_gpu_pack_bias(graph, branch->source, dst.c),
                                     .dst = dst,
                                     .activation = BN_RELU};
    if (branch->kernel == 1) {
        bn_gpu_product(graph, &product);
        return;
    }
    const int piece = piece_rows(graph, pixels, (size_t)depth * bn_type_size(x.type));
    product.loader = BN_GPU_ROWS;
    for (int first = 0; first < pixels; first += piece) {
        const int some = BN_MIN(piece, pixels - first);
        product.a = bn_graph_map(graph, 1, some, depth, x.type);
        product.dst = part_of(dst, first, some);
        append_samples(graph, x, branch, first, product.a);
        bn_gpu_product(graph, &product);
    }
}

bn_map bn_gpu_layer_deform(bn_graph *graph, bn_map x, const bn_deform_params *params)
{
    const int joined_width = params->branches * params->width;
    const bn_map joined = bn_graph_map(graph, x.h, x.w, joined_width, x.type);
    for (int i = 0; i < params->branches; i++)
        append_branch(graph, x, &params->branch[i],
                      bn_map_channels(joined, i * params->width, params->width));
    const bn_map dst = bn_graph_map(graph, x.h, x.w, params->out, x.type);
    const bn_gpu_product_params merge = {
        .a = joined,
        .loader = BN_GPU_ROWS,
        .weight = bn_gpu_pack_matrix(graph, params->merge, params->out, joined_width, 1),
        .bias_map = &params->merge_bias,
        .dst = dst,
        .activation = BN_RELU};
    bn_gpu_product(graph, &merge);
    return dst;
}
