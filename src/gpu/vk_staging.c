/* vk_staging.c - copies between the caller's memory and the device's, by way of two blocks that both reach: while the
 * device copies one, the other is filled or emptied. */
#include "base/size.h"
#include "gpu/vk.h"

#include <string.h>

static bn_status create_stage(bn_gpu *gpu, bn_vk_stage *stage, bn_error *err)
{
    const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                     .size = BN_VK_STAGE_BYTES,
                                     .usage =
                                         VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    BN_TRY(bn_vk_check(gpu, gpu->fn.CreateBuffer(gpu->device, &info, NULL, &stage->buffer), "allocate", err));
    VkMemoryRequirements needs;
    gpu->fn.GetBufferMemoryRequirements(gpu->device, stage->buffer, &needs);
    const VkMemoryPropertyFlags both =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    uint32_t type = bn_vk_memory_type(gpu, needs.memoryTypeBits, both | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
    if (type == UINT32_MAX)
        type = bn_vk_memory_type(gpu, needs.memoryTypeBits, both); /* every driver has it */
    const VkMemoryAllocateInfo ask = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                      .allocationSize = needs.size,
                                      .memoryTypeIndex = type};
    BN_TRY(
        bn_vk_check(gpu, gpu->fn.AllocateMemory(gpu->device, &ask, NULL, &stage->memory), "allocate", err));
    BN_TRY(bn_vk_check(gpu, gpu->fn.BindBufferMemory(gpu->device, stage->buffer, stage->memory, 0),
                       "allocate", err));
    BN_TRY(bn_vk_check(gpu, gpu->fn.MapMemory(gpu->device, stage->memory, 0, VK_WHOLE_SIZE, 0, &stage->bytes),
                       "allocate", err));
    return bn_vk_commands(gpu, &stage->commands, err);
}

bn_status bn_vk_stages_create(bn_gpu *gpu, bn_error *err)
{
    for (int i = 0; i < BN_VK_STAGES; i++) BN_TRY(create_stage(gpu, &gpu->stage[i], err));
    return BIREFNET_OK;
}

void bn_vk_stages_destroy(bn_gpu *gpu)
{
    for (int i = 0; i < BN_VK_STAGES; i++) {
        gpu->fn.DestroyBuffer(gpu->device, gpu->stage[i].buffer, NULL);
        gpu->fn.FreeMemory(gpu->device, gpu->stage[i].memory, NULL); /* unmaps it */
    }
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

static bn_status submit_copy(bn_gpu *gpu, bn_vk_stage *stage, VkBuffer from, VkBuffer to,
                             const VkBufferCopy *region, bn_error *err)
{
    BN_TRY(bn_vk_begin(gpu, stage->commands, true, err));
    gpu->fn.CmdCopyBuffer(stage->commands, from, to, 1, region);
    if (to == stage->buffer) barrier_to_host(gpu, stage->commands);
    BN_TRY(bn_vk_check(gpu, gpu->fn.EndCommandBuffer(stage->commands), "copy", err));
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
        const VkBufferCopy region = {.dstOffset = offset + done, .size = piece};
        BN_TRY(submit_copy(gpu, stage, stage->buffer, buffer->handle, &region, err));
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
            const VkBufferCopy region = {.srcOffset = offset + turn * block,
                                         .size = BN_MIN(bytes - turn * block, block)};
            BN_TRY(submit_copy(gpu, stage, buffer->handle, stage->buffer, &region, err));
        }
        if (turn == 0) continue;
        const bn_vk_stage *ready = &gpu->stage[(turn - 1) % BN_VK_STAGES];
        const size_t at = (turn - 1) * block;
        BN_TRY(bn_vk_wait(gpu, ready->until, err));
        memcpy((char *)to + at, ready->bytes, BN_MIN(bytes - at, block));
    }
    return BIREFNET_OK;
}
