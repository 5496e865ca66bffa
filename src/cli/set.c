/* set.c - a hash table of strings with linear probing, never more than half full. */
#include "cli/set.h"

#include "base/seeded.h"

#include <stdlib.h>
#include <string.h>

/* The slot that holds key, or the free one where it belongs. */
static size_t find_slot(char *const *slots, size_t capacity, const char *key)
{
    size_t slot = bn_fnv1a64(key, strlen(key)) & (capacity - 1);
    while (slots[slot] && strcmp(slots[slot], key) != 0) slot = (slot + 1) & (capacity - 1);
    return slot;
}

static bn_status grow(bn_set *set, bn_error *err)
{
    const size_t capacity = set->capacity ? set->capacity * 2 : 64;
    char **slots = calloc(capacity, sizeof *slots);
    if (!slots) return bn_fail_memory(err, capacity * sizeof *slots, "a list of names");
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i]) slots[find_slot(slots, capacity, set->slots[i])] = set->slots[i];
    free(set->slots);
    set->slots = slots;
    set->capacity = capacity;
    return BIREFNET_OK;
}

bn_status bn_set_add(bn_set *set, const char *key, bool *added, bn_error *err)
{
    if (2 * (set->count + 1) > set->capacity) BN_TRY(grow(set, err));
    const size_t slot = find_slot(set->slots, set->capacity, key);
    if (added) *added = !set->slots[slot];
    if (set->slots[slot]) return BIREFNET_OK;
    set->slots[slot] = strdup(key);
    if (!set->slots[slot]) return bn_fail_memory(err, strlen(key) + 1, "a name");
    set->count++;
    return BIREFNET_OK;
}

bool bn_set_has(const bn_set *set, const char *key)
{
    return set->capacity > 0 && set->slots[find_slot(set->slots, set->capacity, key)];
}

void bn_set_free(bn_set *set)
{
    for (size_t i = 0; i < set->capacity; i++) free(set->slots[i]);
    free(set->slots);
    *set = (bn_set){0};
}
