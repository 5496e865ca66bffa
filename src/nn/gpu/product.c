/* product.c - calls of product.comp: which tiles, and where a product with few of them is cut along its depth. */
#include "nn/gpu/product.h"

#include "base/size.h"
#include "nn/gpu/product_matrix.h"
#include "nn/gpu/width.h"

#define STEP        16  /* DEPTH of product.comp */
#define LARGEST     128 /* tile */
#define SMALLEST    16
#define ENOUGH      256 /* groups that keep a large card busy */
#define LEAST_SLICE 256 /* depth */
#define MOST_SLICES 32
#define BIAS        8 /* flags of result.glsl; the activation is in the lowest two bits */
#define ADD         4

typedef struct tiling {
    uint32_t m, n, groups[2];
    uint32_t slices, slice_depth; /* slice_depth 0: not cut */
} tiling;

static void count_groups(tiling *t, const bn_gpu_product_params *params)
{
    t->groups[0] = bn_gpu_groups((size_t)params->dst.c, t->n);
    t->groups[1] = bn_gpu_groups((size_t)bn_map_pixels(params->dst), t->m);
}

/* The largest tile that fits the matrix; smaller ones, and then slices of the depth, while there are few groups. By the shape
 * alone, so that sums are the same on every card. */
static tiling choose_tiling(const bn_gpu_product_params *params)
{
    const uint32_t depth = (uint32_t)bn_gpu_product_depth(params);
    tiling t = {.m = LARGEST, .n = LARGEST, .slices = 1};
    while (t.n > SMALLEST && t.n / 2 >= (uint32_t)params->dst.c) t.n /= 2;
    while (t.m > SMALLEST && t.m / 2 >= (uint32_t)bn_map_pixels(params->dst)) t.m /= 2;
    count_groups(&t, params);
    while (t.groups[0] * t.groups[1] < ENOUGH && t.m * t.n > 64 * 64) {
        if (t.m >= t.n)
            t.m /= 2;
        else
            t.n /= 2;
        count_groups(&t, params);
    }
    const uint32_t wanted = ENOUGH / (t.groups[0] * t.groups[1]);
    const uint32_t slices = BN_MIN(BN_MIN(wanted, depth / LEAST_SLICE), MOST_SLICES);
    if (slices < 2) return t;
    t.slice_depth = (uint32_t)bn_size_round_up((depth + slices - 1) / slices, STEP);
    t.slices = bn_gpu_groups(depth, t.slice_depth);
    return t;
}

static uint32_t flags_of(const bn_gpu_product_params *params)
{
    const bool bias = params->bias_map || params->bias.buffer;
    return (uint32_t)params->activation | (params->add ? ADD : 0) | (bias ? BIAS : 0);
}

static bn_gpu_slot bias_slot(const bn_gpu_product_params *params)
{
    return params->bias_map ? bn_gpu_reads(*params->bias_map) : bn_gpu_packed(params->bias);
}

static bn_gpu_slot dst_slot(const bn_gpu_product_params *params)
{
    return params->add ? bn_gpu_changes(params->dst) : bn_gpu_writes(params->dst);
}

/* The call itself, without tiles; to: dst, or the sums of slices. */
static bn_gpu_step make_step(const bn_graph *graph, const bn_gpu_product_params *p)
{
    const uint32_t rows = (uint32_t)bn_map_pixels(p->dst), depth = (uint32_t)bn_gpu_product_depth(p);
    const bool samples = p->loader == BN_GPU_SAMPLES;
    const int stride = samples ? 1 : p->stride, pad = samples ? p->kernel / 2 : p->pad;
    return (bn_gpu_step){
        .kernel = BN_GPU_PRODUCT,
        .slot = {bn_gpu_reads(p->a), bn_gpu_packed(p->weight), bias_slot(p), dst_slot(p),
                 samples ? bn_gpu_reads(p->offsets) : (bn_gpu_slot){.use = BN_GPU_UNUSED}},
        .number = {rows, (uint32_t)p->dst.c, depth, (uint32_t)p->a.stride, (uint32_t)p->dst.stride,
                   (uint32_t)bn_size_round_up(depth, BN_GPU_PACK_DEPTH), (uint32_t)p->a.c, (uint32_t)p->a.h,
                   (uint32_t)p->a.w, (uint32_t)p->dst.w,
                   (uint32_t)(p->kernel | stride << 8 | pad << 16) | flags_of(p) << 24,
                   (uint32_t)p->offsets.stride, (uint32_t)(p->offset | p->modulator << 16)},
        .constant = {p->a.type, bn_graph_type(graph), p->dst.type, p->loader, 0, 0, bn_gpu_by_fours(p->a),
                     bn_gpu_graph_facts(graph)->kind != BN_GPU_SOFTWARE},
        .macs = p->macs > 0 ? p->macs : (double)rows * depth * p->dst.c};
}

/* Add up what the slices gave. */
static void append_slices(bn_graph *graph, const bn_gpu_product_params *params, const tiling *t, bn_map sums)
{
    const uint32_t rows = (uint32_t)bn_map_pixels(params->dst), columns = (uint32_t)params->dst.c;
    const uint32_t result =
        (uint32_t)params->activation | (uint32_t)params->dst.type << 8 | (params->add ? 1u : 0u) << 16;
    const bn_gpu_step step = {
        .kernel = BN_GPU_SUMS,
        .groups = {bn_gpu_groups((size_t)rows * columns, 256), 1},
        .slot = {bn_gpu_reads(sums), {.use = BN_GPU_UNUSED}, bias_slot(params), dst_slot(params)},
        .number = {[0] = rows, [1] = columns, [4] = (uint32_t)params->dst.stride, [5] = t->slices},
        .constant = {[5] = result}};
    bn_gpu_step_append(graph, &step);
}

void bn_gpu_product(bn_graph *graph, const bn_gpu_product_params *params)
{
    if (bn_gpu_product_matrix(graph, params)) return;
    const tiling t = choose_tiling(params);
    bn_gpu_step step = make_step(graph, params);
    step.groups[0] = t.groups[0];
    step.groups[1] = t.groups[1] * t.slices;
    step.constant[4] = t.m;
    step.constant[5] = t.n;
    if (t.slices == 1) {
        bn_gpu_step_append(graph, &step);
        return;
    }
    const bn_map sums = bn_graph_map(graph, (int)t.slices, bn_map_pixels(params->dst), params->dst.c, BN_F32);
    step.slot[2] = (bn_gpu_slot){.use = BN_GPU_UNUSED};
    step.slot[3] = bn_gpu_writes(sums);
    step.number[13] = t.slice_depth;
    step.constant[2] = BN_F32;
    bn_gpu_step_append(graph, &step);
    append_slices(graph, params, &t, sums);
}

void bn_gpu_product_linear(bn_graph *graph, bn_map x, bn_map dst, const bn_source *source,
                           bn_activation activation, bool add)
{
    const bn_gpu_product_params params = {.a = x,
                                          .loader = BN_GPU_ROWS,
                                          .weight = bn_gpu_pack_matrix(graph, source, dst.c, x.c, 1),
                                          .bias = bn_gpu_pack_bias(graph, source, dst.c),
                                          .dst = dst,
                                          .activation = activation,
                                          .add = add};
    bn_gpu_product(graph, &params);
}
