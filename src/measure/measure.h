/* measure.h - how good a mask is, measured against a true one, by the formulas of the papers named in each file.
 *
 * A pixel of the truth is subject from 128 on, and so is one of a mask where a measure wants a hard edge. Masks are
 * taken as they are: not stretched to the full range first, as some evaluation code does. */
#ifndef BN_MEASURE_MEASURE_H
#define BN_MEASURE_MEASURE_H

#include "base/error.h"

#include <stdbool.h>

typedef struct bn_mask_pair {
    const uint8_t *mask, *truth; /* [height][width], rows tight */
    int width, height;
    bool has_unknown; /* truth of exactly BN_TRUTH_UNKNOWN is not known: such pixels count nowhere */
} bn_mask_pair;

#define BN_TRUTH_UNKNOWN 128

typedef enum bn_measure {
    BN_MEASURE_IOU = 0,
    BN_MEASURE_MAE,
    BN_MEASURE_S,
    BN_MEASURE_WEIGHTED_F,
    BN_MEASURE_MAX_F,
    BN_MEASURE_E,
    BN_MEASURE_BOUNDARY_IOU,
    BN_MEASURE_SAD, /* this and what follows: only of soft truths */
    BN_MEASURE_MSE,
    BN_MEASURE_GRAD,
    BN_MEASURE_CONN,
    BN_MEASURES,
} bn_measure;

#define BN_MEASURE_FIRST_SOFT BN_MEASURE_SAD

typedef struct bn_measure_facts {
    const char *key;   /* in JSON: "weighted_f" */
    const char *title; /* in tables: "wF" */
    const char *about; /* one sentence with its paper */
    bool more_is_better;
} bn_measure_facts;

const bn_measure_facts *bn_measure_get_facts(bn_measure measure);

/* Whether `a` is worse than `b` by this measure. */
bool bn_measure_is_worse(bn_measure measure, double a, double b);

typedef struct bn_scores {
    double value[BN_MEASURES]; /* those of soft truths are 0 where is_soft is false */
    bool is_soft;        /* the truth holds something between 0 and 255, and 128 does not stand for unknown */
    double f_curve[256]; /* F at each threshold: a mask's pixel is subject from the threshold on */
} bn_scores;

/* ARGUMENT for a size below 1x1, MEMORY, LIMIT for more than INT32_MAX pixels. */
bn_status bn_measure_pair(const bn_mask_pair *pair, bn_scores *scores, bn_error *err);

#endif
