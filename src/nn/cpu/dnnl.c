/* dnnl.c - matrix products and convolutions over oneDNN. */
#include "nn/cpu/dnnl.h"

#include "base/cpu.h"
#include "base/parallel.h"
#include "base/size.h"
#include "nn/cpu/dnnl_product.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one call needs for itself: memory objects are bound to the call's pointers. */
typedef struct lane {
    dnnl_stream_t stream;
    dnnl_memory_t src, dst, bias, scratch;
} lane;

struct bn_dnnl_product {
    char label[256]; /* layer and shape, for errors */
    dnnl_primitive_t primitive;
    const bn_pack *pack;
    size_t scratch_bytes;
    int lanes;
    lane lane[];
};

bn_status bn_dnnl_check(dnnl_status_t status, const char *what, bn_error *err)
{
    switch (status) {
    case dnnl_success:
        return BIREFNET_OK;
    case dnnl_out_of_memory:
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "oneDNN is out of memory (%s)", what);
    case dnnl_unimplemented:
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "oneDNN cannot do this on this CPU (%s)", what);
    default:
        return bn_fail(err, BIREFNET_ERROR_INTERNAL, "oneDNN failed with status %d (%s)", (int)status, what);
    }
}

static dnnl_data_type_t data_type(bn_type type)
{
    return type == BN_BF16 ? dnnl_bf16 : dnnl_f32;
}

static const char *type_name(bn_type type)
{
    return type == BN_BF16 ? "bf16" : "f32";
}

static bn_status make_attributes(bn_activation activation, bool add, dnnl_primitive_attr_t *attributes,
                                 bn_error *err)
{
    dnnl_primitive_attr_t made = NULL;
    dnnl_post_ops_t ops = NULL;
    bn_status status = BIREFNET_OK;
    BN_TRY_DONE(bn_dnnl_check(dnnl_primitive_attr_create(&made), "attributes", err));
    BN_TRY_DONE(bn_dnnl_check(dnnl_primitive_attr_set_scratchpad_mode(made, dnnl_scratchpad_mode_user),
                              "attributes", err));
    BN_TRY_DONE(bn_dnnl_check(dnnl_post_ops_create(&ops), "attributes", err));
    if (activation != BN_LINEAR)
        BN_TRY_DONE(bn_dnnl_check(bn_post_ops_append_activation(
                                      ops, activation == BN_RELU ? dnnl_eltwise_relu : dnnl_eltwise_gelu_erf),
                                  "activation", err));
    if (add) BN_TRY_DONE(bn_dnnl_check(bn_post_ops_append_sum(ops), "sum", err));
    BN_TRY_DONE(bn_dnnl_check(dnnl_primitive_attr_set_post_ops(made, ops), "attributes", err));
done:
    if (ops) dnnl_post_ops_destroy(ops);
    if (status == BIREFNET_OK)
        *attributes = made;
    else if (made)
        dnnl_primitive_attr_destroy(made);
    return status;
}

static bn_status make_lane(dnnl_engine_t engine, const_dnnl_primitive_desc_t desc, lane *made, bn_error *err)
{
    const struct {
        dnnl_memory_t *memory;
        dnnl_query_t query;
        int index;
    } wanted[] = {{&made->src, dnnl_query_src_md, 0},
                  {&made->dst, dnnl_query_dst_md, 0},
                  {&made->bias, dnnl_query_weights_md, 1},
                  {&made->scratch, dnnl_query_scratchpad_md, 0}};
    BN_TRY(
        bn_dnnl_check(dnnl_stream_create(&made->stream, engine, dnnl_stream_default_flags), "stream", err));
    for (size_t i = 0; i < BN_COUNT(wanted); i++) {
        const bn_const_memory_desc md = dnnl_primitive_desc_query_md(desc, wanted[i].query, wanted[i].index);
        BN_TRY(
            bn_dnnl_check(dnnl_memory_create(wanted[i].memory, md, engine, DNNL_MEMORY_NONE), "memory", err));
    }
    return BIREFNET_OK;
}

typedef struct recipe {
    char label[256]; /* layer and shape, for errors */
    bn_operands operands;
    bn_memory_desc plain; /* the float32 layout of the weights as loaded */
    bool is_conv;
    bn_conv_window window; /* of a convolution */
    bn_activation activation;
    bool add;
    int lanes, outs;
} recipe;

static void free_recipe(recipe *how)
{
    bn_memory_desc *owned[] = {&how->operands.src, &how->operands.weight, &how->operands.bias,
                               &how->operands.dst, &how->plain};
    for (size_t i = 0; i < BN_COUNT(owned); i++) bn_memory_desc_destroy(owned[i]);
}

/* Everything after the operation is described: choose an implementation, pack the weights, make memory objects
 * without memory (running gives them theirs). */
static bn_status make_product(bn_pack_store *packs, const recipe *how, const bn_source *source,
                              bn_dnnl_product **product, bn_error *err)
{
    const dnnl_engine_t engine = bn_pack_engine(packs);
    const int lanes = BN_MAX(how->lanes, 1);
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t desc = NULL;
    bn_status status = BIREFNET_OK;
    bn_dnnl_product *made = calloc(1, sizeof *made + (size_t)lanes * sizeof *made->lane);
    if (!made) return bn_fail_memory(err, sizeof *made, "a layer");
    made->lanes = lanes;
    memcpy(made->label, how->label, sizeof made->label);
    BN_TRY_DONE(make_attributes(how->activation, how->add, &attributes, err));
    const dnnl_status_t described =
        how->is_conv ? bn_conv_describe(&desc, engine, &how->operands, &how->window, attributes)
                     : bn_matmul_describe(&desc, engine, &how->operands, attributes);
    BN_TRY_DONE(bn_dnnl_check(described, how->label, err));
    BN_TRY_DONE(bn_dnnl_check(dnnl_primitive_create(&made->primitive, desc), how->label, err));
    made->scratch_bytes =
        dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0));
    for (int i = 0; i < lanes; i++) BN_TRY_DONE(make_lane(engine, desc, &made->lane[i], err));
    BN_TRY_DONE(bn_pack_get(packs, source, how->plain,
                            dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0), (size_t)how->outs,
                            &made->pack, err));
done:
    if (desc) dnnl_primitive_desc_destroy(desc);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    if (status == BIREFNET_OK)
        *product = made;
    else
        bn_dnnl_product_destroy(&made);
    return status;
}

/* oneDNN lays a primitive out for the number of threads that it finds when the primitive is made, and must be run with
 * the same: one for lanes, the session's otherwise. */
static bn_status finish(bn_pack_store *packs, const recipe *how, const bn_source *source,
                        bn_dnnl_product **product, bn_error *err)
{
    const int threads = how->lanes > 0 ? bn_parallel_set_threads(1) : 0;
    const bn_status status = make_product(packs, how, source, product, err);
    if (threads > 0) bn_parallel_set_threads(threads);
    return status;
}

static bn_status describe_matmul(const bn_matmul_shape *shape, recipe *how, bn_error *err)
{
    const dnnl_dims_t src_dims = {shape->rows, shape->in}, weight_dims = {shape->in, shape->out};
    const dnnl_dims_t dst_dims = {shape->rows, shape->out}, bias_dims = {1, shape->out};
    const dnnl_dims_t src_strides = {shape->src_stride, 1}, dst_strides = {shape->dst_stride, 1};
    const dnnl_data_type_t type = data_type(shape->src_type), dst_type = data_type(shape->dst_type);
    bn_operands *o = &how->operands;
    dnnl_status_t status = bn_memory_desc_by_strides(&o->src, 2, src_dims, type, src_strides);
    if (status == dnnl_success)
        status = bn_memory_desc_by_strides(&o->dst, 2, dst_dims, dst_type, dst_strides);
    if (status == dnnl_success)
        status = bn_memory_desc_by_tag(&o->weight, 2, weight_dims, type, dnnl_format_tag_any);
    if (status == dnnl_success) status = bn_memory_desc_by_tag(&o->bias, 2, bias_dims, dnnl_f32, dnnl_ab);
    if (status == dnnl_success)
        status = bn_memory_desc_by_tag(&how->plain, 2, weight_dims, dnnl_f32, dnnl_ba);
    return bn_dnnl_check(status, how->label, err);
}

bn_status bn_dnnl_matmul_create(bn_pack_store *packs, const bn_matmul_shape *shape, const bn_source *source,
                                bn_dnnl_product **product, bn_error *err)
{
    recipe how = {
        .activation = shape->activation, .add = shape->add, .lanes = shape->lanes, .outs = shape->out};
    snprintf(how.label, sizeof how.label, "%s: %dx%d -> %d, %s", source->key, shape->rows, shape->in,
             shape->out, type_name(shape->src_type));
    bn_status status = describe_matmul(shape, &how, err);
    if (status == BIREFNET_OK) status = finish(packs, &how, source, product, err);
    free_recipe(&how);
    return status;
}

static bn_status describe_conv(const bn_conv_shape *shape, recipe *how, bn_error *err)
{
    const int k = shape->kernel;
    const int out_h = (shape->h + shape->pad_top + shape->pad_bottom - k) / shape->stride + 1;
    const int out_w = (shape->w + 2 * shape->pad_side - k) / shape->stride + 1;
    const dnnl_dims_t src_dims = {1, shape->in, shape->h, shape->w}, dst_dims = {1, shape->out, out_h, out_w};
    const dnnl_dims_t weight_dims = {shape->out, shape->in, k, k}, bias_dims = {shape->out};
    const dnnl_data_type_t type = data_type(shape->src_type), dst_type = data_type(shape->dst_type);
    bn_operands *o = &how->operands;
    dnnl_status_t status = bn_memory_desc_by_tag(&o->src, 4, src_dims, type, dnnl_nhwc);
    if (status == dnnl_success) status = bn_memory_desc_by_tag(&o->dst, 4, dst_dims, dst_type, dnnl_nhwc);
    if (status == dnnl_success)
        status = bn_memory_desc_by_tag(&o->weight, 4, weight_dims, type, dnnl_format_tag_any);
    if (status == dnnl_success) status = bn_memory_desc_by_tag(&o->bias, 1, bias_dims, dnnl_f32, dnnl_a);
    if (status == dnnl_success)
        status = bn_memory_desc_by_tag(&how->plain, 4, weight_dims, dnnl_f32, dnnl_oihw);
    return bn_dnnl_check(status, how->label, err);
}

bn_status bn_dnnl_conv_create(bn_pack_store *packs, const bn_conv_shape *shape, const bn_source *source,
                              bn_dnnl_product **product, bn_error *err)
{
    recipe how = {.is_conv = true,
                  .window = {.strides = {shape->stride, shape->stride},
                             .pad_before = {shape->pad_top, shape->pad_side},
                             .pad_behind = {shape->pad_bottom, shape->pad_side}},
                  .activation = shape->activation,
                  .lanes = shape->lanes,
                  .outs = shape->out};
    snprintf(how.label, sizeof how.label, "%s: %dx%d convolution of %dx%dx%d -> %d, %s", source->key,
             shape->kernel, shape->kernel, shape->h, shape->w, shape->in, shape->out,
             type_name(shape->src_type));
    bn_status status = describe_conv(shape, &how, err);
    if (status == BIREFNET_OK) status = finish(packs, &how, source, product, err);
    free_recipe(&how);
    return status;
}

void bn_dnnl_product_destroy(bn_dnnl_product **product)
{
    bn_dnnl_product *p = *product;
    if (!p) return;
    if (p->primitive) dnnl_primitive_destroy(p->primitive);
    for (int i = 0; i < p->lanes; i++) {
        const lane *one = &p->lane[i];
        dnnl_memory_t memories[] = {one->src, one->dst, one->bias, one->scratch};
        for (size_t m = 0; m < BN_COUNT(memories); m++)
            if (memories[m]) dnnl_memory_destroy(memories[m]);
        if (one->stream) dnnl_stream_destroy(one->stream);
    }
    free(p);
    *product = NULL;
}

size_t bn_dnnl_product_scratch_bytes(const bn_dnnl_product *product)
{
    return product->scratch_bytes;
}

bn_status bn_dnnl_product_run_lane(bn_dnnl_product *p, int number, const void *src, void *dst,
                                   const float *bias, void *scratch, bn_error *err)
{
    const lane *one = &p->lane[number];
    const struct {
        dnnl_memory_t memory;
        const void *data;
    } bind[] = {
        {one->src, src}, {one->dst, dst}, {one->bias, bias ? bias : p->pack->bias}, {one->scratch, scratch}};
    for (size_t i = 0; i < BN_COUNT(bind); i++)
        BN_TRY(bn_dnnl_check(dnnl_memory_set_data_handle(bind[i].memory, (void *)(uintptr_t)bind[i].data),
                             p->label, err));
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, one->src},
                                    {DNNL_ARG_WEIGHTS, p->pack->weight},
                                    {DNNL_ARG_BIAS, one->bias},
                                    {DNNL_ARG_DST, one->dst},
                                    {DNNL_ARG_SCRATCHPAD, one->scratch}};
    BN_TRY(bn_dnnl_check(dnnl_primitive_execute(p->primitive, one->stream, BN_COUNT(args), args), p->label,
                         err));
    return bn_dnnl_check(dnnl_stream_wait(one->stream), p->label, err);
}
