/* png_write.c - PNG out: own chunks and filters over libdeflate, which is 2 to 3 times as fast as zlib at the
 * same size (libspng and libpng write through zlib only). */
#include "image/png.h"

#include "base/parallel.h"
#include "base/size.h"
#include "image/iptc.h"
#include "image/xmp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

typedef enum png_filter {
    FILTER_NONE,
    FILTER_SUB,
    FILTER_UP,
    FILTER_AVERAGE,
    FILTER_PAETH,
    FILTERS
} png_filter;

typedef struct filtering {
    const bn_image *image;
    size_t row_bytes;   /* without the filter's byte */
    size_t pixel_bytes; /* distance to the left neighbour */
    uint8_t *filtered;  /* [height][1 + row_bytes] */
    uint8_t *scratch;   /* [threads][4][row_bytes] */
    int last_filter;    /* filters 0 .. last_filter are tried */
} filtering;

/* ---- filters ------------------------------------------------------------------------------------------- */

static uint8_t paeth(int left, int up, int corner)
{
    const int by_left = abs(up - corner), by_up = abs(left - corner), by_corner = abs(left + up - 2 * corner);
    const int other = by_up <= by_corner ? up : corner;
    return (uint8_t)(by_left <= by_up && by_left <= by_corner ? left : other);
}

/* row, up (the row above, or zeros) and out are uint8 [bytes]; left neighbours are `step` bytes back. */
static void filter_row(png_filter filter, const uint8_t *restrict row, const uint8_t *restrict up,
                       size_t bytes, size_t step, uint8_t *restrict out)
{
    switch (filter) {
    case FILTER_SUB:
        memcpy(out, row, step);
        for (size_t i = step; i < bytes; i++) out[i] = (uint8_t)(row[i] - row[i - step]);
        break;
    case FILTER_UP:
        for (size_t i = 0; i < bytes; i++) out[i] = (uint8_t)(row[i] - up[i]);
        break;
    case FILTER_AVERAGE:
        for (size_t i = 0; i < step; i++) out[i] = (uint8_t)(row[i] - up[i] / 2);
        for (size_t i = step; i < bytes; i++) out[i] = (uint8_t)(row[i] - (row[i - step] + up[i]) / 2);
        break;
    case FILTER_PAETH:
        for (size_t i = 0; i < step; i++) out[i] = (uint8_t)(row[i] - up[i]);
        for (size_t i = step; i < bytes; i++)
            out[i] = (uint8_t)(row[i] - paeth(row[i - step], up[i], up[i - step]));
        break;
    default:
        memcpy(out, row, bytes);
        break;
    }
}

/* Sum of the bytes' distances from zero: the usual guess at what will compress best. */
static size_t row_cost(const uint8_t *row, size_t bytes)
{
    size_t sum = 0;
    for (size_t begin = 0; begin < bytes; begin += 4096) {
        const size_t end = BN_MIN(begin + 4096, bytes);
        uint32_t part = 0;
        for (size_t i = begin; i < end; i++) part += (uint8_t)(row[i] < 128 ? row[i] : -row[i]);
        sum += part;
    }
    return sum;
}

/* Bytes of row y as they stand in the file: 16-bit samples big-endian, in `line`. */
static const uint8_t *file_row(const filtering *f, size_t y, uint8_t *line)
{
    const uint8_t *pixels = f->image->pixels;
    const uint8_t *row = pixels + y * f->row_bytes;
    if (f->image->depth == 8) return row;
    const uint16_t *samples = (const uint16_t *)(const void *)row;
    for (size_t i = 0; i < f->row_bytes / 2; i++) {
        line[2 * i] = (uint8_t)(samples[i] >> 8);
        line[2 * i + 1] = (uint8_t)samples[i];
    }
    return line;
}

static void filter_rows(void *context, size_t begin, size_t end, int thread)
{
    const filtering *f = context;
    uint8_t *lines[2], *trial = f->scratch + (size_t)thread * 4 * f->row_bytes;
    lines[0] = trial + f->row_bytes;
    lines[1] = lines[0] + f->row_bytes;
    uint8_t *zeros = lines[1] + f->row_bytes;
    const uint8_t *up = zeros;
    if (begin > 0) up = file_row(f, begin - 1, lines[(begin - 1) % 2]);
    for (size_t y = begin; y < end; y++) {
        const uint8_t *row = file_row(f, y, lines[y % 2]);
        uint8_t *out = f->filtered + y * (1 + f->row_bytes);
        size_t least = SIZE_MAX;
        for (int filter = FILTER_NONE; filter <= f->last_filter; filter++) {
            filter_row((png_filter)filter, row, up, f->row_bytes, f->pixel_bytes, trial);
            const size_t cost = row_cost(trial, f->row_bytes);
            if (cost >= least) continue;
            least = cost;
            out[0] = (uint8_t)filter;
            memcpy(out + 1, trial, f->row_bytes);
        }
        up = row;
    }
}

/* *filtered: malloc'ed, *bytes long. */
static bn_status filter_image(const bn_image *image, const bn_encode_options *options, uint8_t **filtered,
                              size_t *bytes, bn_error *err)
{
    const int threads = BN_MIN(BN_MAX(options->threads, 1), image->height);
    filtering f = {
        .image = image,
        .row_bytes = bn_image_row_bytes(image),
        .pixel_bytes = (size_t)image->channels * (size_t)(image->depth / 8),
        /* Paeth costs more time than all others together, for 1 % of the size */
        .last_filter = options->compression > 1 ? FILTER_PAETH : FILTER_AVERAGE,
    };
    *bytes = (1 + f.row_bytes) * (size_t)image->height;
    f.filtered = malloc(*bytes);
    f.scratch = calloc((size_t)threads * 4, f.row_bytes);
    if (!f.filtered || !f.scratch) {
        free(f.filtered);
        free(f.scratch);
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to write a PNG of %dx%d pixels", image->width,
                       image->height);
    }
    bn_parallel_for(threads, (size_t)image->height, filter_rows, &f);
    free(f.scratch);
    *filtered = f.filtered;
    return BIREFNET_OK;
}

/* ---- chunks -------------------------------------------------------------------------------------------- */

#define CHUNK_FRAME_BYTES 12 /* length, type, CRC */
#define MAX_CHUNK_BYTES   0x7fffffffu

static void store_u32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (24 - 8 * i));
}

bn_status bn_png_append_chunk(bn_buffer *out, const char *type, const void *data, size_t size, bn_error *err)
{
    uint8_t head[8], tail[4];
    store_u32(head, (uint32_t)size);
    memcpy(head + 4, type, 4);
    /* without data: libdeflate takes NULL for the start of a new sum */
    uint32_t crc = libdeflate_crc32(0, type, 4);
    if (size > 0) crc = libdeflate_crc32(crc, data, size);
    store_u32(tail, crc);
    BN_TRY(bn_buffer_append(out, head, sizeof head, err));
    if (size > 0) BN_TRY(bn_buffer_append(out, data, size, err));
    return bn_buffer_append(out, tail, sizeof tail, err);
}

/* A chunk of `prefix` and data compressed as a zlib stream, made in place at the end of out. */
static bn_status append_packed(bn_buffer *out, const char *type, const char *prefix, size_t prefix_size,
                               const void *data, size_t size, int level, bn_error *err)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(level);
    if (!compressor) return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to write a PNG");
    const size_t frame = CHUNK_FRAME_BYTES + prefix_size;
    const size_t free_bytes = out->max_bytes - out->size;
    size_t room = BN_MIN(libdeflate_zlib_compress_bound(compressor, size), MAX_CHUNK_BYTES - prefix_size);
    room = BN_MIN(room, free_bytes > frame ? free_bytes - frame : 0);
    bn_status status;
    BN_TRY_DONE(bn_buffer_reserve(out, frame + room, err));
    uint8_t *chunk = out->data + out->size, *body = chunk + 8;
    const size_t packed = libdeflate_zlib_compress(compressor, data, size, body + prefix_size, room);
    if (packed == 0) {
        status = bn_fail(err, BIREFNET_ERROR_LIMIT, "the PNG would be larger than %zu bytes", room);
        goto done;
    }
    store_u32(chunk, (uint32_t)(prefix_size + packed));
    memcpy(chunk + 4, type, 4);
    if (prefix_size > 0) memcpy(body, prefix, prefix_size);
    store_u32(body + prefix_size + packed, libdeflate_crc32(0, chunk + 4, 4 + prefix_size + packed));
    out->size += frame + packed;
    out->data[out->size] = 0;
done:
    libdeflate_free_compressor(compressor);
    return status;
}

/* XMP as an iTXt chunk that is not compressed; IPTC, for which PNG has no place of its own, as ImageMagick and the programs
 * after it write it: Photoshop's resource in hexadecimal digits, in a text. */
static bn_status append_blocks(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                               bn_error *err)
{
    static const char xmp_head[] = "XML:com.adobe.xmp\0\0\0\0", iptc_head[] = "Raw profile type iptc";
    bn_buffer text, datasets, resource;
    bn_status status;
    bn_buffer_init(&text, (size_t)3 * BN_IPTC_MAX_BYTES);
    bn_buffer_init(&datasets, BN_IPTC_MAX_BYTES);
    bn_buffer_init(&resource, BN_IPTC_MAX_BYTES + 16);
    BN_TRY_DONE(bn_buffer_append(&text, xmp_head, sizeof xmp_head, err));
    BN_TRY_DONE(bn_image_write_xmp(image, options, &text, err));
    if (text.size > sizeof xmp_head) BN_TRY_DONE(bn_png_append_chunk(out, "iTXt", text.data, text.size, err));
    BN_TRY_DONE(bn_image_write_iptc(image, options, &datasets, err));
    if (datasets.size == 0) goto done;
    BN_TRY_DONE(bn_iptc_wrap(&datasets, &resource, err));
    text.size = 0;
    BN_TRY_DONE(bn_buffer_append(&text, iptc_head, sizeof iptc_head, err));
    BN_TRY_DONE(bn_buffer_printf(&text, err, "\niptc\n%8zu", resource.size));
    for (size_t i = 0; i < resource.size; i++)
        BN_TRY_DONE(bn_buffer_printf(&text, err, "%s%02x", i % 36 ? "" : "\n", resource.data[i]));
    BN_TRY_DONE(bn_buffer_append(&text, "\n", 1, err));
    BN_TRY_DONE(bn_png_append_chunk(out, "tEXt", text.data, text.size, err));
done:
    bn_buffer_free(&text);
    bn_buffer_free(&datasets);
    bn_buffer_free(&resource);
    return status;
}

/* pHYs, in pixels a metre, eXIf, XMP and IPTC. */
static bn_status append_facts(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                              bn_error *err)
{
    const double inch_m = 0.0254;
    uint8_t phys[9] = {[8] = 1};
    bn_buffer exif;
    if (image->density.x > 0 && image->density.y > 0) {
        store_u32(phys, (uint32_t)lround(image->density.x / inch_m));
        store_u32(phys + 4, (uint32_t)lround(image->density.y / inch_m));
        BN_TRY(bn_png_append_chunk(out, "pHYs", phys, sizeof phys, err));
    }
    bn_buffer_init(&exif, BN_EXIF_MAX_BYTES);
    bn_status status = bn_image_write_exif(image, options, false, &exif, err);
    if (status == BIREFNET_OK && exif.size > 0)
        status = bn_png_append_chunk(out, "eXIf", exif.data, exif.size, err);
    bn_buffer_free(&exif);
    return status == BIREFNET_OK ? append_blocks(image, options, out, err) : status;
}

bn_status bn_png_encode(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                        bn_error *err)
{
    enum { COLOUR_GREY = 0, COLOUR_RGB = 2, COLOUR_RGBA = 6 };
    uint8_t *filtered = NULL;
    size_t filtered_bytes = 0;
    bn_status status;
    uint8_t header[13] = {0};
    store_u32(header, (uint32_t)image->width);
    store_u32(header + 4, (uint32_t)image->height);
    header[8] = (uint8_t)image->depth;
    header[9] = image->channels == 1 ? COLOUR_GREY : image->channels == 3 ? COLOUR_RGB : COLOUR_RGBA;
    BN_TRY_DONE(bn_buffer_append(out, "\x89PNG\r\n\x1a\n", 8, err));
    BN_TRY_DONE(bn_png_append_chunk(out, "IHDR", header, sizeof header, err));
    if (image->icc && image->channels > 1) /* name, its zero, compression method 0 */
        BN_TRY_DONE(append_packed(out, "iCCP", "profile\0", 9, image->icc, image->icc_bytes, 6, err));
    BN_TRY_DONE(append_facts(image, options, out, err));
    BN_TRY_DONE(filter_image(image, options, &filtered, &filtered_bytes, err));
    BN_TRY_DONE(append_packed(out, "IDAT", NULL, 0, filtered, filtered_bytes, options->compression, err));
    BN_TRY_DONE(bn_png_append_chunk(out, "IEND", NULL, 0, err));
done:
    free(filtered);
    return status;
}
