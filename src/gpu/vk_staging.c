/* vk_staging.c - copies between the caller's memory and the device's, by way of two blocks that both reach: while the
 * device copies one, the other is filled or emptied. */
#include "base/size.h"
#include "gpu/vk.h"

#include <string.h>

bn_status bn_vk_stages_create(bn_gpu *gpu, bn_error *err)
{
    for (int i = 0; i < BN_VK_STAGES; i++) {
        bn_vk_stage *stage = &gpu->stage[i];
        BN_TRY(bn_gpu_host_create(gpu, BN_VK_STAGE_BYTES, &stage->buffer, &stage->bytes, err));
        BN_TRY(bn_vk_commands(gpu, &stage->commands, err));
    }
    return BIREFNET_OK;
}

void bn_vk_stages_destroy(bn_gpu *gpu)
{
    for (int i = 0; i < BN_VK_STAGES; i++) bn_gpu_buffer_destroy(&gpu->stage[i].buffer);
}

/* Between the copy and what the CPU reads afterwards. */
static void barrier_to_host(const bn_gpu *gpu, VkCommandBuffer commands)
{
    const VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                     .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                     .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    gpu->fn.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                               &barrier, 0, NULL, 0, NULL);
}

bn_status bn_vk_record_copies(bn_gpu *gpu, VkCommandBuffer commands, const bn_gpu_copy *copies, int count,
                              bool to_host, bn_error *err)
{
    BN_TRY(bn_vk_begin(gpu, commands, true, err));
    for (int i = 0; i < count; i++) {
        const bn_gpu_copy *copy = &copies[i];
        const VkBufferCopy region = {
            .srcOffset = copy->from_offset, .dstOffset = copy->to_offset, .size = copy->bytes};
        gpu->fn.CmdCopyBuffer(commands, copy->from->handle, copy->to->handle, 1, &region);
    }
    if (to_host) barrier_to_host(gpu, commands);
    return bn_vk_check(gpu, gpu->fn.EndCommandBuffer(commands), "copy", err);
}

static bn_status submit_copy(bn_gpu *gpu, bn_vk_stage *stage, const bn_gpu_copy *copy, bn_error *err)
{
    BN_TRY(bn_vk_record_copies(gpu, stage->commands, copy, 1, copy->to == stage->buffer, err));
    return bn_vk_submit(gpu, stage->commands, &stage->until, err);
}

static bn_status check_range(const bn_gpu_buffer *buffer, size_t offset, size_t bytes, bn_error *err)
{
    if (offset <= buffer->bytes && bytes <= buffer->bytes - offset) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_INTERNAL, "%zu bytes at %zu of a device's buffer of %zu", bytes,
                   offset, buffer->bytes);
}

bn_status bn_gpu_upload(bn_gpu_buffer *buffer, size_t offset, const void *from, size_t bytes, bn_error *err)
{
    bn_gpu *gpu = buffer->gpu;
    BN_TRY(check_range(buffer, offset, bytes, err));
    for (size_t done = 0, turn = 0; done < bytes; turn++) {
        bn_vk_stage *stage = &gpu->stage[turn % BN_VK_STAGES];
        const size_t piece = BN_MIN(bytes - done, (size_t)BN_VK_STAGE_BYTES);
        BN_TRY(bn_vk_wait(gpu, stage->until, err));
        memcpy(stage->bytes, (const char *)from + done, piece);
        const bn_gpu_copy copy = {
            .from = stage->buffer, .to = buffer, .to_offset = offset + done, .bytes = piece};
        BN_TRY(submit_copy(gpu, stage, &copy, err));
        done += piece;
    }
    return BIREFNET_OK; /* copies, and what is handed over after them, are done in their order */
}

bn_status bn_gpu_download(const bn_gpu_buffer *buffer, size_t offset, void *to, size_t bytes, bn_error *err)
{
    bn_gpu *gpu = buffer->gpu;
    BN_TRY(check_range(buffer, offset, bytes, err));
    const size_t block = BN_VK_STAGE_BYTES, turns = (bytes + block - 1) / block;
    for (size_t turn = 0; turn <= turns; turn++) {
        if (turn < turns) {
            bn_vk_stage *stage = &gpu->stage[turn % BN_VK_STAGES];
            BN_TRY(bn_vk_wait(gpu, stage->until, err));
            const bn_gpu_copy copy = {.from = buffer,
                                      .to = stage->buffer,
                                      .from_offset = offset + turn * block,
                                      .bytes = BN_MIN(bytes - turn * block, block)};
            BN_TRY(submit_copy(gpu, stage, &copy, err));
        }
        if (turn == 0) continue;
        const bn_vk_stage *ready = &gpu->stage[(turn - 1) % BN_VK_STAGES];
        const size_t at = (turn - 1) * block;
        BN_TRY(bn_vk_wait(gpu, ready->until, err));
        memcpy((char *)to + at, ready->bytes, BN_MIN(bytes - at, block));
    }
    return BIREFNET_OK;
}
