/* table.c - the table of named tensors: adding, finding, closing; seeded tensors. */
#include "weights/table.h"

#include "base/size.h"
#include "base/visible.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bn_status bn_weights_create(bn_weights **weights, bn_error *err)
{
    bn_weights *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "the table of weights");
    *weights = made;
    return BIREFNET_OK;
}

void bn_weights_close(bn_weights **weights)
{
    bn_weights *closing = *weights;
    if (!closing) return;
    for (size_t i = 0; i < closing->count; i++) free(closing->entries[i]);
    for (size_t i = 0; i < 2 * closing->metadata_count; i++) free(closing->metadata[i]);
    free(closing->entries);
    free(closing->by_name);
    free(closing->metadata);
    bn_file_unmap(&closing->mapping);
    free(closing);
    *weights = NULL;
}

static bool strip_prefix(const char **name, size_t *length, const char *prefix)
{
    const size_t bytes = strlen(prefix);
    if (*length <= bytes || memcmp(*name, prefix, bytes) != 0) return false;
    *name += bytes;
    *length -= bytes;
    return true;
}

static bn_status make_room(bn_weights *weights, bn_error *err)
{
    if (weights->count < weights->capacity) return BIREFNET_OK;
    const size_t capacity = weights->capacity ? 2 * weights->capacity : 256,
                 bytes = capacity * sizeof(void *);
    bn_weight_entry **entries = realloc(weights->entries, bytes);
    if (entries) weights->entries = entries;
    bn_weight_entry **by_name = realloc(weights->by_name, bytes);
    if (by_name) weights->by_name = by_name;
    if (!entries || !by_name) return bn_fail_memory(err, bytes, "the table of weights");
    weights->capacity = capacity;
    return BIREFNET_OK;
}

bn_status bn_weights_add(bn_weights *weights, const char *name, size_t name_length, const bn_weight *like,
                         bn_error *err)
{
    /* DataParallel and torch.compile put these in front of every name, in any order and more than once. */
    while (strip_prefix(&name, &name_length, "module.") || strip_prefix(&name, &name_length, "_orig_mod."))
        continue;
    if (name_length == 0 || memchr(name, '\0', name_length))
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "a tensor has an empty name or a zero byte in its name");
    BN_TRY(make_room(weights, err));
    bn_weight_entry *entry = malloc(sizeof *entry + name_length + 1);
    if (!entry) return bn_fail_memory(err, sizeof *entry + name_length + 1, "a tensor's name");
    entry->weight = *like;
    memcpy(entry->name, name, name_length);
    entry->name[name_length] = '\0';
    entry->weight.name = entry->name;
    entry->weight.mapped = weights->mapping.data != NULL;
    weights->entries[weights->count++] = entry;
    return BIREFNET_OK;
}

static int compare_entries(const void *left, const void *right)
{
    const bn_weight_entry *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

bn_status bn_weights_index(bn_weights *weights, bn_error *err)
{
    if (weights->count == 0) return BIREFNET_OK;
    memcpy(weights->by_name, weights->entries, weights->count * sizeof *weights->entries);
    qsort(weights->by_name, weights->count, sizeof *weights->by_name, compare_entries);
    for (size_t i = 1; i < weights->count; i++) {
        const char *name = weights->by_name[i]->name;
        if (strcmp(weights->by_name[i - 1]->name, name) == 0)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "two tensors are named %s",
                           bn_show(name, strlen(name)).text);
    }
    return BIREFNET_OK;
}

/* The first place in by_name whose name is not less. */
static size_t lower_bound(const bn_weights *weights, const char *name)
{
    size_t low = 0, high = weights->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(weights->by_name[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const bn_weight *bn_weights_find(const bn_weights *weights, const char *name)
{
    const size_t place = lower_bound(weights, name);
    if (place == weights->count || strcmp(weights->by_name[place]->name, name) != 0) return NULL;
    return &weights->by_name[place]->weight;
}

size_t bn_weights_count(const bn_weights *weights)
{
    return weights->count;
}

const bn_weight *bn_weights_at(const bn_weights *weights, size_t index)
{
    return index < weights->count ? &weights->entries[index]->weight : NULL;
}

bn_status bn_weights_add_metadata(bn_weights *weights, const char *key, const char *value, bn_error *err)
{
    const size_t bytes = (2 * weights->metadata_count + 2) * sizeof(char *);
    char **grown = realloc(weights->metadata, bytes);
    if (!grown) return bn_fail_memory(err, bytes, "metadata");
    weights->metadata = grown;
    char *key_copy = strdup(key), *value_copy = strdup(value);
    if (!key_copy || !value_copy) {
        free(key_copy);
        free(value_copy);
        return bn_fail_memory(err, strlen(key) + strlen(value) + 2, "metadata");
    }
    grown[2 * weights->metadata_count] = key_copy;
    grown[2 * weights->metadata_count + 1] = value_copy;
    weights->metadata_count++;
    return BIREFNET_OK;
}

const char *bn_weights_metadata(const bn_weights *weights, const char *key)
{
    for (size_t i = 0; i < weights->metadata_count; i++)
        if (strcmp(weights->metadata[2 * i], key) == 0) return weights->metadata[2 * i + 1];
    return NULL;
}

/* ---- seeded tensors ---- */

bn_status bn_weights_create_seeded(uint64_t seed, bn_weights **weights, bn_error *err)
{
    BN_TRY(bn_weights_create(weights, err));
    (*weights)->seeded = true;
    (*weights)->seed = seed;
    return BIREFNET_OK;
}

static bool ends_in(const char *name, const char *leaf)
{
    const char *dot = strrchr(name, '.');
    return strcmp(dot ? dot + 1 : name, leaf) == 0;
}

/* The table of docs/MODEL.md, "Seeded networks": scales that keep activations at order 1. */
static void choose_scale(bn_weight *weight)
{
    const bool offsets = strstr(weight->name, "offset_conv") != NULL;
    weight->offset = 0;
    if (ends_in(weight->name, "running_var")) {
        weight->scale = 0.25f;
        weight->offset = 1;
    } else if (ends_in(weight->name, "running_mean")) {
        weight->scale = 0.1f;
    } else if (ends_in(weight->name, "relative_position_bias_table")) {
        weight->scale = 0.5f;
    } else if (ends_in(weight->name, "bias")) {
        weight->scale = offsets ? 1 : 0.1f;
    } else if (weight->rank == 1) {
        weight->scale = 0.1f;
        weight->offset = 1;
    } else {
        double fan_in = 1;
        for (int i = 1; i < weight->rank; i++) fan_in *= (double)weight->shape[i];
        const double gain = offsets ? 1.5 : strstr(weight->name, "conv_out1") ? 2 : 1;
        weight->scale = (float)(gain * sqrt(3 / fan_in));
    }
}

bn_status bn_weights_add_seeded(bn_weights *weights, const char *name, int rank, const int64_t *shape,
                                bn_error *err)
{
    bn_weight weight = {.dtype = BN_DTYPE_F32, .rank = rank, .seed = weights->seed};
    if (!weights->seeded || rank < 0 || rank > BN_WEIGHT_MAX_RANK ||
        !bn_shape_count(rank, shape, &weight.count))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "a seeded tensor %s of this shape cannot be", name);
    if (bn_weights_find(weights, name))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "there is already a seeded tensor %s", name);
    if (rank > 0) memcpy(weight.shape, shape, (size_t)rank * sizeof *shape);
    bn_shape_strides(rank, shape, weight.stride);
    BN_TRY(bn_weights_add(weights, name, strlen(name), &weight, err));
    bn_weight_entry *entry = weights->entries[--weights->count];
    choose_scale(&entry->weight);
    const size_t place = lower_bound(weights, entry->name);
    memmove(weights->by_name + place + 1, weights->by_name + place,
            (weights->count - place) * sizeof *weights->by_name);
    weights->by_name[place] = entry;
    weights->count++;
    return BIREFNET_OK;
}

/* ---- shapes and names ---- */

bool bn_shape_count(int rank, const int64_t *shape, size_t *count)
{
    size_t product = 1;
    bool fits = true, empty = false;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0) return false;
        if (shape[i] == 0) empty = true;
        fits = fits && bn_size_mul(product, (size_t)shape[i], &product);
    }
    *count = empty ? 0 : product;
    return (fits || empty) && *count <= INT64_MAX;
}

void bn_shape_strides(int rank, const int64_t *shape, int64_t *stride)
{
    uint64_t step = 1; /* unsigned: the shape of an empty tensor may wrap around, and nobody reads with it */
    for (int i = rank - 1; i >= 0; i--) {
        stride[i] = (int64_t)step;
        step *= (uint64_t)shape[i];
    }
}

bn_shown bn_show(const char *name, size_t length)
{
    bn_shown shown;
    const size_t room = sizeof shown.text - 4, used = BN_MIN(length, room);
    if (used) memcpy(shown.text, name, used);
    const size_t visible = bn_make_visible(shown.text, used);
    memcpy(shown.text + visible, length > room ? "..." : "", length > room ? 4 : 1);
    return shown;
}
