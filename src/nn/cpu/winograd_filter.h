/* winograd_filter.h - the numbers of minimal filtering: STEP results y of `taps` filter numbers g over `points` inputs d,
 *
 *     y[o] = sum over p of output[o][p] * (sum over j of filter[p][j] * g[j]) * (sum over j of input[p][j] * d[j]).
 *
 * Toom and Cook's: polynomials are multiplied at `points` - 1 numbers and at infinity. Private to src/nn/cpu. */
#ifndef BN_NN_CPU_WINOGRAD_FILTER_H
#define BN_NN_CPU_WINOGRAD_FILTER_H

#include <stdbool.h>

#define BN_WINOGRAD_STEP   4
#define BN_WINOGRAD_TAPS   7                                         /* at most */
#define BN_WINOGRAD_POINTS (BN_WINOGRAD_TAPS + BN_WINOGRAD_STEP - 1) /* at most */

typedef struct bn_winograd_filter {
    int taps, points;
    int one; /* the point whose product counts in every result as it is */
    double input[BN_WINOGRAD_POINTS][BN_WINOGRAD_POINTS];
    double filter[BN_WINOGRAD_POINTS][BN_WINOGRAD_TAPS];
    double output[BN_WINOGRAD_STEP][BN_WINOGRAD_POINTS];
} bn_winograd_filter;

/* For 3 or 7 taps. */
bn_winograd_filter bn_winograd_filter_for(int taps);

#endif
