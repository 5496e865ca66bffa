/* weights_open.c - any bytes as a model file: opened, and what opens is read whole in every way there is. */
#include "weights/print.h"
#include "weights/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VALUES (1u << 20) /* of all tensors together: files may show one storage many times */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bn_error err = {0};
    bn_weights *weights = NULL;
    const bn_status status = bn_weights_open_memory("input", data, size, &weights, &err);
    if (status != BIREFNET_OK) {
        /* a refusal is one line and names the file */
        if (err.status != status || strncmp(err.message, "input: ", 7) != 0 || strchr(err.message, '\n'))
            abort();
        return 0;
    }
    size_t values = 0;
    for (size_t i = 0; i < bn_weights_count(weights); i++) {
        const bn_weight *weight = bn_weights_at(weights, i);
        if (bn_weights_find(weights, weight->name) != weight) abort();
        if (weight->count > size || (values += weight->count) > MAX_VALUES) break;
        float *read = malloc(weight->count * sizeof *read + 1);
        const float *lent = bn_weight_borrow_f32(weight);
        if (bn_weight_read_f32(weight, read, &err) == BIREFNET_OK && lent && weight->count > 0 &&
            memcmp(lent, read, weight->count * sizeof *read) != 0)
            abort();
        bn_weight_forget(weight);
        free(read);
    }
    bn_weights_close(&weights);
    return 0;
}
