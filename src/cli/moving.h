/* moving.h - one animation of a run: its frames cut out, to an animation (and one of masks) that appears whole or not at
 * all. A crop or a canvas has one box for all frames, which is found first, so that the subject moves and its frame does not. */
#ifndef BN_CLI_MOVING_H
#define BN_CLI_MOVING_H

#include "cli/frames.h"
#include "cli/plan.h"

typedef struct bn_moving {
    /* filled by the caller; borrowed */
    const bn_photo *photo;
    const bn_buffer *bytes;    /* the file */
    bn_cutout_options options; /* formats as bn_moving_fits asks for */
    bool mask_only;
    bool make_folders;
    void (*tell)(void *user, uint64_t done, uint64_t total); /* on the caller's thread */
    void *user;
    /* sessions, resolution, smooth and jobs filled by the caller; then the results */
    bn_frames frames;
    uint32_t total; /* frames of the file */
    bool empty;     /* a crop or a canvas was asked for in vain: no frame has a subject */
} bn_moving;

/* Whether all that options want written can move. */
bool bn_moving_fits(const bn_cutout_options *options);

/* frames.stage tells where it failed. */
bn_status bn_moving_run(bn_moving *moving, bn_error *err);

#endif
