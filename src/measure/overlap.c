/* overlap.c - IoU, mean absolute error, and the F-measure over all thresholds.
 *
 * F: Achanta, Hemami, Estrada, Suesstrunk, "Frequency-tuned salient region detection", CVPR 2009, with the square of
 * beta 0.3. MAE: Perazzi, Kraehenbuehl, Pritch, Hornung, "Saliency filters", CVPR 2012. */
#include "measure/families.h"

#include "base/size.h"

#include <stdlib.h>

#define BETA_SQUARED 0.3

double bn_iou(const bn_histograms *counts)
{
    size_t hits = 0, wrong = 0;
    for (int v = BN_SUBJECT_FROM; v < 256; v++) {
        hits += counts->subject[v];
        wrong += counts->background[v];
    }
    const size_t either = counts->subjects + wrong;
    return either > 0 ? (double)hits / (double)either : 1;
}

/* A soft truth is not cut: a perfect matte has no error. */
double bn_mean_error(const bn_mask_pair *pair)
{
    size_t known = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < bn_pair_pixels(pair); i++) {
        if (!bn_is_known(pair, i)) continue;
        known++;
        sum += (uint64_t)abs(pair->mask[i] - pair->truth[i]);
    }
    return known > 0 ? (double)sum / 255 / (double)known : 0;
}

/* Where there is no subject, finding none is right and anything else is wrong; the paper's fraction is 0/0 there. */
static double f_at(size_t hits, size_t found, size_t subjects)
{
    if (subjects == 0) return found == 0 ? 1 : 0;
    if (hits == 0) return 0;
    const double precision = (double)hits / (double)found, recall = (double)hits / (double)subjects;
    return (1 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall);
}

double bn_f_curve(const bn_histograms *counts, double curve[256])
{
    size_t hits = 0, found = 0;
    double best = 0;
    for (int t = 255; t >= 0; t--) {
        hits += counts->subject[t];
        found += counts->subject[t] + counts->background[t];
        curve[t] = f_at(hits, found, counts->subjects);
        best = BN_MAX(best, curve[t]);
    }
    return best;
}
