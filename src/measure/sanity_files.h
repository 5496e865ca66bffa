/* sanity_files.h - the known photo and its mask, part of the program; see examples/README.md. */
#ifndef BN_MEASURE_SANITY_FILES_H
#define BN_MEASURE_SANITY_FILES_H

#include <stddef.h>

typedef struct bn_sanity_file {
    const char *name; /* below examples/ */
    const unsigned char *data;
    size_t size;
    const char *hash;
} bn_sanity_file;

extern const bn_sanity_file bn_sanity_files[]; /* ends with a NULL name; written by embed.cmake */

#endif
