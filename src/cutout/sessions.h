/* sessions.h - sessions of one model by size: one is opened at the first photo that needs its size, and the one
 * not used for longest is closed when there are too many. For one thread at a time. */
#ifndef BN_CUTOUT_SESSIONS_H
#define BN_CUTOUT_SESSIONS_H

#include "base/error.h"

#include <stdbool.h>

/* What the network is to see. */
typedef struct bn_resolution {
    bool native;       /* each photo at its own size, within what networks can do (BN_NATIVE_MAX_PX) */
    int width, height; /* else these; 0 = the model's own */
} bn_resolution;

#define BN_RESOLUTION_MIN_PX 64
#define BN_RESOLUTION_MAX_PX 4096
/* The longer side at most, and the shorter at least, of a native run: the range that the published dynamic weights
 * were trained for. */
#define BN_NATIVE_MAX_PX 2304
#define BN_NATIVE_MIN_PX 256

/* "WIDTHxHEIGHT" (BN_RESOLUTION_MIN_PX to _MAX_PX each), "SIDE", "native"; "auto" is the model's own size. */
bool bn_resolution_parse(const char *text, bn_resolution *resolution);

/* The size for a photo, multiples of 32; 0x0 = the model's own. */
void bn_resolution_for_photo(const bn_resolution *resolution, int photo_width, int photo_height, int *width,
                             int *height);

typedef struct bn_sessions bn_sessions;

/* threads: 0 = as many as there are; at most `capacity` (1 to 8) sessions are open at a time. The model and what
 * progress (may be NULL) needs must outlive the sessions. */
bn_status bn_sessions_create(birefnet_model *model, int threads, int capacity, birefnet_progress_fn progress,
                             void *progress_user, bn_sessions **sessions, bn_error *err);
void bn_sessions_destroy(bn_sessions **sessions);

/* *session is borrowed: valid until the next call. 0x0 = the model's own size. */
bn_status bn_sessions_get(bn_sessions *sessions, int width, int height, birefnet_session **session,
                          bn_error *err);

/* The same for `batch` photos in one run (birefnet_session_options), on a graphics card. */
bn_status bn_sessions_get_batch(bn_sessions *sessions, int width, int height, int batch,
                                birefnet_session **session, bn_error *err);

#endif
