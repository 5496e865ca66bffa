/* vk_pipeline.c - pipelines: a kernel's SPIR-V with one set of specialisation constants, made when first asked for. */
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

static VkResult build(bn_gpu *gpu, const bn_gpu_call *call, VkShaderModule module, VkPipeline *pipeline)
{
    VkSpecializationMapEntry entries[BN_GPU_CONSTANTS];
    for (uint32_t i = 0; i < BN_GPU_CONSTANTS; i++)
        entries[i] = (VkSpecializationMapEntry){.constantID = i, .offset = 4 * i, .size = 4};
    const VkSpecializationInfo constants = {.mapEntryCount = BN_GPU_CONSTANTS,
                                            .pMapEntries = entries,
                                            .dataSize = sizeof call->constant,
                                            .pData = call->constant};
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = (uint32_t)gpu->physical.facts.subgroup};
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = gpu->physical.fixes_subgroup ? &subgroup : NULL,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &constants},
        .layout = gpu->layout};
    return gpu->fn.CreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &info, NULL, pipeline);
}

static bn_status make(bn_gpu *gpu, const bn_gpu_call *call, VkPipeline *pipeline, bn_error *err)
{
    const bn_spirv *code = &bn_spirv_table[call->kernel];
    const VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = code->bytes, .pCode = code->words};
    VkShaderModule module;
    BN_TRY(bn_vk_check(gpu, gpu->fn.CreateShaderModule(gpu->device, &info, NULL, &module), "read a kernel",
                       err));
    const VkResult result = build(gpu, call, module, pipeline);
    gpu->fn.DestroyShaderModule(gpu->device, module, NULL);
    const bn_status status = bn_vk_check(gpu, result, "compile a kernel", err);
    return status == BIREFNET_OK ? status : bn_error_prefix(err, status, "kernel %s", code->name);
}

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

static bn_status get_pipeline(bn_gpu *gpu, const bn_gpu_call *call, VkPipeline *pipeline, bn_error *err)
{
    for (size_t i = 0; i < gpu->pipeline_count; i++) {
        const bn_vk_pipeline *p = &gpu->pipelines[i];
        if (p->kernel != call->kernel || memcmp(p->constant, call->constant, sizeof p->constant) != 0)
            continue;
        *pipeline = p->handle;
        return BIREFNET_OK;
    }
    BN_TRY(make_room(gpu, err));
    bn_vk_pipeline made = {.kernel = call->kernel};
    memcpy(made.constant, call->constant, sizeof made.constant);
    BN_TRY(make(gpu, call, &made.handle, err));
    gpu->pipelines[gpu->pipeline_count++] = made;
    *pipeline = made.handle;
    return BIREFNET_OK;
}

bn_status bn_vk_record(bn_gpu *gpu, VkCommandBuffer commands, const bn_gpu_call *call, bn_error *err)
{
    VkPipeline pipeline;
    BN_TRY(get_pipeline(gpu, call, &pipeline, err));
    push pushed = {0};
    memcpy(pushed.step, call->step, sizeof pushed.step);
    memcpy(pushed.number, call->number, sizeof pushed.number);
    for (int i = 0; i < BN_GPU_SPANS; i++) {
        const bn_gpu_span *span = &call->span[i];
        if (!span->buffer) continue;
        if (span->offset >= span->buffer->bytes)
            return bn_fail(err, BIREFNET_ERROR_INTERNAL, "kernel %s: span %d begins behind its buffer",
                           bn_spirv_table[call->kernel].name, i);
        pushed.at[i] = span->buffer->address + span->offset;
    }
    gpu->fn.CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    gpu->fn.CmdPushConstants(commands, gpu->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof pushed, &pushed);
    gpu->fn.CmdDispatch(commands, call->groups[0], call->groups[1], call->groups[2]);
    return BIREFNET_OK;
}
