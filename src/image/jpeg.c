/* jpeg.c - JPEG through libjpeg-turbo: grey, RGB, CMYK and YCCK in; grey and RGB out.
 *
 * libjpeg reports errors by longjmp, so everything that must survive one lives in a struct outside the frame
 * that calls setjmp. Damage is not only what libjpeg calls an error: see is_damage(). */
#include "image/codec_table.h"

#include "base/size.h"
#include "image/cmyk.h"
#include "image/jpeg_facts.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* jpeglib.h needs size_t and FILE before it. */
#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>

/* Real progressive files have about ten scans; more only cost time. */
#define MAX_SCANS 100

/* A file of several scans is held as coefficients of 2 bytes, of four components at most. */
#define JPEG_PIXEL_BYTES 8

typedef struct reader {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct jpeg_source_mgr source;
    jmp_buf on_error;
    char message[JMSG_LENGTH_MAX];
    bool damaged;     /* a warning that means lost picture data */
    bool reached_end; /* libjpeg asked for bytes behind the last one */
    bool too_many_scans;
    JOCTET *icc;
    uint8_t *line; /* one row of CMYK */
    bn_cmyk *cmyk;
    bn_image *image;
} reader;

/* ---- callbacks ----------------------------------------------------------------------------------------- */

static void on_error_exit(j_common_ptr info)
{
    reader *r = info->client_data;
    info->err->format_message(info, r->message);
    longjmp(r->on_error, 1);
}

/* Warnings after which part of the picture is made up. Stray bytes between segments are not among them. */
static bool is_damage(int code)
{
    return code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC ||
           code == JWRN_BOGUS_PROGRESSION;
}

static void on_message(j_common_ptr info, int level)
{
    reader *r = info->client_data;
    if (level >= 0 || !is_damage(info->err->msg_code)) return;
    if (!r->damaged) info->err->format_message(info, r->message);
    r->damaged = true;
}

static void on_progress(j_common_ptr info)
{
    reader *r = info->client_data;
    if (r->info.input_scan_number <= MAX_SCANS) return;
    r->too_many_scans = true;
    snprintf(r->message, sizeof r->message, "more than %d scans", MAX_SCANS);
    longjmp(r->on_error, 1);
}

static void source_nothing(j_decompress_ptr info)
{
    (void)info;
}

/* Behind the last byte stands an end-of-image marker for ever: files without their own one are common and
 * whole. */
static boolean source_fill(j_decompress_ptr info)
{
    static const JOCTET end_of_image[2] = {0xff, JPEG_EOI};
    reader *r = info->client_data;
    r->reached_end = true;
    info->src->next_input_byte = end_of_image;
    info->src->bytes_in_buffer = sizeof end_of_image;
    return TRUE;
}

static void source_skip(j_decompress_ptr info, long count)
{
    if (count <= 0) return;
    if ((size_t)count > info->src->bytes_in_buffer) {
        source_fill(info);
        return;
    }
    info->src->next_input_byte += count;
    info->src->bytes_in_buffer -= (size_t)count;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static void reader_open(reader *r, const uint8_t *bytes, size_t size)
{
    r->info.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = on_error_exit;
    r->errors.emit_message = on_message;
    r->info.client_data = r;
    jpeg_create_decompress(&r->info);
    r->source = (struct jpeg_source_mgr){
        .next_input_byte = bytes,
        .bytes_in_buffer = size,
        .init_source = source_nothing,
        .fill_input_buffer = source_fill,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_nothing,
    };
    r->info.src = &r->source;
    r->progress.progress_monitor = on_progress;
    r->info.progress = &r->progress;
    bn_jpeg_keep_segments(&r->info);
    jpeg_save_markers(&r->info, JPEG_APP0 + 2, 0xffff); /* profiles */
    jpeg_read_header(&r->info, TRUE);
}

static void reader_close(reader *r)
{
    jpeg_destroy_decompress(&r->info);
    free(r->icc);
    free(r->line);
    bn_cmyk_destroy(&r->cmyk);
    bn_image_destroy(&r->image);
}

static bn_status fail_reading(const reader *r, bn_error *err)
{
    if (r->too_many_scans) return bn_fail(err, BIREFNET_ERROR_LIMIT, "JPEG with %s", r->message);
    if (r->reached_end) return bn_fail(err, BIREFNET_ERROR_FORMAT, "truncated JPEG: %s", r->message);
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged JPEG: %s", r->message);
}

static bn_status read_header(reader *r, const uint8_t *bytes, size_t size, bn_image_header *header,
                             bn_error *err)
{
    if (setjmp(r->on_error)) return fail_reading(r, err);
    reader_open(r, bytes, size);
    *header = (bn_image_header){.width = (int)r->info.image_width,
                                .height = (int)r->info.image_height,
                                .orientation = bn_jpeg_find_orientation(&r->info)};
    return BIREFNET_OK;
}

static bn_status jpeg_probe(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err)
{
    reader r = {0};
    const bn_status status = read_header(&r, bytes, size, header, err);
    reader_close(&r);
    return status;
}

/* Rows come out as RGB, straight into the image; CMYK rows by way of r->line. Stops at damage unless told not
 * to: a few bytes can claim a hundred million pixels. */
static void read_rows(reader *r, bool despite_damage)
{
    const size_t row_bytes = bn_image_row_bytes(r->image);
    uint8_t *pixels = r->image->pixels;
    while (r->info.output_scanline < r->info.output_height && (despite_damage || !r->damaged)) {
        JSAMPROW rows[8];
        uint8_t *first = pixels + r->info.output_scanline * row_bytes;
        if (r->cmyk) {
            rows[0] = r->line;
            jpeg_read_scanlines(&r->info, rows, 1);
            bn_cmyk_convert(r->cmyk, r->line, first, (size_t)r->image->width);
            continue;
        }
        const unsigned left = r->info.output_height - r->info.output_scanline;
        for (size_t i = 0; i < BN_COUNT(rows); i++) rows[i] = first + i * row_bytes;
        jpeg_read_scanlines(&r->info, rows, BN_MIN(left, (unsigned)BN_COUNT(rows)));
    }
}

/* What libjpeg may hold of the picture, and of markers; more is an error of its. */
static void cap_memory(reader *r, size_t file_bytes)
{
    const uint64_t pixels = (uint64_t)r->info.image_width * r->info.image_height;
    r->info.mem->max_memory_to_use = (long)(pixels * JPEG_PIXEL_BYTES + file_bytes + BN_DECODE_FIXED_BYTES);
}

/* What is needed before rows can be read; the profile of CMYK is used up here. */
static bn_status prepare(reader *r, bn_error *err)
{
    const bool is_cmyk = r->info.jpeg_color_space == JCS_CMYK || r->info.jpeg_color_space == JCS_YCCK;
    r->info.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
    BN_TRY(bn_image_create((int)r->info.image_width, (int)r->info.image_height, 3, 8, &r->image, err));
    r->image->source_depth = 8;
    BN_TRY(bn_jpeg_adopt_facts(&r->info, r->image, err));
    unsigned icc_bytes = 0;
    if (!jpeg_read_icc_profile(&r->info, &r->icc, &icc_bytes)) icc_bytes = 0;
    if (!is_cmyk) return bn_image_adopt_icc(r->image, r->icc, icc_bytes, err);
    r->image->source_was_cmyk = true;
    r->line = malloc((size_t)r->image->width * 4);
    if (!r->line) return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory for a row of a JPEG");
    /* Adobe's programs store ink upside down: 0 is full ink. */
    return bn_cmyk_create(r->icc, icc_bytes, r->info.saw_Adobe_marker, &r->cmyk, err);
}

static bn_status read_pixels(reader *r, const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                             bn_error *err)
{
    if (setjmp(r->on_error)) return fail_reading(r, err);
    reader_open(r, bytes, size);
    cap_memory(r, size);
    BN_TRY(prepare(r, err));
    jpeg_start_decompress(&r->info);
    read_rows(r, limits->allow_truncated);
    /* in a file of several scans a missing end may be a missing scan */
    const bool lost_scans = r->reached_end && jpeg_has_multiple_scans(&r->info);
    if (lost_scans && !r->damaged) snprintf(r->message, sizeof r->message, "the end of the file is missing");
    if ((r->damaged || lost_scans) && !limits->allow_truncated) return fail_reading(r, err);
    return BIREFNET_OK;
}

static bn_status jpeg_decode(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                             bn_image **image, bn_error *err)
{
    reader r = {0};
    const bn_status status = read_pixels(&r, bytes, size, limits, err);
    if (status == BIREFNET_OK) *image = r.image, r.image = NULL;
    reader_close(&r);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

typedef struct writer {
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf on_error;
    char message[JMSG_LENGTH_MAX];
    bn_buffer *out;
    bn_error *err;
    bn_status status;
    uint8_t *line;
    bn_jpeg_segments segments;
    uint8_t chunk[16384];
} writer;

static void on_write_error(j_common_ptr info)
{
    writer *w = info->client_data;
    info->err->format_message(info, w->message);
    longjmp(w->on_error, 1);
}

static void destination_reset(j_compress_ptr info)
{
    writer *w = info->client_data;
    w->destination.next_output_byte = w->chunk;
    w->destination.free_in_buffer = sizeof w->chunk;
}

static void write_chunk(writer *w, size_t count)
{
    w->status = bn_buffer_append(w->out, w->chunk, count, w->err);
    if (w->status != BIREFNET_OK) longjmp(w->on_error, 1);
}

static boolean destination_empty(j_compress_ptr info)
{
    writer *w = info->client_data;
    write_chunk(w, sizeof w->chunk);
    destination_reset(info);
    return TRUE;
}

static void destination_finish(j_compress_ptr info)
{
    writer *w = info->client_data;
    write_chunk(w, sizeof w->chunk - w->destination.free_in_buffer);
}

static bool is_opaque(const bn_image *image)
{
    const size_t pixels = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < pixels; i++) {
        const size_t at = 4 * i + 3;
        if (image->depth == 16 ? ((const uint16_t *)image->pixels)[at] != 65535
                               : ((const uint8_t *)image->pixels)[at] != 255)
            return false;
    }
    return true;
}

static void write_image(writer *w, const bn_image *image, const bn_encode_options *options)
{
    const bool grey = image->channels == 1;
    w->info.err = jpeg_std_error(&w->errors);
    w->errors.error_exit = on_write_error;
    w->info.client_data = w;
    jpeg_create_compress(&w->info);
    w->destination.init_destination = destination_reset;
    w->destination.empty_output_buffer = destination_empty;
    w->destination.term_destination = destination_finish;
    w->info.dest = &w->destination;
    w->info.image_width = (JDIMENSION)image->width;
    w->info.image_height = (JDIMENSION)image->height;
    w->info.input_components = grey ? 1 : 3;
    w->info.in_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&w->info);
    jpeg_set_quality(&w->info, options->quality, TRUE);
    /* from 90 up people want colour edges kept: no chroma subsampling */
    if (!grey && options->quality >= 90)
        w->info.comp_info[0].h_samp_factor = w->info.comp_info[0].v_samp_factor = 1;
    w->info.optimize_coding = TRUE;
    if (image->density.x > 0 && image->density.y > 0) {
        w->info.density_unit = 1; /* inch */
        w->info.X_density = (UINT16)BN_MIN(UINT16_MAX, lround(image->density.x));
        w->info.Y_density = (UINT16)BN_MIN(UINT16_MAX, lround(image->density.y));
    }
    jpeg_start_compress(&w->info, TRUE);
    bn_jpeg_segments_write(&w->segments, &w->info);
    if (image->icc && !grey) jpeg_write_icc_profile(&w->info, image->icc, (unsigned)image->icc_bytes);
    for (int y = 0; y < image->height; y++) {
        bn_image_copy_row_8(image, y, grey ? 1 : 3, w->line);
        jpeg_write_scanlines(&w->info, &w->line, 1);
    }
    jpeg_finish_compress(&w->info);
}

static bn_status write_guarded(writer *w, const bn_image *image, const bn_encode_options *options)
{
    if (setjmp(w->on_error) == 0)
        write_image(w, image, options);
    else if (w->status == BIREFNET_OK)
        w->status = bn_fail(w->err, BIREFNET_ERROR_INTERNAL, "cannot write the JPEG: %s", w->message);
    return w->status;
}

static bn_status jpeg_encode(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                             bn_error *err)
{
    if (image->channels == 4 && !is_opaque(image))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "JPEG has no transparency: choose a background, or a format such as PNG or WebP");
    writer *w = calloc(1, sizeof *w);
    if (!w) return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to write a JPEG");
    *w = (writer){.out = out, .err = err, .line = malloc((size_t)image->width * 3)};
    bn_status status =
        w->line ? BIREFNET_OK : bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to write a JPEG");
    if (status == BIREFNET_OK) status = bn_jpeg_segments_make(image, options, &w->segments, err);
    if (status == BIREFNET_OK) status = write_guarded(w, image, options);
    bn_jpeg_segments_free(&w->segments);
    jpeg_destroy_compress(&w->info);
    free(w->line);
    free(w);
    return status;
}

const bn_codec bn_jpeg_codec = {
    .probe = jpeg_probe,
    .decode = jpeg_decode,
    .encode = jpeg_encode,
    .pixel_bytes = JPEG_PIXEL_BYTES + 3, /* and RGB; by which turning is covered */
};
