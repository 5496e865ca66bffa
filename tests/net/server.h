/* server.h - a small HTTP server on the loopback for the tests of downloading, with faults on demand. */
#ifndef BN_TESTS_NET_SERVER_H
#define BN_TESTS_NET_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fault {
    FAULT_NONE = 0,
    FAULT_DROP,          /* the line drops in the middle of what was asked for */
    FAULT_STALL,         /* the same, but the line stays open and silent */
    FAULT_BUSY,          /* 503, without a body */
    FAULT_TOO_MANY,      /* 429, with a body */
    FAULT_REFUSE,        /* 403 */
    FAULT_SHORT,         /* Content-Length is half of the truth */
    FAULT_LONG,          /* Content-Length is 100 bytes more than ever come */
    FAULT_HUGE,          /* Content-Length is 10^18 */
    FAULT_HTML,          /* a page instead of the file */
    FAULT_POINTER,       /* a git-lfs pointer instead of the file */
    FAULT_TO_FILE,       /* redirect to file:///etc/passwd */
    FAULT_IGNORE_RANGE,  /* 200 and the whole file whatever was asked for */
    FAULT_IGNORE_IF,     /* 206 although the version has changed */
    FAULT_NO_VALIDATOR,  /* neither ETag nor Last-Modified, and the line drops */
    FAULT_EMPTY,         /* 200 with no bytes at all */
    FAULT_ENDLESS_ERROR, /* 500 with a body that does not end */
} fault;

#define SERVER_LOG 32

typedef struct server {
    int listener, port;
    pthread_t thread;
    const uint8_t *body;
    size_t size;
    const char *etag; /* quoted */
    /* Each request takes the next of these; FAULT_NONE behind the last. */
    fault faults[SERVER_LOG];
    /* What was asked for, in order: readable after the client's call returned. */
    atomic_int requests;
    char paths[SERVER_LOG][256];
    size_t from[SERVER_LOG]; /* begin of the range; 0 without one */
} server;

/* Serves /model (and any other path) until server_stop; /moved redirects there. False if there is no loopback. */
bool server_start(server *server);
void server_stop(server *server);

#endif
