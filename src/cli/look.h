/* look.h - the options about the network and the look of what comes out that photos and frames share. */
#ifndef BN_CLI_LOOK_H
#define BN_CLI_LOOK_H

#include "cli/options.h"
#include "cutout/cutout.h"
#include "cutout/sessions.h"

/* Set isa, limits, refine and threshold of `cutout` by the command line, and the resolution. */
bn_status bn_values_choose_look(const bn_values *values, bn_cutout_options *cutout, bn_resolution *resolution,
                                bn_error *err);

/* --resolution where no photo says what native is; *size stays as it is without it. */
bn_status bn_values_choose_size(const bn_values *values, bn_resolution *size, bn_error *err);

/* --background; *backdrop is NULL or an image that cutout points to, which the caller destroys. */
bn_status bn_values_choose_background(const bn_values *values, bn_cutout_options *cutout, bn_image **backdrop,
                                      bn_error *err);

#endif
