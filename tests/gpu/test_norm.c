/* test_norm.c - layer norm on a graphics card against plain C: rows and squares, odd sizes, both types, in place. */
#include "tests/gpu/field.h"

#include "nn/cpu/kernels_impl.h"
#include "nn/gpu/call.h"

#include <stdio.h>

typedef struct norm_case {
    size_t h, w, c, stride, to_stride;
    bn_type type;
    bool squares, in_place;
} norm_case;

/* Rows of squares as layers.h says, zeros beyond an odd edge. */
static void gather(const field *x, const norm_case *c, size_t picture, size_t row, float *squares)
{
    const size_t across = (c->w + 1) / 2, top = row / across * 2, left = row % across * 2;
    for (size_t part = 0; part < 4; part++) {
        const size_t y = top + part % 2, column = left + part / 2;
        const bool inside = y < c->h && column < c->w;
        for (size_t i = 0; i < c->c; i++)
            squares[part * c->c + i] = inside ? field_at(x, picture, y * c->w + column)[i] : 0;
    }
}

static void norm_plainly(const field *x, const norm_case *c, const float *numbers, field *out)
{
    float *row = malloc(out->c * sizeof *row);
    assert_non_null(row);
    for (size_t i = 0; i < out->pictures * out->pixels; i++) {
        const size_t picture = i / out->pixels, pixel = i % out->pixels;
        if (c->squares)
            gather(x, c, picture, pixel, row);
        else
            memcpy(row, field_at(x, picture, pixel), out->c * sizeof *row);
        const bn_norm_job job = {.in = row,
                                 .out = field_at(out, picture, pixel),
                                 .out_type = BN_F32,
                                 .gamma = numbers,
                                 .beta = numbers + out->c,
                                 .eps = 1e-5f,
                                 .rows = 1,
                                 .c = (int)out->c};
        bn_kernels_plain.layer_norm(&job);
        for (size_t k = 0; k < out->c; k++)
            field_at(out, picture, pixel)[k] = rounded(field_at(out, picture, pixel)[k], out->type);
    }
    free(row);
}

static void check_norm(bn_gpu *gpu, const norm_case *c, fill kind)
{
    const size_t h = c->squares ? (c->h + 1) / 2 : c->h, w = c->squares ? (c->w + 1) / 2 : c->w,
                 channels = c->squares ? 4 * c->c : c->c;
    field x = field_make(gpu, 2, c->h * c->w, c->c, c->stride, BN_F32),
          out = field_make(gpu, 2, h * w, channels, c->to_stride, c->type),
          numbers = field_make(gpu, 1, 2, channels, channels, BN_F32);
    field_fill(&x, "x", 1, kind);
    for (size_t i = 0; i < 2 * c->h * c->w; i++) /* a mean that is far from zero */
        for (size_t k = 0; k < c->c; k++) x.numbers[i * c->stride + k] += kind == FILL_RANDOM ? 300.0f : 0.0f;
    field_upload(&x);
    field_fill(&numbers, "numbers", 1, FILL_RANDOM);
    norm_plainly(&x, c, numbers.numbers, &out);
    uint32_t threads = 16;
    while (threads < 128 && threads * 48 < channels) threads *= 2;
    const bool fours = c->c % 4 == 0 && c->stride % 4 == 0 && c->to_stride % 4 == 0;
    const uint32_t groups = bn_gpu_groups(h * w, 128 / threads);
    const bn_gpu_call call = {
        .kernel = BN_GPU_NORM,
        .groups = {(groups + 1) / 2, 2, 2}, /* one group too many where that is odd */
        .span = {c->in_place ? field_span(&out) : field_span(&x), field_span(&out), field_span(&numbers)},
        .step = {field_step(&x), field_step(&out), 0},
        .number = {(uint32_t)(h * w), (uint32_t)c->stride, (uint32_t)c->to_stride, bn_gpu_bits(1e-5f),
                   (uint32_t)c->h, (uint32_t)c->w, (uint32_t)w},
        .constant = {c->type, (uint32_t)channels, threads, fours, c->squares}};
    char what[96];
    snprintf(what, sizeof what, "norm %zux%zux%zu type %d squares %d fill %d", c->h, c->w, c->c, (int)c->type,
             c->squares, (int)kind);
    field_check(gpu, &call, &out, c->in_place ? &x : NULL, what,
                c->type == BN_F16     ? 1e-3
                : kind == FILL_RANDOM ? 1e-4
                                      : 1e-5);
    field_free(&x);
    field_free(&out);
    field_free(&numbers);
}

static void norms_agree(void **state)
{
    static const norm_case cases[] = {
        {5, 3, 96, 96, 96, BN_F16, false, false},       {3, 7, 192, 200, 196, BN_F32, false, false},
        {2, 3, 1536, 1536, 1536, BN_F16, false, false}, {1, 1, 7001, 7002, 7003, BN_F32, false, false},
        {4, 3, 33, 35, 33, BN_F16, false, false},       {3, 3, 64, 68, 68, BN_F32, false, true},
        {3, 5, 96, 96, 384, BN_F16, true, false},       {4, 4, 192, 196, 768, BN_F32, true, false},
        {1, 3, 6, 7, 25, BN_F32, true, false},          {3, 1, 768, 768, 3072, BN_F16, true, false},
        {2, 2, 1, 1, 1, BN_F32, false, true},
    };
    bn_gpu *gpu = field_device(state);
    for (size_t i = 0; i < BN_COUNT(cases); i++)
        for (fill kind = FILL_RANDOM; kind < FILL_COUNT; kind++) check_norm(gpu, &cases[i], kind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(norms_agree)};
    return cmocka_run_group_tests(tests, field_setup, field_teardown);
}
