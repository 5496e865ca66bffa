/* matting.c - SAD, MSE and the gradient error of soft masks, over the whole picture.
 *
 * Rhemann, Rother, Wang, Gelautz, Kohli, Rott, "A perceptually motivated online benchmark for image matting", CVPR
 * 2009. The sums are in thousands, as tables of that benchmark print them; the mean of squares is not. */
#include "measure/families.h"

#include "base/size.h"

#include <math.h>
#include <stdlib.h>

#define RADIUS    4 /* where the Gaussian falls below a hundredth */
#define ROWS      (2 * RADIUS + 1)
#define DEVIATION 1.4

void bn_matting_sums(const bn_mask_pair *pair, double *sad, double *mse)
{
    uint64_t sum = 0, squares = 0;
    for (size_t i = 0; i < bn_pair_pixels(pair); i++) {
        const int off = abs(pair->mask[i] - pair->truth[i]);
        sum += (uint64_t)off;
        squares += (uint64_t)(off * off);
    }
    *sad = (double)sum / 255 / 1000;
    *mse = (double)squares / (255.0 * 255.0) / (double)bn_pair_pixels(pair);
}

/* A Gaussian and its derivative; their product over two axes has unit length. */
typedef struct kernels {
    double smooth[ROWS], slope[ROWS];
} kernels;

static void make_kernels(kernels *made)
{
    double smooth = 0, slope = 0;
    for (int i = 0; i < ROWS; i++) {
        const double x = i - RADIUS, bell = exp(-x * x / (2 * DEVIATION * DEVIATION));
        made->smooth[i] = bell;
        made->slope[i] = x * bell;
        smooth += bell * bell;
        slope += x * x * bell * bell;
    }
    for (int i = 0; i < ROWS; i++) {
        made->smooth[i] /= sqrt(smooth);
        made->slope[i] /= sqrt(slope);
    }
}

/* Rows of one picture, filtered along the row by both kernels; row y lies at y % ROWS. */
typedef struct picture {
    const uint8_t *bytes;
    double *smooth, *slope; /* [ROWS][width] */
} picture;

static void filter_row(const picture *of, int width, int y, const kernels *by)
{
    const uint8_t *in = of->bytes + (size_t)y * (size_t)width;
    const size_t place = (size_t)(y % ROWS) * (size_t)width;
    for (int x = 0; x < width; x++) {
        double smooth = 0, slope = 0;
        for (int k = -RADIUS; k <= RADIUS; k++) { /* beyond the border the last pixel goes on */
            const double value = in[BN_MIN(BN_MAX(x + k, 0), width - 1)] / 255.0;
            smooth += by->smooth[k + RADIUS] * value;
            slope += by->slope[k + RADIUS] * value;
        }
        of->smooth[place + (size_t)x] = smooth;
        of->slope[place + (size_t)x] = slope;
    }
}

static double gradient_at(const picture *of, int width, int height, int x, int y, const kernels *by)
{
    double across = 0, down = 0;
    for (int k = -RADIUS; k <= RADIUS; k++) {
        const int row = BN_MIN(BN_MAX(y + k, 0), height - 1) % ROWS;
        const size_t place = (size_t)row * (size_t)width + (size_t)x;
        across += by->smooth[k + RADIUS] * of->slope[place];
        down += by->slope[k + RADIUS] * of->smooth[place];
    }
    return hypot(across, down);
}

static double sum_differences(const picture pictures[2], int width, int height, const kernels *by)
{
    double sum = 0;
    for (int i = 0; i < 2; i++)
        for (int y = 0; y < BN_MIN(RADIUS, height); y++) filter_row(&pictures[i], width, y, by);
    for (int y = 0; y < height; y++) {
        for (int i = 0; i < 2 && y + RADIUS < height; i++) filter_row(&pictures[i], width, y + RADIUS, by);
        for (int x = 0; x < width; x++) {
            const double off = gradient_at(&pictures[0], width, height, x, y, by) -
                               gradient_at(&pictures[1], width, height, x, y, by);
            sum += off * off;
        }
    }
    return sum;
}

bn_status bn_matting_gradient(const bn_mask_pair *pair, double *value, bn_error *err)
{
    kernels by;
    make_kernels(&by);
    const size_t row = ROWS * (size_t)pair->width;
    double *rows = malloc(4 * row * sizeof *rows);
    if (!rows) return bn_fail_memory(err, 4 * row * sizeof *rows, "gradients");
    const picture pictures[2] = {{pair->mask, rows, rows + row},
                                 {pair->truth, rows + 2 * row, rows + 3 * row}};
    *value = sum_differences(pictures, pair->width, pair->height, &by) / 1000;
    free(rows);
    return BIREFNET_OK;
}
