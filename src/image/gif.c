/* gif.c - GIF: the first frame in through giflib, one frame out through cgif. */
#include "image/codec_table.h"

#include "base/size.h"
#include "image/gif.h"
#include "image/quantise.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <cgif.h>

/* ---- reading ------------------------------------------------------------------------------------------- */

static int read_source(GifFileType *gif, GifByteType *out, int count)
{
    bn_gif_source *source = gif->UserData;
    const size_t given = BN_MIN((size_t)BN_MAX(count, 0), source->size - source->at);
    memcpy(out, source->bytes + source->at, given);
    source->at += given;
    return (int)given;
}

static bn_status fail_reading(int code, bn_error *err)
{
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM)
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to read a GIF");
    if (code == D_GIF_ERR_READ_FAILED || code == D_GIF_ERR_EOF_TOO_SOON)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "truncated GIF: the data ends too early");
    const char *text = GifErrorString(code);
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged GIF: %s", text ? text : "unknown error");
}

bn_status bn_gif_open(bn_gif_source *source, GifFileType **gif, bn_error *err)
{
    int code = 0;
    *gif = DGifOpen(source, read_source, &code);
    return *gif ? BIREFNET_OK : fail_reading(code, err);
}

bn_status bn_gif_find_frame(GifFileType *gif, GraphicsControlBlock *control, bn_error *err)
{
    *control = (GraphicsControlBlock){.TransparentColor = NO_TRANSPARENT_COLOR};
    for (;;) {
        GifRecordType record = UNDEFINED_RECORD_TYPE;
        if (DGifGetRecordType(gif, &record) != GIF_OK) return fail_reading(gif->Error, err);
        if (record == IMAGE_DESC_RECORD_TYPE)
            return DGifGetImageDesc(gif) == GIF_OK ? BIREFNET_OK : fail_reading(gif->Error, err);
        if (record == TERMINATE_RECORD_TYPE)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "a GIF without a frame");
        if (record != EXTENSION_RECORD_TYPE) continue;
        int code = 0;
        GifByteType *block = NULL;
        if (DGifGetExtension(gif, &code, &block) != GIF_OK) return fail_reading(gif->Error, err);
        GraphicsControlBlock found;
        if (code == GRAPHICS_EXT_FUNC_CODE && block &&
            DGifExtensionToGCB(block[0], block + 1, &found) == GIF_OK)
            *control = found;
        while (block)
            if (DGifGetExtensionNext(gif, &block) != GIF_OK) return fail_reading(gif->Error, err);
    }
}

/* Put one row of palette indices onto the canvas, what lies outside it left out. */
static void draw_row(const GifFileType *gif, const ColorMapObject *palette, int transparent,
                     const GifByteType *line, int row, bn_image *image)
{
    const GifImageDesc *frame = &gif->Image;
    const int y = frame->Top + row;
    if (y >= image->height) return;
    uint8_t *out = (uint8_t *)image->pixels + (size_t)y * bn_image_row_bytes(image);
    for (int i = 0; i < frame->Width && frame->Left + i < image->width; i++) {
        if (line[i] == transparent || line[i] >= palette->ColorCount) continue;
        const GifColorType colour = palette->Colors[line[i]];
        uint8_t *pixel = out + (size_t)(frame->Left + i) * (size_t)image->channels;
        pixel[0] = colour.Red, pixel[1] = colour.Green, pixel[2] = colour.Blue;
        if (image->channels == 4) pixel[3] = 255;
    }
}

const ColorMapObject *bn_gif_get_palette(const GifFileType *gif)
{
    return gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
}

bn_status bn_gif_draw_frame(GifFileType *gif, const ColorMapObject *palette, int transparent, bn_image *image,
                            bn_error *err)
{
    static const int first[] = {0, 4, 2, 1},
                     step[] = {8, 8, 4, 2}; /* the four passes of an interlaced frame */
    const GifImageDesc *frame = &gif->Image;
    GifByteType *line = malloc((size_t)frame->Width);
    if (!line) return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory for a row of a GIF");
    bn_status status = BIREFNET_OK;
    for (int pass = frame->Interlace ? 0 : 3; pass < 4 && status == BIREFNET_OK; pass++)
        for (int row = frame->Interlace ? first[pass] : 0; row < frame->Height;
             row += frame->Interlace ? step[pass] : 1) {
            if (DGifGetLine(gif, line, frame->Width) != GIF_OK) {
                status = fail_reading(gif->Error, err);
                break;
            }
            draw_row(gif, palette, transparent, line, row, image);
        }
    free(line);
    return status;
}

static bn_status gif_probe(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err)
{
    bn_gif_source source = {bytes, size, 0};
    GifFileType *gif = NULL;
    BN_TRY(bn_gif_open(&source, &gif, err));
    *header = (bn_image_header){.width = gif->SWidth, .height = gif->SHeight, .orientation = 1};
    DGifCloseFile(gif, NULL);
    return BIREFNET_OK;
}

static bn_status gif_decode(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                            bn_image **image, bn_error *err)
{
    bn_gif_source source = {bytes, size, 0};
    GifFileType *gif = NULL;
    bn_image *made = NULL;
    GraphicsControlBlock control;
    bn_status status;
    BN_TRY_DONE(bn_gif_open(&source, &gif, err));
    BN_TRY_DONE(bn_gif_find_frame(gif, &control, err));
    const GifImageDesc *frame = &gif->Image;
    BN_TRY_DONE(bn_limits_check(limits, (uint64_t)frame->Width, (uint64_t)frame->Height, err));
    const ColorMapObject *palette = bn_gif_get_palette(gif);
    if (!palette) {
        status = bn_fail(err, BIREFNET_ERROR_FORMAT, "a GIF without colours");
        goto done;
    }
    const bool covers =
        frame->Left == 0 && frame->Top == 0 && frame->Width >= gif->SWidth && frame->Height >= gif->SHeight;
    const bool has_alpha = !covers || control.TransparentColor != NO_TRANSPARENT_COLOR;
    BN_TRY_DONE(bn_image_create(gif->SWidth, gif->SHeight, has_alpha ? 4 : 3, 8, &made, err));
    BN_TRY_DONE(bn_gif_draw_frame(gif, palette, control.TransparentColor, made, err));
    made->source_depth = 8;
    *image = made;
    made = NULL;
done:
    if (gif) DGifCloseFile(gif, NULL);
    bn_image_destroy(&made);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

typedef struct gif_sink {
    bn_buffer *out;
    bn_error *err;
    bn_status status;
} gif_sink;

static int write_sink(void *context, const uint8_t *bytes, const size_t count)
{
    gif_sink *sink = context;
    if (sink->status == BIREFNET_OK) sink->status = bn_buffer_append(sink->out, bytes, count, sink->err);
    return sink->status == BIREFNET_OK ? 0 : -1;
}

static bn_status write_indices(bn_quantised *q, int width, int height, bn_buffer *out, bn_error *err)
{
    /* cgif says which colour is transparent only in files that it takes for animated; this one ends after a
     * frame */
    const uint32_t transparent_flags = CGIF_ATTR_HAS_TRANSPARENCY | CGIF_ATTR_IS_ANIMATED | CGIF_ATTR_NO_LOOP;
    gif_sink sink = {out, err, BIREFNET_OK};
    CGIF_Config config = {
        .pGlobalPalette = q->palette[0],
        .attrFlags = q->has_transparent ? transparent_flags : 0,
        .width = (uint16_t)width,
        .height = (uint16_t)height,
        .numGlobalPaletteEntries = (uint16_t)q->colours,
        .pWriteFn = write_sink,
        .pContext = &sink,
    };
    CGIF_FrameConfig frame = {.pImageData = q->indices};
    CGIF *gif = cgif_newgif(&config);
    bool written = gif && cgif_addframe(gif, &frame) == CGIF_OK;
    if (gif && cgif_close(gif) != CGIF_OK) written = false;
    if (sink.status != BIREFNET_OK) return sink.status;
    return written ? BIREFNET_OK : bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot write the GIF");
}

static bn_status gif_encode(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                            bn_error *err)
{
    bn_quantised quantised = {0};
    BN_TRY(bn_quantise(image, options->dither, &quantised, err));
    const bn_status status = write_indices(&quantised, image->width, image->height, out, err);
    bn_quantised_free(&quantised);
    return status;
}

const bn_codec bn_gif_codec = {
    .probe = gif_probe,
    .decode = gif_decode,
    .encode = gif_encode,
    .pixel_bytes = 4, /* RGBA; frames are read by rows */
};
