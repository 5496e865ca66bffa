/* access_log.c - one JSON line for each request that has ended. */
#include "api/call.h"

#include "base/clock.h"
#include "base/times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The path without query (tokens, addresses of webhooks) and without the secret of an upload, whatever its route. */
static json_t *path_of(const bn_call *call, const bn_http_request *request)
{
    const bn_target *target = &call->target;
    for (size_t i = 0; i < target->segment_count; i++)
        if (strcmp(target->segments[i], "upload") == 0 || strcmp(target->segments[i], "multipart") == 0) {
            const bool secret =
                i + 1 < target->segment_count && strlen(target->segments[i + 1]) + 1 == BN_FILE_ID_CHARS;
            if (secret) return json_string("/upload/...");
        }
    const size_t length = strcspn(request->target, "?");
    json_t *path = json_stringn(request->target, length < 300 ? length : 300);
    return path ? path : json_string("(not UTF-8)");
}

int bn_access_log_lost(char *line, size_t size, uint64_t lost)
{
    char when[BN_TIME_CHARS];
    bn_time_write(bn_wall_ms(), when);
    return snprintf(line, size, "{\"time\":\"%s\",\"lines_lost\":%llu}\n", when, (unsigned long long)lost);
}

void bn_access_log_write(const bn_call *call, const bn_http_request *request, int status, bool complete)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "OPTIONS", "OTHER"};
    bn_line_writer *log = call->service->options.access_log;
    if (!log) return;
    char when[BN_TIME_CHARS];
    bn_time_write(bn_wall_ms(), when);
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:f, s:I, s:s*, s:b}", "time", when, "id", request->id,
                  "peer", request->peer, "method", methods[request->method], "path", path_of(call, request),
                  "status", status, "ms", (double)(int64_t)((bn_clock_ms() - request->started_ms) * 10) / 10,
                  "in_bytes", (json_int_t)request->body_bytes, "key", *call->key_id ? call->key_id : NULL,
                  "proxied", call->proxied);
    (void)complete;
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(7)) : NULL;
    json_decref(line);
    if (!text) return;
    const size_t length = strlen(text);
    text[length] = '\n';
    bn_line_writer_put(log, text, length + 1);
    free(text);
}
