/* compose_kernels.c - see compose_kernels.h: plain C, and the choice. */
#include "image/compose_kernels.h"

#include <stddef.h>

void bn_cutout_row_plain(const uint8_t *rgb, const uint8_t *foreground, const uint8_t *alpha, int width,
                         uint8_t *rgba)
{
    for (ptrdiff_t x = 0; x < width; x++) {
        const uint8_t *from = (alpha[x] == 255 ? rgb : foreground) + 3 * x;
        for (ptrdiff_t k = 0; k < 3; k++) rgba[4 * x + k] = alpha[x] ? from[k] : 0;
        rgba[4 * x + 3] = alpha[x];
    }
}

bn_cutout_row_fn bn_cutout_row_for(bn_isa isa)
{
#if defined(__x86_64__)
    if (isa >= BN_ISA_AVX2) return bn_cutout_row_avx2;
#endif
    (void)isa;
    return bn_cutout_row_plain;
}
