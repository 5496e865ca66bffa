/* engine.h - models that are open, and sessions on them, for the threads that compute.
 *
 * A model is opened at its first request (or before, to preload it); the one not used for longest is closed where there
 * are too many. Each thread that computes has a seat, a number of its own: sessions are a seat's, models are shared. What
 * takes a seat is for one thread at a time a seat; the rest is for any thread. */
#ifndef BN_QUEUE_ENGINE_H
#define BN_QUEUE_ENGINE_H

#include "base/buffer.h"
#include "base/log.h"

#include <stdbool.h>

typedef struct bn_engine bn_engine;

#define BN_ENGINE_MAX_SEATS 16

typedef struct bn_engine_options {
    const char *models_folder;            /* or NULL */
    const char *fallback_model;           /* as for --model; NULL or "": none */
    int max_models;                       /* open at a time */
    int seats;                            /* 1 to BN_ENGINE_MAX_SEATS */
    int threads;                          /* of each seat */
    char device[BN_ENGINE_MAX_SEATS][16]; /* of each seat, as birefnet_model_options has it; "": the CPU */
    int width, height;                    /* instead of what is asked for; 0 = as asked */
    bn_log log;
    birefnet_progress_fn progress;
    /* These weights are about to be opened, which takes a while; or NULL. */
    void (*opening)(void *user, const char *weights);
    void *seat_users[BN_ENGINE_MAX_SEATS]; /* of both, by seat */
} bn_engine_options;

bn_status bn_engine_create(const bn_engine_options *options, bn_engine **engine, bn_error *err);
void bn_engine_destroy(bn_engine **engine);

/* Which weights a request got. */
typedef struct bn_engine_answer {
    birefnet_session *session; /* borrowed until the seat leaves or gets another */
    char weights[100];         /* a preset's name, or the file's or seed's */
    bool is_fallback;          /* not the ones that were asked for */
} bn_engine_answer;

/* A session for a preset at a size of the network's input. Fallback weights run at their own size, which is what they
 * were trained for. NOT_FOUND where neither the preset's weights nor fallback weights are there. Waits where all
 * models that may be open are in use by other seats. */
bn_status bn_engine_get(bn_engine *engine, int seat, const char *preset, int width, int height,
                        bn_engine_answer *answer, bn_error *err);
/* The same for `batch` photos in one run, on a graphics card. */
bn_status bn_engine_get_batch(bn_engine *engine, int seat, const char *preset, int width, int height,
                              int batch, bn_engine_answer *answer, bn_error *err);
/* The seat has done with its session; also after a bn_engine_get that failed. */
void bn_engine_leave(bn_engine *engine, int seat);
/* The seat's device was lost: what is open on it is closed when all seats have left it, and opened anew. */
void bn_engine_lost(bn_engine *engine, int seat);
bn_status bn_engine_preload(bn_engine *engine, int seat, const char *preset, bn_error *err);

/* Append a JSON array of the presets: name, whether their weights are here, what answers for them. */
bn_status bn_engine_describe(const bn_engine_options *options, bn_buffer *out, bn_error *err);
/* Whether any weights at all can be had. */
bool bn_engine_usable(const bn_engine_options *options, bn_error *err);

#define BN_ENGINE_MAX_MODELS 16
int bn_engine_open_models(const bn_engine *engine);
/* Their names, as in bn_engine_answer, and how many; never waits for a model that is being opened. */
int bn_engine_open_names(bn_engine *engine, char names[BN_ENGINE_MAX_MODELS][100]);

#endif
