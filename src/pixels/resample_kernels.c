/* resample_kernels.c - weighted sums along and across rows, written so that compilers vectorise them.
 *
 * Compiled as it is for any CPU; resample_kernels_avx2.c and _avx512.c include it for more. All give the same
 * bytes. */
#include "pixels/resample_kernels.h"

#include <string.h>

#ifndef KERNELS
#    define KERNELS bn_resample_kernels_plain
#endif

#define LANES BN_RESAMPLE_LANES

static inline uint8_t to_byte(int32_t sum)
{
    const int32_t value = sum >> BN_RESAMPLE_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void across(const bn_taps *taps, int channels, const uint8_t *columns, uint8_t *out)
{
    for (int x = 0; x < taps->out; x++) {
        const int32_t *weights = taps->weights + (size_t)x * (size_t)taps->most;
        const uint8_t *in = columns + (size_t)taps->first[x] * (size_t)channels * LANES;
        for (int c = 0; c < channels; c++, in += LANES, out += LANES) {
            int32_t sum[LANES];
            for (int l = 0; l < LANES; l++) sum[l] = 1 << (BN_RESAMPLE_BITS - 1);
            for (int k = 0; k < taps->count[x]; k++) {
                const uint8_t *sample = in + (size_t)k * (size_t)channels * LANES;
                for (int l = 0; l < LANES; l++) sum[l] += sample[l] * weights[k];
            }
            for (int l = 0; l < LANES; l++) out[l] = to_byte(sum[l]);
        }
    }
}

/* A piece of a row at a time, so that its sums stay in registers. */
static void down(const uint8_t *const *rows, const int32_t *weights, int count, size_t bytes, uint8_t *out)
{
    enum { PIECE = 64 };
    size_t at = 0;
    for (; at + PIECE <= bytes; at += PIECE) {
        int32_t sum[PIECE];
        for (int i = 0; i < PIECE; i++) sum[i] = 1 << (BN_RESAMPLE_BITS - 1);
        for (int k = 0; k < count; k++) {
            const uint8_t *row = rows[k] + at;
            for (int i = 0; i < PIECE; i++) sum[i] += row[i] * weights[k];
        }
        for (int i = 0; i < PIECE; i++) out[at + (size_t)i] = to_byte(sum[i]);
    }
    for (; at < bytes; at++) {
        int32_t sum = 1 << (BN_RESAMPLE_BITS - 1);
        for (int k = 0; k < count; k++) sum += rows[k][at] * weights[k];
        out[at] = to_byte(sum);
    }
}

/* A vector of the compilers' own (gcc 12, clang), for the one thing that they do not find by themselves. */
typedef uint8_t lanes __attribute__((vector_size(LANES)));

static inline lanes interleave_low(lanes a, lanes b)
{
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

static inline lanes interleave_high(lanes a, lanes b)
{
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/* Transpose 16 rows x 16 bytes: interleaving the halves four times rotates the eight bits of an index by
 * four. */
static inline void turn_block(lanes block[LANES])
{
    lanes turned[LANES];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < LANES / 2; i++) {
            turned[2 * i] = interleave_low(block[i], block[i + LANES / 2]);
            turned[2 * i + 1] = interleave_high(block[i], block[i + LANES / 2]);
        }
        for (int i = 0; i < LANES / 2; i++) {
            block[2 * i] = interleave_low(turned[i], turned[i + LANES / 2]);
            block[2 * i + 1] = interleave_high(turned[i], turned[i + LANES / 2]);
        }
    }
}

static void gather(const uint8_t *const *rows, size_t bytes, uint8_t *columns)
{
    size_t at = 0;
    for (; at + LANES <= bytes; at += LANES, columns += LANES * LANES) {
        lanes block[LANES];
        for (int r = 0; r < LANES; r++) memcpy(&block[r], rows[r] + at, LANES);
        turn_block(block);
        memcpy(columns, block, sizeof block);
    }
    for (; at < bytes; at++, columns += LANES)
        for (int r = 0; r < LANES; r++) columns[r] = rows[r][at];
}

static void scatter(const uint8_t *columns, size_t bytes, uint8_t *const *rows)
{
    size_t at = 0;
    for (; at + LANES <= bytes; at += LANES, columns += LANES * LANES) {
        lanes block[LANES];
        memcpy(block, columns, sizeof block);
        turn_block(block);
        for (int r = 0; r < LANES; r++) memcpy(rows[r] + at, &block[r], LANES);
    }
    for (; at < bytes; at++, columns += LANES)
        for (int r = 0; r < LANES; r++) rows[r][at] = columns[r];
}

const bn_resample_kernels KERNELS = {across, down, gather, scatter};
