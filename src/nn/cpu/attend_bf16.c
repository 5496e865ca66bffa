/* attend_bf16.c - attention with AVX512-BF16: products of bf16 pairs, sums and softmax in float32.
 *
 * Six queries are done together. Keys lie as pairs of dimensions, keys[d / 2][key] = (k[d], k[d + 1]), so that one
 * instruction adds two products to the scores of 16 keys; values as pairs of keys, values[j / 2][d] = (v[j], v[j+1]). */
#define LANES 16
#include "nn/cpu/attend.h"
#include "nn/cpu/kernels_impl.h"
#include "nn/cpu/vector.h"

#include <immintrin.h>
#include <math.h>
#include <stdbool.h>

#define ROWS    6
#define COLUMNS 4

static const uint16_t *token_row(const bn_attend_job *job, const void *base, const void *pad, int token)
{
    const int row = job->rows ? job->rows[token] : token;
    return row < 0 ? pad : (const uint16_t *)base + row * job->kv_stride;
}

/* 16 rows of 16 pairs (32-bit each) to 16 columns: out[d * out_stride + j] = rows[j][d]. */
static void transpose_pairs(const uint16_t *const rows[16], uint32_t *out, ptrdiff_t out_stride)
{
    __m512i a[16], b[16];
    for (int i = 0; i < 16; i++) a[i] = _mm512_loadu_si512(rows[i]);
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    for (int half = 0; half < 16; half += 8)
        for (int i = 0; i < 4; i++) {
            b[half + i] = _mm512_shuffle_i32x4(a[half + i], a[half + 4 + i], 0x88);
            b[half + 4 + i] = _mm512_shuffle_i32x4(a[half + i], a[half + 4 + i], 0xdd);
        }
    for (int i = 0; i < 8; i++) {
        /* b[i] holds columns i and 8 + i of rows 0 to 7, b[8 + i] of rows 8 to 15 */
        _mm512_storeu_si512(out + i * out_stride, _mm512_shuffle_i32x4(b[i], b[8 + i], 0x88));
        _mm512_storeu_si512(out + (i + 8) * out_stride, _mm512_shuffle_i32x4(b[i], b[8 + i], 0xdd));
    }
}

static void pack_keys(const bn_attend_job *job, int padded, uint32_t *keys)
{
    static const uint16_t zeros[512];
    for (int j = 0; j < padded; j += 16) {
        const uint16_t *rows[16], *shifted[16];
        for (int i = 0; i < 16; i++)
            rows[i] = j + i < job->keys ? token_row(job, job->k, job->pad_k, j + i) : zeros;
        for (int d = 0; d < job->dim; d += 32) {
            for (int i = 0; i < 16; i++) shifted[i] = rows[i] == zeros ? zeros : rows[i] + d;
            transpose_pairs(shifted, keys + (ptrdiff_t)(d / 2) * padded + j, padded);
        }
    }
}

static void pack_values(const bn_attend_job *job, int padded, uint32_t *values)
{
    static const uint16_t zeros[512];
    for (int j = 0; j < padded; j += 2) {
        const uint16_t *even = j < job->keys ? token_row(job, job->v, job->pad_v, j) : zeros;
        const uint16_t *odd = j + 1 < job->keys ? token_row(job, job->v, job->pad_v, j + 1) : zeros;
        for (int d = 0; d < job->dim; d += 16) {
            const __m512i low =
                _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(even == zeros ? zeros : even + d)));
            const __m512i high =
                _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(odd == zeros ? zeros : odd + d)));
            _mm512_storeu_si512(values + (ptrdiff_t)(j / 2) * job->dim + d,
                                _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
        }
    }
}

static inline __attribute__((always_inline)) void score_block(const uint32_t *const q[ROWS],
                                                              const uint32_t *keys, int pairs, int padded,
                                                              int j, float *scores, const int columns)
{
    __m512 sum[ROWS][COLUMNS];
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < columns; v++) sum[r][v] = _mm512_setzero_ps();
    for (int d = 0; d < pairs; d++) {
        __m512bh key[COLUMNS];
        for (int v = 0; v < columns; v++)
            key[v] = (__m512bh)_mm512_load_si512(keys + (ptrdiff_t)d * padded + j + v * 16);
        for (int r = 0; r < ROWS; r++) {
            const __m512bh query = (__m512bh)_mm512_set1_epi32((int)q[r][d]);
            for (int v = 0; v < columns; v++) sum[r][v] = _mm512_dpbf16_ps(sum[r][v], query, key[v]);
        }
    }
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < columns; v++)
            _mm512_store_ps(scores + (ptrdiff_t)r * padded + j + v * 16, sum[r][v]);
}

/* Of all keys, up to 4 x 16 at a time, in blocks of nearly equal width: a narrow one waits for its own sums. */
static void score_all(const uint32_t *const q[ROWS], const uint32_t *keys, int pairs, int padded,
                      float *scores)
{
    int some;
    for (int j = 0, left = padded / 16; left > 0; left -= some, j += 16 * some) {
        some = bn_ceil_div(left, bn_ceil_div(left, COLUMNS));
        if (some == 4)
            score_block(q, keys, pairs, padded, j, scores, 4);
        else if (some == 3)
            score_block(q, keys, pairs, padded, j, scores, 3);
        else if (some == 2)
            score_block(q, keys, pairs, padded, j, scores, 2);
        else
            score_block(q, keys, pairs, padded, j, scores, 1);
    }
}

/* Scores scaled, biased and masked in place; returns the highest. */
static float mark(const bn_attend_job *job, int query, float *scores, int padded)
{
    const float *bias = job->bias ? job->bias + query * job->bias_stride : NULL;
    const __m512 scale = _mm512_set1_ps(job->scale), nothing = _mm512_set1_ps(-INFINITY);
    __m512 highest = nothing;
    for (int j = 0; j < padded; j += 16) {
        __m512 score = _mm512_mul_ps(_mm512_load_ps(scores + j), scale);
        if (bias) score = _mm512_add_ps(score, _mm512_loadu_ps(bias + j));
        const int left = job->keys - j;
        const unsigned real = left >= 16 ? 0xffffu : (1u << left) - 1;
        __mmask16 seen = (__mmask16)real;
        if (job->regions) {
            const __m128i here = _mm_maskz_loadu_epi8(seen, job->regions + j);
            seen = (__mmask16)(seen & _mm_cmpeq_epi8_mask(here, _mm_set1_epi8((char)job->regions[query])));
        }
        score = _mm512_mask_blend_ps(seen, nothing, score);
        highest = _mm512_max_ps(highest, score);
        _mm512_store_ps(scores + j, score);
    }
    return _mm512_reduce_max_ps(highest);
}

/* Scores to weights as bf16 pairs of keys, in place at the start of the row; returns the sum of the weights. */
static float soften(float *scores, int padded, float highest)
{
    const __m512 top = _mm512_set1_ps(highest);
    __m512 sum = _mm512_setzero_ps();
    for (int j = 0; j < padded; j += 16) {
        const __m512 weight = (__m512)vf_exp((vf)_mm512_sub_ps(_mm512_load_ps(scores + j), top));
        sum = _mm512_add_ps(sum, weight);
        _mm256_store_si256((__m256i *)(void *)((uint16_t *)scores + j), (__m256i)_mm512_cvtneps_pbh(weight));
    }
    return _mm512_reduce_add_ps(sum);
}

static inline __attribute__((always_inline)) void value_block(const uint32_t *const weights[ROWS], int pairs,
                                                              const uint32_t *values, int dim, int d,
                                                              __m512 sum[ROWS][2], const int columns)
{
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < columns; v++) sum[r][v] = _mm512_setzero_ps();
    for (int j = 0; j < pairs; j++) {
        __m512bh value[2];
        for (int v = 0; v < columns; v++)
            value[v] = (__m512bh)_mm512_load_si512(values + (ptrdiff_t)j * dim + d + v * 16);
        for (int r = 0; r < ROWS; r++) {
            const __m512bh weight = (__m512bh)_mm512_set1_epi32((int)weights[r][j]);
            for (int v = 0; v < columns; v++) sum[r][v] = _mm512_dpbf16_ps(sum[r][v], weight, value[v]);
        }
    }
}

static void store_values(const bn_attend_job *job, int count, const int rows[ROWS], const float factor[ROWS],
                         int d, __m512 sum[ROWS][2], int columns)
{
    for (int r = 0; r < count; r++) {
        uint16_t *out = (uint16_t *)job->out + rows[r] * job->out_stride + d;
        for (int v = 0; v < columns; v++)
            _mm256_storeu_si256(
                (__m256i *)(void *)(out + v * 16),
                (__m256i)_mm512_cvtneps_pbh(_mm512_mul_ps(sum[r][v], _mm512_set1_ps(factor[r]))));
    }
}

/* A tile has ROWS queries: with fewer, the first is done in place of those that lack. */
static void attend_rows(const bn_attend_job *job, const int *queries, int count, const uint32_t *keys,
                        const uint32_t *values, int padded, float *scores)
{
    const int dim = job->dim;
    const uint32_t *q[ROWS], *weights[ROWS];
    float top[ROWS], factor[ROWS];
    int rows[ROWS], query[ROWS];
    for (int r = 0; r < ROWS; r++) {
        query[r] = queries[r < count ? r : 0];
        rows[r] = job->rows ? job->rows[query[r]] : query[r];
        q[r] = (const void *)((const uint16_t *)job->q + rows[r] * job->q_stride);
        weights[r] = (const void *)(scores + (ptrdiff_t)r * padded);
    }
    score_all(q, keys, dim / 2, padded, scores);
    /* in two loops: in one, each row would wait for its highest score */
    for (int r = 0; r < ROWS; r++) top[r] = mark(job, query[r], scores + (ptrdiff_t)r * padded, padded);
    for (int r = 0; r < ROWS; r++) factor[r] = 1.0f / soften(scores + (ptrdiff_t)r * padded, padded, top[r]);
    for (int d = 0; d < dim; d += 32) {
        __m512 sum[ROWS][2];
        value_block(weights, (job->keys + 1) / 2, values, dim, d, sum, 2);
        store_values(job, count, rows, factor, d, sum, 2);
    }
}

void bn_attend_bf16_avx512(const bn_attend_job *job)
{
    if (job->dim % 32 || job->q_stride % 2 || job->dim > 512) { /* no published network has such heads */
        bn_kernels_plain.attend_bf16(job);
        return;
    }
    const int padded = (job->keys + 15) / 16 * 16;
    uint32_t *keys = job->scratch, *values = keys + (ptrdiff_t)padded * (job->dim / 2);
    float *scores = (float *)(values + (ptrdiff_t)(padded / 2) * job->dim);
    pack_keys(job, padded, keys);
    pack_values(job, padded, values);
    int next = 0, queries[ROWS];
    for (int count; (count = bn_attend_next(job, &next, ROWS, queries)) > 0;)
        attend_rows(job, queries, count, keys, values, padded, scores);
}
