/* files.c - serving stored files: outputs and uploads, without a key, with ranges and caching. */
#include "api/call.h"

#include "http/range.h"

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

bn_http_next bn_call_file(bn_call *call, bn_http_request *request)
{
    bn_file_facts facts;
    bn_error err = {0};
    int fd = -1;
    const bn_status status = bn_jobs_file_open(call->service->jobs, call->route.id, &facts, &fd, &err);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    if (facts.access != BN_FILE_ALLOW) {
        close(fd);
        return facts.access == BN_FILE_FORBID ? bn_reply_detail(request, 403, "Forbidden")
                                              : bn_reply_detail(request, 404, "Not Found");
    }
    bn_http_reply *reply = &request->reply;
    const char *if_range = bn_http_header(request, "If-Range");
    const char *range = bn_http_header(request, "Range");
    if (if_range && strcmp(if_range, facts.etag) != 0) range = NULL;
    add_fields(request, &facts);
    reply->offset = 0;
    reply->size = facts.size;
    reply->status = 200;
    if (has_tag(bn_http_header(request, "If-None-Match"), facts.etag)) {
        reply->status = 304; /* the file goes along for its Content-Length; it is not sent */
        reply->fd = fd;
        return BN_HTTP_REPLY;
    }
    switch (bn_range_parse(range, facts.size, &reply->offset, &reply->size)) {
    case BN_RANGE_OUTSIDE:
        close(fd);
        bn_http_reply_field(request, "Content-Range", "bytes */%llu", (unsigned long long)facts.size);
        reply->status = 416;
        return BN_HTTP_REPLY;
    case BN_RANGE_PART:
        bn_http_reply_field(
            request, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)reply->offset,
            (unsigned long long)(reply->offset + reply->size - 1), (unsigned long long)facts.size);
        reply->status = 206;
        break;
    case BN_RANGE_NONE:
        break;
    }
    if (reply->size == 0)
        close(fd);
    else
        reply->fd = fd;
    return BN_HTTP_REPLY;
}
