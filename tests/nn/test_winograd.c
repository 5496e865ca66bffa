/* test_winograd.c - convolutions by minimal filtering, of every level, against sums in double precision: odd widths, bands, edges,
 * hostile numbers, guard zones; and that a row's bits do not depend on the band that it is done in.
 * `test_winograd --time` times shapes of the networks, beside the same convolution summed tap by tap. */
#include "tests/nn/kernel_test.h"

#include "nn/cpu/panel_product.h"
#include "nn/cpu/winograd.h"
#include "nn/cpu/winograd_filter.h"

/* ---- the numbers --------------------------------------------------------------------------------------------------- */

static void filters_are_exact(void **state)
{
    (void)state;
    for (int taps = 3; taps <= 7; taps += 4) {
        const bn_winograd_filter f = bn_winograd_filter_for(taps);
        for (int o = 0; o < BN_WINOGRAD_STEP; o++)
            for (int j = 0; j < taps; j++)
                for (int d = 0; d < f.points; d++) { /* how often g[j] * d[d] is in y[o] */
                    double sum = 0;
                    for (int p = 0; p < f.points; p++) sum += f.output[o][p] * f.filter[p][j] * f.input[p][d];
                    assert_true(fabs(sum - (d == o + j)) < 1e-11);
                }
        for (int o = 0; o < BN_WINOGRAD_STEP; o++) assert_true(f.output[o][f.one] == 1);
    }
}

/* ---- sums ---------------------------------------------------------------------------------------------------------- */

typedef struct weights {
    bn_source source;
    size_t weights, biases;
} weights;

static bn_status load_weights(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)err;
    const weights *self = (const weights *)source;
    if (weight) bn_seeded_fill("weight", 1, 0, 0.5f, 0, weight, self->weights);
    if (bias) bn_seeded_fill("bias", 2, 0, 0.5f, 0, bias, self->biases);
    return BIREFNET_OK;
}

typedef struct layer {
    bn_conv_shape shape;
    weights weights;
    bn_pack_store *packs;
    bn_winograd *winograd;
    void *scratch;
} layer;

static int rows_of(const bn_conv_shape *s)
{
    return s->h + s->pad_top + s->pad_bottom - s->kernel + 1;
}

static void open_layer(layer *self, bn_conv_shape shape, const bn_kernels *kernels)
{
    bn_error err = {0};
    const size_t count = (size_t)(shape.out * shape.in * shape.kernel * shape.kernel);
    shape.kernels = kernels;
    shape.stride = 1;
    shape.pad_side = shape.kernel / 2;
    *self =
        (layer){.shape = shape, .weights = {{.key = "w", .load = load_weights}, count, (size_t)shape.out}};
    assert_true(bn_winograd_takes(&shape));
    assert_ok(bn_pack_store_create(&self->packs, &err), err);
    assert_ok(bn_winograd_create(self->packs, &shape, &self->weights.source, &self->winograd, &err), err);
    self->scratch = aligned_alloc(64, bn_size_round_up(bn_winograd_scratch_bytes(self->winograd), 64));
    assert_non_null(self->scratch);
}

static void close_layer(layer *self)
{
    free(self->scratch);
    bn_winograd_destroy(&self->winograd);
    bn_pack_store_destroy(&self->packs);
}

static double at(const bn_conv_shape *s, const float *src, int y, int x, int i)
{
    if (y < 0 || x < 0 || y >= s->h || x >= s->w) return 0;
    return (double)src[(y * s->w + x) * s->in + i];
}

/* One number of the result; *size: what the sum of magnitudes would be if each tap met each input of its four neighbours. */
static double sum_of(const bn_conv_shape *s, const float *src, const float *weight, int y, int x, int o,
                     double *size)
{
    double sum = 0;
    const int k = s->kernel, left = x / BN_WINOGRAD_STEP * BN_WINOGRAD_STEP - s->pad_side;
    for (int i = 0; i < s->in; i++)
        for (int dy = 0; dy < k; dy++) {
            double near = 0, filter = 0;
            const int row = y - s->pad_top + dy;
            const float *taps = weight + ((o * s->in + i) * k + dy) * k;
            for (int dx = 0; dx < k; dx++) {
                sum += at(s, src, row, x - s->pad_side + dx, i) * (double)taps[dx];
                filter += fabs((double)taps[dx]);
            }
            for (int j = 0; j < k + BN_WINOGRAD_STEP - 1; j++) near += fabs(at(s, src, row, left + j, i));
            *size += near * filter;
        }
    return sum;
}

static void check(const char *name, const bn_conv_shape *s, const float *src, const float *weight,
                  const float *bias, const float *got)
{
    const int pixels = rows_of(s) * s->w;
    for (int n = 0; n < pixels * s->out; n++) {
        const int pixel = n / s->out, o = n % s->out;
        double size = fabs((double)bias[o]);
        const double sum = sum_of(s, src, weight, pixel / s->w, pixel % s->w, o, &size) + (double)bias[o];
        const double wanted = s->activation == BN_RELU && sum < 0 ? 0 : sum;
        if (!(fabs((double)got[n] - wanted) <= 1e-6 * size + 1e-7))
            fail_msg("%s: pixel %d, column %d is %.9g, not %.9g", name, pixel, o, (double)got[n], wanted);
    }
}

static void check_shape(bn_isa isa, bn_conv_shape shape, fill kind)
{
    layer l;
    char name[160];
    open_layer(&l, shape, bn_kernels_for(isa));
    const bn_conv_shape *s = &l.shape;
    float *src = make_floats("src", (size_t)(s->h * s->w * s->in), 1, kind),
          *weight = make_floats("weight", l.weights.weights, 0.5f, FILL_RANDOM),
          *bias = make_floats("own bias", (size_t)s->out, 0.5f, FILL_RANDOM);
    output got = make_output((size_t)(rows_of(s) * s->w * s->out) * sizeof(float));
    snprintf(name, sizeof name, "%s: %dx%dx%d -> %d, kernel %d", bn_isa_name(isa), s->h, s->w, s->in, s->out,
             s->kernel);
    bn_winograd_run(l.winograd, src, data_of(got), bias, l.scratch);
    check(name, s, src, weight, bias, data_of(got));
    bn_seeded_fill("bias", 2, 0, 0.5f, 0, bias, (size_t)s->out); /* the source's */
    bn_winograd_run(l.winograd, src, data_of(got), NULL, l.scratch);
    check(name, s, src, weight, bias, data_of(got));
    assert_guards(name, got);
    close_layer(&l);
    free(got.block);
    free(src);
    free(weight);
    free(bias);
}

static const bn_conv_shape shapes[] = {
    {.h = 3, .w = 64, .in = 16, .out = 16, .kernel = 3, .pad_top = 1, .pad_bottom = 1},
    {.h = 4, .w = 67, .in = 19, .out = 17, .kernel = 3, .activation = BN_RELU},
    {.h = 2, .w = 66, .in = 300, .out = 33, .kernel = 3, .pad_top = 1}, /* deeper than a block */
    {.h = 1,
     .w = 513,
     .in = 16,
     .out = 20,
     .kernel = 3,
     .pad_top = 1,
     .pad_bottom = 1}, /* more than at a time */
    {.h = 1, .w = 65, .in = 40, .out = 147, .kernel = 7, .pad_top = 3, .pad_bottom = 3},
    {.h = 9, .w = 70, .in = 16, .out = 27, .kernel = 7, .pad_bottom = 3, .activation = BN_RELU},
};

static void sums_are_those_of_plain_weights(void **state)
{
    (void)state;
    for (bn_isa isa = BN_ISA_PLAIN; isa <= BN_MIN(bn_cpu_isa(), BN_ISA_AVX512_BF16); isa++)
        for (size_t i = 0; i < BN_COUNT(shapes); i++)
            for (fill kind = FILL_RANDOM; kind < FILL_COUNT; kind++) check_shape(isa, shapes[i], kind);
}

/* ---- bands ---------------------------------------------------------------------------------------------------------- */

enum { H = 21, W = 75, IN = 24, OUT = 40 };

/* Rows first .. first + rows - 1 of the result, of the rows that they read alone. */
static void run_band(const bn_kernels *kernels, int kernel, int first, int rows, const float *src, float *dst)
{
    layer l;
    const int top = first - kernel / 2, bottom = top + rows - 1 + kernel, from = BN_MAX(top, 0);
    open_layer(&l,
               (bn_conv_shape){.h = BN_MIN(bottom, H) - from,
                               .w = W,
                               .in = IN,
                               .out = OUT,
                               .kernel = kernel,
                               .pad_top = from - top,
                               .pad_bottom = BN_MAX(bottom - H, 0)},
               kernels);
    bn_winograd_run(l.winograd, src + from * W * IN, dst, NULL, l.scratch);
    close_layer(&l);
}

static void a_row_has_the_same_bits_in_any_band(void **state)
{
    (void)state;
    float *src = make_floats("src", H * W * IN, 1, FILL_RANDOM),
          *whole = make_floats("whole", H * W * OUT, 1, FILL_ZERO),
          *part = make_floats("part", H * W * OUT, 1, FILL_ZERO);
    for (bn_isa isa = BN_ISA_PLAIN; isa <= BN_MIN(bn_cpu_isa(), BN_ISA_AVX512_BF16); isa++)
        for (int kernel = 3; kernel <= 7; kernel += 4) {
            run_band(bn_kernels_for(isa), kernel, 0, H, src, whole);
            for (int rows = 1; rows < H; rows += 3)
                for (int first = 0; first + rows <= H; first += 5) {
                    run_band(bn_kernels_for(isa), kernel, first, rows, src, part);
                    if (memcmp(part, whole + first * W * OUT, (size_t)(rows * W * OUT) * sizeof *part) != 0)
                        fail_msg("%s, kernel %d: %d rows from %d on have other bits than in the whole",
                                 bn_isa_name(isa), kernel, rows, first);
                }
        }
    free(src);
    free(whole);
    free(part);
}

/* Of a NaN, more than the pixels that read it see: those that are made with one of them. No other. */
static void nan_stays_with_its_neighbours(void **state)
{
    (void)state;
    enum { Y = 10, X = 33 };
    float *src = make_floats("src", H * W * IN, 1, FILL_RANDOM),
          *clean = make_floats("clean", H * W * OUT, 1, FILL_ZERO),
          *got = make_floats("got", H * W * OUT, 1, FILL_ZERO);
    for (bn_isa isa = BN_ISA_PLAIN; isa <= BN_MIN(bn_cpu_isa(), BN_ISA_AVX512_BF16); isa++)
        for (int kernel = 3; kernel <= 7; kernel += 4) {
            const float kept = src[(Y * W + X) * IN + 5];
            run_band(bn_kernels_for(isa), kernel, 0, H, src, clean);
            src[(Y * W + X) * IN + 5] = NAN;
            run_band(bn_kernels_for(isa), kernel, 0, H, src, got);
            src[(Y * W + X) * IN + 5] = kept;
            for (int n = 0; n < H * W * OUT; n++) {
                const int y = n / OUT / W, x = n / OUT % W, half = kernel / 2, tile = x / 4 * 4;
                const bool reads = abs(y - Y) <= half && abs(x - X) <= half,
                           near = abs(y - Y) <= half && X >= tile - half && X <= tile + 3 + half;
                if (reads && !isnan(got[n])) fail_msg("%s lost a NaN", bn_isa_name(isa));
                if (!near && got[n] != clean[n])
                    fail_msg("%s spread a NaN to %d, %d", bn_isa_name(isa), y, x);
            }
        }
    free(src);
    free(clean);
    free(got);
}

/* ---- speed --------------------------------------------------------------------------------------------------------- */

static void time_shape(bn_isa isa, bn_conv_shape shape)
{
    layer l;
    bn_error err = {0};
    bn_panel_product *direct = NULL;
    open_layer(&l, shape, bn_kernels_for(isa));
    const bn_conv_shape *s = &l.shape;
    float *src = make_floats("src", (size_t)(s->h * s->w * s->in), 1, FILL_RANDOM),
          *dst = make_floats("dst", (size_t)(rows_of(s) * s->w * s->out), 1, FILL_ZERO);
    assert_ok(bn_panel_conv_create(l.packs, s, &l.weights.source, &direct, &err), err);
    void *scratch = malloc(bn_panel_product_scratch_bytes(direct));
    const double work = (double)(rows_of(s) * s->w) * s->in * s->out * s->kernel * s->kernel;
    char name[2][80];
    for (int i = 0; i < 2; i++)
        snprintf(name[i], sizeof name[i], "%s %dx%dx%d -> %d, kernel %d", i ? "winograd" : "direct", s->h,
                 s->w, s->in, s->out, s->kernel);
    TIME(isa, name[0], work, bn_panel_product_run(direct, src, dst, NULL, scratch));
    TIME(isa, name[1], work, bn_winograd_run(l.winograd, src, dst, NULL, l.scratch));
    free(scratch);
    bn_panel_product_destroy(&direct);
    free(src);
    free(dst);
    close_layer(&l);
}

static void convolutions_are_timed(void **state)
{
    (void)state;
    static const bn_conv_shape timed[] = {
        {.h = 34, .w = 256, .in = 64, .out = 32, .kernel = 3},
        {.h = 34, .w = 256, .in = 216, .out = 64, .kernel = 3},
        {.h = 34, .w = 256, .in = 432, .out = 64, .kernel = 3},
        {.h = 14, .w = 64, .in = 1728, .out = 64, .kernel = 3},
        {.h = 38, .w = 256, .in = 64, .out = 160, .kernel = 7},
        {.h = 14, .w = 64, .in = 64, .out = 160, .kernel = 7},
    };
    if (!timing) skip();
    for (bn_isa isa = BN_ISA_NEON; isa <= BN_MIN(bn_cpu_isa(), BN_ISA_AVX512_BF16); isa++)
        for (size_t i = 0; i < BN_COUNT(timed); i++)
            if (bn_kernels_for(isa) != &bn_kernels_plain) time_shape(isa, timed[i]);
}

int main(int argc, char **argv)
{
    timing = argc > 1 && strcmp(argv[1], "--time") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_are_exact),
        cmocka_unit_test(sums_are_those_of_plain_weights),
        cmocka_unit_test(a_row_has_the_same_bits_in_any_band),
        cmocka_unit_test(nan_stays_with_its_neighbours),
        cmocka_unit_test(convolutions_are_timed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
