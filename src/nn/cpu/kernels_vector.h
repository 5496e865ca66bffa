/* kernels_vector.h - the kernels over vectors of LANES floats. Included by one file per instruction set, which
 * defines LANES and is compiled for that set. */
#include "nn/cpu/attend.h"
#include "nn/cpu/kernels_impl.h"
#include "nn/cpu/vector.h"

#include "nn/cpu/bf16.h"

#include <math.h>
#include <stdbool.h>

static inline float load_one(const void *base, bn_type type, ptrdiff_t index)
{
    return type == BN_BF16 ? bn_bf16_widen(((const uint16_t *)base)[index]) : ((const float *)base)[index];
}

static inline void store_one(void *base, bn_type type, ptrdiff_t index, float value)
{
    if (type == BN_BF16)
        ((uint16_t *)base)[index] = bn_bf16_round(value);
    else
        ((float *)base)[index] = value;
}

static inline vf load_some(const void *base, bn_type type, ptrdiff_t index)
{
    return type == BN_BF16 ? vf_load_bf16((const uint16_t *)base + index)
                           : vf_load((const float *)base + index);
}

static inline void store_some(void *base, bn_type type, ptrdiff_t index, vf value)
{
    if (type == BN_BF16)
        vf_store_bf16((uint16_t *)base + index, value);
    else
        vf_store((float *)base + index, value);
}

/* ---- layer norm -------------------------------------------------------------------------------------------- */

static void layer_norm_row(const float *in, void *out, const bn_norm_job *job)
{
    const int c = job->c, whole = c / LANES * LANES;
    vf sums = vf_set(0);
    float sum = 0;
    for (int i = 0; i < whole; i += LANES) sums += vf_load(in + i);
    for (int i = whole; i < c; i++) sum += in[i];
    const float mean = (vf_sum(sums) + sum) / (float)c;
    vf squares = vf_set(0);
    float square = 0;
    for (int i = 0; i < whole; i += LANES) {
        const vf centred = vf_load(in + i) - mean;
        squares += centred * centred;
    }
    for (int i = whole; i < c; i++) square += (in[i] - mean) * (in[i] - mean);
    const float factor = 1.0f / sqrtf((vf_sum(squares) + square) / (float)c + job->eps);
    for (int i = 0; i < whole; i += LANES)
        store_some(out, job->out_type, i,
                   (vf_load(in + i) - mean) * factor * vf_load(job->gamma + i) + vf_load(job->beta + i));
    for (int i = whole; i < c; i++)
        store_one(out, job->out_type, i, (in[i] - mean) * factor * job->gamma[i] + job->beta[i]);
}

static void layer_norm(const bn_norm_job *job)
{
    for (ptrdiff_t row = 0; row < job->rows; row++)
        layer_norm_row(job->in + row * job->in_stride,
                       (char *)job->out + row * job->out_stride * (ptrdiff_t)bn_type_size(job->out_type),
                       job);
}

/* ---- weighted sums of pixels --------------------------------------------------------------------------------- */

/* VECTORS * LANES channels from channel c on, kept in registers over all taps. */
static inline __attribute__((always_inline)) void gather_block(const bn_gather_job *job, ptrdiff_t i, int c,
                                                               const int vectors, const bn_type type)
{
    vf sum[4];
    const ptrdiff_t to = i * job->out_stride + c;
    for (int v = 0; v < vectors; v++)
        sum[v] = job->add ? load_some(job->out, job->out_type, to + v * LANES) : vf_set(0);
    for (int t = 0; t < job->taps; t++) {
        const float weight = job->weights[t * job->plane + i];
        const ptrdiff_t from = job->pixels[t * job->plane + i] * job->src_stride + c;
        for (int v = 0; v < vectors; v++) sum[v] += weight * load_some(job->src, type, from + v * LANES);
    }
    for (int v = 0; v < vectors; v++) store_some(job->out, job->out_type, to + v * LANES, sum[v]);
}

static inline __attribute__((always_inline)) void gather_items(const bn_gather_job *job, const bn_type type)
{
    for (ptrdiff_t i = 0; i < job->count; i++) {
        int c = 0;
        for (; c + 4 * LANES <= job->c; c += 4 * LANES) gather_block(job, i, c, 4, type);
        for (; c + LANES <= job->c; c += LANES) gather_block(job, i, c, 1, type);
        for (; c < job->c; c++) {
            float sum = job->add ? load_one(job->out, job->out_type, i * job->out_stride + c) : 0;
            for (int t = 0; t < job->taps; t++)
                sum += job->weights[t * job->plane + i] *
                       load_one(job->src, type, job->pixels[t * job->plane + i] * job->src_stride + c);
            store_one(job->out, job->out_type, i * job->out_stride + c, sum);
        }
    }
}

static void gather(const bn_gather_job *job)
{
    if (job->src_type == BN_BF16)
        gather_items(job, BN_BF16);
    else
        gather_items(job, BN_F32);
}

/* ---- deformable sampling ------------------------------------------------------------------------------------- */

static inline vf vf_floor(vf x)
{
    const vf whole = __builtin_convertvector(__builtin_convertvector(x, vi), vf);
    return whole + vf_select(whole > x, vf_set(-1), vf_set(0));
}

/* Corners and weights of LANES samples at (y, x), as bn_deform_job describes them. */
static inline void corners_of(const bn_deform_job *job, vf y, vf x, vf strength, vi pixels[4], vf weight[4])
{
    const vf h = vf_set((float)job->h), w = vf_set((float)job->w), zero = vf_set(0);
    const vi inside = (y > -1.0f) & (x > -1.0f) & (y < h) & (x < w); /* false for NaN */
    y = vf_select(inside, y, zero);
    x = vf_select(inside, x, zero);
    const vf y0 = vf_floor(y), x0 = vf_floor(x);
    const vf fy = y - y0, fx = x - x0;
    for (int corner = 0; corner < 4; corner++) {
        const vf cy = corner / 2 ? y0 + 1.0f : y0, cx = corner % 2 ? x0 + 1.0f : x0;
        const vi valid = inside & (cy >= zero) & (cx >= zero) & (cy < h) & (cx < w);
        const vf share = (corner / 2 ? fy : 1.0f - fy) * (corner % 2 ? fx : 1.0f - fx) * strength;
        const vi pixel = __builtin_convertvector(cy, vi) * job->w + __builtin_convertvector(cx, vi);
        pixels[corner] = pixel & valid;
        weight[corner] = vf_select(valid, share, zero);
    }
}

#define MAX_TAPS 256 /* kernels up to 15 x 15 (model/arch.c), padded to whole vectors */

/* Where the taps of the first pixel stand without offsets. */
typedef struct tap_grid {
    float y[MAX_TAPS], x[MAX_TAPS];
} tap_grid;

static void deform_pixel(const bn_deform_job *job, const tap_grid *grid, ptrdiff_t i)
{
    const int taps = job->kernel * job->kernel;
    const float *offsets = job->offsets + i * job->stride, *modulators = job->modulators + i * job->stride;
    for (int first = 0; first < taps; first += LANES) {
        const int some = taps - first < LANES ? taps - first : LANES;
        float dy[LANES] = {0}, dx[LANES] = {0}, strengths[LANES] = {0};
        for (int lane = 0; lane < some; lane++) {
            dy[lane] = offsets[2 * (first + lane)];
            dx[lane] = offsets[2 * (first + lane) + 1];
            strengths[lane] = modulators[first + lane];
        }
        const vf y = vf_load(grid->y + first) + vf_load(dy),
                 x = (vf_load(grid->x + first) + (float)i) + vf_load(dx);
        const vf strength = 2.0f / (1.0f + vf_exp(-vf_load(strengths)));
        vi pixels[4];
        vf weight[4];
        corners_of(job, y, x, strength, pixels, weight);
        for (int corner = 0; corner < 4; corner++) {
            const ptrdiff_t to = corner * job->plane + i * taps + first;
            if (some == LANES) {
                memcpy(job->tap_pixels + to, &pixels[corner], sizeof pixels[corner]);
                memcpy(job->tap_weights + to, &weight[corner], sizeof weight[corner]);
            } else {
                memcpy(job->tap_pixels + to, &pixels[corner], (size_t)some * sizeof(int32_t));
                memcpy(job->tap_weights + to, &weight[corner], (size_t)some * sizeof(float));
            }
        }
    }
}

static void deform_taps(const bn_deform_job *job)
{
    const int k = job->kernel;
    tap_grid grid;
    if ((k * k + LANES - 1) / LANES * LANES > MAX_TAPS) {
        bn_kernels_plain.deform_taps(job);
        return;
    }
    for (int tap = 0; tap < (k * k + LANES - 1) / LANES * LANES; tap++) {
        grid.y[tap] = (float)(job->y + tap / k - k / 2);
        grid.x[tap] = (float)(job->x + tap % k - k / 2);
    }
    for (ptrdiff_t i = 0; i < job->count; i++) deform_pixel(job, &grid, i);
}

/* ---- the rest ------------------------------------------------------------------------------------------------ */

static void depthwise_gelu(const bn_depthwise_job *job)
{
    const ptrdiff_t c = job->c;
    const ptrdiff_t whole = c / LANES * LANES;
    for (int y = job->y_begin; y < job->y_end; y++)
        for (int x = 0; x < job->w; x++) {
            const ptrdiff_t to = ((ptrdiff_t)y * job->w + x) * c;
            const int y0 = y > 0 ? -1 : 0, y1 = y + 1 < job->h ? 1 : 0, x0 = x > 0 ? -1 : 0,
                      x1 = x + 1 < job->w ? 1 : 0;
            for (ptrdiff_t i = 0; i < whole; i += LANES) {
                vf sum = vf_load(job->bias + i);
                for (int dy = y0; dy <= y1; dy++)
                    for (int dx = x0; dx <= x1; dx++)
                        sum += vf_load(job->weight + (dy * 3 + dx + 4) * c + i) *
                               load_some(job->in, job->type, to + ((ptrdiff_t)dy * job->w + dx) * c + i);
                store_some(job->out, job->type, to + i, vf_gelu(sum));
            }
            for (ptrdiff_t i = whole; i < c; i++) {
                float sum = job->bias[i];
                for (int dy = y0; dy <= y1; dy++)
                    for (int dx = x0; dx <= x1; dx++)
                        sum += job->weight[(dy * 3 + dx + 4) * c + i] *
                               load_one(job->in, job->type, to + ((ptrdiff_t)dy * job->w + dx) * c + i);
                store_one(job->out, job->type, to + i, 0.5f * sum * (1.0f + erff(sum * 0.70710678f)));
            }
        }
}

static void gate(const void *in, bn_type type, ptrdiff_t in_stride, int c, const float *weight, float bias,
                 float *out, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        vf sums = vf_set(0);
        int k = 0;
        for (; k + LANES <= c; k += LANES)
            sums += vf_load(weight + k) * load_some(in, type, i * in_stride + k);
        float sum = vf_sum(sums) + bias;
        for (; k < c; k++) sum += weight[k] * load_one(in, type, i * in_stride + k);
        out[i] = sum;
    }
    ptrdiff_t i = 0;
    for (; i + LANES <= count; i += LANES) vf_store(out + i, 1.0f / (1.0f + vf_exp(-vf_load(out + i))));
    for (; i < count; i++) out[i] = 1.0f / (1.0f + vf_exp(vf_set(-out[i]))[0]);
}

static void convert(const float *in, void *out, bn_type type, ptrdiff_t count)
{
    ptrdiff_t i = 0;
    for (; i + LANES <= count; i += LANES) store_some(out, type, i, vf_load(in + i));
    for (; i < count; i++) store_one(out, type, i, in[i]);
}

static void conv5_row(const float *const rows[5], const float *weight, float *out, ptrdiff_t w)
{
    ptrdiff_t x = 2;
    for (; x + LANES <= w - 2; x += LANES) {
        vf sum = vf_load(out + x);
        for (int dy = 0; dy < 5; dy++)
            for (int dx = 0; rows[dy] && dx < 5; dx++)
                sum += weight[dy * 5 + dx] * vf_load(rows[dy] + x + dx - 2);
        vf_store(out + x, sum);
    }
    for (; x < w - 2; x++)
        for (int tap = 0; tap < 25; tap++)
            if (rows[tap / 5]) out[x] += weight[tap] * rows[tap / 5][x + tap % 5 - 2];
}

/* The table of these kernels; attention in bf16 needs instructions of its own (NULL: there is none). */
#define VECTOR_TABLE(table_name, bf16_attention)                                                             \
    {                                                                                                        \
        .name = table_name, .layer_norm = layer_norm, .gather = gather, .deform_taps = deform_taps,          \
        .attend_f32 = attend_f32, .attend_bf16 = bf16_attention, .depthwise_gelu = depthwise_gelu,           \
        .gate = gate, .convert = convert, .conv5_row = conv5_row, .product = product,                        \
        .product_columns = COLUMNS, .product_pays = PRODUCT_PAYS, .winograd_pays = true,                     \
        .peak_f32 = PEAK_F32, .peak_bf16 = PEAK_BF16,                                                        \
    }
