/* gpu_products_reference.c - what products of bench_gpu_products must be: random operands, and samples of the result in
 * float64. */
#include "bench/gpu_products.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int product_rows(const product *p)
{
    return p->loader == ROWS ? p->size : p->size * p->size;
}

int product_depth(const product *p)
{
    return p->loader == ROWS ? p->in : p->kernel * p->kernel * p->in;
}

static int weight_stride(const product *p)
{
    return (product_depth(p) + 31) / 32 * 32;
}

int product_dst_stride(const product *p)
{
    return p->out + (p->out % 8 ? 3 : 8);
}

int product_offset_stride(const product *p)
{
    return 3 * p->kernel * p->kernel + 1;
}

/* ---- numbers --------------------------------------------------------------------------------------------------------- */

static uint64_t random_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* f16 of sign, 10 bits of fraction and an exponent of 2^-4 .. 2^-1: any bits will do, and need no conversion. */
static void fill_halves(uint16_t *to, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i += 4) {
        const uint64_t bits = random_next(&seed);
        for (size_t k = 0; k < 4 && i + k < count; k++) {
            const uint16_t sixteen = (uint16_t)(bits >> 16 * k);
            to[i + k] = (uint16_t)((sixteen & 0x83ff) | (11 + (sixteen >> 10 & 3)) << 10);
        }
    }
}

static void fill_floats(float *to, size_t count, float scale, uint64_t seed)
{
    for (size_t i = 0; i < count; i++) to[i] = scale * ((float)(random_next(&seed) >> 40) * 0x1p-23f - 1.0f);
}

static float half_value(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float size = exponent == 0    ? ldexpf((float)fraction, -24)
                       : exponent == 31 ? (fraction ? NAN : INFINITY)
                                        : ldexpf((float)(fraction | 1024), exponent - 25);
    return bits & 0x8000 ? -size : size;
}

bn_status operands_fill(operands *o, bn_error *err)
{
    o->a = malloc(o->a_count * 2), o->w = malloc(o->w_count * 2);
    o->bias = malloc(o->bias_count * 4), o->offsets = malloc(o->offset_count * 4);
    if (!o->a || !o->w || !o->bias || !o->offsets) return bn_fail_memory(err, o->a_count * 2, "numbers");
    fill_halves(o->a, o->a_count, 1);
    fill_halves(o->w, o->w_count, 2);
    fill_floats(o->bias, o->bias_count, 1.0f, 3);
    fill_floats(o->offsets, o->offset_count, 2.0f, 4);
    return BIREFNET_OK;
}

void operands_free(operands *o)
{
    free(o->a), free(o->w), free(o->bias), free(o->offsets);
}

/* ---- what is right ----------------------------------------------------------------------------------------------------- */

static float a_pixel(const operands *o, const product *p, int y, int x, int channel)
{
    if (y < 0 || x < 0 || y >= p->size || x >= p->size) return 0.0f;
    return half_value(o->a[((size_t)y * (size_t)p->size + (size_t)x) * (size_t)p->in + (size_t)channel]);
}

static double sampled(const operands *o, const product *p, int row, int tap, int channel)
{
    const int k = p->kernel;
    const float *offsets = o->offsets + (size_t)row * (size_t)product_offset_stride(p);
    const float y = (float)(row / p->size + tap / k - k / 2) + offsets[2 * tap],
                x = (float)(row % p->size + tap % k - k / 2) + offsets[2 * tap + 1];
    if (!(y > -1 && x > -1 && y < (float)p->size && x < (float)p->size)) return 0.0;
    const float strength = 2.0f / (1.0f + expf(-offsets[2 * k * k + tap])), fy = y - floorf(y),
                fx = x - floorf(x);
    const int y0 = (int)floorf(y), x0 = (int)floorf(x);
    return (double)strength *
           ((1.0 - (double)fy) * ((1.0 - (double)fx) * (double)a_pixel(o, p, y0, x0, channel) +
                                  (double)fx * (double)a_pixel(o, p, y0, x0 + 1, channel)) +
            (double)fy * ((1.0 - (double)fx) * (double)a_pixel(o, p, y0 + 1, x0, channel) +
                          (double)fx * (double)a_pixel(o, p, y0 + 1, x0 + 1, channel)));
}

static double operand(const operands *o, const product *p, int row, int k)
{
    if (p->loader == ROWS) return (double)half_value(o->a[(size_t)row * (size_t)p->in + (size_t)k]);
    const int tap = k / p->in, channel = k % p->in, pad = p->kernel / 2;
    if (p->loader == SAMPLED) return sampled(o, p, row, tap, channel);
    return (double)a_pixel(o, p, row / p->size + tap / p->kernel - pad, row % p->size + tap % p->kernel - pad,
                           channel);
}

static double wanted(const operands *o, const product *p, int row, int column, double old)
{
    double sum = (double)o->bias[column];
    for (int k = 0; k < product_depth(p); k++)
        sum += operand(o, p, row, k) *
               (double)half_value(o->w[(size_t)column * (size_t)weight_stride(p) + (size_t)k]);
    if (p->add) sum += old;
    if (p->activation == RELU) return fmax(sum, 0.0);
    return p->activation == GELU ? 0.5 * sum * (1.0 + erf(sum * M_SQRT1_2)) : sum;
}

/* ---- checking ---------------------------------------------------------------------------------------------------------- */

/* Corners first, the rest anywhere. */
void choose_samples(const operands *o, const product *p, sample *samples)
{
    uint64_t seed = 7;
    for (int i = 0; i < SAMPLES; i++) {
        const int rows = product_rows(p), columns = p->out;
        samples[i].row = i < 4 ? (i & 1) * (rows - 1) : (int)(random_next(&seed) % (uint64_t)rows);
        samples[i].column = i < 4 ? (i >> 1) * (columns - 1) : (int)(random_next(&seed) % (uint64_t)columns);
        samples[i].want = wanted(o, p, samples[i].row, samples[i].column, 0.5);
    }
}

size_t sample_bytes(const product *p, const sample *s)
{
    const size_t at = (size_t)s->row * (size_t)product_dst_stride(p) + (size_t)s->column;
    return at * (p->dst_type == F16 ? 2 : 4);
}

double sample_error(const product *p, const sample *s, const void *got)
{
    float value;
    if (p->dst_type == F16) {
        uint16_t half;
        memcpy(&half, got, sizeof half);
        value = half_value(half);
    } else {
        memcpy(&value, got, sizeof value);
    }
    const double error = fabs((double)value - s->want) / (1.0 + fabs(s->want));
    return isfinite(error) ? error : INFINITY;
}
