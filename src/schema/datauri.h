/* datauri.h - data URIs (RFC 2397): reading what clients send, writing what results carry. */
#ifndef BN_SCHEMA_DATAURI_H
#define BN_SCHEMA_DATAURI_H

#include "base/buffer.h"

#include <stdbool.h>

bool bn_is_data_uri(const char *text);

/* Append the bytes of "data:[TYPE][;base64],..." to out, up to its maximum. Base64 may be of the URL alphabet, without
 * padding, and with blanks. FORMAT, LIMIT. */
bn_status bn_data_uri_read(const char *text, bn_buffer *out, bn_error *err);

/* Append "data:TYPE;base64,...". */
bn_status bn_data_uri_write(const char *type, const void *bytes, size_t size, bn_buffer *out, bn_error *err);

#endif
