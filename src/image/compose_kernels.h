/* compose_kernels.h - the row loop of the usual cut-out: 8 bits, RGB in, RGBA out, nothing behind. All levels of
 * instructions give the same bytes. */
#ifndef BN_IMAGE_COMPOSE_KERNELS_H
#define BN_IMAGE_COMPOSE_KERNELS_H

#include "base/cpu.h"

#include <stdint.h>

/* rgb, foreground: uint8 [width][3]; alpha: uint8 [width]; rgba: uint8 [width][4]. The photo's own colour where alpha is
 * 255, the foreground's where it is less, zeros where it is 0. */
typedef void (*bn_cutout_row_fn)(const uint8_t *rgb, const uint8_t *foreground, const uint8_t *alpha,
                                 int width, uint8_t *rgba);

void bn_cutout_row_plain(const uint8_t *rgb, const uint8_t *foreground, const uint8_t *alpha, int width,
                         uint8_t *rgba);
#if defined(__x86_64__)
void bn_cutout_row_avx2(const uint8_t *rgb, const uint8_t *foreground, const uint8_t *alpha, int width,
                        uint8_t *rgba);
#endif

bn_cutout_row_fn bn_cutout_row_for(bn_isa isa);

#endif
