/* dnnl_compat.c - oneDNN 2 and 3 by one set of names. */
#include "nn/cpu/dnnl_compat.h"

#if DNNL_VERSION_MAJOR >= 3

dnnl_status_t bn_memory_desc_by_tag(bn_memory_desc *made, int dims_count, const dnnl_dims_t dims,
                                    dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(made, dims_count, dims, type, tag);
}

dnnl_status_t bn_memory_desc_by_strides(bn_memory_desc *made, int dims_count, const dnnl_dims_t dims,
                                        dnnl_data_type_t type, const dnnl_dims_t strides)
{
    return dnnl_memory_desc_create_with_strides(made, dims_count, dims, type, strides);
}

dnnl_status_t bn_memory_desc_copy(bn_memory_desc *made, bn_const_memory_desc from)
{
    return dnnl_memory_desc_clone(made, from);
}

void bn_memory_desc_destroy(bn_memory_desc *desc)
{
    if (*desc) dnnl_memory_desc_destroy(*desc);
    *desc = NULL;
}

dnnl_status_t bn_matmul_describe(dnnl_primitive_desc_t *made, dnnl_engine_t engine,
                                 const bn_operands *operands, const_dnnl_primitive_attr_t attributes)
{
    return dnnl_matmul_primitive_desc_create(made, engine, operands->src, operands->weight, operands->bias,
                                             operands->dst, attributes);
}

dnnl_status_t bn_conv_describe(dnnl_primitive_desc_t *made, dnnl_engine_t engine, const bn_operands *operands,
                               const bn_conv_window *window, const_dnnl_primitive_attr_t attributes)
{
    const dnnl_dims_t no_dilation = {0};
    return dnnl_convolution_forward_primitive_desc_create(
        made, engine, dnnl_forward_inference, dnnl_convolution_direct, operands->src, operands->weight,
        operands->bias, operands->dst, window->strides, no_dilation, window->pad_before, window->pad_behind,
        attributes);
}

dnnl_status_t bn_post_ops_append_activation(dnnl_post_ops_t ops, dnnl_alg_kind_t kind)
{
    return dnnl_post_ops_append_eltwise(ops, kind, 0, 0);
}

dnnl_status_t bn_post_ops_append_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1, 0, dnnl_data_type_undef);
}

#else

#    include <stdlib.h>

/* Hand out the struct on the heap if it could be filled. */
static dnnl_status_t keep(bn_memory_desc *made, dnnl_memory_desc_t filled, dnnl_status_t status)
{
    if (status != dnnl_success) return status;
    *made = malloc(sizeof **made);
    if (!*made) return dnnl_out_of_memory;
    **made = filled;
    return dnnl_success;
}

dnnl_status_t bn_memory_desc_by_tag(bn_memory_desc *made, int dims_count, const dnnl_dims_t dims,
                                    dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t desc = {0};
    const dnnl_status_t status = dnnl_memory_desc_init_by_tag(&desc, dims_count, dims, type, tag);
    return keep(made, desc, status);
}

dnnl_status_t bn_memory_desc_by_strides(bn_memory_desc *made, int dims_count, const dnnl_dims_t dims,
                                        dnnl_data_type_t type, const dnnl_dims_t strides)
{
    dnnl_memory_desc_t desc = {0};
    const dnnl_status_t status = dnnl_memory_desc_init_by_strides(&desc, dims_count, dims, type, strides);
    return keep(made, desc, status);
}

dnnl_status_t bn_memory_desc_copy(bn_memory_desc *made, bn_const_memory_desc from)
{
    return keep(made, *from, dnnl_success);
}

void bn_memory_desc_destroy(bn_memory_desc *desc)
{
    free(*desc);
    *desc = NULL;
}

dnnl_status_t bn_matmul_describe(dnnl_primitive_desc_t *made, dnnl_engine_t engine,
                                 const bn_operands *operands, const_dnnl_primitive_attr_t attributes)
{
    dnnl_matmul_desc_t operation;
    const dnnl_status_t status =
        dnnl_matmul_desc_init(&operation, operands->src, operands->weight, operands->bias, operands->dst);
    return status == dnnl_success ? dnnl_primitive_desc_create(made, &operation, attributes, engine, NULL)
                                  : status;
}

dnnl_status_t bn_conv_describe(dnnl_primitive_desc_t *made, dnnl_engine_t engine, const bn_operands *operands,
                               const bn_conv_window *window, const_dnnl_primitive_attr_t attributes)
{
    dnnl_convolution_desc_t operation;
    const dnnl_status_t status = dnnl_convolution_forward_desc_init(
        &operation, dnnl_forward_inference, dnnl_convolution_direct, operands->src, operands->weight,
        operands->bias, operands->dst, window->strides, window->pad_before, window->pad_behind);
    return status == dnnl_success ? dnnl_primitive_desc_create(made, &operation, attributes, engine, NULL)
                                  : status;
}

dnnl_status_t bn_post_ops_append_activation(dnnl_post_ops_t ops, dnnl_alg_kind_t kind)
{
    return dnnl_post_ops_append_eltwise(ops, 1, kind, 0, 0);
}

dnnl_status_t bn_post_ops_append_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1);
}

#endif
