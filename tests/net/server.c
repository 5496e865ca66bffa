/* server.c - one thread, one connection at a time, one request a connection. */
#include "tests/net/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct request {
    char path[256];
    bool has_range, if_matches;
    size_t from;
} request;

static bool send_all(int fd, const void *bytes, size_t count)
{
    for (const char *at = bytes; count > 0;) {
        const ssize_t sent = send(fd, at, count, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        at += sent;
        count -= (size_t)sent;
    }
    return true;
}

__attribute__((format(printf, 2, 3))) static bool send_text(int fd, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return send_all(fd, text, (size_t)length);
}

static bool receive(const server *s, int fd, request *r)
{
    char text[4096];
    size_t size = 0;
    *r = (request){.path = ""};
    while (size < sizeof text - 1) {
        const ssize_t got = recv(fd, text + size, sizeof text - 1 - size, 0);
        if (got <= 0) return false;
        size += (size_t)got;
        text[size] = '\0';
        if (strstr(text, "\r\n\r\n")) break;
    }
    if (sscanf(text, "GET %255s", r->path) != 1) return false;
    const char *range = strcasestr(text, "\r\nRange: bytes="), *tag = strcasestr(text, "\r\nIf-Range: ");
    r->has_range = range != NULL;
    if (range) r->from = strtoul(range + strlen("\r\nRange: bytes="), NULL, 10);
    r->if_matches = !tag || strncmp(tag + strlen("\r\nIf-Range: "), s->etag, strlen(s->etag)) == 0;
    return true;
}

/* Headers and body as asked for, less what the fault takes away. */
static void send_file(const server *s, int fd, const request *r, fault kind)
{
    const bool partial =
        r->has_range && kind != FAULT_IGNORE_RANGE && (r->if_matches || kind == FAULT_IGNORE_IF);
    const size_t from = partial ? r->from : 0;
    if (from >= s->size) {
        send_text(fd, "HTTP/1.1 416 No\r\nContent-Range: bytes */%zu\r\nContent-Length: 0\r\n\r\n", s->size);
        return;
    }
    const size_t rest = s->size - from;
    const bool half = kind == FAULT_DROP || kind == FAULT_STALL || kind == FAULT_NO_VALIDATOR;
    send_text(fd, "HTTP/1.1 %s\r\n", partial ? "206 Part" : "200 OK");
    if (kind != FAULT_NO_VALIDATOR) send_text(fd, "ETag: %s\r\n", s->etag);
    if (partial) send_text(fd, "Content-Range: bytes %zu-%zu/%zu\r\n", from, s->size - 1, s->size);
    send_text(fd, "Content-Length: %zu\r\n\r\n",
              kind == FAULT_SHORT  ? rest / 2
              : kind == FAULT_LONG ? rest + 100
              : kind == FAULT_HUGE ? (size_t)1000000000000000000
                                   : rest);
    send_all(fd, s->body + from, half ? rest / 2 : rest);
    char nothing;
    if (kind == FAULT_STALL) (void)!recv(fd, &nothing, 1, 0); /* until the client hangs up */
}

static void answer(server *s, int fd)
{
    request r;
    if (!receive(s, fd, &r)) return;
    const int number = atomic_load(&s->requests);
    const fault kind = number < SERVER_LOG ? s->faults[number] : FAULT_NONE;
    if (number < SERVER_LOG) {
        memcpy(s->paths[number], r.path, sizeof r.path);
        s->from[number] = r.has_range ? r.from : 0;
    }
    atomic_fetch_add(&s->requests, 1);
    if (strcmp(r.path, "/moved") == 0)
        send_text(fd, "HTTP/1.1 302 Found\r\nLocation: /model\r\nContent-Length: 0\r\n\r\n");
    else if (strcmp(r.path, "/gone") == 0)
        send_text(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
    else if (kind == FAULT_BUSY)
        send_text(fd, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    else if (kind == FAULT_TOO_MANY)
        send_text(fd, "HTTP/1.1 429 Slow down\r\nContent-Length: 5\r\n\r\nlater");
    else if (kind == FAULT_REFUSE)
        send_text(fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    else if (kind == FAULT_HTML)
        send_text(fd,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<!DOCTYPE html><title>Sign in</title>");
    else if (kind == FAULT_POINTER)
        send_text(fd,
                  "HTTP/1.1 200 OK\r\n\r\nversion https://git-lfs.example/spec/v1\noid sha256:0\nsize 1\n");
    else if (kind == FAULT_EMPTY)
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    else if (kind == FAULT_TO_FILE)
        send_text(fd, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
    else if (kind == FAULT_ENDLESS_ERROR)
        for (bool open = send_text(fd, "HTTP/1.1 500 Oops\r\n\r\n"); open;)
            open = send_text(fd, "%01000d", 0);
    else
        send_file(s, fd, &r, kind);
}

static void *serve(void *user)
{
    server *s = user;
    for (;;) {
        const int fd = accept(s->listener, NULL, NULL);
        if (fd < 0) return NULL;
        answer(s, fd);
        shutdown(fd, SHUT_WR);
        close(fd);
    }
}

bool server_start(server *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(s->listener, 8) != 0 || getsockname(s->listener, (struct sockaddr *)&address, &length) != 0)
        return false;
    s->port = ntohs(address.sin_port);
    return pthread_create(&s->thread, NULL, serve, s) == 0;
}

void server_stop(server *s)
{
    shutdown(s->listener, SHUT_RDWR); /* ends accept */
    pthread_join(s->thread, NULL);
    close(s->listener);
}
