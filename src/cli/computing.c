/* computing.c - see computing.h. */
#include "cli/computing.h"

#include "base/size.h"
#include "cli/commands.h"
#include "cli/model.h"
#include "model/device.h"
#include "weights/presets.h"
#include "weights/weights.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIGABYTE 1073741824.0

static void log_line(void *user, birefnet_log_level level, const char *line)
{
    bn_console *console = user;
    if (level == BIREFNET_LOG_ERROR)
        bn_console_error(console, "%s", line);
    else if (level == BIREFNET_LOG_DEBUG)
        bn_console_detail(console, "%s", line);
    else
        bn_console_say(console, "%s", line);
}

/* glibc gives each thread heaps of its own and keeps what was freed in them; two are enough for what is allocated here,
 * and memory then stays where it was after the first hundred requests. */
void bn_limit_heaps(void)
{
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, 2);
#endif
}

/* --preload NAME[,NAME...] */
static bn_status read_preload(const bn_values *values, bn_computing *own, bn_error *err)
{
    const char *text = values->text[BN_OPTION_PRELOAD];
    if (!text) return BIREFNET_OK;
    own->preload_text = strdup(text);
    if (!own->preload_text) return bn_fail_memory(err, strlen(text), "--preload");
    size_t count = 0;
    char *rest = NULL;
    for (char *name = strtok_r(own->preload_text, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        if (count == BN_PRELOADS)
            return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--preload names too many models");
        if (!bn_preset_find(name))
            return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--preload: there is no preset %s", name);
        own->preload[count++] = name;
    }
    return BIREFNET_OK;
}

/* --only NAME[,NAME...] */
static bn_status read_only(const bn_values *values, bn_computing *own, bn_error *err)
{
    const char *text = values->text[BN_OPTION_ONLY];
    size_t count = 0;
    while (text && *text) {
        char name[100];
        const size_t length = strcspn(text, ",");
        snprintf(name, sizeof name, "%.*s", (int)BN_MIN(length, sizeof name - 1), text);
        const bn_preset *preset = bn_preset_find(name);
        if (!preset) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--only: there is no preset %s", name);
        if (count == BN_PRELOADS)
            return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--only names too many models");
        own->only[count++] = preset->name;
        text += length + (text[length] == ',');
    }
    return BIREFNET_OK;
}

/* What answers for missing weights must itself be there: better said now than by every request. */
static bn_status check_fallback(const bn_values *values, bn_stage *stage, bn_error *err)
{
    const char *model = values->text[BN_OPTION_FALLBACK_MODEL];
    bn_model_choice choice;
    if (!model || !*model) return BIREFNET_OK;
    *stage = BN_STAGE_MODEL;
    const bn_status status = bn_model_choose(model, values->text[BN_OPTION_MODELS_DIR], &choice, err);
    if (status != BIREFNET_OK) return bn_error_prefix(err, status, "--fallback-model");
    *stage = BN_STAGE_READ;
    return BIREFNET_OK;
}

/* --test-resolution WIDTHxHEIGHT */
static bn_status read_test_resolution(const bn_values *values, bn_jobs_options *options, bn_error *err)
{
    const char *text = values->text[BN_OPTION_TEST_RESOLUTION];
    char rest = 0;
    if (!text) return BIREFNET_OK;
    if (sscanf(text, "%dx%d%c", &options->network_width, &options->network_height, &rest) != 2 ||
        options->network_width < 32 || options->network_height < 32)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--test-resolution takes WIDTHxHEIGHT");
    return BIREFNET_OK;
}

bn_status bn_computing_check_store(const bn_values *values, bn_console *console, const char *data_folder,
                                   bn_stage *stage, bn_error *err)
{
    int from, to;
    *stage = BN_STAGE_STORE;
    BN_TRY(bn_check_store(values, data_folder, &from, &to, err));
    if (from > 0 && from < to)
        bn_console_say(console,
                       "The tables are of an older program: version %d becomes %d, and older ones will not "
                       "open them any more",
                       from, to);
    *stage = BN_STAGE_READ;
    return BIREFNET_OK;
}

/* --files and what belongs to it; tried before all else is opened, so that its faults have an exit code of their own. */
static bn_status choose_files(const bn_values *values, bn_jobs_options *options, bn_stage *stage,
                              bn_error *err)
{
    const bool redirects = values->choice[BN_OPTION_SERVE_FILES] == 1;
    options->files = values->text[BN_OPTION_FILES];
    options->files_credentials = values->text[BN_OPTION_FILES_CREDENTIALS];
    options->spool = values->text[BN_OPTION_SPOOL];
    if (redirects) options->redirect_s = (int)values->number[BN_OPTION_REDIRECT_SECONDS];
    options->uploads_direct = values->choice[BN_OPTION_UPLOADS] == 1;
    if ((redirects || options->uploads_direct) && (!options->files || strncmp(options->files, "s3:", 3) != 0))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%s needs --files s3://...",
                       redirects ? "--serve-files redirect" : "--uploads direct");
    *stage = BN_STAGE_FILES;
    BN_TRY(bn_error_prefix(err, bn_jobs_check_files(options, err), "--files"));
    *stage = BN_STAGE_READ;
    return BIREFNET_OK;
}

/* Before anything is opened: a request would be the first to find out otherwise. */
static bn_status check_devices(const char *text, bn_error *err)
{
    char one[64];
    for (const char *at = text; at; at = *at ? at + 1 : NULL) {
        const size_t length = strcspn(at, ",");
        snprintf(one, sizeof one, "%.*s", (int)BN_MIN(length, sizeof one), at);
        if (length == 0 && (at != text || *at))
            return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "an empty device in '%s'", text);
        BN_TRY(bn_error_prefix(err, bn_device_check(one, err), "--device"));
        at += length;
    }
    return BIREFNET_OK;
}

/* Photos at a time where nobody says how many: two for each card, so that the next is handed over while one computes. */
static int usual_sessions(const char *devices)
{
    char one[64];
    int count = 0, cards = 0;
    for (const char *at = devices; at; count++) {
        const size_t length = strcspn(at, ",");
        snprintf(one, sizeof one, "%.*s", (int)BN_MIN(length, sizeof one), at);
        cards += bn_device_is_card(one);
        at = at[length] ? at + length + 1 : NULL;
    }
    return cards ? 2 * count : 1;
}

static void read_sizes(const bn_values *values, bn_jobs_options *options)
{
    const double *number = values->number;
    options->max_models = (int)number[BN_OPTION_MAX_MODELS];
    options->threads = (int)number[BN_OPTION_THREADS];
    options->devices = bn_values_device(values);
    options->batch = (int)number[BN_OPTION_BATCH];
    options->sessions =
        values->given[BN_OPTION_JOBS] ? (int)number[BN_OPTION_JOBS] : usual_sessions(options->devices);
    options->fetch_threads = (int)number[BN_OPTION_FETCHES];
    options->max_pixels = (uint64_t)(number[BN_OPTION_MAX_PIXELS] * 1e6);
    options->max_decode_bytes = (uint64_t)(number[BN_OPTION_MAX_DECODE_MEMORY] * 1e6);
    options->max_stored_bytes = (uint64_t)(number[BN_OPTION_MAX_STORED] * GIGABYTE);
    options->retention_s = (int64_t)(number[BN_OPTION_RETENTION] * 3600);
    options->file_retention_s = BN_MAX(options->retention_s, (int64_t)60);
    options->limits.running = (int)number[BN_OPTION_MAX_RUNNING];
    options->lease_ms = (int)number[BN_OPTION_LEASE] * 1000;
}

bn_status bn_computing_read(const bn_values *values, bn_console *console, const char *data_folder,
                            bn_computing *own, bn_jobs_options *options, bn_stage *stage, bn_error *err)
{
    bn_jobs_options_default(options);
    options->data_folder = data_folder;
    options->store = bn_store_address(values);
    options->store_connections = (int)values->number[BN_OPTION_STORE_CONNECTIONS];
    options->store_listen = values->text[BN_OPTION_STORE_LISTEN];
    options->models_folder = values->text[BN_OPTION_MODELS_DIR];
    options->fallback_model = bn_values_text(values, BN_OPTION_FALLBACK_MODEL);
    BN_TRY(check_fallback(values, stage, err));
    BN_TRY(read_preload(values, own, err));
    if (own->preload[0]) options->preload = own->preload;
    BN_TRY(read_only(values, own, err));
    if (own->only[0]) options->only = own->only;
    BN_TRY(read_test_resolution(values, options, err));
    read_sizes(values, options);
    BN_TRY(check_devices(options->devices, err));
    options->allow_private = values->given[BN_OPTION_ALLOW_PRIVATE];
    options->log = (bn_log){.write = log_line, .user = console};
    return choose_files(values, options, stage, err);
}

bn_status bn_computing_open(bn_jobs_options *options, bn_jobs **jobs, bn_stage *stage, bn_error *err)
{
    bn_jobs_part part = BN_JOBS_FOLDER;
    options->opening = &part;
    const bn_status status = bn_jobs_open(options, jobs, err);
    options->opening = NULL;
    if (status == BIREFNET_OK) return BIREFNET_OK;
    const bool damaged = status == BIREFNET_ERROR_FORMAT;
    if (part == BN_JOBS_STORE && (options->store || damaged)) *stage = BN_STAGE_STORE;
    if (part == BN_JOBS_FILES && options->files) *stage = BN_STAGE_FILES;
    return status;
}
