/* peak.c - times a loop of multiply-adds on all threads. */
#include "nn/cpu/peak.h"

#include "base/clock.h"
#include "base/parallel.h"
#include "base/size.h"
#include "nn/cpu/kernels_impl.h"

#define TRIES   10
#define WORK    ((ptrdiff_t)1 << 30) /* operations of a try, each thread */
#define NUMBERS (14 * 16)            /* sums and factors of the widest loop */

static bn_peak_loop loop_of(bn_isa isa, bn_type type)
{
    const bn_kernels *kernels = bn_kernels_for(isa);
    bn_peak_loop loop = {NULL, 0};
#if defined(__x86_64__)
    if (isa >= BN_ISA_AMX && type == BN_BF16) loop = bn_peak_amx();
#endif
    if (!loop.run && type == BN_BF16) loop = kernels->peak_bf16;
    return loop.run ? loop : kernels->peak_f32;
}

static void run_loop(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const bn_peak_loop *loop = context;
    for (size_t i = begin; i < end; i++) {
        float numbers[NUMBERS]; /* different, so that no two chains are the same; no subnormal ones */
        for (int k = 0; k < NUMBERS; k++) numbers[k] = 1.0f + (float)k;
        loop->run(WORK / loop->flops, numbers);
        *(volatile float *)numbers = numbers[0];
    }
}

double bn_peak_gflops(bn_isa isa, bn_type type, int threads)
{
    bn_peak_loop loop = loop_of(isa, type);
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        const double before = bn_clock_ms();
        bn_parallel_for(threads, (size_t)threads, run_loop, &loop);
        const double rate = (double)(WORK / loop.flops * loop.flops) * threads / (bn_clock_ms() - before);
        best = BN_MAX(best, rate * 1e-6);
    }
    return best;
}
