/* monitor.c - a thread that looks, several times a second, at what an event loop cannot see: clients that leave while
 * their request is parked, clients that send too slowly, requests that want to be woken at a time. */
#include "http/private.h"

#include "base/clock.h"
#include "base/size.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#define TICK_MS            100
#define LEFT_AFTER_MS      1000  /* without a request; most ends are seen at once */
#define CROWDED_TIMEOUT_MS 10000 /* for a header section, where half of the connections are taken */

static bool has_left(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    return poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void look_at_request(bn_http_request *request, double now_ms)
{
    struct bn_http_private *own = request->private;
    bool wake = false;
    pthread_mutex_lock(&own->lock);
    if (own->phase == BN_PHASE_PARKED && !own->closed) {
        if (!own->gone && has_left(own->peer->fd)) own->gone = wake = true;
        if (own->wake_at_ms > 0 && now_ms >= own->wake_at_ms) wake = true;
    }
    pthread_mutex_unlock(&own->lock);
    if (wake) bn_http_wake(request);
}

/* Its end has come, and nothing before it is unread. libmicrohttpd (0.9.75) does not see an end that came with the bytes before it. */
static bool has_ended(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* A header section that never ends, or a body of a byte a second: shut down; the event loop then sees the end. Bodies are
 * looked at for one period after the other, so that a quick start does not pay for a slow rest. */
static void look_at_connection(const bn_http_options *options, bn_connection *connection, bool crowded,
                               double now_ms)
{
    const double waited_ms = now_ms - connection->since_ms;
    bool slow = false;
    if (!connection->in_request) {
        slow = waited_ms > (crowded ? BN_MIN(CROWDED_TIMEOUT_MS, options->header_timeout_ms)
                                    : options->header_timeout_ms) ||
               (waited_ms > LEFT_AFTER_MS && has_ended(connection->fd));
    } else if (connection->in_body && waited_ms > options->slow_after_ms) {
        slow = (double)connection->body_bytes * 1000 < waited_ms * options->slow_bytes_per_s;
        connection->body_bytes = 0;
        connection->since_ms = now_ms;
    }
    if (slow) shutdown(connection->fd, SHUT_RDWR);
}

static void *watch(void *argument)
{
    bn_http_server *server = argument;
    while (!server->stop) {
        const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
        nanosleep(&tick, NULL);
        const double now_ms = bn_clock_ms();
        pthread_mutex_lock(&server->lock);
        for (bn_http_request *r = server->requests; r; r = r->private->next) look_at_request(r, now_ms);
        const bool crowded = server->connection_count > server->options.max_connections / 2;
        for (bn_connection *c = server->connections; c; c = c->next)
            look_at_connection(&server->options, c, crowded, now_ms);
        pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

bn_status bn_monitor_start(bn_http_server *server, bn_error *err)
{
    if (pthread_create(&server->monitor, NULL, watch, server) != 0)
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot start a thread");
    server->monitor_runs = true;
    return BIREFNET_OK;
}

void bn_monitor_stop(bn_http_server *server)
{
    server->stop = true;
    if (server->monitor_runs) pthread_join(server->monitor, NULL);
    server->monitor_runs = false;
}
