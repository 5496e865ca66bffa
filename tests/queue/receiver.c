/* receiver.c - see receiver.h. */
#include "tests/test.h"

#include "tests/queue/receiver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static void take_field(const char *head, const char *name, char *value, size_t size)
{
    for (const char *line = strchr(head, '\n'); line; line = strchr(line + 1, '\n')) {
        const size_t length = strlen(name);
        if (strncasecmp(line + 1, name, length) != 0 || line[1 + length] != ':') continue;
        snprintf(value, size, "%.*s", (int)strcspn(line + 1 + length + 2, "\r\n"), line + 1 + length + 2);
        return;
    }
}

/* One request of a connection that is closed afterwards. */
static void take(receiver *self, int fd)
{
    static const size_t room = 1u << 20;
    char *bytes = calloc(1, room), length[32] = "0", reply[200];
    size_t got = 0;
    char *end = NULL;
    while (!end) {
        const ssize_t more = read(fd, bytes + got, room - 1 - got);
        if (more <= 0) break;
        got += (size_t)more;
        end = strstr(bytes, "\r\n\r\n");
    }
    if (!end) {
        free(bytes);
        return;
    }
    take_field(bytes, "Content-Length", length, sizeof length);
    const size_t whole = (size_t)(end + 4 - bytes) + strtoul(length, NULL, 10);
    while (got < whole && got < room - 1) {
        const ssize_t more = read(fd, bytes + got, room - 1 - got);
        if (more <= 0) break;
        got += (size_t)more;
    }
    pthread_mutex_lock(&self->lock);
    if (self->count == RECEIVER_MAX) abort();
    received *one = &self->list[self->count];
    const int code = self->count < self->code_count ? self->codes[self->count] : 200;
    take_field(bytes, "X-Fal-Webhook-Request-Id", one->request_id, sizeof one->request_id);
    take_field(bytes, "X-Fal-Webhook-User-Id", one->user_id, sizeof one->user_id);
    take_field(bytes, "X-Fal-Webhook-Timestamp", one->timestamp, sizeof one->timestamp);
    take_field(bytes, "X-Fal-Webhook-Signature", one->signature, sizeof one->signature);
    one->body_bytes = got - (size_t)(end + 4 - bytes);
    one->body = calloc(1, one->body_bytes + 1);
    memcpy(one->body, end + 4, one->body_bytes);
    self->count++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    const int size = snprintf(reply, sizeof reply, "HTTP/1.1 %d Answer\r\n%s%sConnection: close\r\n\r\n",
                              code, code == 302 ? "Location: http://127.0.0.1:1/\r\n" : "",
                              self->reply_bytes > 0 ? "" : "Content-Length: 0\r\n");
    send(fd, reply, (size_t)size, MSG_NOSIGNAL);
    static const char piece[65536];
    for (size_t left = self->reply_bytes; left > 0;) {
        const ssize_t sent = send(fd, piece, left < sizeof piece ? left : sizeof piece, MSG_NOSIGNAL);
        if (sent <= 0) break;
        left -= (size_t)sent;
    }
    free(bytes);
}

static void *serve(void *user)
{
    receiver *self = user;
    for (int fd; (fd = accept(self->listener, NULL, NULL)) >= 0; close(fd)) take(self, fd);
    return NULL;
}

void receiver_start(receiver *self, const int *codes, size_t code_count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    memset(self, 0, sizeof *self);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->code_count = code_count;
    if (code_count > 0) memcpy(self->codes, codes, code_count * sizeof *codes);
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(self->listener, 64), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&address, &length), 0);
    self->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&self->thread, NULL, serve, self), 0);
}

void receiver_wait(receiver *self, size_t count)
{
    pthread_mutex_lock(&self->lock);
    while (self->count < count) pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

static size_t distinct(const receiver *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++) {
        size_t k = 0;
        while (k < i && strcmp(self->list[k].request_id, self->list[i].request_id) != 0) k++;
        count += k == i;
    }
    return count;
}

void receiver_wait_distinct(receiver *self, size_t count)
{
    pthread_mutex_lock(&self->lock);
    while (distinct(self) < count) pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

size_t receiver_distinct(receiver *self)
{
    pthread_mutex_lock(&self->lock);
    const size_t count = distinct(self);
    pthread_mutex_unlock(&self->lock);
    return count;
}

void receiver_stop(receiver *self)
{
    shutdown(self->listener, SHUT_RDWR);
    pthread_join(self->thread, NULL);
    close(self->listener);
    for (size_t i = 0; i < self->count; i++) free(self->list[i].body);
}
