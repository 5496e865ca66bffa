/* params_fold.c - weights that are made of several tensors: the exact rewrites of the network (docs/MODEL.md). */
#include "model/params_fold.h"

#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bn_fold_list {
    bn_source source; /* first */
    struct bn_fold_list *next;
    const bn_weights *weights;
    const bn_arch *arch;
    int count;
    char branches[BN_MAX_BRANCHES + 1][160]; /* offsets: prefixes of the branches */
};

typedef bn_fold_list fold;

void bn_fold_list_free(bn_fold_list **list)
{
    for (fold *one = *list, *next; one; one = next) {
        next = one->next;
        free(one);
    }
    *list = NULL;
}

static const bn_source *source_of(const fold *one)
{
    return one ? &one->source : NULL;
}

static fold *make(bn_params *params, const char *key,
                  bn_status (*load)(const bn_source *source, float *weight, float *bias, bn_error *err))
{
    fold *one = calloc(1, sizeof *one);
    if (!one) {
        bn_params_fail(params, BIREFNET_ERROR_MEMORY);
        return NULL;
    }
    one->source.load = load;
    snprintf(one->source.key, sizeof one->source.key, "%s", key);
    one->weights = bn_params_weights(params);
    one->arch = bn_params_arch(params);
    fold **list = bn_params_folds(params);
    one->next = *list;
    *list = one;
    return one;
}

/* ---- offsets and modulators ------------------------------------------------------------------------------------ */

int bn_param_offsets_width(int kernel, int branches)
{
    return (int)bn_size_round_up((size_t)(3 * kernel * kernel * branches), 16);
}

static bn_status load_offsets(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    static const char *const convs[] = {"offset_conv", "modulator_conv"};
    const fold *self = (const fold *)source;
    size_t row = 0;
    for (int i = 0; i < self->count; i++)
        for (size_t part = 0; part < BN_COUNT(convs); part++) {
            char name[192];
            snprintf(name, sizeof name, "%s.atrous_conv.%s.weight", self->branches[i], convs[part]);
            const bn_weight *tensor = bn_weights_find(self->weights, name);
            if (!tensor || tensor->rank != 4)
                return bn_fail(err, BIREFNET_ERROR_FORMAT, "tensor %s is missing", name);
            const size_t rows = (size_t)tensor->shape[0], each = tensor->count / rows;
            if (weight) BN_TRY(bn_weight_read_finite(tensor, weight + row * each, err));
            snprintf(name, sizeof name, "%s.atrous_conv.%s.bias", self->branches[i], convs[part]);
            if (bias) BN_TRY(bn_read_tensor(self->weights, name, rows, bias + row, err));
            row += rows;
            const size_t kernel2 = (size_t)(tensor->shape[2] * tensor->shape[3]);
            const size_t padded = bn_size_round_up(3 * kernel2 * (size_t)self->count, 16);
            if (i + 1 < self->count || part == 0) continue;
            if (weight) memset(weight + row * each, 0, (padded - row) * each * sizeof *weight);
            if (bias) memset(bias + row, 0, (padded - row) * sizeof *bias);
        }
    return BIREFNET_OK;
}

const bn_source *bn_param_offsets(bn_params *params, const char *block, const char *const *branches,
                                  int count)
{
    char key[160];
    snprintf(key, sizeof key, "%s.%s.offsets", block, branches[0]);
    fold *one = make(params, key, load_offsets);
    if (!one) return NULL;
    one->count = count;
    for (int i = 0; i < count; i++)
        snprintf(one->branches[i], sizeof one->branches[i], "%s.%s", block, branches[i]);
    return &one->source;
}

/* ---- the last projection --------------------------------------------------------------------------------------- */

/* conv_out1 reads [decoder_block1's channels | picture's channels]; it is linear, as are conv_out and bn_out before it
 * (bilinear resizing between them keeps weighted sums), so the block's channels shrink to one before being enlarged. */
static bn_status load_projection(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    const fold *self = (const fold *)source;
    const size_t last = (size_t)bn_arch_channels(self->arch, 3), outs = last / 2,
                 inter = (size_t)self->arch->inter;
    bn_status status = BIREFNET_OK;
    float *conv = calloc(outs * inter * 9 + 3 * outs + last / 2 + last / 8, sizeof *conv);
    if (!conv) return bn_fail_memory(err, outs * inter * 9 * sizeof *conv, "the last projection");
    float *conv_bias = conv + outs * inter * 9, *scale = conv_bias + outs, *shift = scale + outs,
          *join = shift + outs;
    BN_TRY_DONE(
        bn_read_tensor(self->weights, "decoder.decoder_block1.conv_out.weight", outs * inter * 9, conv, err));
    BN_TRY_DONE(bn_read_tensor(self->weights, "decoder.decoder_block1.conv_out.bias", outs, conv_bias, err));
    BN_TRY_DONE(bn_read_batch_norm(self->weights, "decoder.decoder_block1.bn_out", outs, scale, shift, err));
    BN_TRY_DONE(bn_read_tensor(self->weights, "decoder.conv_out1.0.weight", last / 2 + last / 8, join, err));
    double constant = 0;
    for (size_t o = 0; o < outs; o++) constant += (double)join[o] * (scale[o] * conv_bias[o] + shift[o]);
    for (size_t i = 0; weight && i < inter * 9; i++) {
        double sum = 0;
        for (size_t o = 0; o < outs; o++) sum += (double)join[o] * scale[o] * conv[o * inter * 9 + i];
        weight[i] = (float)sum;
    }
    if (bias) bias[0] = (float)constant;
done:
    free(conv);
    return status;
}

const bn_source *bn_param_projection(bn_params *params)
{
    return source_of(make(params, "decoder.projection", load_projection));
}

/* ---- the picture's share of the logits ---------------------------------------------------------------------------- */

typedef struct picture_numbers {
    float *conv1, *bias1; /* [mid][3][9], [mid] */
    float *conv2, *bias2; /* [c][mid][9], [c] */
    float *join;          /* [last / 2 + c] */
    float bias;           /* of conv_out1 */
} picture_numbers;

/* conv_out1 . conv_out: one filter [mid][9] and a constant, then spread over the taps of the inner convolution. */
static void multiply_out(const picture_numbers *n, size_t mid, size_t c, const float *join,
                         bn_picture_filter *filter)
{
    double whole_bias = n->bias;
    for (size_t o = 0; o < c; o++) whole_bias += (double)join[o] * n->bias2[o];
    filter->bias = (float)whole_bias;
    double whole[3][25] = {{0}};
    for (size_t tap = 0; tap < 9; tap++) {
        double constant = 0, share[3][9] = {{0}};
        for (size_t m = 0; m < mid; m++) {
            double outer = 0;
            for (size_t o = 0; o < c; o++) outer += (double)join[o] * n->conv2[(o * mid + m) * 9 + tap];
            constant += outer * n->bias1[m];
            for (size_t plane = 0; plane < 3; plane++)
                for (size_t i = 0; i < 9; i++) share[plane][i] += outer * n->conv1[(m * 3 + plane) * 9 + i];
        }
        filter->tap_bias[tap] = (float)constant;
        whole_bias += constant;
        for (size_t plane = 0; plane < 3; plane++)
            for (size_t i = 0; i < 9; i++) {
                filter->tap[tap][plane][i] = (float)share[plane][i];
                whole[plane][(tap / 3 + i / 3) * 5 + tap % 3 + i % 3] += share[plane][i];
            }
    }
    filter->whole_bias = (float)whole_bias;
    for (size_t plane = 0; plane < 3; plane++)
        for (size_t i = 0; i < 25; i++) filter->whole[plane][i] = (float)whole[plane][i];
}

static bn_status load_picture_filter(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)bias;
    const fold *self = (const fold *)source;
    const size_t last = (size_t)bn_arch_channels(self->arch, 3), c = last / 8,
                 mid = (size_t)self->arch->picture_mid;
    bn_status status = BIREFNET_OK;
    float *all = calloc(mid * 27 + mid + c * mid * 9 + c + last / 2 + c, sizeof *all);
    if (!all) return bn_fail_memory(err, c * mid * 9 * sizeof *all, "the picture's filter");
    picture_numbers n = {.conv1 = all};
    n.bias1 = n.conv1 + mid * 27;
    n.conv2 = n.bias1 + mid;
    n.bias2 = n.conv2 + c * mid * 9;
    n.join = n.bias2 + c;
    BN_TRY_DONE(bn_read_tensor(self->weights, "decoder.ipt_blk1.conv1.weight", mid * 27, n.conv1, err));
    BN_TRY_DONE(bn_read_tensor(self->weights, "decoder.ipt_blk1.conv1.bias", mid, n.bias1, err));
    BN_TRY_DONE(bn_read_tensor(self->weights, "decoder.ipt_blk1.conv_out.weight", c * mid * 9, n.conv2, err));
    BN_TRY_DONE(bn_read_tensor(self->weights, "decoder.ipt_blk1.conv_out.bias", c, n.bias2, err));
    BN_TRY_DONE(bn_read_tensor(self->weights, "decoder.conv_out1.0.weight", last / 2 + c, n.join, err));
    BN_TRY_DONE(bn_read_tensor(self->weights, "decoder.conv_out1.0.bias", 1, &n.bias, err));
    multiply_out(&n, mid, c, n.join + last / 2, (bn_picture_filter *)(void *)weight);
done:
    free(all);
    return status;
}

const bn_source *bn_param_picture_filter(bn_params *params)
{
    return source_of(make(params, "decoder.picture_filter", load_picture_filter));
}
