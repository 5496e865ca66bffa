/* pages.c - the page's files, the published documents, and what operators ask for. */
#include "api/call.h"

#include "api/pages.h"
#include "schema/schema.h"

#include "base/size.h"

#include <stdio.h>
#include <string.h>

#define DOCUMENT_MAX_BYTES ((size_t)4 << 20)

static const char *type_of(const char *name)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".mjs", "text/javascript; charset=utf-8"},
                 {".json", "application/json"},
                 {".webmanifest", "application/manifest+json"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".jpg", "image/jpeg"},
                 {".webp", "image/webp"},
                 {".ico", "image/x-icon"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < BN_COUNT(types); i++)
        if (strcmp(dot, types[i].suffix) == 0) return types[i].type;
    return "application/octet-stream";
}

/* "/admin/": what the page names stands beside it, not below. Relative, as a proxy may serve all of this below a folder; where
 * a page was found, the segment is the name of a file of ours. */
static bn_http_next leave_slash(const bn_call *call, bn_http_request *request)
{
    request->reply.status = 301;
    bn_http_reply_field(request, "Location", "../%s", call->target.segments[call->target.segment_count - 1]);
    return BN_HTTP_REPLY;
}

bn_http_next bn_call_page(bn_call *call, bn_http_request *request)
{
    const bn_page *page = bn_pages;
    while (page->name && strcmp(page->name, call->route.page) != 0) page++;
    if (!page->name) return bn_reply_detail(request, 404, "Not Found");
    if (call->target.slash) return leave_slash(call, request);
    bn_http_reply_field(request, "ETag", "%s", page->etag);
    bn_http_reply_field(request, "Cache-Control",
                        "no-cache"); /* asked again each time, answered by the tag */
    bn_http_reply_field(request, "X-Content-Type-Options", "nosniff");
    bn_http_reply_field(request, "Referrer-Policy", "no-referrer");
    bn_http_reply_field(
        request, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob: http: "
        "https:; connect-src 'self' data: blob:; manifest-src 'self'; base-uri 'none'; form-action "
        "'none'; frame-ancestors 'none'");
    const char *known = bn_http_header(request, "If-None-Match");
    const int status = known && strstr(known, page->etag) ? 304 : 200; /* of 304 the body is not sent */
    return bn_reply_bytes(request, status, type_of(page->name), page->data, page->size);
}

/* Reply with JSON text in reply.body, or with the error. */
static bn_http_next reply_document(bn_http_request *request, bn_status status, const bn_error *err)
{
    if (status != BIREFNET_OK) return bn_reply_error(request, status, err);
    request->reply.status = 200;
    bn_http_reply_field(request, "Content-Type", "application/json");
    return BN_HTTP_REPLY;
}

bn_http_next bn_call_openapi(bn_call *call, bn_http_request *request)
{
    bn_error err = {0};
    bn_buffer_init(&request->reply.body, DOCUMENT_MAX_BYTES);
    const bn_status status = bn_schema_openapi(call->target.queue_base, &request->reply.body, &err);
    return reply_document(request, status, &err);
}

bn_http_next bn_call_presets(bn_call *call, bn_http_request *request)
{
    bn_error err = {0};
    bn_buffer_init(&request->reply.body, DOCUMENT_MAX_BYTES);
    const bn_status status = bn_jobs_models(call->service->jobs, &request->reply.body, &err);
    return reply_document(request, status, &err);
}

bn_http_next bn_call_jwks(bn_call *call, bn_http_request *request)
{
    bn_error err = {0};
    bn_buffer_init(&request->reply.body, DOCUMENT_MAX_BYTES);
    bn_http_reply_field(request, "Cache-Control", "public, max-age=3600");
    const bn_status status = bn_jobs_jwks(call->service->jobs, &request->reply.body, &err);
    return reply_document(request, status, &err);
}

bn_http_next bn_call_health(bn_call *call, bn_http_request *request)
{
    (void)call;
    return bn_reply_json_text(request, 200, "{\"status\":\"ok\",\"version\":\"" BN_VERSION "\"}");
}

bn_http_next bn_call_ready(bn_call *call, bn_http_request *request)
{
    char why_not[300] = "";
    const bool ready = bn_jobs_ready(call->service->jobs, why_not, sizeof why_not);
    if (ready) return bn_reply_json_text(request, 200, "{\"ready\":true}");
    return bn_reply_json(request, 503, json_pack("{s:b, s:s}", "ready", 0, "why", why_not));
}

bn_http_next bn_call_metrics(bn_call *call, bn_http_request *request)
{
    static const char *const classes[] = {"gone", "1xx", "2xx", "3xx", "4xx", "5xx"};
    bn_service *service = call->service;
    bn_buffer *out = &request->reply.body;
    bn_error err = {0};
    bn_http_facts sum = {0};
    for (int i = 0; i < service->server_count; i++) {
        bn_http_facts facts;
        bn_http_server_facts(service->servers[i], &facts);
        sum.connections += facts.connections;
        sum.requests += facts.requests;
        sum.parked += facts.parked;
        sum.waiting_bytes += facts.waiting_bytes;
    }
    bn_buffer_init(out, DOCUMENT_MAX_BYTES);
    bn_status status = bn_jobs_metrics(service->jobs, out, &err);
    if (status == BIREFNET_OK)
        status = bn_buffer_printf(out, &err,
                                  "# HELP birefnet_http_connections Connections that are open.\n"
                                  "# TYPE birefnet_http_connections gauge\nbirefnet_http_connections %zu\n"
                                  "# HELP birefnet_http_parked Requests that wait for their job.\n"
                                  "# TYPE birefnet_http_parked gauge\nbirefnet_http_parked %zu\n"
                                  "# HELP birefnet_http_body_bytes Bodies held in memory.\n"
                                  "# TYPE birefnet_http_body_bytes gauge\nbirefnet_http_body_bytes %zu\n"
                                  "# HELP birefnet_log_lines_lost_total Lines of logs that nobody took.\n"
                                  "# TYPE birefnet_log_lines_lost_total counter\n"
                                  "birefnet_log_lines_lost_total{log=\"access\"} %llu\n"
                                  "birefnet_log_lines_lost_total{log=\"server\"} %llu\n"
                                  "# HELP birefnet_http_replies_total Replies by class of status.\n"
                                  "# TYPE birefnet_http_replies_total counter\n",
                                  sum.connections, sum.parked, sum.waiting_bytes,
                                  (unsigned long long)bn_line_writer_lost(service->options.access_log),
                                  (unsigned long long)bn_line_writer_lost(service->options.server_log));
    for (size_t i = 0; i < BN_COUNT(classes) && status == BIREFNET_OK; i++)
        status = bn_buffer_printf(out, &err, "birefnet_http_replies_total{class=\"%s\"} %llu\n", classes[i],
                                  (unsigned long long)service->answered[i]);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    request->reply.status = 200;
    bn_http_reply_field(request, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return BN_HTTP_REPLY;
}
