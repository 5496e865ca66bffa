/* json.c - see json.h. */
#include "schema/json.h"

#include "base/size.h"
#include "schema/shape.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Whole numbers beyond 64 bits are rounded, as many readers do, and all others of such a text become reals with
 * them: nobody's seed or hash that is passed over should be the end of his request. */
static json_t *load(const char *text, size_t bytes, json_error_t *fault)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    json_t *value = json_loadb(text, bytes, flags, fault);
    if (value || json_error_code(fault) != json_error_numeric_overflow) return value;
    return json_loadb(text, bytes, flags | JSON_DECODE_INT_AS_REAL, fault);
}

json_t *bn_json_read(const char *text, size_t bytes, size_t max_values, json_error_t *fault)
{
    size_t at = 0;
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, bytes -= 3; /* a byte order mark */
    json_error_t unread;
    if (bn_shape_fits(text, bytes, max_values, BN_JSON_DEPTH_MAX, &at))
        return load(text, bytes, fault ? fault : &unread);
    if (!fault) return NULL;
    *fault = (json_error_t){.position = (int)BN_MIN(at, (size_t)INT_MAX)};
    snprintf(fault->text, sizeof fault->text, "more than %zu values or %d levels", max_values,
             BN_JSON_DEPTH_MAX);
    return NULL;
}
