/* shadow.c - see shadow.h. Shadows have no fine detail: they are made small and enlarged. */
#include "image/shadow.h"

#include "base/size.h"
#include "image/box_blur.h"
#include "image/compose.h"
#include "pixels/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_SIDE_PX  512 /* the longer side of the small picture, at most */
#define SUBJECT_LEVEL  96  /* matte values that throw a shadow of their own at contact */
#define SOFT_STRENGTH  90  /* of 255, where the whole outline is in front of the lamp */
#define TIGHT_STRENGTH 130
#define WIDE_STRENGTH  70

typedef struct shade {
    uint8_t *matte, *result; /* [height][width], small */
    int width, height;
    bn_box subject;
} shade;

static int share_px(int of, double percent)
{
    return (int)fmax(1, round(of * percent / 100));
}

/* The outline moved down by 3 % of its height, out of focus by 3 % of its longer side. */
static bn_status make_soft(shade *s, bn_error *err)
{
    const int down = share_px(s->subject.height, 3);
    const int radius = share_px(BN_MAX(s->subject.width, s->subject.height), 3);
    const size_t width = (size_t)s->width;
    for (int y = 0; y < s->height; y++) {
        uint8_t *row = s->result + (size_t)y * width;
        const uint8_t *from = s->matte + (size_t)(y - down) * width;
        for (size_t x = 0; x < width; x++) row[x] = y < down ? 0 : (uint8_t)(from[x] * SOFT_STRENGTH / 255);
    }
    return bn_box_blur(s->result, s->width, s->height, 1, radius, radius, err);
}

/* A streak of `thick` rows under each column's lowest pixel, weaker the higher that one lies, none above the lowest tenth. */
static void draw_contact(const shade *s, int thick, int strength)
{
    const int base = s->subject.y + s->subject.height - 1, reach = share_px(s->subject.height, 10);
    memset(s->result, 0, (size_t)s->width * (size_t)s->height);
    for (int x = s->subject.x; x < s->subject.x + s->subject.width; x++) {
        int y = base;
        while (y > base - reach && s->matte[(size_t)y * (size_t)s->width + (size_t)x] < SUBJECT_LEVEL) y--;
        const int value = strength * (reach - (base - y)) / reach;
        for (int row = BN_MAX(y - thick, 0); row <= BN_MIN(y + thick, s->height - 1) && value > 0; row++)
            s->result[(size_t)row * (size_t)s->width + (size_t)x] = (uint8_t)value;
    }
}

/* A tight dark line, and a wider one, as light comes from many sides. */
static bn_status make_contact(shade *s, bn_error *err)
{
    const size_t pixels = (size_t)s->width * (size_t)s->height;
    const int longer = BN_MAX(s->subject.width, s->subject.height);
    uint8_t *tight = malloc(pixels);
    if (!tight) return bn_fail_memory(err, pixels, "a shadow");
    bn_status status;
    draw_contact(s, share_px(longer, 0.8), TIGHT_STRENGTH);
    BN_TRY_DONE(
        bn_box_blur(s->result, s->width, s->height, 1, share_px(longer, 0.6), share_px(longer, 0.3), err));
    memcpy(tight, s->result, pixels);
    draw_contact(s, share_px(longer, 1.6), WIDE_STRENGTH);
    BN_TRY_DONE(
        bn_box_blur(s->result, s->width, s->height, 1, share_px(longer, 2.5), share_px(longer, 1), err));
    for (size_t i = 0; i < pixels; i++) s->result[i] = (uint8_t)BN_MIN(255, s->result[i] + tight[i]);
done:
    free(tight);
    return status;
}

bn_status bn_shadow_make(bn_shadow_kind kind, const uint8_t *matte, int width, int height, int threads,
                         bn_isa isa, uint8_t **shadow, bn_error *err)
{
    if (kind == BN_SHADOW_NONE) return BIREFNET_OK;
    const double shrink = fmax(1, (double)BN_MAX(width, height) / SMALL_SIDE_PX);
    shade s = {.width = (int)fmax(1, round(width / shrink)), .height = (int)fmax(1, round(height / shrink))};
    const size_t pixels = (size_t)s.width * (size_t)s.height, all = (size_t)width * (size_t)height;
    uint8_t *made = malloc(all);
    bn_status status = BIREFNET_OK;
    s.matte = malloc(pixels);
    s.result = malloc(pixels);
    if (!made || !s.matte || !s.result) BN_TRY_DONE(bn_fail_memory(err, all + 2 * pixels, "a shadow"));
    BN_TRY_DONE(bn_resize_u8(matte, width, height, 1, width, s.matte, s.width, s.height, s.width,
                             BN_FILTER_BILINEAR, threads, isa, err));
    if (!bn_matte_find_box(s.matte, s.width, s.height, s.width, SUBJECT_LEVEL, &s.subject)) goto done;
    BN_TRY_DONE(kind == BN_SHADOW_SOFT ? make_soft(&s, err) : make_contact(&s, err));
    BN_TRY_DONE(bn_resize_u8(s.result, s.width, s.height, 1, s.width, made, width, height, width,
                             BN_FILTER_BICUBIC, threads, isa, err));
    *shadow = made;
    made = NULL;
done:
    free(made);
    free(s.matte);
    free(s.result);
    return status;
}
