/* gif.h - reading GIFs by giflib, for stills and for animations. */
#ifndef BN_IMAGE_GIF_H
#define BN_IMAGE_GIF_H

#include "image/image.h"

#include <gif_lib.h>

typedef struct bn_gif_source {
    const uint8_t *bytes;
    size_t size, at;
} bn_gif_source;

/* *gif is NULL on failure; else DGifCloseFile it. source must outlive it. */
bn_status bn_gif_open(bn_gif_source *source, GifFileType **gif, bn_error *err);

/* Read on to the next frame's description (gif->Image); what the extensions before it say of it goes to control. */
bn_status bn_gif_find_frame(GifFileType *gif, GraphicsControlBlock *control, bn_error *err);

/* The palette of the frame that was found; NULL where there is none. */
const ColorMapObject *bn_gif_get_palette(const GifFileType *gif);

/* Draw it onto image (RGB or RGBA of 8 bits), where it is not the transparent index (-1 for none); what lies outside is
 * left out. */
bn_status bn_gif_draw_frame(GifFileType *gif, const ColorMapObject *palette, int transparent, bn_image *image,
                            bn_error *err);

#endif
