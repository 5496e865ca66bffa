/* vk_memory.c - buffers in the device's own memory. */
#include "gpu/vk.h"

#include <stdlib.h>

uint32_t bn_vk_memory_type(const bn_gpu *gpu, uint32_t types, VkMemoryPropertyFlags flags)
{
    VkPhysicalDeviceMemoryProperties2 memory = {.sType =
                                                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    gpu->vk.fn.GetPhysicalDeviceMemoryProperties2(gpu->physical.handle, &memory);
    for (uint32_t i = 0; i < memory.memoryProperties.memoryTypeCount; i++) {
        const VkMemoryPropertyFlags has = memory.memoryProperties.memoryTypes[i].propertyFlags;
        if (types >> i & 1 && (has & flags) == flags) return i;
    }
    return UINT32_MAX;
}

static bn_status fail_room(const bn_gpu *gpu, size_t bytes, uint64_t free_bytes, bn_error *err)
{
    const double gib = 1024.0 * 1024.0 * 1024.0;
    return bn_fail(
        err, BIREFNET_ERROR_MEMORY,
        "needs %.2f GiB on %s, %.2f GiB are free there: a smaller resolution, or the CPU, needs less",
        (double)bytes / gib, gpu->physical.facts.name, (double)free_bytes / gib);
}

/* A driver may lend more than the card has and then crawl: what it says is free is asked first. */
static bn_status check_room(const bn_gpu *gpu, size_t bytes, bn_error *err)
{
    uint64_t total, left;
    bn_vk_memory_facts(&gpu->vk, &gpu->physical, &total, &left);
    if (bytes > left) return fail_room(gpu, bytes, left, err);
    if (bytes <= gpu->physical.facts.largest_bytes) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_LIMIT, "%s gives %.2f GiB at once at most, not %.2f",
                   gpu->physical.facts.name, (double)gpu->physical.facts.largest_bytes / 0x1p30,
                   (double)bytes / 0x1p30);
}

static bn_status allocate(bn_gpu_buffer *buffer, bn_error *err)
{
    bn_gpu *gpu = buffer->gpu;
    VkMemoryRequirements needs;
    gpu->fn.GetBufferMemoryRequirements(gpu->device, buffer->handle, &needs);
    const VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                             .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &flags,
        .allocationSize = needs.size,
        .memoryTypeIndex = bn_vk_memory_type(gpu, needs.memoryTypeBits, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT)};
    if (info.memoryTypeIndex == UINT32_MAX)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "%s has no memory of its own for buffers",
                       gpu->physical.facts.name);
    const VkResult result = gpu->fn.AllocateMemory(gpu->device, &info, NULL, &buffer->memory);
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY) {
        uint64_t total, left;
        bn_vk_memory_facts(&gpu->vk, &gpu->physical, &total, &left);
        return fail_room(gpu, buffer->bytes, left, err);
    }
    BN_TRY(bn_vk_check(gpu, result, "allocate", err));
    return bn_vk_check(gpu, gpu->fn.BindBufferMemory(gpu->device, buffer->handle, buffer->memory, 0),
                       "allocate", err);
}

static bn_status create(bn_gpu_buffer *buffer, bn_error *err)
{
    bn_gpu *gpu = buffer->gpu;
    BN_TRY(check_room(gpu, buffer->bytes, err));
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = buffer->bytes,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT |
                 VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    BN_TRY(
        bn_vk_check(gpu, gpu->fn.CreateBuffer(gpu->device, &info, NULL, &buffer->handle), "allocate", err));
    BN_TRY(allocate(buffer, err));
    const VkBufferDeviceAddressInfo ask = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                           .buffer = buffer->handle};
    buffer->address = gpu->fn.GetBufferDeviceAddress(gpu->device, &ask);
    if (buffer->address % 256 == 0) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "%s places memory at no multiple of 256",
                   gpu->physical.facts.name);
}

bn_status bn_gpu_buffer_create(bn_gpu *gpu, size_t bytes, bn_gpu_buffer **out, bn_error *err)
{
    *out = NULL;
    bn_gpu_buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer) return bn_fail_memory(err, sizeof *buffer, "a buffer");
    buffer->gpu = gpu;
    buffer->bytes = bytes ? bytes : 1;
    const bn_status status = create(buffer, err);
    if (status != BIREFNET_OK) bn_gpu_buffer_destroy(&buffer);
    *out = buffer;
    return status;
}

/* ---- of the host ------------------------------------------------------------------------------------------------- */

static bn_status create_mapped(bn_gpu_buffer *buffer, void **bytes, bn_error *err)
{
    bn_gpu *gpu = buffer->gpu;
    const VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                     .size = buffer->bytes,
                                     .usage =
                                         VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    BN_TRY(
        bn_vk_check(gpu, gpu->fn.CreateBuffer(gpu->device, &info, NULL, &buffer->handle), "allocate", err));
    VkMemoryRequirements needs;
    gpu->fn.GetBufferMemoryRequirements(gpu->device, buffer->handle, &needs);
    const VkMemoryPropertyFlags both =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    uint32_t type = bn_vk_memory_type(gpu, needs.memoryTypeBits, both | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
    if (type == UINT32_MAX)
        type = bn_vk_memory_type(gpu, needs.memoryTypeBits, both); /* every driver has it */
    const VkMemoryAllocateInfo ask = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                      .allocationSize = needs.size,
                                      .memoryTypeIndex = type};
    BN_TRY(
        bn_vk_check(gpu, gpu->fn.AllocateMemory(gpu->device, &ask, NULL, &buffer->memory), "allocate", err));
    BN_TRY(bn_vk_check(gpu, gpu->fn.BindBufferMemory(gpu->device, buffer->handle, buffer->memory, 0),
                       "allocate", err));
    return bn_vk_check(gpu, gpu->fn.MapMemory(gpu->device, buffer->memory, 0, VK_WHOLE_SIZE, 0, bytes),
                       "allocate", err);
}

bn_status bn_gpu_host_create(bn_gpu *gpu, size_t bytes, bn_gpu_buffer **out, void **memory, bn_error *err)
{
    *out = NULL;
    bn_gpu_buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer) return bn_fail_memory(err, sizeof *buffer, "a buffer");
    buffer->gpu = gpu;
    buffer->bytes = bytes ? bytes : 1;
    const bn_status status = create_mapped(buffer, memory, err);
    if (status != BIREFNET_OK) bn_gpu_buffer_destroy(&buffer);
    *out = buffer;
    return status;
}

void bn_gpu_buffer_destroy(bn_gpu_buffer **destroyed)
{
    bn_gpu_buffer *buffer = *destroyed;
    *destroyed = NULL;
    if (!buffer) return;
    bn_vk_settle(buffer->gpu);
    buffer->gpu->fn.DestroyBuffer(buffer->gpu->device, buffer->handle, NULL);
    buffer->gpu->fn.FreeMemory(buffer->gpu->device, buffer->memory, NULL); /* unmaps it */
    free(buffer);
}
