/* arch.h - the architecture of a checkpoint, read off its tensors, and the list of tensors that it must have. */
#ifndef BN_MODEL_ARCH_H
#define BN_MODEL_ARCH_H

#include "weights/weights.h"

#include <stdbool.h>

#define BN_STAGES       4
#define BN_MAX_BRANCHES 6

typedef enum bn_backbone {
    BN_SWIN = 0, /* Swin transformer, v1 */
    BN_PVT,      /* pyramid vision transformer, v2 */
} bn_backbone;

typedef struct bn_arch {
    bn_backbone backbone;
    int dims[BN_STAGES], depths[BN_STAGES], heads[BN_STAGES],
        hidden[BN_STAGES];        /* hidden: of the perceptrons */
    int window;                   /* Swin: tokens along a window's side */
    int reduction[BN_STAGES];     /* PVT: spatial reduction of keys and values */
    int inter;                    /* channels inside decoder blocks */
    int aspp;                     /* channels of each ASPP branch */
    int branches;                 /* deformable branches behind the 1x1 one */
    int kernels[BN_MAX_BRANCHES]; /* of them */
    int picture_mid;              /* channels between the two convolutions of picture blocks */
    bool picture5;                /* the deepest decoder block sees the picture, too */
    bool gate4;                   /* the deepest decoder block is gated */
} bn_arch;

/* Channels of the decoder, deepest first: twice the backbone's, because features of two picture sizes are joined. */
static inline int bn_arch_channels(const bn_arch *arch, int level)
{
    return 2 * arch->dims[BN_STAGES - 1 - level];
}

/* Read the architecture, then compare every tensor that the network needs: FORMAT names all that are missing or
 * have another shape. */
bn_status bn_arch_read(const bn_weights *weights, bn_arch *arch, bn_error *err);

/* The architecture of "gen1" | "gen2" | "gen3" and "swin_v1_t|s|b|l" or "pvt_v2_b0..b5"; ARGUMENT if unknown. */
bn_status bn_arch_named(const char *generation, const char *backbone, bn_arch *arch, bn_error *err);

/* Call visit for each tensor that the network reads; stops at the first failure and returns it. */
typedef bn_status (*bn_tensor_visit)(void *context, const char *name, int rank, const int64_t *shape,
                                     bn_error *err);
bn_status bn_arch_tensors(const bn_arch *arch, bn_tensor_visit visit, void *context, bn_error *err);

/* "gen3 swin, dims 96 192 384 768, depths 2 2 6 2, window 7" */
void bn_arch_describe(const bn_arch *arch, bool grid_order, char *text, size_t size);

#endif
