/* jxl_boxes.h - what boxes of a JPEG XL say of the photo. */
#ifndef BN_IMAGE_JXL_BOXES_H
#define BN_IMAGE_JXL_BOXES_H

#include "image/image.h"
#include "image/jxl_api.h"

/* EXIF (but for its orientation, which has no say here), density and XMP become the image's, from plain boxes and from those
 * packed by Brotli. Boxes that are broken or larger than a megabyte are left out, and what follows them. */
bn_status bn_jxl_adopt_boxes(const bn_jxl_api *api, const JxlMemoryManager *memory, const uint8_t *bytes,
                             size_t size, bn_image *image, bn_error *err);

#endif
