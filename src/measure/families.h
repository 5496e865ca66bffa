/* families.h - the families of measures, one file each; private to this room. Sizes were checked by measure.c. */
#ifndef BN_MEASURE_FAMILIES_H
#define BN_MEASURE_FAMILIES_H

#include "measure/measure.h"

static inline size_t bn_pair_pixels(const bn_mask_pair *pair)
{
    return (size_t)pair->width * (size_t)pair->height;
}

static inline bool bn_is_known(const bn_mask_pair *pair, size_t pixel)
{
    return !pair->has_unknown || pair->truth[pixel] != BN_TRUTH_UNKNOWN;
}

#define BN_SUBJECT_FROM 128

/* Known pixels of the truth's subject and background, by the mask's value: all that thresholds need. */
typedef struct bn_histograms {
    size_t subject[256], background[256];
    size_t subjects, known; /* sums: of `subject`, of both */
} bn_histograms;

void bn_histograms_count(const bn_mask_pair *pair, bn_histograms *counts);

/* overlap.c */
double bn_iou(const bn_histograms *counts);
double bn_mean_error(const bn_mask_pair *pair);
double bn_f_curve(const bn_histograms *counts, double curve[256]); /* returns its maximum */

/* structure.c, alignment.c */
double bn_structure(const bn_mask_pair *pair);
double bn_alignment(const bn_histograms *counts);

/* weighted.c, boundary.c */
bn_status bn_weighted_f(const bn_mask_pair *pair, double *value, bn_error *err);
bn_status bn_boundary_iou(const bn_mask_pair *pair, double *value, bn_error *err);

/* matting.c, connectivity.c */
void bn_matting_sums(const bn_mask_pair *pair, double *sad, double *mse);
bn_status bn_matting_gradient(const bn_mask_pair *pair, double *value, bn_error *err);
bn_status bn_matting_connectivity(const bn_mask_pair *pair, double *value, bn_error *err);

#endif
