/* server.c - libmicrohttpd (epoll, one thread) behind http.h: what it calls, and opening and closing. */
#include "http/listen.h"
#include "http/private.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <errno.h>

#define LAST_REPLIES_MS         1000
#define JUST_COME_MS            2000                /* in which a client far away sends its request */
#define CONNECTION_MEMORY_BYTES ((size_t)48 * 1024) /* the header section, at most */
#define DISCARD_MAX_BYTES                                                                                    \
    ((uint64_t)256 << 20) /* read from a client that was refused, so that it reads why */

/* RFC 8996: what is older is broken, and GnuTLS speaks it where nobody says otherwise */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

#if MHD_VERSION >= 0x00097701 /* stricter than servers must be: no folded line, no LF alone */
#    define STRICTNESS MHD_OPTION_CLIENT_DISCIPLINE_LVL, 2
#else
#    define STRICTNESS MHD_OPTION_STRICT_FOR_CLIENT, 1
#endif

void bn_http_options_default(bn_http_options *options)
{
    *options = (bn_http_options){
        .host = "127.0.0.1",
        .port = 8000,
        .threads = 16, /* they wait for the disk more than they work */
        .max_connections = 4096,
        .idle_timeout_ms = 75000,
        .header_timeout_ms = 90000,
        .slow_after_ms = 20000,
        .slow_bytes_per_s = 500,
        .max_waiting_bytes = (size_t)512 << 20,
        .max_incoming_bytes = (uint64_t)8 << 30,
    };
}

static bn_method method_of(const char *name)
{
    static const struct {
        const char *name;
        bn_method method;
    } methods[] = {{"GET", BN_METHOD_GET},
                   {"HEAD", BN_METHOD_HEAD},
                   {"POST", BN_METHOD_POST},
                   {"PUT", BN_METHOD_PUT},
                   {"OPTIONS", BN_METHOD_OPTIONS}};
    for (size_t i = 0; i < BN_COUNT(methods); i++)
        if (strcmp(name, methods[i].name) == 0) return methods[i].method;
    return BN_METHOD_OTHER;
}

/* The server stops: what would have to wait is sent away instead. */
static enum MHD_Result refuse_stopping(bn_http_request *request)
{
    const bn_http_handler *handler = &request->private->server->handler;
    request->reply.status = MHD_HTTP_SERVICE_UNAVAILABLE;
    request->reply.close = true;
    bn_buffer_free(&request->reply.body);
    if (handler->refuse) handler->refuse(handler->user, request);
    request->private->phase = BN_PHASE_READY;
    return bn_request_send(request);
}

/* ---- what MHD calls, all on the event loop but the connection's end after a stop */

static void *note_target(void *user, const char *target, struct MHD_Connection *connection)
{
    return bn_request_create(user, connection, target);
}

static bool write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        const ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

static bool keep_in_file(bn_http_request *request, const char *bytes, size_t count)
{
    bn_http_server *server = request->private->server;
    if (request->body_fd < 0) return false;
    if (atomic_fetch_add(&server->incoming_bytes, count) + count > server->options.max_incoming_bytes) {
        atomic_fetch_sub(&server->incoming_bytes, count);
        return false;
    }
    request->private->counted_file_bytes += count;
    return write_all(request->body_fd, bytes, count);
}

/* Up to its even share each connection has its place, however much others hold: who has filled the memory keeps out only
 * what is large. */
static bool keep_in_memory(bn_http_request *request, const char *bytes, size_t count)
{
    bn_http_server *server = request->private->server;
    const size_t most = server->options.max_waiting_bytes;
    const size_t share = most / (size_t)server->options.max_connections;
    if (atomic_fetch_add(&server->waiting_bytes, count) + count > most &&
        request->private->counted_bytes + count > share) {
        atomic_fetch_sub(&server->waiting_bytes, count);
        return false;
    }
    request->private->counted_bytes += count;
    return bn_buffer_append(&request->body, bytes, count, NULL) == BIREFNET_OK;
}

static void take_body(bn_http_request *request, const char *bytes, size_t count)
{
    request->private->peer->body_bytes += count;
    request->body_bytes += count;
    if (request->too_long || request->sink_failed) return; /* read on, so that the client reads the reply */
    if (request->body_bytes > request->body_max_bytes)
        request->too_long = true;
    else if (request->sink == BN_SINK_MEMORY)
        request->sink_failed = !keep_in_memory(request, bytes, count);
    else if (request->sink == BN_SINK_FILE)
        request->sink_failed = !keep_in_file(request, bytes, count);
    if (request->too_long || request->sink_failed) request->private->peer->lingers_ms = bn_clock_ms();
}

static void expect_body(struct bn_http_private *own, bool unread)
{
    own->peer->body_bytes = 0;
    own->peer->since_ms = bn_clock_ms();
    own->peer->in_body = true;
    if (unread) own->peer->lingers_ms = bn_clock_ms();
}

/* The reply is made before the body is read. A client that is still sending would not read it and see a broken
 * connection instead; so what it sends is read first, within reason. One that waits for "100 Continue" reads at once.
 * libmicrohttpd closes a connection whose reply is given to it at this point: without a body it is given later. */
static enum MHD_Result reply_early(bn_http_request *request)
{
    struct bn_http_private *own = request->private;
    own->phase = BN_PHASE_READY;
    if (request->content_length == 0) return MHD_YES;
    const bool unbounded = request->content_length == UINT64_MAX;
    if (bn_http_header(request, MHD_HTTP_HEADER_EXPECT) ||
        (!unbounded && request->content_length > DISCARD_MAX_BYTES)) {
        request->reply.close = true;
        return bn_request_send(request);
    }
    own->discarding = true;
    expect_body(own, true);
    return MHD_YES;
}

static enum MHD_Result begin(bn_http_request *request, struct MHD_Connection *connection, const char *method,
                             const char *version)
{
    struct bn_http_private *own = request->private;
    own->peer->in_request = true; /* the header section is complete */
    request->method = method_of(method);
    request->bad_framing = !bn_framing_read(request, connection, method, version);
    const bool known = own->server->handler.begin(own->server->handler.user, request) == BN_HTTP_REPLY;
    if (request->bad_framing) { /* where its body ends is not known */
        own->phase = BN_PHASE_READY;
        request->reply.close = true;
        return bn_request_send(request);
    }
    if (known) return reply_early(request);
    if (own->server->stopping) return refuse_stopping(request);
    own->phase = BN_PHASE_BODY;
    bn_buffer_init(&request->body, (size_t)BN_MIN(request->body_max_bytes, (uint64_t)SIZE_MAX / 2));
    if (request->sink == BN_SINK_FILE) request->body_fd = bn_file_open_nameless(request->sink_folder);
    expect_body(own, request->sink == BN_SINK_NONE);
    return MHD_YES;
}

static enum MHD_Result discard(bn_http_request *request, size_t *count)
{
    request->private->peer->body_bytes += *count;
    request->body_bytes += *count;
    *count = 0;
    return request->body_bytes > DISCARD_MAX_BYTES ? MHD_NO : MHD_YES;
}

static enum MHD_Result answer(void *user, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *bytes, size_t *count,
                              void **state)
{
    (void)user;
    (void)url;
    bn_http_request *request = *state;
    if (!request) return MHD_NO;
    struct bn_http_private *own = request->private;
    pthread_mutex_lock(&own->lock);
    const bn_phase phase = own->phase;
    const bool ready = !own->reply_sent && (phase == BN_PHASE_READY || own->streaming);
    pthread_mutex_unlock(&own->lock);
    if (phase == BN_PHASE_NEW) return begin(request, connection, method, version);
    if (own->discarding && *count > 0) return discard(request, count);
    if (phase == BN_PHASE_BODY && *count > 0) {
        take_body(request, bytes, *count);
        *count = 0;
        return MHD_YES;
    }
    if (phase == BN_PHASE_BODY) {
        own->peer->in_body = false;
        own->peer->lingers_ms = 0;
        return bn_request_suspend(request) ? MHD_YES : refuse_stopping(request);
    }
    own->peer->in_body = false;
    return ready ? bn_request_send(request) : MHD_YES;
}

static void completed(void *user, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    (void)user;
    (void)connection;
    if (!*state) return;
    bn_request_closed(*state, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    *state = NULL;
}

/* So many that one more costs another its place: whoever only holds connections keeps nobody out. */
static bool is_full(const bn_http_server *server)
{
    return server->connection_count > server->options.max_connections * 5 / 8;
}

/* Since when the server has waited for its client; 0 = its client waits for the server. */
static double waits_since(const bn_connection *connection)
{
    return connection->in_request ? connection->lingers_ms : connection->since_ms;
}

/* The one that has sent no request for the longest time; but where even that one has only just come, the one of all that
 * the server has waited for longest, which may be a reply that nobody takes. */
static bn_connection *choose_to_cut(const bn_http_server *server, const bn_connection *newest)
{
    bn_connection *idle = NULL, *any = NULL;
    for (bn_connection *c = server->connections; c; c = c->next) {
        if (c == newest || c->cut || waits_since(c) == 0) continue;
        if (!any || waits_since(c) < waits_since(any)) any = c;
        if (!c->in_request && (!idle || c->since_ms < idle->since_ms)) idle = c;
    }
    return idle && bn_clock_ms() - idle->since_ms > JUST_COME_MS ? idle : any;
}

/* The lock is held. The event loop sees the end and closes it. */
static void make_room(bn_http_server *server, const bn_connection *newest)
{
    bn_connection *chosen = choose_to_cut(server, newest);
    if (!chosen) return;
    chosen->cut = true;
    shutdown(chosen->fd, SHUT_RDWR);
}

static void connection_changed(void *user, struct MHD_Connection *connection, void **context,
                               enum MHD_ConnectionNotificationCode code)
{
    bn_http_server *server = user;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        bn_connection *record = calloc(1, sizeof *record);
        if (!record || !info) {
            free(record);
            return; /* requests on it are refused: bn_request_create misses the record */
        }
        record->fd = info->connect_fd;
        record->since_ms = bn_clock_ms();
        pthread_mutex_lock(&server->lock);
        record->next = server->connections;
        if (record->next) record->next->previous = record;
        server->connections = record;
        server->connection_count++;
        if (is_full(server)) make_room(server, record);
        pthread_mutex_unlock(&server->lock);
        *context = record;
        return;
    }
    bn_connection *record = *context;
    if (!record) return;
    pthread_mutex_lock(&server->lock);
    if (record->previous)
        record->previous->next = record->next;
    else
        server->connections = record->next;
    if (record->next) record->next->previous = record->previous;
    server->connection_count--;
    pthread_mutex_unlock(&server->lock);
    *context = NULL;
    free(record);
}

/* ---- opening and closing */

/* 0 = as many as there are. Some must lie between it and is_full: libmicrohttpd accepts ten before it closes what was cut,
 * and whoever is beyond this limit is not kept waiting, but turned away. */
static unsigned limit_of_an_address(int max_connections)
{
    return max_connections >= 256 ? (unsigned)max_connections * 3 / 4 : 0;
}

static bn_status start_daemon(bn_http_server *server, bn_error *err)
{
    const bn_http_options *options = &server->options;
    int fd = -1;
    BN_TRY(bn_listen(options->host, options->port, &fd, &server->port, err));
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)options->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)options->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (server->tls) flags |= MHD_USE_TLS;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, answer, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED,
        completed, server, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server,
        MHD_OPTION_URI_LOG_CALLBACK, note_target, server, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)options->max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        limit_of_an_address(options->max_connections), MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)(options->idle_timeout_ms / 1000), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        CONNECTION_MEMORY_BYTES, STRICTNESS, MHD_OPTION_ARRAY, server->tls ? tls : none, MHD_OPTION_END);
    if (server->daemon) return BIREFNET_OK;
    close(fd);
    return bn_fail(err, server->tls ? BIREFNET_ERROR_FORMAT : BIREFNET_ERROR_INTERNAL,
                   server->tls ? "cannot start TLS: the certificate or key is not usable"
                               : "cannot start the HTTP server");
}

bn_status bn_http_server_open(const bn_http_options *options, const bn_http_handler *handler,
                              bn_http_server **opened, bn_error *err)
{
    bn_http_server *server = calloc(1, sizeof *server);
    if (!server) return bn_fail_memory(err, sizeof *server, "the HTTP server");
    server->options = *options;
    server->handler = *handler;
    server->tls = options->certificate != NULL;
    pthread_mutex_init(&server->lock, NULL);
    bn_status status = bn_pool_start(&server->pool, options->threads, err);
    if (status == BIREFNET_OK) status = bn_monitor_start(server, err);
    if (status == BIREFNET_OK) status = start_daemon(server, err);
    if (status != BIREFNET_OK) bn_http_server_close(&server);
    *opened = server;
    return status;
}

uint16_t bn_http_server_port(const bn_http_server *server)
{
    return server->port;
}

void bn_http_server_quiesce(bn_http_server *server)
{
    const int fd = MHD_quiesce_daemon(server->daemon);
    if (fd >= 0) close(fd);
}

/* Wake whoever waits; the number of requests that are not answered yet. *unsent: of those that are, whose reply is on its
 * way. Bodies that are still coming count as neither. */
static size_t wake_all(bn_http_server *server, size_t *unsent)
{
    size_t busy = 0;
    *unsent = 0;
    pthread_mutex_lock(&server->lock);
    for (bn_http_request *request = server->requests; request; request = request->private->next) {
        struct bn_http_private *own = request->private;
        pthread_mutex_lock(&own->lock);
        own->gone = true;
        *unsent += own->phase == BN_PHASE_READY;
        busy += own->phase != BN_PHASE_READY && own->phase != BN_PHASE_NEW && own->phase != BN_PHASE_BODY;
        pthread_mutex_unlock(&own->lock);
        bn_http_wake(request);
    }
    pthread_mutex_unlock(&server->lock);
    return busy;
}

/* MHD must not be stopped while a connection is suspended; and replies get a moment to leave. */
static void finish_requests(bn_http_server *server)
{
    const struct timespec tick = {.tv_nsec = 5000000};
    const double give_up_ms = bn_clock_ms() + LAST_REPLIES_MS;
    /* before the first look: requests that begin later see it, the others are looked at */
    server->stopping = true;
    size_t unsent = 0;
    while (wake_all(server, &unsent) > 0 || (unsent > 0 && bn_clock_ms() < give_up_ms))
        nanosleep(&tick, NULL);
}

void bn_http_server_close(bn_http_server **closing)
{
    bn_http_server *server = *closing;
    if (!server) return;
    *closing = NULL;
    if (server->daemon) finish_requests(server);
    bn_monitor_stop(server);
    if (server->daemon) MHD_stop_daemon(server->daemon);
    if (server->pool.count) bn_pool_stop(&server->pool);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

void bn_http_server_facts(bn_http_server *server, bn_http_facts *facts)
{
    memset(facts, 0, sizeof *facts);
    pthread_mutex_lock(&server->lock);
    facts->connections = (size_t)server->connection_count;
    for (bn_http_request *r = server->requests; r; r = r->private->next) {
        facts->requests++;
        facts->parked += r->private->phase == BN_PHASE_PARKED;
    }
    pthread_mutex_unlock(&server->lock);
    facts->waiting_bytes = server->waiting_bytes;
    facts->incoming_bytes = server->incoming_bytes;
}
