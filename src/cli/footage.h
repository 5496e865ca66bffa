/* footage.h - frames that a command brings, `stream` or `video`: weights, session, progress and exit code around
 * bn_frames_run. */
#ifndef BN_CLI_FOOTAGE_H
#define BN_CLI_FOOTAGE_H

#include "cli/console.h"
#include "cli/frames.h"
#include "cli/options.h"

typedef struct bn_footage {
    const bn_values *values;
    bn_console *console;
    bn_cutout_options options;
    bn_resolution resolution;
    bn_image *backdrop;
    bn_frames frames; /* io: read, write, stop and user by the command */
    uint64_t total;   /* frames, for the bar; 0 where it is unknown */
    birefnet_model *model;
    uint64_t passed; /* frames behind the network */
} bn_footage;

/* The options that stream and video share, into `footage`, which holds values and console only. ARGUMENT. */
bn_status bn_footage_choose(bn_footage *footage, bn_error *err);

/* Find and open the weights; the stage of a failure is MODEL. */
bn_status bn_footage_open(bn_footage *footage, bn_error *err);

/* All frames; the stage of a failure is in frames.stage. */
bn_status bn_footage_run(bn_footage *footage, bn_error *err);
void bn_footage_close(bn_footage *footage);

#endif
