/* test_layers.c - layers inside a graph: memory that is planned by lifetime, resizing in one step against two, the
 * same bytes for any number of threads, errors that stick. */
#include "tests/level.h"
#include "tests/nn/seeded_source.h"
#include "tests/test.h"

#include "base/seeded.h"
#include "base/size.h"
#include "nn/cpu/bf16.h"
#include "nn/cpu/lanes.h"
#include "nn/cpu/pack.h"
#include "nn/layers.h"
#include "nn/op.h"

#include <math.h>
#include <stdbool.h>

typedef struct fixture {
    bn_pack_store *packs;
    bn_graph *graph;
} fixture;

static fixture open_graph(bn_type type, int threads)
{
    bn_error err = {0};
    fixture f = {0};
    assert_ok(bn_pack_store_create(&f.packs, &err), err);
    const bn_graph_options options = {.type = type, .isa = test_isa(), .threads = threads, .packs = f.packs};
    assert_ok(bn_graph_create(&options, &f.graph, &err), err);
    return f;
}

static void close_graph(fixture *f)
{
    bn_graph_destroy(&f->graph);
    bn_pack_store_destroy(&f->packs);
}

static void run(fixture *f)
{
    bn_error err = {0};
    assert_ok(bn_graph_run(f->graph, NULL, NULL, &err), err);
}

static void memory_is_shared_by_maps_that_do_not_meet(void **state)
{
    (void)state;
    bn_error err = {0};
    fixture f = open_graph(BN_F32, 1);
    test_source w = make_source("square", 64 * 64, 64);
    bn_map x = bn_graph_map(f.graph, 16, 16, 64, BN_F32);
    bn_graph_input(f.graph, x);
    const bn_map first = x;
    for (int i = 0; i < 20; i++) x = bn_layer_linear(f.graph, x, 64, &w.source, BN_RELU, BN_F32);
    bn_graph_keep(f.graph, x);
    assert_ok(bn_graph_finish(f.graph, &err), err);
    const size_t map_bytes = 16 * 16 * 64 * sizeof(float);
    assert_true(bn_graph_arena_bytes(f.graph) <= bn_size_round_up(4 * map_bytes, (size_t)1 << 21));
    for (int round = 0; round < 2; round++) { /* what a run leaves behind must not matter to the next */
        float *in = bn_graph_data(f.graph, first);
        for (int i = 0; i < 16 * 16 * 64; i++) in[i] = 1;
        run(&f);
        static float before[16 * 16 * 64];
        if (round) assert_memory_equal(before, bn_graph_data(f.graph, x), sizeof before);
        memcpy(before, bn_graph_data(f.graph, x), sizeof before);
    }
    close_graph(&f);
}

static void resizing_twice_in_one_step_is_resizing_twice(void **state)
{
    (void)state;
    bn_error err = {0};
    fixture f = open_graph(BN_F32, 2);
    const bn_map x = bn_graph_map(f.graph, 6, 10, 24, BN_F32),
                 between = bn_graph_map(f.graph, 12, 20, 24, BN_F32);
    const bn_map twice = bn_graph_map(f.graph, 3, 5, 24, BN_F32),
                 once = bn_graph_map(f.graph, 3, 5, 24, BN_F32);
    bn_graph_input(f.graph, x);
    bn_layer_resize_into(f.graph, x, between, 0, 0, NULL, false);
    bn_layer_resize_into(f.graph, between, twice, 0, 0, NULL, false);
    bn_layer_resize_into(f.graph, x, once, 12, 20, NULL, false);
    bn_graph_keep(f.graph, twice);
    bn_graph_keep(f.graph, once);
    assert_ok(bn_graph_finish(f.graph, &err), err);
    bn_seeded_fill("resize", 1, 0, 1, 0, bn_graph_data(f.graph, x), 6 * 10 * 24);
    run(&f);
    const float *a = bn_graph_data(f.graph, twice), *c = bn_graph_data(f.graph, once);
    double spread = 0;
    for (int i = 0; i < 3 * 5 * 24; i++) {
        assert_true(fabsf(a[i] - c[i]) < 1e-6f);
        spread += fabsf(a[i]);
    }
    assert_true(spread > 1);
    close_graph(&f);
}

/* A picture of all layers with own threads: windows with shift, perceptron, deformable branches. */
static void run_mixture(bn_type type, int threads, float *out)
{
    enum { H = 20, W = 26, C = 32 };
    bn_error err = {0};
    fixture f = open_graph(type, threads);
    test_source norm = make_source("norm", C, C), qkv = make_source("qkv", 3 * C * C, 3 * C);
    test_source table = make_source("table", 13 * 13 * 1, 0), proj = make_source("proj", C * C, C);
    test_source fc1 = make_source("fc1", 4 * C * C, 4 * C), fc2 = make_source("fc2", 4 * C * C, C);
    test_source offsets = make_source("offsets", 32 * C * 9, 32),
                deform = make_source("deform", 16 * 9 * C, 16);
    test_source pool = make_source("pool", 16 * C, 16), merge = make_source("merge", 8 * 16, 8);
    const bn_map x = bn_graph_map(f.graph, H, W, C, BN_F32);
    bn_graph_input(f.graph, x);
    bn_layer_window_attention(
        f.graph, x,
        (bn_window_attention_params){7, 3, 1, 1e-5f, &norm.source, &qkv.source, &table.source, &proj.source});
    bn_layer_mlp(f.graph, x, (bn_mlp_params){4 * C, 1e-5f, &norm.source, &fc1.source, &fc2.source});
    const bn_map y = bn_layer_norm(f.graph, x, 1e-5f, &norm.source, type);
    const bn_map numbers = bn_layer_conv(
        f.graph, y, (bn_conv_params){.out = 32, .kernel = 3, .stride = 1, .pad = 1, .type = BN_F32},
        &offsets.source);
    const bn_map bias = bn_layer_pooled_bias(f.graph, y, 16, 8, &pool.source, &merge.source);
    bn_deform_params params = {
        .branches = 1, .width = 16, .out = 8, .merge = &merge.source, .merge_bias = bias};
    params.branch[0] = (bn_deform_branch){3, numbers, 0, 18, &deform.source};
    const bn_map z = bn_layer_deform(f.graph, y, &params);
    bn_graph_keep(f.graph, z);
    assert_ok(bn_graph_finish(f.graph, &err), err);
    bn_seeded_fill("mixture", 1, 0, 1, 0, bn_graph_data(f.graph, x), (size_t)H * W * C);
    run(&f);
    memcpy(out, bn_graph_data(f.graph, z), (size_t)H * W * 8 * bn_type_size(type));
    close_graph(&f);
}

static void any_number_of_threads_gives_the_same_bytes(void **state)
{
    (void)state;
    for (bn_type type = BN_F32; type <= (test_isa() >= BN_ISA_AVX512_BF16 ? BN_BF16 : BN_F32); type++) {
        static float one[20 * 26 * 8], more[20 * 26 * 8];
        run_mixture(type, 1, one);
        static const int threads[] = {2, 3, 4, 8, 16};
        for (size_t i = 0; i < BN_COUNT(threads); i++) {
            run_mixture(type, threads[i], more);
            assert_memory_equal(one, more, 20 * 26 * 8 * bn_type_size(type));
        }
    }
}

static void first_error_is_the_one_that_is_told(void **state)
{
    (void)state;
    bn_error err = {0};
    fixture f = open_graph(BN_F32, 1);
    const bn_map x = bn_graph_map(f.graph, 1 << 20, 1 << 20, 1 << 20, BN_F32);
    test_source w = make_source("w", 1, 1);
    bn_layer_linear(f.graph, x, 64, &w.source, BN_LINEAR, BN_F32);
    bn_layer_window_attention(f.graph, x, (bn_window_attention_params){.window = 99});
    assert_int_equal(bn_graph_finish(f.graph, &err), BIREFNET_ERROR_LIMIT);
    assert_non_null(strstr(err.message, "too large"));
    close_graph(&f);
}

static int stop_at_once(void *user, const char *part, double done)
{
    (void)part;
    (void)done;
    return ++*(int *)user == 2;
}

static void a_run_can_be_cancelled_and_repeated(void **state)
{
    (void)state;
    bn_error err = {0};
    fixture f = open_graph(BN_F32, 1);
    test_source w = make_source("w", 16 * 16, 16);
    bn_map x = bn_graph_map(f.graph, 4, 4, 16, BN_F32);
    bn_graph_input(f.graph, x);
    for (int i = 0; i < 3; i++) x = bn_layer_linear(f.graph, x, 16, &w.source, BN_LINEAR, BN_F32);
    bn_graph_keep(f.graph, x);
    assert_ok(bn_graph_finish(f.graph, &err), err);
    int asked = 0;
    assert_int_equal(bn_graph_run(f.graph, stop_at_once, &asked, &err), BIREFNET_ERROR_CANCELLED);
    assert_int_equal(asked, 2);
    run(&f);
    close_graph(&f);
}

/* Says no to the question after the first, which is the one before the operation. */
static void an_operation_can_be_cancelled(bn_map (*layer)(fixture *, bn_map))
{
    bn_error err = {0};
    fixture f = {0};
    assert_ok(bn_pack_store_create(&f.packs, &err), err);
    const bn_graph_options options = {
        .type = BN_F32, .isa = test_isa(), .threads = 1, .packs = f.packs, .ask_ms = 1e-9};
    assert_ok(bn_graph_create(&options, &f.graph, &err), err);
    const bn_map x = bn_graph_map(f.graph, 64, 64, 64, BN_F32);
    bn_graph_input(f.graph, x);
    const bn_map y = layer(&f, x);
    bn_graph_keep(f.graph, y);
    assert_ok(bn_graph_finish(f.graph, &err), err);
    int asked = 0;
    memset(bn_graph_data(f.graph, x), 0, 64 * 64 * 64 * sizeof(float));
    assert_int_equal(bn_graph_run(f.graph, stop_at_once, &asked, &err), BIREFNET_ERROR_CANCELLED);
    assert_int_equal(asked, 2); /* and nobody asks again */
    assert_non_null(strstr(err.message, "cancelled during"));
    run(&f);
    close_graph(&f);
}

static test_source square;

static bn_map add_linear(fixture *f, bn_map x)
{
    square = make_source("square", 64 * 64, 64);
    return bn_layer_linear(f->graph, x, 64, &square.source, BN_LINEAR, BN_F32);
}

static bn_map add_attention(fixture *f, bn_map x)
{
    const bn_map kv = bn_graph_map(f->graph, 8, 8, 128, BN_F32);
    bn_graph_input(f->graph, kv);
    return bn_layer_attention(f->graph, x, kv, 2);
}

/* Long ones take seconds on large maps: a run that nobody waits for must not go on so long. */
static void operations_can_be_cancelled(void **state)
{
    (void)state;
    an_operation_can_be_cancelled(add_linear);
    an_operation_can_be_cancelled(add_attention);
}

/* A map of more than 2^31 elements; only what is touched takes memory. The last pixel is resized to the last pixel. */
static void a_map_of_more_elements_than_an_int_counts_is_read_at_its_end(void **state)
{
    (void)state;
    enum { SIDE = 1024, WIDE = 2100, C = 16 };
    bn_error err = {0};
    fixture f = open_graph(BN_F32, 2);
    const bn_map wide = bn_graph_map(f.graph, SIDE, SIDE, WIDE, BN_BF16),
                 x = bn_map_channels(wide, WIDE - C, C);
    const bn_map small = bn_graph_map(f.graph, 3, 3, C, BN_F32);
    bn_graph_input(f.graph, wide);
    bn_layer_resize_into(f.graph, x, small, 0, 0, NULL, false);
    bn_graph_keep(f.graph, small);
    const bn_status status = bn_graph_finish(f.graph, &err);
    if (status == BIREFNET_ERROR_MEMORY) {
        close_graph(&f);
        skip(); /* 4.4 GB of addresses are not to be had */
    }
    assert_ok(status, err);
    uint16_t *last = (uint16_t *)bn_graph_data(f.graph, x) + ((size_t)SIDE * SIDE - 1) * WIDE;
    for (int i = 0; i < C; i++) last[i] = bn_bf16_round((float)i);
    run(&f);
    const float *out = bn_graph_data(f.graph, small);
    for (int i = 0; i < 8 * C; i++) assert_true(out[i] == 0);
    for (int i = 0; i < C; i++) assert_true(out[8 * C + i] == (float)i);
    close_graph(&f);
}

/* Over a store that only counts, so that it takes no memory. */
static void scratch_is_as_large_as_asked_for(void **state)
{
    (void)state;
    const size_t wanted = (size_t)20 << 30;
    bn_error err = {0};
    fixture f = {0};
    assert_ok(bn_pack_store_create_counting(&f.packs, &err), err);
    const bn_graph_options options = {.type = BN_F32, .isa = test_isa(), .threads = 64, .packs = f.packs};
    assert_ok(bn_graph_create(&options, &f.graph, &err), err);
    const bn_map x = bn_graph_map(f.graph, 4, 4, 4, BN_F32);
    bn_layer_copy_into(f.graph, x, x);
    bn_graph_scratch(f.graph, wanted);
    assert_ok(bn_graph_finish(f.graph, &err), err);
    assert_true(bn_graph_arena_bytes(f.graph) >= wanted);
    bn_graph_destroy(&f.graph);
    assert_ok(bn_graph_create(&options, &f.graph, &err), err);
    bn_layer_copy_into(f.graph, bn_graph_map(f.graph, 4, 4, 4, BN_F32), x);
    bn_graph_scratch(f.graph, SIZE_MAX / 2);
    assert_int_equal(bn_graph_finish(f.graph, &err), BIREFNET_ERROR_LIMIT);
    static const size_t too_much[] = {SIZE_MAX / 2, SIZE_MAX / 64 + 1, SIZE_MAX - 3, SIZE_MAX};
    for (size_t i = 0; i < BN_COUNT(too_much); i++) { /* 64 times this, or rounded up, is small again */
        bn_graph_destroy(&f.graph);
        assert_ok(bn_graph_create(&options, &f.graph, &err), err);
        bn_layer_copy_into(f.graph, bn_graph_map(f.graph, 4, 4, 4, BN_F32), x);
        bn_lane_memory_make(f.graph, too_much[i]);
        assert_int_equal(bn_graph_finish(f.graph, &err), BIREFNET_ERROR_LIMIT);
    }
    close_graph(&f);
}

/* Two loops of 4096 and 300 rows, made for 16 threads, worked out by hand: 64 pieces of 64 rows, 10 of 32 of which the last has 12. */
static void balance_is_what_the_pieces_allow(void **state)
{
    (void)state;
    bn_error err = {0};
    fixture f = open_graph(BN_F32, 16);
    test_source w = make_source("w", 16 * 16, 16);
    for (int i = 0; i < 2; i++) {
        bn_graph_part(f.graph, i ? "small" : "large");
        const bn_map x = bn_graph_map(f.graph, 1, i ? 300 : 4096, 16, BN_F32);
        bn_graph_keep(f.graph, bn_layer_linear(f.graph, x, 16, &w.source, BN_LINEAR, BN_F32));
    }
    assert_ok(bn_graph_finish(f.graph, &err), err);
    assert_float_equal(bn_graph_balance(f.graph, 0, 16), 1, 1e-12);
    assert_float_equal(bn_graph_balance(f.graph, 0, 48), 64.0 / (48 * 2), 1e-12);
    assert_float_equal(bn_graph_balance(f.graph, 1, 1), 300.0 / 320, 1e-12);
    assert_float_equal(bn_graph_balance(f.graph, 1, 4), 300.0 / (4 * 3 * 32), 1e-12);
    assert_float_equal(bn_graph_balance(f.graph, -1, 16), 4396.0 / (16 * (4 * 64 + 32)), 1e-12);
    close_graph(&f);
}

int main(void)
{
    test_isa_hold();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_shared_by_maps_that_do_not_meet),
        cmocka_unit_test(resizing_twice_in_one_step_is_resizing_twice),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bytes),
        cmocka_unit_test(first_error_is_the_one_that_is_told),
        cmocka_unit_test(a_map_of_more_elements_than_an_int_counts_is_read_at_its_end),
        cmocka_unit_test(scratch_is_as_large_as_asked_for),
        cmocka_unit_test(balance_is_what_the_pieces_allow),
        cmocka_unit_test(a_run_can_be_cancelled_and_repeated),
        cmocka_unit_test(operations_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
