/* vk_list.c - lists of kernel calls: recorded once, a command buffer and two time stamps for each part. */
#include "base/size.h"
#include "gpu/spirv.h"
#include "gpu/vk.h"

#include <stdlib.h>

enum { PARTS = 64, IN_FLIGHT = 2 };

struct bn_gpu_list {
    bn_gpu *gpu;
    VkQueryPool stamps; /* two for each part */
    VkCommandBuffer part[PARTS];
    const char *name[PARTS];
    double ms[PARTS];
    int count;
    bool is_open; /* the last part takes calls */
};

bn_status bn_gpu_list_create(bn_gpu *gpu, bn_gpu_list **out, bn_error *err)
{
    *out = NULL;
    bn_gpu_list *list = calloc(1, sizeof *list);
    if (!list) return bn_fail_memory(err, sizeof *list, "a list of calls");
    list->gpu = gpu;
    const VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                        .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                        .queryCount = 2 * PARTS};
    const bn_status status = bn_vk_check(
        gpu, gpu->fn.CreateQueryPool(gpu->device, &info, NULL, &list->stamps), "record calls", err);
    if (status != BIREFNET_OK) bn_gpu_list_destroy(&list);
    *out = list;
    return status;
}

void bn_gpu_list_destroy(bn_gpu_list **destroyed)
{
    bn_gpu_list *list = *destroyed;
    *destroyed = NULL;
    if (!list) return;
    bn_gpu *gpu = list->gpu;
    if (list->count) gpu->fn.FreeCommandBuffers(gpu->device, gpu->pool, (uint32_t)list->count, list->part);
    gpu->fn.DestroyQueryPool(gpu->device, list->stamps, NULL);
    free(list);
}

static bool is_timed(const bn_gpu_list *list)
{
    return list->gpu->physical.tick_ms > 0.0;
}

static bn_status close_part(bn_gpu_list *list, bn_error *err)
{
    if (!list->is_open) return BIREFNET_OK;
    bn_gpu *gpu = list->gpu;
    const int i = list->count - 1;
    if (is_timed(list))
        gpu->fn.CmdWriteTimestamp(list->part[i], VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, list->stamps,
                                  (uint32_t)(2 * i + 1));
    list->is_open = false;
    return bn_vk_check(gpu, gpu->fn.EndCommandBuffer(list->part[i]), "record calls", err);
}

bn_status bn_gpu_list_part(bn_gpu_list *list, const char *name, bn_error *err)
{
    bn_gpu *gpu = list->gpu;
    BN_TRY(close_part(list, err));
    if (list->count == PARTS)
        return bn_fail(err, BIREFNET_ERROR_INTERNAL, "a list of calls has %d parts at most", PARTS);
    const int i = list->count;
    BN_TRY(bn_vk_commands(gpu, &list->part[i], err));
    list->name[i] = name;
    list->count++;
    BN_TRY(bn_vk_begin(gpu, list->part[i], false, err));
    list->is_open = true;
    if (!is_timed(list)) return BIREFNET_OK;
    gpu->fn.CmdResetQueryPool(list->part[i], list->stamps, (uint32_t)(2 * i), 2);
    gpu->fn.CmdWriteTimestamp(list->part[i], VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, list->stamps,
                              (uint32_t)(2 * i));
    return BIREFNET_OK;
}

bn_status bn_gpu_list_call(bn_gpu_list *list, const bn_gpu_call *call, bn_error *err)
{
    if (!list->is_open) BN_TRY(bn_gpu_list_part(list, "all", err));
    return bn_vk_record(list->gpu, list->part[list->count - 1], call, err);
}

void bn_gpu_list_barrier(bn_gpu_list *list)
{
    if (list->is_open) bn_vk_barrier(list->gpu, list->part[list->count - 1]);
}

bn_status bn_gpu_list_end(bn_gpu_list *list, bn_error *err)
{
    return close_part(list, err);
}

static bn_status read_stamps(bn_gpu_list *list, bn_error *err)
{
    if (!is_timed(list) || list->count == 0) return BIREFNET_OK;
    bn_gpu *gpu = list->gpu;
    uint64_t stamps[2 * PARTS];
    const uint32_t count = (uint32_t)(2 * list->count);
    BN_TRY(bn_vk_check(gpu,
                       gpu->fn.GetQueryPoolResults(gpu->device, list->stamps, 0, count,
                                                   count * sizeof *stamps, stamps, sizeof *stamps,
                                                   VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT),
                       "read its clock", err));
    for (int i = 0; i < list->count; i++)
        list->ms[i] = (double)(stamps[2 * i + 1] - stamps[2 * i]) * gpu->physical.tick_ms;
    return BIREFNET_OK;
}

/* The part behind the one that computes is handed over already, so that the device never waits for us; no more, so that
 * stopping does not take long. */
static bn_status submit_parts(bn_gpu_list *list, bn_gpu_ask_fn ask, void *user, bn_error *err)
{
    bn_gpu *gpu = list->gpu;
    uint64_t number[PARTS];
    for (int i = 0; i < list->count; i++) {
        if (i >= IN_FLIGHT) BN_TRY(bn_vk_wait(gpu, number[i - IN_FLIGHT], err));
        if (ask && ask(user, i)) return bn_fail(err, BIREFNET_ERROR_CANCELLED, "cancelled");
        BN_TRY(bn_vk_submit(gpu, list->part[i], &number[i], err));
    }
    return BIREFNET_OK;
}

bn_status bn_gpu_list_run(bn_gpu_list *list, bn_gpu_ask_fn ask, void *user, bn_error *err)
{
    const bn_status status = submit_parts(list, ask, user, err);
    bn_error second;
    const bn_status waited =
        bn_vk_wait(list->gpu, list->gpu->submitted, status == BIREFNET_OK ? err : &second);
    if (status != BIREFNET_OK) return status;
    if (waited != BIREFNET_OK) return waited;
    return read_stamps(list, err);
}

double bn_gpu_list_part_ms(const bn_gpu_list *list, int part)
{
    return part >= 0 && part < list->count ? list->ms[part] : 0.0;
}
