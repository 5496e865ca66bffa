/* params.c - loading weights with batch norms folded in, slices taken and orders changed. */
#include "model/params.h"

#include "base/size.h"
#include "model/params_fold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_NORM_EPS 1e-5f

typedef struct param {
    bn_source source; /* first: a bn_source * is a param * */
    struct param *next;
    const bn_weights *weights;
    const bn_arch *arch;
    char weight[160], bias[160], norm[160]; /* tensors; bias and norm "" where there are none */
    int first_input, inputs;                /* slice of input channels; inputs 0: all */
    bool keep_bias;
    bool inputs_last; /* [out][kernel][kernel][in] */
} param;

struct bn_params {
    const bn_weights *weights;
    const bn_arch *arch;
    bn_graph *graph;
    bn_fold_list *folds;
    param *first;
};

bn_status bn_params_create(const bn_weights *weights, const bn_arch *arch, bn_graph *graph,
                           bn_params **params, bn_error *err)
{
    bn_params *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "the names of weights");
    *made = (bn_params){.weights = weights, .arch = arch, .graph = graph};
    *params = made;
    return BIREFNET_OK;
}

void bn_params_destroy(bn_params **params)
{
    if (!*params) return;
    for (param *one = (*params)->first, *next; one; one = next) {
        next = one->next;
        free(one);
    }
    bn_fold_list_free(&(*params)->folds);
    free(*params);
    *params = NULL;
}

/* ---- reading tensors ---------------------------------------------------------------------------------------- */

static const bn_weight *need(const bn_weights *weights, const char *name, bn_error *err)
{
    const bn_weight *weight = bn_weights_find(weights, name);
    if (!weight) bn_fail(err, BIREFNET_ERROR_FORMAT, "tensor %s is missing", name);
    return weight;
}

static bn_status find_sized(const bn_weights *weights, const char *name, size_t count,
                            const bn_weight **weight, bn_error *err)
{
    *weight = need(weights, name, err);
    if (!*weight) return BIREFNET_ERROR_FORMAT;
    if ((*weight)->count != count)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "tensor %s has %zu elements, not %zu", name,
                       (*weight)->count, count);
    return BIREFNET_OK;
}

bn_status bn_read_tensor(const bn_weights *weights, const char *name, size_t count, float *out, bn_error *err)
{
    const bn_weight *weight;
    BN_TRY(find_sized(weights, name, count, &weight, err));
    return bn_weight_read_finite(weight, out, err);
}

/* A variance of more than 65504 is infinite in float16: such a channel gives its bias alone, which is a number. */
static bn_status read_variance(const bn_weights *weights, const char *norm, size_t count, float *out,
                               bn_error *err)
{
    const bn_weight *weight;
    char name[192];
    snprintf(name, sizeof name, "%s.running_var", norm);
    BN_TRY(find_sized(weights, name, count, &weight, err));
    BN_TRY(bn_weight_read_f32(weight, out, err));
    for (size_t i = 0; i < count; i++)
        if (!(out[i] >= 0))
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "tensor %s is broken: element %zu of %zu is %f", name,
                           i, count, (double)out[i]);
    return BIREFNET_OK;
}

bn_status bn_read_batch_norm(const bn_weights *weights, const char *norm, size_t count, float *scale,
                             float *shift, bn_error *err)
{
    static const char *const leaves[] = {"weight", "bias", "running_mean"};
    float *all = calloc((BN_COUNT(leaves) + 1) * count, sizeof *all);
    if (!all) return bn_fail_memory(err, (BN_COUNT(leaves) + 1) * count * sizeof *all, "a batch norm");
    bn_status status = BIREFNET_OK;
    for (size_t i = 0; i < BN_COUNT(leaves); i++) {
        char name[192];
        snprintf(name, sizeof name, "%s.%s", norm, leaves[i]);
        BN_TRY_DONE(bn_read_tensor(weights, name, count, all + i * count, err));
    }
    BN_TRY_DONE(read_variance(weights, norm, count, all + 3 * count, err));
    for (size_t i = 0; i < count; i++) {
        scale[i] = all[i] / sqrtf(all[3 * count + i] + BATCH_NORM_EPS);
        shift[i] = all[count + i] - all[2 * count + i] * scale[i];
    }
done:
    free(all);
    return status;
}

/* ---- a source's functions ----------------------------------------------------------------------------------- */

/* Copy the wanted input channels of all filters, in the wanted order. from: [out][in][taps]. */
static void arrange(const param *self, const float *from, size_t outs, size_t ins, size_t taps, float *to)
{
    const size_t first = (size_t)self->first_input, count = self->inputs ? (size_t)self->inputs : ins;
    for (size_t o = 0; o < outs; o++)
        for (size_t i = 0; i < count; i++)
            for (size_t t = 0; t < taps; t++)
                to[o * count * taps + (self->inputs_last ? t * count + i : i * taps + t)] =
                    from[(o * ins + first + i) * taps + t];
}

static bn_status load_weight(const param *self, const bn_weight *weight, const float *scale, float *out,
                             bn_error *err)
{
    const size_t outs = (size_t)weight->shape[0], ins = weight->rank > 1 ? (size_t)weight->shape[1] : 1;
    const size_t taps = weight->count / (outs * ins);
    const bool straight = !self->inputs && !self->inputs_last;
    float *whole = straight ? out : malloc(weight->count * sizeof *whole);
    if (!whole) return bn_fail_memory(err, weight->count * sizeof *whole, self->weight);
    bn_status status = bn_weight_read_finite(weight, whole, err);
    if (status == BIREFNET_OK && scale)
        for (size_t o = 0; o < outs; o++)
            for (size_t i = 0; i < ins * taps; i++) whole[o * ins * taps + i] *= scale[o];
    if (status == BIREFNET_OK && !straight) arrange(self, whole, outs, ins, taps, out);
    if (!straight) free(whole);
    return status;
}

static bn_status load(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    const param *self = (const param *)source;
    const bn_weight *tensor = need(self->weights, self->weight, err);
    if (!tensor) return BIREFNET_ERROR_FORMAT;
    const size_t outs = tensor->rank > 0 ? (size_t)tensor->shape[0] : 1;
    float *factors = self->norm[0] ? calloc(2 * outs, sizeof *factors) : NULL; /* scale, shift */
    bn_status status = BIREFNET_OK;
    if (self->norm[0]) {
        if (!factors) return bn_fail_memory(err, 2 * outs * sizeof *factors, self->norm);
        BN_TRY_DONE(bn_read_batch_norm(self->weights, self->norm, outs, factors, factors + outs, err));
    }
    if (weight) BN_TRY_DONE(load_weight(self, tensor, factors, weight, err));
    if (!bias) goto done;
    memset(bias, 0, outs * sizeof *bias);
    if (!self->keep_bias) goto done;
    if (self->bias[0]) BN_TRY_DONE(bn_read_tensor(self->weights, self->bias, outs, bias, err));
    for (size_t o = 0; factors && o < outs; o++) bias[o] = bias[o] * factors[o] + factors[outs + o];
done:
    free(factors);
    return status;
}

static const float *borrow(const bn_source *source)
{
    const param *self = (const param *)source;
    if (self->norm[0] || self->inputs || self->inputs_last) return NULL;
    const bn_weight *tensor = bn_weights_find(self->weights, self->weight);
    return tensor ? bn_weight_borrow_f32(tensor) : NULL;
}

static void forget(const bn_source *source)
{
    const param *self = (const param *)source;
    const bn_weight *tensor = bn_weights_find(self->weights, self->weight);
    if (tensor) bn_weight_forget(tensor);
}

/* ---- making sources ------------------------------------------------------------------------------------------ */

static param *make(bn_params *params, const char *weight, const char *bias, const char *norm,
                   const char *what)
{
    param *one = calloc(1, sizeof *one);
    if (!one) { /* the graph has failed then, and layers do not look at their sources any more */
        bn_params_fail(params, BIREFNET_ERROR_MEMORY);
        return NULL;
    }
    one->source = (bn_source){.load = load, .borrow = borrow, .forget = forget};
    snprintf(one->source.key, sizeof one->source.key, "%s%s", weight, what);
    snprintf(one->weight, sizeof one->weight, "%s", weight);
    snprintf(one->norm, sizeof one->norm, "%s", norm ? norm : "");
    if (bias && bn_weights_find(params->weights, bias)) snprintf(one->bias, sizeof one->bias, "%s", bias);
    one->keep_bias = true;
    one->weights = params->weights;
    one->arch = params->arch;
    one->next = params->first;
    params->first = one;
    return one;
}

static const bn_source *source_of(param *one)
{
    return one ? &one->source : NULL;
}

void bn_params_fail(bn_params *params, bn_status status)
{
    bn_graph_refuse(params->graph, status, "out of memory while naming the weights of a layer");
}

bn_fold_list **bn_params_folds(bn_params *params)
{
    return &params->folds;
}

const bn_weights *bn_params_weights(const bn_params *params)
{
    return params->weights;
}

const bn_arch *bn_params_arch(const bn_params *params)
{
    return params->arch;
}

const bn_source *bn_param(bn_params *params, const char *format, ...)
{
    char prefix[128], weight[160], bias[160];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    snprintf(weight, sizeof weight, "%s.weight", prefix);
    snprintf(bias, sizeof bias, "%s.bias", prefix);
    return source_of(make(params, weight, bias, NULL, ""));
}

const bn_source *bn_param_table(bn_params *params, const char *format, ...)
{
    char name[160];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    return source_of(make(params, name, NULL, NULL, ""));
}

static param *make_conv(bn_params *params, const char *prefix, const char *conv, const char *norm,
                        const char *what)
{
    char weight[160], bias[160], behind[160];
    snprintf(weight, sizeof weight, "%s.%s.weight", prefix, conv);
    snprintf(bias, sizeof bias, "%s.%s.bias", prefix, conv);
    if (norm) snprintf(behind, sizeof behind, "%s.%s", prefix, norm);
    return make(params, weight, bias, norm ? behind : NULL, what);
}

const bn_source *bn_param_folded(bn_params *params, const char *prefix, const char *conv, const char *norm)
{
    return source_of(make_conv(params, prefix, conv, norm, ""));
}

const bn_source *bn_param_deform(bn_params *params, const char *branch)
{
    param *one = make_conv(params, branch, "atrous_conv.regular_conv", "bn", "");
    if (one) one->inputs_last = true;
    return source_of(one);
}

const bn_source *bn_param_inputs(bn_params *params, const char *prefix, const char *conv, const char *norm,
                                 int first, int count, bool bias)
{
    char what[64];
    snprintf(what, sizeof what, ".inputs%d+%d%s", first, count, bias ? "" : ".nobias");
    param *one = make_conv(params, prefix, conv, norm, what);
    if (!one) return NULL;
    one->first_input = first;
    one->inputs = count;
    one->keep_bias = bias;
    return &one->source;
}
