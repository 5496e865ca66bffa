/* kind.h - what a file is that no codec here reads, in a word for a person. */
#ifndef BN_IMAGE_KIND_H
#define BN_IMAGE_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bn_kind {
    const char *name; /* "HEIC", "Apple CgBI PNG", "a web page", "gzip" */
    bool is_picture;  /* photos, drawings and films; not packed files, pages, texts */
} bn_kind;

/* By the content; a few hundred bytes of it do. NULL where it is a format of codec.h, or is not known. */
const bn_kind *bn_kind_of(const uint8_t *bytes, size_t size);

/* By the suffix: camera raws that look like TIFF. NULL for all others. */
const bn_kind *bn_kind_of_path(const char *path);

#endif
