/* bench_photo.h - timing everything about a photo but the network. */
#ifndef BN_CLI_BENCH_PHOTO_H
#define BN_CLI_BENCH_PHOTO_H

#include "matte/matte.h"

typedef enum bn_photo_stage {
    BN_PHOTO_DECODE = 0,
    BN_PHOTO_RESIZE, /* colours to sRGB, resizing to the network's size, normalising */
    BN_PHOTO_MASK,   /* sigmoid, resizing to the photo's size */
    BN_PHOTO_REFINE,
    BN_PHOTO_COMPOSE,
    BN_PHOTO_ENCODE, /* PNG */
    BN_PHOTO_STAGES,
} bn_photo_stage;

extern const char *const bn_photo_stage_names[BN_PHOTO_STAGES];

typedef struct bn_photo_times {
    int width, height;          /* of the photo */
    double ms[BN_PHOTO_STAGES]; /* medians */
} bn_photo_times;

/* Whether there is a photo at path that bn_bench_photo could decode, by its header. */
bn_status bn_bench_photo_check(const char *path, bn_error *err);

/* path: a photo, or NULL for a 12-megapixel JPEG made on the spot. network: the size that it is resized to. In place of
 * logits the network's input is used: times of these stages do not depend on what the matte shows. */
bn_status bn_bench_photo(const char *path, bn_matte_size network, int runs, bn_photo_times *times,
                         bn_error *err);

#endif
