/* foreground_kernels.h - the row loops of the foreground estimate, compiled once for each level of
 * instructions.
 *
 * Sums of boxes are integers, so they are exact in any order; what is left of floating point is computed
 * pixel by pixel with single IEEE operations. Hence all levels and any number of threads give the same bytes.
 *
 * A "set of sums" is int32 [7][stride]: one plane each for
 *   0      alpha                                0 to 255 a pixel
 *   1..3   colour times alpha          (R G B)  see the functions for the scale
 *   4..6   the other colour            (R G B) */
#ifndef BN_PIXELS_FOREGROUND_KERNELS_H
#define BN_PIXELS_FOREGROUND_KERNELS_H

#include "base/cpu.h"

#include <stdint.h>

#define BN_FOREGROUND_SUMS 7

/* Boxes cover before .. after around a pixel, as OpenCV's blur centres an even box. */
enum {
    BN_WIDE_BEFORE = 45,
    BN_WIDE_AFTER = 44,
    BN_NARROW_BEFORE = 3,
    BN_NARROW_AFTER = 2,
};

/* One row of the first estimate: colours in 1/65535. */
typedef struct bn_estimate_row {
    uint16_t *colours;    /* [6][stride]: foreground R G B, background R G B */
    const uint8_t *alpha; /* [width] of the matte */
} bn_estimate_row;

typedef struct bn_foreground_kernels {
    /* Wide columns: add what one row of the photo gives and take away what another gave.
     * Planes 1..3 are colour * alpha, 4..6 colour, all of 8-bit values. */
    void (*slide_wide)(int32_t *columns, int width, size_t stride, const uint8_t *rgb_in,
                       const uint8_t *alpha_in, const uint8_t *rgb_out, const uint8_t *alpha_out);
    /* Sums of columns over x - 45 .. x + 44; mirror[i] is the column to take for column i, -46 <= i < width +
     * 45. */
    void (*sum_wide)(const int32_t *columns, int width, size_t stride, const int *mirror, int32_t *boxes);
    void (*estimate_wide)(const int32_t *boxes, int width, size_t stride, const uint8_t *rgb,
                          const uint8_t *alpha, uint16_t *colours);
    /* Narrow columns, from rows of the first estimate; planes 4..6 are background * (255 - alpha). `columns`
     * has 3 extra columns before and 2 behind each plane, filled by fill_margins. */
    void (*slide_narrow)(int32_t *columns, int width, size_t stride, const bn_estimate_row *in,
                         const bn_estimate_row *out);
    /* Box sums over x - 3 .. x + 2 and the final colours. Margins must be filled. */
    void (*estimate_narrow)(const int32_t *columns, int width, size_t stride, const uint8_t *rgb,
                            const uint8_t *alpha, uint8_t *foreground);
} bn_foreground_kernels;

extern const bn_foreground_kernels bn_foreground_kernels_plain;
#if defined(__x86_64__)
extern const bn_foreground_kernels bn_foreground_kernels_avx2, bn_foreground_kernels_avx512;
#endif

/* The fastest that this level of instructions has. */
const bn_foreground_kernels *bn_foreground_kernels_for(bn_isa isa);

#endif
