/* run_line.h - what the threads of one run share. Private to run.c, run_read.c and run_network.c. */
#ifndef BN_CLI_RUN_LINE_H
#define BN_CLI_RUN_LINE_H

#include "cli/run.h"

#include "base/buffer.h"
#include "cli/queue.h"

#include <pthread.h>
#include <stdatomic.h>

#define BN_RUN_MAX_JOBS 64

/* A photo between two threads. */
typedef struct bn_work {
    const bn_photo *photo;
    bn_outcome *outcome;
    bn_cutout cutout;
    bn_buffer bytes; /* of an animation that stays one; empty for a still */
} bn_work;

typedef struct bn_line {
    bn_run *run;
    bn_queue decoded;       /* work for the network; short: a decoded photo may be large */
    bn_queue matted;        /* work for the finishers */
    pthread_mutex_t lock;   /* outcomes' states and the counts of the run */
    atomic_bool one_by_one; /* a batch did not fit */
    atomic_bool stop;       /* nothing more is to be begun */
    size_t next;            /* photo to be read; under the lock */
    int readers;            /* that read; under the lock */
    int more_readers, more_finishers;
    pthread_t more[2 * BN_RUN_MAX_JOBS]; /* of these: for a card */
    double first_ms;                     /* when the network began; 0 before */
    size_t to_do;                        /* photos that are neither skipped nor a problem from the start */
    size_t passed; /* of those, behind the network or failed; only the bar reads it, under the lock */
    double frame,
        frames; /* of an animation under way: behind the network, and all; only the network's thread */
} bn_line;

/* Nothing more is to be begun. */
bool bn_line_stopping(bn_line *self);
/* One photo more is behind the network, or failed. */
void bn_line_count_passed(bn_line *self);
void bn_line_note_failure(bn_line *self, const bn_photo *photo, bn_outcome *outcome, bn_status status,
                          bn_stage stage, const char *message);

void bn_line_note_done(bn_line *self, const bn_work *job);
void bn_line_release(bn_work *job);
/* `share` of the photo that is under way, 0 to 1. */
void bn_line_draw_bar(bn_line *self, double share);

/* Photos through the network until the queue is closed and empty; sessions NULL: they are only let go. */
void bn_line_matte(bn_line *self, bn_sessions *sessions);
bool bn_run_on_card(const bn_run *run);

/* A thread that reads and decodes photos for the network; the last of them closes the queue. */
void *bn_line_read(void *self);

#endif
