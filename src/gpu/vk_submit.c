/* vk_submit.c - command buffers, submissions in order, and waiting for them. */
#include "gpu/vk.h"

bn_status bn_vk_commands(bn_gpu *gpu, VkCommandBuffer *commands, bn_error *err)
{
    const VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                              .commandPool = gpu->pool,
                                              .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                              .commandBufferCount = 1};
    return bn_vk_check(gpu, gpu->fn.AllocateCommandBuffers(gpu->device, &info, commands), "record calls",
                       err);
}

/* What is recorded from now on sees what earlier submissions wrote. */
bn_status bn_vk_begin(bn_gpu *gpu, VkCommandBuffer commands, bool once, bn_error *err)
{
    const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                           .flags = once ? VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT : 0};
    BN_TRY(bn_vk_check(gpu, gpu->fn.BeginCommandBuffer(commands, &info), "record calls", err));
    bn_vk_barrier(gpu, commands);
    return BIREFNET_OK;
}

void bn_vk_barrier(const bn_gpu *gpu, VkCommandBuffer commands)
{
    const VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                         VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT};
    gpu->fn.CmdPipelineBarrier(commands, stages, stages, 0, 1, &barrier, 0, NULL, 0, NULL);
}

bn_status bn_vk_submit(bn_gpu *gpu, VkCommandBuffer commands, uint64_t *number, bn_error *err)
{
    if (atomic_load(&gpu->lost)) return bn_vk_check(gpu, VK_ERROR_DEVICE_LOST, "compute", err);
    const uint64_t next = gpu->submitted + 1;
    const VkTimelineSemaphoreSubmitInfo count = {.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                                 .signalSemaphoreValueCount = 1,
                                                 .pSignalSemaphoreValues = &next};
    const VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                               .pNext = &count,
                               .commandBufferCount = 1,
                               .pCommandBuffers = &commands,
                               .signalSemaphoreCount = 1,
                               .pSignalSemaphores = &gpu->done};
    BN_TRY(bn_vk_check(gpu, gpu->fn.QueueSubmit(gpu->queue, 1, &info, VK_NULL_HANDLE), "compute", err));
    *number = gpu->submitted = next;
    return BIREFNET_OK;
}

bn_status bn_vk_wait(bn_gpu *gpu, uint64_t number, bn_error *err)
{
    if (atomic_load(&gpu->lost)) return bn_vk_check(gpu, VK_ERROR_DEVICE_LOST, "compute", err);
    const VkSemaphoreWaitInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                      .semaphoreCount = 1,
                                      .pSemaphores = &gpu->done,
                                      .pValues = &number};
    return bn_vk_check(gpu, gpu->fn.WaitSemaphores(gpu->device, &info, UINT64_MAX), "compute", err);
}

void bn_vk_settle(bn_gpu *gpu)
{
    if (gpu->submitted > 0) gpu->fn.DeviceWaitIdle(gpu->device);
}
