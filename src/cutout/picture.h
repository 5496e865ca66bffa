/* picture.h - from a photo and its matte to the finished pixels: crop or canvas, background, shadow. A part of the last
 * step of cutout.h. */
#ifndef BN_CUTOUT_PICTURE_H
#define BN_CUTOUT_PICTURE_H

#include "cutout/cutout.h"

/* *result is the cut-out (NULL where none is wanted), the caller's; box is the part of cutout->matte that is the mask. On a
 * canvas cutout's image and matte become what stands there, at the canvas's size. Fills in sizes, times and `empty`. */
bn_status bn_picture_make(const bn_cutout_options *options, bn_cutout *cutout, bn_image **result, bn_box *box,
                          bn_error *err);

/* As bn_cutout_find_subject, of a matte whose threshold is applied. */
bn_status bn_picture_find_subject(const bn_cutout_options *options, uint8_t *matte, int width, int height,
                                  bool *found, bn_box *box, bn_error *err);

/* LIMIT where the results' formats hold no image of this size; cutout->side_limit_px says which limit. */
bn_status bn_picture_check_size(const bn_cutout_options *options, bn_cutout *cutout, int width, int height,
                                bn_error *err);

#endif
