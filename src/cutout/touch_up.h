/* touch_up.h - the matte of a photo from a mask that somebody has edited, instead of from the network. */
#ifndef BN_CUTOUT_TOUCH_UP_H
#define BN_CUTOUT_TOUCH_UP_H

#include "cutout/cutout.h"

/* By the header alone, after bn_cutout_decode: UNSUPPORTED where the mask is no PNG, FORMAT where it is not of the photo's
 * size, so that nothing is decoded in vain. */
bn_status bn_touch_up_check(const void *bytes, size_t size, const bn_cutout *cutout, bn_error *err);

/* cutout->matte from the mask, in place of bn_cutout_matte: its brightness, 0 where it is transparent. FORMAT where it is not
 * of the photo's size, or broken; otherwise as bn_image_decode. */
bn_status bn_touch_up_decode(const void *bytes, size_t size, const bn_cutout_options *options,
                             bn_cutout *cutout, bn_error *err);

#endif
