/* compose.h - photo + matte (+ estimated foreground colours) to the finished cut-out. */
#ifndef BN_IMAGE_COMPOSE_H
#define BN_IMAGE_COMPOSE_H

#include "base/cpu.h"
#include "image/image.h"

/* A rectangle of pixels inside an image. */
typedef struct bn_box {
    int x, y, width, height;
} bn_box;

/* Make the matte hard, in place: 255 where it is at least `level` (1 to 255), else 0. */
void bn_matte_threshold(uint8_t *matte, int width, int height, ptrdiff_t stride_bytes, int level);

/* What of a matte is sure: more than `foreground`, or less than `background` (0 to 255), and in the middle of a square of `erode_px`
 * pixels a side that are all so; 0 and 1: the pixel alone. What lies beyond the matte counts as background. */
typedef struct bn_sure {
    bool used;
    int foreground, background, erode_px;
} bn_sure;

/* What is sure becomes 255 or 0, in place; the rest stays. MEMORY. */
bn_status bn_matte_settle(uint8_t *matte, int width, int height, ptrdiff_t stride_bytes, const bn_sure *sure,
                          bn_error *err);

/* The smallest box that holds every sample of at least `level`; false where there is none. */
bool bn_matte_find_box(const uint8_t *matte, int width, int height, ptrdiff_t stride_bytes, int level,
                       bn_box *box);

/* Zero what is no part of a piece that has at least least_share of the pixels of the largest; a piece is what hangs
 * together of samples of at least `level`. matte uint8 [height][width], rows tight, in place. */
bn_status bn_matte_drop_islands(uint8_t *matte, int width, int height, int level, double least_share,
                                int threads, bn_isa isa, bn_error *err);

/* Widen box by margin_px on each side, and by margin_percent of its longer side, but not beyond width x
 * height. */
void bn_box_grow(bn_box *box, int margin_px, double margin_percent, int width, int height);

typedef enum bn_background_kind {
    BN_BACKGROUND_NONE = 0, /* transparent: the result has alpha */
    BN_BACKGROUND_COLOUR,
    BN_BACKGROUND_IMAGE, /* enlarged or shrunk to cover the photo, the middle of it shown */
    BN_BACKGROUND_BLUR,  /* the photo's own, without the subject (backdrop.h), blurred */
} bn_background_kind;

#define BN_BLUR_USUAL_PERCENT 3

typedef struct bn_compose_options {
    bn_background_kind background;
    uint8_t colour[4];     /* COLOUR: sRGB and alpha; where alpha is not 255 the result has alpha */
    const bn_image *image; /* IMAGE: upright; its own alpha is ignored */
    double blur_percent;   /* BLUR: radius in percent of the photo's longer side, 0 to 100 */
    const uint8_t
        *shadow; /* [height][width] of the photo, rows tight: light taken from the background, 0 to 255, which
                            * is the shadow's alpha where there is none; NULL: none */
    bool has_crop;    /* only the pixels of `crop` are made */
    bn_box crop;      /* within the photo */
    bool keep_hidden; /* keep colours where alpha is 0; default false: zeros, which compress well */
    int threads;      /* default 1 */
    bn_isa isa;       /* highest level of instructions to use; default the CPU's */
} bn_compose_options;

void bn_compose_options_default(bn_compose_options *options);

/*   photo       RGB or RGBA, 8 or 16 bits; where it has alpha, the matte is multiplied by it
 *   matte       uint8 [height][width], rows matte_stride bytes apart
 *   foreground  uint8 [height][width][3], rows tight, in the photo's own colour space (bn_image_to_rgb8, then
 *               birefnet_refine_foreground); NULL = the photo's colours
 *   result      RGBA (RGB on an opaque background), the photo's depth and profile; the caller destroys it
 * Where alpha is full the result has exactly the photo's samples, at 16 bits too. */
bn_status bn_compose(const bn_image *photo, const uint8_t *matte, ptrdiff_t matte_stride,
                     const uint8_t *foreground, const bn_compose_options *options, bn_image **result,
                     bn_error *err);

#endif
