/* vk_physical.c - which devices there are, what they can do, and whether that is enough for our kernels. */
#include "base/size.h"
#include "base/visible.h"
#include "gpu/vk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is asked of a device in one go. */
typedef struct answers {
    VkPhysicalDeviceProperties2 properties;
    VkPhysicalDeviceDriverProperties driver;
    VkPhysicalDeviceSubgroupProperties subgroup;
    VkPhysicalDeviceSubgroupSizeControlProperties sizes;
    VkPhysicalDeviceMaintenance3Properties limits;
    VkPhysicalDeviceFeatures2 features;
    VkPhysicalDeviceVulkan11Features features11;
    VkPhysicalDeviceVulkan12Features features12;
    VkPhysicalDeviceSubgroupSizeControlFeatures size_control;
    bn_vk_matrix_features matrix;
} answers;

static bool has_extension(const VkExtensionProperties *extensions, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(extensions[i].extensionName, name) == 0) return true;
    }
    return false;
}

static VkExtensionProperties *list_extensions(const bn_vk *vk, VkPhysicalDevice device, uint32_t *count)
{
    *count = 0;
    if (vk->fn.EnumerateDeviceExtensionProperties(device, NULL, count, NULL) != VK_SUCCESS) return NULL;
    VkExtensionProperties *extensions = calloc(*count + 1, sizeof *extensions);
    if (!extensions) return NULL;
    if (vk->fn.EnumerateDeviceExtensionProperties(device, NULL, count, extensions) == VK_SUCCESS)
        return extensions;
    free(extensions);
    return NULL;
}

static void chain(void *head, void *next)
{
    VkBaseOutStructure *base = head;
    ((VkBaseOutStructure *)next)->pNext = base->pNext;
    base->pNext = next;
}

static void ask_properties(const bn_vk *vk, VkPhysicalDevice device, answers *a, bool sizes)
{
    a->properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
    a->driver.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES;
    a->subgroup.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES;
    a->sizes.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES;
    a->limits.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES;
    chain(&a->properties, &a->driver);
    chain(&a->properties, &a->subgroup);
    chain(&a->properties, &a->limits);
    if (sizes) chain(&a->properties, &a->sizes);
    vk->fn.GetPhysicalDeviceProperties2(device, &a->properties);
}

static void ask_features(const bn_vk *vk, VkPhysicalDevice device, answers *a, bool sizes, bool matrix)
{
    a->features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    a->features11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
    a->features12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
    a->size_control.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES;
    a->matrix.sType = BN_VK_MATRIX_FEATURES;
    chain(&a->features, &a->features11);
    chain(&a->features, &a->features12);
    if (sizes) chain(&a->features, &a->size_control);
    if (matrix) chain(&a->features, &a->matrix);
    vk->fn.GetPhysicalDeviceFeatures2(device, &a->features);
}

static bool multiplies(const bn_vk_matrix_properties *p, int32_t sums)
{
    return p->a_type == BN_VK_FLOAT16 && p->b_type == BN_VK_FLOAT16 && p->c_type == sums &&
           p->result_type == sums && p->scope == BN_VK_SCOPE_SUBGROUP;
}

/* 16 x 16 x 16, which most have, else the first. */
void bn_vk_choose_fragment(const bn_vk_matrix_properties *found, uint32_t count, bn_gpu_facts *facts)
{
    for (uint32_t i = 0; i < count; i++) {
        const bn_vk_matrix_properties *p = &found[i];
        if (!multiplies(p, BN_VK_FLOAT32)) continue;
        if (facts->matrix && (p->m != 16 || p->n != 16 || p->k != 16)) continue;
        facts->matrix = true;
        facts->matrix_m = (int)p->m, facts->matrix_n = (int)p->n, facts->matrix_k = (int)p->k;
    }
    for (uint32_t i = 0; i < count; i++) {
        const bn_vk_matrix_properties *p = &found[i];
        if (multiplies(p, BN_VK_FLOAT16) && facts->matrix && (int)p->m == facts->matrix_m &&
            (int)p->n == facts->matrix_n && (int)p->k == facts->matrix_k)
            facts->matrix_half = true;
    }
}

static void find_fragment(const bn_vk *vk, VkPhysicalDevice device, bn_gpu_facts *facts)
{
    const bn_vk_matrix_fn list =
        (bn_vk_matrix_fn)bn_vk_address(vk, vk->instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    bn_vk_matrix_properties found[64];
    uint32_t count = BN_COUNT(found);
    for (uint32_t i = 0; i < count; i++)
        found[i] = (bn_vk_matrix_properties){.sType = BN_VK_MATRIX_PROPERTIES};
    if (list && list(device, &count, found) >= 0) bn_vk_choose_fragment(found, count, facts);
}

static bn_gpu_kind kind_of(VkPhysicalDeviceType type)
{
    if (type == VK_PHYSICAL_DEVICE_TYPE_CPU) return BN_GPU_SOFTWARE;
    const bool own_memory =
        type == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU || type == VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU;
    return own_memory ? BN_GPU_DISCRETE : BN_GPU_INTEGRATED;
}

static bool find_queues(const bn_vk *vk, bn_vk_physical *p, float tick_ns)
{
    VkQueueFamilyProperties families[16];
    uint32_t count = BN_COUNT(families);
    vk->fn.GetPhysicalDeviceQueueFamilyProperties(p->handle, &count, families);
    for (uint32_t i = 0; i < count; i++) {
        if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)) continue;
        p->family = i;
        p->tick_ms = families[i].timestampValidBits ? (double)tick_ns * 1e-6 : 0.0;
        return true;
    }
    return false;
}

void bn_vk_memory_facts(const bn_vk *vk, const bn_vk_physical *physical, uint64_t *total_bytes,
                        uint64_t *free_bytes)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory = {.sType =
                                                    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                                .pNext = physical->budget ? &budget : NULL};
    vk->fn.GetPhysicalDeviceMemoryProperties2(physical->handle, &memory);
    *total_bytes = *free_bytes = 0;
    for (uint32_t i = 0; i < memory.memoryProperties.memoryHeapCount; i++) {
        const VkMemoryHeap *heap = &memory.memoryProperties.memoryHeaps[i];
        if (!(heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) || heap->size <= *total_bytes) continue;
        *total_bytes = *free_bytes = heap->size;
        if (physical->budget)
            *free_bytes = budget.heapBudget[i] - BN_MIN(budget.heapBudget[i], budget.heapUsage[i]);
    }
}

static void fill_facts(const bn_vk *vk, bn_vk_physical *p, const answers *a)
{
    bn_gpu_facts *facts = &p->facts;
    const VkPhysicalDeviceProperties *properties = &a->properties.properties;
    snprintf(facts->name, sizeof facts->name, "%s", properties->deviceName);
    snprintf(facts->driver, sizeof facts->driver, "%.100s %.150s", a->driver.driverName,
             a->driver.driverInfo);
    bn_make_visible(facts->name, strlen(facts->name));
    bn_make_visible(facts->driver, strlen(facts->driver));
    p->identity = (bn_vk_identity){.vendor = properties->vendorID,
                                   .device = properties->deviceID,
                                   .driver_version = properties->driverVersion};
    memcpy(p->identity.cache_id, properties->pipelineCacheUUID, VK_UUID_SIZE);
    facts->kind = kind_of(properties->deviceType);
    facts->half = a->features12.shaderFloat16;
    facts->subgroup = (int)a->subgroup.subgroupSize;
    facts->shared_bytes = (int)BN_MIN(properties->limits.maxComputeSharedMemorySize, (uint32_t)INT32_MAX);
    memcpy(p->most_groups, properties->limits.maxComputeWorkGroupCount, sizeof p->most_groups);
    facts->largest_bytes = a->limits.maxMemoryAllocationSize;
    p->newer = properties->apiVersion >= VK_API_VERSION_1_3;
    p->fixes_subgroup = a->size_control.subgroupSizeControl &&
                        a->sizes.minSubgroupSize != a->sizes.maxSubgroupSize &&
                        a->sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT;
    bn_vk_memory_facts(vk, p, &facts->memory_bytes, &facts->free_bytes);
    if (a->matrix.cooperativeMatrix && facts->half && a->features12.vulkanMemoryModel)
        find_fragment(vk, p->handle, facts);
}

/* NULL where the device will do, or what it lacks. */
static const char *lack_of(const answers *a)
{
    if (a->properties.properties.apiVersion < VK_API_VERSION_1_2)
        return "its driver is older than Vulkan 1.2";
    if (!a->features12.bufferDeviceAddress || !a->features12.timelineSemaphore ||
        !a->features11.storageBuffer16BitAccess)
        return "it or its driver is too old: no addresses of memory, or no 16-bit numbers in it";
    return NULL;
}

static const char *look_at(const bn_vk *vk, VkPhysicalDevice device, bn_vk_physical *p)
{
    memset(p, 0, sizeof *p);
    p->handle = device;
    answers a = {0};
    ask_properties(vk, device, &a, false);
    snprintf(p->facts.name, sizeof p->facts.name, "%s", a.properties.properties.deviceName);
    bn_make_visible(p->facts.name, strlen(p->facts.name));
    if (a.properties.properties.apiVersion < VK_API_VERSION_1_2) return lack_of(&a);
    uint32_t count;
    VkExtensionProperties *extensions = list_extensions(vk, device, &count);
    if (!extensions) return "its driver does not say what it can do";
    const bool sizes = a.properties.properties.apiVersion >= VK_API_VERSION_1_3 ||
                       has_extension(extensions, count, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
    p->budget = has_extension(extensions, count, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    const bool matrix = has_extension(extensions, count, BN_VK_MATRIX_EXTENSION);
    free(extensions);
    a = (answers){0};
    ask_properties(vk, device, &a, sizes);
    ask_features(vk, device, &a, sizes, matrix);
    if (!find_queues(vk, p, a.properties.properties.limits.timestampPeriod)) return "it does not compute";
    fill_facts(vk, p, &a);
    return lack_of(&a);
}

/* Kinds in their order, the driver's order within one. */
static void insert(bn_vk_found *found, const bn_vk_physical *physical)
{
    int at = found->count++;
    while (at > 0 && found->device[at - 1].facts.kind > physical->facts.kind) {
        found->device[at] = found->device[at - 1];
        at--;
    }
    found->device[at] = *physical;
}

bn_status bn_vk_find(const bn_vk *vk, bn_vk_found *found, bn_error *why)
{
    found->count = 0;
    VkPhysicalDevice handles[BN_VK_DEVICES];
    uint32_t count = BN_COUNT(handles);
    const VkResult result = vk->fn.EnumeratePhysicalDevices(vk->instance, &count, handles);
    if (result != VK_INCOMPLETE) BN_TRY(bn_vk_say(result, "Vulkan", "list devices", why));
    bn_vk_physical refused = {0};
    const char *refusal = NULL;
    for (uint32_t i = 0; i < count; i++) {
        bn_vk_physical physical;
        const char *lack = look_at(vk, handles[i], &physical);
        if (!lack) {
            insert(found, &physical);
            continue;
        }
        refused = physical;
        refusal = lack;
    }
    if (found->count == 0 && refusal)
        bn_fail(why, BIREFNET_ERROR_UNSUPPORTED, "%s cannot be used: %s", refused.facts.name, refusal);
    else if (found->count == 0)
        bn_fail(why, BIREFNET_ERROR_UNSUPPORTED, "%s", bn_vk_hint(""));
    return BIREFNET_OK;
}

/* ---- gpu.h ------------------------------------------------------------------------------------------------------- */

int bn_gpu_find(bn_gpu_facts *facts, int room, bn_error *why)
{
    bn_vk vk;
    if (bn_vk_open(&vk, why) != BIREFNET_OK) return 0;
    bn_vk_found found;
    if (bn_vk_find(&vk, &found, why) != BIREFNET_OK) found.count = 0;
    for (int i = 0; i < BN_MIN(room, found.count); i++) facts[i] = found.device[i].facts;
    bn_vk_close(&vk);
    return found.count;
}

int bn_gpu_count(bn_error *why)
{
    return bn_gpu_find(NULL, 0, why);
}

bn_status bn_gpu_describe(int index, bn_gpu_facts *facts, bn_error *err)
{
    bn_vk vk;
    BN_TRY(bn_vk_open(&vk, err));
    bn_vk_found found;
    bn_status status = bn_vk_find(&vk, &found, err);
    if (status == BIREFNET_OK && found.count > 0 && (index < 0 || index >= found.count))
        status =
            bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no device %d: there are %d", index, found.count);
    if (status == BIREFNET_OK && found.count == 0) status = BIREFNET_ERROR_UNSUPPORTED; /* err says why */
    if (status == BIREFNET_OK) *facts = found.device[index].facts;
    bn_vk_close(&vk);
    return status;
}
