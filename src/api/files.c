/* files.c - serving stored files: outputs and uploads, without a key, with ranges and caching. */
#include "api/call.h"

#include "http/range.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define YEAR_S 31536000

static void add_date(bn_http_request *request, const char *name, int64_t ms)
{
    const time_t when = (time_t)(ms / 1000);
    struct tm parts;
    char text[64];
    gmtime_r(&when, &parts);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    bn_http_reply_field(request, name, "%s", text);
}

static void add_fields(bn_http_request *request, const bn_file_facts *facts)
{
    int64_t keep_s = YEAR_S;
    if (facts->expires_ms) keep_s = facts->expires_ms / 1000 - (int64_t)time(NULL);
    if (keep_s < 0) keep_s = 0;
    bn_http_reply_field(request, "Content-Type", "%s", facts->type);
    bn_http_reply_field(request, "Cache-Control", "public, max-age=%lld, immutable",
                        (long long)(keep_s < YEAR_S ? keep_s : YEAR_S));
    bn_http_reply_field(request, "ETag", "%s", facts->etag);
    add_date(request, "Last-Modified", facts->created_ms);
    bn_http_reply_field(request, "Accept-Ranges", "bytes");
    bn_http_reply_field(request, "Content-Disposition", "inline; filename=\"%s\"", facts->name);
    bn_http_reply_field(request, "Cross-Origin-Resource-Policy", "cross-origin");
    /* whatever was uploaded, it must not act as a page of this server */
    bn_http_reply_field(request, "X-Content-Type-Options", "nosniff");
    bn_http_reply_field(request, "Content-Security-Policy",
                        "sandbox; default-src 'none'; style-src 'unsafe-inline'");
}

/* If-None-Match: one of the tags, or any. */
static bool has_tag(const char *list, const char *etag)
{
    return list && (strcmp(list, "*") == 0 || strstr(list, etag) != NULL);
}

/* ---- bytes ---- */

static bn_status read_source(void *user, uint64_t offset, void *bytes, size_t count, size_t *got,
                             bn_error *err)
{
    return bn_jobs_file_read_at(user, offset, bytes, count, got, err);
}

static void close_source(void *user)
{
    bn_jobs_file_close(user);
    free(user);
}

bn_status bn_reply_file(bn_call *call, bn_http_request *request, const bn_file_facts *facts, bn_error *err)
{
    bn_http_reply *reply = &request->reply;
    bn_file_bytes *bytes = malloc(sizeof *bytes);
    if (!bytes) return bn_fail_memory(err, sizeof *bytes, "a stored file");
    const bn_status status = bn_jobs_file_open(call->service->jobs, facts, bytes, err);
    if (status == BIREFNET_OK && bytes->fd < 0) {
        reply->source = (bn_http_source){.read = read_source, .close = close_source, .user = bytes};
        return BIREFNET_OK;
    }
    if (status == BIREFNET_OK) reply->fd = bytes->fd;
    free(bytes);
    return status;
}

static void drop_bytes(bn_http_reply *reply)
{
    if (reply->fd >= 0) close(reply->fd);
    if (reply->source.close) reply->source.close(reply->source.user);
    reply->fd = -1;
    reply->source = (bn_http_source){.read = NULL};
}

static bn_status read_nothing(void *user, uint64_t offset, void *bytes, size_t count, size_t *got,
                              bn_error *err)
{
    (void)user, (void)offset, (void)bytes, (void)count;
    *got = 0;
    return bn_fail(err, BIREFNET_ERROR_INTERNAL, "nobody reads it");
}

/* Bytes that are there for their Content-Length only: nobody is asked for those of another machine. */
static bn_status reply_unread(bn_call *call, bn_http_request *request, const bn_file_facts *facts,
                              bn_error *err)
{
    if (!bn_jobs_files_are_remote(call->service->jobs)) return bn_reply_file(call, request, facts, err);
    request->reply.source = (bn_http_source){.read = read_nothing};
    return BIREFNET_OK;
}

/* Readers get it from S3 themselves. False: they do not. */
static bool redirect(bn_call *call, bn_http_request *request, const bn_file_facts *facts)
{
    char *url = malloc(BN_FILE_LINK_CHARS);
    int seconds;
    const bool there = url && request->method == BN_METHOD_GET &&
                       bn_jobs_file_link(call->service->jobs, facts, url, &seconds, NULL) == BIREFNET_OK &&
                       url[0];
    if (there) {
        request->reply.status = 302;
        bn_http_reply_field(request, "Location", "%s", url);
        bn_http_reply_field(request, "Cache-Control", "private, max-age=%d", seconds / 2);
        bn_http_reply_field(request, "Cross-Origin-Resource-Policy", "cross-origin");
    }
    free(url);
    return there;
}

/* What the reply's fields say of the range that was asked for; false: nothing lies there. */
static bool choose_range(bn_http_request *request, const bn_file_facts *facts)
{
    bn_http_reply *reply = &request->reply;
    const char *if_range = bn_http_header(request, "If-Range"), *range = bn_http_header(request, "Range");
    if (if_range && strcmp(if_range, facts->etag) != 0) range = NULL;
    reply->offset = 0;
    reply->size = facts->size;
    reply->status = 200;
    switch (bn_range_parse(range, facts->size, &reply->offset, &reply->size)) {
    case BN_RANGE_OUTSIDE:
        bn_http_reply_field(request, "Content-Range", "bytes */%llu", (unsigned long long)facts->size);
        reply->status = 416;
        return false;
    case BN_RANGE_PART:
        bn_http_reply_field(
            request, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)reply->offset,
            (unsigned long long)(reply->offset + reply->size - 1), (unsigned long long)facts->size);
        reply->status = 206;
        break;
    case BN_RANGE_NONE:
        break;
    }
    return true;
}

bn_http_next bn_call_file(bn_call *call, bn_http_request *request)
{
    bn_file_facts facts;
    bn_error err = {0};
    bn_http_reply *reply = &request->reply;
    const bn_status status = bn_jobs_file_find(call->service->jobs, call->route.id, &facts, &err);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    if (facts.access != BN_FILE_ALLOW)
        return facts.access == BN_FILE_FORBID ? bn_reply_detail(request, 403, "Forbidden")
                                              : bn_reply_detail(request, 404, "Not Found");
    const bool known = has_tag(bn_http_header(request, "If-None-Match"), facts.etag);
    if (!known && redirect(call, request, &facts)) return BN_HTTP_REPLY;
    const bn_status opened = known || request->method == BN_METHOD_HEAD
                                 ? reply_unread(call, request, &facts, &err)
                                 : bn_reply_file(call, request, &facts, &err);
    if (opened != BIREFNET_OK) return bn_reply_error(request, opened, &err);
    add_fields(request, &facts);
    if (known) {
        reply->status = 304;
        reply->offset = 0;
        reply->size = facts.size; /* its Content-Length */
    } else if (!choose_range(request, &facts) || reply->size == 0) {
        drop_bytes(reply);
    }
    return BN_HTTP_REPLY;
}
