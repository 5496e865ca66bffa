/* alignment.c - the E-measure, mean over all thresholds.
 *
 * Fan, Gong, Cao, Ren, Cheng, Borji, "Enhanced-alignment measure for binary foreground map evaluation", IJCAI 2018. */
#include "measure/families.h"

#include "base/size.h"

#include <float.h>

/* The enhanced alignment of a pixel whose mask and truth are these, less their means over the picture. */
static double enhanced(double mask, double truth)
{
    const double aligned = 2 * mask * truth / (mask * mask + truth * truth + DBL_EPSILON);
    return (aligned + 1) * (aligned + 1) / 4;
}

/* Sum over all pixels at one threshold: `hits` of the `found` pixels are subject. */
static double aligned_sum(const bn_histograms *counts, size_t hits, size_t found)
{
    const double size = (double)counts->known, subjects = (double)counts->subjects;
    const double right = (double)hits, wrong = (double)(found - hits), missed = subjects - right,
                 left = size - (double)found - missed;
    if (counts->subjects == 0) return size - (double)found;
    if (counts->subjects == counts->known) return (double)found;
    const double mask = (double)found / size, truth = subjects / size; /* means */
    return right * enhanced(1 - mask, 1 - truth) + wrong * enhanced(1 - mask, -truth) +
           missed * enhanced(-mask, 1 - truth) + left * enhanced(-mask, -truth);
}

double bn_alignment(const bn_histograms *counts)
{
    size_t hits = 0, found = 0;
    double sum = 0;
    if (counts->known == 0) return 1;
    for (int t = 255; t >= 0; t--) {
        hits += counts->subject[t];
        found += counts->subject[t] + counts->background[t];
        sum += aligned_sum(counts, hits, found);
    }
    /* the paper's code divides by one pixel less than there are; a picture of one pixel is divided by one */
    return sum / 256 / (double)BN_MAX(counts->known - 1, (size_t)1);
}
