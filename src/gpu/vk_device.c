/* vk_device.c - opening and closing a device. */
#include "gpu/vk.h"

#include <stdlib.h>

/* Everything that kernels use, and no more. */
typedef struct wishes {
    VkPhysicalDeviceFeatures2 features;
    VkPhysicalDeviceVulkan11Features features11;
    VkPhysicalDeviceVulkan12Features features12;
    VkPhysicalDeviceSubgroupSizeControlFeatures size_control;
    bn_vk_matrix_features matrix;
    const char *extensions[4];
    uint32_t extension_count;
} wishes;

static void make_wishes(const bn_vk_physical *physical, wishes *w)
{
    const bn_gpu_facts *facts = &physical->facts;
    *w =
        (wishes){.features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &w->features11},
                 .features11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                .pNext = &w->features12,
                                .storageBuffer16BitAccess = VK_TRUE},
                 .features12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                .bufferDeviceAddress = VK_TRUE,
                                .timelineSemaphore = VK_TRUE,
                                .shaderFloat16 = facts->half,
                                .vulkanMemoryModel = facts->matrix}};
    void **next = &w->features12.pNext;
    if (physical->fixes_subgroup) {
        w->size_control = (VkPhysicalDeviceSubgroupSizeControlFeatures){
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
            .subgroupSizeControl = VK_TRUE};
        *next = &w->size_control;
        next = &w->size_control.pNext;
        if (!physical->newer)
            w->extensions[w->extension_count++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    }
    if (facts->matrix) {
        w->matrix = (bn_vk_matrix_features){.sType = BN_VK_MATRIX_FEATURES, .cooperativeMatrix = VK_TRUE};
        *next = &w->matrix;
        w->extensions[w->extension_count++] = BN_VK_MATRIX_EXTENSION;
    }
    if (physical->budget) w->extensions[w->extension_count++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
}

static bool fill_table(bn_gpu *gpu)
{
#define FIND(name)                                                                                           \
    gpu->fn.name = (PFN_vk##name)bn_vk_device_address(&gpu->vk, gpu->device, "vk" #name);                    \
    if (!gpu->fn.name) return false;
    BN_VK_DEVICE_FUNCTIONS(FIND)
#undef FIND
    return true;
}

static bn_status create_device(bn_gpu *gpu, bn_error *err)
{
    wishes w;
    make_wishes(&gpu->physical, &w);
    const float priority = 1.0f;
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueFamilyIndex = gpu->physical.family,
                                           .queueCount = 1,
                                           .pQueuePriorities = &priority};
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = &w.features,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue,
                                     .enabledExtensionCount = w.extension_count,
                                     .ppEnabledExtensionNames = w.extensions};
    BN_TRY(bn_vk_check(gpu, gpu->vk.fn.CreateDevice(gpu->physical.handle, &info, NULL, &gpu->device),
                       "open it", err));
    if (!fill_table(gpu))
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "the driver of %s lacks functions of Vulkan 1.2",
                       gpu->physical.facts.name);
    gpu->fn.GetDeviceQueue(gpu->device, gpu->physical.family, 0, &gpu->queue);
    return BIREFNET_OK;
}

static bn_status create_parts(bn_gpu *gpu, bn_error *err)
{
    const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                            .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    const VkSemaphoreCreateInfo semaphore = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                             .pNext = &type};
    BN_TRY(
        bn_vk_check(gpu, gpu->fn.CreateSemaphore(gpu->device, &semaphore, NULL, &gpu->done), "open it", err));
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                          .queueFamilyIndex = gpu->physical.family};
    BN_TRY(bn_vk_check(gpu, gpu->fn.CreateCommandPool(gpu->device, &pool, NULL, &gpu->pool), "open it", err));
    BN_TRY(bn_vk_layout_create(gpu, err));
    BN_TRY(bn_vk_cache_create(gpu, err));
    return bn_vk_stages_create(gpu, err);
}

static bn_status choose(bn_gpu *gpu, int index, bn_error *err)
{
    bn_vk_found found;
    BN_TRY(bn_vk_find(&gpu->vk, &found, err));
    if (found.count == 0) return BIREFNET_ERROR_UNSUPPORTED; /* err says why */
    if (index < 0 || index >= found.count)
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no device %d: there are %d", index,
                       found.count);
    gpu->physical = found.device[index];
    return BIREFNET_OK;
}

bn_status bn_gpu_open(int index, bn_gpu **out, bn_error *err)
{
    *out = NULL;
    bn_gpu *gpu = calloc(1, sizeof *gpu);
    if (!gpu) return bn_fail_memory(err, sizeof *gpu, "a device");
    bn_status status;
    BN_TRY_DONE(bn_vk_open(&gpu->vk, err));
    BN_TRY_DONE(choose(gpu, index, err));
    BN_TRY_DONE(create_device(gpu, err));
    BN_TRY_DONE(create_parts(gpu, err));
    *out = gpu;
    gpu = NULL;
done:
    bn_gpu_close(&gpu);
    return status;
}

void bn_gpu_close(bn_gpu **closed)
{
    bn_gpu *gpu = *closed;
    *closed = NULL;
    if (!gpu) return;
    if (gpu->device && gpu->fn.DestroyDevice) {
        gpu->fn.DeviceWaitIdle(gpu->device);
        bn_vk_stages_destroy(gpu);
        bn_vk_pipelines_destroy(gpu);
        gpu->fn.DestroyPipelineCache(gpu->device, gpu->cache, NULL);
        gpu->fn.DestroyCommandPool(gpu->device, gpu->pool, NULL);
        gpu->fn.DestroySemaphore(gpu->device, gpu->done, NULL);
        gpu->fn.DestroyDevice(gpu->device, NULL);
    }
    bn_vk_close(&gpu->vk);
    free(gpu);
}

const bn_gpu_facts *bn_gpu_facts_of(const bn_gpu *gpu)
{
    return &gpu->physical.facts;
}

bn_status bn_vk_check(bn_gpu *gpu, VkResult result, const char *what, bn_error *err)
{
    if (result == VK_ERROR_DEVICE_LOST) atomic_store(&gpu->lost, true);
    return bn_vk_say(result, gpu->physical.facts.name, what, err);
}
