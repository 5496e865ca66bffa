/* winograd_filter.c - see winograd_filter.h. */
#include "nn/cpu/winograd_filter.h"

#include <math.h>

/* The numbers at which polynomials are evaluated; the last point is infinity. Of those tried for 3 taps, these give the smallest
 * errors in float32: twice the plain sum's; for 7 taps ten times (docs/MODEL.md). */
static const double at_3[] = {0, 1, -1, 0.5, -2}, at_7[] = {0, 1, -1, 2, -2, 0.5, -0.5, 1.5, -2.0 / 3};

/* row[j]: the coefficient of x^j in the product of (x - at[q]) over all q but `without`, divided by its value there. */
static void interpolate(const double *at, int count, int without, double *row)
{
    int degree = 0;
    double value = 1;
    row[0] = 1;
    for (int q = 0; q < count; q++) {
        if (q == without) continue;
        row[degree + 1] = 0;
        for (int j = degree + 1; j > 0; j--) row[j] = row[j - 1] - at[q] * row[j];
        row[0] *= -at[q];
        degree++;
        if (without < count) value *= at[without] - at[q];
    }
    for (int j = 0; j <= degree; j++) row[j] /= value;
    for (int j = degree + 1; j <= count; j++) row[j] = 0;
}

/* Move a power of two from a row of input to its row of filter, so that the former's largest number is about 1. */
static void balance(bn_winograd_filter *f, int p)
{
    double most = 0;
    for (int j = 0; j < f->points; j++) most = fabs(f->input[p][j]) > most ? fabs(f->input[p][j]) : most;
    const double scale = exp2(round(log2(most)));
    for (int j = 0; j < f->points; j++) f->input[p][j] /= scale;
    for (int j = 0; j < f->taps; j++) f->filter[p][j] *= scale;
}

bn_winograd_filter bn_winograd_filter_for(int taps)
{
    const double *at = taps == 3 ? at_3 : at_7;
    bn_winograd_filter f = {.taps = taps, .points = taps + BN_WINOGRAD_STEP - 1, .one = 1};
    const int last = f.points - 1; /* infinity: the highest coefficient */
    for (int p = 0; p < f.points; p++) {
        interpolate(at, last, p, f.input[p]);
        for (int j = 0; j < taps; j++) f.filter[p][j] = p < last ? pow(at[p], j) : j == taps - 1;
        for (int o = 0; o < BN_WINOGRAD_STEP; o++)
            f.output[o][p] = p < last ? pow(at[p], o) : o == BN_WINOGRAD_STEP - 1;
        balance(&f, p);
    }
    return f;
}
