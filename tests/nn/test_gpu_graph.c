/* test_gpu_graph.c - graphs on a graphics card: maps that share memory, several pictures at once, packs, counting, stopping.
 * The kernel is the one that copies; what layers compute is tested beside them. */
#include "tests/test.h"

#include "base/half.h"
#include "base/size.h"
#include "nn/backend.h"
#include "nn/gpu/call.h"
#include "nn/gpu/packs.h"
#include "nn/gpu/steps.h"
#include "nn/layers.h"
#include "tests/gpu/device.h"

#include <math.h>

typedef struct fixture {
    bn_gpu *gpu;
    bn_gpu_packs *packs;
    bn_graph *graph;
} fixture;

static fixture open_graph(bn_type type, int pictures)
{
    bn_error err = {0};
    fixture f = {.gpu = test_device_open()};
    assert_ok(bn_gpu_packs_create(f.gpu, &f.packs, &err), err);
    const bn_graph_options options = {
        .backend = &bn_gpu_backend, .type = type, .gpu = f.packs, .batch = pictures};
    assert_ok(bn_graph_create(&options, &f.graph, &err), err);
    return f;
}

static void close_graph(fixture *f)
{
    bn_graph_destroy(&f->graph);
    bn_gpu_packs_destroy(&f->packs);
    bn_gpu_close(&f->gpu);
}

static void append_copy(bn_graph *graph, bn_gpu_slot from, bn_map shape, bn_map to)
{
    const bn_gpu_step step = {
        .kernel = BN_GPU_COPY,
        .groups = {bn_gpu_groups((size_t)bn_map_pixels(to) * (size_t)to.c, 256), 1},
        .slot = {from, bn_gpu_writes(to)},
        .number = {(uint32_t)bn_map_pixels(to), (uint32_t)to.c, (uint32_t)shape.stride, (uint32_t)to.stride},
        .constant = {shape.type, to.type},
        .macs = 1};
    bn_gpu_step_append(graph, &step);
}

static void copy_map(bn_graph *graph, bn_map from, bn_map to)
{
    append_copy(graph, bn_gpu_reads(from), from, to);
}

/* A chain of maps, each written over where an older one was, with its halves of channels swapped at each step. */
static void memory_is_shared_by_maps_that_do_not_meet(void **state)
{
    (void)state;
    enum { H = 33, W = 17, C = 8, PICTURES = 3, STEPS = 9 };
    bn_error err = {0};
    fixture f = open_graph(BN_F16, PICTURES);
    bn_map x = bn_graph_map(f.graph, H, W, C, BN_F32);
    bn_graph_input(f.graph, x);
    const bn_map first = x;
    for (int i = 0; i < STEPS; i++) {
        if (i == 4) bn_graph_part(f.graph, "second");
        const bn_map next = bn_graph_map(f.graph, H, W, C, i % 2 ? BN_F32 : BN_F16);
        copy_map(f.graph, bn_map_channels(x, 0, C / 2), bn_map_channels(next, C / 2, C / 2));
        copy_map(f.graph, bn_map_channels(x, C / 2, C / 2), bn_map_channels(next, 0, C / 2));
        x = next;
    }
    bn_graph_keep(f.graph, x);
    assert_ok(bn_graph_finish(f.graph, &err), err);
    assert_true(bn_graph_arena_bytes(f.graph) <= (size_t)1
                                                     << 21); /* the least; all maps would take 7 of them */
    const size_t each = (size_t)H * W * C;
    for (int run = 0; run < 2; run++) {
        float *in = bn_graph_data(f.graph, first);
        for (size_t i = 0; i < PICTURES * each; i++) in[i] = (float)(i % 2000) + (float)run;
        assert_ok(bn_graph_run(f.graph, NULL, NULL, &err), err);
        const uint16_t *out = bn_graph_data(f.graph, x);
        for (size_t i = 0; i < PICTURES * each; i++)
            assert_int_equal(out[i], bn_half_round(in[i / C * C + (i + C / 2) % C]));
    }
    assert_int_equal(bn_graph_parts(f.graph), 2);
    const bn_part_stats part = bn_graph_part_stats(f.graph, 1);
    assert_int_equal(part.calls, 2 * (STEPS - 4));
    assert_true(part.mib > 0 && part.last_ms >= 0);
    close_graph(&f);
}

/* ---- packs ------------------------------------------------------------------------------------------------------- */

enum { OUT = 5, IN = 7, TAPS = 9, DEPTH = 64 }; /* IN * TAPS = 63, padded to 64 */

static float weight_of(int o, int i, int tap)
{
    return (float)(o * 100 + i * 10 + tap) + 0.03125f;
}

static bn_status load_weights(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)source, (void)err;
    for (int k = 0; weight && k < OUT * IN * TAPS; k++)
        weight[k] = weight_of(k / (IN * TAPS), k / TAPS % IN, k % TAPS);
    if (weight) weight[0] = 1e6f, weight[1] = -INFINITY, weight[2] = 1e-7f;
    for (int o = 0; bias && o < OUT; o++) bias[o] = (float)-o;
    return BIREFNET_OK;
}

static bn_status load_nothing(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)source, (void)weight, (void)bias;
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "these weights are broken");
}

static void packs_are_padded_rounded_and_shared(void **state)
{
    (void)state;
    bn_error err = {0};
    const bn_source source = {.key = "conv", .load = load_weights};
    fixture f = open_graph(BN_F16, 1);
    const bn_gpu_span matrix = bn_gpu_pack_matrix(f.graph, &source, OUT, IN, TAPS),
                      bias = bn_gpu_pack_bias(f.graph, &source, OUT);
    const size_t bytes = bn_gpu_packs_bytes(f.packs);
    assert_int_equal(bytes, BN_GPU_PACK_ROWS * DEPTH * 2 + BN_GPU_PACK_ROWS * 4);
    const bn_gpu_span again = bn_gpu_pack_matrix(f.graph, &source, OUT, IN, TAPS);
    assert_true(again.buffer == matrix.buffer && again.offset == matrix.offset);
    assert_int_equal(bn_gpu_packs_bytes(f.packs), bytes);
    uint16_t got[OUT + 1][DEPTH], small = bn_half_round(1e-7f);
    float biases[OUT + 1];
    assert_ok(bn_gpu_download(matrix.buffer, matrix.offset, got, sizeof got, &err), err);
    assert_ok(bn_gpu_download(bias.buffer, bias.offset, biases, sizeof biases, &err), err);
    assert_int_equal(got[0][0], 0x7bff); /* 65504 */
    assert_int_equal(got[0][IN], 0xfbff);
    assert_int_equal(got[0][2 * IN], small);
    for (int o = 1; o < OUT; o++)
        for (int k = 0; k < IN * TAPS; k++)
            assert_int_equal(got[o][k], bn_half_round(weight_of(o, k % IN, k / IN)));
    for (int k = 0; k < DEPTH; k++) assert_int_equal(got[OUT][k], 0);
    assert_int_equal(got[1][DEPTH - 1], 0);
    for (int o = 0; o <= OUT; o++) assert_true(biases[o] == (o < OUT ? (float)-o : 0));
    close_graph(&f);
}

static void broken_weights_fail_the_graph(void **state)
{
    (void)state;
    bn_error err = {0};
    const bn_source source = {.key = "conv", .load = load_nothing};
    fixture f = open_graph(BN_F32, 1);
    bn_gpu_pack_matrix(f.graph, &source, OUT, IN, TAPS);
    assert_int_equal(bn_graph_finish(f.graph, &err), BIREFNET_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "broken"));
    close_graph(&f);
}

/* ---- counting, refusing, stopping -------------------------------------------------------------------------------- */

static size_t build_small(bn_graph *graph, const bn_source *source, bn_map *input)
{
    *input = bn_graph_map(graph, 600, 600, 3, BN_F32);
    bn_graph_input(graph, *input);
    bn_graph_part(graph, "first");
    const bn_map middle = bn_graph_map(graph, 600, 600, 3, BN_F32),
                 last = bn_graph_map(graph, 600, 600, 3, BN_F32);
    bn_gpu_pack_matrix(graph, source, 300, IN, TAPS);
    copy_map(graph, *input, middle);
    bn_graph_part(graph, "second");
    copy_map(graph, middle, last);
    bn_graph_keep(graph, last);
    bn_error err = {0};
    assert_ok(bn_graph_finish(graph, &err), err);
    return bn_graph_arena_bytes(graph);
}

static bn_status load_zeros(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)source, (void)weight, (void)bias, (void)err;
    return BIREFNET_OK;
}

static void counting_says_what_the_device_will_need(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_map input;
    fixture f = open_graph(BN_F16, 2);
    const bn_source source = {.key = "conv", .load = load_zeros},
                    unread = {.key = "conv", .load = load_nothing};
    const size_t arena = build_small(f.graph, &source, &input);
    bn_gpu_packs *counting = NULL;
    bn_graph *counted = NULL;
    assert_ok(bn_gpu_packs_create_counting(bn_gpu_facts_of(f.gpu), &counting, &err), err);
    const bn_graph_options options = {
        .backend = &bn_gpu_backend, .type = BN_F16, .gpu = counting, .batch = 2};
    assert_ok(bn_graph_create(&options, &counted, &err), err);
    assert_int_equal(build_small(counted, &unread, &input), arena);
    assert_int_equal(bn_gpu_packs_bytes(counting), bn_gpu_packs_bytes(f.packs));
    assert_int_equal(bn_graph_run(counted, NULL, NULL, &err), BIREFNET_ERROR_INTERNAL);
    bn_graph_destroy(&counted);
    bn_gpu_packs_destroy(&counting);
    close_graph(&f);
}

static int stop_in_second(void *user, const char *part, double done)
{
    (void)done;
    ++*(int *)user;
    return strcmp(part, "second") == 0;
}

static void a_run_stops_between_parts_and_goes_on(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_map input;
    int asked = 0;
    const bn_source source = {.key = "conv", .load = load_zeros};
    fixture f = open_graph(BN_F32, 1);
    build_small(f.graph, &source, &input);
    memset(bn_graph_data(f.graph, input), 0, (size_t)600 * 600 * 3 * sizeof(float));
    assert_int_equal(bn_graph_run(f.graph, stop_in_second, &asked, &err), BIREFNET_ERROR_CANCELLED);
    assert_non_null(strstr(err.message, "second"));
    assert_int_equal(asked, 2);
    assert_ok(bn_graph_run(f.graph, NULL, NULL, &err), err);
    close_graph(&f);
}

static void too_many_pictures_are_refused(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_graph *graph = NULL;
    const bn_graph_options cpu = {.threads = 1, .batch = 2}, gpu = {.backend = &bn_gpu_backend, .batch = 65};
    assert_int_equal(bn_graph_create(&cpu, &graph, &err), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(bn_graph_create(&gpu, &graph, &err), BIREFNET_ERROR_ARGUMENT);
    assert_null(graph);
}

/* A graph that is only counted: no device is needed. */
static bn_graph *count_graph(const bn_gpu_facts *facts, int pictures, bn_gpu_packs **packs)
{
    bn_error err = {0};
    bn_graph *graph = NULL;
    assert_ok(bn_gpu_packs_create_counting(facts, packs, &err), err);
    const bn_graph_options options = {
        .backend = &bn_gpu_backend, .type = BN_F16, .gpu = *packs, .batch = pictures};
    assert_ok(bn_graph_create(&options, &graph, &err), err);
    return graph;
}

/* The first rows of three pictures: small, but the third picture's lie more than 2^32 elements further on. */
static void elements_beyond_32_bits_are_refused(void **state)
{
    (void)state;
    static const struct {
        int side, pictures;
        bn_status status;
    } cases[] = {
        {20000, 2, BIREFNET_OK}, {20000, 3, BIREFNET_ERROR_LIMIT}, {20000, 64, BIREFNET_ERROR_LIMIT}};
    for (size_t i = 0; i < BN_COUNT(cases); i++) {
        bn_error err = {0};
        bn_gpu_packs *packs = NULL;
        const bn_gpu_facts facts = {.half = true, .subgroup = 32, .shared_bytes = 32768};
        bn_graph *graph = count_graph(&facts, cases[i].pictures, &packs);
        bn_map large = bn_graph_map(graph, cases[i].side, cases[i].side, 8, BN_F16);
        bn_graph_input(graph, large);
        large.h = 10;
        const bn_map small = bn_graph_map(graph, large.h, large.w, large.c, BN_F16);
        copy_map(graph, large, small);
        bn_graph_keep(graph, small);
        assert_int_equal(bn_graph_finish(graph, &err), cases[i].status);
        if (cases[i].status) assert_non_null(strstr(err.message, "too large"));
        bn_graph_destroy(&graph);
        bn_gpu_packs_destroy(&packs);
    }
}

/* Kernels of attention need f16 fragments of sums, products do not. */
static void kernels_ask_for_the_fragments_they_use(void **state)
{
    (void)state;
    for (int half = 0; half < 2; half++) {
        bn_error err = {0};
        bn_gpu_packs *packs = NULL;
        const bn_gpu_facts facts = {.half = true,
                                    .matrix = true,
                                    .matrix_half = half,
                                    .matrix_m = 16,
                                    .matrix_n = 16,
                                    .matrix_k = 16,
                                    .subgroup = 32,
                                    .shared_bytes = 49152};
        const bn_source source = {.key = "any", .load = load_zeros};
        bn_graph *graph = count_graph(&facts, 1, &packs);
        const bn_map x = bn_graph_map(graph, 24, 24, 64, BN_F32);
        bn_graph_input(graph, x);
        bn_layer_window_attention(graph, x,
                                  (bn_window_attention_params){.window = 12,
                                                               .heads = 2,
                                                               .eps = 1e-5f,
                                                               .norm = &source,
                                                               .qkv = &source,
                                                               .table = &source,
                                                               .proj = &source});
        bn_graph_keep(graph, x);
        assert_ok(bn_graph_finish(graph, &err), err);
        int products = 0, windows = 0;
        for (size_t i = 0; i < bn_graph_op_count(graph); i++) {
            const bn_gpu_kernel kernel = bn_gpu_step_call(graph, bn_graph_op(graph, i), NULL).kernel;
            products += kernel == BN_GPU_MATRIX_PRODUCT;
            windows += kernel == BN_GPU_MATRIX_WINDOW;
        }
        assert_int_equal(products, 2);
        assert_int_equal(windows, half);
        bn_graph_destroy(&graph);
        bn_gpu_packs_destroy(&packs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_shared_by_maps_that_do_not_meet),
        cmocka_unit_test(packs_are_padded_rounded_and_shared),
        cmocka_unit_test(broken_weights_fail_the_graph),
        cmocka_unit_test(counting_says_what_the_device_will_need),
        cmocka_unit_test(a_run_stops_between_parts_and_goes_on),
        cmocka_unit_test(too_many_pictures_are_refused),
        cmocka_unit_test(elements_beyond_32_bits_are_refused),
        cmocka_unit_test(kernels_ask_for_the_fragments_they_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
