/* admin.c - what administrators ask for: the overview, keys made and revoked. The page /admin shows it.
 *
 * Who may (service.c, check_admin): an administrator's key; without keys a client of this machine. Never a page of others,
 * whatever key it sends, and no reply of these may be read by one: they carry no CORS fields. */
#include "api/call.h"

#include "schema/json.h"

#include <string.h>

#define OVERVIEW_MAX_BYTES ((size_t)16 << 20)
#define LIMIT_MAX          1000000

bool bn_is_passed_on(const bn_http_request *request)
{
    static const char *const of_proxies[] = {"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP",
                                             "Via"};
    for (size_t i = 0; i < sizeof of_proxies / sizeof *of_proxies; i++)
        if (bn_http_header(request, of_proxies[i])) return true;
    return false;
}

bool bn_admin_may_without_key(const bn_call *call, const bn_http_request *request, bool ours)
{
    return request->loopback && ours && !bn_is_passed_on(request) && !call->service->options.anyone;
}

bn_http_next bn_call_admin_overview(bn_call *call, bn_http_request *request)
{
    bn_error err = {0};
    bn_buffer_init(&request->reply.body, OVERVIEW_MAX_BYTES);
    const bn_status status = bn_jobs_overview(call->service->jobs, &request->reply.body, &err);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    request->reply.status = 200;
    bn_http_reply_field(request, "Content-Type", "application/json");
    bn_http_reply_field(request, "Cache-Control", "no-store");
    return BN_HTTP_REPLY;
}

/* A limit that is not given is the server's. */
static bool take_limit(const json_t *body, const char *name, int *limit)
{
    const json_t *given = json_object_get(body, name);
    *limit = -1;
    if (!given || json_is_null(given)) return true;
    if (!json_is_integer(given)) return false;
    const json_int_t value = json_integer_value(given);
    if (value < 0 || value > LIMIT_MAX) return false;
    *limit = (int)value;
    return true;
}

/* NULL, or what is wrong. */
static const char *read_wanted(const json_t *body, bn_key_facts *wanted)
{
    const json_t *admin = json_object_get(body, "admin");
    const char *name = json_string_value(json_object_get(body, "name"));
    if (!json_is_object(body)) return "The body is not a JSON object";
    if (!name || !bn_keys_is_name(name)) return "name: 1 to 100 bytes without control characters";
    snprintf(wanted->name, sizeof wanted->name, "%s", name);
    if (admin && !json_is_boolean(admin)) return "admin: true or false";
    wanted->admin = json_is_true(admin);
    if (!take_limit(body, "per_minute", &wanted->limits.per_minute) ||
        !take_limit(body, "running", &wanted->limits.running) ||
        !take_limit(body, "waiting", &wanted->limits.waiting))
        return "per_minute, running, waiting: whole numbers, 0 (no limit) to 1000000";
    return NULL;
}

static bn_http_next reply_key(bn_http_request *request, const char *key, const bn_key_facts *facts)
{
    bn_http_reply_field(request, "Cache-Control", "no-store");
    return bn_reply_json(request, 200,
                         json_pack("{s:s, s:s, s:b, s:s}", "id", facts->id, "name", facts->name, "admin",
                                   facts->admin, "key", key));
}

bn_http_next bn_call_admin_key_make(bn_call *call, bn_http_request *request)
{
    bn_jobs *jobs = call->service->jobs;
    bn_key_facts wanted = {0}, facts;
    json_t *body = bn_json_read((const char *)request->body.data, request->body.size, BN_JSON_SMALL, NULL);
    const char *fault = read_wanted(body, &wanted);
    json_decref(body);
    if (!fault && !wanted.admin && !bn_jobs_has_keys(jobs))
        fault = "The first key must be an administrator's: it shuts this page to everybody without one";
    if (fault) return bn_reply_detail(request, 422, "%s", fault);
    char key[BN_KEY_CHARS];
    bn_error err = {0};
    const bn_status status = bn_jobs_key_make(jobs, &wanted, key, &facts, &err);
    const bn_http_next next =
        status == BIREFNET_OK ? reply_key(request, key, &facts) : bn_reply_error(request, status, &err);
    explicit_bzero(key, sizeof key);
    return next;
}

bn_http_next bn_call_admin_key_revoke(bn_call *call, bn_http_request *request)
{
    bn_error err = {0};
    if (strcmp(call->route.id, call->key_id) == 0) /* so that one administrator stays */
        return bn_reply_detail(request, 409, "This is the key that you use: revoke it with another one");
    const bn_status status = bn_jobs_key_revoke(call->service->jobs, call->route.id, &err);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    return bn_reply_json(request, 200, json_pack("{s:s}", "revoked", call->route.id));
}
