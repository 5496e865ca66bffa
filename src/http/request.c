/* request.c - the life of one request between the event loop, the pool and whoever wakes it. */
#include "http/listen.h"
#include "http/private.h"

#include "base/clock.h"
#include "base/size.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STREAM_MAX_BYTES  ((size_t)128 * 1024) /* that nobody has read: some of the longest events */
#define SMALL_REPLY_BYTES ((size_t)16 * 1024)

static void note_peer(bn_http_request *request, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || !info->client_addr) return;
    const struct sockaddr *address = info->client_addr;
    request->loopback = bn_is_loopback(address);
    if (address->sa_family == AF_INET) {
        const struct in_addr *v4 = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
        inet_ntop(AF_INET, v4, request->peer, sizeof request->peer);
    } else if (address->sa_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        inet_ntop(AF_INET6, v6, request->peer, sizeof request->peer);
    }
}

bn_http_request *bn_request_create(bn_http_server *server, struct MHD_Connection *connection,
                                   const char *line)
{
    bn_http_request *request = calloc(1, sizeof *request);
    struct bn_http_private *own = calloc(1, sizeof *own);
    char *copy = strdup(line);
    const union MHD_ConnectionInfo *context =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (!request || !own || !copy || !context || !context->socket_context) {
        free(request);
        free(own);
        free(copy);
        return NULL;
    }
    request->private = own;
    request->target = copy;
    request->tls = server->tls;
    request->started_ms = bn_clock_ms();
    request->content_length = UINT64_MAX;
    request->body_fd = request->reply.fd = -1;
    own->server = server;
    own->connection = connection;
    own->line = line;
    own->peer = context->socket_context;
    own->holds = 1;
    pthread_mutex_init(&own->lock, NULL);
    bn_buffer_init(&own->stream, STREAM_MAX_BYTES);
    note_peer(request, connection);
    pthread_mutex_lock(&server->lock);
    own->next = server->requests;
    if (own->next) own->next->private->previous = request;
    server->requests = request;
    pthread_mutex_unlock(&server->lock);
    return request;
}

static void clear_reply(bn_http_reply *reply)
{
    for (size_t i = 0; i < reply->field_count; i++) {
        free(reply->fields[i].name);
        free(reply->fields[i].value);
    }
    bn_buffer_free(&reply->body);
    if (reply->fd >= 0) close(reply->fd);
    if (reply->source.close) reply->source.close(reply->source.user);
    memset(reply, 0, sizeof *reply);
    reply->fd = -1;
}

void bn_http_request_hold(bn_http_request *request)
{
    atomic_fetch_add(&request->private->holds, 1);
}

void bn_http_body_release(bn_http_request *request)
{
    struct bn_http_private *own = request->private;
    bn_buffer_free(&request->body);
    atomic_fetch_sub(&own->server->waiting_bytes, own->counted_bytes);
    atomic_fetch_sub(&own->server->incoming_bytes, own->counted_file_bytes);
    own->counted_bytes = 0;
    own->counted_file_bytes = 0;
}

void bn_http_request_drop(bn_http_request *request)
{
    struct bn_http_private *own = request->private;
    if (atomic_fetch_sub(&own->holds, 1) != 1) return;
    clear_reply(&request->reply);
    bn_http_body_release(request);
    if (request->body_fd >= 0) close(request->body_fd);
    bn_buffer_free(&own->stream);
    free(own->piece);
    pthread_mutex_destroy(&own->lock);
    free(request->target);
    free(own);
    free(request);
}

/* ---- reply */

void bn_http_reply_field(bn_http_request *request, const char *name, const char *format, ...)
{
    bn_http_reply *reply = &request->reply;
    if (reply->field_count == BN_HTTP_FIELDS) return;
    bn_http_field *field = &reply->fields[reply->field_count];
    va_list arguments;
    va_start(arguments, format);
    const int length = vasprintf(&field->value, format, arguments);
    va_end(arguments);
    if (length < 0) return;
    field->name = strdup(name);
    if (!field->name) {
        free(field->value);
        return;
    }
    reply->field_count++;
}

/* MHD asks for the next bytes of a stream, on the event loop. */
static ssize_t read_stream(void *user, uint64_t position, char *out, size_t max)
{
    bn_http_request *request = user;
    struct bn_http_private *own = request->private;
    (void)position;
    pthread_mutex_lock(&own->lock);
    const size_t left = own->stream.size - own->stream_read;
    ssize_t got = 0;
    if (left > 0) {
        got = (ssize_t)BN_MIN(left, max);
        memcpy(out, own->stream.data + own->stream_read, (size_t)got);
        own->stream_read += (size_t)got;
        if (own->stream_read == own->stream.size) own->stream.size = own->stream_read = 0;
    } else if (own->stream_end) {
        got = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (own->gone) {
        got = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (own->connection) {
        own->suspended = true;
        MHD_suspend_connection(own->connection);
    }
    pthread_mutex_unlock(&own->lock);
    return got;
}

static void drop_stream(void *user)
{
    bn_http_request_drop(user);
}

static struct MHD_Response *make_response(bn_http_request *request)
{
    bn_http_reply *reply = &request->reply;
    if (reply->stream) {
        struct MHD_Response *response =
            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_stream, request, drop_stream);
        if (response) bn_http_request_hold(request);
        return response;
    }
    if (reply->source.read) {
        struct MHD_Response *response = bn_source_response(request);
        if (response) bn_http_request_hold(request);
        return response;
    }
    if (reply->fd >= 0) {
        struct MHD_Response *response =
            MHD_create_response_from_fd_at_offset64(reply->size, reply->fd, reply->offset);
        if (response) reply->fd = -1;
        return response;
    }
    if (reply->body.size == 0)
        return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(reply->body.size, reply->body.data, MHD_RESPMEM_MUST_FREE);
    if (response) {
        reply->body.data = NULL;
        reply->body.size = reply->body.capacity = 0;
    }
    return response;
}

/* Replies that clients take their time to read lie in memory, too. */
static void count_reply(bn_http_request *request)
{
    static const char sorry[] = "{\"detail\":\"Too many large replies at once\"}";
    struct bn_http_private *own = request->private;
    bn_http_server *server = own->server;
    bn_buffer *body = &request->reply.body;
    const size_t bytes = body->size;
    if (atomic_fetch_add(&server->reply_bytes, bytes) + bytes <= server->options.max_waiting_bytes ||
        bytes <= SMALL_REPLY_BYTES) {
        own->counted_reply_bytes = bytes;
        return;
    }
    atomic_fetch_sub(&server->reply_bytes, bytes);
    bn_buffer_free(body);
    bn_buffer_init(body, sizeof sorry);
    bn_buffer_append(body, sorry, sizeof sorry - 1, NULL);
    request->reply.status = MHD_HTTP_SERVICE_UNAVAILABLE;
}

enum MHD_Result bn_request_send(bn_http_request *request)
{
    struct bn_http_private *own = request->private;
    bn_http_reply *reply = &request->reply;
    count_reply(request);
    struct MHD_Response *response = make_response(request);
    if (!response) return MHD_NO; /* MHD closes the connection */
    for (size_t i = 0; i < reply->field_count; i++)
        MHD_add_response_header(response, reply->fields[i].name, reply->fields[i].value);
    if (reply->close) MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    const enum MHD_Result result =
        MHD_queue_response(own->connection, (unsigned)(reply->status ? reply->status : 500), response);
    MHD_destroy_response(response);
    own->reply_sent = true;
    if (!reply->stream && own->peer->lingers_ms == 0) own->peer->lingers_ms = bn_clock_ms();
    return result;
}

void bn_http_stream_write(bn_http_request *request, const void *bytes, size_t count)
{
    struct bn_http_private *own = request->private;
    pthread_mutex_lock(&own->lock);
    /* a client that reads too slowly for the buffer is given up */
    if (bn_buffer_append(&own->stream, bytes, count, NULL) != BIREFNET_OK) own->gone = true;
    pthread_mutex_unlock(&own->lock);
}

/* ---- life */

const char *bn_http_header(const bn_http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->private->connection, MHD_HEADER_KIND, name);
}

bool bn_http_gone(const bn_http_request *request)
{
    struct bn_http_private *own = request->private;
    pthread_mutex_lock(&own->lock);
    const bool gone = own->gone || own->closed;
    pthread_mutex_unlock(&own->lock);
    return gone;
}

void bn_request_queue(bn_http_request *request)
{
    request->private->phase = BN_PHASE_QUEUED;
    bn_http_request_hold(request);
    bn_pool_put(&request->private->server->pool, request);
}

static void resume(struct bn_http_private *own)
{
    if (!own->suspended || !own->connection) return;
    own->suspended = false;
    MHD_resume_connection(own->connection);
}

void bn_http_wake(bn_http_request *request)
{
    struct bn_http_private *own = request->private;
    pthread_mutex_lock(&own->lock);
    if (own->phase == BN_PHASE_PARKED)
        bn_request_queue(request);
    else if (own->phase == BN_PHASE_RUNNING || own->phase == BN_PHASE_QUEUED)
        own->wake_pending = true;
    pthread_mutex_unlock(&own->lock);
}

void bn_http_wake_after(bn_http_request *request, int delay_ms)
{
    struct bn_http_private *own = request->private;
    pthread_mutex_lock(&own->lock);
    own->wake_at_ms = bn_clock_ms() + delay_ms;
    pthread_mutex_unlock(&own->lock);
}

bool bn_request_suspend(bn_http_request *request)
{
    struct bn_http_private *own = request->private;
    pthread_mutex_lock(&own->lock);
    const bool gone = own->gone;
    if (!gone) {
        own->suspended = true;
        MHD_suspend_connection(own->connection);
        bn_request_queue(request);
    }
    pthread_mutex_unlock(&own->lock);
    return !gone;
}

void bn_request_end(bn_http_request *request)
{
    struct bn_http_private *own = request->private;
    own->server->handler.end(own->server->handler.user, request, own->complete);
    bn_http_request_drop(request);
}

void bn_request_after(bn_http_request *request, bn_http_next next)
{
    struct bn_http_private *own = request->private;
    pthread_mutex_lock(&own->lock);
    bool ended = false;
    if (own->closed) {
        own->phase = BN_PHASE_READY;
        ended = own->end_pending;
        own->end_pending = false;
    } else if (next == BN_HTTP_REPLY && !request->reply.stream) {
        own->phase = BN_PHASE_READY;
        resume(own);
    } else if (next == BN_HTTP_END) {
        own->phase = BN_PHASE_READY;
        own->stream_end = true;
        resume(own);
    } else {
        if (next != BN_HTTP_PARK) {
            own->streaming = true;
            resume(own);
        }
        if (own->wake_pending)
            bn_request_queue(request);
        else
            own->phase = BN_PHASE_PARKED;
    }
    pthread_mutex_unlock(&own->lock);
    if (ended) bn_request_end(request);
}

void bn_request_closed(bn_http_request *request, bool complete)
{
    struct bn_http_private *own = request->private;
    bn_http_server *server = own->server;
    pthread_mutex_lock(&server->lock);
    if (own->previous)
        own->previous->private->next = own->next;
    else
        server->requests = own->next;
    if (own->next) own->next->private->previous = own->previous;
    pthread_mutex_unlock(&server->lock);
    own->peer->in_body = false;
    own->peer->since_ms = bn_clock_ms();
    own->peer->in_request = false;
    own->peer->lingers_ms = 0;
    pthread_mutex_lock(&own->lock);
    own->closed = true;
    own->complete = complete;
    own->connection = NULL;
    const bool busy = own->phase == BN_PHASE_QUEUED || own->phase == BN_PHASE_RUNNING;
    own->end_pending = busy;
    atomic_fetch_sub(&server->reply_bytes, own->counted_reply_bytes);
    if (!busy) own->phase = BN_PHASE_READY;
    own->ending = !busy;
    pthread_mutex_unlock(&own->lock);
    if (!busy) bn_pool_put(&server->pool, request); /* `end` may write to the disk: not on the event loop */
}
