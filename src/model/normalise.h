/* normalise.h - what the network is fed for a byte of a photo: ImageNet's mean and deviation of each colour. */
#ifndef BN_MODEL_NORMALISE_H
#define BN_MODEL_NORMALISE_H

#include <stdint.h>

static inline float bn_normalise(int colour, uint8_t byte)
{
    static const float mean[3] = {0.485f, 0.456f, 0.406f}, deviation[3] = {0.229f, 0.224f, 0.225f};
    return ((float)byte / 255.0f - mean[colour]) / deviation[colour];
}

#endif
