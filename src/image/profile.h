/* profile.h - RGB profiles made of what files say about their colours by other means. */
#ifndef BN_IMAGE_PROFILE_H
#define BN_IMAGE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bn_profile {
    uint8_t *bytes; /* owned; NULL where there is none */
    size_t size;
} bn_profile;

void bn_profile_free(bn_profile *profile);

/* A profile by which red, green and blue of the same value v look as v does by the grey one. False where that cannot be
 * used. */
bool bn_profile_of_grey(const void *icc, size_t icc_bytes, bn_profile *profile);

/* Where red, green, blue and white lie, x and y of each (CIE 1931). */
typedef struct bn_primaries {
    double red[2], green[2], blue[2], white[2];
} bn_primaries;

extern const bn_primaries bn_primaries_srgb;

/* A profile of these primaries and samples that are light to the power of 1 / gamma; gamma 0: with sRGB's curve. False where
 * there is no such thing. */
bool bn_profile_of_primaries(const bn_primaries *primaries, double gamma, bn_profile *profile);

#endif
