/* product_vector.h - our own matrix product (bn_product_job) over vectors of LANES floats. Included by one file per
 * instruction set behind kernels_vector.h; that file defines TILE_ROWS.
 *
 * TILE_ROWS rows by two vectors of columns are summed in registers at a time. The sums are named variables, made by
 * macros: compilers keep an array of them in memory, which makes it three times slower. */
#include "base/size.h"
#include "nn/cpu/panels.h"

#define COLUMNS       (2 * LANES) /* of a panel */
#define GROUP_COLUMNS 512         /* of panels done together */

/* A few rows and one panel in one block of the sum: out = sum + bias, plus what out holds with `add`. */
typedef struct tile {
    const float *const *rows; /* [taps][plane] */
    ptrdiff_t plane;
    int taps, first, in; /* terms first .. first + in - 1 of each tap */
    bool add;
    const float *weight; /* [taps][in][COLUMNS] */
    const float *bias;   /* [COLUMNS] */
    float *out;          /* [rows][COLUMNS], rows out_stride apart */
    ptrdiff_t out_stride;
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
#define ADD(r)                                                                                               \
    low##r += vf_load(out + (r)*stride);                                                                     \
    high##r += vf_load(out + (r)*stride + LANES);
#define STORE(r)                                                                                             \
    vf_store(out + (r)*stride, low##r + low);                                                                \
    vf_store(out + (r)*stride + LANES, high##r + high);

#define DEFINE_TILE(n)                                                                                       \
    static void tile_##n(const tile *t)                                                                      \
    {                                                                                                        \
        const float *weight = t->weight;                                                                     \
        const ptrdiff_t in = t->in, stride = t->out_stride;                                                  \
        ROWS_##n(SUMS) for (int tap = 0; tap < t->taps; tap++)                                               \
        {                                                                                                    \
            const float *const *rows = t->rows + tap * t->plane;                                             \
            ROWS_##n(START) for (ptrdiff_t k = 0; k < in; k++, weight += COLUMNS)                            \
            {                                                                                                \
                const vf low = vf_load(weight), high = vf_load(weight + LANES);                              \
                ROWS_##n(STEP)                                                                               \
            }                                                                                                \
        }                                                                                                    \
        float *out = t->out;                                                                                 \
        const vf low = vf_load(t->bias), high = vf_load(t->bias + LANES);                                    \
        if (t->add) {                                                                                        \
            ROWS_##n(ADD)                                                                                    \
        }                                                                                                    \
        ROWS_##n(STORE)                                                                                      \
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

static void (*const tiles[TILE_ROWS])(const tile *) = {tile_1,  tile_2, tile_3, tile_4,
                                                       tile_5,  tile_6,
#if TILE_ROWS == 12
                                                       tile_7,  tile_8, tile_9, tile_10,
                                                       tile_11, tile_12
#endif
};

static inline vf activate(vf value, bn_activation activation)
{
    if (activation == BN_RELU) return vf_select(value < vf_set(0), vf_set(0), value); /* NaN stays */
    return vf_gelu(value);
}

static void activate_rows(float *out, ptrdiff_t stride, int rows, bn_activation activation)
{
    for (int r = 0; r < rows; r++, out += stride) {
        vf_store(out, activate(vf_load(out), activation));
        vf_store(out + LANES, activate(vf_load(out + LANES), activation));
    }
}

/* Ask for what the next tile will touch: rows of dst, and a share of the next panel's weights. */
static inline void fetch_ahead(const float *dst, ptrdiff_t stride, int rows, const char *weight, size_t bytes)
{
    for (int r = 0; r < rows; r++) __builtin_prefetch(dst + r * stride, 1);
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(weight + i, 0, 2);
}

/* dst holds `columns` numbers a row, fewer than a panel: by way of a whole tile. */
static void run_narrow(tile t, int rows, bn_activation activation, int columns)
{
    float whole[TILE_ROWS * COLUMNS] = {0}, *dst = t.out;
    const ptrdiff_t stride = t.out_stride;
    const size_t bytes = (size_t)columns * sizeof *dst;
    for (int r = 0; t.add && r < rows; r++) memcpy(whole + r * COLUMNS, dst + r * stride, bytes);
    t.out = whole;
    t.out_stride = COLUMNS;
    tiles[rows - 1](&t);
    if (activation != BN_LINEAR) activate_rows(whole, COLUMNS, rows, activation);
    for (int r = 0; r < rows; r++) memcpy(dst + r * stride, whole + r * COLUMNS, bytes);
}

/* All rows of the job by one panel in one block, a tile at a time, the last two tiles of nearly equal height. */
static void product_panel(const bn_product_job *job, tile t, bn_activation activation, int columns)
{
    const size_t panel_bytes = (size_t)t.taps * (size_t)t.in * COLUMNS * sizeof(float);
    const size_t share = bn_size_round_up(panel_bytes * TILE_ROWS / (size_t)job->count, 64);
    const char *ahead = (const char *)t.weight + panel_bytes;
    for (int left = job->count; left > 0; ahead += share) {
        const int rows = left >= 2 * TILE_ROWS ? TILE_ROWS : left > TILE_ROWS ? (left + 1) / 2 : left;
        fetch_ahead(t.out, t.out_stride, rows, ahead, share);
        if (columns < COLUMNS) {
            run_narrow(t, rows, activation, columns);
        } else {
            tiles[rows - 1](&t);
            if (activation != BN_LINEAR) activate_rows(t.out, t.out_stride, rows, activation);
        }
        t.rows += rows;
        t.out += rows * t.out_stride;
        left -= rows;
    }
}

static void product_block(const bn_product_job *job, bn_panel_block block, int first, int behind)
{
    const bn_panels *p = &job->panels;
    tile t = {.rows = job->rows + block.tap * job->plane,
              .plane = job->plane,
              .taps = block.taps,
              .first = block.first,
              .in = block.in,
              .add = job->add || !block.start,
              .out_stride = job->dst_stride};
    for (int panel = first; panel < behind; panel++) {
        const int column = panel * COLUMNS, columns = BN_MIN(COLUMNS, p->out - column);
        float bias[COLUMNS] = {0};
        if (block.start) memcpy(bias, job->bias + column, (size_t)columns * sizeof *bias);
        t.weight = job->weight + bn_panel_offset(p, block, panel);
        t.bias = bias;
        t.out = job->dst + column;
        product_panel(job, t, block.end ? job->activation : BN_LINEAR, columns);
    }
}

/* Some panels at a time, so that what they have of dst stays in the level-2 cache from block to block. */
static void product(const bn_product_job *job)
{
    const bn_panels *p = &job->panels;
    const int together = GROUP_COLUMNS / COLUMNS;
    for (int first = 0; first < p->count; first += together)
        for (bn_panel_block block = bn_panel_first(p); block.in > 0; block = bn_panel_next(p, block))
            product_block(job, block, first, BN_MIN(first + together, p->count));
}
