/* kernels.h - the loops that are ours: a table of function pointers, filled for the level of the CPU.
 *
 * Every kernel exists as plain C (kernels_plain.c, the definition of what it computes) and as vector code
 * (kernels_vector.h, compiled once per instruction set; attend_bf16.c). tests/nn compares and times them.
 * All strides are in elements. Rows need no alignment. Results do not depend on how work is split into calls. */
#ifndef BN_NN_CPU_KERNELS_H
#define BN_NN_CPU_KERNELS_H

#include "base/cpu.h"
#include "nn/cpu/panels.h"
#include "nn/map.h"
#include "nn/source.h"

/* One head of attention: out[i] = softmax_j(scale * q[i].k[j] + bias[i][j]) . v[j], sums and softmax in float32. */
typedef struct bn_attend_job {
    const void *q, *k, *v; /* rows of `dim` elements of `type` */
    void *out;             /* rows of `dim` elements of `type`; may not overlap q, k, v */
    ptrdiff_t q_stride, kv_stride, out_stride;
    bn_type type;
    int queries, keys, dim;
    /* Row of q, k, v and out for token i, or -1: the token is padding, whose key and value are the rows pad_k and
     * pad_v, and whose output nobody wants. NULL: row i. When given, queries == keys and it holds for both. */
    const int32_t *rows;
    const void *pad_k, *pad_v;
    const float *bias; /* [queries][bias_stride], or NULL */
    ptrdiff_t
        bias_stride; /* >= keys rounded up to 16; the numbers behind `keys` are read but do not matter */
    const uint8_t
        *regions; /* [queries == keys], or NULL: tokens of different regions do not see each other */
    float scale;
    void *scratch; /* bn_attend_scratch_bytes(keys, dim), aligned to 64 */
} bn_attend_job;

/* For each item i < count: out[i] (+)= sum over t < taps of weights[t][i] * src[pixels[t][i]], c elements. */
typedef struct bn_gather_job {
    const void *src;
    ptrdiff_t
        src_stride; /* elements from one pixel of src to the next: maps may have more than 2^31 elements */
    bn_type src_type;
    int c, taps;
    ptrdiff_t count, plane; /* pixels and weights of tap t start at t * plane; plane >= count */
    const int32_t *pixels;
    const float *weights;
    void *out;
    ptrdiff_t out_stride;
    bn_type out_type;
    int add; /* non-zero: add to what out holds */
} bn_gather_job;

/* Where a deformable convolution samples: bilinear taps of `count` neighbouring output pixels of one row. */
typedef struct bn_deform_job {
    const float *offsets;    /* [count][stride]: (dy, dx) for each of kernel^2 taps, pixels */
    const float *modulators; /* [count][stride]: one for each tap, before 2 * sigmoid */
    ptrdiff_t stride;
    int kernel, y, x; /* of the first output pixel; the kernel is centred: padding kernel / 2 */
    int h, w;         /* of the map that is sampled; zero outside */
    ptrdiff_t count;
    int32_t *tap_pixels; /* [4][plane]: corners of item pixel * kernel^2 + tap; plane >= count * kernel^2 */
    float *tap_weights;  /* the same; 0 where the corner is outside */
    ptrdiff_t plane;
} bn_deform_job;

typedef struct bn_norm_job {
    const float *in;
    ptrdiff_t in_stride;
    void *out; /* may be `in` where out_type is BN_F32 and the strides agree */
    ptrdiff_t out_stride;
    bn_type out_type;
    const float *gamma, *beta; /* [c] */
    float eps;
    ptrdiff_t rows;
    int c;
} bn_norm_job;

/* Depthwise 3x3 convolution (zero padding) and GELU, output rows y_begin .. y_end - 1. Dense maps [h][w][c]. */
typedef struct bn_depthwise_job {
    const void *in;
    void *out;
    bn_type type;
    int h, w, c, y_begin, y_end;
    const float *weight; /* [9][c] */
    const float *bias;   /* [c] */
} bn_depthwise_job;

/* A product with packed weights, for a few rows: dst[r][o] = activation(bias[o] + sum over taps t and i < in of
 * rows[t * plane + r][i] * weight[t][i][o]), plus what dst[r][o] held before with `add` (then without activation). */
typedef struct bn_product_job {
    bn_panels panels;         /* taps, in, out, and how weight is laid out */
    const float *const *rows; /* [taps][plane] */
    ptrdiff_t plane;
    int count;           /* rows */
    const float *weight; /* bn_panels_floats */
    const float *bias;   /* [panels.out] */
    float *dst;
    ptrdiff_t dst_stride;
    bool add;
    bn_activation activation;
} bn_product_job;

/* A loop that measures the machine (peak.h): `flops` operations a round. numbers: [14][widest vector], sums and factors. */
typedef struct bn_peak_loop {
    void (*run)(ptrdiff_t rounds, float *numbers);
    int flops;
} bn_peak_loop;

typedef struct bn_kernels {
    const char *name;
    void (*layer_norm)(const bn_norm_job *job);
    void (*gather)(const bn_gather_job *job);
    void (*deform_taps)(const bn_deform_job *job);
    void (*attend_f32)(const bn_attend_job *job);
    void (*attend_bf16)(const bn_attend_job *job);
    void (*depthwise_gelu)(const bn_depthwise_job *job);
    /* out[i] = 1 / (1 + exp(-(dot(in[i], weight) + bias))), in: rows of c elements */
    void (*gate)(const void *in, bn_type type, ptrdiff_t in_stride, int c, const float *weight, float bias,
                 float *out, ptrdiff_t count);
    /* out[i] (type) = in[i] */
    void (*convert)(const float *in, void *out, bn_type type, ptrdiff_t count);
    /* out[x] += sum over 25 taps of weight[tap] * rows[dy][x + dx - 2] for one plane: rows[dy] may be NULL (outside),
     * x runs over 2 .. w - 3 only */
    void (*conv5_row)(const float *const rows[5], const float *weight, float *out, ptrdiff_t w);
    void (*product)(const bn_product_job *job);
    int product_columns;              /* of the panels that it wants */
    bool product_pays;                /* it is faster than the library's */
    bool winograd_pays;               /* so are convolutions of fewer such products (winograd.h) */
    bn_peak_loop peak_f32, peak_bf16; /* the latter's run is NULL where bf16 has no instruction */
} bn_kernels;

/* The table for this level; levels that the build does not know fall back to the next lower one. */
const bn_kernels *bn_kernels_for(bn_isa isa);

/* Where rows outside the image are concerned the caller passes zeros; see bn_attend_job.scratch. */
size_t bn_attend_scratch_bytes(int keys, int dim);

#endif
