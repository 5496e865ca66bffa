/* gpu_products_calls.c - calls of a product in a tile: recorded, timed, and held to what is right. */
#include "bench/gpu_products.h"

#include <math.h>
#include <string.h>
#include <time.h>

double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bn_gpu_shape shape_of(const product *p)
{
    return (bn_gpu_shape){.rows = product_rows(p),
                          .columns = p->out,
                          .depth = product_depth(p),
                          .loader = (int)p->loader,
                          .activation = p->activation,
                          .a_type = F16,
                          .dst_type = p->dst_type,
                          .add = p->add,
                          .aligned = p->out % 8 == 0 && product_dst_stride(p) % 8 == 0};
}

double tflop(const product *p)
{
    return 2e-12 * product_rows(p) * p->out * product_depth(p);
}

/* ---- calls ----------------------------------------------------------------------------------------------------------- */

bn_gpu_call product_call(const bench *b, const product *p, const bn_gpu_tile *tile, int pieces)
{
    const bn_gpu_shape shape = shape_of(p);
    bn_gpu_call call = {.kernel = BN_GPU_MATRIX_PRODUCT,
                        .groups = {1, 1, 1},
                        .span = {{b->a_buffer, 0},
                                 {b->w_buffer, 0},
                                 {pieces > 1 ? NULL : b->bias_buffer, 0},
                                 {pieces > 1 ? b->sum_buffer : b->dst_buffer, 0},
                                 {b->offset_buffer, 0}}};
    const int taps = p->kernel * p->kernel;
    const uint32_t numbers[BN_GPU_NUMBERS] = {(uint32_t)shape.rows,
                                              (uint32_t)shape.columns,
                                              (uint32_t)shape.depth,
                                              (uint32_t)p->in,
                                              (uint32_t)(pieces > 1 ? shape.columns : product_dst_stride(p)),
                                              (uint32_t)pieces,
                                              (uint32_t)p->size,
                                              (uint32_t)p->size,
                                              (uint32_t)p->size,
                                              (uint32_t)p->in,
                                              (uint32_t)(p->kernel | 1 << 8 | p->kernel / 2 << 16),
                                              (uint32_t)product_offset_stride(p),
                                              0,
                                              (uint32_t)(2 * taps)};
    memcpy(call.number, numbers, sizeof numbers);
    bn_gpu_tile_constants(tile, b->facts, &shape, pieces, call.constant);
    bn_gpu_tile_groups(tile, &shape, pieces, call.groups);
    return call;
}

bn_gpu_call sums_call(const bench *b, const product *p, int pieces)
{
    const bn_gpu_shape shape = shape_of(p);
    bn_gpu_call call = {
        .kernel = BN_GPU_SUMS,
        .groups = {(uint32_t)(((size_t)shape.rows * (size_t)shape.columns + 255) / 256), 1, 1},
        .span = {{b->sum_buffer, 0}, {NULL, 0}, {b->bias_buffer, 0}, {b->dst_buffer, 0}},
        .number = {(uint32_t)shape.rows, (uint32_t)shape.columns, 0, 0, (uint32_t)product_dst_stride(p),
                   (uint32_t)pieces}};
    call.constant[5] = (uint32_t)p->activation | (uint32_t)p->dst_type << 8 | (uint32_t)p->add << 16;
    return call;
}

static bn_status record(const bench *b, const product *p, const result *how, int repeats, bn_gpu_list *list,
                        bn_error *err)
{
    const bn_gpu_call call = product_call(b, p, &b->tiles[how->tile], how->pieces),
                      sums = sums_call(b, p, how->pieces);
    BN_TRY(bn_gpu_list_part(list, "product", err));
    for (int i = 0; i < repeats; i++) {
        BN_TRY(bn_gpu_list_call(list, &call, err));
        bn_gpu_list_barrier(list);
        if (how->pieces == 1) continue;
        BN_TRY(bn_gpu_list_call(list, &sums, err));
        bn_gpu_list_barrier(list);
    }
    return bn_gpu_list_end(list, err);
}

bn_status measure(const bench *b, const product *p, result *how, int repeats, int runs, bn_error *err)
{
    bn_gpu_list *list = NULL;
    bn_status status;
    BN_TRY_DONE(bn_gpu_list_create(b->gpu, &list, err));
    BN_TRY_DONE(record(b, p, how, repeats, list, err));
    how->ms = INFINITY;
    for (int i = 0; i < runs; i++) {
        const double start = now_s();
        BN_TRY_DONE(bn_gpu_list_run(list, NULL, NULL, err));
        const double wall = 1e3 * (now_s() - start), ms = bn_gpu_list_part_ms(list, 0);
        how->ms = fmin(how->ms, (ms > 0 ? ms : wall) / repeats);
    }
done:
    bn_gpu_list_destroy(&list);
    return status;
}

/* ---- checking ---------------------------------------------------------------------------------------------------------- */

bn_status check(const bench *b, const product *p, const result *how, const sample *samples, double *worst,
                bn_error *err)
{
    const float single = 0.5f;
    const uint16_t half = 0x3800;
    const size_t bytes = p->dst_type == F16 ? sizeof half : sizeof single;
    const void *old = p->dst_type == F16 ? (const void *)&half : (const void *)&single;
    for (int i = 0; i < SAMPLES; i++)
        BN_TRY(bn_gpu_upload(b->dst_buffer, sample_bytes(p, &samples[i]), old, bytes, err));
    result once = *how;
    BN_TRY(measure(b, p, &once, 1, 1, err));
    *worst = 0;
    for (int i = 0; i < SAMPLES; i++) {
        char got[4];
        BN_TRY(bn_gpu_download(b->dst_buffer, sample_bytes(p, &samples[i]), got, bytes, err));
        *worst = fmax(*worst, sample_error(p, &samples[i], got));
    }
    return BIREFNET_OK;
}
