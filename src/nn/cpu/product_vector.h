/* product_vector.h - our own matrix product (bn_product_job) over vectors of LANES floats. Included by one file per
 * instruction set behind kernels_vector.h; that file defines TILE_ROWS.
 *
 * TILE_ROWS rows by two vectors of columns are summed in registers at a time. The sums are named variables, made by
 * macros: compilers keep an array of them in memory, which makes it three times slower. */
#include "nn/cpu/panels.h"

#define COLUMNS (2 * LANES) /* of a panel */

/* A few rows and one panel in one block of the sum. */
typedef struct tile {
    const float *const *rows; /* [taps][plane] */
    ptrdiff_t plane;
    int taps, first, in;             /* terms first .. first + in - 1 of each tap */
    const float *weight;             /* [taps][in][COLUMNS] */
    float sums[TILE_ROWS * COLUMNS]; /* out */
} tile;

#define ROWS_1(X)  X(0)
#define ROWS_2(X)  ROWS_1(X) X(1)
#define ROWS_3(X)  ROWS_2(X) X(2)
#define ROWS_4(X)  ROWS_3(X) X(3)
#define ROWS_5(X)  ROWS_4(X) X(4)
#define ROWS_6(X)  ROWS_5(X) X(5)
#define ROWS_7(X)  ROWS_6(X) X(6)
#define ROWS_8(X)  ROWS_7(X) X(7)
#define ROWS_9(X)  ROWS_8(X) X(8)
#define ROWS_10(X) ROWS_9(X) X(9)
#define ROWS_11(X) ROWS_10(X) X(10)
#define ROWS_12(X) ROWS_11(X) X(11)

#define SUMS(r)  vf low##r = vf_set(0), high##r = vf_set(0);
#define START(r) const float *x##r = rows[r] + t->first;
#define STEP(r)                                                                                              \
    low##r += x##r[k] * low;                                                                                 \
    high##r += x##r[k] * high;
#define KEEP(r)                                                                                              \
    vf_store(t->sums + (r)*COLUMNS, low##r);                                                                 \
    vf_store(t->sums + (r)*COLUMNS + LANES, high##r);

#define DEFINE_TILE(n)                                                                                       \
    static void tile_##n(tile *t)                                                                            \
    {                                                                                                        \
        const float *weight = t->weight;                                                                     \
        const ptrdiff_t in = t->in;                                                                          \
        ROWS_##n(SUMS) for (int tap = 0; tap < t->taps; tap++)                                               \
        {                                                                                                    \
            const float *const *rows = t->rows + tap * t->plane;                                             \
            ROWS_##n(START) for (ptrdiff_t k = 0; k < in; k++, weight += COLUMNS)                            \
            {                                                                                                \
                const vf low = vf_load(weight), high = vf_load(weight + LANES);                              \
                ROWS_##n(STEP)                                                                               \
            }                                                                                                \
        }                                                                                                    \
        ROWS_##n(KEEP)                                                                                       \
    }

DEFINE_TILE(1)
DEFINE_TILE(2)
DEFINE_TILE(3)
DEFINE_TILE(4)
DEFINE_TILE(5)
DEFINE_TILE(6)
#if TILE_ROWS == 12
DEFINE_TILE(7)
DEFINE_TILE(8)
DEFINE_TILE(9)
DEFINE_TILE(10)
DEFINE_TILE(11)
DEFINE_TILE(12)
#endif

static void (*const tiles[TILE_ROWS])(tile *) = {tile_1,  tile_2, tile_3, tile_4,
                                                 tile_5,  tile_6,
#if TILE_ROWS == 12
                                                 tile_7,  tile_8, tile_9, tile_10,
                                                 tile_11, tile_12
#endif
};

/* What a block adds to the result, and whether it is the sum's first or last. */
typedef struct finish {
    const float *bias; /* of the panel's columns; NULL: not the first block */
    bool add;          /* to what dst holds */
    bn_activation activation;
} finish;

static inline vf activate(vf value, bn_activation activation)
{
    if (activation == BN_RELU) return vf_select(value < vf_set(0), vf_set(0), value); /* NaN stays */
    if (activation == BN_GELU) return vf_gelu(value);
    return value;
}

static inline __attribute__((always_inline)) void finish_row(const float *sums, const finish *f, float *dst,
                                                             const int vectors)
{
    for (int i = 0; i < vectors * LANES; i += LANES) {
        vf value = vf_load(sums + i);
        if (f->bias) value += vf_load(f->bias + i);
        if (f->add) value += vf_load(dst + i);
        vf_store(dst + i, activate(value, f->activation));
    }
}

/* dst holds `columns` numbers, fewer than a panel has. */
static void finish_part(const float *sums, const finish *f, float *dst, int columns)
{
    float row[COLUMNS] = {0}, bias[COLUMNS] = {0};
    finish some = *f;
    if (f->add) memcpy(row, dst, (size_t)columns * sizeof *row);
    if (f->bias) some.bias = memcpy(bias, f->bias, (size_t)columns * sizeof *bias);
    finish_row(sums, &some, row, 2);
    memcpy(dst, row, (size_t)columns * sizeof *row);
}

/* Ask for what the next tile will touch: rows of dst, and a share of the next panel's weights. */
static inline void fetch_ahead(const float *dst, ptrdiff_t stride, int rows, const char *weight, size_t bytes)
{
    for (int r = 0; r < rows; r++) __builtin_prefetch(dst + r * stride, 1);
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(weight + i, 0, 2);
}

/* All rows of the job by one panel in one block: rows a tile at a time, the last two tiles of nearly equal height. */
static void product_panel(const bn_product_job *job, tile *t, const finish *f, int column)
{
    const int columns = job->panels.out - column;
    const size_t panel_bytes = (size_t)t->taps * (size_t)t->in * COLUMNS * sizeof(float);
    const size_t share = (panel_bytes * TILE_ROWS / (size_t)job->count + 63) / 64 * 64;
    size_t ahead = 0;
    for (int row = 0, left = job->count; left > 0;) {
        const int rows = left >= 2 * TILE_ROWS ? TILE_ROWS : left > TILE_ROWS ? (left + 1) / 2 : left;
        const float *const *all = t->rows;
        t->rows = all + row;
        fetch_ahead(job->dst + row * job->dst_stride + column, job->dst_stride, rows,
                    (const char *)t->weight + panel_bytes + ahead, share);
        ahead += share;
        tiles[rows - 1](t);
        t->rows = all;
        for (int r = 0; r < rows; r++) {
            float *dst = job->dst + (row + r) * job->dst_stride + column;
            if (columns >= COLUMNS)
                finish_row(t->sums + r * COLUMNS, f, dst, 2);
            else
                finish_part(t->sums + r * COLUMNS, f, dst, columns);
        }
        row += rows;
        left -= rows;
    }
}

static void product_block(const bn_product_job *job, bn_panel_block block)
{
    const bn_panels *p = &job->panels;
    tile t = {.rows = job->rows + block.tap * job->plane,
              .plane = job->plane,
              .taps = block.taps,
              .first = block.first,
              .in = block.in};
    finish f = {.add = block.start ? job->add : true, .activation = block.end ? job->activation : BN_LINEAR};
    for (int panel = 0; panel < p->count; panel++) {
        t.weight = job->weight + bn_panel_offset(p, block, panel);
        f.bias = block.start ? job->bias + panel * COLUMNS : NULL;
        product_panel(job, &t, &f, panel * COLUMNS);
    }
}

static void product(const bn_product_job *job)
{
    for (bn_panel_block block = bn_panel_first(&job->panels); block.in > 0;
         block = bn_panel_next(&job->panels, block))
        product_block(job, block);
}
