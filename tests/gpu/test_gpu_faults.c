/* test_gpu_faults.c - each call of Vulkan, and each allocation of ours, fails once on the way from opening a device to a
 * result: that is an error with words, and nothing is left behind, nor broken for those who go on. */
#include "gpu/gpu.h"
#include "gpu/spirv.h"
#include "gpu/vk.h"

#include "base/file.h"
#include "base/size.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/gpu/device.h"
#include "tests/gpu/driver.h"

/* ---- the way from a device to a result ---------------------------------------------------------------------------------- */

enum { COUNT = 300 };

static bn_status record(bn_gpu_list *list, bn_gpu_buffer *buffer, bn_error *err)
{
    const bn_gpu_call call = {.kernel = BN_GPU_COPY,
                              .groups = {(COUNT + 255) / 256, 1, 1},
                              .span = {{buffer, 0}, {buffer, COUNT * sizeof(float)}},
                              .number = {COUNT, 1, 1, 1}};
    for (int i = 0; i < 3; i++) {
        BN_TRY(bn_gpu_list_part(list, "copy", err));
        BN_TRY(bn_gpu_list_call(list, &call, err));
    }
    return bn_gpu_list_end(list, err);
}

static bn_status compute(bn_gpu *gpu, bn_error *err)
{
    float sent[COUNT], got[COUNT] = {0};
    for (int i = 0; i < COUNT; i++) sent[i] = (float)i;
    bn_gpu_buffer *buffer = NULL;
    bn_gpu_list *list = NULL;
    bn_status status;
    BN_TRY_DONE(bn_gpu_buffer_create(gpu, 2 * sizeof sent, &buffer, err));
    BN_TRY_DONE(bn_gpu_upload(buffer, 0, sent, sizeof sent, err));
    BN_TRY_DONE(bn_gpu_list_create(gpu, &list, err));
    BN_TRY_DONE(record(list, buffer, err));
    BN_TRY_DONE(bn_gpu_list_run(list, NULL, NULL, err));
    BN_TRY_DONE(bn_gpu_download(buffer, sizeof sent, got, sizeof got, err));
    assert_memory_equal(got, sent, sizeof sent);
done:
    bn_gpu_list_destroy(&list);
    bn_gpu_buffer_destroy(&buffer);
    return status;
}

static bn_status whole_way(int index, bn_error *err)
{
    bn_gpu *gpu = NULL;
    BN_TRY(bn_gpu_open(index, &gpu, err));
    const bn_status status = compute(gpu, err);
    bn_gpu_close(&gpu);
    return status;
}

static void test_each_call_fails_once(void **state)
{
    (void)state;
    const int index = test_device_index();
    if (index < 0) skip();
    const VkResult results[] = {VK_ERROR_OUT_OF_DEVICE_MEMORY, VK_ERROR_DEVICE_LOST,
                                VK_ERROR_INITIALIZATION_FAILED};
    long count = 0;
    for (long at = 0;; at++) {
        bn_error err = {0};
        test_driver.until = at;
        test_driver.failed = NULL;
        test_driver.result = results[at % (long)BN_COUNT(results)];
        const bn_status status = whole_way(index, &err);
        test_driver.until = -1;
        if (!test_driver.failed) {
            assert_int_equal(status, BIREFNET_OK);
            break;
        }
        if (status == BIREFNET_OK) fail_msg("%s failed, and nobody said so", test_driver.failed);
        assert_true(err.message[0]);
        assert_int_equal(test_driver.living, 0);
        count++;
    }
    print_message("%ld calls failed, one at a time\n", count);
    assert_true(count > 40);
}

/* A call that fails leaves the device usable, unless it is lost. */
static void test_going_on(void **state)
{
    (void)state;
    bn_gpu *gpu = test_device_open();
    bn_error err = {0};
    for (long at = 0;; at++) {
        test_driver.until = at;
        test_driver.failed = NULL;
        test_driver.result = VK_ERROR_OUT_OF_HOST_MEMORY;
        const bn_status status = compute(gpu, &err);
        test_driver.until = -1;
        if (!test_driver.failed) break;
        assert_int_equal(status, BIREFNET_ERROR_MEMORY);
        if (compute(gpu, &err) != BIREFNET_OK) fail_msg("after %s: %s", test_driver.failed, err.message);
    }
    bn_gpu_close(&gpu);
    assert_int_equal(test_driver.living, 0);
}

/* A kernel that the driver does not compile fails the lists that call it, and no others. */
static void test_kernel_refused(void **state)
{
    (void)state;
    bn_gpu *gpu = test_device_open();
    bn_gpu_list *list = NULL;
    bn_gpu_buffer *buffer = NULL;
    bn_error err = {0};
    assert_int_equal(bn_gpu_buffer_create(gpu, 256, &buffer, &err), BIREFNET_OK);
    const bn_gpu_call call = {.kernel = BN_GPU_MASK, .groups = {1, 1, 1}, .span = {{buffer, 0}}};
    test_driver.refused_bytes = bn_spirv_table[BN_GPU_MASK].bytes;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bn_gpu_list_create(gpu, &list, &err), BIREFNET_OK);
        assert_int_equal(bn_gpu_list_call(list, &call, &err), BIREFNET_OK);
        assert_int_equal(bn_gpu_list_end(list, &err), BIREFNET_ERROR_DEVICE);
        assert_non_null(strstr(err.message, "kernel mask"));
        bn_gpu_list_destroy(&list);
        if (compute(gpu, &err) != BIREFNET_OK) fail_msg("another list: %s", err.message);
    }
    test_driver.refused_bytes = 0;
    assert_int_equal(bn_gpu_list_create(gpu, &list, &err), BIREFNET_OK);
    assert_int_equal(bn_gpu_list_call(list, &call, &err), BIREFNET_OK);
    assert_int_equal(bn_gpu_list_end(list, &err), BIREFNET_OK); /* the driver thinks better of it */
    bn_gpu_list_destroy(&list);
    bn_gpu_buffer_destroy(&buffer);
    bn_gpu_close(&gpu);
    assert_int_equal(test_driver.living, 0);
}

/* ---- what a driver offers -------------------------------------------------------------------------------------------- */

/* Fragments of f16 sums are another kind, which drivers may lack, or have in another size only. */
static void test_fragments(void **state)
{
    (void)state;
    enum { H = BN_VK_FLOAT16, F = BN_VK_FLOAT32, SUBGROUP = BN_VK_SCOPE_SUBGROUP };
    const bn_vk_matrix_properties kinds[] = {
        {.m = 8, .n = 8, .k = 8, .c_type = F, .result_type = F, .scope = SUBGROUP},
        {.m = 16, .n = 16, .k = 16, .c_type = F, .result_type = F, .scope = SUBGROUP},
        {.m = 8, .n = 8, .k = 8, .c_type = H, .result_type = H, .scope = SUBGROUP},
        {.m = 16, .n = 16, .k = 16, .c_type = H, .result_type = H, .scope = SUBGROUP + 1},
        {.m = 16, .n = 16, .k = 16, .c_type = H, .result_type = H, .scope = SUBGROUP}};
    static const struct {
        uint32_t first, count;
        bool matrix, half;
        int side;
    } cases[] = {{0, 1, true, false, 8}, {0, 3, true, false, 16}, {0, 4, true, false, 16},
                 {0, 5, true, true, 16}, {1, 2, true, false, 16}, {2, 3, false, false, 0}};
    for (size_t i = 0; i < BN_COUNT(cases); i++) {
        bn_gpu_facts facts = {0};
        bn_vk_choose_fragment(&kinds[cases[i].first], cases[i].count, &facts);
        assert_int_equal(facts.matrix, cases[i].matrix);
        assert_int_equal(facts.matrix_half, cases[i].half);
        assert_int_equal(facts.matrix_m, cases[i].side);
    }
}

/* Without a word to the driver: it is gone. */
static void test_lost(void **state)
{
    (void)state;
    bn_gpu *gpu = test_device_open();
    char byte = 0;
    bn_gpu_buffer *buffer;
    bn_error err = {0};
    assert_int_equal(bn_gpu_buffer_create(gpu, 1, &buffer, &err), BIREFNET_OK);
    test_driver.until = 3; /* waiting, beginning, ending work; submitting does not */
    test_driver.result = VK_ERROR_DEVICE_LOST;
    assert_int_equal(bn_gpu_upload(buffer, 0, &byte, 1, &err), BIREFNET_ERROR_DEVICE);
    assert_string_equal(test_driver.failed, "QueueSubmit");
    test_driver.until = -1;
    assert_non_null(strstr(err.message, "was lost"));
    assert_int_equal(bn_gpu_upload(buffer, 0, &byte, 1, &err), BIREFNET_ERROR_DEVICE);
    assert_int_equal(bn_gpu_download(buffer, 0, &byte, 1, &err), BIREFNET_ERROR_DEVICE);
    bn_gpu_buffer_destroy(&buffer);
    bn_gpu_close(&gpu);
    assert_int_equal(test_driver.living, 0);
}

/* ---- what the driver made, kept ------------------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts, (void)type, (void)where;
    return remove(path);
}

static void test_cache(void **state)
{
    (void)state;
    char home[] = "/tmp/birefnet-test-XXXXXX", path[PATH_MAX];
    assert_non_null(mkdtemp(home));
    char *before = strdup(getenv("XDG_CACHE_HOME") ? getenv("XDG_CACHE_HOME") : "");
    assert_non_null(before);
    assert_int_equal(setenv("XDG_CACHE_HOME", home, 1), 0);
    bn_gpu *gpu = test_device_open();
    bn_error err = {0};
    assert_true(bn_gpu_cache_path(gpu, "pipelines", path, sizeof path));
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(compute(gpu, &err), BIREFNET_OK);
    bn_gpu_close(&gpu);
    bn_buffer whole;
    bn_buffer_init(&whole, 1 << 24);
    assert_int_equal(bn_file_read(path, &whole, &err), BIREFNET_OK);
    assert_true(whole.size >= 48);
    /* cut off, or another byte anywhere, is not given to the driver: the file is made anew, the same */
    for (size_t i = 0; i < whole.size; i += 7) {
        whole.data[i] ^= 0x10;
        const size_t size = i % 2 ? whole.size : i;
        assert_int_equal(bn_file_write_atomic(path, whole.data, size, &err), BIREFNET_OK);
        whole.data[i] ^= 0x10;
        gpu = test_device_open();
        assert_int_equal(test_driver.given_bytes, 0);
        if (i < 30) assert_int_equal(compute(gpu, &err), BIREFNET_OK);
        bn_gpu_close(&gpu);
    }
    assert_int_equal(bn_file_write_atomic(path, whole.data, whole.size, &err), BIREFNET_OK);
    gpu = test_device_open();
    assert_int_equal(test_driver.given_bytes, whole.size - 16);
    bn_gpu_close(&gpu);
    bn_buffer_free(&whole);
    assert_int_equal(remove(path), 0);
    assert_int_equal(nftw(home, remove_one, 8, FTW_DEPTH | FTW_PHYS),
                     0); /* drivers and layers keep files there, too */
    setenv("XDG_CACHE_HOME", before, 1);
    free(before);
}

/* ---- our own memory ------------------------------------------------------------------------------------------------------ */

static long until_malloc = -1;
static bool malloc_failed;
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

static bool is_refused(void)
{
    if (until_malloc < 0 || until_malloc-- > 0) return false;
    malloc_failed = true;
    return true;
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return is_refused() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return is_refused() ? NULL : __real_realloc(memory, bytes);
}

static void test_each_allocation_fails_once(void **state)
{
    (void)state;
    const int index = test_device_index();
    if (index < 0) skip();
    char *before = strdup(getenv("XDG_CACHE_HOME") ? getenv("XDG_CACHE_HOME") : "");
    assert_non_null(before);
    setenv("XDG_CACHE_HOME", "", 1); /* no cache: it does without memory, too */
    setenv("HOME", "", 1);
    long count = 0;
    for (long at = 0;; at++, count++) {
        bn_error err = {0};
        until_malloc = at;
        malloc_failed = false;
        const bn_status status = whole_way(index, &err);
        until_malloc = -1;
        if (!malloc_failed) break;
        assert_true(status != BIREFNET_OK && err.message[0]);
        assert_int_equal(test_driver.living, 0);
    }
    assert_true(count >= 4);
    setenv("XDG_CACHE_HOME", before, 1);
    free(before);
}

/* ---- what a user is told ---------------------------------------------------------------------------------------------------- */

static void make(const char *root, const char *path)
{
    char name[300];
    snprintf(name, sizeof name, "%s%s", root, path);
    const int file = open(name, O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    close(file);
}

static void test_hints(void **state)
{
    (void)state;
    char root[] = "/tmp/birefnet-test-XXXXXX", name[300];
    assert_non_null(mkdtemp(root));
    assert_non_null(strstr(bn_vk_hint(root), "Vulkan finds no card here"));
    snprintf(name, sizeof name, "%s/dev", root);
    assert_int_equal(mkdir(name, 0700), 0);
    snprintf(name, sizeof name, "%s/dev/dri", root);
    assert_int_equal(mkdir(name, 0700), 0);
    make(root, "/dev/dri/renderD129");
    assert_non_null(strstr(bn_vk_hint(root), "no Vulkan driver for it"));
    if (geteuid() != 0) { /* whom nothing is closed to */
        snprintf(name, sizeof name, "%s/dev/dri/renderD129", root);
        assert_int_equal(chmod(name, 0), 0);
        assert_non_null(strstr(bn_vk_hint(root), "may not be opened"));
    }
    make(root, "/dev/nvidiactl");
    assert_non_null(strstr(bn_vk_hint(root), "NVIDIA_DRIVER_CAPABILITIES=all"));
    const char *const made[] = {"/dev/nvidiactl", "/dev/dri/renderD129", "/dev/dri", "/dev", ""};
    for (size_t i = 0; i < BN_COUNT(made); i++) {
        snprintf(name, sizeof name, "%s%s", root, made[i]);
        assert_int_equal(remove(name), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_fails_once),
        cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_kernel_refused),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_each_allocation_fails_once),
        cmocka_unit_test(test_hints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
