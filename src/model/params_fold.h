/* params_fold.h - what params.c and params_fold.c share. Private to src/model. */
#ifndef BN_MODEL_PARAMS_FOLD_H
#define BN_MODEL_PARAMS_FOLD_H

#include "model/params.h"

typedef struct bn_fold_list bn_fold_list; /* sources made of several tensors */

void bn_fold_list_free(bn_fold_list **list);

bn_fold_list **bn_params_folds(bn_params *params);
const bn_weights *bn_params_weights(const bn_params *params);
const bn_arch *bn_params_arch(const bn_params *params);
void bn_params_fail(bn_params *params, bn_status status);

/* A tensor of exactly `count` elements as floats. */
bn_status bn_read_tensor(const bn_weights *weights, const char *name, size_t count, float *out,
                         bn_error *err);

/* A batch norm at inference: y = scale * x + shift. */
bn_status bn_read_batch_norm(const bn_weights *weights, const char *norm, size_t count, float *scale,
                             float *shift, bn_error *err);

#endif
