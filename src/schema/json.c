/* json.c - see json.h. */
#include "schema/json.h"

#include "base/size.h"
#include "schema/shape.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

json_t *bn_json_read(const char *text, size_t bytes, size_t max_values, json_error_t *fault)
{
    size_t at = 0;
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, bytes -= 3; /* a byte order mark */
    if (bn_shape_fits(text, bytes, max_values, BN_JSON_DEPTH_MAX, &at))
        return json_loadb(text, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, fault);
    if (!fault) return NULL;
    *fault = (json_error_t){.position = (int)BN_MIN(at, (size_t)INT_MAX)};
    snprintf(fault->text, sizeof fault->text, "more than %zu values or %d levels", max_values,
             BN_JSON_DEPTH_MAX);
    return NULL;
}
