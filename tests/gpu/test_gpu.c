/* test_gpu.c - devices, memory and lists of kernel calls, on the driver that computes on the CPU. */
#include "gpu/gpu.h"
#include "gpu/tile_speeds.h"
#include "gpu/spirv.h"

#include "base/half.h"
#include "base/size.h"
#include "nn/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/gpu/device.h"

static bn_error err;
#define OK(expression)                                                                                       \
    do {                                                                                                     \
        if ((expression) != BIREFNET_OK) fail_msg("%s", err.message);                                        \
    } while (0)

static int open_device(void **state)
{
    *state = NULL;
    if (test_device_index() >= 0) *state = test_device_open();
    return 0;
}

static int close_device(void **state)
{
    bn_gpu_close((bn_gpu **)state);
    return 0;
}

static bn_gpu *device(void **state)
{
    if (!*state) skip();
    return *state;
}

static void test_facts(void **state)
{
    const bn_gpu_facts *facts = bn_gpu_facts_of(device(state));
    print_message(
        "%s | %s | %.1f GiB, %.1f free | half %d, matrix %d (%d x %d x %d), subgroup %d, shared %d\n",
        facts->name, facts->driver, (double)facts->memory_bytes / 0x1p30, (double)facts->free_bytes / 0x1p30,
        facts->half, facts->matrix, facts->matrix_m, facts->matrix_n, facts->matrix_k, facts->subgroup,
        facts->shared_bytes);
    assert_true(facts->name[0] && facts->driver[0]);
    assert_true(facts->memory_bytes > 0 && facts->free_bytes <= facts->memory_bytes);
    assert_true(facts->subgroup >= 1 && facts->shared_bytes >= 16384);
    assert_true(!facts->matrix || (facts->matrix_m > 0 && facts->matrix_n > 0 && facts->matrix_k > 0));
    bn_gpu *none = NULL;
    assert_int_equal(bn_gpu_open(1000, &none, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_null(none);
}

/* Sizes around those of the staging blocks, at odd places; what lies beside stays. */
static void test_upload_download(void **state)
{
    bn_gpu *gpu = device(state);
    const size_t block = 16u << 20, sizes[] = {0, 1, 3, 4097, block - 1, block, block + 1, 3 * block + 5};
    const size_t room = 4 * block;
    unsigned char *sent = malloc(room), *got = malloc(room);
    assert_true(sent && got);
    bn_gpu_buffer *buffer;
    OK(bn_gpu_buffer_create(gpu, room, &buffer, &err));
    uint32_t seed = 7;
    for (size_t i = 0; i < room; i++) sent[i] = (unsigned char)((seed = seed * 1664525u + 1013904223u) >> 24);
    for (size_t i = 0; i < BN_COUNT(sizes); i++) {
        const size_t at = 2 * i + 1, bytes = sizes[i];
        memset(got, 0xEE, room);
        OK(bn_gpu_upload(buffer, 0, got, room, &err));
        OK(bn_gpu_upload(buffer, at, sent, bytes, &err));
        OK(bn_gpu_download(buffer, 0, got, room, &err));
        assert_memory_equal(got + at, sent, bytes);
        assert_int_equal(got[at - 1], 0xEE);
        assert_int_equal(got[at + bytes], 0xEE);
        memset(got, 0, bytes + 1);
        OK(bn_gpu_download(buffer, at, got, bytes, &err));
        assert_memory_equal(got, sent, bytes);
        assert_int_equal(got[bytes], 0);
    }
    assert_int_equal(bn_gpu_upload(buffer, room - 1, sent, 2, &err), BIREFNET_ERROR_INTERNAL);
    assert_int_equal(bn_gpu_download(buffer, SIZE_MAX, got, 2, &err), BIREFNET_ERROR_INTERNAL);
    bn_gpu_buffer_destroy(&buffer);
    free(sent);
    free(got);
}

static void test_memory_is_refused(void **state)
{
    bn_gpu *gpu = device(state);
    bn_gpu_buffer *buffer = NULL;
    assert_int_equal(bn_gpu_buffer_create(gpu, (size_t)1 << 60, &buffer, &err), BIREFNET_ERROR_MEMORY);
    assert_null(buffer);
    assert_non_null(strstr(err.message, bn_gpu_facts_of(gpu)->name));
    assert_non_null(strstr(err.message, "GiB are free"));
}

/* ---- the copy kernel ------------------------------------------------------------------------------------------------ */

enum {
    PIXELS = 37,
    CHANNELS = 5,
    FROM_STRIDE = 9,
    TO_STRIDE = 7,
    PICTURES = 3,
    FROM_STEP = 400,
    TO_STEP = 300,
    GUARD = 64
};

/* Element i of numbers of that type. */
static void put(void *numbers, bn_type type, size_t i, float value)
{
    if (type == BN_F16)
        ((uint16_t *)numbers)[i] = bn_half_round(value);
    else
        ((float *)numbers)[i] = value;
}

static float take(const void *numbers, bn_type type, size_t i)
{
    return type == BN_F16 ? bn_half_widen(((const uint16_t *)numbers)[i]) : ((const float *)numbers)[i];
}

static bn_gpu_call copy_call(bn_gpu_buffer *from, bn_type from_type, bn_gpu_buffer *to, bn_type to_type)
{
    return (bn_gpu_call){.kernel = BN_GPU_COPY,
                         .groups = {(PIXELS * CHANNELS + 255) / 256, 1, PICTURES},
                         .span = {{from, 0}, {to, GUARD}},
                         .step = {FROM_STEP, TO_STEP},
                         .number = {PIXELS, CHANNELS, FROM_STRIDE, TO_STRIDE},
                         .constant = {from_type, to_type}};
}

static float copied_value(size_t picture, size_t pixel, size_t channel)
{
    const float wide[] = {0.0f, -0.0f, 1.0f / 3.0f, 65504.0f, -1e6f, 1e30f, 6e-8f, 1234.5f};
    const size_t i = picture * 1000 + pixel * 7 + channel;
    return wide[i % BN_COUNT(wide)] * (1.0f + (float)(i % 5));
}

static float saturated(float value)
{
    return value > 65504.0f ? 65504.0f : value < -65504.0f ? -65504.0f : value;
}

static void copy_and_compare(bn_gpu *gpu, bn_type from_type, bn_type to_type)
{
    float from[PICTURES * FROM_STEP], to[PICTURES * TO_STEP + GUARD];
    memset(from, 0x7F, sizeof from);
    memset(to, 0x5A, sizeof to);
    for (size_t z = 0; z < PICTURES; z++)
        for (size_t p = 0; p < PIXELS; p++)
            for (size_t c = 0; c < CHANNELS; c++) {
                const float value = copied_value(z, p, c);
                put(from, from_type, z * FROM_STEP + p * FROM_STRIDE + c,
                    from_type == BN_F16 ? saturated(value) : value);
            }
    bn_gpu_buffer *in, *out;
    OK(bn_gpu_buffer_create(gpu, sizeof from, &in, &err));
    OK(bn_gpu_buffer_create(gpu, sizeof to, &out, &err));
    OK(bn_gpu_upload(in, 0, from, sizeof from, &err));
    OK(bn_gpu_upload(out, 0, to, sizeof to, &err));
    bn_gpu_list *list;
    OK(bn_gpu_list_create(gpu, &list, &err));
    const bn_gpu_call call = copy_call(in, from_type, out, to_type);
    OK(bn_gpu_list_call(list, &call, &err));
    OK(bn_gpu_list_end(list, &err));
    OK(bn_gpu_list_run(list, NULL, NULL, &err));
    unsigned char got[sizeof to], untouched[sizeof to];
    OK(bn_gpu_download(out, 0, got, sizeof got, &err));
    memset(untouched, 0x5A, sizeof untouched);
    const size_t size = to_type == BN_F16 ? 2 : 4;
    for (size_t z = 0; z < PICTURES; z++)
        for (size_t p = 0; p < PIXELS; p++)
            for (size_t c = 0; c < CHANNELS; c++) {
                const size_t at = z * TO_STEP + p * TO_STRIDE + c;
                float want = copied_value(z, p, c);
                if (from_type == BN_F16) want = bn_half_widen(bn_half_round(saturated(want)));
                if (to_type == BN_F16) want = bn_half_widen(bn_half_round(saturated(want)));
                const float value = take(got + GUARD, to_type, at);
                assert_memory_equal(&value, &want, sizeof value);
                memset(got + GUARD + at * size, 0x5A, size);
            }
    assert_memory_equal(got, untouched, sizeof got); /* nothing else was written */
    bn_gpu_list_destroy(&list);
    bn_gpu_buffer_destroy(&in);
    bn_gpu_buffer_destroy(&out);
}

static void test_copy(void **state)
{
    bn_gpu *gpu = device(state);
    const bn_type types[] = {BN_F32, BN_F16};
    for (int from = 0; from < 2; from++)
        for (int to = 0; to < 2; to++) copy_and_compare(gpu, types[from], types[to]);
}

/* A chain through many parts: each call sees what the one before wrote, in one part and in the next, and again when the list
 * runs again. */
static void test_parts_in_order(void **state)
{
    bn_gpu *gpu = device(state);
    enum { LINKS = 12, COUNT = 1000 };
    bn_gpu_buffer *buffer;
    OK(bn_gpu_buffer_create(gpu, (LINKS + 1) * COUNT * sizeof(float), &buffer, &err));
    bn_gpu_list *list;
    OK(bn_gpu_list_create(gpu, &list, &err));
    for (size_t i = 0; i < LINKS; i++) {
        if (i % 3 == 0)
            OK(bn_gpu_list_part(list, "some", &err));
        else
            bn_gpu_list_barrier(list);
        const bn_gpu_call call = {.kernel = BN_GPU_COPY,
                                  .groups = {(COUNT + 255) / 256, 1, 1},
                                  .span = {{buffer, i * COUNT * 4}, {buffer, (i + 1) * COUNT * 4}},
                                  .number = {COUNT, 1, 1, 1}};
        OK(bn_gpu_list_call(list, &call, &err));
    }
    OK(bn_gpu_list_end(list, &err));
    for (int run = 0; run < 3; run++) {
        float sent[COUNT], got[COUNT];
        for (int i = 0; i < COUNT; i++) sent[i] = (float)(i * (run + 1));
        OK(bn_gpu_upload(buffer, 0, sent, sizeof sent, &err));
        OK(bn_gpu_list_run(list, NULL, NULL, &err));
        OK(bn_gpu_download(buffer, LINKS * COUNT * 4, got, sizeof got, &err));
        assert_memory_equal(got, sent, sizeof sent);
        for (int part = 0; part < 4; part++) assert_true(bn_gpu_list_part_ms(list, part) > 0.0);
    }
    bn_gpu_list_destroy(&list);
    bn_gpu_buffer_destroy(&buffer);
}

/* More groups than the device takes: an error, not what its driver makes of it. */
static void test_too_many_groups(void **state)
{
    bn_gpu *gpu = device(state);
    bn_gpu_list *list;
    OK(bn_gpu_list_create(gpu, &list, &err));
    bn_gpu_call call = {.kernel = BN_GPU_COPY, .groups = {1, UINT32_MAX, 1}};
    assert_int_equal(bn_gpu_list_call(list, &call, &err), BIREFNET_ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "kernel copy: 4294967295 groups along y"));
    call.groups[1] = 1;
    OK(bn_gpu_list_call(list, &call, &err));
    assert_int_equal(bn_gpu_list_run(list, NULL, NULL, &err), BIREFNET_ERROR_INTERNAL); /* it has no end */
    bn_gpu_list_destroy(&list);
}

/* What kernels ask of a device is what opening it asks for (vk_physical.c: lack_of, vk_device.c: make_wishes). */
static void test_capabilities(void **state)
{
    (void)state;
    enum {
        CAPABILITY = 17,
        SHADER = 1,
        FLOAT16 = 9,
        NON_UNIFORM = 61,
        STORAGE16 = 4433,
        MEMORY_MODEL = 5345,
        ADDRESSES = 5347,
        MATRIX = 6022
    };
    const uint32_t plain[] = {SHADER, STORAGE16, ADDRESSES};
    const uint32_t matrix[] = {SHADER, STORAGE16, ADDRESSES, FLOAT16, NON_UNIFORM, MEMORY_MODEL, MATRIX};
    for (int kernel = 0; kernel < BN_GPU_KERNEL_COUNT; kernel++) {
        const bn_spirv *code = &bn_spirv_table[kernel];
        const bool is_matrix = strncmp(code->name, "matrix_", 7) == 0;
        const uint32_t *allowed = is_matrix ? matrix : plain;
        const size_t count = is_matrix ? BN_COUNT(matrix) : BN_COUNT(plain);
        assert_int_equal(code->words[0], 0x07230203);
        for (size_t at = 5; at < code->bytes / 4; at += code->words[at] >> 16) {
            if ((code->words[at] & 0xFFFF) != CAPABILITY) break; /* they come first */
            bool found = false;
            for (size_t i = 0; i < count; i++) found = found || allowed[i] == code->words[at + 1];
            if (!found) fail_msg("%s asks for capability %u", code->name, code->words[at + 1]);
        }
    }
}

static int stop_at(void *user, int part)
{
    return part == *(int *)user;
}

static void test_cancelled(void **state)
{
    bn_gpu *gpu = device(state);
    bn_gpu_list *list;
    OK(bn_gpu_list_create(gpu, &list, &err));
    for (int i = 0; i < 5; i++) OK(bn_gpu_list_part(list, "empty", &err));
    OK(bn_gpu_list_end(list, &err));
    for (int part = 0; part < 5; part++)
        assert_int_equal(bn_gpu_list_run(list, stop_at, &part, &err), BIREFNET_ERROR_CANCELLED);
    OK(bn_gpu_list_run(list, NULL, NULL, &err));
    bn_gpu_list_destroy(&list);
}

static void test_plain_speed(void **state)
{
    (void)state;
    bn_gpu *gpu = test_device_open();
    float worth = 0;
    if (bn_gpu_plain_speed(gpu, 130, 70, 40, &worth, &err) != BIREFNET_OK) fail_msg("%s", err.message);
    assert_true(worth > 0 && worth < 1e7f); /* 10^9 products a second */
    bn_gpu_close(&gpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_upload_download),
        cmocka_unit_test(test_memory_is_refused),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_parts_in_order),
        cmocka_unit_test(test_too_many_groups),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_plain_speed),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
