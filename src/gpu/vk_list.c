/* vk_list.c - lists of kernel calls: kept until the end is known, then recorded once, a command buffer and two time stamps
 * for each part. */
#include "base/size.h"
#include "gpu/vk.h"

#include <stdlib.h>

enum { PARTS = 64, IN_FLIGHT = 2 };

#define AHEAD_MS 20.0

/* A call, and whether it waits for all calls before it. */
typedef struct item {
    bn_gpu_call call;
    size_t pipeline;
    int part;
    bool waits;
} item;

struct bn_gpu_list {
    bn_gpu *gpu;
    item *items; /* until the list ends */
    size_t item_count, item_room;
    bool waits;                     /* the next call */
    VkQueryPool stamps;             /* two for each part */
    VkCommandBuffer before, behind; /* copies of a run; NULL: none yet */
    uint64_t until;                 /* the last submission of the run that was begun */
    bool is_begun;
    VkCommandBuffer part[PARTS];
    const char *name[PARTS];
    double ms[PARTS];         /* in the last run */
    int part_count, recorded; /* parts */
    bool is_whole, is_measured;
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
    bn_vk_settle(gpu);
    const VkCommandBuffer copies[] = {list->before, list->behind};
    for (size_t i = 0; i < BN_COUNT(copies); i++)
        if (copies[i]) gpu->fn.FreeCommandBuffers(gpu->device, gpu->pool, 1, &copies[i]);
    if (list->recorded)
        gpu->fn.FreeCommandBuffers(gpu->device, gpu->pool, (uint32_t)list->recorded, list->part);
    gpu->fn.DestroyQueryPool(gpu->device, list->stamps, NULL);
    free(list->items);
    free(list);
}

/* ---- filling ------------------------------------------------------------------------------------------------------ */

bn_status bn_gpu_list_part(bn_gpu_list *list, const char *name, bn_error *err)
{
    if (list->part_count == PARTS)
        return bn_fail(err, BIREFNET_ERROR_INTERNAL, "a list of calls has %d parts at most", PARTS);
    list->name[list->part_count++] = name;
    list->waits = false; /* each part waits for the one before it */
    return BIREFNET_OK;
}

static bn_status make_room(bn_gpu_list *list, bn_error *err)
{
    if (list->item_count < list->item_room) return BIREFNET_OK;
    const size_t room = list->item_room ? 2 * list->item_room : 64;
    item *larger = realloc(list->items, room * sizeof *larger);
    if (!larger) return bn_fail_memory(err, room * sizeof *larger, "a list of calls");
    list->items = larger;
    list->item_room = room;
    return BIREFNET_OK;
}

bn_status bn_gpu_list_call(bn_gpu_list *list, const bn_gpu_call *call, bn_error *err)
{
    if (list->is_whole) return bn_fail(err, BIREFNET_ERROR_INTERNAL, "a call behind the end of its list");
    if (list->part_count == 0) BN_TRY(bn_gpu_list_part(list, "all", err));
    BN_TRY(bn_vk_check_call(list->gpu, call, err));
    BN_TRY(make_room(list, err));
    item added = {.call = *call, .part = list->part_count - 1, .waits = list->waits};
    BN_TRY(bn_vk_pipeline_want(list->gpu, call, &added.pipeline, err));
    list->items[list->item_count++] = added;
    list->waits = false;
    return BIREFNET_OK;
}

void bn_gpu_list_barrier(bn_gpu_list *list)
{
    list->waits = true;
}

/* ---- recording ---------------------------------------------------------------------------------------------------- */

static bool is_timed(const bn_gpu_list *list)
{
    return list->gpu->physical.tick_ms > 0.0;
}

static bn_status begin_part(bn_gpu_list *list, int part, bn_error *err)
{
    bn_gpu *gpu = list->gpu;
    BN_TRY(bn_vk_commands(gpu, &list->part[part], err));
    list->recorded++;
    BN_TRY(bn_vk_begin(gpu, list->part[part], false, err));
    if (!is_timed(list)) return BIREFNET_OK;
    const uint32_t first = 2 * (uint32_t)part;
    gpu->fn.CmdResetQueryPool(list->part[part], list->stamps, first, 2);
    /* when all before it is done, or what another list takes would count */
    gpu->fn.CmdWriteTimestamp(list->part[part], VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, list->stamps, first);
    return BIREFNET_OK;
}

static bn_status end_part(bn_gpu_list *list, int part, bn_error *err)
{
    bn_gpu *gpu = list->gpu;
    if (is_timed(list))
        gpu->fn.CmdWriteTimestamp(list->part[part], VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, list->stamps,
                                  2 * (uint32_t)part + 1);
    return bn_vk_check(gpu, gpu->fn.EndCommandBuffer(list->part[part]), "record calls", err);
}

static bn_status make_pipelines(const bn_gpu_list *list, bn_error *err)
{
    bn_gpu *gpu = list->gpu;
    for (size_t i = 0; i < gpu->pipeline_count; i++) gpu->pipelines[i].wanted = false;
    for (size_t i = 0; i < list->item_count; i++) gpu->pipelines[list->items[i].pipeline].wanted = true;
    return bn_vk_pipelines_make(gpu, err);
}

bn_status bn_gpu_list_end(bn_gpu_list *list, bn_error *err)
{
    if (list->is_whole) return BIREFNET_OK;
    bn_gpu *gpu = list->gpu;
    BN_TRY(make_pipelines(list, err));
    size_t next = 0;
    for (int part = 0; part < list->part_count; part++) {
        BN_TRY(begin_part(list, part, err));
        for (; next < list->item_count && list->items[next].part == part; next++) {
            const item *recorded = &list->items[next];
            if (recorded->waits) bn_vk_barrier(gpu, list->part[part]);
            bn_vk_record(gpu, list->part[part], &recorded->call, recorded->pipeline);
        }
        BN_TRY(end_part(list, part, err));
    }
    free(list->items);
    list->items = NULL;
    list->is_whole = true;
    return BIREFNET_OK;
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

static bn_status read_stamps(bn_gpu_list *list, bn_error *err)
{
    if (!is_timed(list) || list->part_count == 0) return BIREFNET_OK;
    bn_gpu *gpu = list->gpu;
    uint64_t stamps[2 * PARTS];
    const uint32_t count = 2 * (uint32_t)list->part_count;
    const VkQueryResultFlags flags = VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT;
    const VkResult result = gpu->fn.GetQueryPoolResults(
        gpu->device, list->stamps, 0, count, count * sizeof *stamps, stamps, sizeof *stamps, flags);
    BN_TRY(bn_vk_check(gpu, result, "read its clock", err));
    for (int i = 0; i < list->part_count; i++)
        list->ms[i] = (double)(stamps[2 * i + 1] - stamps[2 * i]) * gpu->physical.tick_ms;
    list->is_measured = true;
    return BIREFNET_OK;
}

/* What a part will take, as far as is known: of one that never ran, too long to be handed over early. */
static double expected_ms(const bn_gpu_list *list, int part)
{
    return list->is_measured ? list->ms[part] : AHEAD_MS;
}

/* The part behind the one that computes is handed over already, and as many more as take AHEAD_MS together, so that the
 * device never waits for us: a fast one is done with a part before we are awake. No more, so that stopping does not take long. */
static bn_status submit_parts(bn_gpu_list *list, bn_gpu_ask_fn ask, void *user, bn_error *err)
{
    bn_gpu *gpu = list->gpu;
    uint64_t number[PARTS];
    double ahead_ms = 0;
    for (int i = 0, oldest = 0; i < list->part_count; i++) {
        ahead_ms += expected_ms(list, i);
        for (; i - oldest >= IN_FLIGHT && ahead_ms > AHEAD_MS; oldest++) {
            BN_TRY(bn_vk_wait(gpu, number[oldest], err));
            ahead_ms -= expected_ms(list, oldest);
        }
        if (ask && ask(user, i)) return bn_fail(err, BIREFNET_ERROR_CANCELLED, "cancelled");
        BN_TRY(bn_vk_submit(gpu, list->part[i], &number[i], err));
    }
    return BIREFNET_OK;
}

static bn_status submit_copies(bn_gpu_list *list, VkCommandBuffer *commands, const bn_gpu_copy *copies,
                               int count, bn_error *err)
{
    bn_gpu *gpu = list->gpu;
    uint64_t number;
    if (count == 0) return BIREFNET_OK;
    if (!*commands) BN_TRY(bn_vk_commands(gpu, commands, err));
    BN_TRY(bn_vk_record_copies(gpu, *commands, copies, count, commands == &list->behind, err));
    return bn_vk_submit(gpu, *commands, &number, err);
}

static bn_status submit(bn_gpu_list *list, const bn_gpu_errand *errand, bn_error *err)
{
    BN_TRY(submit_copies(list, &list->before, errand->before, errand->before_count, err));
    BN_TRY(submit_parts(list, errand->ask, errand->user, err));
    return submit_copies(list, &list->behind, errand->behind, errand->behind_count, err);
}

bn_status bn_gpu_list_begin(bn_gpu_list *list, const bn_gpu_errand *errand, bn_error *err)
{
    if (!list->is_whole) return bn_fail(err, BIREFNET_ERROR_INTERNAL, "a list of calls that has no end");
    if (list->is_begun) return bn_fail(err, BIREFNET_ERROR_INTERNAL, "a list of calls that runs already");
    const bn_status status = submit(list, errand, err);
    list->until = list->gpu->submitted;
    list->is_begun = status == BIREFNET_OK;
    bn_error second;
    if (status != BIREFNET_OK) bn_vk_wait(list->gpu, list->until, &second);
    return status;
}

bn_status bn_gpu_list_wait(bn_gpu_list *list, bn_error *err)
{
    if (!list->is_begun) return bn_fail(err, BIREFNET_ERROR_INTERNAL, "a list of calls that does not run");
    list->is_begun = false;
    BN_TRY(bn_vk_wait(list->gpu, list->until, err));
    return read_stamps(list, err);
}

bn_status bn_gpu_list_run(bn_gpu_list *list, bn_gpu_ask_fn ask, void *user, bn_error *err)
{
    const bn_gpu_errand errand = {.ask = ask, .user = user};
    BN_TRY(bn_gpu_list_begin(list, &errand, err));
    return bn_gpu_list_wait(list, err);
}

double bn_gpu_list_part_ms(const bn_gpu_list *list, int part)
{
    return part >= 0 && part < list->part_count ? list->ms[part] : 0.0;
}
