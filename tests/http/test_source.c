/* test_source.c - replies whose bytes come from elsewhere: whole, a part, cut short where they end too early, slow without
 * holding up others, closed once whatever becomes of the client. */
#include "tests/test.h"

#include "tests/http/dial.h"

#include "http/http.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOURCE_BYTES 3000000

static struct {
    sem_t asked, go, closed;
    _Atomic(uint64_t) ends_at; /* the source has no more */
    _Atomic(bool) waits;       /* every read asks first */
    _Atomic(int) closes;
} seen;

static bn_http_server *server;

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 7 + offset / 1000);
}

static bn_status read_source(void *user, uint64_t offset, void *bytes, size_t count, size_t *got,
                             bn_error *err)
{
    (void)user;
    (void)err;
    if (seen.waits) {
        sem_post(&seen.asked);
        sem_wait(&seen.go);
    }
    for (*got = 0; *got < count && offset + *got < seen.ends_at; *got += 1)
        ((uint8_t *)bytes)[*got] = byte_at(offset + *got);
    return BIREFNET_OK;
}

static void close_source(void *user)
{
    (void)user;
    seen.closes++;
    sem_post(&seen.closed);
}

static bn_http_next begin(void *user, bn_http_request *request)
{
    (void)user;
    (void)request;
    return BN_HTTP_BODY;
}

static bn_http_next handle(void *user, bn_http_request *request)
{
    (void)user;
    bn_http_reply *reply = &request->reply;
    reply->status = 200;
    if (strcmp(request->target, "/other") == 0) return BN_HTTP_REPLY;
    reply->source = (bn_http_source){.read = read_source, .close = close_source};
    reply->size = SOURCE_BYTES;
    if (strcmp(request->target, "/part") == 0) {
        reply->status = 206;
        reply->offset = 1000001;
        reply->size = 700000;
    }
    return BN_HTTP_REPLY;
}

static void end(void *user, bn_http_request *request, bool complete)
{
    (void)user, (void)request, (void)complete;
}

static int open_server(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_http_options options;
    bn_http_options_default(&options);
    options.port = 0;
    options.threads = 2;
    seen.ends_at = SOURCE_BYTES;
    seen.waits = false;
    seen.closes = 0;
    sem_init(&seen.asked, 0, 0);
    sem_init(&seen.go, 0, 0);
    sem_init(&seen.closed, 0, 0);
    const bn_http_handler handler = {.begin = begin, .handle = handle, .end = end};
    assert_ok(bn_http_server_open(&options, &handler, &server, &err), err);
    return 0;
}

static int close_server(void **state)
{
    (void)state;
    bn_http_server_close(&server);
    return 0;
}

static int ask(const char *line)
{
    char text[200];
    const int fd = dial(bn_http_server_port(server), 60);
    snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", line);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return fd;
}

/* Everything until the end; the body's bytes, with the header section as text in `head`. */
static size_t read_all(int fd, uint8_t *body, char head[2000])
{
    static uint8_t all[SOURCE_BYTES + 2000];
    size_t used = 0;
    for (ssize_t got; (got = recv(fd, all + used, sizeof all - used, 0)) > 0;) used += (size_t)got;
    close(fd);
    const uint8_t *split = memmem(all, used, "\r\n\r\n", 4);
    assert_non_null(split);
    const size_t head_bytes = (size_t)(split - all) + 4;
    assert_true(head_bytes < 2000);
    memcpy(head, all, head_bytes);
    head[head_bytes] = '\0';
    memcpy(body, all + head_bytes, used - head_bytes);
    return used - head_bytes;
}

static uint8_t body[SOURCE_BYTES];
static char head[2000];

static void check_bytes(size_t count, uint64_t offset)
{
    for (size_t i = 0; i < count; i++)
        if (body[i] != byte_at(offset + i)) fail_msg("byte %zu", i);
}

static void it_comes_whole_or_in_part(void **state)
{
    (void)state;
    assert_int_equal(read_all(ask("GET /"), body, head), SOURCE_BYTES);
    assert_non_null(strstr(head, "Content-Length: 3000000\r\n"));
    check_bytes(SOURCE_BYTES, 0);
    sem_wait(&seen.closed);
    assert_int_equal(read_all(ask("GET /part"), body, head), 700000);
    assert_non_null(strstr(head, "Content-Length: 700000\r\n"));
    check_bytes(700000, 1000001);
    sem_wait(&seen.closed);
    seen.waits = true; /* nobody is asked for a body that is not sent */
    assert_int_equal(read_all(ask("HEAD /"), body, head), 0);
    assert_non_null(strstr(head, "Content-Length: 3000000\r\n"));
    sem_wait(&seen.closed);
    assert_int_equal(seen.closes, 3);
}

static void what_ends_too_early_is_cut_short(void **state)
{
    (void)state;
    seen.ends_at = 1500000;
    const size_t count = read_all(ask("GET /"), body, head);
    assert_true(count <= 1500000);
    assert_non_null(strstr(head, "Content-Length: 3000000\r\n")); /* so that the client knows */
    check_bytes(count, 0);
    sem_wait(&seen.closed);
}

static void a_slow_one_holds_nobody_up(void **state)
{
    (void)state;
    seen.waits = true;
    const int fd = ask("GET /part");
    sem_wait(&seen.asked);
    assert_int_equal(read_all(ask("GET /other"), body, head), 0);
    assert_non_null(strstr(head, "200 OK"));
    seen.waits = false;
    sem_post(&seen.go);
    assert_int_equal(read_all(fd, body, head), 700000);
    check_bytes(700000, 1000001);
    sem_wait(&seen.closed);
}

static void a_client_that_leaves_ends_it(void **state)
{
    (void)state;
    seen.waits = true;
    const int fd = ask("GET /");
    sem_wait(&seen.asked);
    close(fd);
    sem_post(&seen.go);
    while (sem_trywait(&seen.closed) != 0) { /* however many pieces it takes until that is seen */
        sem_post(&seen.go);
        usleep(1000);
    }
    assert_int_equal(seen.closes, 1);
}

static void closing_the_server_ends_it(void **state)
{
    seen.waits = true;
    const int fd = ask("GET /");
    sem_wait(&seen.asked);
    seen.waits = false;
    sem_post(&seen.go);
    bn_http_server_close(&server);
    assert_int_equal(seen.closes, 1);
    close(fd);
    assert_int_equal(open_server(state), 0);
}

#define SOURCE_TEST(name) cmocka_unit_test_setup_teardown(name, open_server, close_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOURCE_TEST(it_comes_whole_or_in_part),  SOURCE_TEST(what_ends_too_early_is_cut_short),
        SOURCE_TEST(a_slow_one_holds_nobody_up), SOURCE_TEST(a_client_that_leaves_ends_it),
        SOURCE_TEST(closing_the_server_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
