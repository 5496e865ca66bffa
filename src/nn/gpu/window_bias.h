/* window_bias.h - what matrix_window.comp adds to scores and hides of them, in the order of its fragments. Private to nn/gpu. */
#ifndef BN_NN_GPU_WINDOW_BIAS_H
#define BN_NN_GPU_WINDOW_BIAS_H

#include <stddef.h>

typedef struct bn_window_shape {
    int window, shift, heads;
    int padded; /* tokens of a window, up to whole fragments */
    int m, n;   /* of a fragment of scores */
    float scale;
} bn_window_shape;

/* Numbers of one head, or of one kind of window. */
size_t bn_window_bias_count(const bn_window_shape *shape);

/* [heads][padded / m][padded / n][m][n]: the relative position bias of a table [(2 window - 1)^2][heads], over `scale`.
 * Of the type bn_gpu_fill_fn, as the next. */
void bn_window_bias_fill(const void *shape, const float *table, const float *none, float *numbers);

/* [4][padded / m][padded / n][m][n]: 1 where a query does not see a key, which is beyond the window or of another region:
 * in windows inside, of the last row, of the last column, of both. */
void bn_window_hidden_fill(const void *shape, const float *none, const float *nor_this, float *numbers);

#endif
