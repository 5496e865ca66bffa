/* service.c - the way of a request through the service: target, route, key, limits on the event loop; the route's own
 * function on a pool thread; the access log at the end. */
#include "api/call.h"
#include "http/origin.h"

#include "base/size.h"
#include "store/ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SMALL_BODY_BYTES ((uint64_t)16 << 10) /* of routes that read a few words, or nothing */
#define LIST_BODY_BYTES  ((uint64_t)1 << 20)  /* 10,000 parts */

/* Who may call a route. */
typedef enum access_kind {
    FOR_ALL = 0,  /* outputs, pages, documents; uploads carry their own secret */
    FOR_KEYS,     /* with a key, where keys are configured */
    FOR_STREAMS,  /* with a key, or a token for streams */
    FOR_UPLOADS,  /* with a key, or a token for uploads */
    FOR_OPERATOR, /* with a key, or from this machine under a name that no page has */
    FOR_ADMIN,    /* with an administrator's key; without keys from this machine itself. See admin.c */
} access_kind;

typedef enum body_kind { NO_BODY = 0, SMALL, LIST, INPUT, UPLOAD } body_kind;

static const struct {
    bn_call_fn fn;
    access_kind access;
    body_kind body;
} routes[] = {
    [BN_ROUTE_RUN] = {bn_call_run, FOR_STREAMS, INPUT},
    [BN_ROUTE_SUBMIT] = {bn_call_submit, FOR_KEYS, INPUT},
    [BN_ROUTE_APP_HEALTH] = {bn_call_health, FOR_ALL, NO_BODY},
    [BN_ROUTE_STATUS] = {bn_call_status, FOR_STREAMS, NO_BODY},
    [BN_ROUTE_STATUS_STREAM] = {bn_call_status_stream, FOR_STREAMS, NO_BODY},
    [BN_ROUTE_RESULT] = {bn_call_result, FOR_STREAMS, NO_BODY},
    [BN_ROUTE_CANCEL] = {bn_call_cancel, FOR_KEYS, SMALL},
    [BN_ROUTE_UPLOAD_INITIATE] = {bn_call_upload_initiate, FOR_KEYS, SMALL},
    [BN_ROUTE_MULTIPART_INITIATE] = {bn_call_upload_initiate, FOR_KEYS, SMALL},
    [BN_ROUTE_UPLOAD_TOKEN] = {bn_call_upload_token, FOR_KEYS, SMALL},
    [BN_ROUTE_TOKENS] = {bn_call_tokens, FOR_KEYS, SMALL},
    [BN_ROUTE_TOKENS_REALTIME] = {bn_call_tokens, FOR_KEYS, SMALL},
    [BN_ROUTE_JWKS] = {bn_call_jwks, FOR_ALL, NO_BODY},
    [BN_ROUTE_PUT_FILE] = {bn_call_put_file, FOR_ALL, UPLOAD},
    [BN_ROUTE_PUT_PART] = {bn_call_put_part, FOR_ALL, UPLOAD},
    [BN_ROUTE_PUT_COMPLETE] = {bn_call_put_complete, FOR_ALL, LIST},
    [BN_ROUTE_CDN_UPLOAD] = {bn_call_cdn_upload, FOR_UPLOADS, UPLOAD},
    [BN_ROUTE_CDN_MULTIPART] = {bn_call_cdn_multipart, FOR_UPLOADS, SMALL},
    [BN_ROUTE_FILE] = {bn_call_file, FOR_ALL, NO_BODY},
    [BN_ROUTE_OPENAPI] = {bn_call_openapi, FOR_ALL, NO_BODY},
    [BN_ROUTE_PRESETS] = {bn_call_presets, FOR_ALL, NO_BODY},
    [BN_ROUTE_HEALTH] = {bn_call_health, FOR_ALL, NO_BODY},
    [BN_ROUTE_READY] = {bn_call_ready, FOR_ALL, NO_BODY},
    [BN_ROUTE_METRICS] = {bn_call_metrics, FOR_OPERATOR, NO_BODY},
    [BN_ROUTE_REMBG_GET] = {bn_call_rembg, FOR_KEYS, NO_BODY},
    [BN_ROUTE_REMBG_POST] = {bn_call_rembg, FOR_KEYS, INPUT},
    [BN_ROUTE_TOUCH_UP] = {bn_call_touch_up, FOR_KEYS, INPUT},
    [BN_ROUTE_ADMIN_OVERVIEW] = {bn_call_admin_overview, FOR_ADMIN, NO_BODY},
    [BN_ROUTE_ADMIN_KEY_MAKE] = {bn_call_admin_key_make, FOR_ADMIN, SMALL},
    [BN_ROUTE_ADMIN_KEY_REVOKE] = {bn_call_admin_key_revoke, FOR_ADMIN, SMALL},
    [BN_ROUTE_PAGE] = {bn_call_page, FOR_ALL, NO_BODY},
};

void bn_service_options_default(bn_service_options *options)
{
    *options = (bn_service_options){
        .max_body_bytes = (uint64_t)96 << 20,
        .max_file_bytes = (uint64_t)2 << 30,
        .max_waiting_bytes = (size_t)512 << 20,
        .sync_timeout_ms = 290000,
    };
}

bn_status bn_service_open(const bn_service_options *options, bn_service **opened, bn_error *err)
{
    bn_service *service = calloc(1, sizeof *service);
    if (!service) return bn_fail_memory(err, sizeof *service, "the service");
    service->options = *options;
    service->jobs = options->jobs;
    *opened = service;
    return BIREFNET_OK;
}

void bn_service_close(bn_service **service)
{
    free(*service);
    *service = NULL;
}

void bn_service_add_server(bn_service *service, bn_http_server *server)
{
    const int count = service->server_count;
    if (count == BN_SERVERS_MAX) return;
    service->servers[count] = server;
    service->server_count = count + 1; /* last: the servers before it answer already */
}

/* ---- before the body: on the event loop */

static bool forces_queue(const bn_target *target, const bn_http_request *request)
{
    return bn_target_query(target, "fal_webhook") || bn_target_query(target, "fal_max_queue_length") ||
           bn_http_header(request, "x-fal-queue-priority");
}

static bool has_our_name(const bn_call *call, const bn_http_request *request)
{
    return bn_host_is_ours(bn_http_header(request, "Host"), call->service->options.public_url);
}

/* With a GET or a HEAD a page whose name leads here now sends no Origin. */
static bool is_foreign(const bn_call *call, const bn_http_request *request)
{
    const bn_origin_source source = {.origin = bn_http_header(request, "Origin"),
                                     .site = bn_http_header(request, "Sec-Fetch-Site"),
                                     .host = bn_http_header(request, "Host"),
                                     .public_url = call->service->options.public_url};
    if (bn_is_foreign_page(&source)) return true;
    const bool reads = request->method == BN_METHOD_GET || request->method == BN_METHOD_HEAD;
    return reads && request->loopback && !has_our_name(call, request);
}

/* What operators ask for is no page's business; the rest is the endpoint's, and pages use that. */
static bool is_for_pages(const bn_call *call)
{
    const bn_route_kind kind = call->route.kind;
    return kind != BN_ROUTE_HEALTH && kind != BN_ROUTE_READY && kind != BN_ROUTE_METRICS &&
           !call->route.admin;
}

/* False with the reply made where the target is none. */
static bool find_route(bn_call *call, bn_http_request *request)
{
    const bn_target_source source = {.line = request->target,
                                     .host = bn_http_header(request, "Host"),
                                     .target_url = bn_http_header(request, "x-fal-target-url"),
                                     .public_url = call->service->options.public_url,
                                     .tls = request->tls};
    call->proxied = source.target_url != NULL;
    call->foreign = is_foreign(call, request);
    switch (bn_target_parse(&source, &call->target)) {
    case BN_TARGET_OK:
        bn_route_find(request->method, &call->target, forces_queue(&call->target, request), &call->route);
        return true;
    case BN_TARGET_LONG:
        bn_reply_detail(request, 414, "The address is too long");
        return false;
    case BN_TARGET_FOREIGN:
        bn_reply_json_text(request, 400, "\"Invalid request\"");
        return false;
    case BN_TARGET_BAD:
        break;
    }
    bn_reply_detail(request, 400, "Bad Request");
    return false;
}

/* Routes that are answered without looking further; true with the reply made. */
static bool refuse_route(const bn_call *call, bn_http_request *request)
{
    const bn_route *route = &call->route;
    switch (route->kind) {
    case BN_ROUTE_OPTIONS:
        bn_reply_preflight(request);
        return true;
    case BN_ROUTE_PROXY:
        bn_reply_json_text(request, 400, "\"Invalid request\"");
        return true;
    case BN_ROUTE_METHOD:
        bn_http_reply_field(request, "Allow", "%s", route->allow);
        bn_reply_detail(request, 405, "Method Not Allowed");
        return true;
    case BN_ROUTE_NO_APP:
        bn_reply_detail(request, 404, "Application \"%.100s\" not found", route->alias);
        return true;
    case BN_ROUTE_NOT_FOUND:
        bn_reply_detail(request, 404, "Not Found");
        return true;
    default:
        return false;
    }
}

/* A path that the endpoint does not have; after the key was looked at, as the service does it. */
static bool refuse_path(const bn_call *call, bn_http_request *request)
{
    if (call->route.kind != BN_ROUTE_NO_PATH) return false;
    bn_http_reply_field(request, "x-fal-billable-units", "0");
    bn_reply_detail(request, 404, "Path %s not found", call->route.app_path);
    return true;
}

static void refuse_caller(const bn_call *call, bn_http_request *request, bn_auth auth)
{
    if (call->proxied && auth == BN_AUTH_NONE)
        bn_reply_json_text(request, 401, "\"Unauthorized\"");
    else if (auth == BN_AUTH_NONE)
        bn_reply_detail(request, 401,
                        "Cannot access application \"fal-ai/birefnet\". Authentication is required.");
    else if (auth == BN_AUTH_MALFORMED)
        bn_reply_detail(request, 401,
                        "Invalid Key Authorization header format. Expected '<key_id>:<key_secret>'.");
    else
        bn_reply_detail(request, 401, "No user found for Key ID and Secret");
}

static bool is_good_for(bn_credential credential, access_kind access)
{
    return credential == BN_CREDENTIAL_KEY ||
           (credential == BN_CREDENTIAL_STREAM_TOKEN && access == FOR_STREAMS) ||
           (credential == BN_CREDENTIAL_UPLOAD_TOKEN && access == FOR_UPLOADS);
}

/* By the field Authorization, or else by the token in the query. */
static bn_auth authorize(bn_call *call, const bn_http_request *request, access_kind access)
{
    bn_jobs *jobs = call->service->jobs;
    const char *token = bn_target_query(&call->target, "fal_jwt_token");
    bn_credential credential;
    bn_auth auth =
        bn_jobs_authorize(jobs, bn_http_header(request, "Authorization"), call->key_id, &credential);
    if (auth != BN_AUTH_OK && token) {
        credential = BN_CREDENTIAL_STREAM_TOKEN;
        auth = bn_jobs_token_check(jobs, BN_TOKEN_STREAM, token, call->key_id);
    }
    return auth == BN_AUTH_OK && !is_good_for(credential, access) ? BN_AUTH_UNKNOWN : auth;
}

/* False with the reply made where the caller is no administrator. */
static bool check_admin(bn_call *call, bn_http_request *request)
{
    bn_service *service = call->service;
    if (call->foreign) {
        bn_reply_detail(request, 403, "This is not for pages of others, nor under a name of theirs");
        return false;
    }
    if (!bn_jobs_has_keys(service->jobs)) {
        if (bn_admin_may_without_key(call, request, has_our_name(call, request))) return true;
        bn_reply_detail(
            request, 403,
            "Without keys only a client on the server's own machine may do this. Make a key there "
            "with: birefnet keys add --admin");
        return false;
    }
    const bn_auth auth = authorize(call, request, FOR_ADMIN);
    if (auth != BN_AUTH_OK) {
        refuse_caller(call, request, auth);
        return false;
    }
    if (bn_jobs_is_admin(service->jobs, call->key_id)) return true;
    bn_reply_detail(request, 403, "This key is not an administrator's");
    return false;
}

/* False with the reply made where the caller may not. */
static bool check_caller(bn_call *call, bn_http_request *request)
{
    const bn_route_kind kind = call->route.kind;
    const access_kind access = kind == BN_ROUTE_NO_PATH ? FOR_STREAMS : routes[kind].access;
    bn_service *service = call->service;
    if (access == FOR_ADMIN) return check_admin(call, request);
    const bool direct = has_our_name(call, request) && !call->foreign && !bn_is_passed_on(request);
    if (access == FOR_ALL || (access == FOR_OPERATOR && request->loopback && direct)) return true;
    if (!bn_jobs_has_keys(service->jobs)) {
        if (access == FOR_OPERATOR && !direct) {
            bn_reply_detail(
                request, 403,
                "This is not for pages, nor through a proxy: ask for it by this machine's address");
            return false;
        }
        if (request->loopback || service->options.anyone) return true;
        bn_reply_detail(request, 403,
                        "No key is configured, so this server answers its own machine only. Make a key there "
                        "with: birefnet keys add");
        return false;
    }
    const bn_auth auth = authorize(call, request, access);
    if (auth == BN_AUTH_OK) return true;
    refuse_caller(call, request, auth);
    return false;
}

/* Contents come without a key: only where an upload was begun, before a byte is taken. */
static bool check_upload(const bn_call *call, bn_http_request *request)
{
    const bn_route_kind kind = call->route.kind;
    if (kind != BN_ROUTE_PUT_FILE && kind != BN_ROUTE_PUT_PART && kind != BN_ROUTE_PUT_COMPLETE) return true;
    if (bn_jobs_upload_known(call->service->jobs, call->route.id)) return true;
    bn_reply_detail(request, 404, "There is no such upload");
    return false;
}

static bn_http_next refuse_length(bn_http_request *request)
{
    request->reply.close = true;
    return bn_reply_detail(request, 413, "The body is larger than the %llu bytes that are allowed here",
                           (unsigned long long)request->body_max_bytes);
}

static size_t waiting_bytes(bn_service *service)
{
    size_t sum = 0;
    for (int i = 0; i < service->server_count; i++) {
        bn_http_facts facts;
        bn_http_server_facts(service->servers[i], &facts);
        sum += facts.waiting_bytes;
    }
    return sum;
}

/* Where the body goes and how long it may be; false with the reply made where it cannot be taken. */
static bool set_body(bn_call *call, bn_http_request *request)
{
    bn_service *service = call->service;
    const body_kind kind = routes[call->route.kind].body;
    request->body_max_bytes = kind == UPLOAD  ? service->options.max_file_bytes
                              : kind == INPUT ? service->options.max_body_bytes
                              : kind == LIST  ? LIST_BODY_BYTES
                                              : SMALL_BODY_BYTES;
    if (kind == UPLOAD) {
        request->sink = BN_SINK_FILE;
        snprintf(request->sink_folder, sizeof request->sink_folder, "%s",
                 bn_jobs_incoming_folder(service->jobs));
    }
    if (kind == NO_BODY) request->sink = BN_SINK_NONE;
    if (request->content_length == UINT64_MAX) return true;
    if (request->content_length > request->body_max_bytes) {
        refuse_length(request);
        return false;
    }
    if (kind == INPUT && request->content_length > LIST_BODY_BYTES &&
        waiting_bytes(service) + request->content_length > service->options.max_waiting_bytes) {
        bn_reply_fault(request, 503, "runner_scheduling_failure", "Too many large requests at once");
        return false;
    }
    return true;
}

static bn_http_next begin(void *user, bn_http_request *request)
{
    bn_uuid_make(request->id);
    bn_call *call = calloc(1, sizeof *call);
    if (!call) {
        bn_reply_json_text(request, 500, "{\"detail\":\"Internal Server Error\"}");
        bn_reply_finish(request, true);
        return BN_HTTP_REPLY;
    }
    call->service = user;
    request->state = call;
    if (request->bad_framing) bn_reply_detail(request, 400, "Bad Request");
    const bool go_on = !request->bad_framing && find_route(call, request) && !refuse_route(call, request) &&
                       check_caller(call, request) && !refuse_path(call, request) &&
                       check_upload(call, request) && bn_call_linger(call, request) &&
                       set_body(call, request);
    if (go_on) return BN_HTTP_BODY;
    bn_reply_finish(request, is_for_pages(call));
    return BN_HTTP_REPLY;
}

/* ---- with the body: on a pool thread */

static bn_http_next answer(bn_call *call, bn_http_request *request)
{
    if (request->too_long) return refuse_length(request);
    if (request->sink_failed && request->sink == BN_SINK_FILE) {
        bn_jobs_write_failed(call->service->jobs);
        return bn_reply_fault(request, 507, "internal_error", "The file could not be stored");
    }
    if (request->sink_failed)
        return bn_reply_fault(request, 503, "runner_scheduling_failure", "Too many large requests at once");
    return routes[call->route.kind].fn(call, request);
}

static bn_http_next handle(void *user, bn_http_request *request)
{
    (void)user;
    bn_call *call = request->state;
    const bool started = request->reply.status != 0; /* of a stream */
    const bn_http_next next = answer(call, request);
    if (!started && request->reply.status != 0) bn_reply_finish(request, is_for_pages(call));
    return next;
}

/* The server stops before this one is answered. */
static void refuse(void *user, bn_http_request *request)
{
    (void)user;
    bn_reply_json_text(request, 503,
                       "{\"detail\":\"The server is stopping\",\"error_type\":\"runner_disconnected\"}");
    bn_http_reply_field(request, "x-fal-request-id", "%s", request->id);
    bn_http_reply_field(request, "Access-Control-Allow-Origin", "*");
}

static void end(void *user, bn_http_request *request, bool complete)
{
    bn_service *service = user;
    bn_call *call = request->state;
    if (!call) return;
    if (call->watch) bn_jobs_unwatch(&call->watch);
    bn_call_leave(call);
    if (*call->job_id && !call->job_done) bn_jobs_cancel(service->jobs, call->job_id, true);
    const int status = complete ? request->reply.status : 499;
    const int digit = complete ? status / 100 : 0;
    service->answered[digit < 6 ? digit : 5]++;
    bn_access_log_write(call, request, status, complete);
    free(call);
    request->state = NULL;
}

bn_http_handler bn_service_handler(bn_service *service)
{
    return (bn_http_handler){.user = service, .begin = begin, .handle = handle, .refuse = refuse, .end = end};
}
