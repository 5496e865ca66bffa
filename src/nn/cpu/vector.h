/* vector.h - float vectors as gcc and clang know them, LANES wide, for the files that define LANES.
 *
 * Compiled with -ffp-contract=fast: a * b + c is one fused operation where the CPU has it. */
#ifndef BN_NN_CPU_VECTOR_H
#define BN_NN_CPU_VECTOR_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#    include <immintrin.h>
#endif

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));
typedef uint16_t vh __attribute__((vector_size(2 * LANES)));

static inline vf vf_load(const float *from)
{
    vf value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void vf_store(float *to, vf value)
{
    memcpy(to, &value, sizeof value);
}

static inline vf vf_set(float value)
{
    return (vf){0} + value;
}

/* mask lanes are 0 or -1 */
static inline vf vf_select(vi mask, vf yes, vf no)
{
    return (vf)(((vi)yes & mask) | ((vi)no & ~mask));
}

/* a > b ? a : b: b where one is NaN, as the instruction has it. */
static inline vf vf_max(vf a, vf b)
{
#if defined(__AVX__) && LANES == 8
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__AVX512F__) && LANES == 16
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#else
    return vf_select(a > b, a, b);
#endif
}

/* a < b ? a : b */
static inline vf vf_min(vf a, vf b)
{
#if defined(__AVX__) && LANES == 8
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__AVX512F__) && LANES == 16
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#else
    return vf_select(a < b, a, b);
#endif
}

static inline vf vh_widen(vh value)
{
    return (vf)(__builtin_convertvector(value, vu) << 16);
}

static inline vf vf_load_bf16(const uint16_t *from)
{
    vh value;
    memcpy(&value, from, sizeof value);
    return vh_widen(value);
}

/* To nearest, ties to even. The instruction takes subnormal numbers for zero, which the other way keeps. */
static inline void vf_store_bf16(uint16_t *to, vf value)
{
#if defined(__AVX512BF16__) && LANES == 16
    const __m256bh narrow = _mm512_cvtneps_pbh((__m512)value);
#else
    const vu bits = (vu)value;
    const vu rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const vu nan = (bits >> 16) | 0x40;
    const vi is_nan = value != value;
    const vh narrow = __builtin_convertvector((rounded & (vu)~is_nan) | (nan & (vu)is_nan), vh);
#endif
    memcpy(to, &narrow, sizeof narrow);
}

/* Lane i of the result is lane i ^ n of value, for constant n. */
#if LANES == 4
#    define VF_SWAP(value, n) __builtin_shufflevector(value, value, 0 ^ (n), 1 ^ (n), 2 ^ (n), 3 ^ (n))
#elif LANES == 8
#    define VF_SWAP(value, n)                                                                                \
        __builtin_shufflevector(value, value, 0 ^ (n), 1 ^ (n), 2 ^ (n), 3 ^ (n), 4 ^ (n), 5 ^ (n), 6 ^ (n), \
                                7 ^ (n))
#else
#    define VF_SWAP(value, n)                                                                                \
        __builtin_shufflevector(value, value, 0 ^ (n), 1 ^ (n), 2 ^ (n), 3 ^ (n), 4 ^ (n), 5 ^ (n), 6 ^ (n), \
                                7 ^ (n), 8 ^ (n), 9 ^ (n), 10 ^ (n), 11 ^ (n), 12 ^ (n), 13 ^ (n), 14 ^ (n), \
                                15 ^ (n))
#endif

static inline float vf_sum(vf value)
{
#if LANES > 8
    value += VF_SWAP(value, 8);
#endif
#if LANES > 4
    value += VF_SWAP(value, 4);
#endif
    value += VF_SWAP(value, 2);
    value += VF_SWAP(value, 1);
    return value[0];
}

static inline float vf_highest(vf value)
{
#if LANES > 8
    value = vf_max(value, VF_SWAP(value, 8));
#endif
#if LANES > 4
    value = vf_max(value, VF_SWAP(value, 4));
#endif
    value = vf_max(value, VF_SWAP(value, 2));
    return vf_max(value, VF_SWAP(value, 1))[0];
}

/* e^x with a relative error below 2e-7; 0 below -87, infinity is not reached (x is cut at 88). 2^n * e^r with
 * |r| <= ln(2)/2 and the Taylor polynomial of degree 7 for e^r. */
static inline vf vf_exp(vf x)
{
    const vi tiny = x < vf_set(-87.0f);
    x = vf_max(vf_min(x, vf_set(88.0f)), vf_set(-87.0f));
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
    const vf shifted = x * 1.44269504f + shift;
    const vf n = shifted - shift;
    const vf r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
    vf p = vf_set(1.0f / 5040);
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const vf power = (vf)(((vi)shifted + (127 - 0x4b400000)) << 23);
    return vf_select(tiny, vf_set(0), p * power);
}

/* x * (1/2 + erf(x / sqrt 2) / 2), the latter by x * P(x^2) / Q(x^2) for |x| <= 5.2, constant beyond: minimax, found by
 * Lawson's iteration. The error is below 3e-7 * |x|. */
static inline vf vf_gelu(vf x)
{
    const vf cut = vf_max(vf_min(x, vf_set(5.2f)), vf_set(-5.2f));
    const vf y = cut * cut;
    vf p = vf_set(5.84007126e-06f);
    p = p * y + 3.14231461e-04f;
    p = p * y + 5.51853066e-03f;
    p = p * y + 4.95907208e-02f;
    p = p * y + 3.98941918e-01f;
    vf q = vf_set(5.01858978e-07f);
    q = q * y + 1.12728854e-04f;
    q = q * y + 2.70356645e-03f;
    q = q * y + 3.73381761e-02f;
    q = q * y + 2.90966271e-01f;
    q = q * y + 1.0f;
    return x * (cut * p / q + 0.5f);
}

#endif
