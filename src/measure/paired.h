/* paired.h - how sure a mean difference between two models is, measured on the same photos. */
#ifndef BN_MEASURE_PAIRED_H
#define BN_MEASURE_PAIRED_H

#include "base/error.h"

typedef struct bn_paired {
    double mean;      /* of the differences */
    double low, high; /* 95 of 100 times the true mean lies between */
} bn_paired;

#define BN_PAIRED_MIN 5 /* fewer differences give no interval */

/* Bootstrap of the mean (Efron 1979): 10,000 samples drawn with replacement, the same ones for the same count, the
 * interval between the 2.5th and the 97.5th percentile. low and high are the mean where count < BN_PAIRED_MIN. */
bn_status bn_paired_interval(const double *differences, size_t count, bn_paired *paired, bn_error *err);

#endif
