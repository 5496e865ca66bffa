/* shops.h - what shops want of a product's picture: one row a shop, with the rule that it follows. */
#ifndef BN_CUTOUT_SHOPS_H
#define BN_CUTOUT_SHOPS_H

#include "cutout/cutout.h"

typedef struct bn_shop {
    const char *name;   /* what users type */
    int width, height;  /* of the canvas */
    double fit_percent; /* of the canvas that the subject may fill */
    const char *rule;   /* in words, what the shop asks for */
    const char *where;  /* where it says so */
} bn_shop;

/* NULL behind the last. */
const bn_shop *bn_shop_at(size_t index);
/* NULL where there is none of that name. */
const bn_shop *bn_shop_find(const char *name);

/* Canvas, fit, pure white behind the subject, sRGB. Formats are the caller's: all of these shops take JPEG. */
void bn_shop_apply(const bn_shop *shop, bn_cutout_options *options);

#endif
