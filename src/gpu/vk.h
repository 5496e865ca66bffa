/* vk.h - Vulkan's side of gpu.h: what its files share. Private to src/gpu. */
#ifndef BN_GPU_VK_H
#define BN_GPU_VK_H

#include "gpu/gpu.h"
#include "gpu/vk_table.h"

#include <stdatomic.h>

/* ---- the loader and its devices (vk_loader.c, vk_physical.c) ----------------------------------------------------- */

typedef struct bn_vk {
    PFN_vkGetInstanceProcAddr address_of;
    VkInstance instance;
    bn_vk_instance_table fn;
} bn_vk;

/* BIREFNET_ERROR_UNSUPPORTED says what is missing. */
bn_status bn_vk_open(bn_vk *vk, bn_error *err);
void bn_vk_close(bn_vk *vk);

/* A function of the loader or of an instance, and of a device. All come by these two: a test gives functions that fail. */
PFN_vkVoidFunction bn_vk_address(const bn_vk *vk, VkInstance instance, const char *name);
PFN_vkVoidFunction bn_vk_device_address(const bn_vk *vk, VkDevice device, const char *name);

/* vk_hint.c: what is likely missing where there is no driver. `root` is "", or a test's folder that stands for it. */
const char *bn_vk_hint(const char *root);
bool bn_vk_may_be_here(const char *root); /* as bn_gpu_may_be_here */

/* What makes of SPIR-V a device's own code: other values, other code. */
typedef struct bn_vk_identity {
    uint32_t vendor, device, driver_version;
    uint8_t cache_id[VK_UUID_SIZE];
} bn_vk_identity;

/* A device that can run our kernels. */
typedef struct bn_vk_physical {
    bn_vk_identity identity;
    VkPhysicalDevice handle;
    bn_gpu_facts facts;
    uint32_t family; /* of queues that compute */
    double tick_ms;  /* of time stamps; 0: the queue has none */
    uint32_t most_groups[3];
    bool budget;         /* VK_EXT_memory_budget */
    bool fixes_subgroup; /* pipelines can ask for a size of subgroups */
    bool newer;          /* Vulkan 1.3 */
} bn_vk_physical;

enum { BN_VK_DEVICES = 16 };

/* Those that can be used, best first; `why` then says why others cannot. */
typedef struct bn_vk_found {
    int count;
    bn_vk_physical device[BN_VK_DEVICES];
} bn_vk_found;

bn_status bn_vk_find(const bn_vk *vk, bn_vk_found *found, bn_error *why);

/* The fragment of f16 x f16 -> f32 matrices to compute with, of those that a driver has. */
void bn_vk_choose_fragment(const bn_vk_matrix_properties *found, uint32_t count, bn_gpu_facts *facts);

/* Of the device's own memory, as the driver tells now. */
void bn_vk_memory_facts(const bn_vk *vk, const bn_vk_physical *physical, uint64_t *total_bytes,
                        uint64_t *free_bytes);

/* ---- an opened device -------------------------------------------------------------------------------------------- */

typedef struct bn_vk_pipeline {
    bn_gpu_kernel kernel;
    uint32_t constant[BN_GPU_CONSTANTS];
    VkPipeline handle; /* NULL: not made yet */
    VkResult result;   /* of making it */
    bool wanted;       /* by the list that ends now: what another one needs may have failed */
} bn_vk_pipeline;

/* Memory that both sides reach, and the copy that goes on with it. */
typedef struct bn_vk_stage {
    bn_gpu_buffer *buffer;
    void *bytes;
    VkCommandBuffer commands;
    uint64_t until; /* the submission that uses it */
} bn_vk_stage;

enum { BN_VK_STAGES = 2, BN_VK_STAGE_BYTES = 16 << 20 };

struct bn_gpu {
    bn_vk vk;
    bn_vk_physical physical;
    VkDevice device;
    bn_vk_device_table fn;
    VkQueue queue;
    VkSemaphore done;   /* counts submissions that have ended */
    uint64_t submitted; /* submissions so far */
    VkCommandPool pool;
    VkPipelineLayout layout;
    VkPipelineCache cache;
    bn_vk_pipeline *pipelines;
    size_t pipeline_count, pipeline_room;
    bn_vk_stage stage[BN_VK_STAGES];
    atomic_bool lost; /* a thread that waits may find it */
};

struct bn_gpu_buffer {
    bn_gpu *gpu;
    VkBuffer handle;
    VkDeviceMemory memory;
    VkDeviceAddress address; /* 0: of the host's memory */
    size_t bytes;
};

/* BIREFNET_OK, or what the result means after "cannot WHAT"; remembers that the device is lost. */
bn_status bn_vk_check(bn_gpu *gpu, VkResult result, const char *what, bn_error *err);
bn_status bn_vk_say(VkResult result, const char *device, const char *what, bn_error *err);

/* vk_memory.c: the first type of memory that has all of `flags` and a bit of `types`; UINT32_MAX: none. */
uint32_t bn_vk_memory_type(const bn_gpu *gpu, uint32_t types, VkMemoryPropertyFlags flags);

/* vk_submit.c: command buffers, submissions in order, waiting for them. */
bn_status bn_vk_commands(bn_gpu *gpu, VkCommandBuffer *commands, bn_error *err);
bn_status bn_vk_begin(bn_gpu *gpu, VkCommandBuffer commands, bool once, bn_error *err);
void bn_vk_barrier(const bn_gpu *gpu, VkCommandBuffer commands);
bn_status bn_vk_submit(bn_gpu *gpu, VkCommandBuffer commands, uint64_t *number, bn_error *err);
bn_status bn_vk_wait(bn_gpu *gpu, uint64_t number, bn_error *err);
void bn_vk_settle(bn_gpu *gpu); /* nothing is under way any more: what a call that failed left, too */

/* vk_staging.c: copies in a command buffer that is begun, recorded and ended; to_host: what the CPU is to read then. */
bn_status bn_vk_record_copies(bn_gpu *gpu, VkCommandBuffer commands, const bn_gpu_copy *copies, int count,
                              bool to_host, bn_error *err);
bn_status bn_vk_stages_create(bn_gpu *gpu, bn_error *err);
void bn_vk_stages_destroy(bn_gpu *gpu);

/* vk_pipeline.c: the pipeline that a call needs, by its index; making those that are wanted; the call into a command buffer. */
enum { BN_VK_PUSH_BYTES = 128 }; /* what all drivers have */
bn_status bn_vk_layout_create(bn_gpu *gpu, bn_error *err);
void bn_vk_pipelines_destroy(bn_gpu *gpu);
bn_status bn_vk_pipeline_want(bn_gpu *gpu, const bn_gpu_call *call, size_t *index, bn_error *err);
bn_status bn_vk_pipelines_make(bn_gpu *gpu, bn_error *err);
bn_status bn_vk_check_call(const bn_gpu *gpu, const bn_gpu_call *call, bn_error *err);
void bn_vk_record(const bn_gpu *gpu, VkCommandBuffer commands, const bn_gpu_call *call, size_t pipeline);

/* vk_cache.c */
bn_status bn_vk_cache_create(bn_gpu *gpu, bn_error *err);
void bn_vk_cache_save(bn_gpu *gpu);

#endif
