/* compose_kernels_avx2.c - compose_kernels.c for x86-64-v3, by shuffles. */
#include "image/compose_kernels.h"

#include "pixels/shuffles_avx2.h"

static inline void store_16(uint8_t *at, __m128i bytes)
{
    _mm_storeu_si128((__m128i *)(void *)at, bytes);
}

void bn_cutout_row_avx2(const uint8_t *rgb, const uint8_t *foreground, const uint8_t *alpha, int width,
                        uint8_t *rgba)
{
    ptrdiff_t x = 0;
    for (; x + BN_SHUFFLE_PIXELS <= width; x += BN_SHUFFLE_PIXELS) {
        __m128i own[3], made[3];
        const __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(alpha + x));
        const __m128i whole = _mm_cmpeq_epi8(a, _mm_set1_epi8(-1)),
                      none = _mm_cmpeq_epi8(a, _mm_setzero_si128());
        bn_split_rgb(rgb + 3 * x, own);
        bn_split_rgb(foreground + 3 * x, made);
        for (int c = 0; c < 3; c++) made[c] = _mm_andnot_si128(none, _mm_blendv_epi8(made[c], own[c], whole));
        const __m128i rg_low = _mm_unpacklo_epi8(made[0], made[1]),
                      rg_high = _mm_unpackhi_epi8(made[0], made[1]);
        const __m128i ba_low = _mm_unpacklo_epi8(made[2], a), ba_high = _mm_unpackhi_epi8(made[2], a);
        store_16(rgba + 4 * x, _mm_unpacklo_epi16(rg_low, ba_low));
        store_16(rgba + 4 * x + 16, _mm_unpackhi_epi16(rg_low, ba_low));
        store_16(rgba + 4 * x + 32, _mm_unpacklo_epi16(rg_high, ba_high));
        store_16(rgba + 4 * x + 48, _mm_unpackhi_epi16(rg_high, ba_high));
    }
    bn_cutout_row_plain(rgb + 3 * x, foreground + 3 * x, alpha + x, (int)(width - x), rgba + 4 * x);
}
