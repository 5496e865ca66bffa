/* tiff_write.c - TIFF out: grey, RGB and RGBA of 8 and 16 bits, deflate with horizontal prediction, the
 * profile. */
#include "image/tiff.h"

#include "base/size.h"
#include "image/iptc.h"
#include "image/xmp.h"

#include <stdlib.h>
#include <string.h>

static bool write_tags(const bn_tiff_memory *memory, const bn_image *image, const bn_encode_options *options,
                       uint32_t strip_rows)
{
    const bn_tiff_api *api = &memory->api;
    TIFF *tiff = memory->tiff;
    const uint16_t alpha[1] = {EXTRASAMPLE_UNASSALPHA};
    const int photometric = image->channels == 1 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB;
    return api->TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, (uint32_t)image->width) &&
           api->TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, (uint32_t)image->height) &&
           api->TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, image->depth) &&
           api->TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, image->channels) &&
           api->TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT) &&
           api->TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, photometric) &&
           api->TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) &&
           api->TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT) &&
           api->TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE) &&
           api->TIFFSetField(tiff, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL) &&
           api->TIFFSetField(tiff, TIFFTAG_ZIPQUALITY, options->compression) &&
           api->TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, strip_rows) &&
           (image->channels != 4 || api->TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, alpha)) &&
           (!image->icc || image->channels == 1 ||
            api->TIFFSetField(tiff, TIFFTAG_ICCPROFILE, (uint32_t)image->icc_bytes, image->icc));
}

typedef struct text_sink {
    const bn_tiff_memory *memory;
    bool failed;
} text_sink;

/* Tags of the first folder are TIFF's own: libtiff knows those that are texts. */
static void write_text(void *user, unsigned tag, const char *text)
{
    static const unsigned known[] = {TIFFTAG_IMAGEDESCRIPTION, TIFFTAG_MAKE,     TIFFTAG_MODEL,
                                     TIFFTAG_SOFTWARE,         TIFFTAG_DATETIME, TIFFTAG_ARTIST,
                                     TIFFTAG_HOSTCOMPUTER,     TIFFTAG_COPYRIGHT};
    enum { TIME_CHARS = 19 }; /* "2026:11:26 23:00:00" */
    text_sink *sink = user;
    for (size_t i = 0; i < BN_COUNT(known); i++)
        if (known[i] == tag && (tag != TIFFTAG_DATETIME || strlen(text) == TIME_CHARS) &&
            !sink->memory->api.TIFFSetField(sink->memory->tiff, tag, text))
            sink->failed = true;
}

/* libtiff takes both as bytes from version 4.5 on, which is the first with TIFFClientOpenExt. */
static bool write_blocks(const bn_tiff_memory *memory, const bn_image *image,
                         const bn_encode_options *options, bn_error *err)
{
    const bn_tiff_api *api = &memory->api;
    bn_buffer xmp, iptc;
    bn_buffer_init(&xmp, BN_XMP_MAX_BYTES);
    bn_buffer_init(&iptc, BN_IPTC_MAX_BYTES);
    bool good = bn_image_write_xmp(image, options, &xmp, err) == BIREFNET_OK &&
                bn_image_write_iptc(image, options, &iptc, err) == BIREFNET_OK;
    good = good && (xmp.size == 0 ||
                    api->TIFFSetField(memory->tiff, TIFFTAG_XMLPACKET, (uint32_t)xmp.size, xmp.data));
    good = good && (iptc.size == 0 ||
                    api->TIFFSetField(memory->tiff, TIFFTAG_RICHTIFFIPTC, (uint32_t)iptc.size, iptc.data));
    bn_buffer_free(&xmp);
    bn_buffer_free(&iptc);
    return good;
}

/* Density, and what the options let through of the photo's EXIF, XMP and IPTC. A time that libtiff does not take as one is left
 * out. */
static bool write_facts(const bn_tiff_memory *memory, const bn_image *image, const bn_encode_options *options,
                        bn_error *err)
{
    const bn_tiff_api *api = &memory->api;
    text_sink sink = {memory, false};
    bn_exif_each_text(image->exif.data, image->exif.size, options->metadata, write_text, &sink);
    if (sink.failed || !write_blocks(memory, image, options, err)) return false;
    if (!(image->density.x > 0 && image->density.y > 0)) return true;
    return api->TIFFSetField(memory->tiff, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH) &&
           api->TIFFSetField(memory->tiff, TIFFTAG_XRESOLUTION, image->density.x) &&
           api->TIFFSetField(memory->tiff, TIFFTAG_YRESOLUTION, image->density.y);
}

/* libtiff predicts within the buffer that it is given, hence a copy. */
static bool write_strips(const bn_tiff_memory *memory, const bn_image *image, uint32_t strip_rows,
                         uint8_t *strip)
{
    const size_t row_bytes = bn_image_row_bytes(image);
    const uint8_t *pixels = image->pixels;
    uint32_t index = 0;
    for (uint32_t y = 0; y < (uint32_t)image->height; y += strip_rows, index++) {
        const size_t bytes = BN_MIN(strip_rows, (uint32_t)image->height - y) * row_bytes;
        memcpy(strip, pixels + y * row_bytes, bytes);
        if (memory->api.TIFFWriteEncodedStrip(memory->tiff, index, strip, (tmsize_t)bytes) < 0) return false;
    }
    return true;
}

bn_status bn_tiff_encode(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                         bn_error *err)
{
    const size_t row_bytes = bn_image_row_bytes(image), strip_bytes = 512u << 10, first = out->size;
    const uint32_t strip_rows = (uint32_t)BN_MIN(BN_MAX(strip_bytes / row_bytes, 1), (size_t)image->height);
    bn_tiff_memory memory = {.out = out, .first = first};
    bn_status status;
    uint8_t *strip = malloc(strip_rows * row_bytes);
    if (!strip) return bn_fail_memory(err, strip_rows * row_bytes, "a strip of a TIFF");
    BN_TRY_DONE(bn_tiff_open(&memory, "w", (uint64_t)1 << 40, err));
    const bool written =
        write_tags(&memory, image, options, strip_rows) && write_facts(&memory, image, options, err) &&
        write_strips(&memory, image, strip_rows, strip) && memory.api.TIFFWriteDirectory(memory.tiff);
    bn_tiff_close(&memory);
    if (written && memory.message[0] == '\0') goto done;
    out->size = first;
    status = bn_fail(err, BIREFNET_ERROR_LIMIT, "cannot write the TIFF within %zu bytes: %s", out->max_bytes,
                     memory.message);
done:
    free(strip);
    return status;
}
