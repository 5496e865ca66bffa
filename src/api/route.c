/* route.c - the routes of the run, queue, REST and CDN hosts and of our own pages. */
#include "api/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWNER "fal-ai"
#define ALIAS "birefnet"

static bool is(const bn_target *target, size_t index, const char *segment)
{
    return index < target->segment_count && strcmp(target->segments[index], segment) == 0;
}

static bool is_reading(bn_method method)
{
    return method == BN_METHOD_GET || method == BN_METHOD_HEAD;
}

static void take(bn_route *route, bn_route_kind kind, bool method_fits, const char *allow)
{
    route->kind = method_fits ? kind : BN_ROUTE_METHOD;
    route->allow = allow;
}

/* A number from 1 to 10000 and nothing else. */
static int part_number(const char *text)
{
    char *end = NULL;
    if (*text < '1' || *text > '9') return 0;
    const long number = strtol(text, &end, 10);
    return *end == '\0' && number <= 10000 ? (int)number : 0;
}

/* Ids that are made of letters, digits, dashes and underscores: no others were ever given out. */
static bool is_id(const char *text)
{
    const size_t length = strlen(text);
    if (length == 0 || length > 128) return false;
    for (const char *c = text; *c; c++) {
        const bool fine = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                          *c == '-' || *c == '_' || *c == '.';
        if (!fine) return false;
    }
    return true;
}

/* OWNER/ALIAS[/PATH]/requests/ID[/status[/stream]|/cancel|/response]: where "requests" stands, 0 if nowhere. */
static size_t requests_at(const bn_target *target)
{
    for (size_t i = 2; i + 1 < target->segment_count && i <= 4; i++)
        if (is(target, i, "requests")) return i;
    return 0;
}

static void route_request(bn_method method, const bn_target *target, size_t at, bn_route *route)
{
    const size_t rest = target->segment_count - at - 2;
    route->id = target->segments[at + 1];
    if (rest == 0 || (rest == 1 && is(target, at + 2, "response")))
        take(route, BN_ROUTE_RESULT, is_reading(method), "GET, HEAD");
    else if (rest == 1 && is(target, at + 2, "status"))
        take(route, BN_ROUTE_STATUS, is_reading(method), "GET, HEAD");
    else if (rest == 2 && is(target, at + 2, "status") && is(target, at + 3, "stream"))
        take(route, BN_ROUTE_STATUS_STREAM, method == BN_METHOD_GET, "GET");
    else if (rest == 1 && is(target, at + 2, "cancel"))
        take(route, BN_ROUTE_CANCEL, method == BN_METHOD_PUT || method == BN_METHOD_POST, "PUT, POST");
}

static bool is_endpoint(const bn_target *target)
{
    return is(target, 0, OWNER) && is(target, 1, ALIAS);
}

/* A call of the endpoint, to run at once or to queue. */
static void route_app(bn_method method, const bn_target *target, bool queue, bn_route *route)
{
    if (target->segment_count < 2) return;
    if (!is_endpoint(target)) {
        route->kind = BN_ROUTE_NO_APP;
        route->alias = target->segments[1];
        return;
    }
    bn_target_path(target, 2, route->app_path, sizeof route->app_path);
    if (target->segment_count == 3 && is(target, 2, "health") && is_reading(method)) {
        route->kind = BN_ROUTE_APP_HEALTH;
        return;
    }
    const bool known = target->segment_count == 2 || (target->segment_count == 3 && is(target, 2, "v2"));
    if (!known && !(queue && method == BN_METHOD_POST)) /* the queue tells at the result */
        route->kind = BN_ROUTE_NO_PATH;
    else
        take(route, queue ? BN_ROUTE_SUBMIT : BN_ROUTE_RUN, method == BN_METHOD_POST, "POST");
}

static void route_storage(bn_method method, const bn_target *target, bn_route *route)
{
    const bool post = method == BN_METHOD_POST;
    const size_t count = target->segment_count;
    if (count == 3 && is(target, 1, "upload") && is(target, 2, "initiate"))
        take(route, BN_ROUTE_UPLOAD_INITIATE, post, "POST");
    else if (count == 3 && is(target, 1, "upload") && is(target, 2, "initiate-multipart"))
        take(route, BN_ROUTE_MULTIPART_INITIATE, post, "POST");
    else if (count == 3 && is(target, 1, "auth") && is(target, 2, "token"))
        take(route, BN_ROUTE_UPLOAD_TOKEN, post, "POST");
}

/* upload/ID/NAME[/PART|/complete]: what initiate gave out. */
static void route_upload(bn_method method, const bn_target *target, bn_route *route)
{
    const size_t count = target->segment_count;
    if (count < 3 || !is_id(target->segments[1])) return;
    route->id = target->segments[1];
    if (count == 3)
        take(route, BN_ROUTE_PUT_FILE, method == BN_METHOD_PUT, "PUT");
    else if (count == 4 && is(target, 3, "complete"))
        take(route, BN_ROUTE_PUT_COMPLETE, method == BN_METHOD_POST, "POST");
    else if (count == 4 && (route->part = part_number(target->segments[3])) > 0)
        take(route, BN_ROUTE_PUT_PART, method == BN_METHOD_PUT, "PUT");
}

/* files/b/ID/NAME[/multipart/UPLOAD/(PART|complete)], files/upload[/multipart]. */
static void route_files(bn_method method, const bn_target *target, bn_route *route)
{
    const size_t count = target->segment_count;
    if (count == 2 && is(target, 1, "upload")) {
        take(route, BN_ROUTE_CDN_UPLOAD, method == BN_METHOD_POST, "POST");
    } else if (count == 3 && is(target, 1, "upload") && is(target, 2, "multipart")) {
        take(route, BN_ROUTE_CDN_MULTIPART, method == BN_METHOD_POST, "POST");
    } else if (count == 4 && is(target, 1, "b") && is_id(target->segments[2])) {
        route->id = target->segments[2];
        take(route, BN_ROUTE_FILE, is_reading(method), "GET, HEAD");
    } else if (count == 7 && is(target, 1, "b") && is(target, 4, "multipart") && is_id(target->segments[5])) {
        route->id = target->segments[5];
        if (is(target, 6, "complete"))
            take(route, BN_ROUTE_PUT_COMPLETE, method == BN_METHOD_POST, "POST");
        else if ((route->part = part_number(target->segments[6])) > 0)
            take(route, BN_ROUTE_PUT_PART, method == BN_METHOD_PUT, "PUT");
    }
}

static bool route_service(bn_method method, const bn_target *target, bn_route *route)
{
    const size_t count = target->segment_count;
    if (is(target, 0, "storage"))
        route_storage(method, target, route);
    else if (is(target, 0, "upload"))
        route_upload(method, target, route);
    else if (is(target, 0, "files"))
        route_files(method, target, route);
    else if (is(target, 0, "tokens") && count == 1)
        take(route, BN_ROUTE_TOKENS, method == BN_METHOD_POST, "POST");
    else if (is(target, 0, "tokens") && is(target, 1, "realtime") && count == 2)
        take(route, BN_ROUTE_TOKENS_REALTIME, method == BN_METHOD_POST, "POST");
    else if (is(target, 0, ".well-known") && is(target, 1, "jwks.json") && count == 2)
        take(route, BN_ROUTE_JWKS, is_reading(method), "GET, HEAD");
    else
        return false;
    return true;
}

static bool is_admin(const bn_target *target)
{
    return target->host == BN_HOST_ANY && is(target, 0, "admin");
}

/* admin, admin/overview.json, admin/keys, admin/keys/ID/revoke. */
static void route_admin(bn_method method, const bn_target *target, bn_route *route)
{
    const size_t count = target->segment_count;
    const bool keys = count >= 2 && is(target, 1, "keys");
    route->admin = true;
    if (count == 1) {
        snprintf(route->page, sizeof route->page, "admin.html");
        take(route, BN_ROUTE_PAGE, is_reading(method), "GET, HEAD");
    } else if (count == 2 && is(target, 1, "overview.json")) {
        take(route, BN_ROUTE_ADMIN_OVERVIEW, is_reading(method), "GET, HEAD");
    } else if (count == 2 && keys) {
        take(route, BN_ROUTE_ADMIN_KEY_MAKE, method == BN_METHOD_POST, "POST");
    } else if (count == 4 && keys && is(target, 3, "revoke")) {
        route->id = target->segments[2];
        take(route, BN_ROUTE_ADMIN_KEY_REVOKE, method == BN_METHOD_POST, "POST");
    }
}

static const struct {
    const char *segment;
    bn_route_kind kind;
} own_words[] = {{"healthz", BN_ROUTE_HEALTH},
                 {"readyz", BN_ROUTE_READY},
                 {"metrics", BN_ROUTE_METRICS},
                 {"openapi.json", BN_ROUTE_OPENAPI},
                 {"presets.json", BN_ROUTE_PRESETS}};

static void route_own(bn_method method, const bn_target *target, bn_route *route)
{
    const size_t count = target->segment_count;
    if (count == 2 && is(target, 0, "api") && is(target, 1, "remove")) {
        take(route, method == BN_METHOD_POST ? BN_ROUTE_REMBG_POST : BN_ROUTE_REMBG_GET,
             method == BN_METHOD_POST || is_reading(method), "GET, POST");
        return;
    }
    if (count == 4 && is(target, 0, "api") && is(target, 1, "openapi") && is(target, 3, "openapi.json")) {
        take(route, BN_ROUTE_OPENAPI, is_reading(method), "GET, HEAD");
        return;
    }
    if (count == 1 && is(target, 0, "touchup")) {
        take(route, BN_ROUTE_TOUCH_UP, method == BN_METHOD_POST, "POST");
        return;
    }
    for (size_t i = 0; count == 1 && i < sizeof own_words / sizeof *own_words; i++) {
        if (!is(target, 0, own_words[i].segment)) continue;
        take(route, own_words[i].kind, is_reading(method), "GET, HEAD");
        return;
    }
    if (!is_reading(method)) return;
    char path[sizeof route->page + 1];
    bn_target_path(target, 0, path, sizeof path);
    snprintf(route->page, sizeof route->page, "%s", count ? path + 1 : "index.html");
    route->kind = BN_ROUTE_PAGE;
}

/* Nothing said which host: the form of the path does. */
static void route_any(bn_method method, const bn_target *target, bool force_queue, bn_route *route)
{
    if (route_service(method, target, route)) return;
    const size_t requests = requests_at(target);
    if (requests && is_endpoint(target))
        route_request(method, target, requests, route);
    else if (target->segment_count >= 2 && is(target, 0, OWNER))
        route_app(method, target, force_queue, route);
    else
        route_own(method, target, route);
    if (route->kind == BN_ROUTE_NOT_FOUND && method == BN_METHOD_POST && target->segment_count >= 2)
        route_app(method, target, force_queue, route);
}

void bn_route_find(bn_method method, const bn_target *target, bool force_queue, bn_route *route)
{
    memset(route, 0, sizeof *route);
    if (is_admin(target)) { /* preflights of pages of others, too: they are not answered */
        route_admin(method, target, route);
        return;
    }
    if (method == BN_METHOD_OPTIONS) {
        route->kind = BN_ROUTE_OPTIONS;
        return;
    }
    const size_t requests = requests_at(target);
    switch (target->host) {
    case BN_HOST_PROXY:
        route->kind = BN_ROUTE_PROXY;
        return;
    case BN_HOST_RUN:
        route_app(method, target, false, route);
        return;
    case BN_HOST_QUEUE:
        if (requests)
            route_request(method, target, requests, route);
        else
            route_app(method, target, true, route);
        return;
    case BN_HOST_REST:
    case BN_HOST_CDN:
        route_service(method, target, route);
        return;
    case BN_HOST_SITE:
        route_own(method, target, route);
        return;
    case BN_HOST_ANY:
        route_any(method, target, force_queue, route);
        return;
    }
}
