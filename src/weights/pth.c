/* pth.c - torch checkpoints; not read yet. */
#include "weights/table.h"

bn_status bn_pth_read_zip(const uint8_t *bytes, size_t size, bn_weights *weights, bn_error *err)
{
    (void)bytes, (void)size, (void)weights;
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                   "is a torch checkpoint (.pth), which this build cannot read yet");
}

bn_status bn_pth_read_legacy(const uint8_t *bytes, size_t size, bn_weights *weights, bn_error *err)
{
    return bn_pth_read_zip(bytes, size, weights, err);
}
