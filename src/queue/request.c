/* request.c - status, result and cancelling of one request, wherever it is: in memory or in the store. */
#include "schema/json.h"
#include "queue/private.h"

#include <stdlib.h>
#include <string.h>

#define RESULT_MAX_BYTES (1u << 30)

/* ---- whose it is ---- */

static bn_status may_use(const char *owner, const char *id, const char *key_id, bn_error *err)
{
    if (bn_may_use(owner, key_id)) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "request %s is another key's", id);
}

bn_status bn_jobs_may_see(bn_jobs *jobs, const char *id, const char *key_id, bn_error *err)
{
    char owner[BN_KEY_ID_CHARS];
    pthread_mutex_lock(&jobs->lock);
    const bn_job *job = bn_front_find(jobs, id);
    const bool live = job != NULL;
    const bn_status may = live ? may_use(job->accepted.key_id, id, key_id, err) : BIREFNET_OK;
    pthread_mutex_unlock(&jobs->lock);
    if (live) return may;
    const bool shared = atomic_load(&jobs->shared);
    if (shared && bn_endings_owner(jobs, id, owner)) return may_use(owner, id, key_id, err);
    const bn_status status = bn_store_owner(jobs->store, id, owner, err);
    if (status != BIREFNET_OK) return status == BIREFNET_ERROR_NOT_FOUND ? BIREFNET_OK : status;
    if (shared) bn_endings_note_owner(jobs, id, owner);
    return may_use(owner, id, key_id, err);
}

/* ---- status ---- */

void bn_request_status_free(bn_request_status *status)
{
    free(status->logs);
    *status = (bn_request_status){.state = BN_REQUEST_QUEUED};
}

static char *cut_logs(const char *logs, int64_t after, int64_t *last);

static bool status_in_memory(bn_jobs *jobs, const char *id, bool want_logs, int64_t after_log,
                             bn_request_status *status)
{
    pthread_mutex_lock(&jobs->lock);
    bn_news_asked(jobs);
    const bn_job *job = bn_front_find(jobs, id);
    if (job) {
        *status = (bn_request_status){.state = job->queued ? BN_REQUEST_QUEUED : BN_REQUEST_RUNNING,
                                      .position = bn_front_position(jobs, job),
                                      .progress = job->elsewhere ? job->told_progress : job->progress,
                                      .last_log = job->elsewhere ? job->told_log_count : job->log_count};
        if (want_logs)
            status->logs = job->elsewhere ? cut_logs(job->told_logs, after_log, &status->last_log)
                                          : bn_logs_write(job, after_log);
    }
    pthread_mutex_unlock(&jobs->lock);
    return job != NULL;
}

/* The lines of a JSON array from `after` on. */
static char *cut_logs(const char *logs, int64_t after, int64_t *last)
{
    json_t *all = logs ? bn_json_read(logs, strlen(logs), BN_JSON_OURS, NULL) : json_array(),
           *newer = json_array();
    *last = (int64_t)json_array_size(all);
    for (size_t i = after > 0 ? (size_t)after : 0; i < json_array_size(all); i++)
        json_array_append(newer, json_array_get(all, i));
    char *text = json_dumps(newer, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(all);
    json_decref(newer);
    return text;
}

bn_status bn_jobs_status(bn_jobs *jobs, const char *id, bool want_logs, int64_t after_log,
                         bn_request_status *status, bn_error *err)
{
    bn_ending ending;
    const bool ended = atomic_load(&jobs->shared) && bn_endings_find(jobs, id, status);
    if (ended && !want_logs) return BIREFNET_OK;
    if (!ended && status_in_memory(jobs, id, want_logs, after_log, status)) {
        if (!want_logs || status->logs) return BIREFNET_OK;
        return bn_fail_memory(err, 0, "the logs of a request");
    }
    const bn_status found = bn_store_ending(jobs->store, id, false, want_logs, &ending, err);
    if (found == BIREFNET_ERROR_NOT_FOUND) { /* perhaps accepted a moment ago, or taken from a worker */
        BN_TRY(bn_news_is_open(jobs, id, err));
        *status = (bn_request_status){.state = BN_REQUEST_QUEUED, .logs = want_logs ? strdup("[]") : NULL};
        pthread_mutex_lock(&jobs->lock);
        status->position = (int)jobs->front.waiting;
        pthread_mutex_unlock(&jobs->lock);
        return BIREFNET_OK;
    }
    if (found != BIREFNET_OK) return found;
    bn_ending_describe(&ending, status);
    bn_endings_note(jobs, id, &ending);
    if (want_logs) status->logs = cut_logs(ending.logs, after_log, &status->last_log);
    bn_ending_free(&ending);
    if (!want_logs || status->logs) return BIREFNET_OK;
    return bn_fail_memory(err, 0, "the logs of a request");
}

/* ---- result ---- */

static void answer_text(bn_answer *answer, int code, const char *text)
{
    answer->code = code;
    answer->body = strdup(text);
    answer->body_bytes = answer->body ? strlen(text) : 0;
}

#define CANNOT_READ                                                                                          \
    "{\"detail\":\"The result cannot be read now; try again later\",\"error_type\":\"internal_error\"}"

static void answer_later(bn_answer *answer)
{
    answer_text(answer, 503, CANNOT_READ);
    answer->retry_after_s = 1;
    snprintf(answer->error_type, sizeof answer->error_type, "internal_error");
}

static void answer_ending(bn_jobs *jobs, const bn_ending *ending, const char *file_base, bn_answer *answer)
{
    bn_buffer body;
    bn_error err = {0};
    bn_buffer_init(&body, RESULT_MAX_BYTES);
    if (bn_result_write(jobs, ending, file_base, &body, &err) != BIREFNET_OK) {
        bn_buffer_free(&body);
        answer_later(answer);
        if (err.status != BIREFNET_ERROR_NOT_FOUND) return;
        bn_answer_free(answer);
        answer_text(answer, 404,
                    "{\"detail\":\"The result is no longer stored\",\"error_type\":\"internal_error\"}");
        snprintf(answer->error_type, sizeof answer->error_type, "internal_error");
        return;
    }
    answer->code = ending->code;
    answer->body = (char *)body.data; /* both are malloc's */
    answer->body_bytes = body.size;
    answer->retry = ending->retry;
    answer->user_timeout = ending->user_timeout;
    answer->billable_s = ending->billable_s;
    memcpy(answer->error_type, ending->error_type, sizeof answer->error_type);
    memcpy(answer->weights, ending->weights, sizeof answer->weights);
    memcpy(answer->image_id, ending->image_id, sizeof answer->image_id);
}

void bn_jobs_result(bn_jobs *jobs, const char *id, const char *file_base, bn_answer *answer)
{
    bn_ending ending;
    bn_error err = {0};
    bn_request_status known;
    *answer = (bn_answer){0};
    pthread_mutex_lock(&jobs->lock);
    bool open = bn_front_find(jobs, id) != NULL;
    pthread_mutex_unlock(&jobs->lock);
    if (open && atomic_load(&jobs->shared)) open = !bn_endings_find(jobs, id, &known);
    bn_status status = open ? BIREFNET_OK : bn_store_ending(jobs->store, id, true, false, &ending, &err);
    if (status == BIREFNET_ERROR_NOT_FOUND) {
        status = bn_news_is_open(jobs, id, &err);
        open = status == BIREFNET_OK;
    }
    if (open) {
        answer_text(answer, 400, "{\"detail\":\"Request is still in progress\"}");
        return;
    }
    if (status == BIREFNET_ERROR_NOT_FOUND) {
        answer_text(answer, 404, "{\"status\":\"NOT_FOUND\"}");
    } else if (status != BIREFNET_OK) {
        answer_later(answer);
    } else {
        answer_ending(jobs, &ending, file_base, answer);
        bn_ending_free(&ending);
    }
}

/* ---- cancel ---- */

/* What nobody here holds, another may: the store says. */
static bn_cancel_result cancel_in_store(bn_jobs *jobs, const char *id, bool disconnected)
{
    bn_cancelled outcome;
    bn_ending ending = {.completed_ms = bn_jobs_now(jobs)};
    bn_ending_cancelled(&ending, disconnected, false);
    bn_status status = bn_store_cancel(
        jobs->store, id, disconnected ? BN_CANCEL_CLIENT_LEFT : BN_CANCEL_BY_CLIENT, &ending, &outcome, NULL);
    if (status == BIREFNET_OK && outcome == BN_CANCELLED_ENDED) {
        bn_ending_count(jobs, &ending, id, NULL);
        bn_endings_note(jobs, id, &ending);
        pthread_mutex_lock(&jobs->lock);
        bn_job *job = bn_front_find(jobs, id);
        if (job && job->phase == BN_JOB_WAITING) bn_front_remove(jobs, job);
        bn_held_changed(jobs);
        pthread_mutex_unlock(&jobs->lock);
        bn_watches_news(jobs, id);
        bn_courier_poke(jobs, NULL, NULL);
    }
    if (status == BIREFNET_OK && outcome == BN_CANCELLED_TOLD) bn_hint_others(jobs, BN_HINT_CANCEL);
    bn_ending_free(&ending);
    if (status == BIREFNET_OK && outcome != BN_CANCELLED_NONE) return BN_CANCEL_REQUESTED;
    if (status == BIREFNET_OK) status = bn_store_ending(jobs->store, id, false, false, &ending, NULL);
    if (status == BIREFNET_OK) return BN_CANCEL_COMPLETED;
    return status == BIREFNET_ERROR_NOT_FOUND ? BN_CANCEL_NOT_FOUND : BN_CANCEL_FAILED;
}

bn_cancel_result bn_jobs_cancel(bn_jobs *jobs, const char *id, bool disconnected)
{
    bn_ending ending = {0};
    pthread_mutex_lock(&jobs->lock);
    bn_job *job = bn_front_find(jobs, id);
    const bool elsewhere = !job || (atomic_load(&jobs->shared) && job->phase == BN_JOB_WAITING);
    const bool ours = !elsewhere && bn_held_end(jobs, job, BN_BY_FRONT);
    if (!elsewhere) {
        atomic_store(&job->disconnected, disconnected);
        atomic_store(&job->lost, false);
        atomic_store(&job->cancelled, true);
        atomic_store(&job->stop, true);
        bn_budget_wake(&jobs->held.decoding);
    }
    if (ours) job->holds++;
    pthread_mutex_unlock(&jobs->lock);
    if (ours) {
        bn_ending_cancelled(&ending, disconnected, false);
        bn_job_end(jobs, job, BN_BY_FRONT, &ending, NULL, 0);
    }
    return elsewhere ? cancel_in_store(jobs, id, disconnected) : BN_CANCEL_REQUESTED;
}
