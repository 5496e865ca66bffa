/* peak_amx.c - the loop of peak.h for AMX: four independent tiles. */
#include "nn/cpu/kernels_impl.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REQUEST_PERMISSION 0x1023 /* ARCH_REQ_XCOMP_PERM of Linux */
#define TILE_DATA          18     /* XFEATURE_XTILEDATA */

typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

static void peak_amx(ptrdiff_t rounds, float *numbers)
{
    tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = 16;
    }
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    for (ptrdiff_t k = 0; k < rounds; k++) {
        _tile_dpbf16ps(0, 4, 5);
        _tile_dpbf16ps(1, 4, 5);
        _tile_dpbf16ps(2, 4, 5);
        _tile_dpbf16ps(3, 4, 5);
    }
    float result[256];
    _tile_stored(0, result, 64);
    _tile_release();
    numbers[0] += result[0];
}

bn_peak_loop bn_peak_amx(void)
{
    if (syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) != 0) return (bn_peak_loop){NULL, 0};
    return (bn_peak_loop){peak_amx, 4 * 2 * 16 * 16 * 32};
}
