/* vk_table.h - the functions of Vulkan that are used, in tables that are filled at run time. */
#ifndef BN_GPU_VK_TABLE_H
#define BN_GPU_VK_TABLE_H

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

#define BN_VK_INSTANCE_FUNCTIONS(F)                                                                          \
    F(DestroyInstance)                                                                                       \
    F(EnumeratePhysicalDevices)                                                                              \
    F(EnumerateDeviceExtensionProperties)                                                                    \
    F(GetPhysicalDeviceProperties2)                                                                          \
    F(GetPhysicalDeviceFeatures2)                                                                            \
    F(GetPhysicalDeviceMemoryProperties2)                                                                    \
    F(GetPhysicalDeviceQueueFamilyProperties)                                                                \
    F(CreateDevice)                                                                                          \
    F(GetDeviceProcAddr)

#define BN_VK_DEVICE_FUNCTIONS(F)                                                                            \
    F(DestroyDevice)                                                                                         \
    F(DeviceWaitIdle)                                                                                        \
    F(GetDeviceQueue)                                                                                        \
    F(QueueSubmit)                                                                                           \
    F(CreateSemaphore)                                                                                       \
    F(DestroySemaphore)                                                                                      \
    F(WaitSemaphores)                                                                                        \
    F(CreateBuffer)                                                                                          \
    F(DestroyBuffer)                                                                                         \
    F(GetBufferMemoryRequirements)                                                                           \
    F(GetBufferDeviceAddress)                                                                                \
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
    F(GetPipelineCacheData)                                                                                  \
    F(CreateComputePipelines)                                                                                \
    F(DestroyPipeline)                                                                                       \
    F(CreateQueryPool)                                                                                       \
    F(DestroyQueryPool)                                                                                      \
    F(GetQueryPoolResults)                                                                                   \
    F(CreateCommandPool)                                                                                     \
    F(DestroyCommandPool)                                                                                    \
    F(AllocateCommandBuffers)                                                                                \
    F(FreeCommandBuffers)                                                                                    \
    F(BeginCommandBuffer)                                                                                    \
    F(EndCommandBuffer)                                                                                      \
    F(CmdBindPipeline)                                                                                       \
    F(CmdPushConstants)                                                                                      \
    F(CmdDispatch)                                                                                           \
    F(CmdPipelineBarrier)                                                                                    \
    F(CmdCopyBuffer)                                                                                         \
    F(CmdResetQueryPool)                                                                                     \
    F(CmdWriteTimestamp)

#define BN_VK_POINTER(name) PFN_vk##name name;

typedef struct bn_vk_instance_table {
    BN_VK_INSTANCE_FUNCTIONS(BN_VK_POINTER)
} bn_vk_instance_table;

typedef struct bn_vk_device_table {
    BN_VK_DEVICE_FUNCTIONS(BN_VK_POINTER)
} bn_vk_device_table;

/* VK_KHR_cooperative_matrix, which headers before 1.3.255 do not know. */
typedef struct bn_vk_matrix_features {
    VkStructureType sType;
    void *pNext;
    VkBool32 cooperativeMatrix, cooperativeMatrixRobustBufferAccess;
} bn_vk_matrix_features;

typedef struct bn_vk_matrix_properties {
    VkStructureType sType;
    void *pNext;
    uint32_t m, n, k;
    int32_t a_type, b_type, c_type, result_type; /* VkComponentTypeKHR */
    VkBool32 saturating;
    int32_t scope; /* VkScopeKHR */
} bn_vk_matrix_properties;

typedef VkResult(VKAPI_PTR *bn_vk_matrix_fn)(VkPhysicalDevice, uint32_t *, bn_vk_matrix_properties *);

#define BN_VK_MATRIX_EXTENSION  "VK_KHR_cooperative_matrix"
#define BN_VK_MATRIX_FEATURES   ((VkStructureType)1000506000)
#define BN_VK_MATRIX_PROPERTIES ((VkStructureType)1000506001)

enum { BN_VK_FLOAT16 = 0, BN_VK_FLOAT32 = 1, BN_VK_SCOPE_SUBGROUP = 3 };

#endif
