/* summary.h - means and worst values of the scores of many masks. */
#ifndef BN_MEASURE_SUMMARY_H
#define BN_MEASURE_SUMMARY_H

#include "measure/measure.h"

typedef struct bn_summary {
    size_t count, soft; /* scores; of soft truths, over which their measures go */
    double mean
        [BN_MEASURES]; /* MAX_F: the maximum of the mean curve, as papers have it: one threshold for all */
    double worst[BN_MEASURES];
    size_t worst_at[BN_MEASURES]; /* index into the scores */
    int best_threshold;           /* of MAX_F, 0 to 255 */
} bn_summary;

/* scores[i] may be NULL: left out. All zero where none is left. */
void bn_summary_make(const bn_scores *const *scores, size_t count, bn_summary *summary);

/* Whether this measure was taken of all, or of soft truths and there were some. */
bool bn_summary_has(const bn_summary *summary, bn_measure measure);

#endif
