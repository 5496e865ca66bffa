/* shuffles_avx2.h - sixteen pixels of interleaved bytes (R G B R G B ...) to one plane a channel and back.
 *
 * Byte i of channel c is byte 3 i + c of the 48. 3 has an inverse modulo 16, so in each third of the 48 bytes the places
 * that belong to a channel are others than in the two other thirds: blending the thirds brings a channel together, out of
 * order, and one shuffle orders it. Joining goes the same way back. */
#ifndef BN_PIXELS_SHUFFLES_AVX2_H
#define BN_PIXELS_SHUFFLES_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#define BN_SHUFFLE_PIXELS 16

/* The places p of 16 with p % 3 == rest. */
static inline __m128i bn_every_third(int rest)
{
    const __m128i of_0 = _mm_setr_epi8(-1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1);
    const __m128i of_1 = _mm_setr_epi8(0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0);
    const __m128i of_2 = _mm_setr_epi8(0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0);
    return rest == 0 ? of_0 : rest == 1 ? of_1 : of_2;
}

/* Of x, y, z the places with p % 3 == rest, rest + 2, rest + 1. */
static inline __m128i bn_blend_thirds(__m128i x, __m128i y, __m128i z, int rest)
{
    const __m128i xy = _mm_blendv_epi8(x, y, bn_every_third((rest + 2) % 3));
    return _mm_blendv_epi8(xy, z, bn_every_third((rest + 1) % 3));
}

static inline void bn_split_rgb(const uint8_t *rgb, __m128i planes[3])
{
    const __m128i a = _mm_loadu_si128((const __m128i *)(const void *)rgb);
    const __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(rgb + 16));
    const __m128i c = _mm_loadu_si128((const __m128i *)(const void *)(rgb + 32));
    /* place i of the result is at 3 i + channel, modulo 16 */
    planes[0] = _mm_shuffle_epi8(bn_blend_thirds(a, b, c, 0),
                                 _mm_setr_epi8(0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14, 1, 4, 7, 10, 13));
    planes[1] = _mm_shuffle_epi8(bn_blend_thirds(a, b, c, 1),
                                 _mm_setr_epi8(1, 4, 7, 10, 13, 0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14));
    planes[2] = _mm_shuffle_epi8(bn_blend_thirds(a, b, c, 2),
                                 _mm_setr_epi8(2, 5, 8, 11, 14, 1, 4, 7, 10, 13, 0, 3, 6, 9, 12, 15));
}

static inline void bn_join_rgb(const __m128i planes[3], uint8_t *rgb)
{
    /* place p holds pixel 11 (p - channel), modulo 16: 11 is the inverse of 3 */
    const __m128i r =
        _mm_shuffle_epi8(planes[0], _mm_setr_epi8(0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15, 10, 5));
    const __m128i g =
        _mm_shuffle_epi8(planes[1], _mm_setr_epi8(5, 0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15, 10));
    const __m128i b =
        _mm_shuffle_epi8(planes[2], _mm_setr_epi8(10, 5, 0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15));
    /* byte 16 v + p is of channel (v + p) % 3 */
    _mm_storeu_si128((__m128i *)(void *)rgb, bn_blend_thirds(r, b, g, 0));
    _mm_storeu_si128((__m128i *)(void *)(rgb + 16), bn_blend_thirds(g, r, b, 0));
    _mm_storeu_si128((__m128i *)(void *)(rgb + 32), bn_blend_thirds(b, g, r, 0));
}

#endif
