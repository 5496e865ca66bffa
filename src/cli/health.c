/* health.c - see health.h. */
#include "cli/health.h"

#include <string.h>

#define CONNECTIONS   32
#define METRICS_BYTES ((size_t)1 << 20)

static bn_http_next reply(bn_http_request *request, int status, const char *type, const char *words)
{
    bn_buffer *body = &request->reply.body;
    bn_buffer_free(body);
    bn_buffer_init(body, METRICS_BYTES);
    request->reply.status = bn_buffer_append(body, words, strlen(words), NULL) == BIREFNET_OK ? status : 500;
    bn_http_reply_field(request, "Content-Type", "%s", type);
    bn_http_reply_field(request, "Cache-Control", "no-store");
    return BN_HTTP_REPLY;
}

static bool asks_for(const bn_http_request *request, const char *path)
{
    const size_t length = strcspn(request->target, "?");
    return strlen(path) == length && strncmp(request->target, path, length) == 0;
}

/* Whatever a body says is not read. */
static bn_http_next begin(void *user, bn_http_request *request)
{
    (void)user;
    request->sink = BN_SINK_NONE;
    request->body_max_bytes = 0;
    const bool has_body = request->content_length != UINT64_MAX && request->content_length > 0;
    if (request->bad_framing || has_body) {
        request->reply.close = true;
        return reply(request, 400, "text/plain", "no bodies here\n");
    }
    if (request->method != BN_METHOD_GET && request->method != BN_METHOD_HEAD)
        return reply(request, 405, "text/plain", "GET only\n");
    return BN_HTTP_BODY;
}

static bn_http_next tell_readiness(bn_jobs *jobs, bn_http_request *request)
{
    char why_not[300];
    if (bn_jobs_ready(jobs, why_not, sizeof why_not)) return reply(request, 200, "text/plain", "ready\n");
    return reply(request, 503, "text/plain", why_not);
}

static bn_http_next tell_metrics(bn_jobs *jobs, bn_http_request *request)
{
    bn_buffer text;
    bn_error err = {0};
    bn_buffer_init(&text, METRICS_BYTES);
    bn_status status = bn_jobs_metrics(jobs, &text, &err);
    if (status == BIREFNET_OK) status = bn_buffer_append(&text, "", 1, &err); /* its zero */
    const bn_http_next next =
        status == BIREFNET_OK
            ? reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", (const char *)text.data)
            : reply(request, 500, "text/plain", "no metrics\n");
    bn_buffer_free(&text);
    return next;
}

static bn_http_next handle(void *user, bn_http_request *request)
{
    bn_jobs *jobs = user;
    if (asks_for(request, "/healthz")) return reply(request, 200, "text/plain", "ok\n");
    if (asks_for(request, "/readyz")) return tell_readiness(jobs, request);
    if (asks_for(request, "/metrics")) return tell_metrics(jobs, request);
    return reply(request, 404, "text/plain", "/healthz, /readyz, /metrics\n");
}

static void end(void *user, bn_http_request *request, bool complete)
{
    (void)user;
    (void)request;
    (void)complete;
}

bn_status bn_health_open(bn_jobs *jobs, const bn_address *where, bn_http_server **server, bn_error *err)
{
    const bn_http_handler handler = {.user = jobs, .begin = begin, .handle = handle, .end = end};
    bn_http_options options;
    bn_http_options_default(&options);
    options.host = where->host;
    options.port = where->port;
    options.threads = 2;
    options.max_connections = CONNECTIONS;
    return bn_http_server_open(&options, &handler, server, err);
}
