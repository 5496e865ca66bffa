/* gpu_products.h - what the files of bench_gpu_products share: products, numbers, calls, what is right. */
#ifndef BN_BENCH_GPU_PRODUCTS_H
#define BN_BENCH_GPU_PRODUCTS_H

#include "base/size.h"
#include "gpu/tile_speeds.h"

enum { F32 = 0, F16 = 2, LINEAR = 0, RELU = 1, GELU = 2 };
typedef enum loader { ROWS, TAPS, SAMPLED } loader;

typedef struct product {
    const char *name;
    loader loader;
    int size;   /* of the square map that is filtered; rows otherwise */
    int in;     /* channels of A */
    int out;    /* columns */
    int kernel; /* of a filter */
    int activation, dst_type;
    bool add;
    int times; /* in a picture at 1024, both sizes of the backbone */
} product;

/* Operands as the device has them, too: random, and any product's. */
typedef struct operands {
    uint16_t *a, *w; /* f16 */
    float *bias, *offsets;
    size_t a_count, w_count, bias_count, offset_count;
} operands;

bn_status operands_fill(operands *o, bn_error *err);
void operands_free(operands *o);

int product_rows(const product *p);
int product_depth(const product *p);
int product_dst_stride(const product *p);
int product_offset_stride(const product *p);

/* Places of the result whose values are checked, over dst = 0.5. */
enum { SAMPLES = 24 };
typedef struct sample {
    int row, column;
    double want;
} sample;
void choose_samples(const operands *o, const product *p, sample *samples);

size_t sample_bytes(const product *p, const sample *s); /* offset in dst */
double sample_error(const product *p, const sample *s, const void *got);

/* gpu_products_shapes.c: the products of Swin-L at 1024, and odd ones that a software device can do, with tiles for these. */
extern const product full_products[], tiny_products[];
extern const int full_count, tiny_count;
extern const bn_gpu_tile tiny_tiles[];
extern const int tiny_tile_count;

typedef struct bench {
    bn_gpu *gpu;
    const bn_gpu_facts *facts;
    operands operands;
    size_t dst_bytes, sum_bytes;
    bn_gpu_buffer *a_buffer, *w_buffer, *bias_buffer, *offset_buffer, *dst_buffer, *sum_buffer;
    const bn_gpu_tile *tiles;
    int tile_count;
    double until;
    bool all, is_tiny, speeds;
    const char *only;
    int wrong;
} bench;

typedef struct result {
    double ms;
    int tile, pieces;
} result;

/* gpu_products_calls.c */
bn_gpu_shape shape_of(const product *p);
double tflop(const product *p);
double now_s(void);
bn_gpu_call product_call(const bench *b, const product *p, const bn_gpu_tile *tile, int pieces);
bn_gpu_call sums_call(const bench *b, const product *p, int pieces);

/* ms of the fastest of some runs of `repeats` products. */
bn_status measure(const bench *b, const product *p, result *how, int repeats, int runs, bn_error *err);

/* The worst relative error of samples after one run over dst = 0.5 there. */
bn_status check(const bench *b, const product *p, const result *how, const sample *samples, double *worst,
                bn_error *err);

#endif
