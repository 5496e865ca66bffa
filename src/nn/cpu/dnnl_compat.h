/* dnnl_compat.h - oneDNN 2 and 3 by one set of names. All that differs between them is here and in dnnl_compat.c.
 *
 * Version 2 has memory descriptors that are structs and operation descriptors from which primitive descriptors are
 * made; version 3 has opaque memory descriptors and makes primitive descriptors in one step. Here a memory descriptor
 * is a handle that is created and destroyed, as in version 3. */
#ifndef BN_NN_CPU_DNNL_COMPAT_H
#define BN_NN_CPU_DNNL_COMPAT_H

#include <dnnl.h>

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t bn_memory_desc;
typedef const_dnnl_memory_desc_t bn_const_memory_desc;
#else
typedef dnnl_memory_desc_t *bn_memory_desc;
typedef const dnnl_memory_desc_t *bn_const_memory_desc;
#endif

dnnl_status_t bn_memory_desc_by_tag(bn_memory_desc *made, int dims_count, const dnnl_dims_t dims,
                                    dnnl_data_type_t type, dnnl_format_tag_t tag);
dnnl_status_t bn_memory_desc_by_strides(bn_memory_desc *made, int dims_count, const dnnl_dims_t dims,
                                        dnnl_data_type_t type, const dnnl_dims_t strides);
dnnl_status_t bn_memory_desc_copy(bn_memory_desc *made, bn_const_memory_desc from);
void bn_memory_desc_destroy(bn_memory_desc *desc); /* leaves NULL */

/* What an operation reads and writes, as described to oneDNN. */
typedef struct bn_operands {
    bn_memory_desc src, weight, bias, dst;
} bn_operands;

dnnl_status_t bn_matmul_describe(dnnl_primitive_desc_t *made, dnnl_engine_t engine,
                                 const bn_operands *operands, const_dnnl_primitive_attr_t attributes);

/* How a filter moves over a picture; each is [vertical, horizontal]. */
typedef struct bn_conv_window {
    dnnl_dims_t strides, pad_before, pad_behind;
} bn_conv_window;

dnnl_status_t bn_conv_describe(dnnl_primitive_desc_t *made, dnnl_engine_t engine, const bn_operands *operands,
                               const bn_conv_window *window, const_dnnl_primitive_attr_t attributes);

dnnl_status_t bn_post_ops_append_activation(dnnl_post_ops_t ops, dnnl_alg_kind_t kind);
dnnl_status_t bn_post_ops_append_sum(dnnl_post_ops_t ops);

#endif
