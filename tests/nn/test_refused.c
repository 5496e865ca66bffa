/* test_refused.c - a product that oneDNN cannot make is an error that names layer and shape. oneDNN is held to AVX2,
 * where it has no bf16, for the whole process: hence a program of its own. */
#include "tests/test.h"

#include "nn/cpu/engine.h"
#include "nn/cpu/product.h"

static bn_status load_nothing(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)source, (void)bias, (void)err;
    for (int i = 0; weight && i < 32 * 48; i++) weight[i] = 1;
    return BIREFNET_OK;
}

static bn_source named(const char *key)
{
    bn_source made = {.load = load_nothing};
    snprintf(made.key, sizeof made.key, "%s", key);
    return made;
}

static void a_bf16_matrix_product(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_pack_store *packs = NULL;
    bn_product *product = NULL;
    assert_ok(bn_pack_store_create(&packs, &err), err);
    const bn_source source = named("bb.layers.2.blocks.0.mlp.fc1");
    bn_matmul_shape shape = {.rows = 64,
                             .in = 32,
                             .out = 48,
                             .src_type = BN_BF16,
                             .dst_type = BN_BF16,
                             .src_stride = 32,
                             .dst_stride = 48,
                             .lanes = 1};
    assert_int_equal(bn_matmul_create(packs, &shape, &source, &product, &err), BIREFNET_ERROR_UNSUPPORTED);
    assert_null(product);
    assert_non_null(strstr(err.message, "bb.layers.2.blocks.0.mlp.fc1: 64x32 -> 48, bf16"));
    shape.src_type = shape.dst_type = BN_F32;
    assert_ok(bn_matmul_create(packs, &shape, &source, &product, &err), err);
    bn_product_destroy(&product);
    bn_pack_store_destroy(&packs);
}

static void a_bf16_convolution(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_pack_store *packs = NULL;
    bn_product *product = NULL;
    assert_ok(bn_pack_store_create(&packs, &err), err);
    const bn_source source = named("decoder.conv_out1");
    const bn_conv_shape shape = {.h = 20,
                                 .w = 30,
                                 .in = 16,
                                 .out = 8,
                                 .kernel = 3,
                                 .stride = 1,
                                 .pad_top = 1,
                                 .pad_bottom = 1,
                                 .pad_side = 1,
                                 .src_type = BN_BF16,
                                 .dst_type = BN_F32};
    assert_int_equal(bn_conv_create(packs, &shape, &source, &product, &err), BIREFNET_ERROR_UNSUPPORTED);
    assert_null(product);
    assert_non_null(strstr(err.message, "decoder.conv_out1: 3x3 convolution of 20x30x16 -> 8, bf16"));
    bn_pack_store_destroy(&packs);
}

int main(void)
{
    bn_error err = {0};
    if (bn_engine_hold(BN_ISA_AVX2, &err) != BIREFNET_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bf16_matrix_product),
        cmocka_unit_test(a_bf16_convolution),
    };
    return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
