/* sanity.h - do these weights do what they should? A photo whose mask is known, through a model in both tile orders. */
#ifndef BN_MEASURE_SANITY_H
#define BN_MEASURE_SANITY_H

#include "cutout/sessions.h"
#include "measure/measure.h"

/* A mask of the known photo makes sense from this IoU on and up to this mean error. Good weights reach 0.98 and 0.02. */
#define BN_SANITY_IOU 0.90
#define BN_SANITY_MAE 0.10
/* The photo tells the orders apart where their weighted F differs by this. */
#define BN_SANITY_MARGIN 0.01

typedef enum bn_sanity_verdict {
    BN_SANITY_GOOD = 0,    /* as the weights would run */
    BN_SANITY_OTHER_ORDER, /* in the order that would not be chosen, or better in it */
    BN_SANITY_BAD,         /* in neither order */
} bn_sanity_verdict;

typedef struct bn_sanity {
    birefnet_model_info info; /* tile_order: the one that would be chosen */
    int width, height;        /* what the network saw */
    bn_scores channel, grid;
    birefnet_tile_order better; /* AUTO: the photo does not tell */
    bn_sanity_verdict verdict;
} bn_sanity;

/* Run the photo through the weights twice. size 0x0: the model's own. */
bn_status bn_sanity_check(const char *path, const birefnet_model_options *options, const bn_resolution *size,
                          int threads, bn_sanity *sanity, bn_error *err);

/* `better` and `verdict` from the scores and info.tile_order. */
void bn_sanity_judge(bn_sanity *sanity);

#endif
