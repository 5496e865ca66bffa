/* vk_pipeline.c - pipelines: a kernel's SPIR-V with one set of specialisation constants. They are asked for while a list is
 * filled and made when it ends, all that are new at once on the CPU's threads: a driver takes up to a second for some. */
#include "base/cpu.h"
#include "base/parallel.h"
#include "gpu/spirv.h"
#include "gpu/vk.h"

#include <stdlib.h>
#include <string.h>

/* What call.glsl declares: addresses, steps, numbers. */
typedef struct push {
    VkDeviceAddress at[BN_GPU_SPANS];
    uint32_t step[BN_GPU_SPANS], number[BN_GPU_NUMBERS];
} push;

_Static_assert(sizeof(push) == BN_VK_PUSH_BYTES, "as call.glsl has it");

/* Matrix kernels share fragments among a subgroup, whose size they count with; others leave it to the driver. */
#define KERNEL(enumerator, shader) +1
enum { PLAIN_KERNELS = 0 BN_GPU_KERNELS(KERNEL) };
#undef KERNEL

static bool fixes_subgroup(const bn_gpu *gpu, bn_gpu_kernel kernel)
{
    return gpu->physical.fixes_subgroup && (int)kernel >= PLAIN_KERNELS;
}

bn_status bn_vk_layout_create(bn_gpu *gpu, bn_error *err)
{
    const VkPushConstantRange range = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = BN_VK_PUSH_BYTES};
    const VkPipelineLayoutCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                             .pushConstantRangeCount = 1,
                                             .pPushConstantRanges = &range};
    return bn_vk_check(gpu, gpu->fn.CreatePipelineLayout(gpu->device, &info, NULL, &gpu->layout), "open it",
                       err);
}

void bn_vk_pipelines_destroy(bn_gpu *gpu)
{
    for (size_t i = 0; i < gpu->pipeline_count; i++)
        gpu->fn.DestroyPipeline(gpu->device, gpu->pipelines[i].handle, NULL);
    free(gpu->pipelines);
    gpu->fn.DestroyPipelineLayout(gpu->device, gpu->layout, NULL);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static bn_status make_room(bn_gpu *gpu, bn_error *err)
{
    if (gpu->pipeline_count < gpu->pipeline_room) return BIREFNET_OK;
    const size_t room = gpu->pipeline_room ? 2 * gpu->pipeline_room : 64;
    bn_vk_pipeline *larger = realloc(gpu->pipelines, room * sizeof *larger);
    if (!larger) return bn_fail_memory(err, room * sizeof *larger, "pipelines");
    gpu->pipelines = larger;
    gpu->pipeline_room = room;
    return BIREFNET_OK;
}

bn_status bn_vk_pipeline_want(bn_gpu *gpu, const bn_gpu_call *call, size_t *index, bn_error *err)
{
    for (*index = 0; *index < gpu->pipeline_count; ++*index) {
        const bn_vk_pipeline *p = &gpu->pipelines[*index];
        if (p->kernel == call->kernel && memcmp(p->constant, call->constant, sizeof p->constant) == 0)
            return BIREFNET_OK;
    }
    BN_TRY(make_room(gpu, err));
    bn_vk_pipeline *added = &gpu->pipelines[gpu->pipeline_count++];
    *added = (bn_vk_pipeline){.kernel = call->kernel};
    memcpy(added->constant, call->constant, sizeof added->constant);
    return BIREFNET_OK;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static VkResult build(const bn_gpu *gpu, bn_vk_pipeline *pipeline, VkShaderModule module)
{
    VkSpecializationMapEntry entries[BN_GPU_CONSTANTS];
    for (uint32_t i = 0; i < BN_GPU_CONSTANTS; i++)
        entries[i] = (VkSpecializationMapEntry){.constantID = i, .offset = 4 * i, .size = 4};
    const VkSpecializationInfo constants = {.mapEntryCount = BN_GPU_CONSTANTS,
                                            .pMapEntries = entries,
                                            .dataSize = sizeof pipeline->constant,
                                            .pData = pipeline->constant};
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = (uint32_t)gpu->physical.facts.subgroup};
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = fixes_subgroup(gpu, pipeline->kernel) ? &subgroup : NULL,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &constants},
        .layout = gpu->layout};
    return gpu->fn.CreateComputePipelines(gpu->device, gpu->cache, 1, &info, NULL, &pipeline->handle);
}

static VkResult make(const bn_gpu *gpu, bn_vk_pipeline *pipeline)
{
    const bn_spirv *code = &bn_spirv_table[pipeline->kernel];
    const VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = code->bytes, .pCode = code->words};
    VkShaderModule module;
    const VkResult result = gpu->fn.CreateShaderModule(gpu->device, &info, NULL, &module);
    if (result != VK_SUCCESS) return result;
    const VkResult built = build(gpu, pipeline, module);
    gpu->fn.DestroyShaderModule(gpu->device, module, NULL);
    return built;
}

static void make_some(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    bn_gpu *gpu = context;
    for (size_t i = begin; i < end; i++) {
        bn_vk_pipeline *pipeline = &gpu->pipelines[i];
        if (pipeline->wanted && !pipeline->handle) pipeline->result = make(gpu, pipeline);
    }
}

bn_status bn_vk_pipelines_make(bn_gpu *gpu, bn_error *err)
{
    size_t missing = 0;
    for (size_t i = 0; i < gpu->pipeline_count; i++)
        missing += gpu->pipelines[i].wanted && !gpu->pipelines[i].handle;
    if (missing == 0) return BIREFNET_OK;
    bn_parallel_items(bn_cpu_threads(), gpu->pipeline_count, make_some, gpu);
    for (size_t i = 0; i < gpu->pipeline_count; i++) {
        const bn_vk_pipeline *pipeline = &gpu->pipelines[i];
        if (!pipeline->wanted) continue;
        const bn_status status = bn_vk_check(gpu, pipeline->result, "compile a kernel", err);
        if (status != BIREFNET_OK)
            return bn_error_prefix(err, status, "kernel %s", bn_spirv_table[pipeline->kernel].name);
    }
    bn_vk_cache_save(gpu);
    return BIREFNET_OK;
}

/* ---- calling ----------------------------------------------------------------------------------------------------- */

bn_status bn_vk_check_call(const bn_gpu *gpu, const bn_gpu_call *call, bn_error *err)
{
    const uint32_t *most = gpu->physical.most_groups;
    for (int i = 0; i < 3; i++) {
        if (call->groups[i] > most[i])
            return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "kernel %s: %u groups along %c, and %s takes %u",
                           bn_spirv_table[call->kernel].name, call->groups[i], "xyz"[i],
                           gpu -> physical.facts.name, most[i]);
    }
    for (int i = 0; i < BN_GPU_SPANS; i++) {
        const bn_gpu_span *span = &call->span[i];
        if (span->buffer && span->offset >= span->buffer->bytes)
            return bn_fail(err, BIREFNET_ERROR_INTERNAL, "kernel %s: span %d begins behind its buffer",
                           bn_spirv_table[call->kernel].name, i);
    }
    return BIREFNET_OK;
}

void bn_vk_record(const bn_gpu *gpu, VkCommandBuffer commands, const bn_gpu_call *call, size_t pipeline)
{
    push pushed = {0};
    memcpy(pushed.step, call->step, sizeof pushed.step);
    memcpy(pushed.number, call->number, sizeof pushed.number);
    for (int i = 0; i < BN_GPU_SPANS; i++) {
        if (call->span[i].buffer) pushed.at[i] = call->span[i].buffer->address + call->span[i].offset;
    }
    gpu->fn.CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, gpu->pipelines[pipeline].handle);
    gpu->fn.CmdPushConstants(commands, gpu->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof pushed, &pushed);
    gpu->fn.CmdDispatch(commands, call->groups[0], call->groups[1], call->groups[2]);
}
