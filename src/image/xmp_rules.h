/* xmp_rules.h - which of a photo's XMP goes into a result at which level: one table. */
#ifndef BN_IMAGE_XMP_RULES_H
#define BN_IMAGE_XMP_RULES_H

#include "image/exif.h"

#define BN_XMP_RDF "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

/* The lowest level that lets a property through; above BN_METADATA_ALL for those that never go. */
int bn_xmp_level(const char *uri, const char *name);

#endif
