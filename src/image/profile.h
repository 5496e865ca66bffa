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

#endif
