/* driver.h - a driver between ours and the machine's, which fails on demand and counts. A program has it by the linker:
 * --wrap=bn_vk_address,--wrap=bn_vk_device_address. */
#ifndef BN_TESTS_GPU_DRIVER_H
#define BN_TESTS_GPU_DRIVER_H

#include "gpu/vk.h"

extern struct test_driver {
    long until; /* calls that still work; negative: all do */
    VkResult result;
    const char *failed; /* which did not */
    long living;        /* made and not yet destroyed */
    long submits, waits;
    size_t refused_bytes; /* code of this size is refused each time; 0: none */
    size_t given_bytes;   /* to the last CreatePipelineCache */
    uint64_t ticks;       /* that each part takes, as its stamps say; 0: as the device says */
} test_driver;

#endif
