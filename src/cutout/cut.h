/* cut.h - what the public functions for whole photos (cut.c, cut_image.c) share. */
#ifndef BN_CUTOUT_CUT_H
#define BN_CUTOUT_CUT_H

#include "birefnet-image.h"
#include "cutout/cutout.h"

/* What a caller of any version gave (NULL: the defaults) as this version's struct. */
bn_status bn_cut_read(const birefnet_cut_options *from, birefnet_cut_options *to, bn_error *err);

/* What was read, in the terms of this room. Nothing of `from` is kept. */
bn_status bn_cut_choose(const birefnet_cut_options *from, bn_cutout_options *to, bn_error *err);

/* Decode from->background_image, where there is one, into *backdrop, which to->background then borrows. Asked once threads
 * are chosen; the caller destroys *backdrop. */
bn_status bn_cut_open_backdrop(const birefnet_cut_options *from, bn_cutout_options *to, bn_image **backdrop,
                               bn_error *err);

#endif
