/* kernel_test.h - what the tests of kernels share: inputs, outputs between guard zones, comparing, timing. */
#ifndef BN_TESTS_NN_KERNEL_TEST_H
#define BN_TESTS_NN_KERNEL_TEST_H

#include "tests/test.h"

#include "base/clock.h"
#include "base/seeded.h"
#include "base/size.h"
#include "nn/cpu/bf16.h"
#include "nn/cpu/kernels_impl.h"

#include <math.h>
#include <stdbool.h>

#define GUARD      64 /* bytes on either side of an output */
#define GUARD_BYTE 0xa5

/* What the inputs look like: all kernels are tried with each. */
typedef enum fill {
    FILL_RANDOM = 0,
    FILL_ZERO,
    FILL_LARGE,  /* up to 1e4: sums and exponentials overflow where they are careless */
    FILL_SPIKES, /* nearly all zero, a few large */
    FILL_COUNT,
} fill;

static bool timing; /* set once by main: --time */

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static inline float *make_floats(const char *name, size_t count, float scale, fill kind)
{
    float *numbers = aligned_alloc(64, bn_size_round_up(count * sizeof *numbers + 64, 64));
    assert_non_null(numbers);
    memset(numbers, 0, bn_size_round_up(count * sizeof *numbers + 64, 64));
    bn_seeded_fill(name, 1, 0, kind == FILL_LARGE ? 1e4f * scale : scale, 0, numbers, count);
    for (size_t i = 0; i < count; i++) {
        if (kind == FILL_ZERO) numbers[i] = 0;
        if (kind == FILL_SPIKES) numbers[i] = i % 97 == 5 ? 100 * numbers[i] : 0;
    }
    return numbers;
}

/* The numbers as `type`; frees them. */
static inline void *as_type(float *numbers, size_t count, bn_type type)
{
    if (type == BN_F32) return numbers;
    uint16_t *rounded = aligned_alloc(64, bn_size_round_up(count * sizeof *rounded + 64, 64));
    assert_non_null(rounded);
    for (size_t i = 0; i < count; i++) rounded[i] = bn_bf16_round(numbers[i]);
    free(numbers);
    return rounded;
}

static inline float get(const void *base, bn_type type, size_t i)
{
    return type == BN_BF16 ? bn_bf16_widen(((const uint16_t *)base)[i]) : ((const float *)base)[i];
}

typedef struct output {
    uint8_t *block; /* GUARD, the bytes, GUARD */
    size_t bytes;
} output;

static inline output make_output(size_t bytes)
{
    output out = {aligned_alloc(64, bn_size_round_up(bytes + 2 * GUARD, 64)), bytes};
    assert_non_null(out.block);
    memset(out.block, GUARD_BYTE, bytes + 2 * GUARD);
    return out;
}

static inline void *data_of(output out)
{
    return out.block + GUARD;
}

static inline void assert_guards(const char *what, output got)
{
    for (size_t i = 0; i < GUARD; i++)
        if (got.block[i] != GUARD_BYTE || got.block[GUARD + got.bytes + i] != GUARD_BYTE)
            fail_msg("%s wrote outside of its output", what);
}

/* Same numbers within `relative` of the largest and `absolute`; guards untouched. Frees both. */
static inline void assert_same(const char *what, output got, output wanted, bn_type type, double relative,
                               double absolute)
{
    const size_t count = wanted.bytes / bn_type_size(type);
    double largest = 0;
    assert_guards(what, got);
    for (size_t i = 0; i < count; i++) { /* not fmax: gcc 12 breaks off over it on aarch64 */
        const double size = fabs((double)get(data_of(wanted), type, i));
        if (size > largest) largest = size;
    }
    for (size_t i = 0; i < count; i++) {
        const double g = get(data_of(got), type, i), w = get(data_of(wanted), type, i);
        if (!(fabs(g - w) <= relative * largest + absolute) && !(isnan(g) && isnan(w)))
            fail_msg("%s: number %zu is %.9g, plain C gives %.9g (largest %.4g)", what, i, g, w, largest);
    }
    free(got.block);
    free(wanted.block);
}

static inline int levels(bn_isa *list)
{
    int count = 0;
    for (bn_isa isa = BN_ISA_NEON; isa <= BN_MIN(bn_cpu_isa(), BN_ISA_AVX512_BF16); isa++)
        if (bn_kernels_for(isa) != &bn_kernels_plain) list[count++] = isa;
    return count;
}

/* With --time: print the time of one call; work is in multiply-adds, 0 if it does not make sense. */
#define TIME(isa, name, work, call)                                                                          \
    do {                                                                                                     \
        if (!timing) break;                                                                                  \
        int rounds_ = 0;                                                                                     \
        const double start_ = bn_clock_ms();                                                                 \
        double now_ = start_;                                                                                \
        for (; now_ - start_ < 30; rounds_++, now_ = bn_clock_ms()) call;                                    \
        const double each_ = (now_ - start_) / rounds_;                                                      \
        printf("%-12s %-36s %9.4f ms %8.2f GFLOP/s\n", bn_isa_name(isa), name, each_,                        \
               2e-6 * (double)(work) / each_);                                                               \
    } while (0)

#endif
