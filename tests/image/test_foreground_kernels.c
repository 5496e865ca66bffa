/* test_foreground_kernels.c - each kernel of the foreground estimate, of every level of instructions, beside plain C: the
 * same bytes, on random and on hostile input, and nothing written outside of a row. */
#include "tests/test.h"

#include "base/cpu.h"
#include "base/size.h"
#include "pixels/foreground_kernels.h"

enum { WIDTH = 150, STRIDE = 160, PIXELS = 3 * STRIDE, SUMS = BN_FOREGROUND_SUMS * STRIDE };

typedef struct buffers {
    int32_t columns[SUMS], boxes[SUMS];
    uint16_t colours[6 * STRIDE];
    uint8_t rgb[PIXELS];
} buffers;

typedef struct inputs {
    uint8_t rgb[2][PIXELS], alpha[2][STRIDE];
    uint16_t colours[2][6 * STRIDE];
    int32_t columns[SUMS], wide[SUMS], narrow[SUMS];
    int mirrors[STRIDE + 2 * BN_WIDE_BEFORE + 2];
} inputs;

typedef enum fill {
    FILL_RANDOM = 0,
    FILL_ZERO,
    FILL_ONES,   /* all 255: sums and estimates at their largest */
    FILL_SPIKES, /* one of 97 is 255 */
    FILL_EDGE,   /* open at the left, covered at the right */
    FILL_COUNT,
} fill;

static uint32_t state = 1;

static uint32_t next(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static uint32_t number(fill kind, int x, uint32_t most)
{
    switch (kind) {
    case FILL_RANDOM:
        return next() % (most + 1);
    case FILL_ONES:
        return most;
    case FILL_SPIKES:
        return x % 97 == 5 ? most : 0;
    case FILL_EDGE:
        return x > WIDTH / 2 ? most : 0;
    default:
        return 0;
    }
}

/* Sums as those of `area` pixels: colours of the product are not more than the alpha allows. */
static void fill_sums(int32_t *sums, fill kind, fill alphas, int count, uint32_t most_colour,
                      bool rest_of_alpha)
{
    for (int x = 0; x < STRIDE; x++) {
        const int32_t alpha = (int32_t)number(alphas, x, (uint32_t)(255 * count));
        sums[x] = alpha;
        for (int c = 0; c < 3; c++) {
            const int64_t colour = number(kind, x + c, most_colour), open = 255 * (int64_t)count - alpha;
            sums[(1 + c) * STRIDE + x] = (int32_t)(alpha * colour);
            sums[(4 + c) * STRIDE + x] = (int32_t)((rest_of_alpha ? open : count) * colour);
        }
    }
}

static void fill_inputs(inputs *in, fill kind, fill alphas)
{
    for (int i = 0; i < 2; i++) {
        for (int x = 0; x < PIXELS; x++) in->rgb[i][x] = (uint8_t)number(kind, x / 3, 255);
        for (int x = 0; x < STRIDE; x++) in->alpha[i][x] = (uint8_t)number(alphas, x, 255);
        for (int x = 0; x < 6 * STRIDE; x++) in->colours[i][x] = (uint16_t)number(kind, x % STRIDE, 65535);
    }
    const int side = BN_WIDE_BEFORE + 1 + BN_WIDE_AFTER, narrow = BN_NARROW_BEFORE + 1 + BN_NARROW_AFTER;
    fill_sums(in->columns, kind, alphas, side, 255, false);
    fill_sums(in->wide, kind, alphas, side * side, 255, false);
    fill_sums(in->narrow, kind, alphas, narrow, 65535, true);
}

/* Mirrored columns of a row of this width, as foreground.c makes them. */
static const int *fill_mirrors(inputs *in, int width)
{
    const int period = BN_MAX(2 * (width - 1), 1);
    for (int i = 0; i < width + 2 * (BN_WIDE_BEFORE + 1); i++) {
        const int at = abs(i - (BN_WIDE_BEFORE + 1)) % period;
        in->mirrors[i] = at < width ? at : period - at;
    }
    return in->mirrors + BN_WIDE_BEFORE + 1;
}

static void run_all(const bn_foreground_kernels *kernels, inputs *in, int width, buffers *out)
{
    memset(out, 0xa5, sizeof *out);
    memcpy(out->columns, in->columns, sizeof out->columns);
    kernels->slide_wide(out->columns, width, STRIDE, in->rgb[0], in->alpha[0], in->rgb[1], in->alpha[1]);
    kernels->sum_wide(in->columns, width, STRIDE, fill_mirrors(in, width), out->boxes);
    kernels->estimate_wide(in->wide, width, STRIDE, in->rgb[0], in->alpha[0], out->colours);
    kernels->estimate_narrow(in->narrow, width, STRIDE, in->rgb[0], in->alpha[0], out->rgb);
}

static void compare(const char *what, const void *got, const void *wanted, size_t bytes, int width)
{
    for (size_t i = 0; i < bytes; i++)
        if (((const uint8_t *)got)[i] != ((const uint8_t *)wanted)[i])
            fail_msg("%s, width %d: byte %zu is %d, plain C gives %d", what, width, i,
                     ((const uint8_t *)got)[i], ((const uint8_t *)wanted)[i]);
}

static void check(const char *level, const bn_foreground_kernels *kernels, fill kind, fill alphas)
{
    static inputs in;
    static buffers got, wanted;
    char name[64];
    fill_inputs(&in, kind, alphas);
    for (int width = 1; width <= WIDTH; width += width < 36 ? 1 : 19) {
        run_all(&bn_foreground_kernels_plain, &in, width, &wanted);
        run_all(kernels, &in, width, &got);
        snprintf(name, sizeof name, "%s, fills %d and %d", level, (int)kind, (int)alphas);
        compare(name, &got, &wanted, sizeof got, width);
        bn_estimate_row rows[2];
        for (int i = 0; i < 2; i++) rows[i] = (bn_estimate_row){in.colours[i], in.alpha[i]};
        memset(&got, 0, sizeof got);
        memset(&wanted, 0, sizeof wanted);
        kernels->slide_narrow(got.columns, width, STRIDE, &rows[0], &rows[1]);
        bn_foreground_kernels_plain.slide_narrow(wanted.columns, width, STRIDE, &rows[0], &rows[1]);
        compare(name, &got, &wanted, sizeof got, width);
    }
}

static void every_level_gives_the_bytes_of_plain_c(void **user)
{
    (void)user;
    for (bn_isa isa = BN_ISA_PLAIN; isa <= bn_cpu_isa(); isa++) {
        if (isa > BN_ISA_PLAIN && bn_foreground_kernels_for(isa) == bn_foreground_kernels_for(isa - 1))
            continue;
        for (fill kind = FILL_RANDOM; kind < FILL_COUNT; kind++)
            for (fill alphas = FILL_RANDOM; alphas < FILL_COUNT; alphas++)
                check(bn_isa_name(isa), bn_foreground_kernels_for(isa), kind, alphas);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_level_gives_the_bytes_of_plain_c)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
