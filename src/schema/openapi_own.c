/* openapi_own.c - see openapi_own.h. */
#include "schema/openapi_own.h"

#include "schema/json.h"

#include <stdint.h>
#include <string.h>

#define ADMIN_ERRORS                                                                                         \
    "\"401\":{\"description\":\"A key is needed\"},"                                                         \
    "\"403\":{\"description\":\"Not an administrator's key, a page of others, or without keys another "      \
    "machine\"}"
#define WHOLE  "{\"type\":\"integer\"}"
#define NUMBER "{\"type\":\"number\"}"
#define TEXT   "{\"type\":\"string\"}"
#define LIMIT  "{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000}"

static const char overview[] =
    "{\"get\":{\"summary\":\"What administrators see: queue, sessions, models, memory, files, failures, "
    "keys\",\"responses\":{\"200\":{\"description\":\"As of now\",\"content\":{\"application/json\":{"
    "\"schema\":{\"type\":\"object\",\"properties\":{"
    "\"now_ms\":" WHOLE ",\"version\":" TEXT ","
    "\"queue\":{\"type\":\"object\",\"properties\":{\"waiting\":" WHOLE ",\"waiting_limit\":" WHOLE
    ",\"running\":" WHOLE ",\"oldest_waiting_s\":" NUMBER "}},"
    "\"cluster\":{\"type\":\"object\",\"description\":\"Of all processes that share the store, where there "
    "are "
    "several\",\"properties\":{\"waiting\":" WHOLE ",\"held\":" WHOLE ",\"running\":" WHOLE
    ",\"oldest_waiting_s\":" NUMBER ",\"workers\":" WHOLE ",\"idle_workers\":" WHOLE "}},"
    "\"sessions\":{\"type\":\"object\",\"properties\":{\"count\":" WHOLE ",\"busy\":" WHOLE "}},"
    "\"in_work\":{\"type\":\"array\",\"maxItems\":100,\"items\":{\"type\":\"object\",\"properties\":{"
    "\"id\":" TEXT ",\"key\":" TEXT ",\"step\":" TEXT ",\"progress\":" NUMBER ",\"age_s\":" NUMBER "}}},"
    "\"models_open\":{\"type\":\"array\",\"items\":" TEXT "},"
    "\"memory\":{\"type\":\"object\",\"properties\":{\"resident_bytes\":" WHOLE ",\"peak_bytes\":" WHOLE
    ",\"decode_bytes\":" WHOLE ",\"decode_limit_bytes\":" WHOLE "}},"
    "\"stored\":{\"type\":\"object\",\"properties\":{\"bytes\":" WHOLE ",\"limit_bytes\":" WHOLE "}},"
    "\"requests\":{\"type\":\"object\",\"properties\":{\"accepted\":" WHOLE ",\"succeeded\":" WHOLE
    ",\"failed\":" WHOLE ",\"refused\":" WHOLE ",\"webhooks_pending\":" WHOLE "}},"
    "\"failures\":{\"type\":\"array\",\"maxItems\":50,\"items\":{\"type\":\"object\",\"properties\":{"
    "\"at_ms\":" WHOLE ",\"id\":" TEXT ",\"key\":" TEXT ",\"code\":" WHOLE ",\"reason\":" TEXT
    ",\"error\":" TEXT "}}},"
    "\"keys_needed\":{\"type\":\"boolean\"},"
    "\"keys\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
    "\"id\":" TEXT ",\"name\":" TEXT ",\"admin\":{\"type\":\"boolean\"},\"created_ms\":" WHOLE
    ",\"per_minute\":" WHOLE ",\"running\":" WHOLE ",\"waiting\":" WHOLE "}}}"
    "}}}}}," ADMIN_ERRORS "}}}";

static const char key_make[] =
    "{\"post\":{\"summary\":\"Make a key\",\"requestBody\":{\"required\":true,\"content\":{"
    "\"application/json\":{\"schema\":{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{"
    "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":100},\"admin\":{\"type\":\"boolean\","
    "\"default\":false},\"per_minute\":" LIMIT ",\"running\":" LIMIT ",\"waiting\":" LIMIT "}}}}},"
    "\"responses\":{\"200\":{\"description\":\"The key: nobody can read it again\",\"content\":{"
    "\"application/json\":{\"schema\":{\"type\":\"object\",\"required\":[\"id\",\"name\",\"admin\",\"key\"],"
    "\"properties\":{\"id\":" TEXT ",\"name\":" TEXT ",\"admin\":{\"type\":\"boolean\"},\"key\":" TEXT
    "}}}}}," ADMIN_ERRORS ",\"422\":{\"description\":\"Not a name, not a limit, or the first key is not an "
    "administrator's\"}}}}";

static const char key_revoke[] =
    "{\"post\":{\"summary\":\"Revoke a key\",\"parameters\":[{\"name\":\"key_id\",\"in\":\"path\","
    "\"required\":true,\"schema\":" TEXT
    "}],\"responses\":{\"200\":{\"description\":\"Revoked\"}," ADMIN_ERRORS
    ",\"404\":{\"description\":\"No such key\"},\"409\":{\"description\":\"The key that the caller "
    "uses\"}}}}";

static const char touch_up[] =
    "{\"post\":{\"summary\":\"Compose and refine by a mask that was edited; no network runs\","
    "\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{\"$ref\":"
    "\"#/components/schemas/TouchUpInput\"}}}},\"responses\":{\"200\":{"
    "\"description\":\"The result\",\"content\":{\"application/json\":{\"schema\":{\"$ref\":"
    "\"#/components/schemas/BirefnetV2Output\"}}}},\"401\":{\"description\":\"A key is needed\"},\"422\":{"
    "\"description\":\"The photo, the mask or a field was refused; mask_url: not a PNG, or of another "
    "size; request_id: no such request, or its photo was not "
    "kept\",\"content\":{\"application/json\":{\"schema\":{\"$ref\":"
    "\"#/components/schemas/HTTPValidationError\"}}}}}}}";

static const struct {
    const char *path, *item;
} own[] = {{"/touchup", touch_up},
           {"/admin/overview.json", overview},
           {"/admin/keys", key_make},
           {"/admin/keys/{key_id}/revoke", key_revoke}};

/* They stand beside the queue, not below it. */
static json_t *servers_of(const char *server_url)
{
    static const char queue[] = "/queue";
    size_t length = strlen(server_url);
    const size_t tail = sizeof queue - 1;
    if (length > tail && strcmp(server_url + length - tail, queue) == 0) length -= tail;
    return json_pack("[{s:s%}]", "url", server_url, length);
}

bool bn_openapi_add_own(json_t *paths, const char *server_url)
{
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        json_t *item = bn_json_read(own[i].item, strlen(own[i].item), BN_JSON_OURS, NULL);
        if (json_object_set_new(item, "servers", servers_of(server_url)) != 0 ||
            json_object_set(paths, own[i].path, item) != 0) {
            json_decref(item);
            return false;
        }
        json_decref(item);
    }
    return true;
}
