/* webp.c - WebP through libwebp: lossy, lossless, alpha, the first frame of animations; profile and
 * orientation. */
#include "image/codec_table.h"

#include "base/parallel.h"
#include "base/size.h"
#include "image/orientation.h"
#include "image/webp_tables.h"
#include "image/xmp.h"

#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>
#include <webp/mux.h>

/* ---- reading ------------------------------------------------------------------------------------------- */

/* *demuxer is NULL on failure. */
static bn_status open_container(const uint8_t *bytes, size_t size, WebPDemuxer **demuxer, bn_error *err)
{
    const WebPData data = {bytes, size};
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    *demuxer = WebPDemuxPartial(&data, &state);
    if (*demuxer && state == WEBP_DEMUX_DONE) return BIREFNET_OK;
    WebPDemuxDelete(*demuxer);
    *demuxer = NULL;
    if (state == WEBP_DEMUX_PARSE_ERROR) return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged WebP");
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "truncated WebP: the data ends too early");
}

/* The payload of the first chunk of this name; false where there is none. */
static bool find_chunk(WebPDemuxer *demuxer, const char *name, const uint8_t **bytes, size_t *size)
{
    WebPChunkIterator chunk;
    const bool found = WebPDemuxGetChunk(demuxer, name, 1, &chunk) != 0;
    if (found) *bytes = chunk.chunk.bytes, *size = chunk.chunk.size;
    WebPDemuxReleaseChunkIterator(&chunk);
    return found;
}

static int find_orientation(WebPDemuxer *demuxer)
{
    const uint8_t *exif = NULL;
    size_t size = 0;
    return find_chunk(demuxer, "EXIF", &exif, &size) ? bn_exif_get_orientation(exif, size) : 1;
}

/* Tables of the first frame, which may be many; see webp_tables.h. */
static bn_status measure_tables(WebPDemuxer *demuxer, uint64_t *bytes, bn_error *err)
{
    WebPIterator frame = {0};
    *bytes = 0;
    const bool good = !WebPDemuxGetFrame(demuxer, 1, &frame) ||
                      bn_webp_tables_bytes(frame.fragment.bytes, frame.fragment.size, (uint32_t)frame.width,
                                           (uint32_t)frame.height, bytes);
    WebPDemuxReleaseIterator(&frame);
    return good ? BIREFNET_OK : bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged WebP: no codes");
}

static bn_status webp_probe(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err)
{
    WebPDemuxer *demuxer = NULL;
    BN_TRY(open_container(bytes, size, &demuxer, err));
    *header = (bn_image_header){.width = (int)WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
                                .height = (int)WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT),
                                .orientation = find_orientation(demuxer)};
    const bn_status status = measure_tables(demuxer, &header->extra_bytes, err);
    WebPDemuxDelete(demuxer);
    return status;
}

/* Decode a frame to its place on the canvas; the canvas has alpha unless the frame covers it without. */
static bn_status read_frame(const WebPIterator *frame, int canvas_width, int canvas_height, bn_image **image,
                            bn_error *err)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return bn_fail(err, BIREFNET_ERROR_INTERNAL, "wrong version of libwebp");
    VP8StatusCode code = WebPGetFeatures(frame->fragment.bytes, frame->fragment.size, &config.input);
    if (code != VP8_STATUS_OK) return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged WebP: no frame");
    if (config.input.width != frame->width || config.input.height != frame->height ||
        frame->x_offset > canvas_width - frame->width || frame->y_offset > canvas_height - frame->height)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged WebP: a frame that does not fit");
    const bool covers = frame->width == canvas_width && frame->height == canvas_height;
    const bool has_alpha = config.input.has_alpha || !covers;
    BN_TRY(bn_image_create(canvas_width, canvas_height, has_alpha ? 4 : 3, 8, image, err));
    const size_t row_bytes = bn_image_row_bytes(*image), pixel_bytes = has_alpha ? 4 : 3;
    const size_t first = (size_t)frame->y_offset * row_bytes + (size_t)frame->x_offset * pixel_bytes;
    config.output.colorspace = has_alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = (WebPRGBABuffer){
        .rgba = (uint8_t *)(*image)->pixels + first,
        .stride = (int)row_bytes,
        .size = bn_image_bytes(*image) - first,
    };
    code = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    if (code == VP8_STATUS_OK) return BIREFNET_OK;
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to read a WebP");
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "%s WebP",
                   code == VP8_STATUS_NOT_ENOUGH_DATA || code == VP8_STATUS_SUSPENDED ? "truncated"
                                                                                      : "damaged");
}

static bn_status adopt_facts(WebPDemuxer *demuxer, bn_image *image, bn_error *err)
{
    const uint8_t *found = NULL;
    size_t bytes = 0;
    if (find_chunk(demuxer, "EXIF", &found, &bytes)) BN_TRY(bn_image_adopt_exif(image, found, bytes, err));
    if (find_chunk(demuxer, "XMP ", &found, &bytes)) BN_TRY(bn_image_adopt_xmp(image, found, bytes, err));
    return find_chunk(demuxer, "ICCP", &found, &bytes) ? bn_image_adopt_icc(image, found, bytes, err)
                                                       : BIREFNET_OK;
}

static bn_status webp_decode(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                             bn_image **image, bn_error *err)
{
    (void)limits; /* all that they bound is in the header */
    WebPDemuxer *demuxer = NULL;
    WebPIterator frame = {0};
    bn_image *made = NULL;
    bn_status status;
    BN_TRY_DONE(open_container(bytes, size, &demuxer, err));
    const uint32_t width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH);
    const uint32_t height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT);
    if (!WebPDemuxGetFrame(demuxer, 1, &frame)) {
        status = bn_fail(err, BIREFNET_ERROR_FORMAT, "a WebP without a frame");
        goto done;
    }
    BN_TRY_DONE(read_frame(&frame, (int)width, (int)height, &made, err));
    made->source_depth = 8;
    made->source_orientation = find_orientation(demuxer);
    BN_TRY_DONE(adopt_facts(demuxer, made, err));
    *image = made;
    made = NULL;
done:
    WebPDemuxReleaseIterator(&frame);
    WebPDemuxDelete(demuxer);
    bn_image_destroy(&made);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

typedef struct filling {
    WebPPicture *picture;
    const bn_image *image;
} filling;

/* R G B A in memory become libwebp's 0xAARRGGBB, in place. */
static void fill_rows(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const filling *f = context;
    for (size_t y = begin; y < end; y++) {
        uint32_t *row = f->picture->argb + (ptrdiff_t)y * f->picture->argb_stride;
        bn_image_copy_row_8(f->image, (int)y, 4, (uint8_t *)row);
        for (int x = 0; x < f->image->width; x++)
            row[x] = (row[x] & 0xff00ff00u) | (row[x] >> 16 & 0xff) | (row[x] & 0xff) << 16;
    }
}

static bn_status fill_picture(WebPPicture *picture, const bn_image *image, int threads, bn_error *err)
{
    picture->use_argb = 1;
    picture->width = image->width;
    picture->height = image->height;
    if (!WebPPictureAlloc(picture)) return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to write a WebP");
    filling f = {picture, image};
    bn_parallel_for(BN_MIN(BN_MAX(threads, 1), image->height), (size_t)image->height, fill_rows, &f);
    return BIREFNET_OK;
}

static bool set_chunk(WebPMux *mux, const char *name, const void *bytes, size_t size)
{
    const WebPData data = {bytes, size};
    return size == 0 || WebPMuxSetChunk(mux, name, &data, 0) == WEBP_MUX_OK;
}

/* The picture with its profile, EXIF and XMP around it, or alone where it has none of them. */
static bn_status append_with_facts(const WebPMemoryWriter *written, const bn_image *image,
                                   const bn_encode_options *options, bn_buffer *out, bn_error *err)
{
    bn_buffer exif, xmp;
    WebPData assembled = {0};
    WebPMux *mux = NULL;
    bn_status status;
    bn_buffer_init(&exif, BN_EXIF_MAX_BYTES);
    bn_buffer_init(&xmp, BN_XMP_MAX_BYTES);
    BN_TRY_DONE(bn_image_write_exif(image, options, true, &exif, err));
    BN_TRY_DONE(bn_image_write_xmp(image, options, &xmp, err));
    if (!image->icc && exif.size == 0 && xmp.size == 0) {
        status = bn_buffer_append(out, written->mem, written->size, err);
        goto done;
    }
    const WebPData plain = {written->mem, written->size};
    mux = WebPMuxNew();
    if (mux && WebPMuxSetImage(mux, &plain, 0) == WEBP_MUX_OK &&
        set_chunk(mux, "ICCP", image->icc, image->icc_bytes) &&
        set_chunk(mux, "EXIF", exif.data, exif.size) && set_chunk(mux, "XMP ", xmp.data, xmp.size) &&
        WebPMuxAssemble(mux, &assembled) == WEBP_MUX_OK)
        status = bn_buffer_append(out, assembled.bytes, assembled.size, err);
    else
        status = bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot put the colour profile into the WebP");
done:
    WebPDataClear(&assembled);
    WebPMuxDelete(mux);
    bn_buffer_free(&exif);
    bn_buffer_free(&xmp);
    return status;
}

/* Where a picture is as large as a camera's, effort costs more time than all else around the network, and gains little:
 * of 12 million pixels, lossless level 1 instead of 0 takes 2.5 times as long for 17 % (noise) to 35 % (smooth) fewer
 * bytes, and lossy method 2 instead of 0, where there is alpha (which libwebp packs with that effort, too), 2.3 times as
 * long for 15 % fewer. Without alpha method 2 costs little. More compression asks for more effort. */
#define LARGE_PIXELS 4000000

static bool configure(WebPConfig *config, const bn_image *image, const bn_encode_options *options)
{
    const bool large = (int64_t)image->width * image->height > LARGE_PIXELS;
    if (!WebPConfigPreset(config, WEBP_PRESET_PHOTO, (float)options->quality)) return false;
    config->thread_level = options->threads > 1;
    /* libwebp's method 2 (of 0 to 6) takes 60 % of the time of its default 4, for 3 % more bytes */
    const int least = large && image->channels == 4 ? 0 : 2;
    config->method = BN_MIN(least + (options->compression - 1) / 2, 6);
    if (!options->lossless) return true;
    config->exact = 1; /* colours under transparency too */
    return WebPConfigLosslessPreset(config, large ? options->compression - 1 : options->compression) != 0;
}

static bn_status webp_encode(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                             bn_error *err)
{
    WebPConfig config;
    WebPPicture picture;
    WebPMemoryWriter written;
    if (!configure(&config, image, options) || !WebPPictureInit(&picture))
        return bn_fail(err, BIREFNET_ERROR_INTERNAL, "wrong version of libwebp");
    WebPMemoryWriterInit(&written);
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &written;
    bn_status status;
    BN_TRY_DONE(fill_picture(&picture, image, options->threads, err));
    if (!WebPEncode(&config, &picture)) {
        const bool memory = picture.error_code == VP8_ENC_ERROR_OUT_OF_MEMORY ||
                            picture.error_code == VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY;
        status = bn_fail(err, memory ? BIREFNET_ERROR_MEMORY : BIREFNET_ERROR_LIMIT,
                         "cannot write the WebP (libwebp's error %d)", picture.error_code);
        goto done;
    }
    status = append_with_facts(&written, image, options, out, err);
done:
    WebPPictureFree(&picture);
    WebPMemoryWriterClear(&written);
    return status;
}

const bn_codec bn_webp_codec = {
    .probe = webp_probe,
    .decode = webp_decode,
    .encode = webp_encode,
    .pixel_bytes =
        9, /* lossless: the pixels inside libwebp, its sub-images, and RGBA; or RGBA twice, turned */
};
