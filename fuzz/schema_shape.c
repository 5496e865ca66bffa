/* schema_shape.c - the measure of a JSON text against what the parser makes of it. */
#include "schema/shape.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t depth_of(json_t *value)
{
    size_t deepest = 0, index;
    const char *key;
    json_t *member;
    json_object_foreach(value, key, member) if (depth_of(member) > deepest) deepest = depth_of(member);
    json_array_foreach(value, index, member) if (depth_of(member) > deepest) deepest = depth_of(member);
    return deepest + (json_is_object(value) || json_is_array(value));
}

static size_t count_values(json_t *value)
{
    size_t count = 1, index;
    const char *key;
    json_t *member;
    json_object_foreach(value, key, member) count += count_values(member);
    json_array_foreach(value, index, member) count += count_values(member);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t at = 0;
    if (!bn_shape_fits(text, size, 1000, 12, &at)) {
        if (at >= size) abort();
        return 0;
    }
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (!root) return 0;
    const size_t values = count_values(root), depth = depth_of(root);
    if (values > 1000 || depth > 12) abort();
    if (!bn_shape_fits(text, size, 1000, depth, &at)) abort(); /* the depth is exact */
    if (depth > 0 && bn_shape_fits(text, size, 1000, depth - 1, &at)) abort();
    if (bn_shape_fits(text, size, values - 1, 12, &at)) abort(); /* nothing is overlooked */
    json_decref(root);
    return 0;
}
