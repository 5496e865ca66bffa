/* image_webp_tables.c - fuzz: any bytes as lossless WebP data. What libwebp decodes must pass the reader that measures its
 * tables: else whole pictures would be refused. */
#include "image/webp_tables.h"

#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_le32(uint8_t *at, size_t value)
{
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX_PIXELS = 1 << 14, RIFF = 12, HEAD = 8 };
    const size_t padded = size + size % 2;
    uint8_t *file = calloc(1, RIFF + HEAD + padded);
    int width = 0, height = 0;
    uint64_t bytes = 0;
    if (!file) abort();
    memcpy(file, "RIFF....WEBPVP8L", 16);
    put_le32(file + 4, 4 + HEAD + padded);
    put_le32(file + 16, size);
    if (size) memcpy(file + RIFF + HEAD, data, size);
    if (WebPGetInfo(file, RIFF + HEAD + padded, &width, &height) && width * height <= MAX_PIXELS) {
        const bool good =
            bn_webp_tables_bytes(file + RIFF, HEAD + padded, (uint32_t)width, (uint32_t)height, &bytes);
        uint8_t *pixels = WebPDecodeRGBA(file, RIFF + HEAD + padded, &width, &height);
        if (pixels && (!good || bytes == 0)) abort();
        WebPFree(pixels);
    }
    free(file);
    return 0;
}
