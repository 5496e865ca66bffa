/* described.c - see described.h. */
#include "image/described.h"

#include "base/size.h"
#include "image/hdr.h"

#include <math.h>

/* H.273, table 2. */
static const struct {
    unsigned code;
    bn_primaries primaries;
} known[] = {
    {4, {{0.67, 0.33}, {0.21, 0.71}, {0.14, 0.08}, {0.310, 0.316}}},          /* NTSC of 1953 */
    {5, {{0.64, 0.33}, {0.29, 0.60}, {0.15, 0.06}, {0.3127, 0.3290}}},        /* PAL */
    {6, {{0.630, 0.340}, {0.310, 0.595}, {0.155, 0.070}, {0.3127, 0.3290}}},  /* BT.601, 525 lines */
    {7, {{0.630, 0.340}, {0.310, 0.595}, {0.155, 0.070}, {0.3127, 0.3290}}},  /* SMPTE 240 */
    {8, {{0.681, 0.319}, {0.243, 0.692}, {0.145, 0.049}, {0.310, 0.316}}},    /* film */
    {9, {{0.708, 0.292}, {0.170, 0.797}, {0.131, 0.046}, {0.3127, 0.3290}}},  /* BT.2020 */
    {11, {{0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}, {0.314, 0.351}}},   /* DCI-P3 */
    {12, {{0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}, {0.3127, 0.3290}}}, /* Display P3 */
    {22, {{0.630, 0.340}, {0.295, 0.605}, {0.155, 0.077}, {0.3127, 0.3290}}}, /* EBU 3213 */
};

static const bn_primaries *find_primaries(unsigned code)
{
    for (size_t i = 0; i < BN_COUNT(known); i++)
        if (known[i].code == code) return &known[i].primaries;
    return &bn_primaries_srgb;
}

/* H.273, table 3: the exponent of those that are one; 0 for sRGB's curve and what counts as it. */
static double exponent_of(unsigned transfer)
{
    switch (transfer) {
    case 4:
        return 2.2;
    case 5:
        return 2.8;
    case 8:
        return 1;
    case 17:
        return 2.6;
    default:
        return 0;
    }
}

static bool are_srgb(const bn_primaries *p)
{
    const bn_primaries *q = &bn_primaries_srgb;
    bool same = true;
    for (int i = 0; i < 2; i++)
        same = same && fabs(p->red[i] - q->red[i]) < 0.002 && fabs(p->green[i] - q->green[i]) < 0.002 &&
               fabs(p->blue[i] - q->blue[i]) < 0.002 && fabs(p->white[i] - q->white[i]) < 0.002;
    return same;
}

bn_status bn_image_adopt_gamma(bn_image *image, double exponent, const bn_primaries *primaries, bn_error *err)
{
    /* 2.2 is what programs write that mean sRGB */
    const bool plain = exponent == 0 || fabs(exponent - 2.2) < 0.02;
    if (!primaries) primaries = &bn_primaries_srgb;
    if (plain && are_srgb(primaries)) return BIREFNET_OK;
    bn_profile profile;
    if (!bn_profile_of_primaries(primaries, plain ? 0 : exponent, &profile)) return BIREFNET_OK;
    const bn_status status = bn_image_set_icc(image, profile.bytes, profile.size, err);
    bn_profile_free(&profile);
    return status;
}

bn_status bn_image_adopt_cicp(bn_image *image, unsigned primaries, unsigned transfer, bn_error *err)
{
    enum { PQ = 16, HLG = 18 };
    const bn_primaries *found = find_primaries(primaries);
    if (transfer == PQ || transfer == HLG) return bn_image_tone_map(image, found, transfer == HLG, err);
    return bn_image_adopt_gamma(image, exponent_of(transfer), found, err);
}
