/* reply.c - see reply.h; bodies and fields as the service's clients read them. */
#include "api/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_body(bn_http_request *request, const void *bytes, size_t size)
{
    bn_buffer_free(&request->reply.body);
    bn_buffer_init(&request->reply.body, size + 1);
    if (bn_buffer_append(&request->reply.body, bytes, size, NULL) != BIREFNET_OK) request->reply.status = 500;
}

bn_http_next bn_reply_bytes(bn_http_request *request, int status, const char *type, const void *bytes,
                            size_t size)
{
    request->reply.status = status;
    bn_http_reply_field(request, "Content-Type", "%s", type);
    set_body(request, bytes, size);
    return BN_HTTP_REPLY;
}

bn_http_next bn_reply_json_text(bn_http_request *request, int status, const char *text)
{
    return bn_reply_bytes(request, status, "application/json", text, strlen(text));
}

bn_http_next bn_reply_json(bn_http_request *request, int status, json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) : NULL;
    json_decref(body);
    if (!text) return bn_reply_json_text(request, 500, "{\"detail\":\"Internal Server Error\"}");
    bn_reply_json_text(request, status, text);
    free(text);
    return BN_HTTP_REPLY;
}

/* What clients send is repeated in errors, and need not be UTF-8; text is changed where it is not. */
static json_t *said(char *text)
{
    json_t *string = json_string(text);
    if (string) return string;
    for (char *c = text; *c; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    return json_string(text);
}

bn_http_next bn_reply_detail(bn_http_request *request, int status, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return bn_reply_json(request, status, json_pack("{s:o}", "detail", said(text)));
}

bn_http_next bn_reply_fault(bn_http_request *request, int status, const char *type, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    bn_http_reply_field(request, "X-Fal-Error-Type", "%s", type);
    return bn_reply_json(request, status, json_pack("{s:o, s:s}", "detail", said(text), "error_type", type));
}

static void allow_pages(bn_http_request *request)
{
    bn_http_reply_field(request, "Access-Control-Allow-Origin", "*");
    bn_http_reply_field(
        request, "Access-Control-Expose-Headers",
        "x-fal-request-id, x-fal-error-type, x-fal-request-timeout-type, x-fal-billable-units, "
        "x-fal-needs-retry, x-fal-retryable, x-fal-served-from, etag, content-length, content-range");
}

void bn_reply_finish(bn_http_request *request, bool for_pages)
{
    const int status = request->reply.status;
    bn_http_reply_field(request, "x-fal-request-id", "%s", request->id);
    if (for_pages) allow_pages(request);
    if (status < 400) return;
    const bool again = status == 429 || status == 502 || status == 503;
    bn_http_reply_field(request, "X-Fal-Needs-Retry", "%d", again);
    bn_http_reply_field(request, "X-Fal-Retryable", "%s", again ? "true" : "false");
}

/* What a header field may hold: names of other fields, separated by commas. */
static bool is_field_list(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e) return false;
    return strlen(text) < 4096;
}

bn_http_next bn_reply_preflight(bn_http_request *request)
{
    const char *wanted = bn_http_header(request, "Access-Control-Request-Headers");
    request->reply.status = 204;
    bn_http_reply_field(request, "Access-Control-Allow-Methods",
                        "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
    if (wanted && is_field_list(wanted))
        bn_http_reply_field(request, "Access-Control-Allow-Headers", "%s", wanted);
    if (bn_http_header(request, "Access-Control-Request-Private-Network"))
        bn_http_reply_field(request, "Access-Control-Allow-Private-Network", "true");
    bn_http_reply_field(request, "Access-Control-Max-Age", "86400");
    bn_http_reply_field(request, "Vary", "Access-Control-Request-Headers");
    return BN_HTTP_REPLY;
}
