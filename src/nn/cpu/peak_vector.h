/* peak_vector.h - the level's multiply-add in twelve independent chains and nothing else: what the machine can do at best.
 * Included behind vector.h, as product_vector.h. */
#ifndef BN_NN_CPU_PEAK_VECTOR_H
#define BN_NN_CPU_PEAK_VECTOR_H

#include "nn/cpu/kernels.h"

#define CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define TAKE(i)   vf sum##i = vf_load(numbers + (i)*LANES);
#define GIVE(i)   vf_store(numbers + (i)*LANES, sum##i);

#define CHAIN(i) sum##i += a * b;
static void peak_f32(ptrdiff_t rounds, float *numbers)
{
    const vf a = vf_load(numbers + 12 * LANES), b = vf_load(numbers + 13 * LANES);
    CHAINS(TAKE)
    for (ptrdiff_t k = 0; k < rounds; k++) {
        CHAINS(CHAIN)
    }
    CHAINS(GIVE)
}
#undef CHAIN

#define PEAK_F32                                                                                             \
    {                                                                                                        \
        peak_f32, 2 * 12 * LANES                                                                             \
    }

#if defined(__AVX512BF16__) && LANES == 16
#    define CHAIN(i) sum##i = (vf)_mm512_dpbf16_ps((__m512)sum##i, a, b);
static void peak_bf16(ptrdiff_t rounds, float *numbers)
{
    const __m512 x = (__m512)vf_load(numbers + 12 * LANES), y = (__m512)vf_load(numbers + 13 * LANES);
    const __m512bh a = _mm512_cvtne2ps_pbh(x, x), b = _mm512_cvtne2ps_pbh(y, y);
    CHAINS(TAKE)
    for (ptrdiff_t k = 0; k < rounds; k++) {
        CHAINS(CHAIN)
    }
    CHAINS(GIVE)
}
#    undef CHAIN

#    define PEAK_BF16                                                                                        \
        {                                                                                                    \
            peak_bf16, 2 * 12 * 2 * LANES                                                                    \
        }
#else
#    define PEAK_BF16                                                                                        \
        {                                                                                                    \
            NULL, 0                                                                                          \
        }
#endif

#undef CHAINS
#undef TAKE
#undef GIVE

#endif
