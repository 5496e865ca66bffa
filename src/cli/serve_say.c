/* serve_say.c - what `birefnet serve` says when it is ready. */
#include "cli/serve_private.h"
#include "schema/json.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which weights answer for which preset, from the jobs' own list. */
static void say_models(bn_server *own)
{
    bn_buffer text;
    bn_buffer_init(&text, (size_t)1 << 20);
    json_t *list = NULL;
    if (bn_jobs_models(own->jobs, &text, NULL) == BIREFNET_OK)
        list = bn_json_read((const char *)text.data, text.size, BN_JSON_OURS, NULL);
    size_t index;
    json_t *entry;
    json_array_foreach(list, index, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));
        const char *weights = json_string_value(json_object_get(entry, "weights"));
        if (name)
            bn_console_say(own->console, "  %-24s %s", name,
                           weights ? weights : "no weights: answers with an error");
    }
    json_decref(list);
    bn_buffer_free(&text);
}

/* "127.0.0.1:8000", "[::1]:8000" */
static const char *authority(char text[300], const bn_address *at, unsigned port)
{
    const bool v6 = strchr(at->host, ':') != NULL;
    const char *host = *at->host ? at->host : "0.0.0.0"; /* ":8000" is every address */
    snprintf(text, 300, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
    return text;
}

/* The lines are pasted in another terminal, where a path from this folder leads nowhere. */
static const char *whole(char path[PATH_MAX], const char *said)
{
    return realpath(said, path) ? path : said;
}

static void say_tls(bn_server *own)
{
    char at[300], path[PATH_MAX];
    const unsigned port = bn_http_server_port(own->secure);
    const char *key = bn_jobs_has_keys(own->jobs) ? "ID:SECRET" : "any:thing   # no key is configured";
    bn_console_say(own->console, "  https://%s", authority(at, &own->tls_listen, port));
    if (*own->bundle) {
        bn_console_say(own->console, "For the Python client:");
        bn_console_say(own->console, "  export FAL_RUN_HOST=localhost:%u/run", port);
        bn_console_say(own->console, "  export FAL_QUEUE_RUN_HOST=localhost:%u/queue", port);
        bn_console_say(own->console, "  export SSL_CERT_FILE=%s", whole(path, own->bundle));
        bn_console_say(own->console, "  export FAL_KEY=%s", key);
        bn_console_say(own->console, "For Node: export NODE_EXTRA_CA_CERTS=%s/tls/ca.pem",
                       whole(path, own->data_folder));
    }
    if (own->proxy) {
        bn_console_say(own->console,
                       "For any client of this machine, uploads included, instead of those hosts:");
        bn_console_say(own->console,
                       "  export HTTPS_PROXY=http://%s   # Node 22.21 and later: NODE_USE_ENV_PROXY=1, too",
                       authority(at, &own->proxy_listen, bn_tunnel_port(own->proxy)));
    }
}

static void say_keys(bn_server *own)
{
    char way_back[BN_KEYS_WAY_BACK];
    if (bn_jobs_is_shut(own->jobs, way_back))
        bn_console_say(own->console,
                       "Keys: required, and there is none, so nobody is answered (birefnet keys add NAME, or "
                       "%s)",
                       way_back);
    else if (bn_jobs_has_keys(own->jobs))
        bn_console_say(own->console, "Keys: required");
    else if (own->values->given[BN_OPTION_ANYONE])
        bn_console_say(own->console,
                       "Keys: none configured, and --anyone was given: every machine that reaches this "
                       "port is answered");
    else
        bn_console_say(own->console,
                       "Keys: none configured, so only this machine is answered (birefnet keys add NAME)");
}

void bn_serve_say_start(bn_server *own)
{
    char at[300];
    bn_console_say(own->console, "birefnet %s answers as fal-ai/birefnet/v2 at", birefnet_version());
    bn_console_say(own->console, "  http://%s", authority(at, &own->listen, bn_http_server_port(own->plain)));
    if (own->secure) say_tls(own);
    bn_console_say(own->console, "Weights that answer:");
    say_models(own);
    bn_console_say(own->console, "Data: %s", own->data_folder);
    if (own->descriptors.max_connections < 1024)
        bn_console_say(own->console, "Connections: %d at most, for %llu files may be open (ulimit -n)",
                       own->descriptors.max_connections, (unsigned long long)own->descriptors.limit);
    say_keys(own);
}
