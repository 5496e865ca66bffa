/* layer_image.c - where the picture enters a network on a graphics card and where the logits leave it. */
#include "nn/gpu/layers.h"

#include "nn/gpu/resize.h"
#include "nn/gpu/width.h"

bn_planes bn_gpu_layer_halve(bn_graph *graph, bn_planes picture)
{
    const bn_planes half = bn_planes_make(graph, picture.h / 2, picture.w / 2);
    bn_gpu_step step = {.kernel = BN_GPU_HALVE,
                        .slot = {bn_gpu_reads(picture.memory), bn_gpu_writes(half.memory)},
                        .number = {(uint32_t)picture.h, (uint32_t)picture.w, (uint32_t)half.h,
                                   (uint32_t)half.w, bn_gpu_resize_step(picture.h, half.h),
                                   bn_gpu_resize_step(picture.w, half.w)}};
    bn_gpu_spread(&step, 3 * (size_t)half.h * (size_t)half.w);
    bn_gpu_step_append(graph, &step);
    return half;
}

/* ---- picture to channels ---------------------------------------------------------------------------------------- */

bn_map bn_gpu_layer_rearrange(bn_graph *graph, bn_planes picture, int h, int w, bn_rearrangement what)
{
    const bn_map dst = bn_graph_map(graph, h, w, 3 * what.down * what.across, bn_graph_type(graph));
    const uint32_t width = bn_gpu_width(dst, dst);
    bn_gpu_step step = {.kernel = BN_GPU_REARRANGE,
                        .slot = {bn_gpu_reads(picture.memory), bn_gpu_writes(dst)},
                        .number = {(uint32_t)picture.h, (uint32_t)picture.w, (uint32_t)h, (uint32_t)w,
                                   (uint32_t)what.down, (uint32_t)what.across, (uint32_t)what.row_step,
                                   (uint32_t)what.row_tile, (uint32_t)what.column_step,
                                   (uint32_t)what.column_tile, what.grid_order},
                        .constant = {dst.type, width}};
    bn_gpu_spread(&step, (size_t)h * (size_t)((w + 7) / 8 * 8) * (size_t)dst.c / width);
    bn_gpu_step_append(graph, &step);
    return dst;
}

/* ---- logits ------------------------------------------------------------------------------------------------------- */

bn_map bn_gpu_layer_logits(bn_graph *graph, bn_map map, bn_planes picture, const bn_source *filter)
{
    const bn_map dst = bn_graph_map(graph, picture.h, picture.w, 1, BN_F32);
    const size_t numbers = sizeof(bn_picture_filter) / sizeof(float);
    const bn_gpu_span pack =
        bn_gpu_pack_made(graph, filter, ".floats", numbers, 0, numbers, BN_F32, NULL, NULL);
    bn_gpu_step_append(
        graph, &(bn_gpu_step){.kernel = BN_GPU_LOGITS,
                              .groups = {bn_gpu_groups((size_t)dst.w, 32), bn_gpu_groups((size_t)dst.h, 32)},
                              .slot = {bn_gpu_reads(map), bn_gpu_reads(picture.memory), bn_gpu_writes(dst),
                                       bn_gpu_packed(pack)},
                              .number = {(uint32_t)map.h, (uint32_t)map.w, (uint32_t)map.stride,
                                         (uint32_t)dst.h, (uint32_t)dst.w, bn_gpu_resize_step(map.h, dst.h),
                                         bn_gpu_resize_step(map.w, dst.w)},
                              .macs = (double)picture.h * picture.w * (75 + 4)});
    return dst;
}
