/* sessions.c - a handful of sessions, least recently used first out. */
#include "cutout/sessions.h"

#include "base/size.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_SESSIONS 8

struct bn_sessions {
    birefnet_model *model;
    birefnet_progress_fn progress;
    void *progress_user;
    int threads;
    int capacity;
    unsigned long uses; /* counts up with each get */
    struct {
        birefnet_session *session; /* NULL: free */
        int width, height;         /* as asked for, rounded up to 32 */
        int batch;
        unsigned long last_use;
    } slots[MAX_SESSIONS];
};

static bool parse_side(const char *text, char **end, int *side)
{
    if (!isdigit((unsigned char)*text)) return false;
    const long value = strtol(text, end, 10);
    *side = (int)value;
    return value >= BN_RESOLUTION_MIN_PX && value <= BN_RESOLUTION_MAX_PX;
}

bool bn_resolution_parse(const char *text, bn_resolution *resolution)
{
    bn_resolution parsed = {.native = strcasecmp(text, "native") == 0};
    char *end = NULL;
    if (parsed.native || strcasecmp(text, "auto") == 0) {
        *resolution = parsed;
        return true;
    }
    if (!parse_side(text, &end, &parsed.width)) return false;
    parsed.height = parsed.width;
    if ((*end == 'x' || *end == 'X') && !parse_side(end + 1, &end, &parsed.height)) return false;
    if (*end) return false;
    *resolution = parsed;
    return true;
}

static int native_side(double side, double scale)
{
    const double rounded = side * scale / 32 + 0.5;
    return BN_MIN(BN_MAX((int)rounded * 32, BN_NATIVE_MIN_PX), BN_NATIVE_MAX_PX);
}

void bn_resolution_for_photo(const bn_resolution *resolution, int photo_width, int photo_height, int *width,
                             int *height)
{
    if (!resolution->native) {
        *width = resolution->width;
        *height = resolution->height;
        return;
    }
    const double longer = BN_MAX(photo_width, photo_height);
    const double scale = longer > BN_NATIVE_MAX_PX ? BN_NATIVE_MAX_PX / longer : 1;
    *width = native_side(photo_width, scale);
    *height = native_side(photo_height, scale);
}

bn_status bn_sessions_create(birefnet_model *model, int threads, int capacity, birefnet_progress_fn progress,
                             void *progress_user, bn_sessions **sessions, bn_error *err)
{
    bn_sessions *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "sessions");
    made->model = model;
    made->threads = threads;
    made->capacity = BN_MIN(BN_MAX(capacity, 1), MAX_SESSIONS);
    made->progress = progress;
    made->progress_user = progress_user;
    *sessions = made;
    return BIREFNET_OK;
}

void bn_sessions_destroy(bn_sessions **sessions)
{
    if (!*sessions) return;
    for (int i = 0; i < (*sessions)->capacity; i++) birefnet_session_close(&(*sessions)->slots[i].session);
    free(*sessions);
    *sessions = NULL;
}

/* The slot that holds this size, or else the one to fill: a free one first, then the one not used for longest. */
static int find_slot(const bn_sessions *sessions, int width, int height, int batch, bool *found)
{
    int oldest = 0;
    *found = true;
    for (int i = 0; i < sessions->capacity; i++) {
        if (sessions->slots[i].session && sessions->slots[i].width == width &&
            sessions->slots[i].height == height && sessions->slots[i].batch == batch)
            return i;
        if (sessions->slots[i].last_use < sessions->slots[oldest].last_use) oldest = i;
    }
    *found = false;
    return oldest;
}

bn_status bn_sessions_get(bn_sessions *sessions, int width, int height, birefnet_session **session,
                          bn_error *err)
{
    return bn_sessions_get_batch(sessions, width, height, 1, session, err);
}

bn_status bn_sessions_get_batch(bn_sessions *sessions, int width, int height, int batch,
                                birefnet_session **session, bn_error *err)
{
    birefnet_model_info model;
    birefnet_model_get_info(sessions->model, &model);
    if (batch > 1 && strncmp(model.device, "gpu", 3) != 0) /* before anything is closed for it */
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%d photos in one run are for graphics cards", batch);
    bool found;
    width = (int)bn_size_round_up((size_t)width, 32);
    height = (int)bn_size_round_up((size_t)height, 32);
    const int slot = find_slot(sessions, width, height, batch, &found);
    if (!found) {
        birefnet_session_close(&sessions->slots[slot].session); /* before the new one takes its memory */
        sessions->slots[slot].last_use = 0;
        birefnet_session_options options;
        birefnet_session_options_default(&options);
        options.width = width;
        options.height = height;
        options.threads = sessions->threads;
        options.batch = batch;
        BN_TRY(birefnet_session_open(sessions->model, &options, &sessions->slots[slot].session, err));
        birefnet_session_set_progress(sessions->slots[slot].session, sessions->progress,
                                      sessions->progress_user);
        sessions->slots[slot].width = width;
        sessions->slots[slot].height = height;
        sessions->slots[slot].batch = batch;
    }
    sessions->slots[slot].last_use = ++sessions->uses;
    *session = sessions->slots[slot].session;
    return BIREFNET_OK;
}
