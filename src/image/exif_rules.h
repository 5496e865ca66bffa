/* exif_rules.h - which of a photo's data go into a result at which level: one table. */
#ifndef BN_IMAGE_EXIF_RULES_H
#define BN_IMAGE_EXIF_RULES_H

#include "image/exif.h"

typedef enum bn_exif_folder {
    BN_EXIF_IMAGE = 0, /* TIFF's first folder */
    BN_EXIF_PHOTO,     /* how it was taken */
    BN_EXIF_PLACE,     /* where: GPS */
    BN_EXIF_FOLDERS,
} bn_exif_folder;

/* The lowest level that lets a tag through; above BN_METADATA_ALL for those that never go. */
int bn_exif_level(bn_exif_folder folder, unsigned tag);

#endif
