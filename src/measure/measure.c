/* measure.c - all measures of one mask, and what they are called. */
#include "measure/families.h"

static const bn_measure_facts facts[BN_MEASURES] = {
    [BN_MEASURE_IOU] = {"iou", "IoU", "intersection over union, both cut at half", true},
    [BN_MEASURE_MAE] = {"mae", "MAE", "mean absolute error, 0 to 1 (Perazzi et al. 2012)", false},
    [BN_MEASURE_S] = {"s_measure", "S", "S-measure, likeness of structure (Fan et al. 2017)", true},
    [BN_MEASURE_WEIGHTED_F] = {"weighted_f", "wF", "weighted F-measure (Margolin et al. 2014)", true},
    [BN_MEASURE_MAX_F] = {"max_f", "maxF", "F-measure at the best threshold (Achanta et al. 2009)", true},
    [BN_MEASURE_E] = {"e_measure", "E", "E-measure, mean over thresholds (Fan et al. 2018)", true},
    [BN_MEASURE_BOUNDARY_IOU] = {"boundary_iou", "bIoU",
                                 "IoU of the bands along the outlines (Cheng et al. 2021)", true},
    [BN_MEASURE_SAD] = {"sad", "SAD", "sum of absolute differences, thousands (Rhemann et al. 2009)", false},
    [BN_MEASURE_MSE] = {"mse", "MSE", "mean squared error (Rhemann et al. 2009)", false},
    [BN_MEASURE_GRAD] = {"grad", "Grad", "gradient error, thousands (Rhemann et al. 2009)", false},
    [BN_MEASURE_CONN] = {"conn", "Conn", "connectivity error, thousands (Rhemann et al. 2009)", false},
};

const bn_measure_facts *bn_measure_get_facts(bn_measure measure)
{
    return &facts[measure];
}

bool bn_measure_is_worse(bn_measure measure, double a, double b)
{
    return facts[measure].more_is_better ? a < b : a > b;
}

void bn_histograms_count(const bn_mask_pair *pair, bn_histograms *counts)
{
    *counts = (bn_histograms){0};
    for (size_t i = 0; i < bn_pair_pixels(pair); i++) {
        if (!bn_is_known(pair, i)) continue;
        if (pair->truth[i] >= BN_SUBJECT_FROM)
            counts->subject[pair->mask[i]]++;
        else
            counts->background[pair->mask[i]]++;
    }
    for (int v = 0; v < 256; v++) {
        counts->subjects += counts->subject[v];
        counts->known += counts->subject[v] + counts->background[v];
    }
}

static bool is_soft(const bn_mask_pair *pair)
{
    if (pair->has_unknown) return false;
    for (size_t i = 0; i < bn_pair_pixels(pair); i++)
        if (pair->truth[i] != 0 && pair->truth[i] != 255) return true;
    return false;
}

static bn_status measure_soft(const bn_mask_pair *pair, double *value, bn_error *err)
{
    bn_matting_sums(pair, &value[BN_MEASURE_SAD], &value[BN_MEASURE_MSE]);
    BN_TRY(bn_matting_gradient(pair, &value[BN_MEASURE_GRAD], err));
    return bn_matting_connectivity(pair, &value[BN_MEASURE_CONN], err);
}

bn_status bn_measure_pair(const bn_mask_pair *pair, bn_scores *scores, bn_error *err)
{
    if (pair->width < 1 || pair->height < 1)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "masks of %d x %d pixels", pair->width, pair->height);
    if (bn_pair_pixels(pair) > INT32_MAX)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "masks of more than 2^31 pixels are not measured");
    bn_histograms counts;
    bn_scores made = {.is_soft = is_soft(pair)};
    double *const value = made.value;
    bn_histograms_count(pair, &counts);
    value[BN_MEASURE_IOU] = bn_iou(&counts);
    value[BN_MEASURE_MAE] = bn_mean_error(pair);
    value[BN_MEASURE_S] = bn_structure(pair);
    value[BN_MEASURE_MAX_F] = bn_f_curve(&counts, made.f_curve);
    value[BN_MEASURE_E] = bn_alignment(&counts);
    BN_TRY(bn_weighted_f(pair, &value[BN_MEASURE_WEIGHTED_F], err));
    BN_TRY(bn_boundary_iou(pair, &value[BN_MEASURE_BOUNDARY_IOU], err));
    if (made.is_soft) BN_TRY(measure_soft(pair, value, err));
    *scores = made;
    return BIREFNET_OK;
}
