/* dnnl.c - matrix products and convolutions over oneDNN. */
#include "nn/cpu/dnnl.h"

#include "base/cpu.h"
#include "base/parallel.h"
#include "base/size.h"
#include "nn/cpu/dnnl_product.h"

#include <stdlib.h>

/* What one call needs for itself: memory objects are bound to the call's pointers. */
typedef struct lane {
    dnnl_stream_t stream;
    dnnl_memory_t src, dst, bias, scratch;
} lane;

struct bn_dnnl_product {
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
        BN_TRY_DONE(bn_dnnl_check(
            dnnl_post_ops_append_eltwise(
                ops, 1, activation == BN_RELU ? dnnl_eltwise_relu : dnnl_eltwise_gelu_erf, 0, 0),
            "activation", err));
    if (add) BN_TRY_DONE(bn_dnnl_check(dnnl_post_ops_append_sum(ops, 1), "sum", err));
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
        const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(desc, wanted[i].query, wanted[i].index);
        BN_TRY(
            bn_dnnl_check(dnnl_memory_create(wanted[i].memory, md, engine, DNNL_MEMORY_NONE), "memory", err));
    }
    return BIREFNET_OK;
}

typedef struct recipe {
    const_dnnl_op_desc_t operation;
    bn_activation activation;
    bool add;
    int lanes, outs;
    const dnnl_memory_desc_t *plain; /* the float32 layout of the weights as loaded */
} recipe;

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
    BN_TRY_DONE(make_attributes(how->activation, how->add, &attributes, err));
    BN_TRY_DONE(bn_dnnl_check(dnnl_primitive_desc_create(&desc, how->operation, attributes, engine, NULL),
                              source->key, err));
    BN_TRY_DONE(bn_dnnl_check(dnnl_primitive_create(&made->primitive, desc), source->key, err));
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

bn_status bn_dnnl_matmul_create(bn_pack_store *packs, const bn_matmul_shape *shape, const bn_source *source,
                                bn_dnnl_product **product, bn_error *err)
{
    const dnnl_dims_t src_dims = {shape->rows, shape->in}, weight_dims = {shape->in, shape->out};
    const dnnl_dims_t dst_dims = {shape->rows, shape->out}, bias_dims = {1, shape->out};
    const dnnl_dims_t src_strides = {shape->src_stride, 1}, dst_strides = {shape->dst_stride, 1};
    dnnl_memory_desc_t src, weight, dst, bias, plain;
    BN_TRY(bn_dnnl_check(
        dnnl_memory_desc_init_by_strides(&src, 2, src_dims, data_type(shape->src_type), src_strides),
        source->key, err));
    BN_TRY(bn_dnnl_check(
        dnnl_memory_desc_init_by_strides(&dst, 2, dst_dims, data_type(shape->dst_type), dst_strides),
        source->key, err));
    BN_TRY(bn_dnnl_check(dnnl_memory_desc_init_by_tag(&weight, 2, weight_dims, data_type(shape->src_type),
                                                      dnnl_format_tag_any),
                         source->key, err));
    BN_TRY(bn_dnnl_check(dnnl_memory_desc_init_by_tag(&plain, 2, weight_dims, dnnl_f32, dnnl_ba), source->key,
                         err));
    BN_TRY(bn_dnnl_check(dnnl_memory_desc_init_by_tag(&bias, 2, bias_dims, dnnl_f32, dnnl_ab), source->key,
                         err));
    dnnl_matmul_desc_t operation;
    BN_TRY(bn_dnnl_check(dnnl_matmul_desc_init(&operation, &src, &weight, &bias, &dst), source->key, err));
    const recipe how = {&operation, shape->activation, shape->add, shape->lanes, shape->out, &plain};
    return finish(packs, &how, source, product, err);
}

bn_status bn_dnnl_conv_create(bn_pack_store *packs, const bn_conv_shape *shape, const bn_source *source,
                              bn_dnnl_product **product, bn_error *err)
{
    const int k = shape->kernel, s = shape->stride;
    const int out_h = (shape->h + shape->pad_top + shape->pad_bottom - k) / s + 1;
    const int out_w = (shape->w + 2 * shape->pad_side - k) / s + 1;
    const dnnl_dims_t src_dims = {1, shape->in, shape->h, shape->w},
                      weight_dims = {shape->out, shape->in, k, k};
    const dnnl_dims_t dst_dims = {1, shape->out, out_h, out_w}, bias_dims = {shape->out};
    const dnnl_dims_t strides = {s, s};
    const dnnl_dims_t before = {shape->pad_top, shape->pad_side},
                      behind = {shape->pad_bottom, shape->pad_side};
    dnnl_memory_desc_t src, weight, dst, bias, plain;
    BN_TRY(
        bn_dnnl_check(dnnl_memory_desc_init_by_tag(&src, 4, src_dims, data_type(shape->src_type), dnnl_nhwc),
                      source->key, err));
    BN_TRY(
        bn_dnnl_check(dnnl_memory_desc_init_by_tag(&dst, 4, dst_dims, data_type(shape->dst_type), dnnl_nhwc),
                      source->key, err));
    BN_TRY(bn_dnnl_check(dnnl_memory_desc_init_by_tag(&weight, 4, weight_dims, data_type(shape->src_type),
                                                      dnnl_format_tag_any),
                         source->key, err));
    BN_TRY(bn_dnnl_check(dnnl_memory_desc_init_by_tag(&plain, 4, weight_dims, dnnl_f32, dnnl_oihw),
                         source->key, err));
    BN_TRY(
        bn_dnnl_check(dnnl_memory_desc_init_by_tag(&bias, 1, bias_dims, dnnl_f32, dnnl_a), source->key, err));
    dnnl_convolution_desc_t operation;
    BN_TRY(bn_dnnl_check(dnnl_convolution_forward_desc_init(&operation, dnnl_forward_inference,
                                                            dnnl_convolution_direct, &src, &weight, &bias,
                                                            &dst, strides, before, behind),
                         source->key, err));
    const recipe how = {&operation, shape->activation, false, shape->lanes, shape->out, &plain};
    return finish(packs, &how, source, product, err);
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
                             "memory", err));
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, one->src},
                                    {DNNL_ARG_WEIGHTS, p->pack->weight},
                                    {DNNL_ARG_BIAS, one->bias},
                                    {DNNL_ARG_DST, one->dst},
                                    {DNNL_ARG_SCRATCHPAD, one->scratch}};
    BN_TRY(bn_dnnl_check(dnnl_primitive_execute(p->primitive, one->stream, BN_COUNT(args), args), "execution",
                         err));
    return bn_dnnl_check(dnnl_stream_wait(one->stream), "execution", err);
}
