/* json.h - the one door for JSON, wherever it comes from: its shape is measured before a value of it is made. */
#ifndef BN_SCHEMA_JSON_H
#define BN_SCHEMA_JSON_H

#include <jansson.h>
#include <stddef.h>

#define BN_JSON_DEPTH_MAX 64
#define BN_JSON_SMALL     100      /* values in what has a handful */
#define BN_JSON_OURS      SIZE_MAX /* of what this program has written itself */

/* Any value; NULL where it is none, has more values than that or more levels than BN_JSON_DEPTH_MAX, or a member twice.
 * Whole numbers beyond 64 bits are reals, and with one of them so are all. fault (may be NULL) says why. A value takes a
 * hundred bytes and more. */
json_t *bn_json_read(const char *text, size_t bytes, size_t max_values, json_error_t *fault);

#endif
