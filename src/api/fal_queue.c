/* fal_queue.c - asking about a request of the queue: status, result, cancel. */
#include "api/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const state_names[] = {[BN_REQUEST_QUEUED] = "IN_QUEUE",
                                          [BN_REQUEST_RUNNING] = "IN_PROGRESS",
                                          [BN_REQUEST_COMPLETED] = "COMPLETED"};

/* The reply carries the id that was asked for, where it can be one. */
static void take_id(const bn_call *call, bn_http_request *request)
{
    const char *id = call->route.id;
    if (strlen(id) == 36 && strspn(id, "0123456789abcdefABCDEF-") == 36)
        snprintf(request->id, sizeof request->id, "%s", id);
}

static bool wants_logs(const bn_call *call)
{
    const char *logs = bn_target_query(&call->target, "logs");
    return logs && (strcmp(logs, "1") == 0 || strcasecmp(logs, "true") == 0);
}

static bn_http_next reply_unknown(bn_http_request *request)
{
    return bn_reply_json_text(request, 404, "{\"status\":\"NOT_FOUND\"}");
}

/* There is none, he may not know of it, or the store cannot tell now: a client that is told of none would give up. */
static bn_http_next reply_not(bn_http_request *request, bn_status status, const bn_error *err)
{
    if (status == BIREFNET_ERROR_NOT_FOUND) return reply_unknown(request);
    return bn_reply_error(request, status, err);
}

bn_status bn_call_may_see(const bn_call *call, bn_error *err)
{
    return bn_jobs_may_see(call->service->jobs, call->route.id, *call->key_id ? call->key_id : NULL, err);
}

static json_t *status_object(const bn_call *call, const char *id, const bn_request_status *status)
{
    char base[BN_BASE_MAX_BYTES + 200], status_url[sizeof base + 8], cancel_url[sizeof base + 8];
    snprintf(base, sizeof base, "%s/fal-ai/birefnet/requests/%s", call->target.queue_base, id);
    snprintf(status_url, sizeof status_url, "%s/status", base);
    snprintf(cancel_url, sizeof cancel_url, "%s/cancel", base);
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:{}}", "status", state_names[status->state], "request_id", id,
                  "response_url", base, "status_url", status_url, "cancel_url", cancel_url, "metrics");
    if (!object) return NULL;
    if (status->state == BN_REQUEST_QUEUED)
        json_object_set_new(object, "queue_position", json_integer(status->position));
    if (status->state == BN_REQUEST_COMPLETED)
        json_object_set_new(json_object_get(object, "metrics"), "inference_time",
                            json_real(status->inference_s));
    if (*status->error) json_object_set_new(object, "error", json_string(status->error));
    if (*status->error_type) json_object_set_new(object, "error_type", json_string(status->error_type));
    return object;
}

bn_status bn_status_write(const bn_call *call, const char *id, const bn_request_status *status,
                          bn_buffer *out, bn_error *err)
{
    json_t *object = status_object(call, id, status);
    char *text =
        object ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(object);
    if (!text) return bn_fail_memory(err, 1024, "a status");
    /* the log lines are JSON text already: they go in before the closing brace as they are */
    const size_t open_end = strlen(text) - 1;
    bn_status result = bn_buffer_append(out, text, open_end, err);
    free(text);
    BN_TRY(result);
    return bn_buffer_printf(out, err, ",\"logs\":%s}", status->logs ? status->logs : "null");
}

bn_http_next bn_call_status(bn_call *call, bn_http_request *request)
{
    bn_request_status status = {0};
    bn_error err = {0};
    bn_status found = bn_call_may_see(call, &err);
    if (found == BIREFNET_OK)
        found = bn_jobs_status(call->service->jobs, call->route.id, wants_logs(call), 0, &status, &err);
    if (found != BIREFNET_OK) return reply_not(request, found, &err);
    take_id(call, request);
    bn_buffer_init(&request->reply.body, (size_t)16 << 20);
    const bn_status written = bn_status_write(call, call->route.id, &status, &request->reply.body, &err);
    const bool completed = status.state == BN_REQUEST_COMPLETED;
    bn_request_status_free(&status);
    if (written != BIREFNET_OK) return bn_reply_error(request, written, &err);
    request->reply.status = completed ? 200 : 202;
    bn_http_reply_field(request, "Content-Type", "application/json");
    bn_http_reply_field(request, "Cache-Control", "no-store");
    return BN_HTTP_REPLY;
}

bn_http_next bn_call_result(bn_call *call, bn_http_request *request)
{
    bn_answer answer = {0};
    bn_error err = {0};
    bn_http_reply_field(request, "Cache-Control", "no-store");
    const bn_status may = bn_call_may_see(call, &err);
    if (may != BIREFNET_OK) return reply_not(request, may, &err);
    bn_jobs_result(call->service->jobs, call->route.id, call->target.file_base, &answer);
    if (answer.code == 404 && answer.body_bytes > 0 && strstr(answer.body, "NOT_FOUND")) {
        bn_answer_free(&answer);
        return reply_unknown(request);
    }
    take_id(call, request);
    return bn_reply_answer(request, &answer);
}

bn_http_next bn_call_cancel(bn_call *call, bn_http_request *request)
{
    bn_error err = {0};
    const bn_status may = bn_call_may_see(call, &err);
    if (may != BIREFNET_OK) return reply_not(request, may, &err);
    const bn_cancel_result result = bn_jobs_cancel(call->service->jobs, call->route.id, false);
    if (result == BN_CANCEL_NOT_FOUND) return reply_unknown(request);
    if (result == BN_CANCEL_FAILED) return bn_reply_error(request, BIREFNET_ERROR_IO, &err);
    take_id(call, request);
    if (result == BN_CANCEL_COMPLETED)
        return bn_reply_json_text(request, 400, "{\"status\":\"ALREADY_COMPLETED\"}");
    return bn_reply_json_text(request, 202, "{\"status\":\"CANCELLATION_REQUESTED\"}");
}
