/* test_weights.c - the reference's checkpoint files, types and views, seeded tensors, and files that must be refused. */
#include "tests/test.h"

#include "base/file.h"
#include "base/seeded.h"
#include "base/size.h"
#include "weights/weights.h"

#include <math.h>
#include <unistd.h>

static void reference_path(char path[4096], const char *name)
{
    if (!reference_folder()) skip();
    snprintf(path, 4096, "%s/weights/%s", reference_folder(), name);
}

/* Round to the file's type and back, to nearest even: the reference's tensors are uniform(name) in that type. */
static float rounded(float value, bn_dtype dtype)
{
    if (dtype == BN_DTYPE_F32) return value;
    int exponent;
    frexpf(value, &exponent); /* value in [2^(e-1), 2^e) */
    const int digits = dtype == BN_DTYPE_F16 ? 11 : 8;
    const int last = dtype == BN_DTYPE_F16 && exponent - digits < -24 ? -24 : exponent - digits;
    return ldexpf(rintf(ldexpf(value, -last)), last);
}

static void expect_uniform(const bn_weights *weights, const char *name, bn_dtype dtype, size_t count)
{
    bn_error err = {0};
    const bn_weight *weight = bn_weights_find(weights, name);
    if (!weight) fail_msg("no tensor %s", name);
    assert_string_equal(weight->name, name);
    assert_int_equal(weight->dtype, dtype);
    assert_int_equal(weight->count, count);
    float read[100], wanted[100];
    assert_true(count <= BN_COUNT(read));
    assert_ok(bn_weight_read_f32(weight, read, &err), err);
    bn_seeded_fill(name, 21, 0, 1, 0, wanted, count);
    for (size_t i = 0; i < count; i++) {
        const float value = rounded(wanted[i], dtype);
        if (memcmp(&read[i], &value, 4) != 0) fail_msg("%s[%zu] is %a, not %a", name, i, read[i], value);
    }
    bn_weight_forget(weight); /* and the bytes must still be there */
    assert_ok(bn_weight_read_f32(weight, wanted, &err), err);
    assert_memory_equal(read, wanted, 4 * count);
}

static void expect_reference(const char *file, bn_dtype dtype, size_t count)
{
    char path[4096];
    reference_path(path, file);
    bn_error err = {0};
    bn_weights *weights = NULL;
    assert_ok(bn_weights_open(path, &weights, &err), err);
    assert_int_equal(bn_weights_count(weights), count);
    expect_uniform(weights, "bb.alpha.weight", dtype, 15);
    expect_uniform(weights, "bb.alpha.bias", dtype, 7);
    expect_uniform(weights, "decoder.beta.0.weight", dtype, 72);
    const bn_weight *conv = bn_weights_find(weights, "decoder.beta.0.weight");
    const int64_t shape[] = {4, 2, 3, 3};
    assert_int_equal(conv->rank, 4);
    assert_memory_equal(conv->shape, shape, sizeof shape);
    const bn_weight *counter = bn_weights_find(weights, "decoder.beta.1.num_batches_tracked");
    assert_non_null(counter);
    assert_int_equal(counter->dtype, BN_DTYPE_I64);
    assert_int_equal(counter->rank, 0);
    assert_int_equal(counter->count, 1);
    const uint8_t twelve[8] = {12};
    assert_memory_equal(counter->data, twelve, 8);
    float value;
    assert_int_equal(bn_weight_read_f32(counter, &value, &err), BIREFNET_ERROR_UNSUPPORTED);
    assert_null(bn_weights_find(weights, "bb.alpha"));
    assert_string_equal(bn_weights_at(weights, 0)->name, "bb.alpha.weight");
    assert_null(bn_weights_at(weights, count));
    bn_weights_close(&weights);
    assert_null(weights);
}

static void safetensors_of_each_type_are_read(void **state)
{
    (void)state;
    expect_reference("f32.safetensors", BN_DTYPE_F32, 4);
    expect_reference("f16.safetensors", BN_DTYPE_F16, 4);
    expect_reference("bf16.safetensors", BN_DTYPE_BF16, 4);
}

static void torch_files_of_each_kind_are_read(void **state)
{
    (void)state;
    expect_reference("zip-f32.pth", BN_DTYPE_F32, 4);
    expect_reference("zip-f16.pth", BN_DTYPE_F16, 4);
    expect_reference("zip-bf16.pth", BN_DTYPE_BF16, 4);
    expect_reference("zip-prefixed.pth", BN_DTYPE_F32, 4);
    expect_reference("zip-wrapped.pth", BN_DTYPE_F32, 4);
    expect_reference("zip-parameters.pth", BN_DTYPE_F32, 4);
    expect_reference("zip-views.pth", BN_DTYPE_F32, 7);
    expect_reference("legacy-f32.pth", BN_DTYPE_F32, 4);
}

/* One storage uniform("shared") [4,6], seen whole, transposed, and as its rows 1 to 2, columns 2 to 4. */
static void torch_views_of_one_storage_are_read(void **state)
{
    (void)state;
    char path[4096];
    reference_path(path, "zip-views.pth");
    bn_error err = {0};
    bn_weights *weights = NULL;
    float shared[24], read[24];
    bn_seeded_fill("shared", 21, 0, 1, 0, shared, 24);
    assert_ok(bn_weights_open(path, &weights, &err), err);
    const bn_weight *whole = NULL, *transposed = NULL, *part = NULL;
    for (size_t i = 4; i < bn_weights_count(weights); i++) {
        const bn_weight *view = bn_weights_at(weights, i);
        *(view->shape[0] == 4 ? &whole : view->shape[0] == 6 ? &transposed : &part) = view;
    }
    assert_true(whole && transposed && part);
    assert_ok(bn_weight_read_f32(whole, read, &err), err);
    assert_memory_equal(read, shared, sizeof shared);
    assert_ok(bn_weight_read_f32(transposed, read, &err), err);
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 4; j++) assert_memory_equal(&read[4 * i + j], &shared[6 * j + i], 4);
    assert_int_equal(part->count, 6);
    assert_ok(bn_weight_read_f32(part, read, &err), err);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++) assert_memory_equal(&read[3 * i + j], &shared[6 * (i + 1) + j + 2], 4);
    bn_weights_close(&weights);
}

/* Each is refused with FORMAT and a message with the file's name and the words in it. */
static const struct {
    const char *file, *words;
} broken[] = {
    {"bad-empty.safetensors", "is empty"},
    {"bad-header-length.safetensors", "claims a header of 1152921504606846976 bytes"},
    {"bad-json.safetensors", "not valid JSON"},
    {"bad-overlap.safetensors", "tensors bb.alpha.bias and bb.alpha.weight overlap"},
    {"bad-shape-overflow.safetensors", "decoder.beta.0.weight: its shape has more elements"},
    {"bad-truncated.safetensors", "decoder.beta.0.weight ends at byte 376, but only 367"},
    {"bad-not-a-model.pth", "is a web page"},
    {"bad-truncated.pth", "has no directory at its end: the file is truncated"},
    {"evil-reduce.pth", "refuses posix.system"},
};

static void broken_reference_files_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < BN_COUNT(broken); i++) {
        char path[4096];
        reference_path(path, broken[i].file);
        bn_error err = {0};
        bn_weights *weights = NULL;
        if (bn_weights_open(path, &weights, &err) != BIREFNET_ERROR_FORMAT)
            fail_msg("%s: %s", path, err.message);
        assert_null(weights);
        if (!strstr(err.message, path) || !strstr(err.message, broken[i].words))
            fail_msg("'%s' does not say '%s: %s'", err.message, path, broken[i].words);
    }
}

/* A .safetensors file of this header with `size` zero bytes behind it. */
static bn_status open_header(const char *header, size_t size, bn_weights **weights, bn_error *err)
{
    static uint8_t bytes[4096];
    const size_t length = strlen(header);
    assert_true(8 + length + size <= sizeof bytes);
    memset(bytes, 0, sizeof bytes);
    bytes[0] = (uint8_t)length;
    bytes[1] = (uint8_t)(length >> 8);
    memcpy(bytes + 8, header, length);
    return bn_weights_open_memory("memory", bytes, 8 + length + size, weights, err);
}

static void faults_of_safetensors_headers_are_named(void **state)
{
    (void)state;
    const struct {
        const char *header;
        size_t size;
        const char *words;
    } faults[] = {
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12,
         "hole of 4 bytes before tensor a"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 12,
         "4 bytes behind the last tensor"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "do not make the 8 bytes"},
        {"{\"a\":{\"dtype\":\"F99\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "its dtype is not one"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "not a size"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "not two rising numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,9]}}", 8, "not two rising numbers"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},"
         "\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[1,2]}}",
         2, "two tensors are named a"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},"
         "\"module.a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[1,2]}}",
         2, "two tensors are named a"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1,
         "8 dimensions"},
        {"{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, "JSON"},
        {"{\"\\u001b[31m\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,2]}}", 2,
         "tensor ?[31m: its type"},
        {"{\"a\":[]}", 0, "not described by an object"},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1,
         "has two dtypes"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}", 1, "not a size"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[01],\"data_offsets\":[0,1]}}", 1, "a zero in front"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[99999999999999999999],\"data_offsets\":[0,1]}}", 1,
         "not a size"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[]}}", 1, "has no data_offsets"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},}", 1, "not valid JSON"},
        {"{\"\xC0\x80\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, "not UTF-8"},
        {"{\"\\ud800\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, "surrogate"},
        {"{} x", 0, "something behind the end"},
        {"{\"a\"", 0, "a colon is missing"},
        {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "a key twice"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "not a string"},
        {"{\"__metadata__\":[]}", 0, "not an object"},
    };
    for (size_t i = 0; i < BN_COUNT(faults); i++) {
        bn_error err = {0};
        bn_weights *weights = NULL;
        assert_int_equal(open_header(faults[i].header, faults[i].size, &weights, &err),
                         BIREFNET_ERROR_FORMAT);
        if (strncmp(err.message, "memory: ", 8) != 0 || !strstr(err.message, faults[i].words))
            fail_msg("'%s' does not say '%s'", err.message, faults[i].words);
    }
}

static void safetensors_metadata_and_odd_tensors_are_kept(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_weights *weights = NULL;
    assert_ok(open_header(
                  "{\"__metadata__\":{\"format\":\"pt\",\"birefnet.width\":\"640\"},"
                  "\"_orig_mod.module._orig_mod.x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                  "\"none\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[4,4]},"
                  "\"double\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[4,20]}}",
                  20, &weights, &err),
              err);
    assert_string_equal(bn_weights_metadata(weights, "birefnet.width"), "640");
    assert_null(bn_weights_metadata(weights, "width"));
    assert_string_equal(bn_weights_at(weights, 0)->name, "x");
    assert_int_equal(bn_weights_find(weights, "none")->count, 0);
    assert_ok(bn_weight_read_f32(bn_weights_find(weights, "none"), NULL, &err), err);
    float values[2];
    assert_int_equal(bn_weight_read_f32(bn_weights_find(weights, "double"), values, &err),
                     BIREFNET_ERROR_UNSUPPORTED);
    for (size_t i = 0; i < 3; i++)
        bn_weight_forget(bn_weights_at(weights, i)); /* not mapped: nothing happens */
    bn_weights_close(&weights);
}

/* All 65536 halves against their definition, from an odd address. */
static void every_half_and_bfloat_is_exact(void **state)
{
    (void)state;
    uint8_t *bytes = malloc(2 * 65536 + 1);
    float *read = malloc(65536 * sizeof *read);
    for (unsigned i = 0; i < 65536; i++) {
        bytes[1 + 2 * i] = (uint8_t)i;
        bytes[2 + 2 * i] = (uint8_t)(i >> 8);
    }
    bn_error err = {0};
    bn_weight weight = {.name = "half",
                        .dtype = BN_DTYPE_F16,
                        .rank = 1,
                        .shape = {65536},
                        .stride = {1},
                        .count = 65536,
                        .data = bytes + 1};
    assert_ok(bn_weight_read_f32(&weight, read, &err), err);
    for (unsigned i = 0; i < 65536; i++) {
        const int exponent = i >> 10 & 31, fraction = i & 1023;
        const float size = exponent == 31  ? (fraction ? NAN : INFINITY)
                           : exponent == 0 ? ldexpf((float)fraction, -24)
                                           : ldexpf((float)(1024 + fraction), exponent - 25);
        const float value = i >> 15 ? -size : size;
        if (isnan(value) ? !isnan(read[i]) : memcmp(&value, &read[i], 4) != 0)
            fail_msg("half %04x is read as %a, not %a", i, read[i], value);
    }
    weight.dtype = BN_DTYPE_BF16;
    assert_ok(bn_weight_read_f32(&weight, read, &err), err);
    for (uint32_t i = 0; i < 65536; i++) {
        const uint32_t bits = i << 16;
        assert_memory_equal(&bits, &read[i], 4);
    }
    free(bytes);
    free(read);
}

/* A view of each type: element [i][j][k] of a [5][4][3] tensor with its axes swapped and offset. */
static void strided_views_are_read_in_order(void **state)
{
    (void)state;
    uint16_t storage[60];
    for (uint16_t i = 0; i < 60; i++) storage[i] = (uint16_t)(0x3f80 + i); /* bfloat16 1.0 and up */
    bn_error err = {0};
    const bn_weight view = {.name = "view",
                            .dtype = BN_DTYPE_BF16,
                            .rank = 3,
                            .shape = {3, 2, 4},
                            .stride = {1, 12, 3},
                            .count = 24,
                            .data = (const uint8_t *)(storage + 12)};
    float read[24];
    assert_ok(bn_weight_read_f32(&view, read, &err), err);
    assert_null(bn_weight_borrow_f32(&view));
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 2; j++)
            for (int k = 0; k < 4; k++) {
                const uint32_t bits = (uint32_t)storage[12 + i + 12 * j + 3 * k] << 16;
                assert_memory_equal(&bits, &read[(i * 2 + j) * 4 + k], 4);
            }
}

static void only_plain_aligned_floats_are_lent(void **state)
{
    (void)state;
    _Alignas(16) static const float storage[6] = {1, 2, 3, 4, 5, 6};
    bn_weight weight = {.name = "w",
                        .rank = 3,
                        .shape = {2, 1, 3},
                        .stride = {3, 99, 1},
                        .count = 6,
                        .data = (const uint8_t *)storage};
    assert_ptr_equal(bn_weight_borrow_f32(&weight), storage); /* the stride of a size of 1 does not matter */
    weight.stride[0] = 4;
    assert_null(bn_weight_borrow_f32(&weight));
    weight.stride[0] = 3;
    weight.data++;
    assert_null(bn_weight_borrow_f32(&weight));
}

/* The scales that the reference's rule gives for one name of each kind. */
static void seeded_tensors_follow_the_rule(void **state)
{
    (void)state;
    const struct {
        const char *name;
        int rank;
        int64_t shape[4];
        float scale, offset;
    } cases[] = {
        {"bb.norm.running_var", 1, {6}, 0.25f, 1},
        {"bb.norm.running_mean", 1, {6}, 0.1f, 0},
        {"bb.layers.0.attn.relative_position_bias_table", 2, {529, 3}, 0.5f, 0},
        {"decoder.conv.bias", 1, {6}, 0.1f, 0},
        {"decoder.aspp.offset_conv.bias", 1, {6}, 1, 0},
        {"bb.norm.weight", 1, {6}, 0.1f, 1},
        {"decoder.conv.weight", 4, {6, 4, 3, 3}, 0.28867513f, 0},            /* sqrt(3 / 36) */
        {"decoder.aspp.offset_conv.weight", 4, {6, 4, 3, 3}, 0.4330127f, 0}, /* 1.5 times that */
        {"decoder.conv_out1.0.weight", 4, {1, 12, 1, 1}, 1, 0},              /* 2 * sqrt(3 / 12) */
    };
    bn_error err = {0};
    bn_weights *weights = NULL;
    assert_ok(bn_weights_create_seeded(4, &weights, &err), err);
    const bn_weight *first = NULL;
    for (size_t i = 0; i < BN_COUNT(cases); i++) {
        assert_ok(bn_weights_add_seeded(weights, cases[i].name, cases[i].rank, cases[i].shape, &err), err);
        if (i == 0) first = bn_weights_at(weights, 0);
    }
    assert_ptr_equal(first, bn_weights_at(weights, 0)); /* pointers stay good */
    for (size_t i = 0; i < BN_COUNT(cases); i++) {
        const bn_weight *weight = bn_weights_find(weights, cases[i].name);
        assert_ptr_equal(weight, bn_weights_at(weights, i));
        assert_memory_equal(&weight->scale, &cases[i].scale, 4);
        assert_memory_equal(&weight->offset, &cases[i].offset, 4);
        float read[2000], wanted[2000];
        assert_ok(bn_weight_read_f32(weight, read, &err), err);
        bn_seeded_fill(cases[i].name, 4, 0, cases[i].scale, cases[i].offset, wanted, weight->count);
        assert_memory_equal(read, wanted, 4 * weight->count);
    }
    assert_int_equal(bn_weights_add_seeded(weights, "bb.norm.weight", 1, (int64_t[]){6}, &err),
                     BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(bn_weights_add_seeded(weights, "huge", 2, (int64_t[]){INT64_MAX, 4}, &err),
                     BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(bn_weights_count(weights), BN_COUNT(cases));
    bn_weights_close(&weights);
}

static void missing_files_and_other_files_are_named(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_weights *weights = NULL;
    assert_int_equal(bn_weights_open("/nonexistent/model.safetensors", &weights, &err),
                     BIREFNET_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nonexistent/model.safetensors"));
    const char pointer[] = "version https://git-lfs.example/spec/v1\noid sha256:00\n";
    assert_int_equal(bn_weights_open_memory("x", pointer, sizeof pointer, &weights, &err),
                     BIREFNET_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "x: is a git-lfs pointer"));
    assert_int_equal(bn_weights_open_memory("x", "GGUF....", 8, &weights, &err), BIREFNET_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "neither a .safetensors nor a .pth"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_of_each_type_are_read),
        cmocka_unit_test(torch_files_of_each_kind_are_read),
        cmocka_unit_test(torch_views_of_one_storage_are_read),
        cmocka_unit_test(broken_reference_files_are_refused_by_name),
        cmocka_unit_test(faults_of_safetensors_headers_are_named),
        cmocka_unit_test(safetensors_metadata_and_odd_tensors_are_kept),
        cmocka_unit_test(every_half_and_bfloat_is_exact),
        cmocka_unit_test(strided_views_are_read_in_order),
        cmocka_unit_test(only_plain_aligned_floats_are_lent),
        cmocka_unit_test(seeded_tensors_follow_the_rule),
        cmocka_unit_test(missing_files_and_other_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
