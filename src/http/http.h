/* http.h - one HTTP server: connections in, requests to a handler, replies out. The only file of this room that another
 * HTTP library would have to answer to; server.c is libmicrohttpd's.
 *
 * Two kinds of threads call the handler. `begin` runs on the event loop as soon as the header section is there: it may
 * look at the request, set where the body goes, or answer at once; it never computes and never asks the database (keys are
 * read again where their file has changed). `handle` runs on
 * one of a few pool threads when the body is complete, and once more after each bn_http_wake. */
#ifndef BN_HTTP_HTTP_H
#define BN_HTTP_HTTP_H

#include "base/buffer.h"

#include <stdbool.h>

typedef struct bn_http_server bn_http_server;

typedef enum bn_method {
    BN_METHOD_GET = 0,
    BN_METHOD_HEAD,
    BN_METHOD_POST,
    BN_METHOD_PUT,
    BN_METHOD_OPTIONS,
    BN_METHOD_OTHER,
} bn_method;

typedef struct bn_http_field {
    char *name, *value; /* owned */
} bn_http_field;

#define BN_HTTP_FIELDS 24

/* Bytes that a reply takes from elsewhere, in order. Both on a thread of the pool, where they may wait; close also where
 * nothing was read. */
typedef struct bn_http_source {
    /* *got 0: there are no more, which is a failure before reply.size. NULL: no source. */
    bn_status (*read)(void *user, uint64_t offset, void *bytes, size_t count, size_t *got, bn_error *err);
    void (*close)(void *user);
    void *user;
} bn_http_source;

typedef struct bn_http_reply {
    int status;
    size_t field_count;
    bn_http_field fields[BN_HTTP_FIELDS];
    bn_buffer body;
    int fd;                /* a file instead of body; -1 = none; closed with the reply */
    bn_http_source source; /* instead of body, too */
    uint64_t offset, size; /* of fd or source */
    bool stream;           /* body comes in pieces, by bn_http_stream_write */
    bool close;            /* the connection ends with this reply */
} bn_http_reply;

/* Where the body goes. */
typedef enum bn_http_sink {
    BN_SINK_MEMORY = 0, /* request->body */
    BN_SINK_FILE,       /* request->body_fd, a file without a name */
    BN_SINK_NONE,       /* nowhere: it is read and thrown away */
} bn_http_sink;

/* One request. The handler's threads see it one at a time. */
typedef struct bn_http_request {
    bn_method method;
    bool tls;
    bool loopback;     /* the peer is on this machine */
    bool bad_framing;  /* two readers could read it differently: to be refused, and the connection closes */
    char peer[64];     /* address, for the log */
    char id[40];       /* the handler's name for it */
    char *target;      /* as it came, owned */
    double started_ms; /* bn_clock_ms */
    uint64_t content_length; /* UINT64_MAX: chunked, or none was given */
    bn_http_sink sink;       /* set by begin */
    uint64_t body_max_bytes; /* set by begin */
    char sink_folder[1024];  /* set by begin for BN_SINK_FILE */
    bn_buffer body;
    int body_fd; /* -1 = none */
    uint64_t body_bytes;
    bool too_long;    /* the body went beyond body_max_bytes and was not kept */
    bool sink_failed; /* the body could not be kept: a full disk */
    bn_http_reply reply;
    void *state; /* the handler's, freed by its `end` */
    struct bn_http_private *private;
} bn_http_request;

typedef enum bn_http_next {
    BN_HTTP_REPLY = 0, /* send request->reply; with reply.stream `handle` is called again after each wake */
    BN_HTTP_PARK,      /* keep the client waiting until bn_http_wake */
    BN_HTTP_BODY,      /* from begin only: read the body, then call handle */
    BN_HTTP_MORE,      /* of a stream: written what there is; call again after the next wake */
    BN_HTTP_END,       /* of a stream: that was the last of it */
} bn_http_next;

typedef struct bn_http_handler {
    void *user;
    bn_http_next (*begin)(void *user, bn_http_request *request);
    bn_http_next (*handle)(void *user, bn_http_request *request);
    /* The server stops and cannot let this client wait: what it reads instead, into request->reply, which is a 503. On the
     * event loop; NULL: an empty one. */
    void (*refuse)(void *user, bn_http_request *request);
    /* The reply is out, or the client has gone: bytes sent is what the log wants. Free request->state here; no wake may
     * come after. On any thread. */
    void (*end)(void *user, bn_http_request *request, bool complete);
} bn_http_handler;

typedef struct bn_http_options {
    const char *host;              /* address or name to listen at */
    uint16_t port;                 /* 0 = any that is free */
    const char *certificate, *key; /* PEM texts: TLS */
    int threads;                   /* of the pool */
    int max_connections;
    int idle_timeout_ms;   /* a connection without a request */
    int header_timeout_ms; /* for a whole header section */
    int slow_after_ms;     /* a body slower than slow_bytes_per_s for this long is given up */
    int slow_bytes_per_s;
    size_t max_waiting_bytes;    /* of all bodies in memory together; as much again for replies */
    uint64_t max_incoming_bytes; /* of all bodies in files together, until they are dealt with */
} bn_http_options;

void bn_http_options_default(bn_http_options *options);

bn_status bn_http_server_open(const bn_http_options *options, const bn_http_handler *handler,
                              bn_http_server **server, bn_error *err);
uint16_t bn_http_server_port(const bn_http_server *server);
/* No new connections; those that are there are answered. */
void bn_http_server_quiesce(bn_http_server *server);
/* Wake every request, with bn_http_gone true for all of them, and end. */
void bn_http_server_close(bn_http_server **server);

typedef struct bn_http_facts {
    size_t connections, requests, parked, waiting_bytes;
    uint64_t incoming_bytes;
} bn_http_facts;
void bn_http_server_facts(bn_http_server *server, bn_http_facts *facts);

/* ---- the request */
const char *bn_http_header(const bn_http_request *request, const char *name); /* NULL if it was not sent */
bool bn_http_gone(const bn_http_request *request); /* the client has left, or the server closes */
void bn_http_wake(bn_http_request *request);       /* from any thread, as often as one likes */
void bn_http_wake_after(bn_http_request *request,
                        int delay_ms); /* only the latest call counts; from handle */
/* Keep the request's memory for a caller of bn_http_wake on another thread. */
void bn_http_request_hold(bn_http_request *request);
void bn_http_request_drop(bn_http_request *request);

/* Let go of a body in memory that has been dealt with: it no longer counts as waiting. From handle. */
void bn_http_body_release(bn_http_request *request);

/* ---- the reply. Memory that runs out here turns the reply into a plain 500. */
void bn_http_reply_field(bn_http_request *request, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void bn_http_stream_write(bn_http_request *request, const void *bytes, size_t count);

#endif
