/* test_attention.c - attention on a graphics card against plain C: in (shifted) windows of maps of odd sizes, and over all
 * keys; both types, hostile numbers. */
#include "tests/gpu/field.h"

#include "nn/gpu/attention.h"
#include "nn/gpu/window_bias.h"

#include <stdio.h>

/* ---- plain C ------------------------------------------------------------------------------------------------- */

/* out = softmax(scores) values, over the keys whose score is not -INFINITY. */
static void mix(double *scores, const float *const *values, size_t keys, size_t dim, float *out, bn_type type)
{
    double highest = -INFINITY, sum = 0;
    for (size_t j = 0; j < keys; j++) highest = fmax(highest, scores[j]);
    for (size_t j = 0; j < keys; j++) sum += scores[j] = exp(scores[j] - highest);
    for (size_t d = 0; d < dim; d++) {
        double value = 0;
        for (size_t j = 0; j < keys; j++) value += scores[j] * (double)values[j][d];
        out[d] = rounded((float)(value / sum), type);
    }
}

static double dot(const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t d = 0; d < dim; d++) sum += (double)a[d] * (double)b[d];
    return sum;
}

/* ---- windows ------------------------------------------------------------------------------------------------- */

typedef struct window_case {
    size_t h, w, window, shift, heads, dim, more; /* more: what strides have beyond the channels */
    bn_type type;
} window_case;

/* A token of the padded, rolled map. */
typedef struct token {
    size_t pixel; /* of the map; -1: padding */
    int region;
} token;

/* Swin's regions: slices 0 .. -window, -window .. -shift, -shift .. of the rolled map. */
static int slice_of(size_t r, size_t padded, const window_case *c)
{
    if (c->shift == 0) return 0;
    return r < padded - c->window ? 0 : r < padded - c->shift ? 1 : 2;
}

static void window_tokens(const window_case *c, size_t wy, size_t wx, token *tokens)
{
    const size_t h = (c->h + c->window - 1) / c->window * c->window,
                 w = (c->w + c->window - 1) / c->window * c->window;
    for (size_t i = 0; i < c->window * c->window; i++) {
        const size_t r = wy * c->window + i / c->window, q = wx * c->window + i % c->window;
        const size_t y = (r + c->shift) % h, x = (q + c->shift) % w;
        tokens[i] = (token){y < c->h && x < c->w ? y * c->w + x : (size_t)-1,
                            3 * slice_of(r, h, c) + slice_of(q, w, c)};
    }
}

typedef struct window_fields {
    field qkv, padding, table, out;
} window_fields;

static const float *row_of(const window_fields *f, size_t picture, token t)
{
    return t.pixel == (size_t)-1 ? f->padding.numbers : field_at(&f->qkv, picture, t.pixel);
}

static void attend_window(const window_fields *f, const window_case *c, size_t picture, const token *tokens,
                          size_t head)
{
    const size_t n = c->window * c->window, channels = c->heads * c->dim, at = head * c->dim,
                 span = 2 * c->window - 1;
    double *scores = malloc(n * sizeof *scores);
    const float **values = malloc(n * sizeof *values);
    assert_true(scores && values);
    for (size_t i = 0; i < n; i++) {
        if (tokens[i].pixel == (size_t)-1) continue;
        for (size_t j = 0; j < n; j++) {
            const size_t place = (i / c->window + c->window - 1 - j / c->window) * span + i % c->window +
                                 c->window - 1 - j % c->window;
            const float *key = row_of(f, picture, tokens[j]) + channels + at;
            values[j] = key + channels;
            scores[j] = tokens[i].region != tokens[j].region
                            ? -INFINITY
                            : dot(row_of(f, picture, tokens[i]) + at, key, c->dim) / sqrt((double)c->dim) +
                                  (double)field_at(&f->table, 0, head)[place];
        }
        mix(scores, values, n, c->dim, field_at(&f->out, picture, tokens[i].pixel) + at, c->type);
    }
    free(scores);
    free(values);
}

static void attend_windows_plainly(const window_fields *f, const window_case *c)
{
    token *tokens = malloc(c->window * c->window * sizeof *tokens);
    assert_non_null(tokens);
    for (size_t picture = 0; picture < 2; picture++)
        for (size_t wy = 0; wy * c->window < c->h; wy++)
            for (size_t wx = 0; wx * c->window < c->w; wx++) {
                window_tokens(c, wy, wx, tokens);
                for (size_t head = 0; head < c->heads; head++) attend_window(f, c, picture, tokens, head);
            }
    free(tokens);
}

static bn_gpu_call window_call(const window_fields *f, const window_case *c, uint32_t tile,
                               uint32_t invocations)
{
    const size_t down = (c->h + c->window - 1) / c->window, across = (c->w + c->window - 1) / c->window;
    return (bn_gpu_call){
        .kernel = BN_GPU_WINDOW,
        .groups = {(uint32_t)(across * c->heads),
                   (uint32_t)down * bn_gpu_groups(c->window * c->window, invocations), 2},
        .span = {field_span(&f->qkv), field_span(&f->out), field_span(&f->padding), field_span(&f->table)},
        .step = {field_step(&f->qkv), field_step(&f->out)},
        .number = {(uint32_t)c->h, (uint32_t)c->w, (uint32_t)c->shift, (uint32_t)f->qkv.stride,
                   (uint32_t)f->out.stride, (uint32_t)c->heads, bn_gpu_bits(1.0f / sqrtf((float)c->dim))},
        .constant = {c->type, (uint32_t)c->dim, (uint32_t)c->window, invocations, tile,
                     c->dim % 4 == 0 && c->more % 4 == 0, c->dim < 10 ? 4 : 1}};
}

/* A driver that computes on the CPU would compile windows of 12 for minutes. */
static bool on_matrix_cores(const bn_gpu_facts *facts, const window_case *c)
{
    const bool small = facts->kind != BN_GPU_SOFTWARE || c->window * c->window * c->dim <= 640;
    return small && facts->matrix && c->type == BN_F16 && c->dim % 16 == 0 &&
           c->dim / 2 >= (size_t)facts->matrix_n && c->more % 8 == 0;
}

/* More than one that share a window's rows of fragments evenly. */
static uint32_t other_subgroups(const bn_gpu_facts *facts, const window_case *c)
{
    const int rows = bn_gpu_matrix_round_up(facts, (int)(c->window * c->window)) / facts->matrix_m;
    return rows % 2 == 0 ? 2 : rows % 3 == 0 ? 3 : (uint32_t)rows;
}

/* The same on matrix cores. */
static void check_matrix_window(bn_gpu *gpu, const window_fields *f, const window_case *c, fill kind,
                                uint32_t subgroups)
{
    const bn_gpu_facts *facts = bn_gpu_facts_of(gpu);
    const bn_window_shape shape = {(int)c->window,
                                   (int)c->shift,
                                   (int)c->heads,
                                   bn_gpu_matrix_round_up(facts, (int)(c->window * c->window)),
                                   facts->matrix_m,
                                   facts->matrix_n,
                                   1.0f / sqrtf((float)c->dim)};
    const size_t count = bn_window_bias_count(&shape), places = f->table.c;
    field bias = field_make(gpu, 1, c->heads, count, count, BN_F16),
          hidden = field_make(gpu, 1, 4, count, count, BN_F16);
    float *table = malloc(places * c->heads * sizeof *table);
    assert_non_null(table);
    for (size_t i = 0; i < places * c->heads; i++)
        table[i] = field_at(&f->table, 0, i % c->heads)[i / c->heads];
    bn_window_bias_fill(&shape, table, NULL, bias.numbers);
    for (size_t i = 0; i < field_count(&bias); i++) bias.numbers[i] = rounded(bias.numbers[i], BN_F16);
    bn_window_hidden_fill(&shape, NULL, NULL, hidden.numbers);
    field_upload(&bias);
    field_upload(&hidden);
    bn_gpu_call call = window_call(f, c, 0, 256);
    call.kernel = BN_GPU_MATRIX_WINDOW;
    call.groups[1] = (uint32_t)((c->h + c->window - 1) / c->window);
    call.span[3] = field_span(&bias);
    call.span[4] = field_span(&hidden);
    call.number[6] = bn_gpu_bits(shape.scale * BN_GPU_LOG2_E);
    const uint32_t constants[BN_GPU_CONSTANTS] = {(uint32_t)c->dim,
                                                  (uint32_t)c->window,
                                                  (uint32_t)shape.padded,
                                                  bn_gpu_matrix_fragment(facts),
                                                  subgroups,
                                                  (uint32_t)c->dim / 8 + subgroups % 2,
                                                  0,
                                                  subgroups * (uint32_t)facts->subgroup};
    memcpy(call.constant, constants, sizeof constants);
    char what[96];
    snprintf(what, sizeof what, "matrix window %zu of %zux%zu shift %zu dim %zu fill %d subgroups %u",
             c->window, c->h, c->w, c->shift, c->dim, (int)kind, subgroups);
    field_check(gpu, &call, &f->out, NULL, what, 2e-3);
    free(table);
    field_free(&bias);
    field_free(&hidden);
}

/* With scores of 1e9 the winner of a softmax is a matter of rounding: looser. */
static double tolerance(bn_type type, fill kind)
{
    return type == BN_F16 || kind == FILL_LARGE ? 2e-3 : 2e-5;
}

static void check_window(bn_gpu *gpu, const window_case *c, fill kind)
{
    const size_t channels = c->heads * c->dim, places = (2 * c->window - 1) * (2 * c->window - 1);
    window_fields f = {field_make(gpu, 2, c->h * c->w, 3 * channels, 3 * channels + c->more, c->type),
                       field_make(gpu, 1, 1, 3 * channels, 3 * channels, c->type),
                       field_make(gpu, 1, c->heads, places, places, BN_F32),
                       field_make(gpu, 2, c->h * c->w, channels, channels + c->more, c->type)};
    field_fill(&f.qkv, "qkv", 2, kind);
    field_fill(&f.padding, "padding", 2, kind);
    field_fill(&f.table, "table", 3, kind);
    attend_windows_plainly(&f, c);
    static const uint32_t shapes[][2] = {{48, 64}, {8, 16}}; /* tile, invocations */
    for (size_t i = 0; i < BN_COUNT(shapes); i++) {
        const bn_gpu_call call = window_call(&f, c, shapes[i][0], shapes[i][1]);
        char what[96];
        snprintf(what, sizeof what, "window %zu of %zux%zu shift %zu dim %zu type %d fill %d tile %u",
                 c->window, c->h, c->w, c->shift, c->dim, (int)c->type, (int)kind, shapes[i][0]);
        field_check(gpu, &call, &f.out, NULL, what, tolerance(c->type, kind));
    }
    if (on_matrix_cores(bn_gpu_facts_of(gpu), c) && kind != FILL_LARGE) { /* large: the bias is float16 */
        check_matrix_window(gpu, &f, c, kind, 1);
        check_matrix_window(gpu, &f, c, kind, other_subgroups(bn_gpu_facts_of(gpu), c));
    }
    field_free(&f.qkv);
    field_free(&f.padding);
    field_free(&f.table);
    field_free(&f.out);
}

static void windows_agree(void **state)
{
    static const window_case cases[] = {
        {9, 12, 7, 3, 2, 32, 0, BN_F32},  {9, 12, 7, 3, 2, 32, 4, BN_F16}, {13, 14, 12, 6, 1, 32, 0, BN_F16},
        {7, 14, 7, 0, 1, 32, 0, BN_F32},  {5, 3, 2, 1, 3, 10, 1, BN_F32},  {5, 3, 2, 1, 3, 10, 0, BN_F16},
        {20, 17, 16, 8, 1, 8, 0, BN_F32}, {3, 2, 7, 0, 1, 64, 8, BN_F16},  {1, 1, 1, 0, 1, 32, 0, BN_F32},
        {6, 9, 4, 2, 2, 32, 8, BN_F16},   {7, 11, 6, 3, 1, 16, 0, BN_F16}, {5, 7, 3, 1, 3, 16, 0, BN_F16},
        {9, 12, 7, 3, 2, 32, 8, BN_F16},
    };
    bn_gpu *gpu = field_device(state);
    for (size_t i = 0; i < BN_COUNT(cases); i++)
        for (fill kind = FILL_RANDOM; kind < FILL_COUNT; kind++) check_window(gpu, &cases[i], kind);
}

/* ---- all keys -------------------------------------------------------------------------------------------------- */

typedef struct attend_case {
    size_t queries, keys, heads, dim, more;
    bn_type type;
} attend_case;

static void attend_plainly(const attend_case *c, const field *q, const field *kv, field *out)
{
    double *scores = malloc(c->keys * sizeof *scores);
    const float **values = malloc(c->keys * sizeof *values);
    assert_true(scores && values);
    for (size_t i = 0; i < 2 * c->queries * c->heads; i++) {
        const size_t head = i % c->heads, query = i / c->heads % c->queries,
                     picture = i / c->heads / c->queries;
        for (size_t j = 0; j < c->keys; j++) {
            const float *key = field_at(kv, picture, j) + head * c->dim;
            values[j] = key + c->heads * c->dim;
            scores[j] = dot(field_at(q, picture, query) + head * c->dim, key, c->dim) / sqrt((double)c->dim);
        }
        mix(scores, values, c->keys, c->dim, field_at(out, picture, query) + head * c->dim, c->type);
    }
    free(scores);
    free(values);
}

static bool all_on_matrix_cores(const bn_gpu_facts *facts, const attend_case *c)
{
    return facts->matrix && c->type == BN_F16 && c->dim % 16 == 0 && c->dim / 2 >= (size_t)facts->matrix_n &&
           c->more % 8 == 0;
}

/* The call of the plain kernel as one on matrix cores. */
static bn_gpu_call matrix_attend_call(const bn_gpu_facts *facts, const attend_case *c, bn_gpu_call call,
                                      uint32_t subgroups)
{
    const uint32_t dim = (uint32_t)c->dim, m = (uint32_t)facts->matrix_m;
    const uint32_t constants[BN_GPU_CONSTANTS] = {
        dim, 16, bn_gpu_matrix_fragment(facts),        subgroups, dim / 8 + subgroups % 2,
        0,   0,  subgroups * (uint32_t)facts->subgroup};
    call.kernel = BN_GPU_MATRIX_ATTEND;
    call.groups[0] = bn_gpu_groups(c->queries, subgroups * m) * (uint32_t)c->heads;
    call.number[6] = bn_gpu_bits(BN_GPU_LOG2_E / sqrtf((float)c->dim));
    memcpy(call.constant, constants, sizeof constants);
    return call;
}

static void check_attend(bn_gpu *gpu, const attend_case *c, fill kind)
{
    const size_t channels = c->heads * c->dim;
    field q = field_make(gpu, 2, c->queries, channels, channels + c->more, c->type),
          kv = field_make(gpu, 2, c->keys, 2 * channels, 2 * channels + c->more, c->type),
          out = field_make(gpu, 2, c->queries, channels, channels + 2 * c->more, c->type);
    field_fill(&q, "q", 2, kind);
    field_fill(&kv, "kv", 2, kind);
    attend_plainly(c, &q, &kv, &out);
    const uint32_t invocations = 32;
    const bn_gpu_call call = {.kernel = BN_GPU_ATTEND,
                              .groups = {bn_gpu_groups(c->queries, invocations) * (uint32_t)c->heads, 1, 2},
                              .span = {field_span(&q), field_span(&out), field_span(&kv)},
                              .step = {field_step(&q), field_step(&out), field_step(&kv)},
                              .number = {(uint32_t)c->queries, (uint32_t)c->keys, (uint32_t)q.stride,
                                         (uint32_t)out.stride, (uint32_t)kv.stride, (uint32_t)c->heads,
                                         bn_gpu_bits(1.0f / sqrtf((float)c->dim))},
                              .constant = {c->type, (uint32_t)c->dim, 24, invocations,
                                           c->dim % 4 == 0 && c->more % 4 == 0, c->dim < 32 ? 4 : 1}};
    char what[96];
    snprintf(what, sizeof what, "attend %zu queries %zu keys dim %zu type %d fill %d", c->queries, c->keys,
             c->dim, (int)c->type, (int)kind);
    field_check(gpu, &call, &out, NULL, what, tolerance(c->type, kind));
    const bn_gpu_facts *facts = bn_gpu_facts_of(gpu);
    for (uint32_t subgroups = 1; all_on_matrix_cores(facts, c) && subgroups <= 2; subgroups++) {
        const bn_gpu_call matrix = matrix_attend_call(facts, c, call, subgroups);
        field_check(gpu, &matrix, &out, NULL, what, tolerance(c->type, kind));
    }
    field_free(&q);
    field_free(&kv);
    field_free(&out);
}

static void attentions_agree(void **state)
{
    static const attend_case cases[] = {
        {70, 49, 2, 64, 4, BN_F16},  {33, 100, 3, 64, 0, BN_F32}, {1, 1, 1, 64, 0, BN_F32},
        {40, 257, 1, 10, 3, BN_F32}, {9, 24, 5, 10, 0, BN_F16},   {37, 43, 2, 16, 8, BN_F16},
        {5, 16, 1, 32, 0, BN_F16},
    };
    bn_gpu *gpu = field_device(state);
    for (size_t i = 0; i < BN_COUNT(cases); i++)
        for (fill kind = FILL_RANDOM; kind < FILL_COUNT; kind++) check_attend(gpu, &cases[i], kind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows_agree), cmocka_unit_test(attentions_agree)};
    return cmocka_run_group_tests(tests, field_setup, field_teardown);
}
