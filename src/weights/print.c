/* print.c - lists the tensors of a table with a hash of their values. */
#include "weights/print.h"

#include "base/seeded.h"
#include "weights/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bn_status hash_values(const bn_weight *weight, uint64_t *hash, bn_error *err)
{
    const size_t bytes = weight->count * sizeof(float); /* count is at most the file's size: no overflow */
    float *values = malloc(bytes + 1);
    if (!values) return bn_fail_memory(err, bytes, "a tensor's values");
    const bn_status status = bn_weight_read_f32(weight, values, err);
    if (status == BIREFNET_OK) *hash = bn_fnv1a64(values, bytes);
    free(values);
    bn_weight_forget(weight);
    return status;
}

bn_status bn_weights_print(const bn_weights *weights, FILE *out, bn_error *err)
{
    for (size_t i = 0; i < bn_weights_count(weights); i++) {
        const bn_weight *weight = bn_weights_at(weights, i);
        const bool is_float = weight->dtype != BN_DTYPE_I64 && weight->dtype != BN_DTYPE_OTHER;
        uint64_t hash = 0;
        if (is_float) BN_TRY(hash_values(weight, &hash, err));
        fprintf(out, "%s %s [", bn_show(weight->name, strlen(weight->name)).text,
                bn_dtype_name(weight->dtype));
        for (int d = 0; d < weight->rank; d++) fprintf(out, "%s%" PRId64, d > 0 ? "," : "", weight->shape[d]);
        if (is_float)
            fprintf(out, "] %016" PRIx64 "\n", hash);
        else
            fputs("] -\n", out);
    }
    if (ferror(out)) return bn_fail(err, BIREFNET_ERROR_IO, "cannot write the list of tensors");
    return BIREFNET_OK;
}
