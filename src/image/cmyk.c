/* cmyk.c - CMYK to sRGB, by profile or plainly. */
#include "image/cmyk.h"

#include "image/image.h"
#include "image/profile_memory.h"

#include <stdlib.h>

#include <lcms2.h>

struct bn_cmyk {
    cmsContext context;
    cmsHTRANSFORM transform; /* NULL: the plain formula */
    bool inverted;
};

static cmsHTRANSFORM make_transform(cmsContext context, const void *icc, size_t icc_bytes, bool inverted)
{
    cmsHTRANSFORM transform = NULL;
    cmsHPROFILE ink = cmsOpenProfileFromMemTHR(context, icc, (cmsUInt32Number)icc_bytes);
    cmsHPROFILE srgb = cmsCreate_sRGBProfileTHR(context);
    if (ink && srgb && cmsGetColorSpace(ink) == cmsSigCmykData)
        transform = cmsCreateTransformTHR(context, ink, inverted ? TYPE_CMYK_8_REV : TYPE_CMYK_8, srgb,
                                          TYPE_RGB_8, INTENT_PERCEPTUAL, 0);
    if (ink) cmsCloseProfile(ink);
    if (srgb) cmsCloseProfile(srgb);
    return transform;
}

bn_status bn_cmyk_create(const void *icc, size_t icc_bytes, bool inverted, bn_cmyk **cmyk, bn_error *err)
{
    bn_cmyk *made = calloc(1, sizeof *made);
    if (!made) return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to convert CMYK");
    made->inverted = inverted;
    if (icc && icc_bytes > 0 && icc_bytes <= BN_PROFILE_MAX_BYTES) { /* lcms2 takes three times as much */
        made->context = bn_profile_context(icc_bytes);
        if (made->context) made->transform = make_transform(made->context, icc, icc_bytes, inverted);
    }
    *cmyk = made;
    return BIREFNET_OK;
}

void bn_cmyk_destroy(bn_cmyk **cmyk)
{
    if (!*cmyk) return;
    if ((*cmyk)->transform) cmsDeleteTransform((*cmyk)->transform);
    if ((*cmyk)->context) cmsDeleteContext((*cmyk)->context);
    free(*cmyk);
    *cmyk = NULL;
}

void bn_cmyk_convert(const bn_cmyk *cmyk, const uint8_t *ink, uint8_t *rgb, size_t pixels)
{
    if (cmyk->transform) {
        cmsDoTransform(cmyk->transform, ink, rgb, (cmsUInt32Number)pixels);
        return;
    }
    const unsigned flip = cmyk->inverted ? 0 : 255; /* to "255 is no ink" */
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(((ink[4 * i + c] ^ flip) * (ink[4 * i + 3] ^ flip) + 127) / 255);
}
