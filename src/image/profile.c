/* profile.c - see profile.h. */
#include "image/profile.h"

#include "base/size.h"
#include "image/profile_memory.h"

#include <stdlib.h>

#include <lcms2.h>

/* IEC 61966-2-1. */
const bn_primaries bn_primaries_srgb = {{0.64, 0.33}, {0.30, 0.60}, {0.15, 0.06}, {0.3127, 0.3290}};

void bn_profile_free(bn_profile *profile)
{
    free(profile->bytes);
    *profile = (bn_profile){0};
}

static bool save(cmsHPROFILE profile, bn_profile *out)
{
    cmsUInt32Number size = 0;
    if (!profile || !cmsSaveProfileToMem(profile, NULL, &size) || size == 0) return false;
    out->bytes = malloc(size);
    out->size = size;
    if (out->bytes && cmsSaveProfileToMem(profile, out->bytes, &size)) return true;
    bn_profile_free(out);
    return false;
}

static cmsHPROFILE make_rgb(cmsContext context, const bn_primaries *p, cmsToneCurve *curve)
{
    const cmsCIExyY white = {p->white[0], p->white[1], 1};
    const cmsCIExyYTRIPLE triple = {
        {p->red[0], p->red[1], 1}, {p->green[0], p->green[1], 1}, {p->blue[0], p->blue[1], 1}};
    cmsToneCurve *curves[3] = {curve, curve, curve};
    return cmsCreateRGBProfileTHR(context, &white, &triple, curves);
}

/* Luminance of grey, 0 to 1 as 16 bits, whatever the profile is made of. */
static cmsToneCurve *measure_curve(cmsContext context, cmsHPROFILE grey)
{
    enum { STEPS = 4096 };
    cmsToneCurve *curve = NULL;
    cmsHPROFILE xyz = cmsCreateXYZProfileTHR(context);
    cmsHTRANSFORM transform = xyz ? cmsCreateTransformTHR(context, grey, TYPE_GRAY_16, xyz, TYPE_XYZ_DBL,
                                                          INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_NOOPTIMIZE)
                                  : NULL;
    cmsUInt16Number *table = malloc(STEPS * sizeof *table);
    for (int i = 0; transform && table && i < STEPS; i++) {
        const cmsUInt16Number value = (cmsUInt16Number)(i * 65535 / (STEPS - 1));
        cmsCIEXYZ colour;
        cmsDoTransform(transform, &value, &colour, 1);
        table[i] = (cmsUInt16Number)(BN_MAX(0.0, BN_MIN(colour.Y, 1.0)) * 65535 + 0.5);
    }
    if (transform && table) curve = cmsBuildTabulatedToneCurve16(context, STEPS, table);
    free(table);
    if (transform) cmsDeleteTransform(transform);
    if (xyz) cmsCloseProfile(xyz);
    return curve;
}

bool bn_profile_of_grey(const void *icc, size_t icc_bytes, bn_profile *profile)
{
    *profile = (bn_profile){0};
    cmsContext context = bn_profile_context(icc_bytes);
    if (!context) return false;
    cmsHPROFILE grey = cmsOpenProfileFromMemTHR(context, icc, (cmsUInt32Number)icc_bytes), rgb = NULL;
    if (grey && cmsGetColorSpace(grey) == cmsSigGrayData) {
        const cmsToneCurve *own = cmsGetPCS(grey) == cmsSigXYZData && !cmsIsTag(grey, cmsSigAToB0Tag)
                                      ? cmsReadTag(grey, cmsSigGrayTRCTag)
                                      : NULL;
        cmsToneCurve *curve = own ? cmsDupToneCurve(own) : measure_curve(context, grey);
        if (curve) {
            rgb = make_rgb(context, &bn_primaries_srgb, curve); /* of equal samples any primaries make grey */
            cmsFreeToneCurve(curve);
        }
    }
    const bool made = save(rgb, profile);
    if (rgb) cmsCloseProfile(rgb);
    if (grey) cmsCloseProfile(grey);
    cmsDeleteContext(context);
    return made;
}

bool bn_profile_of_primaries(const bn_primaries *primaries, double gamma, bn_profile *profile)
{
    /* the exponent, then what ICC's parametric curve of type 4 calls a to d */
    static const double srgb[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    *profile = (bn_profile){0};
    cmsContext context = bn_profile_context(0);
    if (!context) return false;
    cmsToneCurve *curve =
        gamma > 0 ? cmsBuildGamma(context, gamma) : cmsBuildParametricToneCurve(context, 4, srgb);
    cmsHPROFILE rgb = curve ? make_rgb(context, primaries, curve) : NULL;
    const bool made = save(rgb, profile);
    if (rgb) cmsCloseProfile(rgb);
    if (curve) cmsFreeToneCurve(curve);
    cmsDeleteContext(context);
    return made;
}
