/* window_bias.c - see window_bias.h. */
#include "nn/gpu/window_bias.h"

#include <stdbool.h>

size_t bn_window_bias_count(const bn_window_shape *shape)
{
    return (size_t)shape->padded * (size_t)shape->padded;
}

typedef struct pair {
    int query, key;
} pair;

/* Whose score stands at place `i` of the fragments. */
static pair pair_at(const bn_window_shape *shape, size_t i)
{
    const size_t m = (size_t)shape->m, n = (size_t)shape->n, across = (size_t)shape->padded / n;
    const size_t tile = i / (m * n), row = i / n % m, column = i % n;
    return (pair){(int)(tile / across * m + row), (int)(tile % across * n + column)};
}

void bn_window_bias_fill(const void *context, const float *table, const float *none, float *numbers)
{
    (void)none;
    const bn_window_shape *shape = context;
    const int w = shape->window, span = 2 * w - 1;
    const size_t count = bn_window_bias_count(shape), heads = (size_t)shape->heads;
    for (size_t i = 0; i < count; i++) {
        const pair at = pair_at(shape, i);
        const bool there = at.query < w * w && at.key < w * w;
        const int place = (at.query / w - at.key / w + w - 1) * span + at.query % w - at.key % w + w - 1;
        for (size_t head = 0; head < heads; head++)
            numbers[head * count + i] = there ? table[(size_t)place * heads + head] / shape->scale : 0;
    }
}

/* Whether the roll brought row or column r of a last window there. */
static bool is_rolled(const bn_window_shape *shape, int r)
{
    return r >= shape->window - shape->shift;
}

void bn_window_hidden_fill(const void *context, const float *none, const float *nor_this, float *numbers)
{
    (void)none;
    (void)nor_this;
    const bn_window_shape *shape = context;
    const int w = shape->window;
    const size_t count = bn_window_bias_count(shape);
    for (size_t i = 0; i < 4 * count; i++) {
        const pair at = pair_at(shape, i % count);
        const bool down = i / count % 2 == 1, across = i / count / 2 == 1;
        const bool apart = (down && is_rolled(shape, at.query / w) != is_rolled(shape, at.key / w)) ||
                           (across && is_rolled(shape, at.query % w) != is_rolled(shape, at.key % w));
        numbers[i] = at.key >= w * w || (at.query < w * w && apart);
    }
}
