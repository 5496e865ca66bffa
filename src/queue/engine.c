/* engine.c - see engine.h. */
#include "queue/engine.h"

#include "base/size.h"
#include "cutout/sessions.h"
#include "schema/schema.h"
#include "weights/presets.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MODELS       BN_ENGINE_MAX_MODELS
#define SESSIONS_A_MODEL 2 /* sizes of one model that stay ready in a seat */

typedef struct slot {
    char path[4096], device[16];
    birefnet_model *model;                      /* NULL: free */
    bool is_lost;                               /* its device is: nobody enters any more */
    bn_sessions *sessions[BN_ENGINE_MAX_SEATS]; /* NULL: not used by that seat yet */
    int seats;                                  /* that use it now */
    unsigned long last_use;
    char weights[100]; /* under names_lock; empty: not open */
} slot;

struct bn_engine {
    bn_engine_options options;
    char *models_folder, *fallback_model;
    int capacity;
    atomic_int open_models;
    pthread_mutex_t names_lock; /* `lock` is held while a model is opened, for seconds */
    pthread_mutex_t lock;       /* of all below */
    pthread_cond_t left;        /* a seat has left its slot */
    unsigned long uses;
    slot *taken[BN_ENGINE_MAX_SEATS]; /* the slot that a seat uses, or NULL */
    slot slots[MAX_MODELS];
};

/* Each has models of its own. */
static int count_devices(const bn_engine_options *options)
{
    int count = 0;
    for (int i = 0; i < options->seats; i++) {
        bool is_new = true;
        for (int k = 0; k < i; k++) is_new = is_new && strcmp(options->device[i], options->device[k]) != 0;
        count += is_new;
    }
    return BN_MAX(count, 1);
}

bn_status bn_engine_create(const bn_engine_options *options, bn_engine **engine, bn_error *err)
{
    bn_engine *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "the engine");
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_init(&made->names_lock, NULL);
    pthread_cond_init(&made->left, NULL);
    made->options = *options;
    made->capacity = BN_MIN(BN_MAX(options->max_models, 1) * count_devices(options), MAX_MODELS);
    made->models_folder = options->models_folder ? strdup(options->models_folder) : NULL;
    made->fallback_model = options->fallback_model ? strdup(options->fallback_model) : NULL;
    if ((options->models_folder && !made->models_folder) ||
        (options->fallback_model && !made->fallback_model)) {
        bn_engine_destroy(&made);
        return bn_fail_memory(err, 0, "the engine");
    }
    made->options.models_folder = made->models_folder;
    made->options.fallback_model = made->fallback_model;
    *engine = made;
    return BIREFNET_OK;
}

static void name_slot(bn_engine *engine, slot *used, const char *weights)
{
    pthread_mutex_lock(&engine->names_lock);
    snprintf(used->weights, sizeof used->weights, "%s", weights);
    pthread_mutex_unlock(&engine->names_lock);
}

static void close_slot(bn_engine *engine, slot *used)
{
    if (!used->model) return;
    for (int seat = 0; seat < BN_ENGINE_MAX_SEATS; seat++) bn_sessions_destroy(&used->sessions[seat]);
    birefnet_model_close(&used->model);
    used->last_use = 0;
    name_slot(engine, used, "");
    atomic_fetch_sub(&engine->open_models, 1);
}

void bn_engine_destroy(bn_engine **engine)
{
    if (!*engine) return;
    for (int i = 0; i < MAX_MODELS; i++) close_slot(*engine, &(*engine)->slots[i]);
    free((*engine)->models_folder);
    free((*engine)->fallback_model);
    pthread_cond_destroy(&(*engine)->left);
    pthread_mutex_destroy(&(*engine)->lock);
    pthread_mutex_destroy(&(*engine)->names_lock);
    free(*engine);
    *engine = NULL;
}

int bn_engine_open_models(const bn_engine *engine)
{
    return atomic_load(&engine->open_models);
}

int bn_engine_open_names(bn_engine *engine, char names[BN_ENGINE_MAX_MODELS][100])
{
    int count = 0;
    pthread_mutex_lock(&engine->names_lock);
    for (int i = 0; i < MAX_MODELS; i++)
        if (engine->slots[i].weights[0]) memcpy(names[count++], engine->slots[i].weights, sizeof names[0]);
    pthread_mutex_unlock(&engine->names_lock);
    return count;
}

/* The preset's own weights, else the fallback's. */
static bn_status choose(const bn_engine_options *options, const char *preset, bn_model_choice *choice,
                        bool *is_fallback, bn_error *err)
{
    *is_fallback = false;
    const bn_status status = bn_model_choose(preset, options->models_folder, choice, err);
    const char *fallback = options->fallback_model;
    if (status != BIREFNET_ERROR_NOT_FOUND || !fallback || !fallback[0]) return status;
    *is_fallback = true;
    return bn_model_choose(fallback, options->models_folder, choice, err);
}

static void name_weights(const bn_model_choice *choice, char name[100])
{
    const char *slash = strrchr(choice->path, '/');
    snprintf(name, 100, "%s", choice->preset ? choice->preset->name : slash ? slash + 1 : choice->path);
}

static bn_status fill_slot(bn_engine *engine, slot *used, const char *path, const char *device, bn_error *err)
{
    birefnet_model_options options;
    birefnet_model_options_default(&options);
    options.log = engine->options.log.write;
    options.log_user = engine->options.log.user;
    options.device = device;
    BN_TRY(birefnet_model_open(path, &options, &used->model, err));
    atomic_fetch_add(&engine->open_models, 1);
    snprintf(used->path, sizeof used->path, "%s", path);
    snprintf(used->device, sizeof used->device, "%s", device);
    used->is_lost = false;
    return BIREFNET_OK;
}

static void log_opened(bn_engine *engine, const bn_model_choice *choice)
{
    const bn_preset *starter = bn_model_choice_starter(choice);
    char advice[BN_GET_PUBLISHED_BYTES];
    bn_log_line(&engine->options.log, BIREFNET_LOG_INFO, "opened model %s", choice->path);
    if (!starter) return;
    bn_preset_get_published(advice);
    bn_log_line(&engine->options.log, BIREFNET_LOG_WARNING, "what answers are the starter weights: %s. %s",
                starter->about, advice);
}

static bool holds(const slot *used, const char *path, const char *device)
{
    return used->model && !used->is_lost && strcmp(used->path, path) == 0 &&
           strcmp(used->device, device) == 0;
}

/* The slot with this model on this device; else the free one, or the one not used for longest, that no seat uses; NULL: all are in use. */
static slot *find_slot(bn_engine *engine, const char *path, const char *device)
{
    slot *oldest = NULL;
    for (int i = 0; i < engine->capacity; i++) {
        slot *each = &engine->slots[i];
        if (holds(each, path, device)) return each;
        if (each->seats == 0 && (!oldest || each->last_use < oldest->last_use)) oldest = each;
    }
    return oldest;
}

static bn_status open_in(bn_engine *engine, slot *used, const bn_model_choice *choice, int seat,
                         bn_error *err)
{
    if (used->model) bn_log_line(&engine->options.log, BIREFNET_LOG_INFO, "closing model %s", used->path);
    close_slot(engine, used); /* before the new one takes its memory */
    char weights[100];
    name_weights(choice, weights);
    if (engine->options.opening) engine->options.opening(engine->options.seat_users[seat], weights);
    BN_TRY(fill_slot(engine, used, choice->path, engine->options.device[seat], err));
    name_slot(engine, used, weights);
    log_opened(engine, choice);
    return BIREFNET_OK;
}

/* The seat's until it leaves. One model is opened at a time, and meanwhile nobody else gets one. */
static bn_status take_slot(bn_engine *engine, int seat, const bn_model_choice *choice, bn_error *err)
{
    slot *used;
    const char *device = engine->options.device[seat];
    bn_status status = BIREFNET_OK;
    pthread_mutex_lock(&engine->lock);
    while (!(used = find_slot(engine, choice->path, device))) pthread_cond_wait(&engine->left, &engine->lock);
    if (!holds(used, choice->path, device)) status = open_in(engine, used, choice, seat, err);
    if (status == BIREFNET_OK) {
        used->last_use = ++engine->uses;
        used->seats++;
        engine->taken[seat] = used;
    }
    pthread_mutex_unlock(&engine->lock);
    return status;
}

void bn_engine_lost(bn_engine *engine, int seat)
{
    pthread_mutex_lock(&engine->lock);
    slot *used = engine->taken[seat];
    if (used) {
        used->is_lost = true;
        used->last_use = 0; /* the first to be closed */
    }
    pthread_mutex_unlock(&engine->lock);
}

void bn_engine_leave(bn_engine *engine, int seat)
{
    pthread_mutex_lock(&engine->lock);
    if (engine->taken[seat]) engine->taken[seat]->seats--;
    engine->taken[seat] = NULL;
    pthread_cond_broadcast(&engine->left);
    pthread_mutex_unlock(&engine->lock);
}

bn_status bn_engine_get(bn_engine *engine, int seat, const char *preset, int width, int height,
                        bn_engine_answer *answer, bn_error *err)
{
    return bn_engine_get_batch(engine, seat, preset, width, height, 1, answer, err);
}

bn_status bn_engine_get_batch(bn_engine *engine, int seat, const char *preset, int width, int height,
                              int batch, bn_engine_answer *answer, bn_error *err)
{
    const bn_engine_options *options = &engine->options;
    bn_model_choice choice;
    bn_engine_leave(engine, seat);
    BN_TRY(choose(options, preset, &choice, &answer->is_fallback, err));
    BN_TRY(take_slot(engine, seat, &choice, err));
    name_weights(&choice, answer->weights);
    if (answer->is_fallback) width = height = 0;
    if (options->width > 0) width = options->width;
    if (options->height > 0) height = options->height;
    slot *used = engine->taken[seat];
    if (!used->sessions[seat])
        BN_TRY(bn_sessions_create(used->model, options->threads, SESSIONS_A_MODEL, options->progress,
                                  options->seat_users[seat], &used->sessions[seat], err));
    return bn_sessions_get_batch(used->sessions[seat], width, height, batch, &answer->session, err);
}

bn_status bn_engine_preload(bn_engine *engine, int seat, const char *preset, bn_error *err)
{
    const bn_preset *known = bn_preset_find(preset);
    bn_engine_answer answer;
    const bn_status status = bn_engine_get(engine, seat, preset, known ? known->width : 0,
                                           known ? known->height : 0, &answer, err);
    bn_engine_leave(engine, seat);
    return status;
}

bool bn_engine_usable(const bn_engine_options *options, bn_error *err)
{
    for (size_t i = 0; i < bn_schema_count(); i++) {
        const bn_field *field = bn_schema_at(i);
        for (size_t k = 0; strcmp(field->name, "model") == 0 && field->choices[k]; k++) {
            bn_model_choice choice;
            bool is_fallback;
            if (choose(options, field->choices[k], &choice, &is_fallback, err) == BIREFNET_OK) return true;
        }
    }
    return false;
}

static json_t *describe_preset(const bn_engine_options *options, const char *preset)
{
    bn_model_choice choice;
    bool is_fallback = false;
    char weights[100] = "";
    const bn_preset *facts = bn_preset_find(preset);
    const bool answers = choose(options, preset, &choice, &is_fallback, NULL) == BIREFNET_OK;
    if (answers) name_weights(&choice, weights);
    json_t *made = json_pack("{s:s, s:b, s:b}", "name", preset, "available", answers && !is_fallback,
                             "fallback", answers && is_fallback);
    if (answers) json_object_set_new(made, "weights", json_string(weights));
    if (facts) json_object_set_new(made, "pull", json_sprintf("birefnet pull %s", facts->alias));
    return made;
}

bn_status bn_engine_describe(const bn_engine_options *options, bn_buffer *out, bn_error *err)
{
    json_t *list = json_array();
    for (size_t i = 0; i < bn_schema_count(); i++) {
        const bn_field *field = bn_schema_at(i);
        for (size_t k = 0; strcmp(field->name, "model") == 0 && field->choices[k]; k++)
            json_array_append_new(list, describe_preset(options, field->choices[k]));
    }
    char *text = json_dumps(list, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(list);
    if (!text) return bn_fail_memory(err, 0, "a list of models");
    const bn_status status = bn_buffer_append(out, text, strlen(text), err);
    free(text);
    return status;
}
