/* layer_small.c - on a graphics card: copies, gates, depthwise convolutions, the pooled bias. */
#include "nn/gpu/layers.h"

#include "base/size.h"
#include "nn/gpu/width.h"

void bn_gpu_layer_copy_into(bn_graph *graph, bn_map x, bn_map dst)
{
    const uint32_t width = bn_gpu_width(x, dst);
    bn_gpu_step step = {
        .kernel = BN_GPU_COPY,
        .slot = {bn_gpu_reads(x), bn_gpu_writes(dst)},
        .number = {(uint32_t)bn_map_pixels(x), (uint32_t)x.c, (uint32_t)x.stride, (uint32_t)dst.stride},
        .constant = {x.type, dst.type, width}};
    bn_gpu_spread(&step, (size_t)bn_map_pixels(x) * (size_t)x.c / width);
    bn_gpu_step_append(graph, &step);
}

bn_map bn_gpu_layer_gate(bn_graph *graph, bn_map x, const bn_source *source)
{
    const bn_map dst = bn_graph_map(graph, x.h, x.w, 1, BN_F32);
    const size_t c = (size_t)x.c;
    bn_gpu_step step = {
        .kernel = BN_GPU_GATE,
        .slot = {bn_gpu_reads(x), bn_gpu_writes(dst),
                 bn_gpu_packed(bn_gpu_pack_made(graph, source, ".floats", c, 1, c + 1, BN_F32, NULL, NULL))},
        .number = {(uint32_t)bn_map_pixels(x), (uint32_t)x.c, (uint32_t)x.stride},
        .constant = {x.type, bn_gpu_width(x, x)},
        .macs = (double)bn_map_pixels(x) * x.c};
    bn_gpu_spread(&step, (size_t)bn_map_pixels(x));
    bn_gpu_step_append(graph, &step);
    return dst;
}

/* ---- depthwise convolution ------------------------------------------------------------------------------------ */

/* [c][9] to [9][c], then the bias. */
static void fill_depthwise(const void *context, const float *weight, const float *bias, float *numbers)
{
    const int c = *(const int *)context;
    for (int tap = 0; tap < 9; tap++)
        for (int i = 0; i < c; i++) numbers[tap * c + i] = weight[i * 9 + tap];
    for (int i = 0; i < c; i++) numbers[9 * c + i] = bias[i];
}

bn_map bn_gpu_layer_depthwise_gelu(bn_graph *graph, bn_map x, const bn_source *source)
{
    const bn_map dst = bn_graph_map(graph, x.h, x.w, x.c, x.type);
    const size_t c = (size_t)x.c;
    const uint32_t width = bn_gpu_width(x, dst);
    const bn_gpu_span pack =
        bn_gpu_pack_made(graph, source, ".taps", 9 * c, c, 10 * c, BN_F32, fill_depthwise, &x.c);
    bn_gpu_step step = {
        .kernel = BN_GPU_DEPTHWISE,
        .slot = {bn_gpu_reads(x), bn_gpu_writes(dst), bn_gpu_packed(pack)},
        .number = {(uint32_t)x.h, (uint32_t)x.w, (uint32_t)x.c, (uint32_t)x.stride, (uint32_t)dst.stride},
        .constant = {x.type, width},
        .macs = (double)bn_map_pixels(x) * x.c * 9};
    bn_gpu_spread(&step, (size_t)x.h * (size_t)((x.w + 3) / 4) * c / width);
    bn_gpu_step_append(graph, &step);
    return dst;
}

/* ---- the pooled branch, which is the same for every pixel: a bias --------------------------------------------- */

#define POOL_PIXELS 256  /* of a group, at least */
#define POOL_PARTS  1024 /* at most: one group adds them up */
#define POOL_MAX    1024 /* channels: room in shared memory */

/* float32 [parts][c]: sums over as many pixels each. */
static bn_map pool_sums(bn_graph *graph, bn_map x)
{
    const size_t pixels = (size_t)bn_map_pixels(x);
    const uint32_t each = BN_MAX(bn_gpu_groups(pixels, POOL_PARTS), POOL_PIXELS),
                   parts = bn_gpu_groups(pixels, each);
    const bn_map sums = bn_graph_map(graph, 1, (int)parts, x.c, BN_F32);
    bn_gpu_step_append(
        graph, &(bn_gpu_step){.kernel = BN_GPU_POOL_SUM,
                              .groups = {parts, 1},
                              .slot = {bn_gpu_reads(x), bn_gpu_writes(sums)},
                              .number = {(uint32_t)bn_map_pixels(x), (uint32_t)x.c, (uint32_t)x.stride, each},
                              .constant = {x.type, bn_gpu_width(x, sums)},
                              .macs = (double)bn_map_pixels(x) * x.c});
    return sums;
}

bn_map bn_gpu_layer_pooled_bias(bn_graph *graph, bn_map x, int width, int out, const bn_source *pool,
                                const bn_source *weight)
{
    const bn_map dst = bn_graph_map(graph, 1, 1, out, BN_F32);
    const size_t pool_numbers = (size_t)width * (size_t)x.c, weight_numbers = (size_t)out * (size_t)width;
    if (x.c > POOL_MAX || width > POOL_MAX)
        bn_graph_refuse(graph, BIREFNET_ERROR_UNSUPPORTED, "a pooled branch of more than 1024 channels");
    const bn_map sums = pool_sums(graph, x);
    const bn_gpu_span first = bn_gpu_pack_made(graph, pool, ".floats", pool_numbers, (size_t)width,
                                               pool_numbers + (size_t)width, BN_F32, NULL, NULL);
    const bn_gpu_span second = bn_gpu_pack_made(graph, weight, ".floats", weight_numbers, (size_t)out,
                                                weight_numbers + (size_t)out, BN_F32, NULL, NULL);
    bn_gpu_step_append(graph, &(bn_gpu_step){.kernel = BN_GPU_POOL_BIAS,
                                             .groups = {1, 1},
                                             .slot = {bn_gpu_reads(sums), bn_gpu_writes(dst),
                                                      bn_gpu_packed(first), bn_gpu_packed(second)},
                                             .number = {(uint32_t)sums.w, (uint32_t)x.c, (uint32_t)width,
                                                        (uint32_t)out, bn_gpu_bits((float)bn_map_pixels(x))},
                                             .constant = {(uint32_t)x.c, (uint32_t)width,
                                                          x.c % 4 == 0 && width % 4 == 0 ? 4 : 1},
                                             .macs = (double)width * (x.c + out)});
    return dst;
}
