/* storage.c - uploads in all the forms that clients use, and the tokens that stand for a key. */
#include "api/call.h"

#include "base/size.h"
#include "schema/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define TOKEN_S_MAX    86400
#define UPLOAD_TOKEN_S 3600
#define PARTS_MAX      10000
#define PART_VALUES    8 /* an object with two members, as its shape counts, and some more */

bn_http_next bn_reply_error(bn_http_request *request, bn_status status, const bn_error *err)
{
    switch (status) {
    case BIREFNET_ERROR_NOT_FOUND:
        return bn_reply_detail(request, 404, "Not Found");
    case BIREFNET_ERROR_ARGUMENT:
    case BIREFNET_ERROR_FORMAT:
        return bn_reply_detail(request, 400, "%s", err->message);
    case BIREFNET_ERROR_LIMIT:
        return bn_reply_detail(request, 413, "%s", err->message);
    case BIREFNET_ERROR_IO:
        bn_http_reply_field(request, "Retry-After", "10");
        return bn_reply_fault(request, 503, "internal_error", "The server's storage failed; try again later");
    default:
        return bn_reply_fault(request, 500, "internal_error", "Internal Server Error");
    }
}

static json_t *read_object(const bn_http_request *request, size_t max_values)
{
    if (request->body.size == 0) return json_object();
    json_t *body = bn_json_read((const char *)request->body.data, request->body.size, max_values, NULL);
    if (json_is_object(body)) return body;
    json_decref(body);
    return NULL;
}

static const char *lifecycle(const bn_http_request *request)
{
    const char *text = bn_http_header(request, "X-Fal-Object-Lifecycle");
    return text ? text : bn_http_header(request, "X-Fal-Object-Lifecycle-Preference");
}

static const char *text_member(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && *text ? text : NULL;
}

static void file_url(const bn_call *call, const bn_file_facts *facts, char *url, size_t size)
{
    snprintf(url, size, "%s/files/b/%s/%s", call->target.file_base, facts->id, facts->name);
}

#define URL_BYTES (BN_BASE_MAX_BYTES + 400)

bn_http_next bn_call_upload_initiate(bn_call *call, bn_http_request *request)
{
    json_t *body = read_object(request, BN_JSON_SMALL);
    if (!body) return bn_reply_detail(request, 422, "The body is not a JSON object");
    const bn_upload upload = {.name = text_member(body, "file_name"),
                              .type = text_member(body, "content_type"),
                              .lifecycle = lifecycle(request),
                              .key_id = *call->key_id ? call->key_id : NULL,
                              .multipart = call->route.kind == BN_ROUTE_MULTIPART_INITIATE};
    bn_file_facts facts;
    bn_error err = {0};
    char upload_id[BN_FILE_ID_CHARS];
    const bn_status status = bn_jobs_upload_begin(call->service->jobs, &upload, &facts, upload_id, &err);
    json_decref(body);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    char where[URL_BYTES], upload_url[BN_FILE_LINK_CHARS] = "";
    file_url(call, &facts, where, sizeof where);
    if (!upload.multipart) {
        const bn_status linked = bn_jobs_upload_link(call->service->jobs, upload_id, upload_url, &err);
        if (linked != BIREFNET_OK) return bn_reply_error(request, linked, &err);
    }
    if (!upload_url[0])
        snprintf(upload_url, sizeof upload_url, "%s/upload/%s/%s", call->target.file_base, upload_id,
                 facts.name);
    return bn_reply_json(request, 200, json_pack("{s:s, s:s}", "file_url", where, "upload_url", upload_url));
}

static bn_status make_token(bn_call *call, bn_token_purpose purpose, int64_t seconds,
                            char token[BN_TOKEN_CHARS], int64_t *expires_ms, bn_error *err)
{
    return bn_jobs_token_make(call->service->jobs, purpose, call->key_id, seconds, token, expires_ms, err);
}

bn_http_next bn_call_upload_token(bn_call *call, bn_http_request *request)
{
    char token[BN_TOKEN_CHARS], expires[40];
    int64_t expires_ms = 0;
    bn_error err = {0};
    const bn_status status = make_token(call, BN_TOKEN_UPLOAD, UPLOAD_TOKEN_S, token, &expires_ms, &err);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    const time_t when = (time_t)(expires_ms / 1000);
    struct tm parts;
    gmtime_r(&when, &parts);
    strftime(expires, sizeof expires, "%Y-%m-%dT%H:%M:%S+00:00",
             &parts); /* not Z: older Pythons cannot read it */
    return bn_reply_json(request, 200,
                         json_pack("{s:s, s:s, s:s, s:s}", "token", token, "token_type", "Bearer", "base_url",
                                   call->target.file_base, "expires_at", expires));
}

bn_http_next bn_call_tokens(bn_call *call, bn_http_request *request)
{
    json_t *body = read_object(request, BN_JSON_SMALL);
    if (!body) return bn_reply_detail(request, 422, "The body is not a JSON object");
    json_t *seconds = json_object_get(body, "token_expiration");
    if (!seconds) seconds = json_object_get(body, "duration");
    const json_int_t wanted = json_is_integer(seconds) ? json_integer_value(seconds) : 120;
    json_decref(body);
    char token[BN_TOKEN_CHARS];
    int64_t expires_ms = 0;
    bn_error err = {0};
    const bn_status status =
        make_token(call, BN_TOKEN_STREAM, BN_MAX(1, BN_MIN(wanted, TOKEN_S_MAX)), token, &expires_ms, &err);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    const bool bare = call->route.kind == BN_ROUTE_TOKENS;
    return bn_reply_json(request, 200, bare ? json_string(token) : json_pack("{s:s}", "token", token));
}

/* ---- contents. An empty body still has its file; a missing one is a full disk, found out earlier. */

bn_http_next bn_call_put_file(bn_call *call, bn_http_request *request)
{
    bn_error err = {0};
    const bn_status status = bn_jobs_upload_put(call->service->jobs, call->route.id, request->body_fd,
                                                bn_http_header(request, "Content-Type"), &err);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    return bn_reply_bytes(request, 200, "text/plain", "", 0);
}

bn_http_next bn_call_put_part(bn_call *call, bn_http_request *request)
{
    bn_error err = {0};
    char etag[33];
    const int part = call->route.part;
    const bn_status status =
        bn_jobs_upload_part(call->service->jobs, call->route.id, part, request->body_fd, etag, &err);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    bn_http_reply_field(request, "ETag", "\"%s\"", etag);
    return bn_reply_json(request, 200, json_pack("{s:i, s:s}", "partNumber", part, "etag", etag));
}

/* {"parts": [{"partNumber": 1, "etag": "..."}]}, in either spelling. NULL where it is not that; *count may be 0. */
static bn_upload_part *read_parts(json_t *body, size_t *count)
{
    json_t *list = json_object_get(body, "parts");
    *count = json_array_size(list);
    if (!json_is_array(list) || *count > PARTS_MAX) return NULL;
    bn_upload_part *parts = calloc(*count + 1, sizeof *parts);
    for (size_t i = 0; parts && i < *count; i++) {
        json_t *entry = json_array_get(list, i);
        json_t *number = json_object_get(entry, "partNumber");
        if (!number) number = json_object_get(entry, "part_number");
        const char *etag = json_string_value(json_object_get(entry, "etag"));
        const json_int_t value = json_is_integer(number) ? json_integer_value(number) : 0;
        if (value < 1 || value > PARTS_MAX || (etag && strlen(etag) >= sizeof parts->etag)) {
            free(parts);
            return NULL;
        }
        parts[i].number = (int)value;
        snprintf(parts[i].etag, sizeof parts[i].etag, "%s", etag ? etag : "");
    }
    return parts;
}

bn_http_next bn_call_put_complete(bn_call *call, bn_http_request *request)
{
    json_t *body = read_object(request, PARTS_MAX * PART_VALUES);
    size_t count = 0;
    bn_upload_part *parts = body ? read_parts(body, &count) : NULL;
    json_decref(body);
    if (!parts) return bn_reply_detail(request, 422, "The body is not a list of parts");
    bn_error err = {0};
    const bn_status status = bn_jobs_upload_complete(call->service->jobs, call->route.id, parts, count, &err);
    free(parts);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    return bn_reply_json_text(request, 200, "{}");
}

/* ---- the form with a token: name and type in fields */

static bn_upload upload_by_fields(const bn_call *call, const bn_http_request *request, bool multipart)
{
    return (bn_upload){.name = bn_http_header(request, "X-Fal-File-Name"),
                       .type = bn_http_header(request, "Content-Type"),
                       .lifecycle = lifecycle(request),
                       .key_id = *call->key_id ? call->key_id : NULL,
                       .multipart = multipart};
}

bn_http_next bn_call_cdn_upload(bn_call *call, bn_http_request *request)
{
    const bn_upload upload = upload_by_fields(call, request, false);
    bn_file_facts facts;
    bn_error err = {0};
    const bn_status status = bn_jobs_upload(call->service->jobs, &upload, request->body_fd, &facts, &err);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    char where[URL_BYTES];
    file_url(call, &facts, where, sizeof where);
    return bn_reply_json(request, 200, json_pack("{s:s}", "access_url", where));
}

bn_http_next bn_call_cdn_multipart(bn_call *call, bn_http_request *request)
{
    const bn_upload upload = upload_by_fields(call, request, true);
    bn_file_facts facts;
    bn_error err = {0};
    char upload_id[BN_FILE_ID_CHARS];
    const bn_status status = bn_jobs_upload_begin(call->service->jobs, &upload, &facts, upload_id, &err);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    char where[URL_BYTES];
    file_url(call, &facts, where, sizeof where);
    return bn_reply_json(request, 200, json_pack("{s:s, s:s}", "access_url", where, "uploadId", upload_id));
}
