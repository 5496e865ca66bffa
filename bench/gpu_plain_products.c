/* gpu_plain_products.c - products of the network on a graphics card without matrix cores: some shapes with every tile, timed by the
 * device. Whether they are right is for tests/gpu/test_product.c.
 *
 *   bench_gpu_plain_products [--device N] [--tiny]
 *
 * --tiny: one picture tile of each, for devices that compute on the CPU. */
#include "bench/gpu_card.h"
#include "gpu/gpu.h"

#include "base/size.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { F32 = 0, F16 = 2, BIAS = 8, RUNS = 3, BYTES = 256 << 20, TINY_BYTES = 1 << 20 };
typedef enum loader { ROWS, TAPS, SAMPLES } loader;

/* Swin-L at 1024; as in product.comp. */
typedef struct product {
    const char *name;
    loader loader;
    uint32_t size, in, out, kernel; /* size: rows, or edge of the square map */
} product;

static const product products[] = {
    {"stage 3 fc1", ROWS, 4096, 768, 3072, 0}, {"stage 3 fc2", ROWS, 4096, 3072, 768, 0},
    {"stage 1 qkv", ROWS, 65536, 192, 576, 0}, {"stage 4 fc2", ROWS, 1024, 6144, 1536, 0},
    {"half 4 proj", ROWS, 256, 1536, 1536, 0}, {"decoder 3x3", TAPS, 64, 1920, 64, 3},
    {"offsets 7x7", TAPS, 256, 64, 160, 7},    {"deform 7x7", SAMPLES, 256, 64, 256, 7},
};
static const product tiny[] = {
    {"rows", ROWS, 128, 64, 128, 0}, {"taps", TAPS, 12, 16, 64, 3}, {"samples", SAMPLES, 12, 16, 64, 3}};
static const uint32_t tiles[][2] = {{128, 128}, {128, 64}, {64, 128}, {64, 64}, {64, 32}, {32, 32}};

typedef struct bench {
    bn_gpu *gpu;
    bn_gpu_buffer *buffer; /* operands and result, one behind the other; zeros and small numbers */
    size_t part;           /* bytes of one of five */
} bench;

static uint32_t depth_of(const product *p)
{
    return p->loader == ROWS ? p->in : p->kernel * p->kernel * p->in;
}

static uint32_t rows_of(const product *p)
{
    return p->loader == ROWS ? p->size : p->size * p->size;
}

static bn_gpu_call call_of(const bench *b, const product *p, const uint32_t tile[2], uint32_t type)
{
    const uint32_t rows = rows_of(p), taps = p->kernel * p->kernel;
    return (bn_gpu_call){.kernel = BN_GPU_PRODUCT,
                         .groups = {(p->out + tile[1] - 1) / tile[1], (rows + tile[0] - 1) / tile[0], 1},
                         .span = {{b->buffer, 0},
                                  {b->buffer, b->part},
                                  {b->buffer, 2 * b->part},
                                  {b->buffer, 3 * b->part},
                                  {b->buffer, 4 * b->part}},
                         .number = {rows, p->out, depth_of(p), p->in, p->out, (depth_of(p) + 31) / 32 * 32,
                                    p->in, p->size, p->size, p->size,
                                    p->kernel | 1u << 8 | p->kernel / 2 << 16 | (uint32_t)BIAS << 24,
                                    3 * taps, 2 * taps << 16},
                         .constant = {type, type, type, p->loader, tile[0], tile[1], 1,
                                      bn_gpu_facts_of(b->gpu)->kind != BN_GPU_SOFTWARE}};
}

static bn_status measure(const bench *b, const bn_gpu_call *call, double *ms, bn_error *err)
{
    bn_gpu_list *list = NULL;
    bn_status status;
    BN_TRY_DONE(bn_gpu_list_create(b->gpu, &list, err));
    BN_TRY_DONE(bn_gpu_list_part(list, "product", err));
    BN_TRY_DONE(bn_gpu_list_call(list, call, err));
    BN_TRY_DONE(bn_gpu_list_end(list, err));
    *ms = 1e30;
    for (int run = 0; run < RUNS; run++) {
        BN_TRY_DONE(bn_gpu_list_run(list, NULL, NULL, err));
        *ms = BN_MIN(*ms, bn_gpu_list_part_ms(list, 0));
    }
done:
    bn_gpu_list_destroy(&list);
    return status;
}

static bn_status run_product(const bench *b, const product *p, bn_error *err)
{
    const double tflop = 2e-12 * rows_of(p) * depth_of(p) * p->out;
    printf("%-12s %6u x %5u x %6u", p->name, rows_of(p), p->out, depth_of(p));
    for (int half = 0; half < 2; half++) {
        printf(half ? "  f16:" : "  f32:");
        for (size_t i = 0; i < BN_COUNT(tiles); i++) {
            const bn_gpu_call call = call_of(b, p, tiles[i], half ? F16 : F32);
            double ms = 0;
            if (tiles[i][1] / 2 >= p->out) continue;
            BN_TRY(measure(b, &call, &ms, err));
            printf(" %ux%u %.3g", tiles[i][0], tiles[i][1], tflop / ms * 1e3);
        }
    }
    printf(" TFLOP/s\n");
    return BIREFNET_OK;
}

/* All bytes 0x2b: small numbers in float16 and float32, offsets of about nothing. */
static bn_status fill(bench *b, size_t part, bn_error *err)
{
    b->part = part;
    BN_TRY(bn_gpu_buffer_create(b->gpu, 5 * part, &b->buffer, err));
    void *bytes = malloc(part);
    if (!bytes) return bn_fail_memory(err, part, "numbers");
    memset(bytes, 0x2b, part);
    bn_status status = BIREFNET_OK;
    for (size_t i = 0; i < 5 && status == BIREFNET_OK; i++)
        status = bn_gpu_upload(b->buffer, i * part, bytes, part, err);
    free(bytes);
    return status;
}

int main(int argc, char **argv)
{
    bench b = {0};
    bn_error err = {0};
    card_options card;
    if (!card_options_read(argc, argv, "bench_gpu_plain_products", &card)) return 2;
    const bool is_tiny = card.is_tiny;
    bn_status status;
    BN_TRY_DONE(card_open(&card, &b.gpu, &err));
    BN_TRY_DONE(fill(&b, is_tiny ? TINY_BYTES : BYTES, &err));
    const size_t count = is_tiny ? BN_COUNT(tiny) : BN_COUNT(products);
    for (size_t i = 0; i < count; i++) BN_TRY_DONE(run_product(&b, is_tiny ? &tiny[i] : &products[i], &err));
done:
    if (status != BIREFNET_OK) fprintf(stderr, "%s\n", err.message);
    bn_gpu_buffer_destroy(&b.buffer);
    bn_gpu_close(&b.gpu);
    return status != BIREFNET_OK;
}
