/* safetensors.c - reads the header of a .safetensors file and checks it to the last byte.
 *
 * Layout: u64 little endian N, N bytes of JSON, then the tensors' bytes back to back. The JSON maps each name to
 * {"dtype", "shape", "data_offsets": [begin, end)} counted from behind the header; "__metadata__" maps strings to
 * strings. As the format demands, tensors must neither overlap nor leave bytes between or behind them. */
#include "weights/table.h"

#include "base/size.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER_BYTES 100000000u /* the format's own limit */

static const struct {
    const char *name;
    size_t bytes;
    bn_dtype dtype;
} types[] = {
    {"F32", 4, BN_DTYPE_F32},       {"F16", 2, BN_DTYPE_F16},       {"BF16", 2, BN_DTYPE_BF16},
    {"I64", 8, BN_DTYPE_I64},       {"F64", 8, BN_DTYPE_OTHER},     {"I32", 4, BN_DTYPE_OTHER},
    {"I16", 2, BN_DTYPE_OTHER},     {"I8", 1, BN_DTYPE_OTHER},      {"U64", 8, BN_DTYPE_OTHER},
    {"U32", 4, BN_DTYPE_OTHER},     {"U16", 2, BN_DTYPE_OTHER},     {"U8", 1, BN_DTYPE_OTHER},
    {"BOOL", 1, BN_DTYPE_OTHER},    {"F8_E4M3", 1, BN_DTYPE_OTHER}, {"F8_E5M2", 1, BN_DTYPE_OTHER},
    {"F8_E8M0", 1, BN_DTYPE_OTHER}, {"C64", 8, BN_DTYPE_OTHER},
};

/* Where a tensor's bytes lie behind the header: [begin, end). */
typedef struct span {
    size_t begin, end;
    const char *name; /* owned by the JSON */
} span;

typedef struct reader {
    const uint8_t *data; /* behind the header */
    size_t size;         /* bytes behind the header */
    bn_weights *weights;
    span *spans;
    size_t span_count;
} reader;

static bn_status fail_tensor(bn_error *err, const char *name, const char *fault)
{
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "tensor %s: %s", bn_show(name, strlen(name)).text, fault);
}

static bn_status read_shape(const char *name, const json_t *shape, bn_weight *weight, bn_error *err)
{
    if (!json_is_array(shape)) return fail_tensor(err, name, "has no shape");
    if (json_array_size(shape) > BN_WEIGHT_MAX_RANK)
        return fail_tensor(err, name, "has more than 8 dimensions");
    weight->rank = (int)json_array_size(shape);
    for (int i = 0; i < weight->rank; i++) {
        const json_t *size = json_array_get(shape, (size_t)i);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return fail_tensor(err, name, "its shape holds something that is not a size");
        weight->shape[i] = json_integer_value(size);
    }
    if (!bn_shape_count(weight->rank, weight->shape, &weight->count))
        return fail_tensor(err, name, "its shape has more elements than memory can hold");
    bn_shape_strides(weight->rank, weight->shape, weight->stride);
    return BIREFNET_OK;
}

static bn_status read_type(const char *name, const json_t *dtype, bn_weight *weight, size_t *bytes,
                           bn_error *err)
{
    if (!json_is_string(dtype)) return fail_tensor(err, name, "has no dtype");
    for (size_t i = 0; i < BN_COUNT(types); i++) {
        if (strcmp(types[i].name, json_string_value(dtype)) != 0) continue;
        weight->dtype = types[i].dtype;
        *bytes = types[i].bytes;
        return BIREFNET_OK;
    }
    return fail_tensor(err, name, "its dtype is not one of the format");
}

static bn_status read_offsets(const reader *in, const char *name, const json_t *offsets, span *where,
                              bn_error *err)
{
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
        return fail_tensor(err, name, "its data_offsets are not two rising numbers");
    *where = (span){(size_t)json_integer_value(begin), (size_t)json_integer_value(end), name};
    if (where->end > in->size)
        return bn_fail(
            err, BIREFNET_ERROR_FORMAT,
            "tensor %s ends at byte %zu, but only %zu bytes follow the header: the file is truncated",
            bn_show(name, strlen(name)).text, where->end, in->size);
    return BIREFNET_OK;
}

static bn_status read_tensor(reader *in, const char *name, const json_t *entry, bn_error *err)
{
    if (!json_is_object(entry)) return fail_tensor(err, name, "is not described by an object");
    bn_weight weight = {0};
    span where;
    size_t element = 0, bytes = 0;
    BN_TRY(read_type(name, json_object_get(entry, "dtype"), &weight, &element, err));
    BN_TRY(read_shape(name, json_object_get(entry, "shape"), &weight, err));
    BN_TRY(read_offsets(in, name, json_object_get(entry, "data_offsets"), &where, err));
    if (!bn_size_mul(weight.count, element, &bytes) || bytes != where.end - where.begin)
        return bn_fail(err, BIREFNET_ERROR_FORMAT,
                       "tensor %s: its type and shape do not make the %zu bytes it claims",
                       bn_show(name, strlen(name)).text, where.end - where.begin);
    weight.data = in->data + where.begin;
    in->spans[in->span_count++] = where;
    return bn_weights_add(in->weights, name, strlen(name), &weight, err);
}

static bn_status read_metadata(bn_weights *weights, json_t *metadata, bn_error *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "__metadata__ is not an object");
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "__metadata__ holds something that is not a string");
        BN_TRY(bn_weights_add_metadata(weights, key, json_string_value(value), err));
    }
    return BIREFNET_OK;
}

static int compare_spans(const void *left, const void *right)
{
    const span *a = left, *b = right;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

static bn_status check_spans(const reader *in, bn_error *err)
{
    qsort(in->spans, in->span_count, sizeof *in->spans, compare_spans);
    size_t used = 0;
    for (size_t i = 0; i < in->span_count; i++) {
        const span *at = &in->spans[i];
        const bn_shown name = bn_show(at->name, strlen(at->name));
        if (at->begin < used) {
            const char *before = in->spans[i - 1].name;
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "tensors %s and %s overlap",
                           bn_show(before, strlen(before)).text, name.text);
        }
        if (at->begin > used)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "there is a hole of %zu bytes before tensor %s",
                           at->begin - used, name.text);
        used = at->end;
    }
    if (used < in->size)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "%zu bytes behind the last tensor belong to none",
                       in->size - used);
    return BIREFNET_OK;
}

static bn_status read_entries(reader *in, json_t *header, bn_error *err)
{
    const char *name;
    json_t *entry;
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            BN_TRY(read_metadata(in->weights, entry, err));
        else
            BN_TRY(read_tensor(in, name, entry, err));
    }
    return check_spans(in, err);
}

static bn_status check_length(const uint8_t *bytes, size_t size, size_t *length, bn_error *err)
{
    if (size < 8) return bn_fail(err, BIREFNET_ERROR_FORMAT, "is only %zu bytes long", size);
    uint64_t stored = 0;
    for (int i = 7; i >= 0; i--) stored = stored << 8 | bytes[i];
    if (stored > MAX_HEADER_BYTES)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "claims a header of %llu bytes; the format allows %u",
                       (unsigned long long)stored, MAX_HEADER_BYTES);
    if (stored > size - 8)
        return bn_fail(err, BIREFNET_ERROR_FORMAT,
                       "claims a header of %llu bytes, but only %zu follow: the file is truncated",
                       (unsigned long long)stored, size - 8);
    *length = (size_t)stored;
    return BIREFNET_OK;
}

bn_status bn_safetensors_read(const uint8_t *bytes, size_t size, bn_weights *weights, bn_error *err)
{
    size_t length = 0;
    BN_TRY(check_length(bytes, size, &length, err));
    const char *text = (const char *)bytes + 8;
    json_error_t fault;
    json_t *header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault);
    if (!header && (json_error_code(&fault) == json_error_out_of_memory || !fault.text[0]))
        return bn_fail_memory(err, length, "the header"); /* jansson does not always say so */
    if (!header)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "its header is not valid JSON at byte %d: %s",
                       fault.position, bn_show(fault.text, strlen(fault.text)).text);
    bn_status status = BIREFNET_OK;
    reader in = {.data = bytes + 8 + length, .size = size - 8 - length, .weights = weights};
    if (!json_is_object(header) || text[0] != '{')
        status = bn_fail(err, BIREFNET_ERROR_FORMAT, "its header is not a JSON object");
    else if (!(in.spans = calloc(json_object_size(header) + 1, sizeof *in.spans)))
        status = bn_fail_memory(err, json_object_size(header) * sizeof *in.spans, "the list of tensors");
    if (status == BIREFNET_OK) status = read_entries(&in, header, err);
    free(in.spans);
    json_decref(header);
    return status;
}
