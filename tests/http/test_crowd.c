/* test_crowd.c - many clients, or greedy ones, that would keep others out: connections that they alone keep, as they send
 * what nobody reads or do not take their replies; memory for bodies that do not come to an end. */
#include "tests/test.h"

#include "tests/http/dial.h"

#include "http/http.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 64, CROWD = 150, LARGE_BYTES = 1 << 20 };
enum {
    SHARE_BYTES = 1000,
    BODIES_BYTES = MAX_CONNECTIONS * SHARE_BYTES
}; /* in memory: of one connection, of all */

static bn_http_server *server;
static bn_http_request *parked;
static sem_t is_parked;
static bool is_woken;
static size_t streamed_bytes;

static bn_http_next say(bn_http_request *request, int status, size_t bytes)
{
    static const char text[LARGE_BYTES] = "hello";
    request->reply.status = status;
    bn_buffer_init(&request->reply.body, LARGE_BYTES);
    bn_buffer_append(&request->reply.body, text, bytes, NULL);
    return BN_HTTP_REPLY;
}

static bn_http_next begin(void *user, bn_http_request *request)
{
    (void)user;
    if (strcmp(request->target, "/refuse") == 0) return say(request, 403, 5);
    if (strcmp(request->target, "/none") == 0) request->sink = BN_SINK_NONE;
    request->body_max_bytes = strcmp(request->target, "/greedy") == 0 ? 2 * BODIES_BYTES : SHARE_BYTES;
    return BN_HTTP_BODY;
}

/* As much as is taken of what nobody has read yet. */
static bn_http_next stream(bn_http_request *request)
{
    static const char piece[1000];
    request->reply.status = 200;
    request->reply.stream = true;
    for (streamed_bytes = 0; !bn_http_gone(request) && streamed_bytes < LARGE_BYTES;
         streamed_bytes += sizeof piece)
        bn_http_stream_write(request, piece, sizeof piece);
    sem_post(&is_parked);
    return BN_HTTP_END;
}

static bn_http_next handle(void *user, bn_http_request *request)
{
    (void)user;
    if (strcmp(request->target, "/stream") == 0) return stream(request);
    if (request->sink_failed) return say(request, 503, 5);
    if (strcmp(request->target, "/park") != 0 || is_woken)
        return say(request, 200, strcmp(request->target, "/large") == 0 ? LARGE_BYTES : 5);
    is_woken = true;
    parked = request;
    sem_post(&is_parked);
    return BN_HTTP_PARK;
}

static void end(void *user, bn_http_request *request, bool complete)
{
    (void)user, (void)request, (void)complete;
}

static int open_server_with(size_t max_waiting_bytes)
{
    bn_error err = {0};
    bn_http_options options;
    bn_http_options_default(&options);
    options.port = 0;
    options.threads = 2;
    options.max_connections = MAX_CONNECTIONS;
    options.max_waiting_bytes = max_waiting_bytes;
    is_woken = false;
    sem_init(&is_parked, 0, 0);
    const bn_http_handler handler = {.begin = begin, .handle = handle, .end = end};
    assert_ok(bn_http_server_open(&options, &handler, &server, &err), err);
    return 0;
}

static int open_server(void **state)
{
    (void)state;
    return open_server_with((size_t)1 << 30);
}

static int open_small_server(void **state)
{
    (void)state;
    return open_server_with(BODIES_BYTES);
}

static int close_server(void **state)
{
    (void)state;
    bn_http_server_close(&server);
    sem_destroy(&is_parked);
    return 0;
}

static int send_text(const char *text)
{
    const int fd = dial(bn_http_server_port(server), 5), little = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little,
               sizeof little); /* of what is not read the server keeps the most */
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return fd;
}

#define HEAD " HTTP/1.1\r\nHost: x\r\n"

static void expect_answer(int fd, const char *status)
{
    char text[200] = "";
    const ssize_t got = recv(fd, text, sizeof text - 1, 0);
    if (got < 12 || strncmp(text + 9, status, 3) != 0) fail_msg("no %s within 5 s, but: %s", status, text);
    close(fd);
}

/* Until the server waits for this client: its reply has begun, or what it sent has surely been read. */
static void let_linger(int fd, bool replies)
{
    char byte;
    if (!replies)
        usleep(5000);
    else if (recv(fd, &byte, 1, MSG_PEEK) < 0 && errno != ECONNRESET)
        fail_msg("no reply began within 5 s");
}

/* Each of the crowd sends this and waits; others are answered all the while, and who waits for an answer gets it. */
static void others_are_answered_beside(const char *text, bool replies)
{
    int crowd[CROWD];
    const int waits = send_text("GET /park" HEAD "\r\n");
    sem_wait(&is_parked);
    int far = -1;
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = send_text(text);
        let_linger(crowd[i], replies);
        if (i % 10 == 5) send(far, "/refuse" HEAD "\r\n", sizeof "/refuse" HEAD "\r\n" - 1, MSG_NOSIGNAL);
        if (i % 10 == 5) expect_answer(far, "403");
        if (i % 10 == 0) far = send_text("GET ");
    }
    bn_http_wake(parked);
    expect_answer(waits, "200");
    for (int i = 0; i < CROWD; i++) close(crowd[i]);
}

static void bodies_of_the_refused_keep_nobody_out(void **state)
{
    (void)state;
    others_are_answered_beside("POST /refuse" HEAD "Content-Length: 1000000\r\n\r\nslow", false);
}

static void bodies_where_none_belongs_keep_nobody_out(void **state)
{
    (void)state;
    others_are_answered_beside("GET /none" HEAD "Transfer-Encoding: chunked\r\n\r\n4\r\nslow\r\n", false);
}

static void bodies_that_are_too_long_keep_nobody_out(void **state)
{
    (void)state;
    static char text[3000];
    const int head = snprintf(text, sizeof text, "POST /" HEAD "Transfer-Encoding: chunked\r\n\r\n7d0\r\n");
    memset(text + head, 'x', 2000);
    others_are_answered_beside(text, false);
}

/* More replies than the sockets' buffers hold. */
static void replies_that_nobody_takes_keep_nobody_out(void **state)
{
    (void)state;
    static const char one[] = "GET /large" HEAD "\r\n";
    char text[8 * sizeof one] = "";
    for (int i = 0; i < 7; i++) strcat(text, one);
    others_are_answered_beside(text, true);
}

/* A POST with a body of so many bytes, of which these come. */
static int send_body(const char *target, int bytes, int come)
{
    static char text[2 * BODIES_BYTES];
    const int head = snprintf(text, sizeof text, "POST %s" HEAD "Content-Length: %d\r\n\r\n", target, bytes);
    memset(text + head, 'x', (size_t)come);
    text[head + come] = '\0';
    return send_text(text);
}

/* Who has filled the memory for bodies and sends no more keeps out large ones only. */
static void bodies_that_do_not_end_keep_no_small_ones_out(void **state)
{
    (void)state;
    bn_http_facts facts = {0};
    const int greedy = send_body("/greedy", 2 * BODIES_BYTES, BODIES_BYTES - 10);
    while (facts.waiting_bytes < BODIES_BYTES - 10) bn_http_server_facts(server, &facts);
    for (int i = 0; i < 3; i++) expect_answer(send_body("/", SHARE_BYTES, SHARE_BYTES), "200");
    expect_answer(send_body("/greedy", 2 * SHARE_BYTES, 2 * SHARE_BYTES), "503");
    expect_answer(send_body("/", SHARE_BYTES, SHARE_BYTES), "200");
    close(greedy);
}

/* 4,096 clients can have streams that they do not read. */
static void a_stream_that_nobody_reads_takes_little_memory(void **state)
{
    (void)state;
    const int fd = send_text("GET /stream" HEAD "\r\n");
    sem_wait(&is_parked);
    assert_in_range(streamed_bytes, 64 * 1000, 256 * 1000);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bodies_of_the_refused_keep_nobody_out, open_server, close_server),
        cmocka_unit_test_setup_teardown(bodies_where_none_belongs_keep_nobody_out, open_server, close_server),
        cmocka_unit_test_setup_teardown(bodies_that_are_too_long_keep_nobody_out, open_server, close_server),
        cmocka_unit_test_setup_teardown(replies_that_nobody_takes_keep_nobody_out, open_server, close_server),
        cmocka_unit_test_setup_teardown(a_stream_that_nobody_reads_takes_little_memory, open_server,
                                        close_server),
        cmocka_unit_test_setup_teardown(bodies_that_do_not_end_keep_no_small_ones_out, open_small_server,
                                        close_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
