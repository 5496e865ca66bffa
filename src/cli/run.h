/* run.h - one run of `birefnet remove`: reading and decoding, the network, finishing and writing, each on threads of
 * its own with short queues between, so that the network seldom waits and memory stays bounded. */
#ifndef BN_CLI_RUN_H
#define BN_CLI_RUN_H

#include "cli/console.h"
#include "cli/moving.h"
#include "cli/plan.h"
#include "cutout/cutout.h"
#include "cutout/sessions.h"

typedef enum bn_outcome_state {
    BN_OUTCOME_NOT_REACHED = 0, /* the run was stopped before */
    BN_OUTCOME_DONE,
    BN_OUTCOME_SKIPPED,
    BN_OUTCOME_FAILED,
} bn_outcome_state;

typedef struct bn_outcome {
    bn_outcome_state state;
    bn_status status;
    bn_stage stage; /* where it failed */
    char *message;  /* of a failure; owned */
    char note[200];
    bn_format format;
    int width, height;
    int network_width, network_height;
    int result_width, result_height;
    bool empty;
    uint32_t frames;      /* of the input; 1 for a still */
    uint32_t frames_done; /* of the output */
    double read_ms, write_ms;
    bn_cutout_times times;
} bn_outcome;

/* The facts of a photo that went its way, and of an animation. */
void bn_outcome_keep(bn_outcome *outcome, const bn_cutout *cutout);
void bn_outcome_keep_moving(bn_outcome *outcome, const bn_moving *moving);

typedef struct bn_run {
    /* filled by the caller; borrowed */
    const bn_plan *plan;
    bn_cutout_options options;
    bn_resolution resolution;
    bool mask_only;
    bool first_frame; /* of animations, whatever the output can hold */
    double smooth;    /* of animations; see bn_smooth */
    int threads;      /* of the network; 0 = all */
    int jobs; /* photos at a time: sessions of the network, and threads that finish photos; 0: one on a CPU, as many as keep a
               * graphics card busy */
    int batch;       /* photos in one run of the network, on a graphics card; 0 or 1: one */
    bool jobs_given; /* the run's own */
    const char *model_path;
    birefnet_model *open; /* borrowed; NULL: it is opened from model_path, and closed */
    birefnet_model_options model_options;
    bn_console *console;
    /* results */
    bn_outcome *outcomes; /* one a photo of the plan; owned */
    birefnet_model_info model;
    bool model_is_open; /* it was: `model` is filled */
    size_t done, skipped, failed;
    int sessions;         /* of the network, beside each other */
    double wall_ms;       /* from the first photo that the network began to the last that it ended */
    double network_ms;    /* of which it worked, all sessions together */
    size_t together;      /* photos that shared a run of the network with others */
    double card_ms;       /* of which a graphics card did, as its clock says */
    size_t network_waits; /* how often it waited for a decoded photo, or for room for a matte */
    double open_ms;       /* opening the model */
} bn_run;

/* Failures of single photos are in their outcomes; what is returned concerns the run: MODEL is the stage then. */
bn_status bn_run_photos(bn_run *run, bn_error *err);
void bn_run_free(bn_run *run);

/* One line for a photo that is done, and what the user should know of it. */
void bn_outcome_tell(const bn_run *run, const bn_photo *photo, const bn_outcome *outcome);

/* The report as JSON, to a file. */
bn_status bn_run_report(const bn_run *run, const char *path, bn_error *err);

#endif
