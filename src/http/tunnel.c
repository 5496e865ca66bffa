/* tunnel.c - one thread, one epoll: reads the heads of CONNECT requests, then carries bytes both ways. */
#include "http/tunnel.h"

#include "base/clock.h"
#include "base/size.h"
#include "http/connect.h"
#include "http/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIPE_BYTES      ((size_t)16 * 1024)
#define HEAD_TIMEOUT_MS 10000
#define IDLE_TIMEOUT_MS 600000 /* a synchronous run may be silent for minutes */
#define ROUNDS          16     /* of reading and writing before others have their turn */
#define EVENTS          64

_Static_assert(BN_CONNECT_HEAD_MAX_BYTES < PIPE_BYTES, "a head fits");

/* Bytes from one socket to the other. */
typedef struct pipe_state {
    uint8_t bytes[PIPE_BYTES];
    size_t start, end; /* what is waiting to be written */
    bool ended;        /* nothing more will be read */
    bool shut;         /* and the other side was told */
} pipe_state;

typedef enum passage_phase {
    READING_HEAD = 0,
    CARRYING,
    REFUSED, /* the answer is out; read on until the client closes, so that it is not lost */
} passage_phase;

typedef struct passage {
    struct passage *next, *previous;
    passage_phase phase;
    int client, server; /* server -1 before it is connected */
    bool again;         /* stopped after ROUNDS, not because there was nothing to do */
    bool broken;
    double since_ms; /* the last byte */
    pipe_state up, down;
} passage;

struct bn_tunnel {
    int listener, epoll, wake;
    uint16_t port;
    struct sockaddr_storage target;
    socklen_t target_bytes;
    passage *passages;
    size_t count, max_passages;
    bn_host_check is_known;
    pthread_t thread;
    bool runs;
    _Atomic(bool) stop;
};

/* ---- one connection */

static bool watch(const bn_tunnel *tunnel, int fd, void *of)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = of};
    return epoll_ctl(tunnel->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* One read and one write. True where something moved. */
static bool move(passage *own, pipe_state *pipe, int from, int to)
{
    bool moved = false;
    if (pipe->start == pipe->end && !pipe->ended) {
        const ssize_t count = recv(from, pipe->bytes, sizeof pipe->bytes, 0);
        pipe->start = 0;
        pipe->end = count > 0 ? (size_t)count : 0;
        pipe->ended = count == 0;
        moved = count >= 0;
        if (count < 0 && errno != EAGAIN && errno != EINTR) own->broken = true;
    }
    if (pipe->start < pipe->end) {
        const ssize_t count = send(to, pipe->bytes + pipe->start, pipe->end - pipe->start, MSG_NOSIGNAL);
        if (count > 0) pipe->start += (size_t)count;
        moved = moved || count > 0;
        if (count < 0 && errno != EAGAIN && errno != EINTR && errno != ENOTCONN) own->broken = true;
    }
    if (pipe->ended && !pipe->shut && pipe->start == pipe->end) {
        pipe->shut = true;
        shutdown(to, SHUT_WR);
    }
    return moved;
}

static void carry(passage *own)
{
    int round = 0;
    bool moved = true;
    for (; moved && !own->broken && round < ROUNDS; round++) {
        const bool up = move(own, &own->up, own->client, own->server);
        moved = move(own, &own->down, own->server, own->client) || up;
        if (moved) own->since_ms = bn_clock_ms();
    }
    own->again = moved;
    if (own->up.shut && own->down.shut) own->broken = true;
}

static void refuse(passage *own, const char *status, const char *why)
{
    char text[400];
    const int length = snprintf(text, sizeof text,
                                "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                                "Connection: close\r\n\r\n{\"detail\":\"%s\"}",
                                status, strlen(why) + 13, why);
    /* a few hundred bytes into an empty socket: whole or not at all */
    if (send(own->client, text, (size_t)length, MSG_NOSIGNAL) != length) own->broken = true;
    shutdown(own->client, SHUT_WR);
    own->phase = REFUSED;
    own->up.start = own->up.end = 0;
}

static void lead(const bn_tunnel *tunnel, passage *own, size_t head_bytes)
{
    static const char reply[] = "HTTP/1.1 200 Connection Established\r\n\r\n";
    own->server = socket(tunnel->target.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (own->server < 0 ||
        (connect(own->server, (const struct sockaddr *)&tunnel->target, tunnel->target_bytes) != 0 &&
         errno != EINPROGRESS) ||
        !watch(tunnel, own->server, own)) {
        refuse(own, "502 Bad Gateway", "The server's TLS port does not answer");
        return;
    }
    own->up.start = head_bytes; /* what came behind the head belongs to the server */
    memcpy(own->down.bytes, reply, sizeof reply - 1);
    own->down.end = sizeof reply - 1;
    own->phase = CARRYING;
    carry(own);
}

/* What answers a head that is not followed. */
static const struct {
    const char *status, *why;
} refusals[] = {
    [BN_CONNECT_FOREIGN] = {"403 Forbidden", "This proxy leads to the service's own hosts, port 443, only"},
    [BN_CONNECT_METHOD] = {"405 Method Not Allowed", "This proxy answers CONNECT only"},
    [BN_CONNECT_LONG] = {"431 Request Header Fields Too Large", "The request is too long"},
    [BN_CONNECT_BAD] = {"400 Bad Request", "Bad Request"},
};

static void read_head(const bn_tunnel *tunnel, passage *own)
{
    pipe_state *up = &own->up;
    size_t head_bytes;
    bn_connect_result result = BN_CONNECT_MORE;
    while (result == BN_CONNECT_MORE) {
        const ssize_t count = recv(own->client, up->bytes + up->end, sizeof up->bytes - up->end, 0);
        if (count <= 0) {
            own->broken = count == 0 || (errno != EAGAIN && errno != EINTR);
            return;
        }
        up->end += (size_t)count;
        result = bn_connect_parse((const char *)up->bytes, up->end, tunnel->is_known, &head_bytes);
    }
    if (result == BN_CONNECT_OK)
        lead(tunnel, own, head_bytes);
    else
        refuse(own, refusals[result].status, refusals[result].why);
}

static void drain(passage *own)
{
    ssize_t count = 1;
    for (int round = 0; count > 0 && round < ROUNDS; round++)
        count = recv(own->client, own->up.bytes, sizeof own->up.bytes, 0);
    own->again = count > 0;
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) own->broken = true;
}

static void advance(const bn_tunnel *tunnel, passage *own)
{
    if (own->phase == READING_HEAD)
        read_head(tunnel, own);
    else if (own->phase == CARRYING)
        carry(own);
    else
        drain(own);
}

/* ---- all of them */

static void accept_all(bn_tunnel *tunnel)
{
    for (;;) {
        const int fd = accept4(tunnel->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return; /* none, or no descriptor: tried again with the next event or second */
        passage *own = tunnel->count < tunnel->max_passages ? calloc(1, sizeof *own) : NULL;
        if (!own || !watch(tunnel, fd, own)) {
            free(own);
            close(fd);
            continue;
        }
        own->client = fd;
        own->server = -1;
        own->since_ms = bn_clock_ms();
        own->next = tunnel->passages;
        if (own->next) own->next->previous = own;
        tunnel->passages = own;
        tunnel->count++;
    }
}

static void end_passage(bn_tunnel *tunnel, passage *own)
{
    close(own->client);
    if (own->server >= 0) close(own->server);
    if (own->previous)
        own->previous->next = own->next;
    else
        tunnel->passages = own->next;
    if (own->next) own->next->previous = own->previous;
    tunnel->count--;
    free(own);
}

/* Go on with those that had to stop, end those that are done. True where some want to go on at once. */
static bool look_after(bn_tunnel *tunnel)
{
    const double now_ms = bn_clock_ms();
    bool more = false;
    for (passage *own = tunnel->passages, *next; own; own = next) {
        next = own->next;
        if (own->again) {
            own->again = false;
            advance(tunnel, own);
        }
        const double limit_ms = own->phase == CARRYING ? IDLE_TIMEOUT_MS : HEAD_TIMEOUT_MS;
        if (own->broken || now_ms - own->since_ms > limit_ms)
            end_passage(tunnel, own);
        else
            more = more || own->again;
    }
    return more;
}

static void *run(void *user)
{
    bn_tunnel *tunnel = user;
    struct epoll_event events[EVENTS];
    bool more = false;
    while (!atomic_load(&tunnel->stop)) {
        const int count = epoll_wait(tunnel->epoll, events, EVENTS, more ? 0 : 1000);
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr) advance(tunnel, events[i].data.ptr);
        accept_all(tunnel);
        more = look_after(tunnel); /* only here passages end: an event may name one twice */
    }
    return NULL;
}

/* ---- opening and closing */

static bool find_target(bn_tunnel *tunnel, const char *host, uint16_t port)
{
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    /* what listens everywhere is reached at loopback */
    const char *at = !*host || strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1"
                     : strcmp(host, "::") == 0              ? "::1"
                                                            : host;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(at, service, &hints, &found) != 0) return false;
    memcpy(&tunnel->target, found->ai_addr, found->ai_addrlen);
    tunnel->target_bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool is_local(int fd)
{
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    return getsockname(fd, (struct sockaddr *)&bound, &length) == 0 &&
           bn_is_loopback((const struct sockaddr *)&bound);
}

static bn_status start(bn_tunnel *tunnel, bn_error *err)
{
    tunnel->epoll = epoll_create1(EPOLL_CLOEXEC);
    tunnel->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events =
                                    EPOLLIN | EPOLLET}; /* no busy loop where descriptors have run out */
    if (tunnel->epoll < 0 || tunnel->wake < 0 ||
        epoll_ctl(tunnel->epoll, EPOLL_CTL_ADD, tunnel->listener, &event) != 0 ||
        epoll_ctl(tunnel->epoll, EPOLL_CTL_ADD, tunnel->wake, &event) != 0)
        return bn_fail_errno(err, errno, "cannot start the proxy");
    if (pthread_create(&tunnel->thread, NULL, run, tunnel) != 0)
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot start a thread");
    tunnel->runs = true;
    return BIREFNET_OK;
}

bn_status bn_tunnel_open(const char *host, uint16_t port, const char *tls_host, uint16_t tls_port,
                         bn_host_check is_known, int max_passages, bn_tunnel **tunnel, bn_error *err)
{
    bn_tunnel *own = calloc(1, sizeof *own);
    if (!own) return bn_fail_memory(err, sizeof *own, "the proxy");
    own->listener = own->epoll = own->wake = -1;
    own->max_passages = (size_t)max_passages;
    own->is_known = is_known;
    bn_status status = bn_listen(host, port, &own->listener, &own->port, err);
    if (status == BIREFNET_OK && !is_local(own->listener))
        status =
            bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                    "the proxy is for this machine: it listens at a loopback address only, not %s", host);
    if (status == BIREFNET_OK && !find_target(own, tls_host, tls_port))
        status = bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%s is no address", tls_host);
    if (status == BIREFNET_OK) status = start(own, err);
    *tunnel = own;
    if (status != BIREFNET_OK) bn_tunnel_close(tunnel);
    return status;
}

uint16_t bn_tunnel_port(const bn_tunnel *tunnel)
{
    return tunnel->port;
}

void bn_tunnel_close(bn_tunnel **tunnel)
{
    bn_tunnel *own = *tunnel;
    if (!own) return;
    atomic_store(&own->stop, true);
    if (own->runs) {
        eventfd_write(own->wake, 1);
        pthread_join(own->thread, NULL);
    }
    while (own->passages) end_passage(own, own->passages);
    if (own->listener >= 0) close(own->listener);
    if (own->epoll >= 0) close(own->epoll);
    if (own->wake >= 0) close(own->wake);
    free(own);
    *tunnel = NULL;
}
