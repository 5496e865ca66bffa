/* dnnl.h - what the two files that call oneDNN (dnnl.c, pack.c) share. Private to them. */
#ifndef BN_NN_CPU_DNNL_H
#define BN_NN_CPU_DNNL_H

#include "nn/cpu/dnnl_compat.h"
#include "nn/cpu/pack.h"

/* Turn a failure of oneDNN into our error. */
bn_status bn_dnnl_check(dnnl_status_t status, const char *what, bn_error *err);

typedef struct bn_pack {
    dnnl_memory_t weight; /* NULL if only numbers were asked for */
    float *bias;          /* [out] */
} bn_pack;

dnnl_engine_t bn_pack_engine(const bn_pack_store *store);

/* The weights of source, whose plain float32 layout is `plain`, in layout `packed`; and its bias of `outs` floats.
 * The pack belongs to the store. */
bn_status bn_pack_get(bn_pack_store *store, const bn_source *source, bn_const_memory_desc plain,
                      bn_const_memory_desc packed, size_t outs, const bn_pack **pack, bn_error *err);

#endif
