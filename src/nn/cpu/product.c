/* product.c - which kind of products a shape gets: ours, for convolutions with fewer multiplications where that is to be had, or
 * oneDNN's. */
#include "nn/cpu/product.h"

#include "nn/cpu/dnnl_product.h"
#include "nn/cpu/panel_product.h"
#include "nn/cpu/winograd.h"

#include <stdlib.h>

struct bn_product { /* one of them */
    bn_panel_product *panel;
    bn_winograd *winograd;
    bn_dnnl_product *dnnl;
};

/* Whether our own kernels can. */
static bool fits(const bn_kernels *kernels, bn_type src, bn_type dst, int lanes)
{
    return kernels && lanes > 0 && src == BN_F32 && dst == BN_F32;
}

static bool ours(const bn_kernels *kernels, bn_type src, bn_type dst, int lanes)
{
    return fits(kernels, src, dst, lanes) && kernels->product_pays;
}

static bn_product *allocate(bn_error *err)
{
    bn_product *made = calloc(1, sizeof *made);
    if (!made) bn_fail_memory(err, sizeof *made, "a layer");
    return made;
}

/* Hand the product over, or free it. */
static bn_status hand_over(bn_status status, bn_product *made, bn_product **product)
{
    if (status == BIREFNET_OK)
        *product = made;
    else
        bn_product_destroy(&made);
    return status;
}

bn_status bn_matmul_create(bn_pack_store *packs, const bn_matmul_shape *shape, const bn_source *source,
                           bn_product **product, bn_error *err)
{
    bn_product *made = allocate(err);
    if (!made) return BIREFNET_ERROR_MEMORY;
    const bool own = ours(shape->kernels, shape->src_type, shape->dst_type, shape->lanes) &&
                     !(shape->add && shape->activation != BN_LINEAR);
    return hand_over(own ? bn_panel_matmul_create(packs, shape, source, &made->panel, err)
                         : bn_dnnl_matmul_create(packs, shape, source, &made->dnnl, err),
                     made, product);
}

static bool by_winograd(const bn_conv_shape *shape)
{
    return fits(shape->kernels, shape->src_type, shape->dst_type, shape->lanes) &&
           shape->kernels->winograd_pays && bn_winograd_takes(shape);
}

int bn_conv_rows(const bn_conv_shape *shape)
{
    return by_winograd(shape) ? BN_WINOGRAD_ROWS : 0;
}

bn_status bn_conv_create(bn_pack_store *packs, const bn_conv_shape *shape, const bn_source *source,
                         bn_product **product, bn_error *err)
{
    bn_product *made = allocate(err);
    if (!made) return BIREFNET_ERROR_MEMORY;
    if (by_winograd(shape))
        return hand_over(bn_winograd_create(packs, shape, source, &made->winograd, err), made, product);
    return hand_over(ours(shape->kernels, shape->src_type, shape->dst_type, shape->lanes)
                         ? bn_panel_conv_create(packs, shape, source, &made->panel, err)
                         : bn_dnnl_conv_create(packs, shape, source, &made->dnnl, err),
                     made, product);
}

void bn_product_destroy(bn_product **product)
{
    if (!*product) return;
    bn_panel_product_destroy(&(*product)->panel);
    bn_winograd_destroy(&(*product)->winograd);
    bn_dnnl_product_destroy(&(*product)->dnnl);
    free(*product);
    *product = NULL;
}

size_t bn_product_scratch_bytes(const bn_product *product)
{
    if (product->winograd) return bn_winograd_scratch_bytes(product->winograd);
    return product->panel ? bn_panel_product_scratch_bytes(product->panel)
                          : bn_dnnl_product_scratch_bytes(product->dnnl);
}

bn_status bn_product_run_lane(bn_product *product, int lane, const void *src, void *dst, const float *bias,
                              void *scratch, bn_error *err)
{
    if (product->dnnl) return bn_dnnl_product_run_lane(product->dnnl, lane, src, dst, bias, scratch, err);
    if (product->winograd)
        bn_winograd_run(product->winograd, src, dst, bias, scratch);
    else
        bn_panel_product_run(product->panel, src, dst, bias, scratch);
    return BIREFNET_OK;
}
