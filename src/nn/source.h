/* source.h - what a layer is made with: where its numbers come from, and its activation. */
#ifndef BN_NN_SOURCE_H
#define BN_NN_SOURCE_H

#include "base/error.h"

/* Where the numbers of one layer come from: a struct whose first member this is (src/model/params.h). Sources are
 * read only while a graph is built. */
typedef struct bn_source bn_source;
struct bn_source {
    char key[192]; /* names these numbers within a model */
    /* Fill weight, float32 [out][in][kernel][kernel] ([out][in] for linear layers), and bias [out] (zeros where the
     * layer has none). Either may be NULL: not wanted. */
    bn_status (*load)(const bn_source *source, float *weight, float *bias, bn_error *err);
    const float *(*borrow)(
        const bn_source *source);            /* weight in place, or NULL; the function may be NULL, too */
    void (*forget)(const bn_source *source); /* the numbers were packed; may be NULL */
};

typedef enum bn_activation {
    BN_LINEAR = 0,
    BN_RELU,
    BN_GELU, /* with the error function, not tanh */
} bn_activation;

#endif
