/* order.c - in which order calls run where parts of the network may run beside each other: the backbone of the half picture alone
 * would fill a fifth of a large card, and each call would wait for the one before it.
 *
 * A wave holds calls that depend on none of the same wave, so that one barrier serves all of them. Parts that may not run beside
 * each other stay as they are: calls that went far ahead would keep their results in memory for long. */
#include "nn/gpu/steps.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

/* Calls [begin, end) by waves into `order`; waves: room for as many numbers. */
static void arrange(const bn_graph *graph, size_t begin, size_t end, int *waves, bn_op **order)
{
    int last = 0;
    for (size_t i = begin; i < end; i++) {
        waves[i] = 0;
        for (size_t k = begin; k < i; k++)
            if (waves[k] >= waves[i] && bn_gpu_steps_depend(bn_graph_op(graph, k), bn_graph_op(graph, i)))
                waves[i] = waves[k] + 1;
        last = BN_MAX(last, waves[i]);
    }
    size_t next = begin;
    for (int wave = 0; wave <= last; wave++)
        for (size_t i = begin; i < end; i++)
            if (waves[i] == wave) order[next++] = bn_graph_op(graph, i);
}

/* The end of the parts that run beside that of call `begin`. */
static size_t end_of_group(const bn_graph *graph, size_t begin)
{
    size_t end = begin + 1;
    for (; end < bn_graph_op_count(graph); end++) {
        const int part = bn_graph_op(graph, end)->part;
        if (part != bn_graph_op(graph, end - 1)->part && !bn_graph_part_stats(graph, part).is_beside) break;
    }
    return end;
}

bn_status bn_gpu_arrange(bn_graph *graph, bn_error *err)
{
    const size_t count = bn_graph_op_count(graph);
    bn_status status = BIREFNET_OK;
    bn_op **order = calloc(BN_MAX(count, 1), sizeof *order);
    int *waves = calloc(BN_MAX(count, 1), sizeof *waves);
    if (!order || !waves) BN_TRY_DONE(bn_fail_memory(err, count * sizeof *order, "the order of a network"));
    for (size_t begin = 0; begin < count;) {
        const size_t end = end_of_group(graph, begin);
        arrange(graph, begin, end, waves, order);
        begin = end;
    }
    bn_graph_reorder(graph, order);
    for (size_t i = 0; i < count; i++) bn_gpu_step_touch(graph, i);
done:
    free(order);
    free(waves);
    return status;
}
