/* gpu_products.h - what the two files of bench_gpu_products share: products, numbers, what is right. */
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

#endif
