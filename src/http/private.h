/* private.h - what request.c, pool.c and server.c share; nobody else includes it.
 *
 * Order of locks: server->lock, then request's, then pool's. */
#ifndef BN_HTTP_PRIVATE_H
#define BN_HTTP_PRIVATE_H

#include "http/http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

typedef enum bn_phase {
    BN_PHASE_NEW = 0, /* begin was not called */
    BN_PHASE_BODY,
    BN_PHASE_QUEUED, /* for a pool thread */
    BN_PHASE_RUNNING,
    BN_PHASE_PARKED, /* until a wake */
    BN_PHASE_READY,  /* the reply is complete and on its way */
} bn_phase;

/* One connection, for as long as it is open. */
typedef struct bn_connection {
    struct bn_connection *next, *previous;
    int fd;
    bool cut; /* to make room for others; server->lock */
    _Atomic(bool) in_request, in_body;
    _Atomic(double) since_ms; /* start of the wait for a request; in a body, of the time that is looked at */
    _Atomic(uint64_t) body_bytes; /* since then */
    double lingers_ms;            /* since when only its client keeps it, see make_room; 0 = it does not */
} bn_connection;

struct bn_http_private {
    bn_http_server *server;
    struct MHD_Connection *connection; /* NULL once closed */
    bn_connection *peer;
    const char *line; /* where the target lay in MHD's buffer, to be compared and not to be read */
    bn_http_request *next, *previous; /* in the server's list */
    bn_http_request *next_queued;
    pthread_mutex_t lock;
    _Atomic(int) holds;
    _Atomic(bn_phase) phase; /* changed with the lock held once the pool knows of the request */
    bool suspended;          /* MHD waits for us */
    bool wake_pending;       /* a wake came while the handler ran */
    bool gone, closed, end_pending, complete;
    double wake_at_ms; /* 0 = no */
    bool reply_sent;   /* given to MHD */
    bool streaming;    /* the handler goes on writing */
    bool stream_end;
    uint8_t *piece; /* of reply.source, read and not sent yet; allocated with the first */
    size_t piece_bytes, piece_read;
    uint64_t source_read; /* bytes of the source that have been read */
    bool sourcing, source_failed;
    bn_buffer stream;
    size_t stream_read;   /* bytes of stream that MHD has */
    size_t counted_bytes; /* in server->waiting_bytes */
    size_t counted_reply_bytes;
    uint64_t counted_file_bytes;
    bool discarding; /* the reply is ready, but the client is still sending and would not read it */
    bool ending;     /* closed; the handler's `end` is for the pool */
};

typedef struct bn_pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    bn_http_request *first, *last;
    bool stop;
    int count;
    pthread_t threads[64];
} bn_pool;

struct bn_http_server {
    struct MHD_Daemon *daemon;
    bn_http_handler handler;
    bn_http_options options;
    uint16_t port;
    bool tls;
    pthread_mutex_t lock;
    bn_http_request *requests;
    bn_connection *connections;
    int connection_count;
    bn_pool pool;
    pthread_t monitor;
    bool monitor_runs;
    _Atomic(bool) stop;     /* of the monitor */
    _Atomic(bool) stopping; /* nothing may be suspended any more */
    _Atomic(size_t) waiting_bytes, reply_bytes;
    _Atomic(uint64_t) incoming_bytes;
};

/* framing.c: false where the request is to be refused; else content_length is set */
bool bn_framing_read(bn_http_request *request, struct MHD_Connection *connection, const char *method,
                     const char *version);

/* request.c */
bn_http_request *bn_request_create(bn_http_server *server, struct MHD_Connection *connection,
                                   const char *line);
enum MHD_Result bn_request_send(bn_http_request *request);          /* give request->reply to MHD */
void bn_request_after(bn_http_request *request, bn_http_next next); /* what handle returned */
void bn_request_closed(bn_http_request *request, bool complete);
/* And queue it for the pool. False while the server stops: nothing was done. */
bool bn_request_suspend(bn_http_request *request);
void bn_request_queue(bn_http_request *request); /* for the pool; the request's lock is held */
/* source.c: a reply of request->reply.source; and its next piece, by the pool. */
struct MHD_Response *bn_source_response(bn_http_request *request);
void bn_source_fill(bn_http_request *request);
/* Called by the pool for what bn_request_closed left to it. */
void bn_request_end(bn_http_request *request);

/* pool.c */
bn_status bn_pool_start(bn_pool *pool, int threads, bn_error *err);
void bn_pool_stop(bn_pool *pool);
void bn_pool_put(bn_pool *pool, bn_http_request *request);

/* monitor.c: clients that left or are too slow, waking by time */
bn_status bn_monitor_start(bn_http_server *server, bn_error *err);
void bn_monitor_stop(bn_http_server *server);

#endif
