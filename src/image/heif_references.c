/* heif_references.c - see heif_references.h. Boxes: ISO/IEC 14496-12, 8.11.12; items that are made of others: 23008-12, 6.6. */
#include "image/heif_references.h"

#include "base/size.h"

#include <stdlib.h>

#define MOST_ITEMS      ((size_t)1 << 16)
#define MOST_REFERENCES ((size_t)1 << 18)
#define MOST_LOOKUPS                                                                                         \
    ((size_t)1 << 22) /* bounds the time: names of boxes may stand in picture data, and in one another */
#define MOST_LEVELS 8 /* files have three: what is turned, of tiles, with alpha */

typedef struct edge {
    uint32_t from, to; /* places in `items` */
} edge;

struct bn_heif_references {
    uint32_t *items; /* ids; sorted, each once, from the first box on */
    edge *edges;
    size_t item_count, item_room, edge_count, edge_room;
    size_t lookups;
    bool sorted;
};

bn_heif_references *bn_heif_references_create(void)
{
    return calloc(1, sizeof(bn_heif_references));
}

void bn_heif_references_destroy(bn_heif_references **references)
{
    if (!*references) return;
    free((*references)->items);
    free((*references)->edges);
    free(*references);
    *references = NULL;
}

static bn_status fail_many(size_t most, bn_error *err)
{
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "a HEIC of more than %zu parts is not read here", most);
}

static bn_status make_room(void **list, size_t *room, size_t count, size_t most, size_t bytes, bn_error *err)
{
    if (count < *room) return BIREFNET_OK;
    if (count >= most) return fail_many(most, err);
    const size_t more = BN_MIN(most, BN_MAX(*room * 2, (size_t)64));
    void *grown = realloc(*list, more * bytes);
    if (!grown) return bn_fail_memory(err, more * bytes, "what a HEIC is made of");
    *list = grown;
    *room = more;
    return BIREFNET_OK;
}

bn_status bn_heif_references_add_item(bn_heif_references *references, uint32_t id, bn_error *err)
{
    BN_TRY(make_room((void **)&references->items, &references->item_room, references->item_count, MOST_ITEMS,
                     sizeof *references->items, err));
    references->items[references->item_count++] = id;
    references->sorted = false;
    return BIREFNET_OK;
}

/* ---- boxes ---- */

static int compare_ids(const void *a, const void *b)
{
    const uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;
    return one < two ? -1 : one > two;
}

static void sort_items(bn_heif_references *references)
{
    size_t kept = 0;
    if (references->sorted || references->item_count == 0) return;
    qsort(references->items, references->item_count, sizeof *references->items, compare_ids);
    for (size_t i = 0; i < references->item_count; i++)
        if (kept == 0 || references->items[i] != references->items[kept - 1])
            references->items[kept++] = references->items[i];
    references->item_count = kept;
    references->sorted = true;
}

static bool find_item(const bn_heif_references *references, uint32_t id, uint32_t *place)
{
    const uint32_t *found =
        references->item_count == 0
            ? NULL
            : bsearch(&id, references->items, references->item_count, sizeof *references->items, compare_ids);
    if (found) *place = (uint32_t)(found - references->items);
    return found != NULL;
}

static uint32_t number_of(const uint8_t *bytes, size_t count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) value = value << 8 | bytes[i];
    return value;
}

static bn_status add_edge(bn_heif_references *references, uint32_t from, uint32_t to, bn_error *err)
{
    BN_TRY(make_room((void **)&references->edges, &references->edge_room, references->edge_count,
                     MOST_REFERENCES, sizeof *references->edges, err));
    references->edges[references->edge_count++] = (edge){from, to};
    return BIREFNET_OK;
}

/* Ids of `bytes` bytes: from, how many (16 bits), to. */
static bn_status add_ids(bn_heif_references *references, const uint8_t *box, size_t size, size_t bytes,
                         bool reversed, bn_error *err)
{
    uint32_t from, to;
    if (size < bytes + 2 || !find_item(references, number_of(box, bytes), &from)) return BIREFNET_OK;
    size_t count = number_of(box + bytes, 2);
    for (size_t at = bytes + 2; count > 0 && at + bytes <= size; at += bytes, count--) {
        if (references->lookups++ == MOST_LOOKUPS) return fail_many(MOST_LOOKUPS, err);
        if (find_item(references, number_of(box + at, bytes), &to))
            BN_TRY(add_edge(references, reversed ? to : from, reversed ? from : to, err));
    }
    return BIREFNET_OK;
}

bn_status bn_heif_references_add_box(bn_heif_references *references, const uint8_t *box, size_t size,
                                     bool reversed, bn_error *err)
{
    sort_items(references);
    BN_TRY(add_ids(references, box, size, 2, reversed, err));
    return add_ids(references, box, size, 4, reversed, err);
}

/* ---- checking ---- */

/* Of each item: how many that are made of it are still to be looked at; then how deep it is made of others, and how many
 * pictures are decoded for it. */
typedef struct sums {
    uint32_t *users, *levels, *ready;
    uint64_t *decodes;
    size_t *first; /* edges of item i: first[i] to first[i + 1] */
} sums;

static int compare_edges(const void *a, const void *b)
{
    return compare_ids(&((const edge *)a)->from, &((const edge *)b)->from);
}

static void sort_edges(bn_heif_references *references, const sums *of)
{
    size_t at = 0;
    qsort(references->edges, references->edge_count, sizeof *references->edges, compare_edges);
    for (size_t i = 0; i <= references->item_count; i++) {
        while (at < references->edge_count && references->edges[at].from < i) at++;
        of->first[i] = at;
    }
    for (size_t i = 0; i < references->edge_count; i++) of->users[references->edges[i].to]++;
}

/* Items in an order in which what uses one stands before it; how many there are: less than all where some use themselves. */
static size_t order(const bn_heif_references *references, const sums *of)
{
    size_t count = 0;
    for (size_t i = 0; i < references->item_count; i++)
        if (of->users[i] == 0) of->ready[count++] = (uint32_t)i;
    for (size_t done = 0; done < count; done++) {
        const size_t item = of->ready[done];
        for (size_t i = of->first[item]; i < of->first[item + 1]; i++) {
            const uint32_t part = references->edges[i].to;
            if (--of->users[part] == 0) of->ready[count++] = part;
        }
    }
    return count;
}

static bn_status check_sums(const bn_heif_references *references, const sums *of, bn_error *err)
{
    if (order(references, of) < references->item_count)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged HEIC: a picture is a part of itself");
    const uint64_t most_decodes = 2 * ((uint64_t)references->edge_count + 1);
    for (size_t i = references->item_count; i-- > 0;) {
        const size_t item = of->ready[i];
        uint64_t decodes = 1;
        uint32_t levels = 1;
        for (size_t k = of->first[item]; k < of->first[item + 1]; k++) {
            const uint32_t part = references->edges[k].to;
            levels = BN_MAX(levels, of->levels[part] + 1);
            decodes = BN_MIN(decodes + of->decodes[part], most_decodes + 1);
        }
        of->levels[item] = levels;
        of->decodes[item] = decodes;
        if (levels > MOST_LEVELS || decodes > most_decodes)
            return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                           "a HEIC of pictures of pictures of pictures is not read here");
    }
    return BIREFNET_OK;
}

bn_status bn_heif_references_check(bn_heif_references *references, bn_error *err)
{
    const size_t items = references->item_count;
    bn_status status;
    sums of = {0};
    if (references->edge_count == 0) return BIREFNET_OK;
    of.users = calloc(items, sizeof *of.users);
    of.levels = calloc(items, sizeof *of.levels);
    of.ready = calloc(items, sizeof *of.ready);
    of.decodes = calloc(items, sizeof *of.decodes);
    of.first = calloc(items + 1, sizeof *of.first);
    if (!of.users || !of.levels || !of.ready || !of.decodes || !of.first) {
        status = bn_fail_memory(err, items * sizeof of, "what a HEIC is made of");
        goto done;
    }
    sort_edges(references, &of);
    status = check_sums(references, &of, err);
done:
    free(of.users);
    free(of.levels);
    free(of.ready);
    free(of.decodes);
    free(of.first);
    return status;
}
