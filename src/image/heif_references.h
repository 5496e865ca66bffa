/* heif_references.h - which pictures of a HEIC are made of which others. libheif follows them without an end (1.15: one that
 * is a part of itself takes all of the stack). */
#ifndef BN_IMAGE_HEIF_REFERENCES_H
#define BN_IMAGE_HEIF_REFERENCES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bn_heif_references bn_heif_references;

/* NULL where there is no memory. */
bn_heif_references *bn_heif_references_create(void);
void bn_heif_references_destroy(bn_heif_references **references);

/* An item of the file: ids may come twice, and in any order, but all before the first bn_heif_references_add_box. */
bn_status bn_heif_references_add_item(bn_heif_references *references, uint32_t id, bn_error *err);
/* What stands behind the name of a reference box, `size` bytes at most: "dimg", of what a picture is made (reversed = false), or
 * "auxl", whose alpha one is (true). Whether ids have 16 or 32 bits is said elsewhere: both are tried, and those that no
 * item has are no reference. */
bn_status bn_heif_references_add_box(bn_heif_references *references, const uint8_t *box, size_t size,
                                     bool reversed, bn_error *err);
/* FORMAT where a picture is a part of itself; UNSUPPORTED where they are nested too deep, or one is decoded again and again. */
bn_status bn_heif_references_check(bn_heif_references *references, bn_error *err);

#endif
