/* foreground_kernels.c - running sums and the blur-fusion formula, row by row, written so that compilers
 * vectorise.
 *
 * Compiled as it is for any CPU; foreground_kernels_avx512.c includes it for more, and foreground_kernels_avx2.c what it
 * has no shuffles of its own for, and for the ends of rows.
 *
 * The formula, for colours and alpha between 0 and 1, box() the mean over a box:
 *   F' = box(F * alpha) / (box(alpha) + 1e-5),  B' = box(B * (1 - alpha)) / (1 - box(alpha) + 1e-5)
 *   estimate = F' + alpha * (I - alpha * F' - (1 - alpha) * B'), clamped */
#include "pixels/foreground_kernels.h"

#include "base/size.h"

#ifndef KERNELS
#    define KERNELS bn_foreground_kernels_plain
#endif

#define TINY 1e-5f

/* The functions named ..._from do columns from `begin` on. */
static void slide_wide_from(int begin, int32_t *restrict columns, int width, size_t stride,
                            const uint8_t *restrict rgb_in, const uint8_t *restrict alpha_in,
                            const uint8_t *restrict rgb_out, const uint8_t *restrict alpha_out)
{
    int32_t *restrict alpha = columns;
    for (int x = begin; x < width; x++) alpha[x] += alpha_in[x] - alpha_out[x];
    for (size_t c = 0; c < 3; c++) {
        int32_t *restrict product = columns + (1 + c) * stride, *restrict colour = columns + (4 + c) * stride;
        for (int x = begin; x < width; x++) {
            const int in = rgb_in[3 * x + (int)c], out = rgb_out[3 * x + (int)c];
            product[x] += in * alpha_in[x] - out * alpha_out[x];
            colour[x] += in - out;
        }
    }
}

/* The first columns of a plane, whose boxes reach beyond the left edge; returns the one after them. */
static int sum_wide_begin(const int32_t *in, int width, const int *mirror, int32_t *out)
{
    int32_t sum = 0;
    for (int i = -BN_WIDE_BEFORE; i <= BN_WIDE_AFTER; i++) sum += in[mirror[i]];
    out[0] = sum;
    int x = 1;
    for (; x < BN_MIN(width, BN_WIDE_BEFORE + 1); x++)
        out[x] = sum += in[mirror[x + BN_WIDE_AFTER]] - in[mirror[x - BN_WIDE_BEFORE - 1]];
    return x;
}

static void sum_wide_from(int begin, const int32_t *restrict in, int width, const int *mirror,
                          int32_t *restrict out)
{
    const int inner_end = width - BN_WIDE_AFTER;
    int32_t sum = out[begin - 1];
    /* differences first: they vectorise, and the chain of sums is then one addition long */
    int x = begin;
    for (; x < inner_end; x++) out[x] = in[x + BN_WIDE_AFTER] - in[x - BN_WIDE_BEFORE - 1];
    for (x = begin; x < inner_end; x++) out[x] = sum += out[x];
    for (; x < width; x++) out[x] = sum += in[mirror[x + BN_WIDE_AFTER]] - in[mirror[x - BN_WIDE_BEFORE - 1]];
}

/* All operands between 0 and 1. */
static inline float fuse(float front, float back, float image, float alpha)
{
    const float value = front + alpha * (image - alpha * front - (1 - alpha) * back);
    const float low = value < 0 ? 0 : value;
    return low > 1 ? 1 : low;
}

static void estimate_wide_from(int begin, const int32_t *restrict boxes, int width, size_t stride,
                               const uint8_t *restrict rgb, const uint8_t *restrict alpha,
                               uint16_t *restrict colours)
{
    const int area = (BN_WIDE_BEFORE + 1 + BN_WIDE_AFTER) * (BN_WIDE_BEFORE + 1 + BN_WIDE_AFTER);
    const float alpha_scale = 1.0f / (float)(255 * area), scale = 1.0f / (float)(65025 * area);
    for (size_t c = 0; c < 3; c++) {
        const int32_t *restrict product = boxes + (1 + c) * stride, *restrict colour =
                                                                        boxes + (4 + c) * stride;
        uint16_t *restrict front_out = colours + c * stride, *restrict back_out = colours + (3 + c) * stride;
        for (int x = begin; x < width; x++) {
            const float covered = (float)boxes[x] * alpha_scale,
                        open = (float)(255 * area - boxes[x]) * alpha_scale;
            const float front = (float)product[x] * scale / (covered + TINY);
            const float back = (float)(255 * colour[x] - product[x]) * scale / (open + TINY);
            const float value =
                fuse(front, back, (float)rgb[3 * x + (int)c] / 255.0f, (float)alpha[x] / 255.0f);
            front_out[x] = (uint16_t)(int)(value * 65535 + 0.5f);
            back_out[x] = (uint16_t)(int)(back * 65535 + 0.5f);
        }
    }
}

static void slide_narrow(int32_t *columns, int width, size_t stride, const bn_estimate_row *in,
                         const bn_estimate_row *out)
{
    const uint8_t *restrict alpha_in = in->alpha, *restrict alpha_out = out->alpha;
    int32_t *restrict alpha = columns + BN_NARROW_BEFORE;
    for (int x = 0; x < width; x++) alpha[x] += alpha_in[x] - alpha_out[x];
    for (size_t c = 0; c < 3; c++) {
        int32_t *restrict front = columns + (1 + c) * stride + BN_NARROW_BEFORE;
        int32_t *restrict back = columns + (4 + c) * stride + BN_NARROW_BEFORE;
        const uint16_t *restrict front_in = in->colours + c * stride, *restrict back_in =
                                                                          front_in + 3 * stride;
        const uint16_t *restrict front_out = out->colours + c * stride, *restrict back_out =
                                                                            front_out + 3 * stride;
        for (int x = 0; x < width; x++) {
            front[x] += front_in[x] * alpha_in[x] - front_out[x] * alpha_out[x];
            back[x] += back_in[x] * (255 - alpha_in[x]) - back_out[x] * (255 - alpha_out[x]);
        }
    }
}

static inline int32_t narrow_sum(const int32_t *at)
{
    return ((at[0] + at[1]) + (at[2] + at[3])) + (at[4] + at[5]);
}

static void estimate_narrow_from(int begin, const int32_t *restrict columns, int width, size_t stride,
                                 const uint8_t *restrict rgb, const uint8_t *restrict alpha,
                                 uint8_t *restrict foreground)
{
    const int side = BN_NARROW_BEFORE + 1 + BN_NARROW_AFTER, area = side * side;
    const float alpha_scale = 1.0f / (float)(255 * area), scale = 1.0f / (65535.0f * 255.0f * (float)area);
    for (size_t c = 0; c < 3; c++) {
        const int32_t *restrict product = columns + (1 + c) * stride, *restrict rest =
                                                                          columns + (4 + c) * stride;
        for (int x = begin; x < width; x++) {
            const int32_t sum = narrow_sum(columns + x);
            const float covered = (float)sum * alpha_scale, open = (float)(255 * area - sum) * alpha_scale;
            const float front = (float)narrow_sum(product + x) * scale / (covered + TINY);
            const float back = (float)narrow_sum(rest + x) * scale / (open + TINY);
            const int own = rgb[3 * x + (int)c];
            const float value = fuse(front, back, (float)own / 255.0f, (float)alpha[x] / 255.0f);
            foreground[3 * x + (int)c] = (uint8_t)(int)(value * 255);
        }
    }
}

#ifndef OWN_SHUFFLES
static void slide_wide(int32_t *columns, int width, size_t stride, const uint8_t *rgb_in,
                       const uint8_t *alpha_in, const uint8_t *rgb_out, const uint8_t *alpha_out)
{
    slide_wide_from(0, columns, width, stride, rgb_in, alpha_in, rgb_out, alpha_out);
}

static void sum_wide(const int32_t *columns, int width, size_t stride, const int *mirror, int32_t *boxes)
{
    for (size_t plane = 0; plane < BN_FOREGROUND_SUMS; plane++) {
        const int32_t *in = columns + plane * stride;
        int32_t *out = boxes + plane * stride;
        sum_wide_from(sum_wide_begin(in, width, mirror, out), in, width, mirror, out);
    }
}

static void estimate_wide(const int32_t *boxes, int width, size_t stride, const uint8_t *rgb,
                          const uint8_t *alpha, uint16_t *colours)
{
    estimate_wide_from(0, boxes, width, stride, rgb, alpha, colours);
}

static void estimate_narrow(const int32_t *columns, int width, size_t stride, const uint8_t *rgb,
                            const uint8_t *alpha, uint8_t *foreground)
{
    estimate_narrow_from(0, columns, width, stride, rgb, alpha, foreground);
}

const bn_foreground_kernels KERNELS = {slide_wide, sum_wide, estimate_wide, slide_narrow, estimate_narrow};
#endif
