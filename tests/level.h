/* level.h - a test program held to a level of instructions, kernels and oneDNN, by the environment variable BN_TEST_ISA. */
#ifndef BN_TESTS_LEVEL_H
#define BN_TESTS_LEVEL_H

#include "base/size.h"
#include "nn/cpu/engine.h"

#include <stdio.h>
#include <stdlib.h>

/* The level of this run: BN_TEST_ISA, or what the CPU runs at by default. */
static inline bn_isa test_isa(void)
{
    const char *name = getenv("BN_TEST_ISA");
    bn_isa isa = bn_isa_trusted(bn_cpu_isa());
    if (name && !bn_isa_from_name(name, &isa)) {
        fprintf(stderr, "BN_TEST_ISA: no level of instructions '%s'\n", name);
        exit(2);
    }
    return isa;
}

/* To be called first in main: holds oneDNN to the level of this run. Ends the program as skipped where the CPU has less. */
static inline void test_isa_hold(void)
{
    bn_error err = {0};
    if (test_isa() > bn_cpu_isa()) exit(77);
    if (bn_engine_hold(test_isa(), &err) == BIREFNET_OK) return;
    fprintf(stderr, "%s\n", err.message);
    exit(2);
}

#endif
