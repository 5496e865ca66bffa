/* device.h - where a model computes: on the CPU, or on a graphics card that its options name. Private to src/model. */
#ifndef BN_MODEL_DEVICE_H
#define BN_MODEL_DEVICE_H

#include "base/log.h"
#include "nn/gpu/packs.h"

typedef struct bn_device {
    bn_gpu *gpu;         /* NULL: the CPU */
    bn_gpu_packs *packs; /* of the model, on that device */
    int index;
    bool is_auto; /* what does not fit there runs on the CPU */
} bn_device;

/* "cpu", "gpu", "gpu:N", "auto"; NULL and "" are "cpu". */
typedef enum bn_device_kind { BN_DEVICE_CPU = 0, BN_DEVICE_GPU, BN_DEVICE_AUTO } bn_device_kind;
bn_status bn_device_parse(const char *text, bn_device_kind *kind, int *index, bn_error *err);

/* Whether a model could be told this: well said, and there. */
bn_status bn_device_check(const char *text, bn_error *err);

/* Whether a model told this would be computed by a graphics card, if its memory suffices. */
bool bn_device_is_card(const char *text);

/* Open device `index` with an empty store of packs. */
bn_status bn_device_open(int index, bn_device *device, bn_error *err);
void bn_device_close(bn_device *device);

/* Whether so many bytes of weights, and of work space, which is one buffer, are free on the device now; MEMORY says what to do
 * where they are not. */
bn_status bn_device_check_memory(int index, size_t weights_bytes, size_t work_bytes, bn_error *err);

#endif
