/* bmp.c - BMP in: 1 to 32 bits, palettes, masks, run lengths, headers of OS/2 and of Windows; the profile of version 5. Debian
 * has no library for it. Layout: Microsoft's BITMAPINFOHEADER, BITMAPV5HEADER, "Bitmap Compression". */
#include "image/codec_table.h"

#include "base/size.h"

#include <string.h>

enum { FILE_HEADER = 14, RGB = 0, RLE8 = 1, RLE4 = 2, MASKS = 3, ALPHA_MASKS = 6 };

typedef struct bmp {
    const uint8_t *bytes;
    size_t size;
    uint32_t header_bytes;
    int width, height;
    bool from_top;
    unsigned bits, compression;
    uint32_t masks[4]; /* red, green, blue, alpha; 0 where there is none */
    uint8_t palette[256][3];
    size_t data; /* where the pixels begin */
} bmp;

static uint32_t get(const bmp *b, size_t at, size_t count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count && at + i < b->size; i++) value |= (uint32_t)b->bytes[at + i] << 8 * i;
    return value;
}

/* ---- the header ---------------------------------------------------------------------------------------- */

static bool is_known_packing(unsigned bits, unsigned compression)
{
    switch (compression) {
    case RGB:
        return bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32;
    case RLE8:
        return bits == 8;
    case RLE4:
        return bits == 4;
    case MASKS:
    case ALPHA_MASKS:
        return bits == 16 || bits == 32;
    default:
        return false;
    }
}

static bn_status read_size(bmp *b, bn_error *err)
{
    const bool core = b->header_bytes == 12;
    const int64_t width = core ? (int64_t)get(b, 18, 2) : (int32_t)get(b, 18, 4);
    const int64_t height = core ? (int64_t)get(b, 20, 2) : (int32_t)get(b, 22, 4);
    b->from_top = height < 0;
    if (width <= 0 || height == 0 || height < -(int64_t)INT32_MAX)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged BMP: its size makes no sense");
    b->width = (int)width;
    b->height = (int)(height < 0 ? -height : height);
    return BIREFNET_OK;
}

static bn_status read_packing(bmp *b, bn_error *err)
{
    b->bits = get(b, b->header_bytes == 12 ? 24 : 28, 2);
    b->compression = b->header_bytes >= 40 ? get(b, 30, 4) : RGB;
    if (is_known_packing(b->bits, b->compression)) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "a %u-bit BMP of compression %u is not read here",
                   b->bits, b->compression);
}

/* Behind a header of 40 bytes the masks follow; longer ones hold them at the same place. */
static void read_masks(bmp *b)
{
    static const uint32_t of_16[4] = {0x7c00, 0x03e0, 0x001f, 0}, of_32[4] = {0xff0000, 0xff00, 0xff, 0};
    memcpy(b->masks, b->bits == 16 ? of_16 : of_32, sizeof b->masks);
    if (b->compression != MASKS && b->compression != ALPHA_MASKS) return;
    const bool has_alpha = b->compression == ALPHA_MASKS || b->header_bytes >= 56;
    for (size_t i = 0; i < (has_alpha ? 4u : 3u); i++) b->masks[i] = get(b, FILE_HEADER + 40 + 4 * i, 4);
}

static void read_palette(bmp *b)
{
    const size_t entry = b->header_bytes == 12 ? 3 : 4;
    size_t at = FILE_HEADER + b->header_bytes;
    if (b->header_bytes == 40 && b->compression == MASKS) at += 12;
    if (b->header_bytes == 40 && b->compression == ALPHA_MASKS) at += 16;
    const uint32_t used = b->header_bytes >= 40 ? get(b, 46, 4) : 0;
    const size_t all = b->bits <= 8 ? (size_t)1 << b->bits : 0;
    size_t count = used > 0 && used < all ? used : all;
    if (b->data >= at) count = BN_MIN(count, (b->data - at) / entry); /* where fewer fit, fewer there are */
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++) b->palette[i][c] = (uint8_t)get(b, at + entry * i + 2 - c, 1);
}

static bn_status read_header(const uint8_t *bytes, size_t size, bmp *b, bn_error *err)
{
    *b = (bmp){.bytes = bytes, .size = size};
    b->data = get(b, 10, 4);
    b->header_bytes = get(b, FILE_HEADER, 4);
    if (size < FILE_HEADER + 12 || b->header_bytes < 12 || b->header_bytes > size - FILE_HEADER)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "truncated BMP: the data ends too early");
    BN_TRY(read_size(b, err));
    BN_TRY(read_packing(b, err));
    read_masks(b);
    read_palette(b);
    return BIREFNET_OK;
}

static bn_status bmp_probe(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err)
{
    bmp b;
    BN_TRY(read_header(bytes, size, &b, err));
    *header = (bn_image_header){.width = b.width, .height = b.height, .orientation = 1};
    return BIREFNET_OK;
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

/* One colour out of a pixel of 16 or 32 bits, stretched to 8. */
static uint8_t masked(uint32_t pixel, uint32_t mask)
{
    if (mask == 0) return 0;
    const int shift = __builtin_ctz(mask);
    const uint64_t most = mask >> shift, value = (pixel & mask) >> shift;
    return (uint8_t)((value * 255 + most / 2) / most);
}

static void read_row(const bmp *b, const uint8_t *row, bool has_alpha, uint8_t *out)
{
    for (size_t x = 0; x < (size_t)b->width; x++) {
        if (b->bits <= 8) {
            const size_t bit = x * b->bits;
            const unsigned index = row[bit / 8] >> (8 - b->bits - bit % 8) & ((1u << b->bits) - 1);
            memcpy(out, b->palette[index], 3);
        } else if (b->bits == 24) {
            for (size_t c = 0; c < 3; c++) out[c] = row[3 * x + 2 - c];
        } else {
            const uint8_t *at = row + x * (b->bits / 8);
            uint32_t pixel = at[0] | (uint32_t)at[1] << 8;
            if (b->bits == 32) pixel |= (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
            for (size_t c = 0; c < (has_alpha ? 4u : 3u); c++) out[c] = masked(pixel, b->masks[c]);
        }
        out += has_alpha ? 4 : 3;
    }
}

static uint8_t *row_of(const bmp *b, bn_image *image, size_t y)
{
    const size_t row = b->from_top ? y : (size_t)b->height - 1 - y;
    return (uint8_t *)image->pixels + row * bn_image_row_bytes(image);
}

static bn_status read_rows(const bmp *b, bn_image *image, bn_error *err)
{
    const size_t stride = ((size_t)b->width * b->bits + 31) / 32 * 4;
    for (size_t y = 0; y < (size_t)b->height; y++) {
        const uint64_t at = b->data + (uint64_t)y * stride;
        if (at > b->size || b->size - at < ((size_t)b->width * b->bits + 7) / 8)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "truncated BMP: the data ends too early");
        read_row(b, b->bytes + at, image->channels == 4, row_of(b, image, y));
    }
    return BIREFNET_OK;
}

/* Writers that know nothing of alpha leave its bits zero. */
static void make_opaque_if_all_clear(bn_image *image)
{
    uint8_t *pixels = image->pixels;
    const size_t bytes = bn_image_bytes(image);
    for (size_t i = 3; i < bytes; i += 4)
        if (pixels[i] != 0) return;
    for (size_t i = 3; i < bytes; i += 4) pixels[i] = 255;
}

/* ---- run lengths --------------------------------------------------------------------------------------- */

typedef struct pen {
    const bmp *b;
    bn_image *image;
    size_t x, y;
} pen;

/* The i-th pixel of bytes that hold one or two each. */
static unsigned index_at(const bmp *b, const uint8_t *bytes, size_t i)
{
    if (b->compression == RLE8) return bytes[i];
    return i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15;
}

/* `count` pixels from `bytes`, whose first `period` are told; those outside of the rows are not walked through. */
static void put(pen *p, const uint8_t *bytes, size_t count, size_t period)
{
    const size_t width = (size_t)p->b->width, height = (size_t)p->b->height;
    if (p->x < width && p->y < height) {
        const size_t seen = BN_MIN(count, width - p->x);
        uint8_t *out = row_of(p->b, p->image, p->y) + 3 * p->x;
        for (size_t i = 0; i < seen; i++)
            memcpy(out + 3 * i, p->b->palette[index_at(p->b, bytes, i % period)], 3);
    }
    p->x += count;
}

/* What begins with a zero: the line's end, a step, or `second` pixels as they are. Bytes used; 0 where they are cut off. */
static size_t read_escape(pen *p, const uint8_t *bytes, size_t left, unsigned second)
{
    if (second == 0) {
        p->x = 0;
        p->y++;
        return 2;
    }
    if (second == 2) {
        if (left < 4) return 0;
        p->x += bytes[2];
        p->y += bytes[3];
        return 4;
    }
    const size_t packed = p->b->compression == RLE8 ? second : (second + 1) / 2;
    if (left < 2 + packed) return 0;
    put(p, bytes + 2, second, second);
    return 2 + (packed + 1) / 2 * 2;
}

static void fill_with_first_colour(const bmp *b, bn_image *image)
{
    for (size_t y = 0; y < (size_t)b->height; y++)
        for (size_t x = 0; x < (size_t)b->width; x++) memcpy(row_of(b, image, y) + 3 * x, b->palette[0], 3);
}

static bn_status read_runs(const bmp *b, bn_image *image, bn_error *err)
{
    pen p = {b, image, 0, 0};
    fill_with_first_colour(b, image); /* pixels that nothing is said of */
    for (size_t at = b->data; p.y < (size_t)b->height;) {
        if (at >= b->size || b->size - at < 2) break;
        const uint8_t *bytes = b->bytes + at;
        if (bytes[0] == 0 && bytes[1] == 1) return BIREFNET_OK;
        size_t used = 2;
        if (bytes[0] == 0)
            used = read_escape(&p, bytes, b->size - at, bytes[1]);
        else
            put(&p, bytes + 1, bytes[0], b->compression == RLE8 ? 1 : 2);
        if (used == 0) break;
        at += used;
    }
    if (p.y >= (size_t)b->height) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "truncated BMP: the data ends too early");
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

/* Pixels a metre. */
static void read_density(const bmp *b, bn_image *image)
{
    const double inch_m = 0.0254;
    const uint32_t x = b->header_bytes >= 40 ? get(b, 38, 4) : 0,
                   y = b->header_bytes >= 40 ? get(b, 42, 4) : 0;
    if (x > 0 && x <= INT32_MAX && y > 0 && y <= INT32_MAX)
        image->density = (bn_density){x * inch_m, y * inch_m};
}

static bn_status adopt_profile(const bmp *b, bn_image *image, bn_error *err)
{
    enum { AT_SPACE = FILE_HEADER + 56, AT_PROFILE = FILE_HEADER + 112 };
    if (b->header_bytes < 124 || get(b, AT_SPACE, 4) != 0x4d424544) return BIREFNET_OK; /* "MBED" */
    const uint64_t at = FILE_HEADER + (uint64_t)get(b, AT_PROFILE, 4), size = get(b, AT_PROFILE + 4, 4);
    if (at > b->size || size > b->size - at) return BIREFNET_OK;
    return bn_image_adopt_icc(image, b->bytes + at, size, err);
}

static bn_status bmp_decode(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                            bn_image **image, bn_error *err)
{
    bmp b;
    bn_image *made = NULL;
    bn_status status;
    BN_TRY(read_header(bytes, size, &b, err));
    BN_TRY(bn_limits_check(limits, (uint64_t)b.width, (uint64_t)b.height, err));
    const bool runs = b.compression == RLE8 || b.compression == RLE4;
    BN_TRY(bn_image_create(b.width, b.height, b.bits >= 16 && b.masks[3] ? 4 : 3, 8, &made, err));
    BN_TRY_DONE(runs ? read_runs(&b, made, err) : read_rows(&b, made, err));
    if (made->channels == 4) make_opaque_if_all_clear(made);
    made->source_depth = b.bits <= 8 ? (int)b.bits : 8;
    made->source_orientation = 1;
    read_density(&b, made);
    BN_TRY_DONE(adopt_profile(&b, made, err));
    *image = made;
    made = NULL;
done:
    bn_image_destroy(&made);
    return status;
}

const bn_codec bn_bmp_codec = {
    .probe = bmp_probe, .decode = bmp_decode, .encode = NULL, .pixel_bytes = 4, /* RGBA */
};
