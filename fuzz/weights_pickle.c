/* weights_pickle.c - any bytes as the pickle of a torch archive: the fuzzer need not guess a zip directory. */
#include "weights/torch.h"

static void place_storages(bn_storages *storages)
{
    static const uint8_t elements[4096];
    for (size_t i = 0; i < storages->count; i++)
        if (storages->items[i].count <= sizeof elements / storages->items[i].element_bytes)
            storages->items[i].data = elements;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bn_pickle pickle = {0};
    bn_storages storages = {0};
    bn_weights *weights = NULL;
    float values[4096];
    size_t used = 0;
    if (bn_weights_create(&weights, NULL) == BIREFNET_OK &&
        bn_torch_unpickle(data, size, &pickle, &used, NULL) == BIREFNET_OK && used <= size &&
        bn_storages_collect(&pickle, &storages, NULL) == BIREFNET_OK) {
        place_storages(&storages);
        if (bn_torch_read_table(&pickle, &storages, weights, NULL) == BIREFNET_OK &&
            bn_weights_index(weights, NULL) == BIREFNET_OK)
            for (size_t i = 0; i < bn_weights_count(weights); i++)
                (void)!bn_weight_read_f32(bn_weights_at(weights, i), values, NULL);
    }
    bn_storages_free(&storages);
    bn_pickle_free(&pickle);
    bn_weights_close(&weights);
    return 0;
}
