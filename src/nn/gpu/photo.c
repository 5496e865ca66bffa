/* photo.c - a photo's bytes to planes and logits to a mask's bytes, on a graphics card. */
#include "nn/gpu/photo.h"

#include "nn/gpu/width.h"

bn_map bn_gpu_bytes(bn_graph *graph, int h, int w, int per_pixel)
{
    if ((size_t)h * (size_t)w % 4 != 0)
        bn_graph_refuse(graph, BIREFNET_ERROR_INTERNAL, "bytes of pixels that are not a multiple of 4");
    return bn_graph_map(graph, 1, (int)((size_t)h * (size_t)w / 4), per_pixel, BN_F32);
}

bn_gpu_photo bn_gpu_photo_input(bn_graph *graph, int h, int w, const bn_source *table)
{
    const bn_gpu_photo photo = {bn_layer_input(graph, h, w), bn_gpu_bytes(graph, h, w, 3),
                                bn_graph_map(graph, 1, 1, 1, BN_F32)};
    bn_graph_input(graph, photo.bytes);
    bn_graph_input(graph, photo.wanted);
    const size_t pixels = (size_t)h * (size_t)w;
    const bn_gpu_span pack = bn_gpu_pack_made(graph, table, ".floats", 768, 0, 768, BN_F32, NULL, NULL);
    bn_gpu_step step = {.kernel = BN_GPU_PHOTO,
                        .slot = {bn_gpu_reads(photo.bytes), bn_gpu_changes(photo.planes.memory),
                                 bn_gpu_packed(pack), bn_gpu_reads(photo.wanted)},
                        .number = {(uint32_t)pixels}};
    bn_gpu_spread(&step, pixels / 4);
    bn_gpu_step_append(graph, &step);
    return photo;
}

bn_gpu_mask bn_gpu_mask_of(bn_graph *graph, bn_map logits)
{
    bn_gpu_step step = {.kernel = BN_GPU_MASK, .number = {(uint32_t)bn_map_pixels(logits)}};
    bn_gpu_spread(&step, (size_t)bn_map_pixels(logits) / 4);
    const int groups = (int)(step.groups[0] * step.groups[1]);
    const bn_gpu_mask mask = {bn_gpu_bytes(graph, logits.h, logits.w, 1),
                              bn_graph_map(graph, 1, groups, 1, BN_F32)};
    step.slot[0] = bn_gpu_reads(logits);
    step.slot[1] = bn_gpu_writes(mask.bytes);
    step.slot[2] = bn_gpu_writes(mask.broken);
    bn_gpu_step_append(graph, &step);
    return mask;
}
