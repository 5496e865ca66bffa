/* zip.h - the directory of a zip archive whose files are stored uncompressed, as torch writes it: finding the bytes
 * of a file inside the mapped archive. Zip64 is understood; compression and encryption are refused. */
#ifndef BN_WEIGHTS_ZIP_H
#define BN_WEIGHTS_ZIP_H

#include "base/error.h"

typedef struct bn_zip_file {
    const char *name; /* inside the archive, not zero-terminated */
    size_t name_length;
    const uint8_t *data; /* inside the archive */
    size_t size;
} bn_zip_file;

typedef struct bn_zip {
    bn_zip_file *files; /* owned; sorted by name */
    size_t count;
} bn_zip;

bn_status bn_zip_open(const uint8_t *bytes, size_t size, bn_zip *zip, bn_error *err);
void bn_zip_close(bn_zip *zip);

const bn_zip_file *bn_zip_find(const bn_zip *zip, const char *name,
                               size_t length); /* NULL if there is none */

#endif
