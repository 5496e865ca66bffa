/* summary.c - sums over scores. */
#include "measure/summary.h"

static bool is_soft_only(bn_measure measure)
{
    return measure >= BN_MEASURE_FIRST_SOFT;
}

bool bn_summary_has(const bn_summary *summary, bn_measure measure)
{
    return is_soft_only(measure) ? summary->soft > 0 : summary->count > 0;
}

static void add_value(bn_summary *summary, bn_measure measure, double value, size_t index)
{
    const size_t before = (is_soft_only(measure) ? summary->soft : summary->count) - 1;
    summary->mean[measure] += value;
    if (before > 0 && !bn_measure_is_worse(measure, value, summary->worst[measure])) return;
    summary->worst[measure] = value;
    summary->worst_at[measure] = index;
}

void bn_summary_make(const bn_scores *const *scores, size_t count, bn_summary *summary)
{
    double curve[256] = {0};
    *summary = (bn_summary){0};
    for (size_t i = 0; i < count; i++) {
        if (!scores[i]) continue;
        summary->count++;
        summary->soft += scores[i]->is_soft;
        for (bn_measure m = 0; m < BN_MEASURES; m++)
            if (!is_soft_only(m) || scores[i]->is_soft) add_value(summary, m, scores[i]->value[m], i);
        for (int t = 0; t < 256; t++) curve[t] += scores[i]->f_curve[t];
    }
    for (bn_measure m = 0; m < BN_MEASURES; m++)
        if (bn_summary_has(summary, m))
            summary->mean[m] /= (double)(is_soft_only(m) ? summary->soft : summary->count);
    summary->mean[BN_MEASURE_MAX_F] = 0;
    for (int t = 0; t < 256 && summary->count > 0; t++) {
        if (curve[t] / (double)summary->count <= summary->mean[BN_MEASURE_MAX_F]) continue;
        summary->mean[BN_MEASURE_MAX_F] = curve[t] / (double)summary->count;
        summary->best_threshold = t;
    }
}
