/* jxl.c - JPEG XL in, through libjxl: up to 16 bits, alpha, orientation; the first frame. */
#include "image/animation.h"
#include "image/codec_table.h"
#include "image/described.h"
#include "image/hdr.h"
#include "image/jxl_boxes.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

#define JXL_PIXEL_BYTES  32
#define MORE_PIXEL_BYTES 36

/* What libjxl takes is counted, where its version asks us for all of it (from 0.10 on). */
typedef struct allowance {
    uint64_t used_bytes, most_bytes;
} allowance;

typedef struct jxl_reading {
    bn_jxl_api api;
    JxlDecoder *decoder;
    allowance memory;
    JxlBasicInfo info;
    JxlPixelFormat format;
    bn_image *image;
} jxl_reading;

enum { BLOCK_HEAD_BYTES = 64 }; /* holds the size, and keeps what follows aligned */

static void *allocate(void *user, size_t size)
{
    allowance *memory = user;
    if (size > memory->most_bytes - memory->used_bytes) return NULL;
    size_t whole;
    void *block = NULL;
    if (!bn_size_add(size, BLOCK_HEAD_BYTES, &whole) || posix_memalign(&block, BLOCK_HEAD_BYTES, whole) != 0)
        return NULL;
    memcpy(block, &size, sizeof size);
    memory->used_bytes += size;
    return (uint8_t *)block + BLOCK_HEAD_BYTES;
}

static void release(void *user, void *address)
{
    allowance *memory = user;
    if (!address) return;
    size_t size;
    void *block = (uint8_t *)address - BLOCK_HEAD_BYTES;
    memcpy(&size, block, sizeof size);
    memory->used_bytes -= size;
    free(block);
}

static bn_status fail_reading(JxlDecoderStatus status, bn_error *err)
{
    if (status == JXL_DEC_NEED_MORE_INPUT)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "truncated JPEG XL: the data ends too early");
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged JPEG XL");
}

static bn_status open_reader(jxl_reading *r, const uint8_t *bytes, size_t size, int events,
                             uint64_t most_bytes, bn_error *err)
{
    BN_TRY(bn_jxl_api_load(&r->api, err));
    r->memory.most_bytes = most_bytes;
    const JxlMemoryManager manager = {&r->memory, allocate, release};
    r->decoder = r->api.JxlDecoderCreate(&manager);
    if (!r->decoder || r->api.JxlDecoderSubscribeEvents(r->decoder, events) != JXL_DEC_SUCCESS)
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to read a JPEG XL");
    if (r->api.JxlDecoderSetInput(r->decoder, bytes, size) != JXL_DEC_SUCCESS)
        return fail_reading(JXL_DEC_ERROR, err);
    r->api.JxlDecoderCloseInput(r->decoder);
    const JxlDecoderStatus status = r->api.JxlDecoderProcessInput(r->decoder);
    if (status != JXL_DEC_BASIC_INFO) return fail_reading(status, err);
    if (r->api.JxlDecoderGetBasicInfo(r->decoder, &r->info) != JXL_DEC_SUCCESS)
        return fail_reading(JXL_DEC_ERROR, err);
    return BIREFNET_OK;
}

static void close_reader(jxl_reading *r)
{
    if (r->decoder) r->api.JxlDecoderDestroy(r->decoder);
    bn_image_destroy(&r->image);
}

static bn_status jxl_probe(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err)
{
    jxl_reading r = {0};
    bn_status status = open_reader(&r, bytes, size, JXL_DEC_BASIC_INFO, BN_DECODE_FIXED_BYTES, err);
    bn_decode_limits none = {.max_pixels = UINT64_MAX};
    if (status == BIREFNET_OK) status = bn_limits_check(&none, r.info.xsize, r.info.ysize, err);
    if (status == BIREFNET_OK) {
        /* files that come in passes are held as coefficients besides, which the header does not tell (measured: 62 bytes a
         * pixel of RGBA); every further channel as numbers of 4 bytes, twice */
        const uint64_t pixels = (uint64_t)r.info.xsize * r.info.ysize, alpha = r.info.alpha_bits > 0,
                       more = r.info.num_extra_channels > alpha ? r.info.num_extra_channels - alpha : 0;
        *header = (bn_image_header){.width = (int)r.info.xsize,
                                    .height = (int)r.info.ysize,
                                    .orientation = 1,
                                    .extra_bytes = pixels * (MORE_PIXEL_BYTES + 8 * more)};
    }
    close_reader(&r);
    return status;
}

static bn_status take_pixels(jxl_reading *r, bn_error *err)
{
    size_t bytes = 0;
    const bool deep = r->info.bits_per_sample > 8;
    r->format = (JxlPixelFormat){.num_channels = r->info.alpha_bits > 0 ? 4 : 3,
                                 .data_type = deep ? JXL_TYPE_UINT16 : JXL_TYPE_UINT8,
                                 .endianness = JXL_NATIVE_ENDIAN};
    if (r->image) return fail_reading(JXL_DEC_ERROR, err); /* asked twice */
    BN_TRY(bn_image_create((int)r->info.xsize, (int)r->info.ysize, (int)r->format.num_channels, deep ? 16 : 8,
                           &r->image, err));
    if (r->api.JxlDecoderImageOutBufferSize(r->decoder, &r->format, &bytes) != JXL_DEC_SUCCESS ||
        bytes != bn_image_bytes(r->image) ||
        r->api.JxlDecoderSetImageOutBuffer(r->decoder, &r->format, r->image->pixels, bytes) !=
            JXL_DEC_SUCCESS)
        return fail_reading(JXL_DEC_ERROR, err);
    return BIREFNET_OK;
}

static bn_status read_frame(jxl_reading *r, bn_error *err)
{
    for (;;) {
        const JxlDecoderStatus status = r->api.JxlDecoderProcessInput(r->decoder);
        if (status == JXL_DEC_FULL_IMAGE) return BIREFNET_OK;
        if (status == JXL_DEC_NEED_IMAGE_OUT_BUFFER)
            BN_TRY(take_pixels(r, err));
        else if (status != JXL_DEC_COLOR_ENCODING)
            return fail_reading(status, err);
    }
}

/* Of the pixels that come out, which need not be the original's. */
static bn_status adopt_colours(jxl_reading *r, bn_error *err)
{
    JxlColorEncoding colours;
    size_t size = 0;
    if (r->api.JxlDecoderGetColorAsEncodedProfile(
            r->decoder, BN_JXL_UNUSED_FORMAT JXL_COLOR_PROFILE_TARGET_DATA, &colours) == JXL_DEC_SUCCESS &&
        (colours.transfer_function == JXL_TRANSFER_FUNCTION_PQ ||
         colours.transfer_function == JXL_TRANSFER_FUNCTION_HLG)) {
        bn_primaries primaries;
        memcpy(primaries.red, colours.primaries_red_xy, sizeof primaries.red);
        memcpy(primaries.green, colours.primaries_green_xy, sizeof primaries.green);
        memcpy(primaries.blue, colours.primaries_blue_xy, sizeof primaries.blue);
        memcpy(primaries.white, colours.white_point_xy, sizeof primaries.white);
        return bn_image_tone_map(r->image, &primaries, colours.transfer_function == JXL_TRANSFER_FUNCTION_HLG,
                                 err);
    }
    if (r->api.JxlDecoderGetICCProfileSize(r->decoder, BN_JXL_UNUSED_FORMAT JXL_COLOR_PROFILE_TARGET_DATA,
                                           &size) != JXL_DEC_SUCCESS ||
        size == 0 || size > BN_PROFILE_MAX_BYTES)
        return BIREFNET_OK;
    uint8_t *icc = malloc(size);
    if (!icc) return bn_fail_memory(err, size, "a colour profile");
    bn_status status = BIREFNET_OK;
    if (r->api.JxlDecoderGetColorAsICCProfile(r->decoder, BN_JXL_UNUSED_FORMAT JXL_COLOR_PROFILE_TARGET_DATA,
                                              icc, size) == JXL_DEC_SUCCESS)
        status = bn_image_adopt_icc(r->image, icc, size, err);
    free(icc);
    return status;
}

/* Of an animation whose first frame has been read. */
static uint32_t count_frames(const uint8_t *bytes, size_t size, uint64_t most_bytes)
{
    jxl_reading r = {0};
    uint32_t frames = 0;
    if (open_reader(&r, bytes, size, JXL_DEC_BASIC_INFO | JXL_DEC_FRAME, most_bytes, NULL) == BIREFNET_OK)
        while (frames < BN_ANIMATION_MAX_FRAMES && r.api.JxlDecoderProcessInput(r.decoder) == JXL_DEC_FRAME)
            frames++;
    close_reader(&r);
    return frames;
}

static bn_status jxl_decode(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                            bn_image **image, bn_error *err)
{
    jxl_reading r = {0};
    bn_status status;
    const int events = JXL_DEC_BASIC_INFO | JXL_DEC_COLOR_ENCODING | JXL_DEC_FULL_IMAGE;
    const uint64_t most_bytes =
        BN_MIN(limits->max_pixels, (uint64_t)1 << 32) * BN_DECODE_PIXEL_BYTES + size + BN_DECODE_FIXED_BYTES;
    BN_TRY_DONE(open_reader(&r, bytes, size, events, most_bytes, err));
    BN_TRY_DONE(bn_limits_check(limits, r.info.xsize, r.info.ysize, err));
    BN_TRY_DONE(read_frame(&r, err));
    if (!r.image) {
        status = fail_reading(JXL_DEC_ERROR, err);
        goto done;
    }
    if (r.format.num_channels == 4 && r.info.alpha_premultiplied) bn_image_unpremultiply(r.image);
    r.image->source_depth = (int)BN_MIN(r.info.bits_per_sample, 16u);
    r.image->source_orientation = 1; /* turned already */
    BN_TRY_DONE(adopt_colours(&r, err));
    const JxlMemoryManager manager = {&r.memory, allocate, release};
    BN_TRY_DONE(bn_jxl_adopt_boxes(&r.api, &manager, bytes, size, r.image, err));
    if (r.info.have_animation) r.image->source_frames = count_frames(bytes, size, most_bytes);
    *image = r.image;
    r.image = NULL;
done:
    close_reader(&r);
    return status;
}

static const char *jxl_missing(void)
{
    bn_jxl_api api;
    return bn_jxl_api_load(&api, NULL) == BIREFNET_OK ? NULL
                                                      : "JPEG XL (apt-get install libjxl0.7 or libjxl0.11)";
}

const bn_codec bn_jxl_codec = {
    .probe = jxl_probe,
    .decode = jxl_decode,
    .encode = NULL,
    .missing = jxl_missing,
    .pixel_bytes = JXL_PIXEL_BYTES, /* numbers of 4 bytes for each sample, twice, and RGBA of 16 bits */
};
