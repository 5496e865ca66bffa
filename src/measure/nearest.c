/* nearest.c - the nearest pixel of each column first, then of each row the lower envelope of parabolas.
 *
 * Felzenszwalb, Huttenlocher, "Distance transforms of sampled functions", 2012: linear in the pixels. */
#include "measure/nearest.h"

#include <stdlib.h>

struct bn_nearest {
    int width, height;
    int32_t *
        rows; /* [height][width]: the row of the nearest pixel in this column, -1 where the column has none */
    int *stack;     /* [width]: columns whose parabolas form the envelope so far */
    double *starts; /* [width]: where each of them begins to be the lowest */
};

static void fill_columns(bn_nearest *self, const uint8_t *is_set)
{
    const size_t width = (size_t)self->width;
    for (size_t x = 0; x < width; x++) {
        int32_t last = -1;
        for (int y = 0; y < self->height; y++) {
            if (is_set[(size_t)y * width + x]) last = y;
            self->rows[(size_t)y * width + x] = last;
        }
    }
    for (size_t x = 0; x < width; x++) {
        int32_t next = -1;
        for (int y = self->height - 1; y >= 0; y--) {
            int32_t *row = &self->rows[(size_t)y * width + x];
            if (is_set[(size_t)y * width + x]) next = y;
            if (next >= 0 && (*row < 0 || next - y < y - *row)) *row = next;
        }
    }
}

bn_status bn_nearest_create(const uint8_t *is_set, int width, int height, bn_nearest **nearest, bn_error *err)
{
    bn_nearest *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "distances");
    const size_t bytes = (size_t)width * (size_t)height * sizeof *made->rows;
    made->width = width;
    made->height = height;
    made->rows = malloc(bytes);
    made->stack = malloc((size_t)width * sizeof *made->stack);
    made->starts = malloc((size_t)width * sizeof *made->starts);
    if (!made->rows || !made->stack || !made->starts) {
        bn_nearest_destroy(&made);
        return bn_fail_memory(err, bytes, "distances");
    }
    fill_columns(made, is_set);
    *nearest = made;
    return BIREFNET_OK;
}

void bn_nearest_destroy(bn_nearest **nearest)
{
    if (!*nearest) return;
    free((*nearest)->rows);
    free((*nearest)->stack);
    free((*nearest)->starts);
    free(*nearest);
    *nearest = NULL;
}

static int64_t square(int64_t value)
{
    return value * value;
}

/* Where the parabola of column b comes to lie below that of column a, a < b. */
static double crossing(const int32_t *rows, int y, int a, int b)
{
    const double high = (double)(square(rows[b] - y) + square(b)),
                 low = (double)(square(rows[a] - y) + square(a));
    return (high - low) / (2.0 * (b - a));
}

void bn_nearest_row(bn_nearest *nearest, int y, int32_t *pixels, int64_t *distances_squared)
{
    const int32_t *rows = nearest->rows + (size_t)y * (size_t)nearest->width;
    int *stack = nearest->stack, count = 0;
    for (int x = 0; x < nearest->width; x++) {
        if (rows[x] < 0) continue;
        double start = -1;
        while (count > 0 && (start = crossing(rows, y, stack[count - 1], x)) <= nearest->starts[count - 1])
            count--;
        stack[count] = x;
        nearest->starts[count] = count > 0 ? start : -1e300;
        count++;
    }
    for (int x = 0, at = 0; x < nearest->width; x++) {
        while (at + 1 < count && nearest->starts[at + 1] < x) at++;
        const int column = stack[at];
        pixels[x] = rows[column] * nearest->width + column;
        distances_squared[x] = square(rows[column] - y) + square(column - x);
    }
}
