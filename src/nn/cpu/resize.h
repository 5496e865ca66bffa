/* resize.h - where bilinear resizing with aligned corners samples. Private to src/nn/cpu. */
#ifndef BN_NN_CPU_RESIZE_H
#define BN_NN_CPU_RESIZE_H

typedef struct bn_resize_tap {
    int index[2];
    float weight[2];
} bn_resize_tap;

/* taps[i] for i < to: result i is the weighted sum of two of `from` values. */
void bn_resize_taps(int from, int to, bn_resize_tap *taps);

#endif
