/* avif_frames.c - AVIF sequences in, through libavif, and what it does not tell in all its versions: how often they play.
 * Boxes: ISO/IEC 14496-12; the edit list that repeats: AV1 Image File Format, 4. */
#include "image/animation_table.h"
#include "image/avif.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

/* Of a frame's data: its own picture, its alpha's, and of each some that only others are predicted from. */
#define PICTURES_A_FRAME 32

/* libavif adds up all times before a frame's, looking for each of them in the table of times from its start. */
#define MOST_TIME_STEPS (1ull << 35)

/* ---- boxes --------------------------------------------------------------------------------------------- */

typedef struct span {
    const uint8_t *bytes;
    size_t size;
} span;

static uint64_t read_number(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) value = value << 8 | bytes[i];
    return value;
}

/* The next box of those in *rest, without its head, and *rest behind it. False at the end, or where there is none. */
static bool next_box(span *rest, span *box, uint8_t name[4])
{
    if (rest->size < 8) return false;
    uint64_t size = read_number(rest->bytes, 4), head = 8;
    memcpy(name, rest->bytes + 4, 4);
    if (size == 1 && rest->size >= 16) {
        size = read_number(rest->bytes + 8, 8);
        head = 16;
    }
    if (size == 0) size = rest->size;
    if (size < head || size > rest->size) return false;
    *box = (span){rest->bytes + head, (size_t)(size - head)};
    *rest = (span){rest->bytes + size, rest->size - (size_t)size};
    return true;
}

static bool find_box(span within, const char *name, span *found)
{
    uint8_t its[4];
    while (next_box(&within, found, its))
        if (memcmp(its, name, 4) == 0) return true;
    return false;
}

/* How long the track lasts with all its repetitions, in the movie's time; false for ever, or where it is not said. */
static bool read_duration(span track, uint64_t *duration)
{
    span head;
    if (!find_box(track, "tkhd", &head) || head.size < 36) return false;
    const bool wide = head.bytes[0] == 1;
    *duration = wide ? read_number(head.bytes + 28, 8) : read_number(head.bytes + 20, 4);
    return *duration < (wide ? UINT64_MAX : UINT32_MAX);
}

/* By the edit list of a track: 0 for ever, also without one, as browsers do. */
static uint32_t plays_of(span track)
{
    enum { REPEATS = 1 };
    span edits, list;
    uint64_t whole;
    if (!find_box(track, "edts", &edits) || !find_box(edits, "elst", &list) || list.size < 16) return 0;
    if (!(list.bytes[3] & REPEATS)) return 1;
    const uint64_t once = read_number(list.bytes + 8, list.bytes[0] == 1 ? 8 : 4);
    if (once == 0 || !read_duration(track, &whole)) return 0;
    const uint64_t plays = whole / once + (whole % once > 0);
    return (uint32_t)BN_MIN(BN_MAX(plays, 1u), (uint64_t)UINT32_MAX);
}

/* The first track's: that of alpha follows, and says the same. */
static uint32_t find_plays(span file)
{
    span movie, track;
    return find_box(file, "moov", &movie) && find_box(movie, "trak", &track) ? plays_of(track) : 0;
}

/* The most entries of a table of times. Looked for by name: a walk that is fooled by sizes would miss one that libavif finds. */
static uint64_t count_times(span file)
{
    uint64_t most = 0;
    const uint8_t *const end = file.bytes + file.size;
    for (const uint8_t *at = file.bytes; (at = memmem(at, (size_t)(end - at), "stts", 4)); at += 4) {
        const bool is_long = at - file.bytes >= 4 && read_number(at - 4, 4) == 1;
        const uint8_t *count = at + 4 + (is_long ? 8 : 0) + 4;
        if (end - count < 4) continue;
        const uint64_t entries = read_number(count, 4);
        if (entries <= (uint64_t)(end - count - 4) / 8) most = BN_MAX(most, entries);
    }
    return most;
}

/* ---- frames -------------------------------------------------------------------------------------------- */

typedef struct avif_frames {
    bn_avif_source source;
    avifDecoder *decoder;
    int width, height;
} avif_frames;

static uint32_t count_frames(const avifDecoder *decoder)
{
    return (uint32_t)BN_MAX(decoder->imageCount, 1);
}

static uint32_t avif_count(const uint8_t *bytes, size_t size)
{
    bn_avif_source source;
    avifDecoder *decoder = NULL;
    const bn_status status = bn_avif_open(&source, bytes, size, &decoder, NULL);
    const uint32_t frames = status == BIREFNET_OK ? count_frames(decoder) : 1;
    if (decoder) avifDecoderDestroy(decoder);
    return frames;
}

static bn_status avif_open(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                           bn_animation_info *info, uint64_t *extra_bytes, void **state, bn_error *err)
{
    (void)limits, (void)extra_bytes;
    const span file = {bytes, size};
    avif_frames *self = calloc(1, sizeof *self);
    if (!self) return bn_fail_memory(err, sizeof *self, "an AVIF");
    *state = self;
    self->width = info->width;
    self->height = info->height;
    BN_TRY(bn_avif_open(&self->source, bytes, size, &self->decoder, err));
    const uint64_t frames = count_frames(self->decoder);
    info->frames = (uint32_t)frames;
    info->plays = find_plays(file);
    if (frames <= BN_ANIMATION_MAX_FRAMES &&
        frames * frames > MOST_TIME_STEPS / BN_MAX(count_times(file), 1u))
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "an AVIF of %u frames in too long a table of times",
                       info->frames);
    return BIREFNET_OK;
}

static bn_status to_rgba8(const bn_image *from, bn_image **frame, bn_error *err)
{
    BN_TRY(bn_image_create(from->width, from->height, 4, 8, frame, err));
    for (int y = 0; y < from->height; y++)
        bn_image_copy_row_8(from, y, 4, (uint8_t *)(*frame)->pixels + (size_t)y * bn_image_row_bytes(*frame));
    return bn_image_set_icc(*frame, from->icc, from->icc_bytes, err);
}

static bn_delay delay_of(const avifImageTiming *timing)
{
    uint64_t numerator = timing->durationInTimescales, denominator = BN_MAX(timing->timescale, 1u);
    while (numerator > UINT32_MAX || denominator > UINT32_MAX) numerator /= 2, denominator /= 2;
    return (bn_delay){(uint32_t)numerator, (uint32_t)BN_MAX(denominator, 1u)};
}

static bn_status avif_next(void *state, bn_image **frame, bn_delay *delay, bn_error *err)
{
    avif_frames *self = state;
    const uint64_t pixels = (uint64_t)self->width * (uint64_t)self->height;
    bn_image *picture = NULL;
    bn_status status;
    bn_avif_source_watch(&self->source, pixels, PICTURES_A_FRAME);
    BN_TRY(bn_avif_next(&self->source, self->decoder, pixels, &picture, err));
    if (picture->width != self->width || picture->height != self->height) {
        status = bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged AVIF: a frame of another size");
        goto done;
    }
    *delay = delay_of(&self->decoder->imageTiming);
    status = to_rgba8(picture, frame, err);
done:
    bn_image_destroy(&picture);
    return status;
}

static void avif_close(void *state)
{
    avif_frames *self = state;
    if (self->decoder) avifDecoderDestroy(self->decoder);
    free(self);
}

const bn_frames_reader bn_avif_frames = {
    .count = avif_count,
    .open = avif_open,
    .next = avif_next,
    .close = avif_close,
    /* eight pictures that others are predicted from and three more, of 4:4:4 at 12 bits; as many for alpha; 20 for RGBA of 16
     * and of 8 bits, and once more to turn it */
    .pixel_bytes = 2 * 11 * 6 + 20,
};
