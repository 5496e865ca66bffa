/* foreground_kernels_avx2.c - foreground_kernels.c for x86-64-v3. Compilers make little of bytes in threes there, so what
 * reads or writes them is written with shuffles; the arithmetic is that of the plain functions, operation by operation. */
#ifndef KERNELS
#    define KERNELS bn_foreground_kernels_avx2
#endif
#define OWN_SHUFFLES 1
#include "pixels/foreground_kernels.c"

#include "pixels/shuffles_avx2.h"

enum { HALF = BN_SHUFFLE_PIXELS / 2 }; /* 32-bit numbers of a vector */

static inline __m256i load_i32(const int32_t *at)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

static inline __m128i load_bytes(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* Half 0 or 1 of 16 bytes as floats divided by 255. */
static inline __m256 unit_floats(__m128i bytes, int half)
{
    const __m128i low = half ? _mm_unpackhi_epi64(bytes, bytes) : bytes;
    return _mm256_div_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(low)), _mm256_set1_ps(255.0f));
}

/* As fuse() in the plain version. */
static inline __m256 fuse_8(__m256 front, __m256 back, __m256 image, __m256 alpha)
{
    const __m256 rest = _mm256_sub_ps(_mm256_set1_ps(1), alpha);
    const __m256 own = _mm256_sub_ps(image, _mm256_mul_ps(alpha, front));
    const __m256 moved = _mm256_sub_ps(own, _mm256_mul_ps(rest, back));
    const __m256 value = _mm256_add_ps(front, _mm256_mul_ps(alpha, moved));
    return _mm256_min_ps(_mm256_max_ps(_mm256_setzero_ps(), value), _mm256_set1_ps(1));
}

/* ---- sliding the wide columns ---- */

/* Add in * alpha_in - out * alpha_out, and where plain is given in - out: pairs of bytes (in, out) of eight pixels. */
static inline void slide_pairs(__m128i pairs, __m256i weights, int32_t *product, int32_t *plain)
{
    const __m256i wide = _mm256_cvtepu8_epi16(pairs);
    const __m256i signs = _mm256_set1_epi32((int)0xffff0001); /* +1, -1 */
    _mm256_storeu_si256((__m256i *)(void *)product,
                        _mm256_add_epi32(load_i32(product), _mm256_madd_epi16(wide, weights)));
    if (plain)
        _mm256_storeu_si256((__m256i *)(void *)plain,
                            _mm256_add_epi32(load_i32(plain), _mm256_madd_epi16(wide, signs)));
}

static void slide_wide(int32_t *columns, int width, size_t stride, const uint8_t *rgb_in,
                       const uint8_t *alpha_in, const uint8_t *rgb_out, const uint8_t *alpha_out)
{
    const __m256i signs = _mm256_set1_epi32((int)0xffff0001);
    int x = 0;
    for (; x + BN_SHUFFLE_PIXELS <= width; x += BN_SHUFFLE_PIXELS) {
        __m128i in[3], out[3];
        bn_split_rgb(rgb_in + 3 * (ptrdiff_t)x, in);
        bn_split_rgb(rgb_out + 3 * (ptrdiff_t)x, out);
        const __m128i a_in = load_bytes(alpha_in + x), a_out = load_bytes(alpha_out + x);
        const __m128i low = _mm_unpacklo_epi8(a_in, a_out), high = _mm_unpackhi_epi8(a_in, a_out);
        slide_pairs(low, signs, columns + x, NULL);
        slide_pairs(high, signs, columns + x + HALF, NULL);
        /* alpha_in, -alpha_out */
        const __m256i low_weights = _mm256_sign_epi16(_mm256_cvtepu8_epi16(low), signs);
        const __m256i high_weights = _mm256_sign_epi16(_mm256_cvtepu8_epi16(high), signs);
        for (size_t c = 0; c < 3; c++) {
            int32_t *product = columns + (1 + c) * stride + x, *colour = columns + (4 + c) * stride + x;
            slide_pairs(_mm_unpacklo_epi8(in[c], out[c]), low_weights, product, colour);
            slide_pairs(_mm_unpackhi_epi8(in[c], out[c]), high_weights, product + HALF, colour + HALF);
        }
    }
    slide_wide_from(x, columns, width, stride, rgb_in, alpha_in, rgb_out, alpha_out);
}

/* ---- sums of boxes ---- */

/* Each number and all before it. */
static inline __m256i running_sums(__m256i numbers)
{
    const __m256i pairs = _mm256_add_epi32(numbers, _mm256_slli_si256(numbers, 4));
    const __m256i fours = _mm256_add_epi32(pairs, _mm256_slli_si256(pairs, 8));
    const __m256i lower = _mm256_shuffle_epi32(_mm256_permute2x128_si256(fours, fours, 0x08), 0xff);
    return _mm256_add_epi32(fours, lower); /* the upper four lack the sum of the lower ones */
}

static void sum_wide(const int32_t *columns, int width, size_t stride, const int *mirror, int32_t *boxes)
{
    const __m256i last = _mm256_set1_epi32(7);
    for (int plane = 0; plane < BN_FOREGROUND_SUMS; plane++) {
        const int32_t *in = columns + (size_t)plane * stride;
        int32_t *out = boxes + (size_t)plane * stride;
        int x = sum_wide_begin(in, width, mirror, out);
        __m256i before = _mm256_set1_epi32(out[x - 1]);
        for (; x + HALF <= width - BN_WIDE_AFTER; x += HALF) {
            const __m256i come = load_i32(in + x + BN_WIDE_AFTER);
            const __m256i gone = load_i32(in + x - BN_WIDE_BEFORE - 1);
            const __m256i sums = running_sums(_mm256_sub_epi32(come, gone));
            _mm256_storeu_si256((__m256i *)(void *)(out + x), _mm256_add_epi32(before, sums));
            before = _mm256_add_epi32(before, _mm256_permutevar8x32_epi32(sums, last));
        }
        sum_wide_from(x, in, width, mirror, out);
    }
}

/* ---- estimates ---- */

/* What of a box of sums does not depend on the channel: how much of it is covered and how much open, plus TINY. */
typedef struct cover {
    __m256 covered, open;
} cover;

static inline cover cover_of(__m256i sum, int area)
{
    const __m256 scale = _mm256_set1_ps(1.0f / (float)(255 * area)), tiny = _mm256_set1_ps(TINY);
    const __m256i open = _mm256_sub_epi32(_mm256_set1_epi32(255 * area), sum);
    return (cover){_mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale), tiny),
                   _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(open), scale), tiny)};
}

static inline __m256 share(__m256i sum, float scale, __m256 of)
{
    return _mm256_div_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_set1_ps(scale)), of);
}

/* 0 to 1 as 0 to 65535, rounded; two vectors of eight. */
static inline void store_u16(uint16_t *at, __m256 low, __m256 high)
{
    const __m256 most = _mm256_set1_ps(65535), half = _mm256_set1_ps(0.5f);
    const __m256i a = _mm256_cvttps_epi32(_mm256_add_ps(_mm256_mul_ps(low, most), half));
    const __m256i b = _mm256_cvttps_epi32(_mm256_add_ps(_mm256_mul_ps(high, most), half));
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
    _mm256_storeu_si256((__m256i *)(void *)at, packed);
}

static void estimate_wide(const int32_t *boxes, int width, size_t stride, const uint8_t *rgb,
                          const uint8_t *alpha, uint16_t *colours)
{
    const int side = BN_WIDE_BEFORE + 1 + BN_WIDE_AFTER, area = side * side;
    const float scale = 1.0f / (float)(65025 * area);
    int x = 0;
    for (; x + BN_SHUFFLE_PIXELS <= width; x += BN_SHUFFLE_PIXELS) {
        __m128i own[3];
        bn_split_rgb(rgb + 3 * (ptrdiff_t)x, own);
        const __m128i matte = load_bytes(alpha + x);
        const cover covers[2] = {cover_of(load_i32(boxes + x), area),
                                 cover_of(load_i32(boxes + x + HALF), area)};
        const __m256 alphas[2] = {unit_floats(matte, 0), unit_floats(matte, 1)};
        for (size_t c = 0; c < 3; c++) {
            __m256 values[2], backs[2];
            for (int half = 0; half < 2; half++) {
                const __m256i product = load_i32(boxes + (1 + c) * stride + x + half * HALF);
                const __m256i colour = load_i32(boxes + (4 + c) * stride + x + half * HALF);
                const __m256i whole = _mm256_mullo_epi32(colour, _mm256_set1_epi32(255));
                const __m256 front = share(product, scale, covers[half].covered);
                backs[half] = share(_mm256_sub_epi32(whole, product), scale, covers[half].open);
                values[half] = fuse_8(front, backs[half], unit_floats(own[c], half), alphas[half]);
            }
            store_u16(colours + c * stride + x, values[0], values[1]);
            store_u16(colours + (3 + c) * stride + x, backs[0], backs[1]);
        }
    }
    estimate_wide_from(x, boxes, width, stride, rgb, alpha, colours);
}

static inline __m256i narrow_sum_8(const int32_t *at)
{
    const __m256i a = _mm256_add_epi32(load_i32(at), load_i32(at + 1));
    const __m256i b = _mm256_add_epi32(load_i32(at + 2), load_i32(at + 3));
    const __m256i c = _mm256_add_epi32(load_i32(at + 4), load_i32(at + 5));
    return _mm256_add_epi32(_mm256_add_epi32(a, b), c);
}

/* 0 to 1 as 0 to 255, cut off; two vectors of eight to 16 bytes. */
static inline __m128i to_bytes(__m256 low, __m256 high)
{
    const __m256i a = _mm256_cvttps_epi32(_mm256_mul_ps(low, _mm256_set1_ps(255)));
    const __m256i b = _mm256_cvttps_epi32(_mm256_mul_ps(high, _mm256_set1_ps(255)));
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

static void estimate_narrow(const int32_t *columns, int width, size_t stride, const uint8_t *rgb,
                            const uint8_t *alpha, uint8_t *foreground)
{
    const int side = BN_NARROW_BEFORE + 1 + BN_NARROW_AFTER, area = side * side;
    const float scale = 1.0f / (65535.0f * 255.0f * (float)area);
    int x = 0;
    for (; x + BN_SHUFFLE_PIXELS <= width; x += BN_SHUFFLE_PIXELS) {
        __m128i own[3], made[3];
        bn_split_rgb(rgb + 3 * (ptrdiff_t)x, own);
        const __m128i matte = load_bytes(alpha + x);
        const cover covers[2] = {cover_of(narrow_sum_8(columns + x), area),
                                 cover_of(narrow_sum_8(columns + x + HALF), area)};
        const __m256 alphas[2] = {unit_floats(matte, 0), unit_floats(matte, 1)};
        for (size_t c = 0; c < 3; c++) {
            __m256 values[2];
            for (int half = 0; half < 2; half++) {
                const __m256i product = narrow_sum_8(columns + (1 + c) * stride + x + half * HALF);
                const __m256i rest = narrow_sum_8(columns + (4 + c) * stride + x + half * HALF);
                const __m256 front = share(product, scale, covers[half].covered);
                const __m256 back = share(rest, scale, covers[half].open);
                values[half] = fuse_8(front, back, unit_floats(own[c], half), alphas[half]);
            }
            made[c] = to_bytes(values[0], values[1]);
        }
        bn_join_rgb(made, foreground + 3 * (ptrdiff_t)x);
    }
    estimate_narrow_from(x, columns, width, stride, rgb, alpha, foreground);
}

const bn_foreground_kernels KERNELS = {slide_wide, sum_wide, estimate_wide, slide_narrow, estimate_narrow};
