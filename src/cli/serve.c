/* serve.c - `birefnet serve`: opens the jobs and the HTTP servers, says what answers where, drains when told to stop. */
#include "cli/serve_private.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/size.h"
#include "cli/descriptors.h"
#include "cli/fetch.h"
#include "cli/interrupt.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_TLS_PORT   8443
#define DEFAULT_PROXY_PORT 8080
#define LOG_BYTES          ((size_t)1 << 20) /* about 4,000 lines that are not written yet */
#define LAST_LINES_MS      1000
#define MEGABYTE           1048576.0

bn_status bn_data_folder(const bn_values *values, char folder[1024], bn_error *err)
{
    const char *given = values->text[BN_OPTION_DATA], *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (given)
        snprintf(folder, 1024, "%s", given);
    else if (data && *data)
        snprintf(folder, 1024, "%s/birefnet/server", data);
    else if (home && *home)
        snprintf(folder, 1024, "%s/.local/share/birefnet/server", home);
    else
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "say where the data go with --data");
    return BIREFNET_OK;
}

static bn_status open_jobs(bn_server *own, bn_error *err)
{
    const bn_values *values = own->values;
    bn_jobs_options options;
    BN_TRY(bn_computing_read(values, own->console, own->data_folder, &own->computing, &options, &own->stage,
                             err));
    if (values->given[BN_OPTION_NO_WORKER]) options.role = BN_ROLE_FRONT;
    options.by_keys = values->choice[BN_OPTION_ORDER] == 1;
    options.public_url = values->text[BN_OPTION_PUBLIC_URL];
    options.max_waiting = (int)values->number[BN_OPTION_MAX_WAITING];
    own->max_stored_bytes = options.max_stored_bytes;
    options.webhooks_public_only = values->given[BN_OPTION_WEBHOOKS_PUBLIC_ONLY] ||
                                   (values->given[BN_OPTION_ANYONE] && !options.allow_private);
    options.webhooks_public_with_keys = !options.allow_private;
    options.limits.per_minute = (int)values->number[BN_OPTION_PER_MINUTE];
    options.limits.waiting = (int)values->number[BN_OPTION_KEY_WAITING];
    return bn_computing_open(&options, &own->jobs, &own->stage, err);
}

static bn_status open_access_log(bn_server *own, bn_error *err)
{
    const char *name = own->values->text[BN_OPTION_ACCESS_LOG];
    if ((!name && own->values->given[BN_OPTION_QUIET]) || (name && strcmp(name, "off") == 0))
        return BIREFNET_OK;
    own->access_log_fd = STDOUT_FILENO;
    if (name && strcmp(name, "-") != 0)
        own->access_log_fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (own->access_log_fd < 0) return bn_fail_errno(err, errno, "cannot write the access log %s", name);
    return bn_line_writer_open(own->access_log_fd, LOG_BYTES, bn_access_log_lost, &own->access_log, err);
}

static bn_status read_tls(bn_server *own, bn_error *err)
{
    const bn_values *values = own->values;
    const char *chain = values->text[BN_OPTION_TLS_CERT], *key = values->text[BN_OPTION_TLS_KEY];
    own->tls = chain || key || values->given[BN_OPTION_TLS_SELF_SIGNED];
    const char *wants = values->text[BN_OPTION_CONNECT_PROXY] ? "--connect-proxy"
                        : values->text[BN_OPTION_TLS_LISTEN]  ? "--tls-listen"
                                                              : NULL;
    if (!own->tls && wants)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "%s needs TLS: --tls-self-signed, or --tls-cert and --tls-key", wants);
    if (!own->tls) return BIREFNET_OK;
    if ((chain != NULL) != (key != NULL))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--tls-cert and --tls-key belong together");
    own->tls_listen = own->listen;
    own->tls_listen.port = DEFAULT_TLS_PORT;
    if (values->text[BN_OPTION_TLS_LISTEN])
        BN_TRY(bn_address_parse(values->text[BN_OPTION_TLS_LISTEN], DEFAULT_TLS_PORT, &own->tls_listen, err));
    if (chain) return bn_certificate_read(chain, key, &own->certificate, err);
    char folder[1100];
    snprintf(folder, sizeof folder, "%s/tls", own->data_folder);
    return bn_certificate_make(folder, own->tls_listen.host, bn_host_name, &own->certificate, own->bundle,
                               err);
}

static bn_status open_proxy(bn_server *own, bn_error *err)
{
    const char *text = own->values->text[BN_OPTION_CONNECT_PROXY];
    if (!text) return BIREFNET_OK;
    BN_TRY(bn_address_parse(text, DEFAULT_PROXY_PORT, &own->proxy_listen, err));
    own->stage = BN_STAGE_LISTEN;
    const bn_status status =
        bn_tunnel_open(own->proxy_listen.host, own->proxy_listen.port, own->tls_listen.host,
                       bn_http_server_port(own->secure), bn_is_host_of_service, own->descriptors.max_passages,
                       &own->proxy, err);
    return bn_error_prefix(err, status, "--connect-proxy");
}

/* Last, when all else is open. */
static bn_status share_descriptors(bn_server *own, int pool_threads, bn_error *err)
{
    const int fetches = (int)own->values->number[BN_OPTION_FETCHES];
    const int connections =
        bn_store_address(own->values) ? (int)own->values->number[BN_OPTION_STORE_CONNECTIONS] : 0;
    return bn_descriptors_share(own->tls ? 2 : 1, own->values->text[BN_OPTION_CONNECT_PROXY] != NULL,
                                fetches + BN_JOBS_COURIERS + connections, pool_threads, &own->descriptors,
                                err);
}

static bn_status open_servers(bn_server *own, bn_error *err)
{
    const bn_values *values = own->values;
    bn_service_options options;
    bn_service_options_default(&options);
    options.jobs = own->jobs;
    options.public_url = values->text[BN_OPTION_PUBLIC_URL];
    options.anyone = values->given[BN_OPTION_ANYONE];
    options.access_log = own->access_log;
    options.server_log = own->console->writer;
    options.max_body_bytes = (uint64_t)(values->number[BN_OPTION_MAX_BODY] * MEGABYTE);
    bn_http_options http;
    bn_http_options_default(&http);
    BN_TRY(share_descriptors(own, http.threads, err));
    options.max_connections = http.max_connections = own->descriptors.max_connections;
    BN_TRY(bn_service_open(&options, &own->service, err));
    const bn_http_handler handler = bn_service_handler(own->service);
    http.host = own->listen.host;
    http.port = own->listen.port;
    http.max_waiting_bytes = options.max_waiting_bytes;
    http.max_incoming_bytes = own->max_stored_bytes;
    own->stage = BN_STAGE_LISTEN;
    BN_TRY(bn_http_server_open(&http, &handler, &own->plain, err));
    bn_service_add_server(own->service, own->plain);
    if (!own->tls) return BIREFNET_OK;
    http.host = own->tls_listen.host;
    http.port = own->tls_listen.port;
    http.certificate = (const char *)own->certificate.chain.data;
    http.key = (const char *)own->certificate.key.data;
    BN_TRY(bn_http_server_open(&http, &handler, &own->secure, err));
    bn_service_add_server(own->service, own->secure);
    return open_proxy(own, err);
}

/* Tell systemd, where it asked for it: one datagram (sd_notify(3)). */
static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || !*path || strlen(path) >= sizeof to.sun_path) return;
    memcpy(to.sun_path, path, strlen(path));
    const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    const ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to, length);
    (void)sent;
    close(fd);
}

static void drain(bn_server *own)
{
    const int seconds = (int)own->values->number[BN_OPTION_DRAIN];
    notify("STOPPING=1");
    bn_console_say(own->console, "Stopping: what runs is finished, what waits stays for the next start");
    bn_http_server_quiesce(own->plain);
    if (own->secure) bn_http_server_quiesce(own->secure);
    if (!bn_jobs_drain(own->jobs, seconds * 1000))
        bn_console_say(own->console, "Not finished after %d s: done again at the next start", seconds);
}

static void close_all(bn_server *own)
{
    bn_tunnel_close(&own->proxy);
    bn_http_server_close(&own->secure);
    bn_http_server_close(&own->plain);
    if (own->service) bn_service_close(&own->service);
    if (own->jobs) bn_jobs_close(&own->jobs);
    bn_certificate_free(&own->certificate);
    free(own->computing.preload_text);
    bn_line_writer_close(&own->access_log, LAST_LINES_MS);
    if (own->access_log_fd > STDERR_FILENO) close(own->access_log_fd);
}

/* What is written before every address of a result: without a scheme no client could follow one. */
static bn_status check_public_url(const char *url, bn_error *err)
{
    if (!url) return BIREFNET_OK;
    const char *host = bn_is_url(url) ? strstr(url, "://") + 3 : "";
    if (strcspn(host, "/") > 0 && !host[strcspn(host, " \t?#")]) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                   "--public-url takes http:// or https:// and a host, not '%s'", url);
}

static bn_status open_all(bn_server *own, bn_error *err)
{
    const bn_values *values = own->values;
    BN_TRY(check_public_url(values->text[BN_OPTION_PUBLIC_URL], err));
    BN_TRY(bn_console_write_behind(own->console, err));
    BN_TRY(bn_data_folder(values, own->data_folder, err));
    BN_TRY(bn_computing_check_store(values, own->console, own->data_folder, &own->stage, err));
    BN_TRY(bn_address_parse(bn_values_text(values, BN_OPTION_LISTEN), 8000, &own->listen, err));
    BN_TRY(open_access_log(own, err));
    umask(077); /* photos of others, and keys: from here on everything is the owner's alone */
    BN_TRY(read_tls(own, err));
    BN_TRY(open_jobs(own, err));
    return open_servers(own, err);
}

bn_exit bn_command_serve(const bn_values *values, bn_console *console)
{
    bn_server own = {.values = values, .console = console, .access_log_fd = -1, .stage = BN_STAGE_READ};
    bn_error err = {0};
    if (sodium_init() < 0) return BN_EXIT_INTERNAL;
    bn_limit_heaps();
    bn_descriptors_raise();
    const bn_status status = open_all(&own, &err);
    if (status == BIREFNET_OK) {
        bn_serve_say_start(&own);
        notify("READY=1");
        bn_interrupt_wait();
        drain(&own);
    } else {
        bn_console_error(console, "%s", err.message);
    }
    close_all(&own);
    const bool usage =
        status == BIREFNET_ERROR_ARGUMENT && own.stage != BN_STAGE_MODEL && own.stage != BN_STAGE_FILES;
    return bn_exit_of(status, usage ? BN_STAGE_USAGE : own.stage);
}
