/* panels.h - how our own products keep their weights: the sum in blocks, the columns in panels.
 *
 * A product sums over `taps` (1, or kernel^2 of a convolution) times `in` numbers. The sum is cut into blocks of at most
 * BN_PANEL_DEPTH terms, so that the panel of a block, [taps of the block][in of the block][columns], stays in the level-1
 * cache while rows pass by. Blocks lie behind each other; each holds the panels of all columns, zero beyond `out`.
 * This is also the order in which every kernel sums; it depends on nothing else. */
#ifndef BN_NN_CPU_PANELS_H
#define BN_NN_CPU_PANELS_H

#include <stdbool.h>
#include <stddef.h>

#define BN_PANEL_DEPTH 256

typedef struct bn_panels {
    int taps, in, out;
    int columns, count;       /* of a panel; panels side by side */
    int block_taps, block_in; /* of a block, fewer in the last one; one of them is 1 or all */
} bn_panels;

/* Terms first .. first + in - 1 of taps tap .. tap + taps - 1. in == 0: behind the last. */
typedef struct bn_panel_block {
    int tap, taps, first, in;
    bool start, end; /* of the sum */
} bn_panel_block;

static inline int bn_ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

static inline bn_panels bn_panels_make(int taps, int in, int out, int columns)
{
    const int parts = bn_ceil_div(in, BN_PANEL_DEPTH), together = parts > 1 ? 1 : BN_PANEL_DEPTH / in;
    return (bn_panels){.taps = taps,
                       .in = in,
                       .out = out,
                       .columns = columns,
                       .count = bn_ceil_div(out, columns),
                       .block_taps = bn_ceil_div(taps, bn_ceil_div(taps, together)),
                       .block_in = bn_ceil_div(in, parts)};
}

static inline size_t bn_panels_floats(const bn_panels *p)
{
    return (size_t)p->taps * (size_t)p->in * (size_t)p->count * (size_t)p->columns;
}

static inline bn_panel_block bn_panel_block_at(const bn_panels *p, int tap, int first)
{
    bn_panel_block block = {.tap = tap, .first = first, .start = tap == 0 && first == 0};
    if (tap >= p->taps) return block;
    block.taps = p->block_taps < p->taps - tap ? p->block_taps : p->taps - tap;
    block.in = p->block_in < p->in - first ? p->block_in : p->in - first;
    block.end = tap + block.taps == p->taps && first + block.in == p->in;
    return block;
}

static inline bn_panel_block bn_panel_first(const bn_panels *p)
{
    return bn_panel_block_at(p, 0, 0);
}

static inline bn_panel_block bn_panel_next(const bn_panels *p, bn_panel_block block)
{
    const bool more = block.first + block.in < p->in;
    return bn_panel_block_at(p, more ? block.tap : block.tap + block.taps, more ? block.first + block.in : 0);
}

/* Where a panel of a block starts, in floats. */
static inline size_t bn_panel_offset(const bn_panels *p, bn_panel_block block, int panel)
{
    const size_t before = (size_t)block.tap * (size_t)p->in + (size_t)block.taps * (size_t)block.first;
    return (before * (size_t)p->count + (size_t)block.taps * (size_t)block.in * (size_t)panel) *
           (size_t)p->columns;
}

#endif
