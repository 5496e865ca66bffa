/* tiff_read.c - TIFF in, through libtiff: grey and RGB of 8 and 16 bits exactly, CMYK by profile; the other
 * kinds (palette, 1 to 4 bits, YCbCr, Lab, ...) through libtiff's own conversion to 8-bit RGBA. First page
 * only. */
#include "image/tiff.h"

#include "base/size.h"
#include "image/cmyk.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct tiff_facts {
    uint32_t width, height;
    uint16_t bits, samples, photometric, planar, format, orientation, compression, extras;
    uint16_t first_extra; /* EXTRASAMPLE_... */
    bool tiled;
} tiff_facts;

static void read_facts(const bn_tiff_memory *memory, tiff_facts *f)
{
    const bn_tiff_api *api = &memory->api;
    TIFF *tiff = memory->tiff;
    *f = (tiff_facts){0};
    api->TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &f->width);
    api->TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &f->height);
    api->TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &f->bits);
    api->TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &f->samples);
    api->TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &f->planar);
    api->TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &f->format);
    api->TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &f->orientation);
    api->TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &f->compression);
    if (!api->TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &f->photometric))
        f->photometric = f->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    uint16_t *kinds = NULL;
    api->TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &f->extras, &kinds);
    f->first_extra = f->extras > 0 && kinds ? kinds[0] : EXTRASAMPLE_UNSPECIFIED;
    f->tiled = api->TIFFIsTiled(tiff) != 0;
    if (f->orientation < 1 || f->orientation > 8) f->orientation = 1;
}

static int colours_of(const tiff_facts *f)
{
    switch (f->photometric) {
    case PHOTOMETRIC_RGB:
        return 3;
    case PHOTOMETRIC_SEPARATED:
        return 4;
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_MINISWHITE:
        return 1;
    default:
        return 0;
    }
}

/* Whether the samples can be taken one by one. */
static bool is_plain(const tiff_facts *f)
{
    const int colours = colours_of(f);
    if (colours == 0 || f->samples < colours || f->samples > 16) return false;
    if (f->format != SAMPLEFORMAT_UINT && f->format != SAMPLEFORMAT_VOID) return false;
    if (colours == 4 && f->planar != PLANARCONFIG_CONTIG) return false;
    return f->bits == 8 || f->bits == 16;
}

/* Whether libtiff's code for this compression holds a whole unpacked strip. */
static bool unpacks_whole_strips(const tiff_facts *f)
{
    return f->compression == COMPRESSION_WEBP || f->compression == COMPRESSION_LERC ||
           f->compression == COMPRESSION_JBIG || f->compression == COMPRESSION_PIXARLOG ||
           f->compression == COMPRESSION_SGILOG || f->compression == COMPRESSION_SGILOG24;
}

/* A strip or tile as a whole, decoded; 0 where the numbers make none. */
static uint64_t block_bytes_of(const bn_tiff_memory *memory, const tiff_facts *f)
{
    const bn_tiff_api *api = &memory->api;
    return f->tiled ? api->TIFFTileSize64(memory->tiff) : api->TIFFStripSize64(memory->tiff);
}

/* What reading takes beyond the image. Strips of plain samples are read by rows, but for those of compressions that
 * unpack a strip as a whole; for everything else libtiff makes a raster of 4 bytes a pixel, from four planes at most. */
static uint64_t extra_bytes_of(const bn_tiff_memory *memory, const tiff_facts *f)
{
    uint64_t block = block_bytes_of(memory, f), all = 0;
    if (is_plain(f) && !f->tiled && !unpacks_whole_strips(f))
        block = memory->api.TIFFScanlineSize64(memory->tiff);
    const uint64_t copies = is_plain(f) || f->planar != PLANARCONFIG_SEPARATE ? 2 : 5;
    return bn_size_mul(block, copies, &all) ? all : UINT64_MAX;
}

bn_status bn_tiff_probe(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err)
{
    bn_tiff_memory memory = {.bytes = bytes, .size = size};
    tiff_facts facts;
    bn_status status;
    /* tags that do not lie over one another take twice the file at most, short tables a little more */
    const uint64_t tags_bytes = bn_tiff_tags_bytes(bytes, size),
                   most_bytes = 2 * (uint64_t)size + (32u << 20);
    if (tags_bytes > most_bytes)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "the tags of the TIFF claim %.4g MB, the limit is %.4g MB",
                       (double)tags_bytes / 1e6, (double)most_bytes / 1e6);
    BN_TRY_DONE(bn_tiff_open(&memory, "r", most_bytes, err));
    read_facts(&memory, &facts);
    bn_decode_limits none = {.max_pixels = UINT64_MAX};
    BN_TRY_DONE(bn_limits_check(&none, facts.width, facts.height, err));
    *header = (bn_image_header){.width = (int)facts.width,
                                .height = (int)facts.height,
                                .orientation = facts.orientation,
                                .extra_bytes = extra_bytes_of(&memory, &facts)};
    if (!bn_size_add(header->extra_bytes, tags_bytes, &header->extra_bytes)) header->extra_bytes = UINT64_MAX;
done:
    bn_tiff_close(&memory);
    return status;
}

static bn_status fail_reading(const bn_tiff_memory *memory, bn_error *err)
{
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged or truncated TIFF: %s",
                   memory->message[0] ? memory->message : "unknown error");
}

/* ---- samples as they are ------------------------------------------------------------------------------- */

typedef struct tiff_reading {
    bn_tiff_memory *memory;
    tiff_facts facts;
    bn_image *image;
    bn_cmyk *cmyk;  /* NULL unless the samples are ink */
    uint8_t *block; /* one row of a strip, or one tile */
    bool has_alpha, premultiplied;
} tiff_reading;

/* Where the samples of one pixel of the file go: image channel for each, -1 for none. */
static void place_sample(const tiff_reading *r, int sample, int *first, int *last)
{
    const int colours = colours_of(&r->facts);
    *first = *last = -1;
    if (colours == 1 && sample == 0)
        *first = 0, *last = 2;
    else if (sample < colours)
        *first = *last = sample;
    else if (sample == colours && r->has_alpha)
        *first = *last = 3;
}

/* Copy one sample of each of `count` pixels; from and to are indices of samples. */
static void copy_samples(const tiff_reading *r, size_t from, size_t step, size_t to, size_t count,
                         bool invert)
{
    const size_t channels = (size_t)r->image->channels;
    if (r->facts.bits == 16) {
        const uint16_t *in = (const uint16_t *)(const void *)r->block + from;
        uint16_t *out = (uint16_t *)r->image->pixels + to;
        for (size_t i = 0; i < count; i++)
            out[i * channels] = (uint16_t)(invert ? 65535 - in[i * step] : in[i * step]);
    } else {
        const uint8_t *in = r->block + from;
        uint8_t *out = (uint8_t *)r->image->pixels + to;
        for (size_t i = 0; i < count; i++)
            out[i * channels] = (uint8_t)(invert ? 255 - in[i * step] : in[i * step]);
    }
}

/* A block of the file covers width x height pixels at (x, y) of the image; its rows are block_width wide.
 * plane is the sample it holds, or -1 where it holds all of them. */
static void place_block(const tiff_reading *r, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
                        uint32_t block_width, int plane)
{
    const size_t samples = plane < 0 ? r->facts.samples : 1, channels = (size_t)r->image->channels;
    const bool invert = r->facts.photometric == PHOTOMETRIC_MINISWHITE;
    for (size_t row = 0; row < height; row++) {
        const size_t from = row * block_width * samples;
        const size_t to = ((y + row) * (size_t)r->image->width + x) * channels;
        for (size_t s = 0; s < samples; s++) {
            int first, last;
            place_sample(r, plane < 0 ? (int)s : plane, &first, &last);
            for (int channel = first; channel >= 0 && channel <= last; channel++)
                copy_samples(r, from + s, samples, to + (size_t)channel, width, invert && channel < 3);
        }
    }
}

static bn_status place_ink(const tiff_reading *r, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
                           uint32_t block_width, bn_error *err)
{
    const size_t samples = r->facts.samples;
    uint8_t *ink = malloc((size_t)width * 4);
    if (!ink) return bn_fail_memory(err, (size_t)width * 4, "a row of a TIFF");
    for (size_t row = 0; row < height; row++) {
        const uint8_t *in = r->block + row * block_width * samples;
        const uint16_t *in_16 = (const uint16_t *)(const void *)r->block + row * block_width * samples;
        for (size_t i = 0; i < width && r->facts.bits == 8; i++) memcpy(ink + 4 * i, in + i * samples, 4);
        for (size_t i = 0; i < 4 * (size_t)width && r->facts.bits == 16; i++)
            ink[i] = bn_sample_16_to_8(in_16[i / 4 * samples + i % 4]);
        uint8_t *out = (uint8_t *)r->image->pixels + ((y + row) * (size_t)r->image->width + x) * 3;
        bn_cmyk_convert(r->cmyk, ink, out, width);
    }
    free(ink);
    return BIREFNET_OK;
}

/* r->block holds width x height pixels that belong at (x, y); its rows are block_width wide. */
static bn_status take_block(const tiff_reading *r, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
                            uint32_t block_width, int plane, bn_error *err)
{
    if (r->cmyk) return place_ink(r, x, y, width, height, block_width, err);
    place_block(r, x, y, width, height, block_width, plane);
    return BIREFNET_OK;
}

/* A strip may be as large as the image, with samples that nobody wants: by rows. */
static bn_status read_rows(tiff_reading *r, int plane, bn_error *err)
{
    const tiff_facts *f = &r->facts;
    for (uint32_t y = 0; y < f->height; y++) {
        if (r->memory->api.TIFFReadScanline(r->memory->tiff, r->block, y, (uint16_t)BN_MAX(plane, 0)) < 0)
            return fail_reading(r->memory, err);
        BN_TRY(take_block(r, 0, y, f->width, 1, f->width, plane, err));
    }
    return BIREFNET_OK;
}

static bn_status read_tiles(tiff_reading *r, int plane, bn_error *err)
{
    const bn_tiff_api *api = &r->memory->api;
    TIFF *tiff = r->memory->tiff;
    const tiff_facts *f = &r->facts;
    uint32_t tile_width = 0, tile_height = 0;
    api->TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &tile_width);
    api->TIFFGetField(tiff, TIFFTAG_TILELENGTH, &tile_height);
    if (tile_width == 0 || tile_height == 0) return fail_reading(r->memory, err);
    const size_t row_bytes = (size_t)tile_width * (plane < 0 ? f->samples : 1) * (f->bits / 8);
    for (uint32_t y = 0; y < f->height; y += BN_MIN(tile_height, f->height - y))
        for (uint32_t x = 0; x < f->width; x += BN_MIN(tile_width, f->width - x)) {
            const uint32_t height = BN_MIN(tile_height, f->height - y),
                           width = BN_MIN(tile_width, f->width - x);
            const uint32_t tile = api->TIFFComputeTile(tiff, x, y, 0, (uint16_t)BN_MAX(plane, 0));
            const tmsize_t got = api->TIFFReadEncodedTile(tiff, tile, r->block, -1);
            if (got < 0 || (size_t)got < height * row_bytes) return fail_reading(r->memory, err);
            BN_TRY(take_block(r, x, y, width, height, tile_width, plane, err));
        }
    return BIREFNET_OK;
}

static bn_status read_plain(tiff_reading *r, bn_error *err)
{
    const bn_tiff_api *api = &r->memory->api;
    const tiff_facts *f = &r->facts;
    /* the probe has measured the same against the limits */
    const uint64_t block_bytes =
        f->tiled ? api->TIFFTileSize64(r->memory->tiff) : api->TIFFScanlineSize64(r->memory->tiff);
    if (block_bytes == 0 || block_bytes > PTRDIFF_MAX) return fail_reading(r->memory, err);
    const bool ink = f->photometric == PHOTOMETRIC_SEPARATED;
    r->has_alpha = !ink && f->samples > colours_of(f) &&
                   (f->first_extra == EXTRASAMPLE_UNASSALPHA || f->first_extra == EXTRASAMPLE_ASSOCALPHA);
    r->premultiplied = r->has_alpha && f->first_extra == EXTRASAMPLE_ASSOCALPHA;
    BN_TRY(bn_image_create((int)f->width, (int)f->height, r->has_alpha ? 4 : 3, ink ? 8 : f->bits, &r->image,
                           err));
    r->block = calloc(1, block_bytes);
    if (!r->block) return bn_fail_memory(err, block_bytes, "a part of a TIFF");
    uint32_t icc_bytes = 0;
    void *icc = NULL;
    if (ink) {
        if (!api->TIFFGetField(r->memory->tiff, TIFFTAG_ICCPROFILE, &icc_bytes, &icc)) icc_bytes = 0;
        BN_TRY(bn_cmyk_create(icc, icc_bytes, false, &r->cmyk, err));
        r->image->source_was_cmyk = true;
    }
    const int planes = f->planar == PLANARCONFIG_SEPARATE ? f->samples : 1;
    for (int plane = 0; plane < planes; plane++)
        BN_TRY((f->tiled ? read_tiles : read_rows)(r, planes > 1 ? plane : -1, err));
    if (r->premultiplied) bn_image_unpremultiply(r->image);
    return BIREFNET_OK;
}

/* ---- everything else ----------------------------------------------------------------------------------- */

/* "a 32-bit float RGB TIFF" */
static bn_status fail_kind(const tiff_facts *f, const char *reason, bn_error *err)
{
    static const struct {
        uint16_t photometric;
        const char *name;
    } names[] = {
        {PHOTOMETRIC_MINISWHITE, "grey"}, {PHOTOMETRIC_MINISBLACK, "grey"}, {PHOTOMETRIC_RGB, "RGB"},
        {PHOTOMETRIC_PALETTE, "palette"}, {PHOTOMETRIC_SEPARATED, "CMYK"},  {PHOTOMETRIC_YCBCR, "YCbCr"},
        {PHOTOMETRIC_CIELAB, "Lab"},      {PHOTOMETRIC_ICCLAB, "Lab"},      {PHOTOMETRIC_ITULAB, "Lab"},
        {PHOTOMETRIC_LOGL, "LogL"},       {PHOTOMETRIC_LOGLUV, "LogLuv"}};
    const char *name = "unknown";
    for (size_t i = 0; i < BN_COUNT(names); i++)
        if (names[i].photometric == f->photometric) name = names[i].name;
    const char *format = f->format == SAMPLEFORMAT_IEEEFP ? "float "
                         : f->format == SAMPLEFORMAT_INT  ? "signed "
                                                          : "";
    const char *planes = f->planar == PLANARCONFIG_SEPARATE ? ", planes apart" : "";
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                   "a %d-bit %s%s TIFF (compression %d%s) is not read here: %s", f->bits, format, name,
                   f->compression, planes, reason);
}

static bn_status read_converted(tiff_reading *r, bn_error *err)
{
    const bn_tiff_api *api = &r->memory->api;
    char reason[1024] = "";
    TIFFRGBAImage rgba;
    const tiff_facts *f = &r->facts;
    if (!api->TIFFRGBAImageOK(r->memory->tiff, reason) ||
        !api->TIFFRGBAImageBegin(&rgba, r->memory->tiff, 1, reason))
        return fail_kind(f, reason, err);
    bn_status status;
    uint32_t *raster = NULL;
    rgba.req_orientation = rgba.orientation; /* as stored; codec.c turns it */
    const bool has_alpha = rgba.alpha != 0;
    BN_TRY_DONE(bn_image_create((int)f->width, (int)f->height, has_alpha ? 4 : 3, 8, &r->image, err));
    raster = calloc((size_t)f->width * f->height, sizeof *raster);
    if (!raster) {
        status = bn_fail_memory(err, (size_t)f->width * f->height * sizeof *raster, "a TIFF");
        goto done;
    }
    if (!api->TIFFRGBAImageGet(&rgba, raster, f->width, f->height)) {
        status = fail_reading(r->memory, err);
        goto done;
    }
    uint8_t *out = r->image->pixels;
    for (size_t i = 0; i < (size_t)f->width * f->height; i++) {
        *out++ = (uint8_t)TIFFGetR(raster[i]);
        *out++ = (uint8_t)TIFFGetG(raster[i]);
        *out++ = (uint8_t)TIFFGetB(raster[i]);
        if (has_alpha) *out++ = (uint8_t)TIFFGetA(raster[i]);
    }
    if (has_alpha) bn_image_unpremultiply(r->image); /* libtiff hands out multiplied colours */
done:
    free(raster);
    api->TIFFRGBAImageEnd(&rgba);
    return status;
}

/* EXIF is TIFF's structure, and its tags; XMP and IPTC have tags of their own. */
static bn_status adopt_facts(bn_image *image, const uint8_t *bytes, size_t size, bn_error *err)
{
    const uint8_t *found;
    size_t count;
    BN_TRY(bn_image_adopt_exif(image, bytes, size, err));
    if (bn_exif_find_bytes(bytes, size, TIFFTAG_XMLPACKET, &found, &count))
        BN_TRY(bn_image_adopt_xmp(image, found, count, err));
    if (!bn_exif_find_bytes(bytes, size, TIFFTAG_RICHTIFFIPTC, &found, &count)) return BIREFNET_OK;
    return bn_image_adopt_iptc(image, found, count, err);
}

bn_status bn_tiff_decode(const uint8_t *bytes, size_t size, const bn_decode_limits *limits, bn_image **image,
                         bn_error *err)
{
    bn_tiff_memory memory = {.bytes = bytes, .size = size};
    tiff_reading r = {.memory = &memory};
    bn_status status;
    uint32_t icc_bytes = 0;
    void *icc = NULL;
    const uint64_t most_bytes =
        BN_MIN(limits->max_pixels, (uint64_t)1 << 32) * BN_DECODE_PIXEL_BYTES + size + BN_DECODE_FIXED_BYTES;
    BN_TRY_DONE(bn_tiff_open(&memory, "r", most_bytes, err));
    read_facts(&memory, &r.facts);
    BN_TRY_DONE(is_plain(&r.facts) ? read_plain(&r, err) : read_converted(&r, err));
    r.image->source_depth = r.facts.bits;
    r.image->source_orientation = r.facts.orientation;
    if (!r.cmyk && memory.api.TIFFGetField(memory.tiff, TIFFTAG_ICCPROFILE, &icc_bytes, &icc))
        BN_TRY_DONE(bn_image_adopt_icc(r.image, icc, icc_bytes, err));
    BN_TRY_DONE(adopt_facts(r.image, bytes, size, err));
    *image = r.image;
    r.image = NULL;
done:
    bn_tiff_close(&memory);
    bn_cmyk_destroy(&r.cmyk);
    bn_image_destroy(&r.image);
    free(r.block);
    return status;
}

static const char *tiff_missing(void)
{
    bn_tiff_api api;
    return bn_tiff_api_load(&api, NULL) == BIREFNET_OK ? NULL : "TIFF (apt-get install libtiff6)";
}

const bn_codec bn_tiff_codec = {
    .missing = tiff_missing,
    .probe = bn_tiff_probe,
    .decode = bn_tiff_decode,
    .encode = bn_tiff_encode,
    .pixel_bytes = 16, /* RGBA of 16 bits, and once more to turn it; or libtiff's raster and RGBA */
};
