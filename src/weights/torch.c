/* torch.c - torch's own names in pickles, storages, tensors as views of them, and tables inside of other tables. */
#include "weights/torch.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

enum {               /* ids of listed names; those below 100 are types of storages */
       TENSOR = 100, /* (storage, offset, size, stride, ...) */
       WRAPPED,      /* (tensor, ...) */
       FROM_TYPE,    /* (function, type, arguments of the function, state) */
       OTHER,
};

static const struct {
    bn_dtype dtype;
    size_t bytes;
} storage_types[] = {{BN_DTYPE_F32, 4},   {BN_DTYPE_F16, 2},   {BN_DTYPE_BF16, 2},  {BN_DTYPE_I64, 8},
                     {BN_DTYPE_OTHER, 8}, {BN_DTYPE_OTHER, 4}, {BN_DTYPE_OTHER, 2}, {BN_DTYPE_OTHER, 1}};

static const bn_pickle_global listed[] = {
    {"torch", "FloatStorage", BN_PICKLE_NONE, 0},
    {"torch", "HalfStorage", BN_PICKLE_NONE, 1},
    {"torch", "BFloat16Storage", BN_PICKLE_NONE, 2},
    {"torch", "LongStorage", BN_PICKLE_NONE, 3},
    {"torch", "DoubleStorage", BN_PICKLE_NONE, 4},
    {"torch", "IntStorage", BN_PICKLE_NONE, 5},
    {"torch", "ShortStorage", BN_PICKLE_NONE, 6},
    {"torch", "CharStorage", BN_PICKLE_NONE, 7},
    {"torch", "ByteStorage", BN_PICKLE_NONE, 7},
    {"torch", "BoolStorage", BN_PICKLE_NONE, 7},
    {"torch._utils", "_rebuild_tensor", BN_PICKLE_CALL, TENSOR},
    {"torch._utils", "_rebuild_tensor_v2", BN_PICKLE_CALL, TENSOR},
    {"torch._utils", "_rebuild_parameter", BN_PICKLE_CALL, WRAPPED},
    {"torch._utils", "_rebuild_parameter_with_state", BN_PICKLE_CALL, WRAPPED},
    {"torch._tensor", "_rebuild_from_type_v2", BN_PICKLE_CALL, FROM_TYPE},
    {"collections", "OrderedDict", BN_PICKLE_DICT, OTHER},
    {"torch.nn.parameter", "Parameter", BN_PICKLE_NONE, OTHER},
    {"torch", "Tensor", BN_PICKLE_NONE, OTHER},
    {"torch", "Size", BN_PICKLE_CALL, OTHER},
    {"torch", "device", BN_PICKLE_CALL, OTHER},
    {"torch", "float32", BN_PICKLE_NONE, OTHER},
    {"torch", "float16", BN_PICKLE_NONE, OTHER},
    {"torch", "bfloat16", BN_PICKLE_NONE, OTHER},
    {"torch", "int64", BN_PICKLE_NONE, OTHER},
};

bn_status bn_torch_unpickle(const uint8_t *bytes, size_t size, bn_pickle *pickle, size_t *used, bn_error *err)
{
    return bn_pickle_load(bytes, size, listed, BN_COUNT(listed), pickle, used, err);
}

/* ---- storages ---- */

/* The id is ("storage", type, key, device, count of elements); torch before 1.6 has a sixth value that is None. */
static bool parse_storage(const bn_pickle_node *node, bn_storage *storage)
{
    const bn_pickle_value *id = &node->items[0];
    if (id->kind != BN_PICKLE_TUPLE || id->node->count < 5) return false;
    const bn_pickle_value *parts = id->node->items;
    if (parts[1].kind != BN_PICKLE_GLOBAL || (size_t)parts[1].global->id >= BN_COUNT(storage_types) ||
        parts[2].kind != BN_PICKLE_TEXT || parts[4].kind != BN_PICKLE_INT || parts[4].integer < 0)
        return false;
    if (id->node->count > 5 && parts[5].kind != BN_PICKLE_NONE) return false;
    *storage = (bn_storage){.key = parts[2].text,
                            .key_length = parts[2].length,
                            .dtype = storage_types[parts[1].global->id].dtype,
                            .element_bytes = storage_types[parts[1].global->id].bytes,
                            .count = (size_t)parts[4].integer};
    return true;
}

static int compare_storages(const void *left, const void *right)
{
    const bn_storage *a = left, *b = right;
    const int order = memcmp(a->key, b->key, BN_MIN(a->key_length, b->key_length));
    return order != 0 ? order : (a->key_length > b->key_length) - (a->key_length < b->key_length);
}

/* Views of one storage mention it each: keep one of them. */
static bn_status merge_storages(bn_storages *storages, bn_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < storages->count; i++) {
        const bn_storage *next = &storages->items[i];
        bn_storage *last = kept > 0 ? &storages->items[kept - 1] : NULL;
        if (!last || compare_storages(last, next) != 0)
            storages->items[kept++] = *next;
        else if (last->dtype != next->dtype || last->element_bytes != next->element_bytes ||
                 last->count != next->count)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "describes its storage %s in two ways",
                           bn_show(next->key, next->key_length).text);
    }
    storages->count = kept;
    return BIREFNET_OK;
}

bn_status bn_storages_collect(const bn_pickle *pickle, bn_storages *storages, bn_error *err)
{
    *storages = (bn_storages){0};
    size_t count = 0;
    for (const bn_pickle_node *node = pickle->nodes; node; node = node->next)
        if (node->kind == BN_PICKLE_PERSISTENT) count++;
    if (count == 0) return BIREFNET_OK;
    storages->items = calloc(count, sizeof *storages->items);
    if (!storages->items) return bn_fail_memory(err, count * sizeof *storages->items, "the list of storages");
    bn_status status = BIREFNET_OK;
    for (const bn_pickle_node *node = pickle->nodes; node && status == BIREFNET_OK; node = node->next) {
        if (node->kind != BN_PICKLE_PERSISTENT) continue;
        if (!parse_storage(node, &storages->items[storages->count++]))
            status = bn_fail(err, BIREFNET_ERROR_FORMAT,
                             "its pickle describes a storage in a way that is not known");
    }
    if (status == BIREFNET_OK) {
        qsort(storages->items, storages->count, sizeof *storages->items, compare_storages);
        status = merge_storages(storages, err);
    }
    if (status != BIREFNET_OK) bn_storages_free(storages);
    return status;
}

void bn_storages_free(bn_storages *storages)
{
    free(storages->items);
    *storages = (bn_storages){0};
}

bn_storage *bn_storages_find(const bn_storages *storages, const char *key, size_t key_length)
{
    const bn_storage wanted = {.key = key, .key_length = key_length};
    if (storages->count == 0) return NULL;
    return bsearch(&wanted, storages->items, storages->count, sizeof wanted, compare_storages);
}

/* ---- tensors ---- */

typedef struct arguments {
    const bn_pickle_value *values;
    size_t count;
} arguments;

/* Look through Parameters and subclasses for the tensor itself; false where the value is none. */
static bool unwrap_tensor(const bn_pickle_value *value, arguments *found)
{
    const bn_pickle_global *callee = NULL;
    arguments left = {value, 1};
    for (int depth = 0; depth < 8; depth++) {
        if (!callee) {
            if (left.count < 1 || left.values[0].kind != BN_PICKLE_CALL) return false;
            const bn_pickle_node *call = left.values[0].node;
            callee = call->items[0].global;
            left = (arguments){call->items + 1, call->count - 1u};
        }
        if (callee->id == TENSOR) {
            *found = left;
            return true;
        }
        if (callee->id == FROM_TYPE && left.count >= 3 && left.values[0].kind == BN_PICKLE_GLOBAL &&
            left.values[2].kind == BN_PICKLE_TUPLE) {
            callee = left.values[0].global;
            left = (arguments){left.values[2].node->items, left.values[2].node->count};
        } else if (callee->id == WRAPPED) {
            callee = NULL;
        } else {
            return false;
        }
    }
    return false;
}

/* Element indices offset + sum(at * stride) must stay inside of the storage. */
static bool fits_storage(const bn_weight *weight, int64_t offset, const bn_storage *storage)
{
    size_t last = (size_t)offset, span;
    if (weight->count == 0) return last <= storage->count;
    for (int i = 0; i < weight->rank; i++) {
        if (!bn_size_mul((size_t)(weight->shape[i] - 1), (size_t)weight->stride[i], &span) ||
            !bn_size_add(last, span, &last))
            return false;
    }
    return last < storage->count;
}

static bool read_numbers(const bn_pickle_value *tuple, int rank, int64_t *numbers)
{
    if (tuple->kind != BN_PICKLE_TUPLE || tuple->node->count != (uint32_t)rank) return false;
    for (int i = 0; i < rank; i++) {
        const bn_pickle_value *number = &tuple->node->items[i];
        if (number->kind != BN_PICKLE_INT || number->integer < 0) return false;
        numbers[i] = number->integer;
    }
    return true;
}

static bn_status fail_tensor(bn_error *err, const bn_pickle_value *name, const char *fault)
{
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "tensor %s: %s", bn_show(name->text, name->length).text,
                   fault);
}

static bn_status read_tensor(const bn_pickle_value *name, arguments from, const bn_storages *storages,
                             bn_weights *weights, bn_error *err)
{
    const bn_pickle_value *args = from.values;
    bn_storage parsed;
    if (from.count < 4 || args[0].kind != BN_PICKLE_PERSISTENT || !parse_storage(args[0].node, &parsed) ||
        args[1].kind != BN_PICKLE_INT || args[1].integer < 0 || args[2].kind != BN_PICKLE_TUPLE)
        return fail_tensor(err, name, "is described in a way that is not known");
    const bn_storage *storage = bn_storages_find(storages, parsed.key, parsed.key_length);
    if (!storage || !storage->data) return fail_tensor(err, name, "its bytes are not in the file");
    bn_weight weight = {.dtype = storage->dtype};
    if (args[2].node->count > BN_WEIGHT_MAX_RANK) return fail_tensor(err, name, "has more than 8 dimensions");
    weight.rank = (int)args[2].node->count;
    if (!read_numbers(&args[2], weight.rank, weight.shape) ||
        !read_numbers(&args[3], weight.rank, weight.stride))
        return fail_tensor(err, name, "its shape or strides are not sizes");
    /* A view that repeats elements could claim any size; more elements than the storage has is such a view. */
    if (!bn_shape_count(weight.rank, weight.shape, &weight.count) || weight.count > storage->count)
        return fail_tensor(err, name, "its shape has more elements than its storage");
    if (!fits_storage(&weight, args[1].integer, storage))
        return fail_tensor(err, name, "reaches beyond the end of its storage");
    weight.data = storage->data + (size_t)args[1].integer * storage->element_bytes;
    return bn_weights_add(weights, name->text, name->length, &weight, err);
}

/* ---- tables ---- */

static bool is_named(const bn_pickle_value *name, const char *expected)
{
    return name->kind == BN_PICKLE_TEXT && name->length == strlen(expected) &&
           memcmp(name->text, expected, name->length) == 0;
}

static bool holds_tensors(const bn_pickle_node *table)
{
    arguments ignored;
    for (uint32_t i = 1; i < table->count; i += 2)
        if (unwrap_tensor(&table->items[i], &ignored)) return true;
    return false;
}

/* The table inside of a training checkpoint: one under a usual name, else the only one. */
static const bn_pickle_node *inner_table(const bn_pickle_node *table)
{
    static const char *const usual[] = {"state_dict", "model_state_dict", "model",  "net",
                                        "network",    "module",           "params", "weights"};
    for (size_t k = 0; k < BN_COUNT(usual); k++)
        for (uint32_t i = 0; i + 1 < table->count; i += 2)
            if (is_named(&table->items[i], usual[k]) && table->items[i + 1].kind == BN_PICKLE_DICT)
                return table->items[i + 1].node;
    const bn_pickle_node *only = NULL;
    for (uint32_t i = 1; i < table->count; i += 2) {
        if (table->items[i].kind != BN_PICKLE_DICT) continue;
        if (only) return NULL;
        only = table->items[i].node;
    }
    return only;
}

bn_status bn_torch_read_table(const bn_pickle *pickle, const bn_storages *storages, bn_weights *weights,
                              bn_error *err)
{
    const bn_pickle_node *table = pickle->root.kind == BN_PICKLE_DICT ? pickle->root.node : NULL;
    for (int depth = 0; table && !holds_tensors(table); depth++)
        table = depth < 4 ? inner_table(table) : NULL;
    if (!table) return bn_fail(err, BIREFNET_ERROR_FORMAT, "holds no table of named tensors");
    for (uint32_t i = 0; i + 1 < table->count; i += 2) {
        arguments from;
        if (!unwrap_tensor(&table->items[i + 1], &from)) continue; /* epochs and the like */
        if (table->items[i].kind != BN_PICKLE_TEXT)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "holds a tensor whose name is not text");
        BN_TRY(read_tensor(&table->items[i], from, storages, weights, err));
    }
    return BIREFNET_OK;
}
