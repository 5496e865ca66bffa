/* driver.c - the functions of the machine's driver, each behind one that may fail instead. */
#include "tests/gpu/driver.h"

#include "gpu/vk.h"

#include <string.h>

struct test_driver test_driver = {.until = -1};

static bool fails(const char *name)
{
    if (strcmp(name, "QueueSubmit") == 0) __atomic_fetch_add(&test_driver.submits, 1, __ATOMIC_RELAXED);
    if (strcmp(name, "WaitSemaphores") == 0) __atomic_fetch_add(&test_driver.waits, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&test_driver.until, __ATOMIC_RELAXED) < 0) return false;
    if (__atomic_fetch_sub(&test_driver.until, 1, __ATOMIC_RELAXED) != 0)
        return false; /* kernels are compiled by threads */
    __atomic_store_n(&test_driver.failed, name, __ATOMIC_RELAXED);
    return true;
}

/* What a real function is called through: types, then names of the parameters. */
#define FAILING(name, parameters, arguments, made)                                                           \
    static PFN_vk##name real_##name;                                                                         \
    static VKAPI_ATTR VkResult VKAPI_CALL failing_##name parameters                                          \
    {                                                                                                        \
        if (fails(#name)) return test_driver.result;                                                         \
        const VkResult result = real_##name arguments;                                                       \
        if (result == VK_SUCCESS) __atomic_fetch_add(&test_driver.living, made, __ATOMIC_RELAXED);           \
        return result;                                                                                       \
    }
#define DESTROYING(name, type)                                                                               \
    static PFN_vk##name real_##name;                                                                         \
    static VKAPI_ATTR void VKAPI_CALL failing_##name(VkDevice device, type thing,                            \
                                                     const VkAllocationCallbacks *a)                         \
    {                                                                                                        \
        if (thing) __atomic_fetch_sub(&test_driver.living, 1, __ATOMIC_RELAXED);                             \
        real_##name(device, thing, a);                                                                       \
    }
#define MAKING(name, info_type, type)                                                                        \
    FAILING(name, (VkDevice d, const info_type *i, const VkAllocationCallbacks *a, type *made),              \
            (d, i, a, made), 1)

MAKING(CreateSemaphore, VkSemaphoreCreateInfo, VkSemaphore)
MAKING(CreateBuffer, VkBufferCreateInfo, VkBuffer)
MAKING(AllocateMemory, VkMemoryAllocateInfo, VkDeviceMemory)
static PFN_vkCreateShaderModule real_CreateShaderModule;
static VKAPI_ATTR VkResult VKAPI_CALL failing_CreateShaderModule(VkDevice d,
                                                                 const VkShaderModuleCreateInfo *i,
                                                                 const VkAllocationCallbacks *a,
                                                                 VkShaderModule *made)
{
    if (i->codeSize == test_driver.refused_bytes) return VK_ERROR_INITIALIZATION_FAILED;
    if (fails("CreateShaderModule")) return test_driver.result;
    const VkResult result = real_CreateShaderModule(d, i, a, made);
    if (result == VK_SUCCESS) __atomic_fetch_add(&test_driver.living, 1, __ATOMIC_RELAXED);
    return result;
}
MAKING(CreatePipelineLayout, VkPipelineLayoutCreateInfo, VkPipelineLayout)
static PFN_vkCreatePipelineCache real_CreatePipelineCache;
static VKAPI_ATTR VkResult VKAPI_CALL failing_CreatePipelineCache(VkDevice d,
                                                                  const VkPipelineCacheCreateInfo *i,
                                                                  const VkAllocationCallbacks *a,
                                                                  VkPipelineCache *made)
{
    test_driver.given_bytes = i->initialDataSize;
    if (fails("CreatePipelineCache")) return test_driver.result;
    const VkResult result = real_CreatePipelineCache(d, i, a, made);
    if (result == VK_SUCCESS) __atomic_fetch_add(&test_driver.living, 1, __ATOMIC_RELAXED);
    return result;
}
MAKING(CreateQueryPool, VkQueryPoolCreateInfo, VkQueryPool)
MAKING(CreateCommandPool, VkCommandPoolCreateInfo, VkCommandPool)
FAILING(CreateComputePipelines,
        (VkDevice d, VkPipelineCache c, uint32_t n, const VkComputePipelineCreateInfo *i,
         const VkAllocationCallbacks *a, VkPipeline *made),
        (d, c, n, i, a, made), 1)
FAILING(BindBufferMemory, (VkDevice d, VkBuffer b, VkDeviceMemory m, VkDeviceSize o), (d, b, m, o), 0)
FAILING(MapMemory,
        (VkDevice d, VkDeviceMemory m, VkDeviceSize o, VkDeviceSize s, VkMemoryMapFlags f, void **p),
        (d, m, o, s, f, p), 0)
FAILING(AllocateCommandBuffers, (VkDevice d, const VkCommandBufferAllocateInfo *i, VkCommandBuffer *c),
        (d, i, c), 0)
FAILING(BeginCommandBuffer, (VkCommandBuffer c, const VkCommandBufferBeginInfo *i), (c, i), 0)
FAILING(QueueSubmit, (VkQueue q, uint32_t n, const VkSubmitInfo *i, VkFence f), (q, n, i, f), 0)
FAILING(WaitSemaphores, (VkDevice d, const VkSemaphoreWaitInfo *i, uint64_t t), (d, i, t), 0)
/* Stamps in pairs, of 64 bits. */
static PFN_vkGetQueryPoolResults real_GetQueryPoolResults;
static VKAPI_ATTR VkResult VKAPI_CALL failing_GetQueryPoolResults(VkDevice d, VkQueryPool p, uint32_t first,
                                                                  uint32_t count, size_t bytes, void *to,
                                                                  VkDeviceSize step, VkQueryResultFlags f)
{
    if (fails("GetQueryPoolResults")) return test_driver.result;
    const VkResult result = real_GetQueryPoolResults(d, p, first, count, bytes, to, step, f);
    uint64_t *stamps = to;
    for (uint32_t i = 0; test_driver.ticks && i + 1 < count; i += 2)
        stamps[i + 1] = stamps[i] + test_driver.ticks;
    return result;
}
FAILING(EnumeratePhysicalDevices, (VkInstance i, uint32_t *n, VkPhysicalDevice *d), (i, n, d), 0)
FAILING(EnumerateDeviceExtensionProperties,
        (VkPhysicalDevice d, const char *l, uint32_t *n, VkExtensionProperties *p), (d, l, n, p), 0)
FAILING(CreateInstance, (const VkInstanceCreateInfo *i, const VkAllocationCallbacks *a, VkInstance *made),
        (i, a, made), 1)
FAILING(CreateDevice,
        (VkPhysicalDevice d, const VkDeviceCreateInfo *i, const VkAllocationCallbacks *a, VkDevice *made),
        (d, i, a, made), 1)
/* A driver that fails here has ended the recording all the same. */
static PFN_vkEndCommandBuffer real_EndCommandBuffer;
static VKAPI_ATTR VkResult VKAPI_CALL failing_EndCommandBuffer(VkCommandBuffer commands)
{
    const VkResult result = real_EndCommandBuffer(commands);
    return fails("EndCommandBuffer") ? test_driver.result : result;
}

DESTROYING(DestroySemaphore, VkSemaphore)
DESTROYING(DestroyBuffer, VkBuffer)
DESTROYING(FreeMemory, VkDeviceMemory)
DESTROYING(DestroyShaderModule, VkShaderModule)
DESTROYING(DestroyPipelineLayout, VkPipelineLayout)
DESTROYING(DestroyPipelineCache, VkPipelineCache)
DESTROYING(DestroyQueryPool, VkQueryPool)
DESTROYING(DestroyCommandPool, VkCommandPool)
DESTROYING(DestroyPipeline, VkPipeline)

static PFN_vkDestroyInstance real_DestroyInstance;
static VKAPI_ATTR void VKAPI_CALL failing_DestroyInstance(VkInstance instance, const VkAllocationCallbacks *a)
{
    test_driver.living--;
    real_DestroyInstance(instance, a);
}

static PFN_vkDestroyDevice real_DestroyDevice;
static VKAPI_ATTR void VKAPI_CALL failing_DestroyDevice(VkDevice device, const VkAllocationCallbacks *a)
{
    test_driver.living--;
    real_DestroyDevice(device, a);
}

#define EACH(F)                                                                                              \
    F(CreateInstance)                                                                                        \
    F(DestroyInstance)                                                                                       \
    F(EnumeratePhysicalDevices)                                                                              \
    F(EnumerateDeviceExtensionProperties)                                                                    \
    F(CreateDevice)                                                                                          \
    F(DestroyDevice)                                                                                         \
    F(CreateSemaphore)                                                                                       \
    F(DestroySemaphore)                                                                                      \
    F(CreateBuffer)                                                                                          \
    F(DestroyBuffer)                                                                                         \
    F(AllocateMemory)                                                                                        \
    F(FreeMemory)                                                                                            \
    F(BindBufferMemory)                                                                                      \
    F(MapMemory)                                                                                             \
    F(CreateShaderModule)                                                                                    \
    F(DestroyShaderModule)                                                                                   \
    F(CreatePipelineLayout)                                                                                  \
    F(DestroyPipelineLayout)                                                                                 \
    F(CreatePipelineCache)                                                                                   \
    F(DestroyPipelineCache)                                                                                  \
    F(CreateComputePipelines)                                                                                \
    F(DestroyPipeline)                                                                                       \
    F(CreateQueryPool)                                                                                       \
    F(DestroyQueryPool)                                                                                      \
    F(GetQueryPoolResults)                                                                                   \
    F(CreateCommandPool)                                                                                     \
    F(DestroyCommandPool)                                                                                    \
    F(AllocateCommandBuffers)                                                                                \
    F(BeginCommandBuffer)                                                                                    \
    F(EndCommandBuffer)                                                                                      \
    F(QueueSubmit)                                                                                           \
    F(WaitSemaphores)

/* The linker puts these in the place of vk_loader.c's (--wrap). */
PFN_vkVoidFunction __real_bn_vk_address(const bn_vk *vk, VkInstance instance, const char *name);
PFN_vkVoidFunction __wrap_bn_vk_address(const bn_vk *vk, VkInstance instance, const char *name);
PFN_vkVoidFunction __real_bn_vk_device_address(const bn_vk *vk, VkDevice device, const char *name);
PFN_vkVoidFunction __wrap_bn_vk_device_address(const bn_vk *vk, VkDevice device, const char *name);

static PFN_vkVoidFunction failing(PFN_vkVoidFunction real, const char *name)
{
#define INSTEAD(wanted)                                                                                      \
    if (strcmp(name, "vk" #wanted) == 0) {                                                                   \
        real_##wanted = (PFN_vk##wanted)real;                                                                \
        return (PFN_vkVoidFunction)failing_##wanted;                                                         \
    }
    EACH(INSTEAD)
#undef INSTEAD
    return real;
}

PFN_vkVoidFunction __wrap_bn_vk_address(const bn_vk *vk, VkInstance instance, const char *name)
{
    return failing(__real_bn_vk_address(vk, instance, name), name);
}

PFN_vkVoidFunction __wrap_bn_vk_device_address(const bn_vk *vk, VkDevice device, const char *name)
{
    return failing(__real_bn_vk_device_address(vk, device, name), name);
}
