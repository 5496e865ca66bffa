/* fal_run.c - the endpoint itself: run (answer when done) and submit (answer when accepted). */
#include "api/call.h"

#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bn_http_next bn_reply_answer(bn_http_request *request, bn_answer *answer)
{
    if (!answer->body) {
        bn_reply_json_text(request, 500, "{\"detail\":\"Internal Server Error\"}");
    } else {
        request->reply.status = answer->code;
        bn_reply_bytes(request, answer->code, "application/json", answer->body, answer->body_bytes);
    }
    bn_http_reply_field(request, "x-fal-billable-units", "%.4g",
                        answer->code == 200 ? answer->billable_s : 0.0);
    if (*answer->error_type) bn_http_reply_field(request, "X-Fal-Error-Type", "%s", answer->error_type);
    if (answer->user_timeout) bn_http_reply_field(request, "X-Fal-Request-Timeout-Type", "user");
    if (answer->retry_after_s > 0) bn_http_reply_field(request, "Retry-After", "%d", answer->retry_after_s);
    if (*answer->weights) bn_http_reply_field(request, "X-Fal-Served-From", "%s", answer->weights);
    bn_answer_free(answer);
    return BN_HTTP_REPLY;
}

/* Seconds, from the newer field or the older one. False where the text is no such number. */
static bool read_start_timeout(const bn_http_request *request, double *seconds)
{
    const char *text = bn_http_header(request, "X-Fal-Request-Start-Timeout");
    if (!text) text = bn_http_header(request, "X-Fal-Request-Timeout");
    *seconds = 0;
    if (!text) return true;
    char *rest = NULL;
    *seconds = strtod(text, &rest);
    return rest != text && *rest == '\0' && isfinite(*seconds) && *seconds > 0;
}

static bool read_queue_length(const bn_call *call, int64_t *length)
{
    const char *text = bn_target_query(&call->target, "fal_max_queue_length");
    *length = -1;
    if (!text) return true;
    char *rest = NULL;
    errno = 0;
    *length = strtoll(text, &rest, 10);
    return rest != text && *rest == '\0' && errno == 0 && *length >= 0;
}

/* False with the reply made where a field cannot be read. */
static bool fill_submit(bn_call *call, bn_http_request *request, bn_submit *submit)
{
    const char *priority = bn_http_header(request, "X-Fal-Queue-Priority");
    const char *store_io = bn_http_header(request, "X-Fal-Store-IO");
    *submit = (bn_submit){
        .id = request->id,
        .body = request->body.size ? (const char *)request->body.data : NULL,
        .body_bytes = request->body.size,
        .app_path = call->route.app_path,
        .low_priority = priority && strcasecmp(priority, "low") == 0,
        .forget_soon = store_io && strcmp(store_io, "0") == 0,
        .lifecycle = bn_http_header(request, "X-Fal-Object-Lifecycle-Preference"),
        .file_base = call->target.file_base,
        .key_id = *call->key_id ? call->key_id : NULL,
        .public_only = call->foreign,
        .max_queue_length = -1,
    };
    if (!read_start_timeout(request, &submit->start_timeout_s)) {
        bn_reply_fault(request, 400, "bad_request", "The start timeout is not a number of seconds");
        return false;
    }
    return true;
}

/* ---- waiting for a job */

static void job_changed(void *user)
{
    bn_http_wake(user);
}

static bool is_completed(bn_call *call)
{
    bn_request_status status = {0};
    const bool found =
        bn_jobs_status(call->service->jobs, call->job_id, false, 0, &status, NULL) == BIREFNET_OK;
    const bool completed = !found || status.state == BN_REQUEST_COMPLETED; /* unknown: the result says so */
    bn_request_status_free(&status);
    return completed;
}

bn_http_next bn_call_wait(bn_call *call, bn_http_request *request, bool *done)
{
    bn_error err = {0};
    *done = false;
    if (!call->watch &&
        bn_jobs_watch(call->service->jobs, call->job_id, job_changed, request, &call->watch, &err))
        return bn_reply_fault(request, 500, "internal_error", "%s", err.message);
    *done = is_completed(call);
    if (*done) return BN_HTTP_REPLY;
    if (bn_http_gone(request)) /* `end` cancels the job */
        return bn_reply_fault(request, 503, "runner_disconnected", "The server is stopping");
    const double left_ms = call->service->options.sync_timeout_ms - (bn_clock_ms() - request->started_ms);
    if (left_ms <= 0) {
        /* "user", so that the client does not send the same long run again */
        bn_http_reply_field(request, "X-Fal-Request-Timeout-Type", "user");
        return bn_reply_fault(request, 504, "request_timeout",
                              "The run takes too long for one call; use the queue");
    }
    bn_http_wake_after(request, (int)left_ms + 1);
    return BN_HTTP_PARK;
}

static bn_http_next run(bn_call *call, bn_http_request *request, bool touch_up)
{
    bn_answer answer = {0};
    if (!*call->job_id) {
        bn_submit submit;
        if (!fill_submit(call, request, &submit)) return BN_HTTP_REPLY;
        submit.sync = true;
        submit.touch_up = touch_up;
        bn_jobs_submit(call->service->jobs, &submit, call->job_id, NULL, &answer);
        bn_http_body_release(request);
        if (answer.code != 200 || answer.body) {
            *call->job_id = '\0';
            return bn_reply_answer(request, &answer);
        }
    }
    bool done = false;
    const bn_http_next next = bn_call_wait(call, request, &done);
    if (!done) return next;
    bn_jobs_result(call->service->jobs, call->job_id, call->target.file_base, &answer);
    call->job_done = true;
    return bn_reply_answer(request, &answer);
}

bn_http_next bn_call_run(bn_call *call, bn_http_request *request)
{
    return run(call, request, false);
}

bn_http_next bn_call_touch_up(bn_call *call, bn_http_request *request)
{
    return run(call, request, true);
}

/* ---- submit */

static bn_http_next reply_accepted(bn_call *call, bn_http_request *request, const char *id, int position)
{
    char base[BN_BASE_MAX_BYTES + 96], status_url[sizeof base + 8], cancel_url[sizeof base + 8];
    snprintf(base, sizeof base, "%s/fal-ai/birefnet/requests/%s", call->target.queue_base, id);
    snprintf(status_url, sizeof status_url, "%s/status", base);
    snprintf(cancel_url, sizeof cancel_url, "%s/cancel", base);
    return bn_reply_json(request, 200,
                         json_pack("{s:s, s:s, s:s, s:s, s:s, s:n, s:{}, s:i, s:s}", "status", "IN_QUEUE",
                                   "request_id", id, "response_url", base, "status_url", status_url,
                                   "cancel_url", cancel_url, "logs", "metrics", "queue_position", position,
                                   "gateway_request_id", id));
}

bn_http_next bn_call_submit(bn_call *call, bn_http_request *request)
{
    bn_submit submit;
    if (!fill_submit(call, request, &submit)) return BN_HTTP_REPLY;
    if (!read_queue_length(call, &submit.max_queue_length))
        return bn_reply_fault(request, 400, "bad_request", "fal_max_queue_length is not a whole number");
    submit.webhook = bn_target_query(&call->target, "fal_webhook");
    if (submit.webhook && !*submit.webhook) submit.webhook = NULL;
    char id[BN_REQUEST_ID_CHARS] = "";
    int position = 0;
    bn_answer answer = {0};
    bn_jobs_submit(call->service->jobs, &submit, id, &position, &answer);
    if (answer.code != 200 || answer.body) return bn_reply_answer(request, &answer);
    bn_answer_free(&answer);
    return reply_accepted(call, request, id, position);
}
