/* test_products.c - our own products and convolutions, of every level, against sums in double precision of the weights as
 * a source gives them: odd sizes, strides, edges of pictures, hostile numbers, guard zones. And that a row's result
 * does not depend on where it stands. `test_products --time` times the shapes of the networks instead. */
#include "tests/nn/kernel_test.h"

#include "nn/cpu/panel_product.h"

typedef struct weights {
    bn_source source;
    size_t weights, biases;
    fill kind;
} weights;

static bn_status load_weights(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)err;
    const weights *self = (const weights *)source;
    float *made = make_floats("weight", self->weights, 0.5f, self->kind);
    if (weight) memcpy(weight, made, self->weights * sizeof *weight);
    free(made);
    if (bias) bn_seeded_fill("bias", 2, 0, 0.5f, 0, bias, self->biases);
    return BIREFNET_OK;
}

static weights make_weights(size_t count, int out, fill kind)
{
    weights made = {{.key = "w", .load = load_weights}, count, (size_t)out, kind};
    return made;
}

/* One case: a matrix product is a convolution of one row of pixels with kernel 1. */
typedef struct shape {
    int h, w, in, out, kernel, stride, pad_top, pad_bottom, pad_side;
    bn_activation activation;
    bool add;
    int src_gap, dst_gap; /* elements between rows; matrices only */
} shape;

static int out_height(shape s)
{
    return (s.h + s.pad_top + s.pad_bottom - s.kernel) / s.stride + 1;
}

static int out_width(shape s)
{
    return (s.w + 2 * s.pad_side - s.kernel) / s.stride + 1;
}

static bn_panel_product *make_product(bn_pack_store *packs, shape s, const bn_kernels *kernels,
                                      const bn_source *source)
{
    bn_error err = {0};
    bn_panel_product *made = NULL;
    const bn_matmul_shape matrix = {.rows = s.w,
                                    .in = s.in,
                                    .out = s.out,
                                    .src_stride = s.in + s.src_gap,
                                    .dst_stride = s.out + s.dst_gap,
                                    .activation = s.activation,
                                    .add = s.add,
                                    .kernels = kernels};
    const bn_conv_shape conv = {.h = s.h,
                                .w = s.w,
                                .in = s.in,
                                .out = s.out,
                                .kernel = s.kernel,
                                .stride = s.stride,
                                .pad_top = s.pad_top,
                                .pad_bottom = s.pad_bottom,
                                .pad_side = s.pad_side,
                                .activation = s.activation,
                                .kernels = kernels};
    assert_ok(s.kernel > 1 || s.h > 1 ? bn_panel_conv_create(packs, &conv, source, &made, &err)
                                      : bn_panel_matmul_create(packs, &matrix, source, &made, &err),
              err);
    return made;
}

static double activate(double x, bn_activation activation)
{
    if (activation == BN_RELU) return x < 0 ? 0 : x;
    if (activation == BN_GELU) return 0.5 * x * (1 + erf(x * sqrt(0.5)));
    return x;
}

/* The sum of one number of the result, and into *size the sum of its terms' magnitudes. */
static double sum_of(shape s, const float *src, const float *weight, int y, int x, int o, double *size)
{
    double sum = 0;
    for (int tap = 0; tap < s.kernel * s.kernel; tap++) {
        const int sy = y * s.stride - s.pad_top + tap / s.kernel,
                  sx = x * s.stride - s.pad_side + tap % s.kernel;
        if (sy < 0 || sx < 0 || sy >= s.h || sx >= s.w) continue;
        for (int i = 0; i < s.in; i++) {
            const double term = (double)src[(sy * s.w + sx) * (s.in + s.src_gap) + i] *
                                (double)weight[(o * s.in + i) * s.kernel * s.kernel + tap];
            sum += term;
            *size += fabs(term);
        }
    }
    return sum;
}

static void compare(const char *name, shape s, const float *src, const float *weight, const float *bias,
                    const float *before, const float *got)
{
    const int h = out_height(s), w = out_width(s), stride = s.out + s.dst_gap;
    for (int i = 0; i < h * w * stride - s.dst_gap; i++) {
        const int pixel = i / stride, o = i % stride;
        if (o >= s.out) {
            if (got[i] != before[i]) fail_msg("%s wrote between rows", name);
            continue;
        }
        double size = fabs((double)bias[o]);
        double wanted = sum_of(s, src, weight, pixel / w, pixel % w, o, &size) + (double)bias[o];
        if (s.add) wanted += (double)before[i];
        wanted = activate(wanted, s.activation);
        /* float32 sums of some hundreds of terms; GELU is as good as 3e-7 of its argument */
        const double allowed = 2e-6 * size + 1e-6 * fabs(s.add ? (double)before[i] : 0) + 1e-7;
        if (!(fabs((double)got[i] - wanted) <= allowed))
            fail_msg("%s: pixel %d, column %d is %.9g, not %.9g", name, pixel, o, (double)got[i], wanted);
    }
}

static float *make_src(shape s, fill kind)
{
    return make_floats("src", (size_t)(s.h * s.w) * (size_t)(s.in + s.src_gap), 1, kind);
}

static void check_shape(const char *level, const bn_kernels *kernels, shape s, fill kind)
{
    bn_error err = {0};
    const int taps = s.kernel * s.kernel, pixels = out_height(s) * out_width(s);
    const size_t count = (size_t)s.out * (size_t)s.in * (size_t)taps;
    const size_t numbers = (size_t)pixels * (size_t)(s.out + s.dst_gap) - (size_t)s.dst_gap;
    const weights w = make_weights(count, s.out, kind == FILL_SPIKES ? FILL_SPIKES : FILL_RANDOM);
    float *weight = make_floats("weight", count, 0.5f, w.kind), *src = make_src(s, kind);
    float *bias = make_floats("own bias", (size_t)s.out, 0.5f, FILL_RANDOM),
          *before = make_floats("before", numbers, 1, FILL_RANDOM);
    output got = make_output(numbers * sizeof(float)), packed = make_output(numbers * sizeof(float));
    memcpy(data_of(got), before, numbers * sizeof(float));
    memcpy(data_of(packed), before, numbers * sizeof(float));
    bn_pack_store *packs = NULL;
    assert_ok(bn_pack_store_create(&packs, &err), err);
    bn_panel_product *product = make_product(packs, s, kernels, &w.source);
    void *scratch = malloc(bn_panel_product_scratch_bytes(product));
    bn_panel_product_run(product, src, data_of(got), bias, scratch);
    char name[160];
    snprintf(name, sizeof name, "%s: %dx%dx%d -> %d, kernel %d", level, s.h, s.w, s.in, s.out, s.kernel);
    compare(name, s, src, weight, bias, before, data_of(got));
    bn_seeded_fill("bias", 2, 0, 0.5f, 0, bias, (size_t)s.out); /* the source's */
    bn_panel_product_run(product, src, data_of(packed), NULL, scratch);
    compare(name, s, src, weight, bias, before, data_of(packed));
    assert_guards(name, got);
    assert_guards(name, packed);
    bn_panel_product_destroy(&product);
    bn_pack_store_destroy(&packs);
    free(scratch);
    free(weight);
    free(bias);
    free(src);
    free(before);
    free(got.block);
    free(packed.block);
}

static const shape shapes[] = {
    {1, 1, 1, 1, 1, 1, 0, 0, 0, BN_LINEAR, false, 0, 0},
    {1, 7, 3, 5, 1, 1, 0, 0, 0, BN_RELU, false, 2, 3},
    {1, 13, 48, 96, 1, 1, 0, 0, 0, BN_LINEAR, false, 0, 0},
    {1, 131, 385, 33, 1, 1, 0, 0, 0, BN_GELU, false, 1,
     1}, /* two blocks of unequal depth, more rows than at a time */
    {1, 29, 1152, 31, 1, 1, 0, 0, 0, BN_LINEAR, true, 5, 2},
    {1, 12, 769, 64, 1, 1, 0, 0, 0, BN_RELU, false, 0, 64},
    {1, 5, 64, 16, 1, 1, 0, 0, 0, BN_LINEAR, true, 0, 0},
    {5, 6, 3, 9, 3, 1, 1, 1, 1, BN_RELU, false, 0, 0},
    {9, 7, 48, 17, 3, 1, 1, 0, 1, BN_LINEAR, false, 0, 0}, /* a band at the top */
    {8, 16, 64, 160, 7, 1, 0, 3, 3, BN_LINEAR, false, 0, 0},
    {11, 13, 3, 24, 7, 4, 3, 3, 3, BN_LINEAR, false, 0, 0},
    {9, 8, 20, 40, 3, 2, 1, 1, 1, BN_GELU, false, 0, 0},
    {8, 8, 400, 5, 2, 2, 0, 0, 0, BN_LINEAR, false, 0, 0}, /* taps deeper than a block */
    {4, 5, 11, 1, 3, 1, 1, 1, 1, BN_LINEAR, false, 0, 0},
};

static void sums_are_those_of_plain_weights(void **state)
{
    (void)state;
    for (bn_isa isa = BN_ISA_PLAIN; isa <= BN_MIN(bn_cpu_isa(), BN_ISA_AVX512_BF16); isa++)
        for (size_t i = 0; i < BN_COUNT(shapes); i++)
            for (fill kind = FILL_RANDOM; kind < FILL_COUNT; kind++)
                check_shape(bn_isa_name(isa), bn_kernels_for(isa), shapes[i], kind);
}

/* ---- rows are independent ------------------------------------------------------------------------------------------ */

typedef struct whole {
    bn_pack_store *packs;
    weights weights;
    shape shape;
    float *src, *dst;
} whole;

static void run_rows(const whole *all, const bn_kernels *kernels, int first, int rows, float *dst)
{
    shape s = all->shape;
    s.w = rows;
    bn_panel_product *product = make_product(all->packs, s, kernels, &all->weights.source);
    void *scratch = malloc(bn_panel_product_scratch_bytes(product));
    bn_panel_product_run(product, all->src + (ptrdiff_t)first * s.in, dst, NULL, scratch);
    free(scratch);
    bn_panel_product_destroy(&product);
}

static whole open_whole(shape s)
{
    bn_error err = {0};
    whole all = {.weights = make_weights((size_t)s.in * (size_t)s.out, s.out, FILL_RANDOM), .shape = s};
    assert_ok(bn_pack_store_create(&all.packs, &err), err);
    all.src = make_src(s, FILL_RANDOM);
    all.dst = make_floats("dst", (size_t)s.w * (size_t)s.out, 1, FILL_ZERO);
    return all;
}

static void close_whole(whole *all)
{
    bn_pack_store_destroy(&all->packs);
    free(all->src);
    free(all->dst);
}

static void a_row_has_the_same_bits_wherever_it_stands(void **state)
{
    (void)state;
    const shape s = {1, 300, 777, 40, 1, 1, 0, 0, 0, BN_GELU, false, 0, 0};
    whole all = open_whole(s);
    float *part = make_floats("part", (size_t)s.w * (size_t)s.out, 1, FILL_ZERO);
    for (bn_isa isa = BN_ISA_PLAIN; isa <= BN_MIN(bn_cpu_isa(), BN_ISA_AVX512_BF16); isa++) {
        run_rows(&all, bn_kernels_for(isa), 0, s.w, all.dst);
        for (int rows = 1; rows <= 30; rows++) {
            const int first = (rows * 37) % (s.w - rows);
            run_rows(&all, bn_kernels_for(isa), first, rows, part);
            if (memcmp(part, all.dst + first * s.out, (size_t)(rows * s.out) * sizeof *part) != 0)
                fail_msg("%s: %d rows from %d on have other bits than in the whole", bn_isa_name(isa), rows,
                         first);
        }
    }
    free(part);
    close_whole(&all);
}

static void nan_and_infinity_stay_in_their_rows(void **state)
{
    (void)state;
    for (bn_activation activation = BN_LINEAR; activation <= BN_GELU; activation++) {
        const shape s = {1, 40, 100, 20, 1, 1, 0, 0, 0, activation, false, 0, 0};
        whole all = open_whole(s);
        float *hostile = make_floats("hostile", (size_t)s.w * (size_t)s.out, 1, FILL_ZERO);
        for (bn_isa isa = BN_ISA_PLAIN; isa <= BN_MIN(bn_cpu_isa(), BN_ISA_AVX512_BF16); isa++) {
            run_rows(&all, bn_kernels_for(isa), 0, s.w, all.dst);
            const float kept[2] = {all.src[7 * s.in + 50], all.src[20 * s.in]};
            all.src[7 * s.in + 50] = NAN;
            all.src[20 * s.in] = INFINITY;
            run_rows(&all, bn_kernels_for(isa), 0, s.w, hostile);
            all.src[7 * s.in + 50] = kept[0];
            all.src[20 * s.in] = kept[1];
            for (int i = 0; i < s.w * s.out; i++) {
                const int row = i / s.out;
                if (row == 7 && !isnan(hostile[i])) fail_msg("%s lost a NaN", bn_isa_name(isa));
                if (row == 20 && activation == BN_LINEAR && !isinf(hostile[i]))
                    fail_msg("%s lost an infinity", bn_isa_name(isa));
                if (row != 7 && row != 20 && hostile[i] != all.dst[i])
                    fail_msg("%s spread a NaN to row %d", bn_isa_name(isa), row);
            }
        }
        free(hostile);
        close_whole(&all);
    }
}

/* ---- speed --------------------------------------------------------------------------------------------------------- */

static void time_shape(bn_isa isa, shape s)
{
    bn_error err = {0};
    const int taps = s.kernel * s.kernel, pixels = out_height(s) * out_width(s);
    const weights w = make_weights((size_t)s.out * (size_t)s.in * (size_t)taps, s.out, FILL_RANDOM);
    float *src = make_src(s, FILL_RANDOM),
          *dst = make_floats("dst", (size_t)pixels * (size_t)s.out, 1, FILL_ZERO);
    bn_pack_store *packs = NULL;
    assert_ok(bn_pack_store_create(&packs, &err), err);
    bn_panel_product *product = make_product(packs, s, bn_kernels_for(isa), &w.source);
    void *scratch = malloc(bn_panel_product_scratch_bytes(product));
    char name[80];
    snprintf(name, sizeof name, "product %d x %dx%d -> %d%s", pixels, taps, s.in, s.out,
             s.activation == BN_GELU ? " gelu" : "");
    TIME(isa, name, (double)pixels * taps * s.in * s.out,
         bn_panel_product_run(product, src, dst, NULL, scratch));
    free(scratch);
    bn_panel_product_destroy(&product);
    bn_pack_store_destroy(&packs);
    free(src);
    free(dst);
}

static void products_are_timed(void **state)
{
    (void)state;
    static const shape timed[] = {
        {1, 256, 96, 384, 1, 1, 0, 0, 0, BN_GELU, false, 0, 0},
        {1, 256, 384, 96, 1, 1, 0, 0, 0, BN_LINEAR, true, 0, 0},
        {1, 256, 384, 1152, 1, 1, 0, 0, 0, BN_LINEAR, false, 0, 0},
        {1, 256, 768, 3072, 1, 1, 0, 0, 0, BN_GELU, false, 0, 0},
        {1, 256, 3072, 768, 1, 1, 0, 0, 0, BN_LINEAR, true, 0, 0},
        {1, 128, 3136, 256, 1, 1, 0, 0, 0, BN_RELU, false, 0, 0},
        {6, 256, 240, 64, 3, 1, 0, 0, 1, BN_RELU, false, 0, 0},
        {10, 256, 64, 160, 7, 1, 0, 0, 3, BN_LINEAR, false, 0, 0},
    };
    if (!timing) skip();
    for (bn_isa isa = BN_ISA_AVX2; isa <= BN_MIN(bn_cpu_isa(), BN_ISA_AVX512_BF16); isa++)
        for (size_t i = 0; i < BN_COUNT(timed); i++) time_shape(isa, timed[i]);
}

int main(int argc, char **argv)
{
    timing = argc > 1 && strcmp(argv[1], "--time") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_plain_weights),
        cmocka_unit_test(a_row_has_the_same_bits_wherever_it_stands),
        cmocka_unit_test(nan_and_infinity_stay_in_their_rows),
        cmocka_unit_test(products_are_timed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
