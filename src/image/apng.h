/* apng.h - names that the two halves of animated PNG share. */
#ifndef BN_IMAGE_APNG_H
#define BN_IMAGE_APNG_H

#include <stddef.h>
#include <stdint.h>

enum {
    BN_PNG_SIGNATURE_BYTES = 8,
    BN_PNG_CHUNK_BYTES = 12, /* length, type, CRC around the data */
    BN_PNG_IHDR_BYTES = 13,
    BN_PNG_FCTL_BYTES = 26,
    BN_PNG_ACTL_BYTES = 8,
};

static inline uint32_t bn_png_load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline void bn_png_store_u32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (24 - 8 * i));
}

#endif
