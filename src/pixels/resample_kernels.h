/* resample_kernels.h - the inner loops of resizing, compiled once for each level of instructions. */
#ifndef BN_PIXELS_RESAMPLE_KERNELS_H
#define BN_PIXELS_RESAMPLE_KERNELS_H

#include "base/cpu.h"

#include <stdint.h>

/* Rows that are resized horizontally side by side. */
#define BN_RESAMPLE_LANES 16

/* Weights are fixed-point with this many fraction bits, as in Pillow; 8-bit samples times weights fit an
 * int32. */
#define BN_RESAMPLE_BITS 22

/* How each output sample is made of input samples along one axis. */
typedef struct bn_taps {
    int out, most;    /* output samples; the most inputs that one of them has */
    int *first;       /* [out] first input */
    int *count;       /* [out] inputs, at most `most` */
    int32_t *weights; /* [out][most] */
} bn_taps;

typedef struct bn_resample_kernels {
    /* columns: uint8 [inputs][channels][LANES]; out: uint8 [taps->out][channels][LANES] */
    void (*across)(const bn_taps *taps, int channels, const uint8_t *columns, uint8_t *out);
    /* rows[count]: uint8 [bytes] each; out: uint8 [bytes] = their weighted sum */
    void (*down)(const uint8_t *const *rows, const int32_t *weights, int count, size_t bytes, uint8_t *out);
    /* rows[LANES]: uint8 [bytes] each -> columns: uint8 [bytes][LANES], and back */
    void (*gather)(const uint8_t *const *rows, size_t bytes, uint8_t *columns);
    void (*scatter)(const uint8_t *columns, size_t bytes, uint8_t *const *rows);
} bn_resample_kernels;

extern const bn_resample_kernels bn_resample_kernels_plain;
#if defined(__x86_64__)
extern const bn_resample_kernels bn_resample_kernels_avx2, bn_resample_kernels_avx512;
#endif

/* The fastest that this level of instructions has. */
const bn_resample_kernels *bn_resample_kernels_for(bn_isa isa);

#endif
