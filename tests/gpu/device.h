/* device.h - a device for tests of graphics cards: the one that BN_TEST_GPU names by number, else the one that computes on
 * the CPU. Without any the test is skipped, or fails where BN_REQUIRE_GPU is set. */
#ifndef BN_TESTS_GPU_DEVICE_H
#define BN_TESTS_GPU_DEVICE_H

#include "gpu/gpu.h"

#include <stdlib.h>

/* Include after cmocka.h. */
static inline int test_device_index(void)
{
    const char *wanted = getenv("BN_TEST_GPU");
    if (wanted) return atoi(wanted);
    bn_error why = {0};
    const int count = bn_gpu_count(&why);
    for (int i = 0; i < count; i++) {
        bn_gpu_facts facts;
        if (bn_gpu_describe(i, &facts, NULL) == BIREFNET_OK && facts.kind == BN_GPU_SOFTWARE) return i;
    }
    print_message("no device for tests: %s\n", count ? "none that computes on the CPU" : why.message);
    if (getenv("BN_REQUIRE_GPU")) fail();
    return -1;
}

static inline bn_gpu *test_device_open(void)
{
    const int index = test_device_index();
    if (index < 0) skip();
    bn_gpu *gpu = NULL;
    bn_error err = {0};
    if (bn_gpu_open(index, &gpu, &err) != BIREFNET_OK) fail_msg("%s", err.message);
    return gpu;
}

#endif
