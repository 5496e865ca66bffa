/* layer_resize.c - bilinear resizing on a graphics card, also of a map that was resized before, in one step. */
#include "nn/gpu/layers.h"

#include "nn/gpu/resize.h"
#include "nn/gpu/width.h"

void bn_gpu_layer_resize_into(bn_graph *graph, bn_map x, bn_map dst, int via_h, int via_w, const bn_map *gate,
                              bool add)
{
    const bool via = via_h != 0;
    const int between_h = via ? via_h : dst.h, between_w = via ? via_w : dst.w;
    const uint32_t width = bn_gpu_width(x, dst);
    bn_gpu_step step = {.kernel = BN_GPU_RESIZE,
                        .slot = {bn_gpu_reads(x), add ? bn_gpu_changes(dst) : bn_gpu_writes(dst)},
                        .number = {(uint32_t)x.h, (uint32_t)x.w, (uint32_t)x.stride, (uint32_t)dst.h,
                                   (uint32_t)dst.w, (uint32_t)dst.stride, (uint32_t)x.c, (uint32_t)between_h,
                                   (uint32_t)between_w, bn_gpu_resize_step(x.h, between_h),
                                   bn_gpu_resize_step(x.w, between_w), bn_gpu_resize_step(between_h, dst.h),
                                   bn_gpu_resize_step(between_w, dst.w)},
                        .constant = {x.type, dst.type, width, via, gate != NULL, add}};
    if (gate) step.slot[2] = bn_gpu_reads(*gate);
    bn_gpu_spread(&step, (size_t)bn_map_pixels(dst) * (size_t)x.c / width);
    bn_gpu_step_append(graph, &step);
}
