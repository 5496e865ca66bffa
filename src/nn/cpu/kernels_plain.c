/* kernels_plain.c - every kernel in plain C: the definition that the vector versions are tested against. */
#include "nn/cpu/kernels_impl.h"

#include "base/size.h"
#include "nn/cpu/bf16.h"
#define LANES 4 /* for the peak only: what every 64-bit CPU has */
#include "nn/cpu/vector.h"
#include "nn/cpu/peak_vector.h"

#include <math.h>

static float load(const void *base, bn_type type, ptrdiff_t index)
{
    return type == BN_BF16 ? bn_bf16_widen(((const uint16_t *)base)[index]) : ((const float *)base)[index];
}

static void store(void *base, bn_type type, ptrdiff_t index, float value)
{
    if (type == BN_BF16)
        ((uint16_t *)base)[index] = bn_bf16_round(value);
    else
        ((float *)base)[index] = value;
}

static const void *at(const void *base, bn_type type, ptrdiff_t element)
{
    return (const char *)base + element * (ptrdiff_t)bn_type_size(type);
}

static float gelu(float x)
{
    return 0.5f * x * (1.0f + erff(x * 0.70710678f));
}

static void layer_norm(const bn_norm_job *job)
{
    for (ptrdiff_t row = 0; row < job->rows; row++) {
        const float *in = job->in + row * job->in_stride;
        double sum = 0, squares = 0;
        for (int c = 0; c < job->c; c++) sum += in[c];
        const double mean = sum / job->c;
        for (int c = 0; c < job->c; c++) squares += (in[c] - mean) * (in[c] - mean);
        const float centre = (float)mean, factor = (float)(1 / sqrt(squares / job->c + (double)job->eps));
        for (int c = 0; c < job->c; c++)
            store(job->out, job->out_type, row * job->out_stride + c,
                  (in[c] - centre) * factor * job->gamma[c] + job->beta[c]);
    }
}

static void gather(const bn_gather_job *job)
{
    for (ptrdiff_t i = 0; i < job->count; i++)
        for (int c = 0; c < job->c; c++) {
            const ptrdiff_t to = i * job->out_stride + c;
            float sum = job->add ? load(job->out, job->out_type, to) : 0;
            for (int t = 0; t < job->taps; t++)
                sum += job->weights[t * job->plane + i] *
                       load(job->src, job->src_type, job->pixels[t * job->plane + i] * job->src_stride + c);
            store(job->out, job->out_type, to, sum);
        }
}

static void deform_taps(const bn_deform_job *job)
{
    const int k = job->kernel, taps = k * k;
    for (ptrdiff_t i = 0; i < job->count; i++)
        for (int tap = 0; tap < taps; tap++) {
            const float *offset = job->offsets + i * job->stride + 2 * tap;
            const float y = (float)(job->y + tap / k - k / 2) + offset[0];
            const float x = (float)(job->x + (int)i + tap % k - k / 2) + offset[1];
            const float strength = 2.0f / (1.0f + expf(-job->modulators[i * job->stride + tap]));
            const int inside = y > -1 && x > -1 && y < (float)job->h && x < (float)job->w;
            const int y0 = inside ? (int)floorf(y) : 0, x0 = inside ? (int)floorf(x) : 0;
            const float fy = inside ? y - (float)y0 : 0, fx = inside ? x - (float)x0 : 0;
            for (int corner = 0; corner < 4; corner++) {
                const int cy = y0 + corner / 2, cx = x0 + corner % 2;
                const int valid = inside && cy >= 0 && cx >= 0 && cy < job->h && cx < job->w;
                const float weight = (corner / 2 ? fy : 1 - fy) * (corner % 2 ? fx : 1 - fx) * strength;
                const ptrdiff_t to = corner * job->plane + i * taps + tap;
                job->tap_pixels[to] = valid ? cy * job->w + cx : 0;
                job->tap_weights[to] = valid ? weight : 0;
            }
        }
}

static const void *key_row(const bn_attend_job *job, const void *base, const void *pad, int token)
{
    const int row = job->rows ? job->rows[token] : token;
    return row < 0 ? pad : at(base, job->type, row * job->kv_stride);
}

static void attend(const bn_attend_job *job)
{
    float *scores = job->scratch; /* [keys] */
    for (int i = 0; i < job->queries; i++) {
        const int row = job->rows ? job->rows[i] : i;
        if (row < 0) continue;
        float highest = -INFINITY, sum = 0;
        for (int j = 0; j < job->keys; j++) {
            const void *key = key_row(job, job->k, job->pad_k, j);
            float dot = 0;
            for (int d = 0; d < job->dim; d++)
                dot += load(job->q, job->type, row * job->q_stride + d) * load(key, job->type, d);
            scores[j] = dot * job->scale + (job->bias ? job->bias[i * job->bias_stride + j] : 0);
            if (job->regions && job->regions[i] != job->regions[j]) scores[j] = -INFINITY;
            highest = fmaxf(highest, scores[j]);
        }
        for (int j = 0; j < job->keys; j++) {
            scores[j] = expf(scores[j] - highest);
            sum += scores[j];
        }
        for (int d = 0; d < job->dim; d++) {
            float value = 0;
            for (int j = 0; j < job->keys; j++)
                value += scores[j] * load(key_row(job, job->v, job->pad_v, j), job->type, d);
            store(job->out, job->type, row * job->out_stride + d, value / sum);
        }
    }
}

static void depthwise_gelu(const bn_depthwise_job *job)
{
    for (int y = job->y_begin; y < job->y_end; y++)
        for (int x = 0; x < job->w; x++)
            for (int c = 0; c < job->c; c++) {
                float sum = job->bias[c];
                for (int tap = 0; tap < 9; tap++) {
                    const int sy = y + tap / 3 - 1, sx = x + tap % 3 - 1;
                    if (sy < 0 || sx < 0 || sy >= job->h || sx >= job->w) continue;
                    sum += job->weight[tap * job->c + c] *
                           load(job->in, job->type, ((ptrdiff_t)sy * job->w + sx) * job->c + c);
                }
                store(job->out, job->type, ((ptrdiff_t)y * job->w + x) * job->c + c, gelu(sum));
            }
}

static void gate(const void *in, bn_type type, ptrdiff_t in_stride, int c, const float *weight, float bias,
                 float *out, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        float sum = bias;
        for (int k = 0; k < c; k++) sum += weight[k] * load(in, type, i * in_stride + k);
        out[i] = 1.0f / (1.0f + expf(-sum));
    }
}

static void convert(const float *in, void *out, bn_type type, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++) store(out, type, i, in[i]);
}

static void conv5_row(const float *const rows[5], const float *weight, float *out, ptrdiff_t w)
{
    for (ptrdiff_t x = 2; x < w - 2; x++)
        for (int tap = 0; tap < 25; tap++)
            if (rows[tap / 5]) out[x] += weight[tap] * rows[tap / 5][x + tap % 5 - 2];
}

/* In the order in which panels.h cuts the sum, which is that of the vector versions. */
static void product_block(const bn_product_job *job, bn_panel_block block, int row)
{
    const bn_panels *p = &job->panels;
    float *dst = job->dst + row * job->dst_stride;
    for (int o = 0; o < p->out; o++) {
        const float *weight = job->weight + bn_panel_offset(p, block, o / p->columns) + o % p->columns;
        float sum = 0;
        for (int tap = block.tap; tap < block.tap + block.taps; tap++)
            for (int i = block.first; i < block.first + block.in; i++, weight += p->columns)
                sum += job->rows[tap * job->plane + row][i] * *weight;
        if (block.start) sum += job->bias[o];
        if (!block.start || job->add) sum += dst[o];
        if (block.end && job->activation == BN_RELU) sum = sum < 0 ? 0 : sum;
        if (block.end && job->activation == BN_GELU) sum = gelu(sum);
        dst[o] = sum;
    }
}

static void product(const bn_product_job *job)
{
    const bn_panels *p = &job->panels;
    for (bn_panel_block block = bn_panel_first(p); block.in > 0; block = bn_panel_next(p, block))
        for (int row = 0; row < job->count; row++) product_block(job, block, row);
}

const bn_kernels bn_kernels_plain = {
    .name = "plain",
    .layer_norm = layer_norm,
    .gather = gather,
    .deform_taps = deform_taps,
    .attend_f32 = attend,
    .attend_bf16 = attend,
    .depthwise_gelu = depthwise_gelu,
    .gate = gate,
    .convert = convert,
    .conv5_row = conv5_row,
    .product = product,
    .product_columns = 16,
    .peak_f32 = PEAK_F32,
};
