/* png_read.c - PNG in, through libspng: every colour type, 16 bits kept, transparency, profile,
 * orientation. */
#include "image/png.h"

#include "image/described.h"
#include "image/iptc.h"
#include "image/orientation.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <spng.h>

static bn_status fail_reading(int code, bn_error *err)
{
    if (code == SPNG_IO_EOF)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "truncated PNG: the data ends too early");
    if (code == SPNG_EMEM) return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to read a PNG");
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged PNG: %s", spng_strerror(code));
}

static bn_status open_reader(const uint8_t *bytes, size_t size, spng_ctx **context, struct spng_ihdr *header,
                             bn_error *err)
{
    const size_t max_chunk_bytes = 17u << 20,
                 max_kept_bytes = 40u << 20; /* of texts and profiles, unpacked */
    spng_ctx *c = spng_ctx_new(0);
    if (!c) return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to read a PNG");
    *context = c;
    int code = spng_set_chunk_limits(c, max_chunk_bytes, max_kept_bytes);
    if (!code) code = spng_set_image_limits(c, INT_MAX, INT_MAX);
    if (!code) code = spng_set_crc_action(c, SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
    if (!code) code = spng_set_png_buffer(c, bytes, size);
    if (!code) code = spng_get_ihdr(c, header);
    return code ? fail_reading(code, err) : BIREFNET_OK;
}

/* An eXIf chunk may stand behind the pixels: only then is it seen after decoding. */
static int find_orientation(spng_ctx *context)
{
    struct spng_exif exif;
    if (spng_get_exif(context, &exif) != 0) return 1;
    return bn_exif_get_orientation((const uint8_t *)exif.data, exif.length);
}

bn_status bn_png_probe(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err)
{
    spng_ctx *context = NULL;
    struct spng_ihdr ihdr = {0};
    bn_status status = open_reader(bytes, size, &context, &ihdr, err);
    if (status == BIREFNET_OK)
        *header = (bn_image_header){
            .width = (int)ihdr.width, .height = (int)ihdr.height, .orientation = find_orientation(context)};
    spng_ctx_free(context);
    return status;
}

/* 16-bit grey lies in the last third of an RGB image's pixels; repeat it from the front. The writer never
 * overtakes the reader. */
static void spread_grey_16(bn_image *image)
{
    const size_t pixels = (size_t)image->width * (size_t)image->height;
    uint16_t *rgb = image->pixels;
    const uint16_t *grey = rgb + 2 * pixels;
    for (size_t i = 0; i < pixels; i++) {
        const uint16_t value = grey[i];
        rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = value;
    }
}

static bn_status read_pixels(spng_ctx *context, const struct spng_ihdr *ihdr, bn_image **image, bn_error *err)
{
    struct spng_trns transparency;
    const int colour = ihdr->color_type;
    const bool has_alpha = colour == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
                           colour == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA ||
                           spng_get_trns(context, &transparency) == 0;
    const int depth = ihdr->bit_depth == 16 ? 16 : 8;
    BN_TRY(bn_image_create((int)ihdr->width, (int)ihdr->height, has_alpha ? 4 : 3, depth, image, err));
    int format = has_alpha ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8;
    if (depth == 16) format = has_alpha ? SPNG_FMT_RGBA16 : SPNG_FMT_PNG;
    const bool grey_16 = format == SPNG_FMT_PNG && colour == SPNG_COLOR_TYPE_GRAYSCALE;
    uint8_t *pixels = (*image)->pixels;
    size_t bytes = bn_image_bytes(*image);
    if (grey_16) {
        pixels += bytes / 3 * 2;
        bytes /= 3;
    }
    const int code = spng_decode_image(context, pixels, bytes, format, SPNG_DECODE_TRNS);
    if (code) return fail_reading(code, err);
    if (grey_16) spread_grey_16(*image);
    return BIREFNET_OK;
}

/* "\nNAME\n    1234\nHEX..." as ImageMagick writes blocks into texts, decoded in place. */
static bn_status adopt_raw_iptc(char *text, size_t size, bn_image *image, bn_error *err)
{
    char *at = text, *const end = text + size;
    for (int line = 0; line < 3 && at; line++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    if (!at) return BIREFNET_OK;
    uint8_t *bytes = (uint8_t *)text;
    size_t digits = 0;
    for (; at < end; at++) {
        static const char all[] = "0123456789abcdef";
        const char *digit = *at ? strchr(all, *at >= 'A' && *at <= 'F' ? *at + 32 : *at) : NULL;
        if (!digit) continue;
        bytes[digits / 2] = (uint8_t)((digits % 2 ? bytes[digits / 2] << 4 : 0) | (digit - all));
        digits++;
    }
    const uint8_t *found = bytes;
    size_t count = digits / 2;
    bn_iptc_find(bytes, digits / 2, &found, &count); /* or bare datasets */
    return bn_image_adopt_iptc(image, found, count, err);
}

/* XMP, and IPTC as png_write.c writes it, of the texts from *seen on. */
static bn_status adopt_texts(spng_ctx *context, uint32_t *seen, bn_image *image, bn_error *err)
{
    uint32_t count = 0;
    if (spng_get_text(context, NULL, &count) != 0 || count <= *seen) return BIREFNET_OK;
    struct spng_text *texts = calloc(count, sizeof *texts);
    if (!texts) return bn_fail_memory(err, count * sizeof *texts, "the texts of a PNG");
    bn_status status = BIREFNET_OK;
    if (spng_get_text(context, texts, &count) != 0) count = 0;
    for (uint32_t i = *seen; i < count && status == BIREFNET_OK; i++) {
        if (strcmp(texts[i].keyword, "XML:com.adobe.xmp") == 0)
            status = bn_image_adopt_xmp(image, texts[i].text, texts[i].length, err);
        else if (strcmp(texts[i].keyword, "Raw profile type iptc") == 0)
            status = adopt_raw_iptc(texts[i].text, texts[i].length, image, err);
    }
    *seen = count;
    free(texts);
    return status;
}

static bn_status adopt_exif(spng_ctx *context, bool *found, bn_image *image, bn_error *err)
{
    struct spng_exif exif;
    if (*found || spng_get_exif(context, &exif) != 0) return BIREFNET_OK;
    *found = true;
    image->source_orientation = bn_exif_get_orientation((const uint8_t *)exif.data, exif.length);
    return bn_image_adopt_exif(image, exif.data, exif.length, err);
}

/* pHYs in pixels a metre; an eXIf chunk and texts, before the pixels or behind them: what follows those may be missing or
 * broken, they are whole. */
static bn_status read_facts(spng_ctx *context, bn_image *image, bn_error *err)
{
    struct spng_phys phys;
    bool has_exif = false;
    uint32_t seen_texts = 0;
    const double inch_m = 0.0254;
    if (spng_get_phys(context, &phys) == 0 && phys.unit_specifier == 1 && phys.ppu_x > 0 && phys.ppu_y > 0)
        image->density = (bn_density){phys.ppu_x * inch_m, phys.ppu_y * inch_m};
    BN_TRY(adopt_exif(context, &has_exif, image, err));
    BN_TRY(adopt_texts(context, &seen_texts, image, err));
    if (spng_decode_chunks(context) != 0) return BIREFNET_OK;
    BN_TRY(adopt_exif(context, &has_exif, image, err));
    return adopt_texts(context, &seen_texts, image, err);
}

/* The cICP chunk, which libspng does not know: primaries and transfer. It stands before the pixels; libspng has checked the
 * chunks up to there. */
static const uint8_t *find_code_points(const uint8_t *bytes, size_t size)
{
    for (size_t at = 8; size - at >= 16;) {
        const uint64_t length = (uint64_t)bytes[at] << 24 | (uint64_t)bytes[at + 1] << 16 |
                                (uint64_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (memcmp(bytes + at + 4, "cICP", 4) == 0 && length == 4) return bytes + at + 8;
        if (memcmp(bytes + at + 4, "IDAT", 4) == 0 || length > size - at - 12) return NULL;
        at += 12 + (size_t)length;
    }
    return NULL;
}

/* What stands first in the PNG specification's section 12 says it: cICP, iCCP, sRGB, then gAMA and cHRM. */
static bn_status adopt_colours(spng_ctx *context, const uint8_t *bytes, size_t size, bn_image *image,
                               bn_error *err)
{
    struct spng_iccp icc;
    struct spng_chrm_int c = {0};
    uint32_t gamma = 0;
    uint8_t intent = 0;
    const uint8_t *points = find_code_points(bytes, size);
    if (points) return bn_image_adopt_cicp(image, points[0], points[1], err);
    if (spng_get_iccp(context, &icc) == 0)
        return bn_image_adopt_icc(image, icc.profile, icc.profile_len, err);
    if (spng_get_srgb(context, &intent) == 0) return BIREFNET_OK;
    const bool has_gamma = spng_get_gama_int(context, &gamma) == 0 && gamma > 0;
    const bool has_primaries = spng_get_chrm_int(context, &c) == 0;
    const bn_primaries primaries = {{c.red_x / 1e5, c.red_y / 1e5},
                                    {c.green_x / 1e5, c.green_y / 1e5},
                                    {c.blue_x / 1e5, c.blue_y / 1e5},
                                    {c.white_point_x / 1e5, c.white_point_y / 1e5}};
    return bn_image_adopt_gamma(image, has_gamma ? 1e5 / gamma : 0, has_primaries ? &primaries : NULL, err);
}

bn_status bn_png_decode(const uint8_t *bytes, size_t size, const bn_decode_limits *limits, bn_image **image,
                        bn_error *err)
{
    (void)limits; /* all that they bound is in the header */
    spng_ctx *context = NULL;
    struct spng_ihdr ihdr = {0};
    bn_image *made = NULL;
    bn_status status;
    BN_TRY_DONE(open_reader(bytes, size, &context, &ihdr, err));
    BN_TRY_DONE(read_pixels(context, &ihdr, &made, err));
    made->source_depth = ihdr.bit_depth;
    BN_TRY_DONE(adopt_colours(context, bytes, size, made, err));
    BN_TRY_DONE(read_facts(context, made, err));
    *image = made;
    made = NULL;
done:
    spng_ctx_free(context);
    bn_image_destroy(&made);
    return status;
}

const bn_codec bn_png_codec = {
    .probe = bn_png_probe,
    .decode = bn_png_decode,
    .encode = bn_png_encode,
    .pixel_bytes = 16, /* RGBA of 16 bits, and once more to turn it */
};
