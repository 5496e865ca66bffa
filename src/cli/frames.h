/* frames.h - many frames of one size through one session: a thread reads, the caller's runs the network, others finish, and
 * frames are written in their order. Memory does not grow with their number. */
#ifndef BN_CLI_FRAMES_H
#define BN_CLI_FRAMES_H

#include "cli/exits.h"
#include "cutout/cutout.h"
#include "cutout/sessions.h"
#include "image/animation.h"

/* Where frames come from and go to. */
typedef struct bn_frames_io {
    /* The next frame; *frame NULL at the end. On one thread; CANCELLED once stop was called. */
    bn_status (*read)(void *user, bn_image **frame, bn_delay *delay, bn_error *err);
    /* NULL: the network makes mattes. Else cutout->matte comes from here, instead; in order. */
    bn_status (*matte)(void *user, bn_cutout *cutout, bn_error *err);
    /* result is NULL where options want no cut-out; matte is uint8 [height][width], and may be changed. One call at a time, in
     * order. */
    bn_status (*write)(void *user, const bn_image *result, uint8_t *matte, int width, int height,
                       bn_delay delay, bn_error *err);
    /* A read that waits must return, soon. From any thread, at most once. May be NULL: reads do not wait for others. */
    void (*stop)(void *user);
    void *user;
} bn_frames_io;

typedef struct bn_frames {
    bn_frames_io io;
    const bn_cutout_options *options; /* a crop or a canvas needs has_subject: all results are of one size */
    const bn_resolution *resolution;
    bn_sessions *sessions;
    void (*tell)(void *user, uint64_t done); /* so many are behind the network; on the caller's thread */
    void *tell_user;
    double smooth; /* strength of bn_smooth; 0: none */
    int jobs;      /* threads that finish */
    /* results; of several runs times are added up, and the first note stays */
    uint64_t done;     /* frames written */
    bn_stage stage;    /* of the failure */
    int width, height; /* of the frames */
    int result_width, result_height;
    int network_width, network_height;
    char note[200];        /* as in bn_cutout, of the first frame */
    bn_cutout_times times; /* summed; encode_ms with writing */
} bn_frames;

/* Until the end of the frames, the first failure, or an interrupt (CANCELLED). Frames before one that cannot be read are
 * written. */
bn_status bn_frames_run(bn_frames *frames, bn_error *err);

#endif
