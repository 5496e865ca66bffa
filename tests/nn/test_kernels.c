/* test_kernels.c - every kernel of every instruction set against plain C, on random and adversarial input.
 *
 * `test_kernels --time` times them all instead, one line a kernel and level, as dav1d's checkasm does. Outputs lie
 * between guard zones, so that a write outside is seen. */
#include "tests/nn/kernel_test.h"

#include "image/compose_kernels.h"
#include "pixels/foreground.h"
#include "pixels/foreground_kernels.h"
#include "pixels/resample_kernels.h"

/* ---- layer norm --------------------------------------------------------------------------------------------------- */

static void check_norm(bn_isa isa, int c, bn_type type, fill kind)
{
    const int rows = timing ? 1024 : 7;
    const size_t count = (size_t)rows * (size_t)(c + 3);
    float *in = make_floats("norm", count, 1, kind), *gamma = make_floats("gamma", (size_t)c, 1, FILL_RANDOM);
    float *beta = make_floats("beta", (size_t)c, 1, FILL_RANDOM);
    output wanted = make_output((size_t)rows * (size_t)c * bn_type_size(type)),
           got = make_output(wanted.bytes);
    bn_norm_job job = {in, c + 3, data_of(wanted), c, type, gamma, beta, 1e-5f, rows, c};
    bn_kernels_plain.layer_norm(&job);
    job.out = data_of(got);
    bn_kernels_for(isa)->layer_norm(&job);
    char name[64];
    snprintf(name, sizeof name, "layer_norm c=%d %s", c, type == BN_F32 ? "f32" : "bf16");
    TIME(isa, name, 0, bn_kernels_for(isa)->layer_norm(&job));
    assert_same(name, got, wanted, type, type == BN_F32 ? 2e-5 : 0.006, 1e-6);
    free(in);
    free(gamma);
    free(beta);
}

static void layer_norms_agree(void **state)
{
    (void)state;
    bn_isa list[BN_ISA_AMX];
    const int widths[] = {1, 15, 96, 100, 192, 1536};
    for (int l = 0, n = levels(list); l < n; l++)
        for (size_t i = 0; i < BN_COUNT(widths); i++)
            for (bn_type type = BN_F32; type <= BN_BF16; type++)
                for (fill kind = FILL_RANDOM; kind < (timing ? FILL_ZERO : FILL_COUNT); kind++)
                    check_norm(list[l], widths[i], type, kind);
}

/* ---- weighted sums of pixels ---------------------------------------------------------------------------------------- */

static void check_gather(bn_isa isa, int c, int taps, bn_type in_type, bn_type out_type, int add, fill kind)
{
    enum { PIXELS = 37 };
    const ptrdiff_t count = timing ? 2048 : 11;
    const size_t picture = (size_t)PIXELS * (size_t)(c + 1), numbers = (size_t)taps * (size_t)(count + 2);
    void *src = as_type(make_floats("gather", picture, 1, kind), picture, in_type);
    float *weights = make_floats("weights", numbers, 1, FILL_RANDOM),
          *where = make_floats("where", numbers, 0.49f, FILL_RANDOM);
    int32_t *pixels = calloc(numbers, sizeof *pixels);
    for (size_t i = 0; i < numbers; i++) pixels[i] = (int32_t)((where[i] + 0.5f) * PIXELS);
    output wanted = make_output((size_t)count * (size_t)c * bn_type_size(out_type)),
           got = make_output(wanted.bytes);
    memset(data_of(wanted), 0x3c, wanted.bytes); /* a small finite number in either type */
    memset(data_of(got), 0x3c, got.bytes);
    bn_gather_job job = {src,    c + 1,   in_type,         c, taps,     count, count + 2,
                         pixels, weights, data_of(wanted), c, out_type, add};
    bn_kernels_plain.gather(&job);
    job.out = data_of(got);
    bn_kernels_for(isa)->gather(&job);
    char name[64];
    snprintf(name, sizeof name, "gather c=%d taps=%d %s", c, taps, in_type == BN_F32 ? "f32" : "bf16");
    TIME(isa, name, (double)count * c * taps, bn_kernels_for(isa)->gather(&job));
    if (timing)
        free(got.block), free(wanted.block);
    else
        assert_same(name, got, wanted, out_type, out_type == BN_F32 ? 1e-6 : 0.008, 0);
    free(src);
    free(weights);
    free(where);
    free(pixels);
}

static void gathers_agree(void **state)
{
    (void)state;
    bn_isa list[BN_ISA_AMX];
    const int widths[] = {1, 31, 64, 96, 200};
    for (int l = 0, n = levels(list); l < n; l++)
        for (size_t i = 0; i < BN_COUNT(widths); i++)
            for (int mode = 0; mode < (timing ? 2 : 8); mode++)
                for (fill kind = FILL_RANDOM; kind < (timing ? FILL_ZERO : FILL_COUNT); kind++) {
                    const bn_type in = mode & 1 ? BN_BF16 : BN_F32, out = mode & 2 ? BN_BF16 : BN_F32;
                    check_gather(list[l], widths[i], 4, in, timing ? in : out, (mode & 4) != 0, kind);
                    if (!timing) check_gather(list[l], widths[i], 16, in, out, (mode & 4) != 0, kind);
                }
}

/* ---- deformable sampling ---------------------------------------------------------------------------------------------- */

/* Offsets far outside, exactly on borders and not a number, besides ordinary ones. */
static void spoil(float *numbers, size_t count, size_t stride, size_t offsets, fill kind)
{
    static const float odd[] = {-1,       0,         1e9f,        -1e9f,        NAN,
                                INFINITY, -INFINITY, 0.99999994f, -0.99999994f, 1e-30f};
    for (size_t i = 0; i < count; i++)
        if (kind == FILL_SPIKES && i % stride < offsets && i % 3 == 0)
            numbers[i] = odd[i / 3 % BN_COUNT(odd)];
}

static void check_deform(bn_isa isa, int kernel, fill kind)
{
    const int taps = kernel * kernel, stride = 3 * taps + 5, h = 9, w = 13;
    const ptrdiff_t count = timing ? 8 : 5, plane = count * taps + 3;
    float *numbers = make_floats("offsets", (size_t)count * (size_t)stride, kind == FILL_LARGE ? 1 : 3, kind);
    spoil(numbers, (size_t)count * (size_t)stride, (size_t)stride, 2 * (size_t)taps, kind);
    output wanted[2], got[2];
    for (int i = 0; i < 2; i++) {
        wanted[i] = make_output((size_t)(4 * plane) * 4);
        got[i] = make_output(wanted[i].bytes);
        memset(data_of(wanted[i]), 0, wanted[i].bytes);
        memset(data_of(got[i]), 0, got[i].bytes);
    }
    bn_deform_job job = {.offsets = numbers,
                         .modulators = numbers + 2 * taps,
                         .stride = stride,
                         .kernel = kernel,
                         .y = 4,
                         .x = 6,
                         .h = h,
                         .w = w,
                         .count = count,
                         .tap_pixels = data_of(wanted[0]),
                         .tap_weights = data_of(wanted[1]),
                         .plane = plane};
    bn_kernels_plain.deform_taps(&job);
    job.tap_pixels = data_of(got[0]);
    job.tap_weights = data_of(got[1]);
    bn_kernels_for(isa)->deform_taps(&job);
    char name[64];
    snprintf(name, sizeof name, "deform_taps kernel=%d", kernel);
    TIME(isa, name, 0, bn_kernels_for(isa)->deform_taps(&job));
    /* a corner whose weight is 0 may be any pixel that is inside */
    const int32_t *a = data_of(wanted[0]), *b = data_of(got[0]);
    const float *weight = data_of(wanted[1]);
    for (ptrdiff_t i = 0; i < 4 * plane; i++) {
        if (weight[i] != 0 && !isnan(weight[i])) assert_int_equal(a[i], b[i]);
        assert_in_range(b[i], 0, h * w - 1);
    }
    free(got[0].block);
    free(wanted[0].block);
    assert_same(name, got[1], wanted[1], BN_F32, 2e-6, 1e-7);
    free(numbers);
}

static void deformable_taps_agree(void **state)
{
    (void)state;
    bn_isa list[BN_ISA_AMX];
    for (int l = 0, n = levels(list); l < n; l++)
        for (int kernel = 1; kernel <= 7; kernel += 2)
            for (fill kind = FILL_RANDOM; kind < (timing ? FILL_ZERO : FILL_COUNT); kind++)
                check_deform(list[l], kernel, kind);
}

/* ---- attention -------------------------------------------------------------------------------------------------------- */

typedef struct attend_case {
    int keys, dim;
    bool windowed; /* rows with padding, bias, regions */
} attend_case;

/* A window in which every fifth token is padding and tokens lie in reverse order, with two regions. */
static void make_window(int keys, int32_t *rows, uint8_t *regions)
{
    for (int i = 0; i < keys; i++) {
        rows[i] = i % 5 == 4 ? -1 : keys - 1 - i;
        regions[i] = (uint8_t)(i > keys / 2);
    }
}

static void check_attend(bn_isa isa, attend_case c, bn_type type, fill kind)
{
    const size_t tokens = (size_t)c.keys, stride = 3 * (size_t)c.dim + 2, stored = tokens * stride;
    const ptrdiff_t bias_stride = (c.keys + 15) / 16 * 16;
    void *qkv = as_type(make_floats("qkv", stored, 1, kind), stored, type);
    void *pad = as_type(make_floats("pad", 2 * (size_t)c.dim, 1, kind), 2 * (size_t)c.dim, type);
    float *bias = make_floats("bias", tokens * (size_t)bias_stride, 1, kind);
    int32_t *rows = calloc(tokens, sizeof *rows);
    uint8_t *regions = calloc(tokens, 1);
    make_window(c.keys, rows, regions);
    const size_t size = bn_type_size(type),
                 scratch_bytes = bn_size_round_up(bn_attend_scratch_bytes(c.keys, c.dim), 64);
    output wanted = make_output(tokens * (size_t)c.dim * size), got = make_output(wanted.bytes);
    memset(data_of(wanted), 0, wanted.bytes);
    memset(data_of(got), 0, got.bytes);
    void *scratch = aligned_alloc(64, scratch_bytes);
    bn_attend_job job = {.q = qkv,
                         .k = (char *)qkv + (size_t)c.dim * size,
                         .v = (char *)qkv + 2 * (size_t)c.dim * size,
                         .out = data_of(wanted),
                         .q_stride = (ptrdiff_t)stride,
                         .kv_stride = (ptrdiff_t)stride,
                         .out_stride = c.dim,
                         .type = type,
                         .queries = c.keys,
                         .keys = c.keys,
                         .dim = c.dim,
                         .rows = c.windowed ? rows : NULL,
                         .pad_k = pad,
                         .pad_v = (char *)pad + (size_t)c.dim * size,
                         .bias = c.windowed ? bias : NULL,
                         .bias_stride = bias_stride,
                         .regions = c.windowed ? regions : NULL,
                         .scale = 1 / sqrtf((float)c.dim),
                         .scratch = scratch};
    bn_kernels_plain.attend_f32(&job);
    job.out = data_of(got);
    memset(scratch, 0xff, scratch_bytes);
    const bn_kernels *kernels = bn_kernels_for(isa);
    void (*const attend)(const bn_attend_job *) =
        type == BN_BF16 ? kernels->attend_bf16 : kernels->attend_f32;
    attend(&job);
    char name[64];
    snprintf(name, sizeof name, "attend keys=%d dim=%d %s", c.keys, c.dim, type == BN_F32 ? "f32" : "bf16");
    TIME(isa, name, 2.0 * c.keys * c.keys * c.dim, attend(&job));
    assert_same(name, got, wanted, type, type == BN_F32 ? (kind == FILL_LARGE ? 1e-3 : 5e-6) : 0.01, 1e-7);
    free(qkv);
    free(pad);
    free(bias);
    free(rows);
    free(regions);
    free(scratch);
}

static void attentions_agree(void **state)
{
    (void)state;
    static const attend_case cases[] = {{49, 32, true},  {144, 32, true},  {9, 32, true},  {1, 64, false},
                                        {64, 32, false}, {100, 64, false}, {49, 24, true}, {257, 40, false}};
    bn_isa list[BN_ISA_AMX];
    for (int l = 0, n = levels(list); l < n; l++)
        for (size_t i = 0; i < BN_COUNT(cases); i++)
            for (fill kind = FILL_RANDOM; kind < (timing ? FILL_ZERO : FILL_COUNT); kind++) {
                check_attend(list[l], cases[i], BN_F32, kind);
                /* with large bf16 scores the winner of a softmax is a matter of the last bit: not compared */
                if (bn_kernels_for(list[l])->attend_bf16 && kind != FILL_LARGE)
                    check_attend(list[l], cases[i], BN_BF16, kind);
            }
}

/* ---- the rest --------------------------------------------------------------------------------------------------------- */

static void check_depthwise(bn_isa isa, int c, bn_type type, fill kind)
{
    const int h = timing ? 32 : 5, w = timing ? 32 : 6;
    const size_t count = (size_t)h * (size_t)w * (size_t)c;
    void *in = as_type(make_floats("depthwise", count, 1, kind), count, type);
    float *weight = make_floats("taps", 9 * (size_t)c, 1, FILL_RANDOM),
          *bias = make_floats("b", (size_t)c, 1, FILL_RANDOM);
    output wanted = make_output(count * bn_type_size(type)), got = make_output(wanted.bytes);
    bn_depthwise_job job = {in, data_of(wanted), type, h, w, c, 0, h, weight, bias};
    bn_kernels_plain.depthwise_gelu(&job);
    job.out = data_of(got);
    bn_kernels_for(isa)->depthwise_gelu(&job);
    char name[64];
    snprintf(name, sizeof name, "depthwise_gelu c=%d %s", c, type == BN_F32 ? "f32" : "bf16");
    TIME(isa, name, 9.0 * (double)count, bn_kernels_for(isa)->depthwise_gelu(&job));
    assert_same(name, got, wanted, type, type == BN_F32 ? 1e-6 : 0.008, 1e-6);
    free(in);
    free(weight);
    free(bias);
}

static void depthwise_convolutions_agree(void **state)
{
    (void)state;
    bn_isa list[BN_ISA_AMX];
    for (int l = 0, n = levels(list); l < n; l++)
        for (int c = 8; c <= 264; c = c * 3 + 8)
            for (bn_type type = BN_F32; type <= BN_BF16; type++)
                for (fill kind = FILL_RANDOM; kind < (timing ? FILL_ZERO : FILL_COUNT); kind++)
                    check_depthwise(list[l], c, type, kind);
}

static void check_small(bn_isa isa, bn_type type, fill kind)
{
    enum { COUNT = 1003, C = 19, W = 77 };
    const bn_kernels *kernels = bn_kernels_for(isa);
    const size_t numbers = (size_t)COUNT * C;
    void *in = as_type(make_floats("gate", numbers, 1, kind), numbers, type);
    float *weight = make_floats("w", C, 1, FILL_RANDOM), *plain = make_floats("convert", numbers, 1, kind);
    output wanted = make_output(COUNT * sizeof(float)), got = make_output(wanted.bytes);
    bn_kernels_plain.gate(in, type, C, C - 1, weight, 0.25f, data_of(wanted), COUNT);
    kernels->gate(in, type, C, C - 1, weight, 0.25f, data_of(got), COUNT);
    TIME(isa, "gate", 0, kernels->gate(in, type, C, C - 1, weight, 0.25f, data_of(got), COUNT));
    assert_same("gate", got, wanted, BN_F32, kind == FILL_LARGE ? 2e-3 : 2e-6, 0);

    wanted = make_output(COUNT * bn_type_size(type));
    got = make_output(wanted.bytes);
    plain[3] = NAN;
    plain[4] = INFINITY;
    bn_kernels_plain.convert(plain, data_of(wanted), type, COUNT);
    kernels->convert(plain, data_of(got), type, COUNT);
    TIME(isa, "convert", 0, kernels->convert(plain, data_of(got), type, COUNT));
    if (memcmp(data_of(got), data_of(wanted), wanted.bytes) != 0) fail_msg("convert: bits differ");
    free(got.block);
    free(wanted.block);

    plain[3] = plain[4] = 0;
    wanted = make_output(W * sizeof(float));
    got = make_output(wanted.bytes);
    memset(data_of(wanted), 0, wanted.bytes);
    memset(data_of(got), 0, got.bytes);
    const float *rows[5] = {plain, plain + 100, NULL, plain + 300, plain + 400};
    bn_kernels_plain.conv5_row(rows, plain + 600, data_of(wanted), W);
    kernels->conv5_row(rows, plain + 600, data_of(got), W);
    TIME(isa, "conv5_row", 20.0 * W, kernels->conv5_row(rows, plain + 600, data_of(got), W));
    if (timing)
        free(got.block), free(wanted.block);
    else
        assert_same("conv5_row", got, wanted, BN_F32, 2e-6, 0);
    free(in);
    free(weight);
    free(plain);
}

static void small_kernels_agree(void **state)
{
    (void)state;
    bn_isa list[BN_ISA_AMX];
    for (int l = 0, n = levels(list); l < n; l++)
        for (bn_type type = BN_F32; type <= BN_BF16; type++)
            for (fill kind = FILL_RANDOM; kind < (timing ? FILL_ZERO : FILL_COUNT); kind++)
                check_small(list[l], type, kind);
}

/* ---- of the image room: compared in tests/image, timed here ----------------------------------------------------- */

static void time_foreground_rows(bn_isa isa)
{
    enum { WIDTH = 4000, STRIDE = 4016, SUMS = BN_FOREGROUND_SUMS * STRIDE, MARGIN = BN_WIDE_BEFORE + 1 };
    int32_t *columns = calloc(SUMS, sizeof *columns), *boxes = calloc(SUMS, sizeof *boxes);
    uint16_t *colours = calloc(6 * STRIDE, sizeof *colours);
    uint8_t *rgb = calloc(3, STRIDE), *alpha = calloc(1, STRIDE), *out = calloc(3, STRIDE);
    int *mirrors = calloc(WIDTH + 2 * MARGIN, sizeof *mirrors);
    assert_true(columns && boxes && colours && rgb && alpha && out && mirrors);
    for (int x = 0; x < WIDTH; x++) mirrors[MARGIN + x] = x;
    const bn_foreground_kernels *kernels = bn_foreground_kernels_for(isa);
    const bn_estimate_row row = {colours, alpha};
    TIME(isa, "foreground slide_wide, 4000 pixels", 0,
         kernels->slide_wide(columns, WIDTH, STRIDE, rgb, alpha, rgb, alpha));
    TIME(isa, "foreground sum_wide, 4000 pixels", 0,
         kernels->sum_wide(columns, WIDTH, STRIDE, mirrors + MARGIN, boxes));
    TIME(isa, "foreground estimate_wide, 4000 pixels", 0,
         kernels->estimate_wide(boxes, WIDTH, STRIDE, rgb, alpha, colours));
    TIME(isa, "foreground slide_narrow, 4000 pixels", 0,
         kernels->slide_narrow(columns, WIDTH, STRIDE, &row, &row));
    TIME(isa, "foreground estimate_narrow, 4000 pixels", 0,
         kernels->estimate_narrow(columns, WIDTH, STRIDE, rgb, alpha, out));
    uint8_t *rgba = calloc(4, STRIDE);
    assert_non_null(rgba);
    TIME(isa, "cutout_row, 4000 pixels", 0, bn_cutout_row_for(isa)(rgb, out, alpha, WIDTH, rgba));
    free(rgba);
    free(columns);
    free(boxes);
    free(colours);
    free(rgb);
    free(alpha);
    free(out);
    free(mirrors);
}

static void image_kernels_are_timed(void **state)
{
    (void)state;
    enum { SIDE = 512, ROWS = 8 };
    if (!timing) skip();
    uint8_t *rgb = calloc(3, SIDE * SIDE), *matte = calloc(1, SIDE * SIDE), *out = calloc(3, SIDE * SIDE);
    assert_true(rgb && matte && out);
    for (int i = 0; i < SIDE * SIDE; i++) matte[i] = (uint8_t)(i / SIDE / 2);
    const uint8_t *rows[ROWS];
    int32_t weights[ROWS];
    for (int i = 0; i < ROWS; i++) {
        rows[i] = rgb + (ptrdiff_t)i * 3 * SIDE;
        weights[i] = (1 << BN_RESAMPLE_BITS) / ROWS;
    }
    for (bn_isa isa = BN_ISA_PLAIN; isa <= bn_cpu_isa(); isa++) {
        bn_error err = {0};
        if (isa == BN_ISA_PLAIN || bn_foreground_kernels_for(isa) != bn_foreground_kernels_for(isa - 1))
            time_foreground_rows(isa);
        TIME(isa, "foreground 512x512, one thread", 0,
             assert_ok(bn_foreground_estimate(rgb, matte, SIDE, SIDE, 3 * SIDE, SIDE, out, 1, isa, &err),
                       err));
        TIME(isa, "resample down, 8 rows of 1536 bytes", (double)ROWS * 3 * SIDE,
             bn_resample_kernels_for(isa)->down(rows, weights, ROWS, 3 * SIDE, out));
    }
    free(rgb);
    free(matte);
    free(out);
}

/* The loops that measure the machine do all the work that they are counted for: with factors of one, each multiply-add
 * adds one to a sum. */
static void check_peak(const char *level, bn_peak_loop loop, int lanes)
{
    enum { ROUNDS = 1000 };
    float numbers[14 * 16];
    double total = 0;
    for (int i = 0; i < 14 * lanes; i++) numbers[i] = i < 12 * lanes ? 0 : 1;
    loop.run(ROUNDS, numbers);
    for (int i = 0; i < 12 * lanes; i++) total += (double)numbers[i];
    if (2 * total != (double)ROUNDS * loop.flops)
        fail_msg("%s: %.0f operations, not %.0f", level, 2 * total, (double)ROUNDS * loop.flops);
}

static void peak_loops_do_what_they_count(void **state)
{
    (void)state;
    bn_isa list[BN_ISA_AMX];
    check_peak("plain", bn_kernels_plain.peak_f32, 4);
    for (int l = 0, n = levels(list); l < n; l++) {
        const bn_kernels *kernels = bn_kernels_for(list[l]);
        const int lanes = kernels->peak_f32.flops / 24;
        check_peak(kernels->name, kernels->peak_f32, lanes);
        if (kernels->peak_bf16.run) check_peak(kernels->name, kernels->peak_bf16, lanes);
    }
}

int main(int argc, char **argv)
{
    timing = argc > 1 && strcmp(argv[1], "--time") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layer_norms_agree),
        cmocka_unit_test(gathers_agree),
        cmocka_unit_test(deformable_taps_agree),
        cmocka_unit_test(attentions_agree),
        cmocka_unit_test(depthwise_convolutions_agree),
        cmocka_unit_test(small_kernels_agree),
        cmocka_unit_test(image_kernels_are_timed),
        cmocka_unit_test(peak_loops_do_what_they_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
