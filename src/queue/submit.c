/* submit.c - accepting requests: limits, validation, the promise that they will be done. */
#include "queue/private.h"

#include "base/size.h"
#include "schema/datauri.h"
#include "schema/json.h"

#include <stdlib.h>
#include <string.h>

void bn_answer_free(bn_answer *answer)
{
    free(answer->body);
    *answer = (bn_answer){0};
}

/* Takes over what ending owns. */
static void answer_with(bn_answer *answer, bn_ending *ending)
{
    answer->code = ending->code;
    answer->body = ending->result;
    answer->body_bytes = ending->result ? strlen(ending->result) : 0;
    answer->retry = ending->retry;
    answer->user_timeout = ending->user_timeout;
    snprintf(answer->error_type, sizeof answer->error_type, "%s", ending->error_type);
    ending->result = NULL;
    bn_ending_free(ending);
}

static void refuse(bn_jobs *jobs, bn_answer *answer, int code, const char *type, const char *msg,
                   int retry_after_s)
{
    bn_ending ending = {0};
    if (code == 429) {
        json_t *detail = json_array();
        json_array_append_new(detail,
                              json_pack("{s:[s], s:s, s:s}", "loc", "body", "msg", msg, "type", type));
        bn_ending_detail(&ending, code, detail);
        atomic_fetch_add(&jobs->metrics.rejected, 1);
    } else {
        bn_ending_infra(&ending, code, type, msg);
    }
    answer_with(answer, &ending);
    answer->retry = true;
    answer->retry_after_s = retry_after_s;
}

/* ---- limits ---- */

/* One token a submit; they come back evenly, up to a minute's worth. Seconds to wait, 0 = go on. */
static int take_token(bn_key_use *use, int per_minute, int64_t now_ms)
{
    if (per_minute <= 0) return 0;
    const double elapsed_ms = use->refilled_ms == INT64_MIN ? 60000 : (double)(now_ms - use->refilled_ms);
    use->tokens = BN_MIN(use->tokens + BN_MAX(elapsed_ms, 0) * per_minute / 60000, (double)per_minute);
    use->refilled_ms = now_ms;
    if (use->tokens >= 1) {
        use->tokens -= 1;
        return 0;
    }
    return (int)((1 - use->tokens) * 60 / per_minute) + 1;
}

#define RATE_WORDS "Too many requests of this key in a minute"

/* Why a request is not let in. */
typedef struct obstacle {
    int code;
    const char *type, *msg;
    int wait_s;
} obstacle;

#define NOT_STORED ((obstacle){503, "internal_error", "The request could not be stored", 1})

/* No more for now, whoever asks. The lock is held, as below. */
static bool is_full(const bn_jobs *jobs, const bn_submit *submit, obstacle *found)
{
    const bn_front *front = &jobs->front;
    const size_t waiting = front->waiting + front->promised;
    if (waiting >= (size_t)jobs->options.max_waiting)
        *found = (obstacle){429, "queue_full", "Too many requests wait", 5};
    else if (front->body_bytes + front->promised_bytes + submit->body_bytes > jobs->options.max_waiting_bytes)
        *found = (obstacle){429, "queue_full", "The requests that wait are too large", 5};
    else if (submit->max_queue_length >= 0 && waiting > (size_t)submit->max_queue_length)
        *found = (obstacle){429, "queue_full", "More requests wait than fal_max_queue_length allows", 1};
    return found->code != 0;
}

/* No more of this key. Last of all limits: it costs a token to pass. */
static bool has_enough(bn_jobs *jobs, bn_key_use *use, const bn_key_limits *limits, const bn_submit *submit,
                       obstacle *found)
{
    int wait_s = 0;
    if (limits->waiting > 0 && use->waiting + use->promised >= limits->waiting)
        *found = (obstacle){429, "concurrent_requests_limit", "Too many requests of this key wait", 5};
    else if (submit->sync && limits->running > 0 && use->busy >= limits->running)
        *found = (obstacle){429, "concurrent_requests_limit", "Too many requests of this key run", 1};
    else if (!atomic_load(&jobs->shared) &&
             (wait_s = take_token(use, limits->per_minute, bn_jobs_now(jobs))) > 0)
        *found = (obstacle){429, "rate_limit", RATE_WORDS, wait_s};
    return found->code != 0;
}

/* The same rate over all front ends, where there are several; the lock is not held. */
static bool has_token(bn_jobs *jobs, const bn_submit *submit, int per_minute, obstacle *found)
{
    int64_t wait_ms;
    if (per_minute <= 0 || !atomic_load(&jobs->shared)) return true;
    if (bn_store_rate(jobs->store, submit->key_id ? submit->key_id : "", per_minute, &wait_ms, NULL) !=
        BIREFNET_OK)
        *found = NOT_STORED; /* nobody gets in because it could not be counted */
    else if (wait_ms > 0)
        *found = (obstacle){429, "rate_limit", RATE_WORDS, (int)(wait_ms / 1000) + 1};
    return found->code == 0;
}

static void meet(bn_jobs *jobs, const obstacle *found, bn_answer *answer)
{
    refuse(jobs, answer, found->code, found->type, found->msg, found->wait_s);
}

static void leave_place(bn_jobs *jobs, const bn_submit *submit)
{
    pthread_mutex_lock(&jobs->lock);
    bn_front_give_back(jobs, bn_front_use(jobs, submit->key_id), submit->body_bytes);
    pthread_mutex_unlock(&jobs->lock);
}

/* A place among the waiting is taken; or false, and answer says why it is refused. */
static bool take_place(bn_jobs *jobs, const bn_submit *submit, bn_answer *answer)
{
    const bn_key_limits limits = bn_front_limits(jobs, submit->key_id);
    obstacle found = {0};
    pthread_mutex_lock(&jobs->lock);
    bn_key_use *use = bn_front_use(jobs, submit->key_id);
    if (use) use->busy_limit = limits.running;
    if (jobs->draining || jobs->closing || !use)
        found = (obstacle){503, "runner_scheduling_failure", "The server is shutting down", 0};
    else if (!is_full(jobs, submit, &found) && !has_enough(jobs, use, &limits, submit, &found))
        bn_front_promise(jobs, use, submit->body_bytes);
    pthread_mutex_unlock(&jobs->lock);
    if (found.code == 0 && !has_token(jobs, submit, limits.per_minute, &found)) leave_place(jobs, submit);
    if (found.code != 0) meet(jobs, &found, answer);
    return found.code == 0;
}

bool bn_jobs_linger(bn_jobs *jobs, const char *key_id, int most, bn_answer *answer)
{
    *answer = (bn_answer){0};
    pthread_mutex_lock(&jobs->lock);
    bn_key_use *use = bn_front_use(jobs, key_id);
    const bool may = use && (!key_id[0] || use->lingering < most);
    if (may) use->lingering++;
    pthread_mutex_unlock(&jobs->lock);
    if (!may) refuse(jobs, answer, 429, "concurrent_requests_limit", "Too many clients of this key wait", 5);
    return may;
}

void bn_jobs_leave(bn_jobs *jobs, const char *key_id)
{
    pthread_mutex_lock(&jobs->lock);
    bn_front_use(jobs, key_id)->lingering--; /* which it has since it came */
    pthread_mutex_unlock(&jobs->lock);
}

/* Webhooks that nobody takes stay for hours: there is a limit, for one key and for all. True where there is room; else
 * answer says why not. A few that come at once may pass it together. */
static bool may_leave_webhook(bn_jobs *jobs, const bn_submit *submit, bn_answer *answer)
{
    int64_t of_key, of_all;
    if (!submit->webhook || !submit->webhook[0]) return true;
    if (bn_store_webhooks_pending(jobs->store, submit->key_id, &of_key, &of_all, NULL) != BIREFNET_OK)
        return true; /* the store fails: it cannot take the request either, and says so */
    const bool key_full = of_key >= jobs->options.max_key_webhooks;
    if (!key_full && of_all < jobs->options.max_webhooks) return true;
    refuse(jobs, answer, 429, "webhooks_limit",
           key_full ? "Too many webhooks of this key wait for their receivers"
                    : "Too many webhooks wait for their receivers",
           60);
    return false;
}

/* ---- validation ---- */

static void refuse_path(const char *path, bn_ending *ending)
{
    ending->code = 404;
    json_t *body = json_pack("{s:o}", "detail", json_sprintf("Path %s not found", path));
    ending->result = body ? json_dumps(body, JSON_COMPACT | JSON_ENSURE_ASCII)
                          : strdup("{\"detail\":\"Path not found\"}"); /* the path is no UTF-8 */
    json_decref(body);
    snprintf(ending->error, sizeof ending->error, "The path was not found");
    snprintf(ending->reason, sizeof ending->reason, "not_found");
}

/* Whether another host must be asked for the photo. */
static bool is_elsewhere(bn_jobs *jobs, const char *url)
{
    char id[BN_FILE_ID_CHARS];
    bn_stored_file file;
    if (bn_is_data_uri(url)) return false;
    return !bn_file_id_of_url(url, id) || bn_store_file(jobs->store, id, false, &file, NULL) != BIREFNET_OK ||
           !file.whole;
}

static void refuse_no_mask(bn_ending *ending)
{
    json_t *detail = json_array();
    json_array_append_new(detail,
                          bn_detail_entry("mask_url", "missing",
                                          "The address of the mask is required, as a string", NULL, NULL));
    bn_ending_detail(ending, 422, detail);
}

/* What a look at the body tells. */
typedef struct glance {
    bool broken;  /* it is no JSON at all */
    bool fetches; /* as in bn_accepted */
    char model[BN_MODEL_CHARS];
    char *photo; /* owned: its address, as far as that is remembered */
} glance;

/* True: a touch-up lacks what it needs, the ending says what. What request_id names stands in image_url afterwards. */
static bool lacks(bn_jobs *jobs, const bn_submit *submit, bn_input *input, bn_ending *ending)
{
    if (!submit->touch_up) return false;
    if (!input->mask_url) {
        refuse_no_mask(ending);
        return true;
    }
    if (!input->image_url) input->image_url = bn_photo_of(jobs, input->request_id, submit->key_id, ending);
    return !input->image_url;
}

/* True: the ending is known already. */
static bool ends_at_once(bn_jobs *jobs, const bn_submit *submit, bn_ending *ending, glance *seen)
{
    bn_input input;
    json_t *detail = NULL;
    bn_error err = {0};
    *seen = (glance){0};
    if (submit->app_path && submit->app_path[0] && strcmp(submit->app_path, BN_JOBS_ENDPOINT) != 0) {
        refuse_path(submit->app_path, ending);
        return true;
    }
    const bn_status status = (submit->touch_up ? bn_input_parse_touch_up : bn_input_parse)(
        submit->body, submit->body_bytes, &input, &detail, &seen->broken, &err);
    if (status == BIREFNET_OK) {
        const bool refused = lacks(jobs, submit, &input, ending);
        if (!refused) {
            seen->fetches = is_elsewhere(jobs, input.image_url) ||
                            (input.background_url && is_elsewhere(jobs, input.background_url)) ||
                            (submit->touch_up && is_elsewhere(jobs, input.mask_url));
            if (bn_extras_may_keep(input.image_url)) seen->photo = strdup(input.image_url);
        }
        snprintf(seen->model, sizeof seen->model, "%s", input.model);
        bn_input_free(&input);
        return refused;
    }
    if (detail)
        bn_ending_detail(ending, 422, detail);
    else
        bn_ending_infra(ending, 503, "internal_error", err.message);
    return true;
}

/* ---- accepting ---- */

static bool copy_text(char **copy, const char *text)
{
    *copy = text && text[0] ? strdup(text) : NULL;
    return *copy || !text || !text[0];
}

static bn_status fill_accepted(bn_jobs *jobs, const bn_submit *submit, const glance *seen,
                               bn_accepted *accepted, bn_error *err)
{
    const bn_key_limits limits = bn_front_limits(jobs, submit->key_id);
    *accepted = (bn_accepted){.sync = submit->sync,
                              .low_priority = submit->low_priority,
                              .forget_soon = submit->forget_soon,
                              .public_only = submit->public_only,
                              .created_ms = bn_jobs_now(jobs),
                              .body = submit->body,
                              .body_bytes = submit->body_bytes};
    if (submit->background)
        snprintf(accepted->background, sizeof accepted->background, "%s", submit->background);
    accepted->hard_mask = submit->hard_mask;
    accepted->sure = submit->sure;
    accepted->touch_up = submit->touch_up;
    accepted->front = submit->sync ? jobs->held.worker : 0;
    accepted->key_running = limits.running;
    accepted->key_waiting = atomic_load(&jobs->shared) ? limits.waiting : 0; /* else take_place knows all */
    accepted->by_keys = jobs->options.by_keys;
    accepted->fetches = seen->fetches;
    memcpy(accepted->model, seen->model, sizeof accepted->model);
    if (bn_extras_write(accepted, seen->photo, err) != BIREFNET_OK) return BIREFNET_ERROR_MEMORY;
    if (submit->start_timeout_s > 0)
        accepted->start_by_ms = accepted->created_ms + (int64_t)(BN_MIN(submit->start_timeout_s, 1e9) * 1000);
    if (submit->id && bn_uuid_valid(submit->id))
        memcpy(accepted->id, submit->id, sizeof accepted->id);
    else
        bn_uuid_make(accepted->id);
    if (copy_text(&accepted->webhook, submit->webhook) &&
        copy_text(&accepted->lifecycle, submit->lifecycle) &&
        copy_text(&accepted->file_base, submit->file_base) && copy_text(&accepted->key_id, submit->key_id))
        return BIREFNET_OK;
    bn_accepted_free(accepted);
    return bn_fail_memory(err, 0, "a request");
}

/* In the store first, then in memory: what a client was promised is on the disk. */
static bn_status store_and_add(bn_jobs *jobs, bn_accepted *accepted, bn_ending *ending, const bn_look *look,
                               int *position, bn_error *err)
{
    const char *id = look->only;
    if (ending) ending->completed_ms = accepted->created_ms;
    BN_TRY(bn_store_accept(jobs->store, accepted, ending, err));
    if (accepted->repeated) {
        pthread_mutex_lock(&jobs->lock);
        bn_news_want(jobs); /* it may not be in the table */
        pthread_mutex_unlock(&jobs->lock);
    }
    if (accepted->repeated || accepted->refused) return BIREFNET_OK;
    atomic_fetch_add(&jobs->metrics.accepted, 1);
    if (!ending) bn_hint_others(jobs, BN_HINT_WORK);
    if (ending) {
        bn_ending_count(jobs, ending, id, accepted->key_id);
        if (accepted->webhook) bn_courier_poke(jobs, accepted->webhook, accepted->key_id);
        return BIREFNET_OK;
    }
    BN_TRY(bn_front_add(jobs, accepted, look, err));
    pthread_mutex_lock(&jobs->lock);
    bn_job *job = bn_front_find(jobs, id);
    if (position) *position = job ? bn_front_position(jobs, job) : 0;
    pthread_mutex_unlock(&jobs->lock);
    return BIREFNET_OK;
}

static bn_status accept(bn_jobs *jobs, bn_accepted *accepted, bn_ending *ending, int *position, bn_error *err)
{
    char id[BN_REQUEST_ID_CHARS];
    bn_look look;
    memcpy(id, accepted->id, sizeof id);
    bn_look_begin(jobs, &look, id);
    const bn_status status = store_and_add(jobs, accepted, ending, &look, position, err);
    bn_look_end(jobs, &look);
    return status;
}

void bn_jobs_submit(bn_jobs *jobs, const bn_submit *submit, char id[BN_REQUEST_ID_CHARS], int *position,
                    bn_answer *answer)
{
    bn_accepted accepted = {.id = ""};
    bn_ending ending = {0};
    bn_error err = {0};
    glance seen;
    *answer = (bn_answer){0};
    if (position) *position = 0;
    if (!may_leave_webhook(jobs, submit, answer) || !take_place(jobs, submit, answer)) return;
    const bool ends = ends_at_once(jobs, submit, &ending, &seen);
    if (ends && (submit->sync || seen.broken)) {
        leave_place(jobs, submit);
        bn_ending_count(jobs, &ending, submit->id, submit->key_id);
        answer_with(answer, &ending);
        return;
    }
    bn_status status = fill_accepted(jobs, submit, &seen, &accepted, &err);
    free(seen.photo);
    accepted.promised = true;
    memcpy(id, accepted.id, sizeof accepted.id);
    if (status == BIREFNET_OK) status = accept(jobs, &accepted, ends ? &ending : NULL, position, &err);
    if (accepted.promised) leave_place(jobs, submit); /* else the job has it */
    const bool refused = status == BIREFNET_OK && accepted.refused;
    bn_accepted_free(&accepted);
    bn_ending_free(&ending);
    if (refused) {
        refuse(jobs, answer, 429, "concurrent_requests_limit", "Too many requests of this key wait", 5);
        return;
    }
    if (status == BIREFNET_OK) {
        answer->code = 200;
        return;
    }
    bn_log_line(&jobs->options.log, BIREFNET_LOG_ERROR, "cannot accept a request: %s", err.message);
    meet(jobs, &NOT_STORED, answer);
}
