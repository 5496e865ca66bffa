/* test_balance.c - pieces of layers are enough for machines of many cores: counted, not timed. */
#include "tests/level.h"
#include "tests/test.h"

#include "base/size.h"
#include "model/model.h"
#include "nn/cpu/pack.h"

/* The network of a seeded model for pictures of side x side pixels, over a store that only counts. */
static bn_graph *count_network(const char *path, int side, int threads, bn_pack_store **packs)
{
    bn_error err = {0};
    birefnet_model *model = NULL;
    bn_graph *graph = NULL;
    bn_params *params = NULL;
    const birefnet_model_options how = {.precision = BIREFNET_PRECISION_F32,
                                        .max_isa = bn_isa_name(test_isa())};
    assert_ok(birefnet_model_open(path, &how, &model, &err), err);
    assert_ok(bn_pack_store_create_counting(packs, &err), err);
    const bn_graph_options options = {.type = BN_F32, .isa = test_isa(), .threads = threads, .packs = *packs};
    assert_ok(bn_graph_create(&options, &graph, &err), err);
    assert_ok(bn_params_create(model->weights, &model->arch, graph, &params, &err), err);
    bn_network net = {.graph = graph, .arch = &model->arch, .params = params};
    bn_network_build(&net, bn_layer_input(graph, side, side));
    assert_ok(bn_graph_finish(graph, &err), err);
    bn_params_destroy(&params);
    birefnet_model_close(&model);
    return graph;
}

static void one_picture_keeps_many_threads_busy(void **state)
{
    (void)state;
    static const char *const models[] = {"seeded:gen3-swin_v1_l:1", "seeded:gen3-swin_v1_t:1",
                                         "seeded:gen3-pvt_v2_b1:1"};
    static const int threads[] = {2, 14, 16, 64};
    static const double least[] = {0.99, 0.85, 0.95, 0.7}; /* of the whole network */
    for (size_t m = 0; m < BN_COUNT(models); m++) {
        bn_pack_store *packs = NULL;
        bn_graph *graph = count_network(models[m], 1024, 16, &packs);
        for (size_t t = 0; t < BN_COUNT(threads); t++) {
            const double whole = bn_graph_balance(graph, -1, threads[t]);
            print_message("%s, %d threads: %.1f %%;", models[m], threads[t], 100 * whole);
            for (int p = 0; p < bn_graph_parts(graph); p++) {
                const double part = bn_graph_balance(graph, p, threads[t]);
                print_message(" %s %.0f", bn_graph_part_stats(graph, p).name, 100 * part);
                if (threads[t] == 16) assert_true(part >= 0.7);
            }
            print_message("\n");
            assert_true(whole >= least[t] && whole <= 1);
        }
        bn_graph_destroy(&graph);
        bn_pack_store_destroy(&packs);
    }
}

/* Few threads get larger pieces of float32 products that are ours. */
static void one_picture_keeps_few_threads_busy(void **state)
{
    (void)state;
    static const char *const models[] = {"seeded:gen3-swin_v1_l:1", "seeded:gen3-swin_v1_t:1"};
    for (size_t m = 0; m < BN_COUNT(models); m++)
        for (int threads = 2; threads <= 4; threads++) {
            bn_pack_store *packs = NULL;
            bn_graph *graph = count_network(models[m], 1024, threads, &packs);
            const double whole = bn_graph_balance(graph, -1, threads);
            print_message("%s, made for %d threads: %.1f %%\n", models[m], threads, 100 * whole);
            assert_true(whole >= 0.9 && whole <= 1);
            bn_graph_destroy(&graph);
            bn_pack_store_destroy(&packs);
        }
}

int main(void)
{
    test_isa_hold();
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_picture_keeps_many_threads_busy),
                                       cmocka_unit_test(one_picture_keeps_few_threads_busy)};
    return cmocka_run_group_tests_name("balance", tests, NULL, NULL);
}
