/* pnm.c - PBM, PGM, PPM and PAM in, of text and of bytes, up to 16 bits: netpbm's formats, by its manual pages. The first
 * picture of a file. */
#include "image/codec_table.h"

#include "base/size.h"

#include <ctype.h>
#include <string.h>

typedef struct pnm {
    const uint8_t *bytes;
    size_t size, at; /* at: where the samples begin */
    uint32_t width, height, samples, most;
    bool is_text, is_bits; /* digits; one bit a pixel, 1 is black */
} pnm;

static bn_status fail_header(bn_error *err)
{
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged or truncated PNM: its header makes no sense");
}

/* ---- the header ---------------------------------------------------------------------------------------- */

/* Blanks, and comments from # to the line's end. */
static void skip_blanks(pnm *p)
{
    for (; p->at < p->size; p->at++) {
        if (p->bytes[p->at] == '#')
            while (p->at < p->size && p->bytes[p->at] != '\n') p->at++;
        if (p->at >= p->size || !isspace(p->bytes[p->at])) return;
    }
}

/* False where no number stands there, or one that nothing here can be. */
static bool read_number(pnm *p, uint32_t *value)
{
    skip_blanks(p);
    const size_t first = p->at;
    for (*value = 0; p->at < p->size && isdigit(p->bytes[p->at]); p->at++) {
        if (*value > 100000000) return false;
        *value = *value * 10 + (p->bytes[p->at] - '0');
    }
    return p->at > first;
}

static bool read_word(pnm *p, char word[20])
{
    size_t used = 0;
    skip_blanks(p);
    while (p->at < p->size && !isspace(p->bytes[p->at]) && used + 1 < 20)
        word[used++] = (char)p->bytes[p->at++];
    word[used] = '\0';
    return used > 0;
}

/* PAM: "WIDTH 16" and so on, a line each, up to ENDHDR. What the samples mean goes by how many they are. */
static bool read_lines(pnm *p)
{
    char word[20];
    while (read_word(p, word)) {
        uint32_t *number = strcmp(word, "WIDTH") == 0    ? &p->width
                           : strcmp(word, "HEIGHT") == 0 ? &p->height
                           : strcmp(word, "DEPTH") == 0  ? &p->samples
                           : strcmp(word, "MAXVAL") == 0 ? &p->most
                                                         : NULL;
        if (number && !read_number(p, number)) return false;
        while (p->at < p->size && p->bytes[p->at] != '\n') p->at++; /* of TUPLTYPE, the type */
        if (strcmp(word, "ENDHDR") == 0) return true;
    }
    return false;
}

static bn_status read_header(const uint8_t *bytes, size_t size, pnm *p, bn_error *err)
{
    *p = (pnm){.bytes = bytes, .size = size, .at = 2};
    const char kind = size > 1 ? (char)bytes[1] : '0';
    p->is_text = kind >= '1' && kind <= '3';
    p->is_bits = kind == '1' || kind == '4';
    if (kind == '7') {
        if (!read_lines(p)) return fail_header(err);
    } else {
        p->samples = kind == '3' || kind == '6' ? 3 : 1;
        p->most = 1;
        if (!read_number(p, &p->width) || !read_number(p, &p->height) ||
            (!p->is_bits && !read_number(p, &p->most)))
            return fail_header(err);
    }
    if (p->most == 0 || p->most > 65535 || p->samples == 0) return fail_header(err);
    if (p->samples > 4)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "a PAM of %u samples a pixel is not read here",
                       p->samples);
    if (!p->is_text) p->at++; /* one blank before the bytes */
    return BIREFNET_OK;
}

static bn_status pnm_probe(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err)
{
    pnm p;
    BN_TRY(read_header(bytes, size, &p, err));
    bn_decode_limits none = {.max_pixels = UINT64_MAX};
    BN_TRY(bn_limits_check(&none, p.width, p.height, err));
    *header = (bn_image_header){.width = (int)p.width, .height = (int)p.height, .orientation = 1};
    return BIREFNET_OK;
}

/* ---- samples ------------------------------------------------------------------------------------------- */

/* The next sample of a row that begins at row_at; false where the file ends before it. */
static bool next_sample(pnm *p, size_t row_at, size_t index, uint32_t *value)
{
    const size_t sample_bytes = p->most > 255 ? 2 : 1, at = row_at + index * sample_bytes;
    if (p->is_text && p->is_bits) { /* digits need no blanks between them */
        skip_blanks(p);
        if (p->at >= p->size || (p->bytes[p->at] != '0' && p->bytes[p->at] != '1')) return false;
        *value = p->bytes[p->at++] == '0';
        return true;
    }
    if (p->is_text) return read_number(p, value);
    if (p->is_bits) {
        if (row_at + index / 8 >= p->size) return false;
        *value = (p->bytes[row_at + index / 8] >> (7 - index % 8) & 1) == 0;
        return true;
    }
    if (at + sample_bytes > p->size) return false;
    *value = sample_bytes == 2 ? (uint32_t)p->bytes[at] << 8 | p->bytes[at + 1] : p->bytes[at];
    return true;
}

static void put_sample(bn_image *image, size_t at, uint32_t value, uint32_t most)
{
    const uint32_t full = image->depth == 16 ? 65535 : 255;
    const uint32_t stretched = (BN_MIN(value, most) * full + most / 2) / most;
    if (image->depth == 16)
        ((uint16_t *)image->pixels)[at] = (uint16_t)stretched;
    else
        ((uint8_t *)image->pixels)[at] = (uint8_t)stretched;
}

static bool read_samples(pnm *p, bn_image *image)
{
    const size_t row = (size_t)p->width * p->samples;
    const size_t row_bytes = p->is_bits ? (row + 7) / 8 : row * (p->most > 255 ? 2 : 1);
    const bool grey = p->samples <= 2;
    size_t out = 0;
    for (size_t y = 0; y < p->height; y++)
        for (size_t x = 0; x < p->width; x++, out += (size_t)image->channels)
            for (size_t s = 0; s < p->samples; s++) {
                uint32_t value;
                if (!next_sample(p, p->at + (p->is_text ? 0 : y * row_bytes), x * p->samples + s, &value))
                    return false;
                if (grey && s == 0)
                    for (size_t c = 0; c < 3; c++) put_sample(image, out + c, value, p->most);
                else
                    put_sample(image, out + (grey ? 3 : s), value, p->most);
            }
    return true;
}

static bn_status pnm_decode(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                            bn_image **image, bn_error *err)
{
    pnm p;
    bn_image *made = NULL;
    BN_TRY(read_header(bytes, size, &p, err));
    BN_TRY(bn_limits_check(limits, p.width, p.height, err));
    BN_TRY(bn_image_create((int)p.width, (int)p.height, p.samples % 2 == 0 ? 4 : 3, p.most > 255 ? 16 : 8,
                           &made, err));
    if (!read_samples(&p, made)) {
        bn_image_destroy(&made);
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged or truncated PNM: samples are missing");
    }
    made->source_depth = 32 - __builtin_clz(p.most);
    made->source_orientation = 1;
    *image = made;
    return BIREFNET_OK;
}

const bn_codec bn_pnm_codec = {
    .probe = pnm_probe, .decode = pnm_decode, .encode = NULL, .pixel_bytes = 8, /* RGBA of 16 bits */
};
