/* backdrop.c - see backdrop.h. What is known of the background is told, and filled in, at a small size; where the backdrop
 * is to be sharp, the photo's own pixels are put over that where they are background. */
#include "image/backdrop.h"

#include "base/size.h"
#include "image/box_blur.h"
#include "image/codec_table.h"
#include "image/colour.h"
#include "image/fill.h"
#include "pixels/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FILL_SIDE_PX     1024 /* the longer side at which holes are filled, at most */
#define SMALL_RADIUS_PX  6    /* of a blur, at the size at which it is done */
#define BACKGROUND_BELOW 8    /* matte values that are background, noise included */

typedef struct making {
    const bn_image *photo;
    const uint8_t *rgb; /* [height][width][3] of the photo */
    uint8_t *subject;   /* [height][width]: the matte, and where the photo itself is transparent */
    int width, height;  /* of the small pictures */
    uint8_t *small;     /* [height][width][3] */
    uint8_t *known; /* [height][width]: 255 where it is background, and far enough from the subject; else 0 */
    int threads;
    bn_isa isa;
} making;

static bn_status allocate(size_t pixels, size_t channels, uint8_t **bytes, bn_error *err)
{
    *bytes = malloc(pixels * channels);
    return *bytes ? BIREFNET_OK : bn_fail_memory(err, pixels * channels, "a background");
}

static unsigned alpha_of(const bn_image *photo, size_t i)
{
    return photo->depth == 16 ? bn_sample_16_to_8(((const uint16_t *)photo->pixels)[4 * i + 3])
                              : ((const uint8_t *)photo->pixels)[4 * i + 3];
}

static bn_status copy_subject(making *m, const uint8_t *matte, ptrdiff_t stride, bn_error *err)
{
    const size_t width = (size_t)m->photo->width, height = (size_t)m->photo->height;
    BN_TRY(allocate(width * height, 1, &m->subject, err));
    for (size_t y = 0; y < height; y++) memcpy(m->subject + y * width, matte + (ptrdiff_t)y * stride, width);
    if (m->photo->channels < 4) return BIREFNET_OK;
    for (size_t i = 0; i < width * height; i++)
        m->subject[i] = (uint8_t)BN_MAX(m->subject[i], 255 - alpha_of(m->photo, i));
    return BIREFNET_OK;
}

static bn_status resize(const making *m, const uint8_t *from, int from_width, int from_height, int channels,
                        uint8_t *to, int to_width, int to_height, bn_error *err)
{
    return bn_resize_u8(from, from_width, from_height, channels, (ptrdiff_t)channels * from_width, to,
                        to_width, to_height, (ptrdiff_t)channels * to_width, BN_FILTER_BILINEAR, m->threads,
                        m->isa, err);
}

/* Small copies of photo and matte; known where the matte, widened by `reach` pixels, is background. */
static bn_status look(making *m, int reach, bn_error *err)
{
    const size_t pixels = (size_t)m->width * (size_t)m->height;
    const int width = m->photo->width, height = m->photo->height;
    BN_TRY(allocate(pixels, 3, &m->small, err));
    BN_TRY(allocate(pixels, 1, &m->known, err));
    BN_TRY(resize(m, m->rgb, width, height, 3, m->small, m->width, m->height, err));
    BN_TRY(resize(m, m->subject, width, height, 1, m->known, m->width, m->height, err));
    for (size_t i = 0; i < pixels; i++) m->known[i] = m->known[i] < BACKGROUND_BELOW ? 255 : 0;
    uint8_t *line = NULL;
    BN_TRY(allocate((size_t)BN_MAX(m->width, m->height), 1, &line, err));
    for (int direction = 0; direction < 2; direction++) {
        const int lines = direction ? m->width : m->height, count = direction ? m->height : m->width;
        const ptrdiff_t next = direction ? 1 : m->width, step = direction ? m->width : 1;
        for (int l = 0; l < lines; l++) {
            uint8_t *first = m->known + l * next;
            for (int i = 0; i < count; i++) line[i] = first[i * step];
            for (int i = 0; i < count; i++)
                for (int k = BN_MAX(i - reach, 0); line[i] == 0 && k <= BN_MIN(i + reach, count - 1); k++)
                    first[k * step] = 0;
        }
    }
    free(line);
    return BIREFNET_OK;
}

/* Of a photo that was cut out before, the subject is all there is to see: known is where it is opaque, so that no colour
 * shows that transparent pixels hide. */
static bn_status know_what_is_seen(making *m, bn_error *err)
{
    if (m->photo->channels < 4) return BIREFNET_OK;
    const size_t pixels = (size_t)m->width * (size_t)m->height;
    for (size_t i = 0; i < (size_t)m->photo->width * (size_t)m->photo->height; i++)
        m->subject[i] = (uint8_t)(255 - alpha_of(m->photo, i));
    BN_TRY(resize(m, m->subject, m->photo->width, m->photo->height, 1, m->known, m->width, m->height, err));
    for (size_t i = 0; i < pixels; i++) m->known[i] = m->known[i] < BACKGROUND_BELOW ? 255 : 0;
    return BIREFNET_OK;
}

/* Put what surrounds the holes into them. A photo that is all subject stays as it is. */
static bn_status fill_small(making *m, bn_error *err)
{
    const size_t pixels = (size_t)m->width * (size_t)m->height, bytes = pixels * 4 * sizeof(float);
    if (!memchr(m->known, 255, pixels)) BN_TRY(know_what_is_seen(m, err));
    if (!memchr(m->known, 255, pixels)) return BIREFNET_OK;
    float *rgbw = malloc(bytes);
    if (!rgbw) return bn_fail_memory(err, bytes, "a background");
    for (size_t i = 0; i < pixels; i++) {
        const float weight = m->known[i] ? 1 : 0;
        for (size_t k = 0; k < 3; k++) rgbw[4 * i + k] = weight * m->small[3 * i + k];
        rgbw[4 * i + 3] = weight;
    }
    const bn_status status = bn_fill_holes(rgbw, m->width, m->height, err);
    for (size_t i = 0; i < pixels && status == BIREFNET_OK; i++)
        for (size_t k = 0; k < 3; k++)
            m->small[3 * i + k] = (uint8_t)lrintf(fminf(fmaxf(rgbw[4 * i + k], 0), 255));
    free(rgbw);
    return status;
}

/* The photo's own pixels where they are background, what was filled in where not. */
static bn_status make_sharp(const making *m, uint8_t *out, bn_error *err)
{
    const int width = m->photo->width, height = m->photo->height;
    const size_t pixels = (size_t)width * (size_t)height;
    uint8_t *known = NULL;
    BN_TRY(allocate(pixels, 1, &known, err));
    bn_status status;
    BN_TRY_DONE(resize(m, m->known, m->width, m->height, 1, known, width, height, err));
    BN_TRY_DONE(resize(m, m->small, m->width, m->height, 3, out, width, height, err));
    for (size_t i = 0; i < pixels; i++)
        for (size_t k = 0; k < 3; k++) {
            const unsigned own = m->rgb[3 * i + k], filled = out[3 * i + k], share = known[i];
            out[3 * i + k] = (uint8_t)((own * share + filled * (255 - share) + 127) / 255);
        }
done:
    free(known);
    return status;
}

static bn_status make(making *m, double radius_px, bn_image **backdrop, bn_error *err)
{
    const int width = m->photo->width, height = m->photo->height;
    const double longer = BN_MAX(width, height);
    const double shrink = fmax(1, fmax(radius_px / SMALL_RADIUS_PX, longer / FILL_SIDE_PX));
    m->width = (int)fmax(1, round(width / shrink));
    m->height = (int)fmax(1, round(height / shrink));
    /* the matte's edge is not exact, and lenses and JPEG spread colours beyond it: 0.6 % of the photo is left out */
    const int reach = (int)fmax(shrink < 2 ? 2 : 1, round(0.006 * longer / shrink));
    BN_TRY(look(m, reach, err));
    BN_TRY(fill_small(m, err));
    if (radius_px >= 2 * shrink) {
        const int radius = (int)round(radius_px / shrink);
        BN_TRY(bn_image_create(m->width, m->height, 3, 8, backdrop, err));
        memcpy((*backdrop)->pixels, m->small, bn_image_bytes(*backdrop));
        return bn_box_blur((*backdrop)->pixels, m->width, m->height, 3, radius, radius, err);
    }
    const int radius = (int)round(radius_px);
    BN_TRY(bn_image_create(width, height, 3, 8, backdrop, err));
    BN_TRY(make_sharp(m, (*backdrop)->pixels, err));
    return radius > 0 ? bn_box_blur((*backdrop)->pixels, width, height, 3, radius, radius, err) : BIREFNET_OK;
}

bn_status bn_backdrop_make(const bn_image *photo, const uint8_t *matte, ptrdiff_t matte_stride_bytes,
                           double blur_percent, int threads, bn_isa isa, bn_image **backdrop, bn_error *err)
{
    bn_rgb8 rgb = {0};
    bn_image *made = NULL;
    making m = {.photo = photo, .threads = threads, .isa = isa};
    bn_status status;
    BN_TRY_DONE(bn_image_to_rgb8(photo, threads, &rgb, err));
    m.rgb = rgb.pixels;
    BN_TRY_DONE(copy_subject(&m, matte, matte_stride_bytes, err));
    BN_TRY_DONE(make(&m, BN_MAX(photo->width, photo->height) * blur_percent / 100, &made, err));
    BN_TRY_DONE(bn_image_set_icc(made, photo->icc, photo->icc_bytes, err));
    *backdrop = made;
    made = NULL;
done:
    bn_rgb8_release(&rgb);
    bn_image_destroy(&made);
    free(m.subject);
    free(m.small);
    free(m.known);
    return status;
}
