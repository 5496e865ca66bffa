/* fal_stream.c - the status of a request as server-sent events: the present state, one event a change, the end. */
#include "api/call.h"

#include "base/clock.h"

#include <string.h>
#include <strings.h>

#define KEEP_ALIVE_MS 10000 /* clients and proxies wait at least 15 s for a sign of life */

static void job_changed(void *user)
{
    bn_http_wake(user);
}

static void write_text(bn_call *call, bn_http_request *request, const void *text, size_t length)
{
    bn_http_stream_write(request, text, length);
    call->told_ms = bn_clock_ms();
}

static void write_event(bn_call *call, bn_http_request *request, const bn_request_status *status)
{
    bn_buffer event;
    bn_buffer_init(&event, (size_t)1 << 20);
    bn_error err = {0};
    bn_status written = bn_buffer_append(&event, "data: ", 6, &err);
    if (written == BIREFNET_OK) written = bn_status_write(call, call->route.id, status, &event, &err);
    if (written == BIREFNET_OK) written = bn_buffer_append(&event, "\n\n", 2, &err);
    if (written == BIREFNET_OK) write_text(call, request, event.data, event.size);
    bn_buffer_free(&event);
    call->told = true;
    call->told_state = status->state;
    call->told_position = status->position;
    if (call->want_logs) call->told_log = status->last_log;
}

static bool has_changed(const bn_call *call, const bn_request_status *status)
{
    if (!call->told || status->state != call->told_state) return true;
    if (status->state == BN_REQUEST_QUEUED && status->position != call->told_position) return true;
    return call->want_logs && status->last_log > call->told_log;
}

static bn_http_next start(bn_call *call, bn_http_request *request)
{
    const char *logs = bn_target_query(&call->target, "logs");
    call->want_logs = logs && (strcmp(logs, "1") == 0 || strcasecmp(logs, "true") == 0);
    bn_error err = {0};
    bn_request_status status = {0};
    bn_status found = bn_call_may_see(call, &err);
    if (found == BIREFNET_OK)
        found = bn_jobs_watch(call->service->jobs, call->route.id, job_changed, request, &call->watch, &err);
    if (found == BIREFNET_OK)
        found = bn_jobs_status(call->service->jobs, call->route.id, false, 0, &status, &err);
    bn_request_status_free(&status);
    if (found == BIREFNET_ERROR_NOT_FOUND)
        return bn_reply_json_text(request, 404, "{\"status\":\"NOT_FOUND\"}");
    if (found != BIREFNET_OK) return bn_reply_error(request, found, &err);
    if (strlen(call->route.id) < sizeof request->id) strcpy(request->id, call->route.id);
    request->reply.status = 200;
    request->reply.stream = true;
    bn_http_reply_field(request, "Content-Type", "text/event-stream");
    bn_http_reply_field(request, "Cache-Control", "no-cache");
    bn_http_reply_field(request, "X-Accel-Buffering", "no"); /* proxies pass each event on at once */
    return BN_HTTP_MORE;
}

bn_http_next bn_call_status_stream(bn_call *call, bn_http_request *request)
{
    if (request->reply.status == 0) {
        const bn_http_next next = start(call, request);
        if (next != BN_HTTP_MORE) return next;
    }
    if (bn_http_gone(request)) return BN_HTTP_END;
    bn_request_status status = {0};
    if (bn_jobs_status(call->service->jobs, call->route.id, call->want_logs, call->told_log, &status, NULL) !=
        BIREFNET_OK)
        return BN_HTTP_END;
    if (has_changed(call, &status))
        write_event(call, request, &status);
    else if (bn_clock_ms() - call->told_ms >= KEEP_ALIVE_MS)
        write_text(call, request, ": waiting\n\n", 11);
    const bool completed = status.state == BN_REQUEST_COMPLETED;
    bn_request_status_free(&status);
    if (completed) return BN_HTTP_END;
    bn_http_wake_after(request, KEEP_ALIVE_MS);
    return BN_HTTP_MORE;
}
