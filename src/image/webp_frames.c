/* webp_frames.c - animated WebP: frames in through libwebp's own player of them, frames out as ANMF chunks that are written
 * one by one (libwebp's WebPAnimEncoder holds the whole file, and tries each frame several ways). */
#include "image/animation_table.h"

#include "base/size.h"
#include "image/webp_tables.h"

#include <stdlib.h>
#include <string.h>

#include <webp/demux.h>
#include <webp/encode.h>

/* ---- reading ------------------------------------------------------------------------------------------- */

typedef struct webp_frames {
    WebPData data;
    WebPDemuxer *demuxer;
    WebPAnimDecoder *decoder; /* NULL until the first frame: it takes the canvases */
    int width, height;
    int shown_ms; /* end of the last frame */
} webp_frames;

static uint32_t webp_count(const uint8_t *bytes, size_t size)
{
    const WebPData data = {bytes, size};
    WebPDemuxState state;
    WebPDemuxer *demuxer = WebPDemuxPartial(&data, &state);
    const uint32_t frames = demuxer ? WebPDemuxGetI(demuxer, WEBP_FF_FRAME_COUNT) : 1;
    WebPDemuxDelete(demuxer);
    return frames;
}

/* The largest of all frames; see webp_tables.h. */
static bool measure_tables(const WebPDemuxer *demuxer, uint64_t *most)
{
    WebPIterator frame = {0};
    bool good = true;
    if (WebPDemuxGetFrame(demuxer, 1, &frame)) do {
            uint64_t bytes = 0;
            good = bn_webp_tables_bytes(frame.fragment.bytes, frame.fragment.size, (uint32_t)frame.width,
                                        (uint32_t)frame.height, &bytes);
            *most = BN_MAX(*most, bytes);
        } while (good && WebPDemuxNextFrame(&frame));
    WebPDemuxReleaseIterator(&frame);
    return good;
}

static bn_status webp_open(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                           bn_animation_info *info, uint64_t *extra_bytes, void **state, bn_error *err)
{
    (void)limits;
    webp_frames *self = calloc(1, sizeof *self);
    if (!self) return bn_fail_memory(err, sizeof *self, "a WebP");
    *state = self;
    *self = (webp_frames){.data = {bytes, size}, .width = info->width, .height = info->height};
    self->demuxer = WebPDemux(&self->data);
    if (!self->demuxer || !measure_tables(self->demuxer, extra_bytes))
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged or truncated WebP");
    info->frames = WebPDemuxGetI(self->demuxer, WEBP_FF_FRAME_COUNT);
    info->plays = WebPDemuxGetI(self->demuxer, WEBP_FF_LOOP_COUNT);
    return BIREFNET_OK;
}

static bn_status start_decoder(webp_frames *self, bn_error *err)
{
    WebPAnimDecoderOptions options;
    if (!WebPAnimDecoderOptionsInit(&options))
        return bn_fail(err, BIREFNET_ERROR_INTERNAL, "wrong version of libwebp");
    options.color_mode = MODE_RGBA;
    self->decoder = WebPAnimDecoderNew(&self->data, &options);
    return self->decoder ? BIREFNET_OK
                         : bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to read a WebP animation");
}

static bn_status adopt_profile(const webp_frames *self, bn_image *frame, bn_error *err)
{
    WebPChunkIterator chunk;
    bn_status status = BIREFNET_OK;
    if (WebPDemuxGetChunk(self->demuxer, "ICCP", 1, &chunk))
        status = bn_image_adopt_icc(frame, chunk.chunk.bytes, chunk.chunk.size, err);
    WebPDemuxReleaseChunkIterator(&chunk);
    return status;
}

static bn_status webp_next(void *state, bn_image **frame, bn_delay *delay, bn_error *err)
{
    webp_frames *self = state;
    uint8_t *canvas = NULL;
    int end_ms = 0;
    if (!self->decoder) BN_TRY(start_decoder(self, err));
    if (!WebPAnimDecoderGetNext(self->decoder, &canvas, &end_ms))
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged WebP");
    BN_TRY(bn_image_create(self->width, self->height, 4, 8, frame, err));
    memcpy((*frame)->pixels, canvas, bn_image_bytes(*frame));
    /* the sum of the durations may run over in libwebp: each is of 24 bits */
    *delay = (bn_delay){((uint32_t)end_ms - (uint32_t)self->shown_ms) & 0xffffffu, 1000};
    self->shown_ms = end_ms;
    return adopt_profile(self, *frame, err);
}

static void webp_close(void *state)
{
    webp_frames *self = state;
    WebPAnimDecoderDelete(self->decoder);
    WebPDemuxDelete(self->demuxer);
    free(self);
}

const bn_frames_reader bn_webp_frames = {
    .count = webp_count,
    .open = webp_open,
    .next = webp_next,
    .close = webp_close,
    .pixel_bytes = 24, /* two canvases, the frame that is given out and turned, and what decoding one takes */
};

/* ---- writing ------------------------------------------------------------------------------------------- */

enum { RIFF_BYTES = 12, CHUNK_HEAD_BYTES = 8, MAX_FRAME_BYTES = 1 << 30 };

typedef struct webp_writer {
    bn_part *part;
    bn_animation_info info;
    bn_encode_options options;
    bn_ticks ticks;
    bn_buffer frame; /* of one frame, encoded */
    bool begun;
} webp_writer;

static void store_le(uint8_t *out, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) out[i] = (uint8_t)(value >> 8 * i);
}

static bn_status webp_writer_open(bn_part *part, const bn_animation_info *info,
                                  const bn_encode_options *options, void **state, bn_error *err)
{
    webp_writer *self = calloc(1, sizeof *self);
    if (!self) return bn_fail_memory(err, sizeof *self, "a WebP");
    *state = self;
    *self = (webp_writer){.part = part, .info = *info, .options = *options};
    bn_buffer_init(&self->frame, MAX_FRAME_BYTES);
    return BIREFNET_OK;
}

static bn_status append_chunk(bn_part *part, const char *name, const void *data, size_t size, bn_error *err)
{
    uint8_t head[CHUNK_HEAD_BYTES];
    memcpy(head, name, 4);
    store_le(head + 4, (uint32_t)size, 4);
    BN_TRY(bn_part_append(part, head, sizeof head, err));
    BN_TRY(bn_part_append(part, data, size, err));
    return size % 2 ? bn_part_append(part, "", 1, err) : BIREFNET_OK;
}

/* Everything before the first frame; the size in RIFF's head comes last. */
static bn_status write_head(webp_writer *self, const bn_image *first, bn_error *err)
{
    enum { HAS_ANIMATION = 0x02, HAS_ALPHA = 0x10, HAS_PROFILE = 0x20 };
    uint8_t extended[10] = {HAS_ANIMATION}, animation[6] = {0};
    if (first->channels == 4) extended[0] |= HAS_ALPHA;
    if (first->icc) extended[0] |= HAS_PROFILE;
    store_le(extended + 4, (uint32_t)self->info.width - 1, 3);
    store_le(extended + 7, (uint32_t)self->info.height - 1, 3);
    store_le(animation + 4, BN_MIN(self->info.plays, (uint32_t)UINT16_MAX), 2);
    BN_TRY(bn_part_append(self->part, "RIFF\0\0\0\0WEBP", RIFF_BYTES, err));
    BN_TRY(append_chunk(self->part, "VP8X", extended, sizeof extended, err));
    if (first->icc) BN_TRY(append_chunk(self->part, "ICCP", first->icc, first->icc_bytes, err));
    return append_chunk(self->part, "ANIM", animation, sizeof animation, err);
}

/* The chunks with pixels of a still file, one behind the other, to the front of self->frame. */
static void keep_pixels(webp_writer *self)
{
    uint8_t *bytes = self->frame.data;
    size_t kept = 0;
    for (size_t at = RIFF_BYTES; at + CHUNK_HEAD_BYTES <= self->frame.size;) {
        uint32_t size = 0;
        for (int i = 3; i >= 0; i--) size = size << 8 | bytes[at + 4 + (size_t)i];
        const size_t whole = CHUNK_HEAD_BYTES + (size_t)size + size % 2;
        const bool pixels = !memcmp(bytes + at, "VP8 ", 4) || !memcmp(bytes + at, "VP8L", 4) ||
                            !memcmp(bytes + at, "ALPH", 4);
        if (whole > self->frame.size - at) break;
        if (pixels) memmove(bytes + kept, bytes + at, whole), kept += whole;
        at += whole;
    }
    self->frame.size = kept;
}

static bn_status encode_box(webp_writer *self, const bn_image *frame, bn_box box, bn_error *err)
{
    bn_image *cut = NULL;
    BN_TRY(bn_image_cut(frame, box, &cut, err));
    self->frame.size = 0;
    const bn_status status = bn_image_encode(cut, &self->options, &self->frame, err);
    bn_image_destroy(&cut);
    if (status == BIREFNET_OK) keep_pixels(self);
    return status;
}

static bn_status webp_add(void *state, const bn_image *frame, bn_box changed, bn_delay delay, bn_error *err)
{
    enum { NO_BLENDING = 0x02, HEAD_BYTES = 16, MAX_MS = 0xffffff };
    webp_writer *self = state;
    if (!self->begun) BN_TRY(write_head(self, frame, err));
    self->begun = true;
    BN_TRY(encode_box(self, frame, changed, err));
    uint8_t head[CHUNK_HEAD_BYTES + HEAD_BYTES] = {'A', 'N', 'M', 'F'};
    store_le(head + 4, (uint32_t)(HEAD_BYTES + self->frame.size), 4);
    store_le(head + 8, (uint32_t)changed.x / 2, 3);
    store_le(head + 11, (uint32_t)changed.y / 2, 3);
    store_le(head + 14, (uint32_t)changed.width - 1, 3);
    store_le(head + 17, (uint32_t)changed.height - 1, 3);
    store_le(head + 20, bn_ticks_next(&self->ticks, delay, 1000, 0, MAX_MS), 3);
    head[23] = NO_BLENDING; /* and no disposal: the box replaces what was there */
    BN_TRY(bn_part_append(self->part, head, sizeof head, err));
    return bn_part_append(self->part, self->frame.data, self->frame.size, err); /* its chunks are even */
}

static bn_status webp_finish(void *state, bn_error *err)
{
    webp_writer *self = state;
    uint8_t size[4];
    if (self->part->bytes - 8 > UINT32_MAX - 1)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "a WebP has at most 4 GiB");
    store_le(size, (uint32_t)(self->part->bytes - 8), 4);
    return bn_part_patch(self->part, 4, size, sizeof size, err);
}

static void webp_writer_close(void *state)
{
    webp_writer *self = state;
    bn_buffer_free(&self->frame);
    free(self);
}

const bn_frames_writer bn_webp_frames_writer = {
    .open = webp_writer_open,
    .add = webp_add,
    .finish = webp_finish,
    .close = webp_writer_close,
};
