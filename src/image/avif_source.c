/* avif_source.c - see avif_source.h. OBUs and their headers: AV1 specification, 5.3 to 5.5. */
#include "image/avif_source.h"

#include "base/size.h"

/* Decoders are limited to one, for its colour or its alpha, on so many pixels of the image; and a few more. */
#define DECODER_PIXELS (1u << 17)
#define MORE_DECODERS  32

/* Pictures may have a few more pixels than the image, at the edges of tiles. */
#define MORE_FRAME_PIXELS (1u << 20)

/* Boxes are read some bytes at a time before they are read whole, and like tiles may be one piece of the file. */
#define MORE_READ_BYTES (16u << 20)

enum { OBU_SEQUENCE_HEADER = 1, OBU_FRAME_HEADER = 3, OBU_FRAME = 6 };

/* ---- bits ---------------------------------------------------------------------------------------------- */

typedef struct bit_reader {
    const uint8_t *bytes;
    size_t bits, at;
} bit_reader;

/* Behind the end stand zeros. */
static uint32_t read_bits(bit_reader *r, unsigned count)
{
    uint32_t value = 0;
    for (; count > 0; count--, r->at++) {
        const unsigned bit = r->at < r->bits ? r->bytes[r->at / 8] >> (7 - r->at % 8) & 1u : 0;
        value = value << 1 | bit;
    }
    return value;
}

static void skip_variable(bit_reader *r) /* uvlc() */
{
    unsigned zeros = 0;
    while (zeros < 32 && r->at < r->bits && read_bits(r, 1) == 0) zeros++;
    if (zeros < 32) read_bits(r, zeros);
}

/* Timing, and the operating points of a sequence that is no still picture. */
static void skip_operating_points(bit_reader *r)
{
    unsigned delay_bits = 0;
    bool has_model = false;
    if (read_bits(r, 1)) { /* timing_info_present_flag */
        read_bits(r, 32);
        read_bits(r, 32);
        if (read_bits(r, 1)) skip_variable(r);
        has_model = read_bits(r, 1);
        if (has_model) {
            delay_bits = read_bits(r, 5) + 1;
            read_bits(r, 32);
            read_bits(r, 10);
        }
    }
    const bool has_display_delay = read_bits(r, 1);
    const unsigned points = read_bits(r, 5) + 1;
    for (unsigned i = 0; i < points; i++) {
        read_bits(r, 12);
        if (read_bits(r, 5) > 7) read_bits(r, 1);
        if (has_model && read_bits(r, 1)) {
            read_bits(r, delay_bits);
            read_bits(r, delay_bits);
            read_bits(r, 1);
        }
        if (has_display_delay && read_bits(r, 1)) read_bits(r, 4);
    }
}

/* The most pixels that a frame of this sequence has. */
static uint64_t read_sequence(const uint8_t *bytes, size_t size)
{
    bit_reader r = {bytes, size * 8, 0};
    read_bits(&r, 4); /* profile, still_picture */
    if (read_bits(&r, 1))
        read_bits(&r, 5); /* a reduced header: the level is all */
    else
        skip_operating_points(&r);
    const unsigned width_bits = read_bits(&r, 4) + 1, height_bits = read_bits(&r, 4) + 1;
    const uint64_t width = (uint64_t)read_bits(&r, width_bits) + 1;
    return width * (read_bits(&r, height_bits) + 1ull);
}

/* ---- OBUs ---------------------------------------------------------------------------------------------- */

typedef struct obu {
    unsigned type;
    size_t head_bytes;
    uint64_t size; /* behind the head; may be more than there is */
} obu;

/* False where the head itself is cut off, or is none. */
static bool read_head(const uint8_t *bytes, size_t size, obu *found)
{
    if (size == 0 || bytes[0] & 0x80) return false;
    found->type = bytes[0] >> 3 & 15;
    size_t at = bytes[0] & 4 ? 2 : 1; /* an extension byte */
    if (!(bytes[0] & 2)) {            /* no size: up to the end */
        if (at > size) return false;
        *found = (obu){found->type, at, size - at};
        return true;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++, at++) { /* leb128() */
        if (at >= size) return false;
        value |= (uint64_t)(bytes[at] & 127) << 7 * i;
        if (bytes[at] & 128) continue;
        *found = (obu){found->type, at + 1, value};
        return true;
    }
    return false;
}

static bool count_obu(bn_avif_source *source, const obu *found, const uint8_t *bytes, size_t size)
{
    const size_t here = (size_t)BN_MIN(found->size, size);
    if (found->type == OBU_SEQUENCE_HEADER)
        source->sequence_pixels = BN_MAX(source->sequence_pixels, read_sequence(bytes, here));
    if (found->type != OBU_FRAME_HEADER && found->type != OBU_FRAME) return true;
    source->frame_pixels += source->sequence_pixels;
    source->refused |= source->frame_pixels > source->most_frame_pixels;
    return !source->refused;
}

/* A sample, or the next extent of one. False where it is damaged or refused. */
static bool watch(bn_avif_source *source, const uint8_t *bytes, size_t size)
{
    source->refused |= ++source->samples > source->pixels / DECODER_PIXELS + MORE_DECODERS;
    size_t at = (size_t)BN_MIN(source->skip_bytes, size);
    source->skip_bytes -= at;
    while (at < size && !source->refused) {
        obu found;
        if (!read_head(bytes + at, size - at, &found)) return false;
        at += found.head_bytes;
        if (!count_obu(source, &found, bytes + at, size - at)) return false;
        const size_t here = (size_t)BN_MIN(found.size, size - at);
        source->skip_bytes = found.size - here;
        at += here;
    }
    return !source->refused;
}

/* ---- what libavif calls -------------------------------------------------------------------------------- */

static avifResult read_source(avifIO *io, uint32_t flags, uint64_t offset, size_t size, avifROData *out)
{
    bn_avif_source *source = io->data;
    if (flags != 0 || offset > source->size) return AVIF_RESULT_IO_ERROR;
    out->data = source->bytes + offset;
    out->size = (size_t)BN_MIN(size, source->size - offset);
    source->read_bytes += out->size;
    source->refused |= source->read_bytes > 3 * (uint64_t)source->size + MORE_READ_BYTES;
    if (source->refused || (source->pixels > 0 && !watch(source, out->data, out->size)))
        return AVIF_RESULT_IO_ERROR;
    return AVIF_RESULT_OK;
}

void bn_avif_source_init(bn_avif_source *source, const uint8_t *bytes, size_t size)
{
    *source = (bn_avif_source){
        .io = {.read = read_source, .sizeHint = size, .persistent = AVIF_TRUE, .data = source},
        .bytes = bytes,
        .size = size,
    };
}

void bn_avif_source_watch(bn_avif_source *source, uint64_t pixels, unsigned pictures)
{
    source->pixels = pixels;
    source->most_frame_pixels = pictures * pixels + MORE_FRAME_PIXELS;
    source->frame_pixels = source->skip_bytes = source->samples = 0;
}
