/* ending.c - how requests end: making the answer, saving it once, telling those who wait. */
#include "queue/private.h"

#include "base/file.h"
#include "schema/datauri.h"
#include "schema/json.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESULT_MAX_BYTES (1u << 30)

/* ---- making one ---- */

/* The first entry of an error list, for the status and for the metrics. */
static void summarise(const json_t *detail, bn_ending *ending)
{
    const json_t *first = json_array_get(detail, 0);
    const char *msg = json_string_value(json_object_get(first, "msg"));
    const char *type = json_string_value(json_object_get(first, "type"));
    const bool in_words = type && strchr(type, '_') && json_object_get(first, "url");
    snprintf(ending->error, sizeof ending->error, "%.199s", msg ? msg : "The request failed");
    snprintf(ending->reason, sizeof ending->reason, "%s", in_words ? type : "invalid_input");
}

void bn_ending_detail(bn_ending *ending, int code, json_t *detail)
{
    ending->code = code;
    summarise(detail, ending);
    json_t *body = json_pack("{s:o}", "detail", detail);
    free(ending->result);
    ending->result = body ? json_dumps(body, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(body);
}

void bn_ending_infra(bn_ending *ending, int code, const char *error_type, const char *detail)
{
    ending->code = code;
    ending->retry = code == 503;
    snprintf(ending->error_type, sizeof ending->error_type, "%s", error_type);
    snprintf(ending->reason, sizeof ending->reason, "%s", error_type);
    snprintf(ending->error, sizeof ending->error, "%s", detail);
    json_t *body = json_pack("{s:s, s:s}", "detail", ending->error, "error_type", error_type);
    free(ending->result);
    ending->result = body ? json_dumps(body, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(body);
}

void bn_ending_cancelled(bn_ending *ending, bool disconnected, bool ran)
{
    bn_ending_infra(ending, 499, disconnected ? "client_disconnected" : "client_cancelled",
                    ran ? "The request was cancelled" : "The request was cancelled before it started");
}

char *bn_logs_write(const bn_job *job, int64_t after)
{
    static const char *const levels[] = {"ERROR", "WARN", "INFO", "DEBUG"};
    json_t *list = json_array();
    for (int64_t i = after < 0 ? 0 : after; i < job->log_count; i++) {
        const bn_log_entry *entry = &job->logs[i];
        char time[BN_TIME_CHARS];
        bn_time_write(entry->ms, time);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:{}}", "timestamp", time, "message",
                                              entry->text, "level", levels[entry->level], "source", "USER",
                                              "labels"));
    }
    char *text = json_dumps(list, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(list);
    return text;
}

/* ---- the result as a client gets it ---- */

static bn_status inline_image(bn_jobs *jobs, json_t *file, const char *id, bn_error *err)
{
    bn_buffer bytes, uri;
    bn_buffer_init(&bytes, RESULT_MAX_BYTES);
    bn_buffer_init(&uri, RESULT_MAX_BYTES);
    bn_status status = bn_jobs_file_read(jobs, id, &bytes, err);
    const char *type = json_string_value(json_object_get(file, "content_type"));
    if (status == BIREFNET_OK)
        status = bn_data_uri_write(type ? type : "", bytes.data, bytes.size, &uri, err);
    if (status == BIREFNET_OK &&
        json_object_set_new(file, "url", json_stringn_nocheck((const char *)uri.data, uri.size)) != 0)
        status = bn_fail_memory(err, uri.size, "a result");
    bn_buffer_free(&uri);
    bn_buffer_free(&bytes);
    return status;
}

static bn_status place_image(bn_jobs *jobs, json_t *file, bool inline_images, const char *base, bn_error *err)
{
    char id[BN_FILE_ID_CHARS];
    const char *path = json_string_value(json_object_get(file, "url"));
    if (!path || !bn_file_id_of_url(path, id)) return BIREFNET_OK;
    if (inline_images) return inline_image(jobs, file, id, err);
    json_t *url = json_sprintf("%s%s", base ? base : "", path);
    if (url && json_object_set_new(file, "url", url) == 0) return BIREFNET_OK;
    return bn_fail_memory(err, strlen(path), "a result");
}

bn_status bn_result_write(bn_jobs *jobs, const bn_ending *ending, const char *base, bn_buffer *out,
                          bn_error *err)
{
    const char *text = ending->result ? ending->result : "{\"detail\":\"Internal Server Error\"}";
    if (ending->code != 200) return bn_buffer_append(out, text, strlen(text), err);
    json_t *root = bn_json_read(text, strlen(text), BN_JSON_OURS, NULL);
    if (!base) base = jobs->public_url;
    bn_status status = BIREFNET_OK;
    static const char *const members[] = {"image", "mask_image"};
    for (int i = 0; status == BIREFNET_OK && i < 2; i++)
        status = place_image(jobs, json_object_get(root, members[i]), ending->inline_images, base, err);
    char *made = status == BIREFNET_OK ? json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    if (status == BIREFNET_OK)
        status = made ? bn_buffer_append(out, made, strlen(made), err) : bn_fail_memory(err, 0, "a result");
    free(made);
    json_decref(root);
    return status;
}

/* ---- saving ---- */

void bn_ending_count(bn_jobs *jobs, const bn_ending *ending, const char *id, const char *key_id)
{
    if (ending->code == 200) {
        atomic_fetch_add(&jobs->metrics.succeeded, 1);
        return;
    }
    bn_failure failure = {.at_ms = bn_jobs_now(jobs), .code = ending->code};
    snprintf(failure.id, sizeof failure.id, "%s", id ? id : "");
    snprintf(failure.key_id, sizeof failure.key_id, "%s", key_id ? key_id : "");
    snprintf(failure.reason, sizeof failure.reason, "%s", ending->reason);
    snprintf(failure.error, sizeof failure.error, "%s", ending->error);
    bn_failures_note(&jobs->failures, &failure);
    bn_metrics_fail(&jobs->metrics, ending->reason, failure.at_ms);
}

int64_t bn_claim_make(void)
{
    int64_t claim;
    do {
        randombytes_buf(&claim, sizeof claim);
        claim &= INT64_MAX;
    } while (claim == 0);
    return claim;
}

void bn_job_weigh(bn_jobs *jobs, const bn_job *job, int weight)
{
    pthread_mutex_lock(&jobs->lock);
    const bool running = !job->queued;
    pthread_mutex_unlock(&jobs->lock);
    bn_store_start(jobs->store, job->accepted.id, jobs->held.worker, job->claim, weight, running, NULL, NULL);
}

/* How a job has ended, until that is saved. */
struct bn_last {
    bn_ending ending;
    int64_t claim; /* see bn_store_finish */
    bn_file_facts files[2];
    size_t file_count;
};

void bn_last_free(bn_last **last)
{
    if (*last) bn_ending_free(&(*last)->ending);
    free(*last);
    *last = NULL;
}

/* Somebody else has it, or has ended it. */
static void forget_files(bn_jobs *jobs, const char *id, const bn_last *last)
{
    bn_log_line(&jobs->options.log, BIREFNET_LOG_WARNING, "request %s was not this worker's any more", id);
    for (size_t i = 0; i < last->file_count; i++) bn_object_drop(jobs, last->files[i].object);
}

/* A client has cancelled what waited here, but another had taken it: he is told. */
static void cancel_elsewhere(bn_jobs *jobs, const bn_job *job, const char *id, const bn_last *last)
{
    bn_cancelled outcome;
    const bool left = atomic_load(&job->disconnected);
    if (last->claim != 0 || last->ending.code != 499) return;
    if (bn_store_cancel(jobs->store, id, left ? BN_CANCEL_CLIENT_LEFT : BN_CANCEL_BY_CLIENT, &last->ending,
                        &outcome, NULL) == BIREFNET_OK)
        bn_hint_others(jobs, BN_HINT_CANCEL);
}

/* True when it is saved; the job is the caller's hold only, then. */
static bool save(bn_jobs *jobs, bn_job *job, bn_last *last, bn_error *err)
{
    bool mine;
    char id[BN_REQUEST_ID_CHARS];
    snprintf(id, sizeof id, "%s", job->accepted.id);
    if (bn_store_finish(jobs->store, id, jobs->held.worker, last->claim, &last->ending, last->files,
                        last->file_count, &mine, err) != BIREFNET_OK)
        return false;
    if (mine) {
        for (size_t i = 0; i < last->file_count; i++) bn_blobs_add_row(jobs->blobs, BN_BLOB_RESULT, NULL);
        bn_ending_count(jobs, &last->ending, id, job->accepted.key_id);
        bn_endings_note(jobs, id, &last->ending);
    } else {
        forget_files(jobs, id, last);
        cancel_elsewhere(jobs, job, id, last);
    }
    pthread_mutex_lock(&jobs->lock);
    bn_front_remove(jobs, job);
    if (!mine) bn_news_want(jobs); /* a crash of the store may have undone the claim: then it waits there */
    bn_held_changed(jobs);
    pthread_mutex_unlock(&jobs->lock);
    bn_watches_news(jobs, id);
    if (mine && job->accepted.sync && job->accepted.front != jobs->held.worker)
        bn_hint_others(jobs, BN_HINT_ENDED);
    if (mine && job->accepted.webhook && jobs->options.role == BN_ROLE_WORK)
        bn_hint_others(jobs, BN_HINT_WEBHOOKS);
    if (mine && job->accepted.webhook) bn_courier_poke(jobs, job->accepted.webhook, job->accepted.key_id);
    return true;
}

static void try_later(bn_jobs *jobs, bn_job *job)
{
    pthread_mutex_lock(&jobs->lock);
    job->next_unsaved = jobs->held.unsaved;
    jobs->held.unsaved = job;
    jobs->held.unsaved_count++;
    pthread_mutex_unlock(&jobs->lock);
}

/* Takes over the ending, and our hold: a beat gives the request back, unless others have it already, and it is done again. */
static void forget(bn_jobs *jobs, bn_job *job, bn_ending *ending)
{
    bn_ending_free(ending);
    pthread_mutex_lock(&jobs->lock);
    bn_front_remove(jobs, job);
    bn_job_let_go(job);
    pthread_mutex_unlock(&jobs->lock);
}

/* The same; without memory for it the claim is forgotten. */
static void keep_unsaved(bn_jobs *jobs, bn_job *job, bn_last *last)
{
    job->unsaved = malloc(sizeof *job->unsaved);
    if (job->unsaved) {
        *job->unsaved = *last;
        try_later(jobs, job);
        return;
    }
    forget(jobs, job, &last->ending);
}

void bn_job_end(bn_jobs *jobs, bn_job *job, bn_maker by, bn_ending *ending, const bn_file_facts *files,
                size_t file_count)
{
    bn_error err = {0};
    bn_last last = {.ending = *ending, .file_count = file_count};
    *ending = (bn_ending){0};
    pthread_mutex_lock(&jobs->lock);
    bn_held_end(jobs, job, by);
    last.ending.completed_ms = bn_jobs_now(jobs);
    last.ending.logs = bn_logs_write(job, 0);
    last.claim = by == BN_BY_WORKER ? job->claim : 0;
    pthread_mutex_unlock(&jobs->lock);
    if (by == BN_BY_WORKER && atomic_load(&job->lost) && last.ending.code == 499) {
        forget(jobs, job, &last.ending);
        return;
    }
    for (size_t i = 0; i < file_count; i++) last.files[i] = files[i];
    if (save(jobs, job, &last, &err)) {
        bn_ending_free(&last.ending);
        bn_job_drop(jobs, job);
        return;
    }
    bn_log_line(&jobs->options.log, BIREFNET_LOG_ERROR, "cannot save the end of request %s, trying again: %s",
                job->accepted.id, err.message);
    keep_unsaved(jobs, job, &last);
}

void bn_jobs_save_unsaved(bn_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    bn_job *list = jobs->held.unsaved;
    jobs->held.unsaved = NULL;
    jobs->held.unsaved_count = 0;
    pthread_mutex_unlock(&jobs->lock);
    while (list) {
        bn_job *job = list;
        list = job->next_unsaved;
        if (save(jobs, job, job->unsaved, NULL)) {
            bn_job_drop(jobs, job);
            continue;
        }
        try_later(jobs, job);
    }
}
