/* heif.c - HEIC and HEIF in, through libheif: 8, 10 and 12 bits, alpha, tiles, the boxes that turn, mirror and crop; the
 * primary picture. */
#include "image/codec_table.h"
#include "image/heif_api.h"
#include "image/heif_source.h"
#include "image/described.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

typedef struct heif_reading {
    bn_heif_api api;
    bn_heif_source source;
    bn_heif_facts facts;
    struct heif_context *context;
    struct heif_image_handle *handle;
    struct heif_image *decoded;
    int width, height; /* upright */
} heif_reading;

static bn_status fail_reading(const heif_reading *r, struct heif_error error, bn_error *err)
{
    if (r->source.refused)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                       "a HEIC whose picture does not stand alone is not read here");
    if (error.subcode == heif_suberror_Security_limit_exceeded)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged HEIC: larger inside than it says");
    switch (error.code) {
    case heif_error_Memory_allocation_error:
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to read a HEIC");
    case heif_error_Unsupported_feature:
    case heif_error_Unsupported_filetype:
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "a HEIC of a kind that is not read here: %s",
                       error.message);
    default:
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged or truncated HEIC: %s", error.message);
    }
}

static void close_reader(heif_reading *r)
{
    if (r->decoded) r->api.heif_image_release(r->decoded);
    if (r->handle) r->api.heif_image_handle_release(r->handle);
    if (r->context) r->api.heif_context_free(r->context);
}

static bn_status open_reader(heif_reading *r, const uint8_t *bytes, size_t size, bn_error *err)
{
    BN_TRY(bn_heif_api_load(&r->api, err));
    BN_TRY(bn_heif_facts_read(bytes, size, &r->facts, err));
    bn_heif_source_init(&r->source, bytes, size);
    r->context = r->api.heif_context_alloc();
    if (!r->context) return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to read a HEIC");
    r->api.heif_context_set_max_decoding_threads(r->context, 0); /* tiles come one after the other */
    struct heif_error error =
        r->api.heif_context_read_from_reader(r->context, &r->source.reader, &r->source, NULL);
    if (error.code == heif_error_Ok)
        error = r->api.heif_context_get_primary_image_handle(r->context, &r->handle);
    if (error.code != heif_error_Ok) return fail_reading(r, error, err);
    r->width = r->api.heif_image_handle_get_width(r->handle);
    r->height = r->api.heif_image_handle_get_height(r->handle);
    if (r->width <= 0 || r->height <= 0) return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged HEIC: no size");
    const bn_decode_limits none = {.max_pixels = UINT64_MAX};
    return bn_limits_check(&none, (uint64_t)r->width, (uint64_t)r->height, err);
}

/* The side that libheif is told to be the longest, by which it bounds a sheet of tiles (and later versions each tile by its
 * square): of the image and of a tile. */
static int limit_of(const heif_reading *r)
{
    int side = BN_MAX(r->width, r->height) + 1;
    while ((uint64_t)side * (uint64_t)side < r->facts.picture_pixels && side < INT16_MAX) side++;
    return side;
}

/* What a pixel takes beyond HEIF_PIXEL_BYTES where its samples are wider than 8 bits, and pixels that are decoded but
 * not in the image: libheif puts tiles together on a sheet as large as the tiles say, at most of the longer side's square. */
static uint64_t extra_bytes_of(const heif_reading *r)
{
    const uint64_t pixels = (uint64_t)r->width * (uint64_t)r->height, side = (uint64_t)limit_of(r);
    const unsigned sample_bytes = r->facts.bits > 8 ? 2 : 1;
    uint64_t sheet = r->facts.has_grid ? side * side : pixels;
    sheet = BN_MAX(sheet, r->facts.picture_pixels);
    return (sheet - pixels) * 8 * sample_bytes + (sample_bytes == 2 ? pixels * 16 : 0);
}

static bn_status heif_probe(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err)
{
    heif_reading r = {0};
    const bn_status status = open_reader(&r, bytes, size, err);
    if (status == BIREFNET_OK)
        *header = (bn_image_header){
            .width = r.width, .height = r.height, .orientation = 1, .extra_bytes = extra_bytes_of(&r)};
    close_reader(&r);
    return status;
}

/* libheif's samples of 9 to 16 bits fill two bytes from below. */
static void copy_rows(const heif_reading *r, bn_image *image)
{
    int stride = 0;
    const uint8_t *rows = r->api.heif_image_get_plane_readonly(r->decoded, heif_channel_interleaved, &stride);
    const int bits = r->api.heif_image_get_bits_per_pixel_range(r->decoded, heif_channel_interleaved);
    const uint32_t most = (1u << bits) - 1;
    const size_t row_bytes = bn_image_row_bytes(image);
    uint8_t *out = image->pixels;
    for (size_t y = 0; y < (size_t)image->height; y++, out += row_bytes, rows += stride) {
        memcpy(out, rows, row_bytes);
        uint16_t *samples = (uint16_t *)(void *)out;
        for (size_t i = 0; image->depth == 16 && i < row_bytes / 2; i++)
            samples[i] = (uint16_t)((BN_MIN(samples[i], most) * 65535u + most / 2) / most);
    }
}

static bn_status adopt_numbers(const heif_reading *r, bn_image *image, bn_error *err)
{
    struct heif_color_profile_nclx *nclx = NULL;
    const struct heif_error error = r->api.heif_image_handle_get_nclx_color_profile(r->handle, &nclx);
    if (error.code != heif_error_Ok || !nclx) return BIREFNET_OK;
    const bn_status status = bn_image_adopt_cicp(image, (unsigned)nclx->color_primaries,
                                                 (unsigned)nclx->transfer_characteristics, err);
    r->api.heif_nclx_color_profile_free(nclx);
    return status;
}

static bn_status adopt_profile(const heif_reading *r, bn_image *image, bn_error *err)
{
    const size_t size = r->api.heif_image_handle_get_raw_color_profile_size(r->handle);
    if (size == 0) return adopt_numbers(r, image, err);
    if (size > BN_PROFILE_MAX_BYTES) return BIREFNET_OK;
    void *icc = malloc(size);
    if (!icc) return bn_fail_memory(err, size, "a colour profile");
    const struct heif_error error = r->api.heif_image_handle_get_raw_color_profile(r->handle, icc);
    const bn_status status =
        error.code == heif_error_Ok ? bn_image_adopt_icc(image, icc, size, err) : BIREFNET_OK;
    free(icc);
    return status;
}

/* The bytes of an item that says something of the photo; NULL where there is none, or a too large one. The caller frees
 * them. */
static bn_status read_item(const heif_reading *r, heif_item_id id, uint8_t **bytes, size_t *size,
                           bn_error *err)
{
    enum { MOST_BYTES = 1 << 20 };
    *bytes = NULL;
    *size = r->api.heif_image_handle_get_metadata_size(r->handle, id);
    if (*size == 0 || *size > MOST_BYTES) return BIREFNET_OK;
    *bytes = malloc(*size);
    if (!*bytes) return bn_fail_memory(err, *size, "what a HEIC says of its photo");
    if (r->api.heif_image_handle_get_metadata(r->handle, id, *bytes).code == heif_error_Ok)
        return BIREFNET_OK;
    free(*bytes);
    *bytes = NULL;
    return BIREFNET_OK;
}

/* EXIF's orientation has no say: the boxes have (ISO/IEC 23008-12, annex A). */
static bn_status adopt_exif(const heif_reading *r, bn_image *image, bn_error *err)
{
    heif_item_id id;
    uint8_t *item;
    size_t size;
    if (r->api.heif_image_handle_get_list_of_metadata_block_IDs(r->handle, "Exif", &id, 1) != 1)
        return BIREFNET_OK;
    BN_TRY(read_item(r, id, &item, &size, err));
    const bn_status status = item ? bn_image_adopt_exif_item(image, item, size, err) : BIREFNET_OK;
    free(item);
    return status;
}

static bn_status adopt_xmp(const heif_reading *r, bn_image *image, bn_error *err)
{
    heif_item_id ids[8];
    uint8_t *item = NULL;
    size_t size;
    const int count = r->api.heif_image_handle_get_list_of_metadata_block_IDs(r->handle, "mime", ids, 8);
    for (int i = 0; i < count && !item; i++) {
        const char *type = r->api.heif_image_handle_get_metadata_content_type(r->handle, ids[i]);
        if (type && strcmp(type, "application/rdf+xml") == 0) BN_TRY(read_item(r, ids[i], &item, &size, err));
    }
    const bn_status status = item ? bn_image_adopt_xmp(image, item, size, err) : BIREFNET_OK;
    free(item);
    return status;
}

static bn_status decode_picture(heif_reading *r, bn_error *err)
{
    const bool deep = r->api.heif_image_handle_get_luma_bits_per_pixel(r->handle) > 8;
    const bool has_alpha = r->api.heif_image_handle_has_alpha_channel(r->handle);
    const enum heif_chroma chroma =
        deep ? (has_alpha ? heif_chroma_interleaved_RRGGBBAA_LE : heif_chroma_interleaved_RRGGBB_LE)
             : (has_alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB);
    r->api.heif_context_set_maximum_image_size_limit(r->context, limit_of(r));
    r->source.watches = true;
    r->source.expects_grid = r->facts.has_grid;
    r->source.cut_off = false;
    const struct heif_error error =
        r->api.heif_decode_image(r->handle, &r->decoded, heif_colorspace_RGB, chroma, NULL);
    if (error.code != heif_error_Ok || r->source.refused) return fail_reading(r, error, err);
    if (r->source.cut_off)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "truncated HEIC: the data ends too early");
    if (r->api.heif_image_get_width(r->decoded, heif_channel_interleaved) == r->width &&
        r->api.heif_image_get_height(r->decoded, heif_channel_interleaved) == r->height)
        return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged HEIC: its picture has another size than it says");
}

static bn_status heif_decode(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                             bn_image **image, bn_error *err)
{
    heif_reading r = {0};
    bn_image *made = NULL;
    bn_status status;
    BN_TRY_DONE(open_reader(&r, bytes, size, err));
    BN_TRY_DONE(bn_limits_check(limits, (uint64_t)r.width, (uint64_t)r.height, err));
    BN_TRY_DONE(decode_picture(&r, err));
    const int bits = r.api.heif_image_get_bits_per_pixel_range(r.decoded, heif_channel_interleaved);
    const bool has_alpha = r.api.heif_image_handle_has_alpha_channel(r.handle);
    BN_TRY_DONE(bn_image_create(r.width, r.height, has_alpha ? 4 : 3, bits > 8 ? 16 : 8, &made, err));
    copy_rows(&r, made);
    if (has_alpha && r.api.heif_image_handle_is_premultiplied_alpha(r.handle)) bn_image_unpremultiply(made);
    made->source_depth = bits;
    made->source_orientation = 1; /* turned already */
    BN_TRY_DONE(adopt_profile(&r, made, err));
    r.source.watches = false; /* what is read now is no picture */
    BN_TRY_DONE(adopt_exif(&r, made, err));
    BN_TRY_DONE(adopt_xmp(&r, made, err));
    *image = made;
    made = NULL;
done:
    close_reader(&r);
    bn_image_destroy(&made);
    return status;
}

static const char *heif_missing(void)
{
    bn_heif_api api;
    return bn_heif_api_load(&api, NULL) == BIREFNET_OK
               ? NULL
               : "HEIC (apt-get install libheif1, on Debian 13 libheif-plugin-libde265 besides)";
}

const bn_codec bn_heif_codec = {
    .probe = heif_probe,
    .decode = heif_decode,
    .encode = NULL,
    .missing = heif_missing,
    .pixel_bytes = 16, /* the decoder's picture, libheif's, turned, as RGB, and ours: of 8 bits */
};
