/* graph.c - the list of operations, the lives of its buffers and their places in the arena. */
#include "nn/backend.h"

#include "base/size.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARTS 64

/* Bytes of one buffer: what can be addressed, and so little that sums over all buffers do not overflow. */
#define MAX_BUFFER ((size_t)1 << 47)

typedef struct buffer {
    size_t bytes, offset;
    int first, last;         /* operations that touch it; first > last: nobody does */
    bool input, kept, stays; /* stays: where it is, host or device */
    uint8_t *host;           /* where the caller fills or reads it */
} buffer;

typedef struct part {
    const char *name;
    double macs, bytes, last_ms;
    int calls;
    bool is_beside;
} part;

/* A loop of an operation between two meetings of the threads. */
typedef struct loop {
    int part;
    double macs, largest; /* largest: share of the largest piece */
    size_t pieces;
} loop;

struct bn_graph {
    bn_graph_options options; /* whose backend is not NULL */
    void *own;                /* the backend's */
    bn_op **ops;
    size_t op_count, op_room;
    buffer *buffers;
    size_t buffer_count, buffer_room;
    part parts[MAX_PARTS];
    int part_count;
    loop *loops; /* that multiply */
    size_t loop_count, loop_room;
    size_t arena_bytes;
    bn_status status; /* first failure while building */
    bn_error error;
};

bn_status bn_graph_create(const bn_graph_options *options, bn_graph **graph, bn_error *err)
{
    const bn_backend *backend = options->backend ? options->backend : &bn_cpu_backend;
    if (options->batch < 0 || options->batch > backend->pictures)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%d pictures at once on a %s", options->batch,
                       backend->name);
    bn_graph *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "a network");
    made->options = *options;
    made->options.backend = backend;
    made->options.batch = BN_MAX(options->batch, 1);
    *graph = made;
    return BIREFNET_OK;
}

void bn_graph_destroy(bn_graph **graph)
{
    bn_graph *g = *graph;
    if (!g) return;
    for (size_t i = 0; i < g->op_count; i++) {
        if (g->ops[i]->destroy) g->ops[i]->destroy(g->ops[i]);
        free(g->ops[i]);
    }
    g->options.backend->destroy(g);
    free(g->ops);
    free(g->buffers);
    free(g->loops);
    free(g);
    *graph = NULL;
}

/* ---- building -------------------------------------------------------------------------------------------- */

void bn_graph_fail(bn_graph *g, bn_status status, const char *format, ...)
{
    if (g->status != BIREFNET_OK) return;
    va_list args;
    va_start(args, format);
    vsnprintf(g->error.message, sizeof g->error.message, format, args);
    va_end(args);
    g->error.status = g->status = status;
}

void bn_graph_refuse(bn_graph *g, bn_status status, const char *message)
{
    bn_graph_fail(g, status, "%s", message);
}

void bn_graph_set_failed(bn_graph *g, bn_status status)
{
    if (g->status == BIREFNET_OK) g->status = status;
}

bool bn_graph_failed(const bn_graph *g)
{
    return g->status != BIREFNET_OK;
}

bn_error *bn_graph_error(bn_graph *g)
{
    return &g->error;
}

/* Make room for one more element of a growing array; false (and the graph fails) where memory is out. */
static bool grow(bn_graph *g, void **list, size_t count, size_t *room, size_t element_bytes)
{
    if (count < *room) return true;
    const size_t wanted = *room ? *room * 2 : 64;
    void *grown = realloc(*list, wanted * element_bytes);
    if (!grown) {
        bn_graph_fail(g, BIREFNET_ERROR_MEMORY, "cannot allocate %zu bytes for a network",
                      wanted * element_bytes);
        return false;
    }
    *list = grown;
    *room = wanted;
    return true;
}

static int add_buffer(bn_graph *g, size_t bytes)
{
    if (bn_graph_failed(g) ||
        !grow(g, (void **)&g->buffers, g->buffer_count, &g->buffer_room, sizeof *g->buffers))
        return 0;
    g->buffers[g->buffer_count] =
        (buffer){.bytes = bytes * (size_t)g->options.batch, .first = INT_MAX, .last = -1};
    return (int)g->buffer_count++;
}

bn_map bn_graph_map(bn_graph *g, int h, int w, int c, bn_type type)
{
    bn_map map = {.h = h, .w = w, .c = c, .stride = c, .type = type};
    size_t pixels = 0, bytes = 0;
    if (h < 1 || w < 1 || c < 1 || !bn_size_mul((size_t)h, (size_t)w, &pixels) || pixels > INT_MAX ||
        !bn_size_mul(pixels, (size_t)c * bn_type_size(type), &bytes) || bytes > MAX_BUFFER)
        bn_graph_fail(g, BIREFNET_ERROR_LIMIT, "a feature map of %d x %d x %d is too large", h, w, c);
    map.buffer = add_buffer(g, bytes);
    return map;
}

void bn_graph_part(bn_graph *g, const char *name)
{
    if (bn_graph_failed(g)) return;
    if (g->part_count == MAX_PARTS) {
        bn_graph_fail(g, BIREFNET_ERROR_INTERNAL, "more than %d parts in a network", MAX_PARTS);
        return;
    }
    g->parts[g->part_count++] = (part){.name = name};
}

void bn_graph_part_beside(bn_graph *g, const char *name)
{
    bn_graph_part(g, name);
    if (!bn_graph_failed(g)) g->parts[g->part_count - 1].is_beside = g->part_count > 1;
}

void *bn_graph_append(bn_graph *g, size_t size, bn_status (*run)(bn_op *, bn_graph *, bn_error *),
                      void (*destroy)(bn_op *))
{
    if (bn_graph_failed(g) || !grow(g, (void **)&g->ops, g->op_count, &g->op_room, sizeof *g->ops))
        return NULL;
    if (g->part_count == 0) bn_graph_part(g, "network");
    bn_op *op = calloc(1, size);
    if (!op) {
        bn_graph_fail(g, BIREFNET_ERROR_MEMORY, "cannot allocate %zu bytes for a layer", size);
        return NULL;
    }
    *op = (bn_op){.run = run, .destroy = destroy, .part = g->part_count - 1};
    g->ops[g->op_count++] = op;
    return op;
}

static void touch_at(bn_graph *g, bn_map map, int now)
{
    buffer *b = &g->buffers[map.buffer];
    b->first = BN_MIN(b->first, now);
    b->last = BN_MAX(b->last, now);
}

void bn_graph_touch(bn_graph *g, bn_map map)
{
    if (!bn_graph_failed(g)) touch_at(g, map, (int)g->op_count - 1);
}

void bn_graph_input(bn_graph *g, bn_map map)
{
    if (bn_graph_failed(g)) return;
    g->buffers[map.buffer].input = true;
    g->buffers[map.buffer].first = 0;
    g->buffers[map.buffer].last = BN_MAX(g->buffers[map.buffer].last, 0);
}

void bn_graph_keep(bn_graph *g, bn_map map)
{
    if (bn_graph_failed(g)) return;
    g->buffers[map.buffer].kept = true;
    g->buffers[map.buffer].last = INT_MAX;
}

void bn_graph_transfer(bn_graph *g, bn_map map, bool wanted)
{
    if (!bn_graph_failed(g)) g->buffers[map.buffer].stays = !wanted;
}

bn_map bn_graph_scratch(bn_graph *g, size_t bytes)
{
    const bn_map map = {.h = 1, .w = 1, .c = 1, .stride = 1, .type = BN_F32, .buffer = add_buffer(g, bytes)};
    if (bytes > MAX_BUFFER)
        bn_graph_fail(g, BIREFNET_ERROR_LIMIT, "scratch memory of %zu bytes is too much", bytes);
    bn_graph_touch(g, map);
    return map;
}

void bn_graph_work(bn_graph *g, double macs, size_t rows, size_t piece)
{
    if (bn_graph_failed(g) || rows == 0 ||
        !grow(g, (void **)&g->loops, g->loop_count, &g->loop_room, sizeof *g->loops))
        return;
    bn_op *op = g->ops[g->op_count - 1];
    op->macs += macs;
    g->parts[op->part].macs += macs;
    piece = BN_MIN(piece, rows);
    g->loops[g->loop_count++] =
        (loop){op->part, macs, (double)piece / (double)rows, (rows + piece - 1) / piece};
}

void bn_graph_traffic(bn_graph *g, double bytes)
{
    if (bn_graph_failed(g)) return;
    part *p = &g->parts[g->ops[g->op_count - 1]->part];
    p->bytes += bytes;
    p->calls++;
}

/* ---- planning -------------------------------------------------------------------------------------------- */

static int by_size_descending(const void *a, const void *b)
{
    const buffer *left = *(buffer *const *)a, *right = *(buffer *const *)b;
    if (left->bytes != right->bytes) return left->bytes < right->bytes ? 1 : -1;
    return left->first - right->first;
}

/* The lowest offset where `one` fits beside all placed buffers that live at the same time. */
static size_t lowest_offset(const buffer *one, buffer *const *placed, size_t count, size_t align)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            const buffer *other = placed[i];
            const bool together = one->first <= other->last && other->first <= one->last;
            if (!together || offset >= other->offset + other->bytes || other->offset >= offset + one->bytes)
                continue;
            offset = bn_size_round_up(other->offset + other->bytes, align);
            moved = true;
        }
    }
    return offset;
}

/* Greedy by size: large buffers first, each as low as it fits. Quadratic in the few hundred buffers there are. */
static bn_status plan(bn_graph *g, bn_error *err)
{
    buffer **order = calloc(BN_MAX(g->buffer_count, 1), sizeof *order);
    if (!order) return bn_fail_memory(err, g->buffer_count * sizeof *order, "planning memory");
    for (size_t i = 0; i < g->buffer_count; i++) order[i] = &g->buffers[i];
    qsort(order, g->buffer_count, sizeof *order, by_size_descending);
    size_t total = 0;
    for (size_t i = 0; i < g->buffer_count; i++) {
        order[i]->offset = lowest_offset(order[i], order, i, g->options.backend->align_bytes);
        total = BN_MAX(total, order[i]->offset + order[i]->bytes);
    }
    free(order);
    g->arena_bytes = bn_size_round_up(BN_MAX(total, 1), (size_t)1 << 21);
    return BIREFNET_OK;
}

bn_status bn_graph_finish(bn_graph *g, bn_error *err)
{
    if (bn_graph_failed(g)) {
        if (err) *err = g->error;
        return g->status;
    }
    if (g->options.backend->arrange) BN_TRY(g->options.backend->arrange(g, err));
    BN_TRY(plan(g, err));
    return g->options.backend->finish(g, err);
}

/* ---- running --------------------------------------------------------------------------------------------- */

bn_status bn_graph_run(bn_graph *g, bn_graph_progress_fn progress, void *user, bn_error *err)
{
    return g->options.backend->run(g, progress, user, err);
}

void *bn_graph_data(const bn_graph *g, bn_map map)
{
    return g->buffers[map.buffer].host + map.offset * bn_type_size(map.type);
}

/* ---- for the backend ------------------------------------------------------------------------------------- */

const bn_backend *bn_graph_backend(const bn_graph *g)
{
    return g->options.backend;
}

const bn_graph_options *bn_graph_options_of(const bn_graph *g)
{
    return &g->options;
}

void *bn_graph_own(const bn_graph *g)
{
    return g->own;
}

void bn_graph_set_own(bn_graph *g, void *own)
{
    g->own = own;
}

size_t bn_graph_op_count(const bn_graph *g)
{
    return g->op_count;
}

bn_op *bn_graph_op(const bn_graph *g, size_t index)
{
    return g->ops[index];
}

void bn_graph_reorder(bn_graph *g, bn_op *const *order)
{
    memcpy(g->ops, order, g->op_count * sizeof *order);
    for (size_t i = 0; i < g->buffer_count; i++) {
        buffer *b = &g->buffers[i];
        b->first = b->input ? 0 : INT_MAX;
        b->last = b->kept ? INT_MAX : b->input ? 0 : -1;
    }
}

void bn_graph_touch_at(bn_graph *g, bn_map map, size_t op)
{
    touch_at(g, map, (int)op);
}

size_t bn_graph_buffer_count(const bn_graph *g)
{
    return g->buffer_count;
}

bn_graph_place bn_graph_place_of(const bn_graph *g, int index)
{
    const buffer *b = &g->buffers[index];
    return (bn_graph_place){.offset = b->offset,
                            .bytes = b->bytes,
                            .input = b->input,
                            .kept = b->kept,
                            .stays = b->stays,
                            .host = b->host};
}

void bn_graph_set_host(bn_graph *g, int index, void *host)
{
    g->buffers[index].host = host;
}

void bn_graph_clear_times(bn_graph *g)
{
    for (int i = 0; i < g->part_count; i++) g->parts[i].last_ms = 0;
}

void bn_graph_add_time(bn_graph *g, int index, double ms)
{
    g->parts[index].last_ms += ms;
}

/* ---- facts ----------------------------------------------------------------------------------------------- */

bn_type bn_graph_type(const bn_graph *g)
{
    return g->options.type;
}

int bn_graph_threads(const bn_graph *g)
{
    return g->options.threads;
}

double bn_graph_balance(const bn_graph *g, int index, int threads)
{
    const size_t team = (size_t)BN_MAX(threads, 1);
    double work = 0, longest = 0;
    for (size_t i = 0; i < g->loop_count; i++) {
        const loop *l = &g->loops[i];
        if (index >= 0 && l->part != index) continue;
        work += l->macs;
        longest += l->macs * l->largest * (double)((l->pieces + team - 1) / team);
    }
    return work > 0 ? work / ((double)team * longest) : 1;
}

int bn_graph_parts(const bn_graph *g)
{
    return g->part_count;
}

bn_part_stats bn_graph_part_stats(const bn_graph *g, int index)
{
    const part *p = &g->parts[index];
    return (bn_part_stats){.name = p->name,
                           .giga_macs = p->macs * 1e-9,
                           .last_ms = p->last_ms,
                           .is_beside = p->is_beside,
                           .calls = p->calls,
                           .mib = p->bytes / (1 << 20)};
}

size_t bn_graph_arena_bytes(const bn_graph *g)
{
    return g->arena_bytes;
}

double bn_graph_giga_macs(const bn_graph *g)
{
    double macs = 0;
    for (int i = 0; i < g->part_count; i++) macs += g->parts[i].macs;
    return macs * 1e-9;
}
