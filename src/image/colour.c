/* colour.c - colour profiles through lcms2, depth to 8 bits. */
#include "image/colour.h"

#include "base/parallel.h"
#include "base/size.h"
#include "image/codec_table.h"
#include "image/profile_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lcms2.h>

/* ---- transforms ---------------------------------------------------------------------------------------- */

typedef struct colour_map {
    cmsContext context; /* of its own, so that threads with different images do not meet in lcms2 */
    cmsHTRANSFORM transform;
} colour_map;

static cmsHPROFILE open_profile(cmsContext context, const void *icc, size_t icc_bytes)
{
    if (!icc) return cmsCreate_sRGBProfileTHR(context);
    cmsHPROFILE profile = cmsOpenProfileFromMemTHR(context, icc, (cmsUInt32Number)icc_bytes);
    if (profile && cmsGetColorSpace(profile) != cmsSigRgbData) {
        cmsCloseProfile(profile);
        profile = NULL;
    }
    return profile;
}

/* NULL profiles mean sRGB. False where a profile cannot be used. */
static bool open_map(colour_map *map, const void *from_icc, size_t from_bytes, cmsUInt32Number from_type,
                     const void *to_icc, size_t to_bytes, cmsUInt32Number to_type)
{
    *map = (colour_map){0};
    if (from_bytes > UINT32_MAX || to_bytes > UINT32_MAX) return false;
    map->context = bn_profile_context(from_bytes + to_bytes);
    if (!map->context) return false;
    cmsHPROFILE from = open_profile(map->context, from_icc, from_bytes);
    cmsHPROFILE to = open_profile(map->context, to_icc, to_bytes);
    /* at 16 bits lcms2's shortcut is a table that is off by up to 24 / 255 where colours leave the gamut;
     * without it a pixel takes 0.2 microseconds */
    const cmsUInt32Number exactly = T_BYTES(from_type) == 2 ? cmsFLAGS_NOOPTIMIZE : 0;
    /* lcms2 2.16 and later refuse to copy an alpha that only one side has */
    const cmsUInt32Number alpha = T_EXTRA(from_type) == T_EXTRA(to_type) ? cmsFLAGS_COPY_ALPHA : 0;
    if (from && to)
        map->transform = cmsCreateTransformTHR(map->context, from, from_type, to, to_type, INTENT_PERCEPTUAL,
                                               alpha | exactly);
    if (from) cmsCloseProfile(from);
    if (to) cmsCloseProfile(to);
    return map->transform != NULL;
}

static void close_map(colour_map *map)
{
    if (map->transform) cmsDeleteTransform(map->transform);
    if (map->context) cmsDeleteContext(map->context);
}

static cmsUInt32Number type_of(const bn_image *image)
{
    if (image->depth == 16) return image->channels == 4 ? TYPE_RGBA_16 : TYPE_RGB_16;
    return image->channels == 4 ? TYPE_RGBA_8 : TYPE_RGB_8;
}

typedef struct colour_rows {
    cmsHTRANSFORM transform;
    const uint8_t *from;
    uint8_t *to;
    size_t from_row_bytes, to_row_bytes;
    int width;
} colour_rows;

static void transform_rows(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const colour_rows *rows = context;
    for (size_t y = begin; y < end; y++)
        cmsDoTransform(rows->transform, rows->from + y * rows->from_row_bytes,
                       rows->to + y * rows->to_row_bytes, (cmsUInt32Number)rows->width);
}

/* Whether a profile is sRGB under another name: then samples stay as they are, to the last bit. Compares a
 * grid of colours after conversion; a difference of one step of 255 is rounding. */
static bool is_srgb(const void *icc, size_t icc_bytes)
{
    enum { STEPS = 9 };
    uint8_t before[STEPS * STEPS * STEPS * 3], after[sizeof before];
    for (int i = 0; i < STEPS * STEPS * STEPS; i++) {
        before[3 * i] = (uint8_t)(i % STEPS * 255 / (STEPS - 1));
        before[3 * i + 1] = (uint8_t)(i / STEPS % STEPS * 255 / (STEPS - 1));
        before[3 * i + 2] = (uint8_t)(i / STEPS / STEPS * 255 / (STEPS - 1));
    }
    colour_map map;
    const bool usable = open_map(&map, icc, icc_bytes, TYPE_RGB_8, NULL, 0, TYPE_RGB_8);
    bool same = usable;
    if (usable) cmsDoTransform(map.transform, before, after, STEPS * STEPS * STEPS);
    for (size_t i = 0; same && i < sizeof before; i++) same = abs(before[i] - after[i]) <= 1;
    close_map(&map);
    return same;
}

/* ---- 8-bit RGB ----------------------------------------------------------------------------------------- */

typedef struct narrow_rows {
    const bn_image *image;
    uint8_t *rgb;
} narrow_rows;

static void copy_rows(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const narrow_rows *rows = context;
    for (size_t y = begin; y < end; y++)
        bn_image_copy_row_8(rows->image, (int)y, 3, rows->rgb + y * (size_t)rows->image->width * 3);
}

static bn_status allocate_rgb(const bn_image *image, bn_rgb8 *rgb, bn_error *err)
{
    const size_t bytes = (size_t)image->width * (size_t)image->height * 3;
    rgb->owned = malloc(bytes);
    if (!rgb->owned) return bn_fail_memory(err, bytes, "an 8-bit copy of the image");
    rgb->pixels = rgb->owned;
    return BIREFNET_OK;
}

bn_status bn_image_to_rgb8(const bn_image *image, int threads, bn_rgb8 *rgb, bn_error *err)
{
    *rgb = (bn_rgb8){.pixels = image->pixels};
    if (image->depth == 8 && image->channels == 3) return BIREFNET_OK;
    BN_TRY(allocate_rgb(image, rgb, err));
    narrow_rows rows = {image, rgb->owned};
    bn_parallel_for(threads, (size_t)image->height, copy_rows, &rows);
    return BIREFNET_OK;
}

static const char unusable_profile[] = "the colour profile cannot be used, colours are taken as sRGB";

bn_status bn_image_to_srgb(const bn_image *image, int threads, bn_rgb8 *rgb, bn_error *err)
{
    if (!image->icc || image->channels == 1 || is_srgb(image->icc, image->icc_bytes))
        return bn_image_to_rgb8(image, threads, rgb, err);
    /* 16 bits are narrowed first: lcms2 is exact and fast from 8 to 8 */
    const bool narrow = image->depth == 16;
    const cmsUInt32Number type = narrow ? TYPE_RGB_8 : type_of(image);
    colour_map map;
    bn_status status;
    if (!open_map(&map, image->icc, image->icc_bytes, type, NULL, 0, TYPE_RGB_8)) {
        status = bn_image_to_rgb8(image, threads, rgb, err);
        snprintf(rgb->note, sizeof rgb->note, "%s", unusable_profile);
    } else {
        *rgb = (bn_rgb8){0};
        status = narrow ? bn_image_to_rgb8(image, threads, rgb, err) : allocate_rgb(image, rgb, err);
        const size_t row_bytes = (size_t)image->width * 3;
        colour_rows rows = {map.transform, narrow ? rgb->owned : image->pixels,
                            rgb->owned,    narrow ? row_bytes : bn_image_row_bytes(image),
                            row_bytes,     image->width};
        if (status == BIREFNET_OK) bn_parallel_for(threads, (size_t)image->height, transform_rows, &rows);
    }
    close_map(&map);
    return status;
}

void bn_rgb8_release(bn_rgb8 *rgb)
{
    free(rgb->owned);
    *rgb = (bn_rgb8){0};
}

/* ---- in place ------------------------------------------------------------------------------------------ */

/* False where a profile cannot be used: the pixels are as they were. */
static bool transform_in_place(bn_image *image, const void *to_icc, size_t to_bytes, int threads)
{
    colour_map map;
    const cmsUInt32Number type = type_of(image);
    const bool usable = open_map(&map, image->icc, image->icc_bytes, type, to_icc, to_bytes, type);
    if (usable) {
        const size_t row_bytes = bn_image_row_bytes(image);
        colour_rows rows = {map.transform, image->pixels, image->pixels, row_bytes, row_bytes, image->width};
        bn_parallel_for(threads, (size_t)image->height, transform_rows, &rows);
    }
    close_map(&map);
    return usable;
}

bn_status bn_image_make_srgb(bn_image *image, int threads, char *note, bn_error *err)
{
    if (note) note[0] = '\0';
    if (!image->icc) return BIREFNET_OK;
    if (image->channels > 1 && !is_srgb(image->icc, image->icc_bytes) &&
        !transform_in_place(image, NULL, 0, threads) && note)
        snprintf(note, sizeof((bn_rgb8 *)0)->note, "%s", unusable_profile);
    return bn_image_set_icc(image, NULL, 0, err);
}

bn_status bn_image_match_profile(bn_image *image, const bn_image *like, int threads, bn_error *err)
{
    const bool same = image->icc_bytes == like->icc_bytes &&
                      (image->icc_bytes == 0 || !memcmp(image->icc, like->icc, image->icc_bytes));
    if (same || image->channels == 1) return BIREFNET_OK;
    transform_in_place(image, like->icc, like->icc_bytes, threads);
    return bn_image_set_icc(image, like->icc, like->icc_bytes, err);
}
