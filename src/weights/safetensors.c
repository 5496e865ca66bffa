/* safetensors.c - reads the header of a .safetensors file and checks it to the last byte.
 *
 * Layout: u64 little endian N, N bytes of JSON, then the tensors' bytes back to back. The JSON maps each name to
 * {"dtype", "shape", "data_offsets": [begin, end)} counted from behind the header; "__metadata__" maps strings to
 * strings. As the format demands, tensors must neither overlap nor leave bytes between or behind them. */
#include "weights/table.h"

#include "base/size.h"
#include "weights/json_text.h"

#include <stdlib.h>
#include <string.h>

#define MAX_HEADER_BYTES 100000000u /* the format's own limit */
#define MAX_METADATA     1000       /* each new key is looked for among those before it */

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
    const char *name; /* the table's */
} span;

typedef struct reader {
    const uint8_t *data; /* behind the header */
    size_t size;         /* bytes behind the header */
    bn_weights *weights;
    bn_json_text json; /* which is known to be valid */
    span *spans;
    size_t span_count, span_room;
    bool has_metadata;
} reader;

/* What an entry has said so far; -1: nothing. */
typedef struct entry {
    bn_weight weight; /* its rank and shape */
    int type;         /* of `types` */
    int64_t offsets[2];
} entry;

static bn_status fail_tensor(bn_error *err, const char *name, const char *fault)
{
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "tensor %s: %s", bn_show(name, strlen(name)).text, fault);
}

static bn_status read_shape(bn_json_text *json, const char *name, bn_weight *weight, bn_error *err)
{
    if (bn_json_text_peek(json) != '[') return fail_tensor(err, name, "has no shape");
    if (weight->rank >= 0) return fail_tensor(err, name, "has two shapes");
    bn_json_text_enter(json, '[');
    bool first = true;
    for (weight->rank = 0; bn_json_text_next(json, ']', &first); weight->rank++) {
        if (weight->rank == BN_WEIGHT_MAX_RANK) return fail_tensor(err, name, "has more than 8 dimensions");
        int64_t *size = &weight->shape[weight->rank];
        if (!bn_json_text_whole(json, size) || *size < 0)
            return fail_tensor(err, name, "its shape holds something that is not a size");
    }
    if (!bn_shape_count(weight->rank, weight->shape, &weight->count))
        return fail_tensor(err, name, "its shape has more elements than memory can hold");
    bn_shape_strides(weight->rank, weight->shape, weight->stride);
    return BIREFNET_OK;
}

static bn_status read_type(bn_json_text *json, const char *name, int *type, bn_error *err)
{
    if (bn_json_text_peek(json) != '"' || !bn_json_text_string(json))
        return fail_tensor(err, name, "has no dtype");
    if (*type >= 0) return fail_tensor(err, name, "has two dtypes");
    for (size_t i = 0; i < BN_COUNT(types); i++)
        if (strcmp(types[i].name, json->word) == 0) *type = (int)i;
    return *type >= 0 ? BIREFNET_OK : fail_tensor(err, name, "its dtype is not one of the format");
}

static bn_status read_offsets(bn_json_text *json, const char *name, int64_t offsets[2], bn_error *err)
{
    static const char fault[] = "its data_offsets are not two rising numbers";
    if (bn_json_text_peek(json) != '[' || offsets[1] >= 0) return fail_tensor(err, name, fault);
    bn_json_text_enter(json, '[');
    bool first = true;
    int count = 0;
    for (; bn_json_text_next(json, ']', &first); count++)
        if (count == 2 || !bn_json_text_whole(json, &offsets[count]) || offsets[count] < 0)
            return fail_tensor(err, name, fault);
    return count == 2 && offsets[0] <= offsets[1] ? BIREFNET_OK : fail_tensor(err, name, fault);
}

/* The object behind a tensor's name; keys that the format does not have are passed over. */
static bn_status read_entry(bn_json_text *json, const char *name, entry *to, bn_error *err)
{
    if (bn_json_text_peek(json) != '{') return fail_tensor(err, name, "is not described by an object");
    bn_json_text_enter(json, '{');
    bool first = true;
    while (bn_json_text_next(json, '}', &first)) {
        bn_json_text_key(json);
        if (strcmp(json->word, "dtype") == 0)
            BN_TRY(read_type(json, name, &to->type, err));
        else if (strcmp(json->word, "shape") == 0)
            BN_TRY(read_shape(json, name, &to->weight, err));
        else if (strcmp(json->word, "data_offsets") == 0)
            BN_TRY(read_offsets(json, name, to->offsets, err));
        else
            bn_json_text_skip(json);
    }
    if (to->type < 0) return fail_tensor(err, name, "has no dtype");
    if (to->weight.rank < 0) return fail_tensor(err, name, "has no shape");
    if (to->offsets[1] < 0) return fail_tensor(err, name, "has no data_offsets");
    return BIREFNET_OK;
}

static bn_status add_span(reader *in, span where, bn_error *err)
{
    if (in->span_count == in->span_room) {
        const size_t room = in->span_room ? 2 * in->span_room : 256;
        span *grown = realloc(in->spans, room * sizeof *grown);
        if (!grown) return bn_fail_memory(err, room * sizeof *grown, "the list of tensors");
        in->spans = grown;
        in->span_room = room;
    }
    in->spans[in->span_count++] = where;
    return BIREFNET_OK;
}

static bn_status add_tensor(reader *in, const char *name, entry *from, bn_error *err)
{
    span where = {.begin = (size_t)from->offsets[0], .end = (size_t)from->offsets[1]};
    size_t bytes = 0;
    if (where.end > in->size)
        return bn_fail(
            err, BIREFNET_ERROR_FORMAT,
            "tensor %s ends at byte %zu, but only %zu bytes follow the header: the file is truncated",
            bn_show(name, strlen(name)).text, where.end, in->size);
    if (!bn_size_mul(from->weight.count, types[from->type].bytes, &bytes) || bytes != where.end - where.begin)
        return bn_fail(err, BIREFNET_ERROR_FORMAT,
                       "tensor %s: its type and shape do not make the %zu bytes it claims",
                       bn_show(name, strlen(name)).text, where.end - where.begin);
    from->weight.dtype = types[from->type].dtype;
    from->weight.data = in->data + where.begin;
    BN_TRY(bn_weights_add(in->weights, name, strlen(name), &from->weight, err));
    where.name = in->weights->entries[in->weights->count - 1]->name;
    return add_span(in, where, err);
}

static bn_status read_tensor(reader *in, bn_error *err)
{
    entry read = {.weight.rank = -1, .type = -1, .offsets = {-1, -1}};
    char *name = strdup(in->json.word);
    if (!name) return bn_fail_memory(err, in->json.length + 1, "a tensor's name");
    bn_status status = read_entry(&in->json, name, &read, err);
    if (status == BIREFNET_OK) status = add_tensor(in, name, &read, err);
    free(name);
    return status;
}

static bn_status read_metadata_value(reader *in, bn_error *err)
{
    if (bn_weights_metadata(in->weights, in->json.word) || in->weights->metadata_count == MAX_METADATA)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "__metadata__ has a key twice, or more than %d of them",
                       MAX_METADATA);
    char *key = strdup(in->json.word);
    if (!key) return bn_fail_memory(err, in->json.length + 1, "metadata");
    bn_status status;
    if (bn_json_text_peek(&in->json) != '"')
        status = bn_fail(err, BIREFNET_ERROR_FORMAT, "__metadata__ holds something that is not a string");
    else
        status = bn_json_text_string(&in->json)
                     ? bn_weights_add_metadata(in->weights, key, in->json.word, err)
                     : BIREFNET_ERROR_INTERNAL;
    free(key);
    return status;
}

static bn_status read_metadata(reader *in, bn_error *err)
{
    if (bn_json_text_peek(&in->json) != '{')
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "__metadata__ is not an object");
    if (in->has_metadata) return bn_fail(err, BIREFNET_ERROR_FORMAT, "__metadata__ is there twice");
    in->has_metadata = true;
    bn_json_text_enter(&in->json, '{');
    bool first = true;
    while (bn_json_text_next(&in->json, '}', &first)) {
        bn_json_text_key(&in->json);
        BN_TRY(read_metadata_value(in, err));
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
    if (in->span_count > 0) qsort(in->spans, in->span_count, sizeof *in->spans, compare_spans);
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

static bn_status read_entries(reader *in, bn_error *err)
{
    bool first = true;
    bn_json_text_enter(&in->json, '{');
    while (bn_json_text_next(&in->json, '}', &first)) {
        bn_json_text_key(&in->json);
        BN_TRY(strcmp(in->json.word, "__metadata__") == 0 ? read_metadata(in, err) : read_tensor(in, err));
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
    const char *text = (const char *)bytes + 8, *fault;
    size_t fault_at;
    if (!bn_json_text_is_valid(text, length, &fault_at, &fault))
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "its header is not valid JSON at byte %zu: %s", fault_at,
                       fault);
    if (text[0] != '{') return bn_fail(err, BIREFNET_ERROR_FORMAT, "its header is not a JSON object");
    reader in = {.data = bytes + 8 + length, .size = size - 8 - length, .weights = weights};
    in.json = (bn_json_text){.text = text, .size = length, .word = malloc(length + 1)};
    const bn_status status =
        in.json.word ? read_entries(&in, err) : bn_fail_memory(err, length + 1, "the header's words");
    free(in.spans);
    free(in.json.word);
    return status;
}
