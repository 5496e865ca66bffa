/* test_server.c - the HTTP layer alone, with a handler of its own: parking, waking, clients that leave, streams, slow
 * senders, bodies, closing with requests under way. */
#include "tests/test.h"

#include "tests/http/dial.h"

#include "base/clock.h"
#include "http/http.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the handler shares with the test. */
static struct {
    sem_t handled, ended, go;
    _Atomic(bn_http_request *) request; /* the latest that is parked or streams */
    _Atomic(int) calls;                 /* of handle, since the connection was made */
    _Atomic(bool) gone, complete, too_long, sink_failed;
    char text[64];
} seen;

static bn_http_server *server;

static bn_http_next say(bn_http_request *request, int status, const char *text)
{
    request->reply.status = status;
    bn_buffer_init(&request->reply.body, 1000);
    bn_buffer_append(&request->reply.body, text, strlen(text), NULL);
    return BN_HTTP_REPLY;
}

static bn_http_next begin(void *user, bn_http_request *request)
{
    (void)user;
    seen.calls = 0;
    if (strcmp(request->target, "/refuse") == 0) return say(request, 403, "no");
    if (strcmp(request->target, "/hold") == 0) { /* the event loop */
        sem_post(&seen.handled);
        while (sem_wait(&seen.go) != 0) continue;
        return say(request, 403, "no");
    }
    request->body_max_bytes = 10000;
    if (strcmp(request->target, "/file") == 0) {
        request->sink = BN_SINK_FILE;
        snprintf(request->sink_folder, sizeof request->sink_folder, "/tmp");
    }
    return BN_HTTP_BODY;
}

/* "first", then "last" and the end. */
static bn_http_next stream(bn_http_request *request)
{
    request->reply.status = 200;
    request->reply.stream = true;
    const bool last = seen.calls++ > 0;
    seen.gone = bn_http_gone(request);
    bn_http_stream_write(request, last ? "last" : "first", last ? 4 : 5);
    return last ? BN_HTTP_END : BN_HTTP_MORE;
}

static bn_http_next park(bn_http_request *request)
{
    bn_http_body_release(request);
    if (seen.calls++ == 0) return BN_HTTP_PARK;
    seen.gone = bn_http_gone(request);
    return say(request, 200, "woken");
}

static bn_http_next handle(void *user, bn_http_request *request)
{
    (void)user;
    seen.request = request;
    bn_http_next next = BN_HTTP_REPLY;
    if (strcmp(request->target, "/park") == 0) {
        next = park(request);
    } else if (strcmp(request->target, "/timer") == 0) {
        next = park(request);
        if (next == BN_HTTP_PARK) bn_http_wake_after(request, 100);
    } else if (strcmp(request->target, "/work") == 0) {
        const double until_ms = bn_clock_ms() + 3; /* so that there is always one that is not answered */
        while (bn_clock_ms() < until_ms) continue;
        next = say(request, 200, "done");
    } else if (strcmp(request->target, "/stream") == 0) {
        next = stream(request);
    } else {
        seen.too_long = request->too_long;
        seen.sink_failed = request->sink_failed;
        memset(seen.text, 0, sizeof seen.text);
        if (request->body_fd >= 0)
            assert_true(pread(request->body_fd, seen.text, sizeof seen.text - 1, 0) >= 0);
        else if (request->body.size)
            memcpy(seen.text, request->body.data, request->body.size < 63 ? request->body.size : 63);
        next = say(request, 200, "done");
    }
    sem_post(&seen.handled);
    return next;
}

static void end(void *user, bn_http_request *request, bool complete)
{
    (void)user;
    (void)request;
    seen.complete = complete;
    sem_post(&seen.ended);
}

static int open_server_with(int header_timeout_ms, int slow_after_ms)
{
    bn_error err = {0};
    bn_http_options options;
    bn_http_options_default(&options);
    options.port = 0;
    options.threads = 2;
    options.header_timeout_ms = header_timeout_ms;
    options.slow_after_ms = slow_after_ms;
    options.slow_bytes_per_s = 1000;
    options.max_waiting_bytes = 8000;
    options.max_incoming_bytes = 9000;
    options.max_connections = 64;
    sem_init(&seen.handled, 0, 0);
    sem_init(&seen.ended, 0, 0);
    sem_init(&seen.go, 0, 0);
    const bn_http_handler handler = {.begin = begin, .handle = handle, .end = end};
    assert_ok(bn_http_server_open(&options, &handler, &server, &err), err);
    return 0;
}

enum { HEADER_TIMEOUT_MS = 60000 };

/* Clients may be as slow as a busy machine makes them. */
static int open_server(void **state)
{
    (void)state;
    return open_server_with(HEADER_TIMEOUT_MS, 60000);
}

static int open_impatient_server(void **state)
{
    (void)state;
    return open_server_with(1000, 1500);
}

static int close_server(void **state)
{
    (void)state;
    bn_http_server_close(&server);
    sem_destroy(&seen.handled);
    sem_destroy(&seen.ended);
    sem_destroy(&seen.go);
    return 0;
}

/* Connected, with these bytes sent; reading gives up after 20 s. */
static int send_text(const char *text)
{
    const int fd = dial(bn_http_server_port(server), 20);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return fd;
}

/* Read until `end` has come, or the connection ended; the descriptor stays open. */
static const char *read_until(int fd, const char *last)
{
    static char text[65536];
    size_t used = 0;
    text[0] = '\0';
    while (!*last || !strstr(text, last)) {
        const ssize_t got = recv(fd, text + used, sizeof text - 1 - used, 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) break;
        if (got < 0) fail_msg("no answer within 20 s; so far: %s", text);
        used += (size_t)got;
        text[used] = '\0';
    }
    return text;
}

#define HEAD " HTTP/1.1\r\nHost: x\r\n"

static void a_parked_request_is_answered_after_a_wake(void **state)
{
    (void)state;
    const int fd = send_text("GET /park" HEAD "\r\n");
    sem_wait(&seen.handled);
    bn_http_wake(seen.request);
    assert_non_null(strstr(read_until(fd, "woken"), "200 OK"));
    assert_false(seen.gone);
    sem_wait(&seen.handled);
    sem_wait(&seen.ended);
    assert_true(seen.complete);
    close(fd);
}

static void a_body_that_was_dealt_with_does_not_count(void **state)
{
    (void)state;
    const int fd = send_text("POST /park" HEAD "Content-Length: 5\r\n\r\nhello");
    sem_wait(&seen.handled);
    bn_http_facts facts;
    bn_http_server_facts(server, &facts);
    assert_int_equal(facts.requests, 1);
    assert_int_equal(facts.waiting_bytes, 0);
    bn_http_wake(seen.request);
    assert_non_null(strstr(read_until(fd, "woken"), "200 OK"));
    close(fd);
    sem_wait(&seen.ended);
}

static void a_parked_request_wakes_by_time(void **state)
{
    (void)state;
    const int fd = send_text("GET /timer" HEAD "\r\n");
    assert_non_null(strstr(read_until(fd, "woken"), "200 OK"));
    close(fd);
    sem_wait(&seen.ended);
}

static void a_client_that_leaves_is_noticed(void **state)
{
    (void)state;
    const int fd = send_text("GET /park" HEAD "\r\n");
    sem_wait(&seen.handled);
    close(fd);
    sem_wait(&seen.handled); /* nobody but the monitor wakes it */
    assert_true(seen.gone);
    sem_wait(&seen.ended);
}

static void a_stream_comes_in_pieces(void **state)
{
    (void)state;
    const int fd = send_text("GET /stream" HEAD "\r\n");
    const char *text = read_until(fd, "first");
    assert_non_null(strstr(text, "chunked"));
    assert_null(strstr(text, "last"));
    bn_http_wake(seen.request);
    assert_non_null(strstr(read_until(fd, "0\r\n\r\n"), "last"));
    sem_wait(&seen.ended);
    assert_true(seen.complete);
    close(fd);
}

static void slow_senders_are_cut_off(void **state)
{
    (void)state;
    int fd = send_text("GET /park HTTP/1.1\r\nHos"); /* and nothing more */
    assert_string_equal(read_until(fd, ""), "");
    close(fd);
    fd = send_text("POST /echo" HEAD "Content-Length: 9000\r\n\r\nx");
    assert_string_equal(read_until(fd, ""), "");
    close(fd);
    sem_wait(&seen.ended);
    assert_false(seen.complete);
}

/* A quick start does not pay for a slow rest. */
static void bodies_that_grow_slow_are_cut_off(void **state)
{
    (void)state;
    static char text[8000];
    const int head = snprintf(text, sizeof text, "POST /echo" HEAD "Content-Length: 9000\r\n\r\n");
    memset(text + head, 'x', 7500);
    const int fd = send_text(text); /* enough for 7.5 s at the rate that is asked for */
    const double start_ms = bn_clock_ms();
    read_until(fd, "");
    assert_true(bn_clock_ms() - start_ms < 6500);
    close(fd);
    sem_wait(&seen.ended);
    assert_false(seen.complete);
}

/* A client that is still sending would see a broken connection instead of the reason. */
static void those_who_are_refused_may_finish_sending(void **state)
{
    (void)state;
    enum { large = 8 << 20 };
    char head[200], *body = calloc(1, large);
    snprintf(head, sizeof head, "POST /refuse" HEAD "Content-Length: %d\r\n\r\n", large);
    const int fd = send_text(head);
    for (size_t done = 0; done < large;) {
        const ssize_t sent = send(fd, body + done, large - done, MSG_NOSIGNAL);
        if (sent < 0) fail_msg("the connection broke after %zu bytes", done);
        done += (size_t)sent;
    }
    free(body);
    assert_non_null(strstr(read_until(fd, "no"), "403"));
    static const char again[] = "GET /refuse" HEAD "\r\n";
    for (int i = 0; i < 2; i++) { /* and the connection goes on */
        assert_int_equal(send(fd, again, sizeof again - 1, MSG_NOSIGNAL), (ssize_t)sizeof again - 1);
        assert_non_null(strstr(read_until(fd, "no"), "403"));
    }
    close(fd);
    const int polite = send_text("POST /refuse" HEAD "Content-Length: 100\r\nExpect: 100-continue\r\n\r\n");
    assert_null(strstr(read_until(polite, "no"), "100 Continue")); /* told at once, sends nothing */
    close(polite);
}

static void files_that_arrive_are_limited(void **state)
{
    (void)state;
    static char text[7000];
    const int head = snprintf(text, sizeof text, "PUT /file" HEAD "Content-Length: 9000\r\n\r\n");
    memset(text + head, 'x', 6000);
    const int held = send_text(text);
    bn_http_facts facts = {0};
    while (facts.incoming_bytes < 6000) bn_http_server_facts(server, &facts);
    const int head2 = snprintf(text, sizeof text, "PUT /file" HEAD "Content-Length: 6000\r\n\r\n");
    memset(text + head2, 'x', 6000);
    text[head2 + 6000] = '\0';
    const int fd = send_text(text);
    read_until(fd, "done");
    assert_true(seen.sink_failed);
    close(fd);
    close(held);
    for (int i = 0; i < 2; i++) sem_wait(&seen.ended);
    while (facts.incoming_bytes > 0) bn_http_server_facts(server, &facts); /* given back, or the test hangs */
}

/* Each that comes costs an older one that has sent no request its place, not those who wait for an answer. */
static void connections_that_only_stay_keep_nobody_out(void **state)
{
    (void)state;
    enum { IDLE = 300 };
    int idle[IDLE];
    const int parked = send_text("GET /park" HEAD "\r\n");
    sem_wait(&seen.handled);
    bn_http_request *waits = seen.request;
    for (int i = 0; i < IDLE; i++) {
        idle[i] = send_text(i % 2 ? "GET /park HTTP/1.1\r\nHos" : "");
        if (i % 10) continue;
        const int fd = send_text("GET /refuse" HEAD "\r\n");
        assert_non_null(strstr(read_until(fd, "no"), "403"));
        close(fd);
    }
    seen.calls = 1; /* the others' requests have begun it anew */
    bn_http_wake(waits);
    assert_non_null(strstr(read_until(parked, "woken"), "200 OK"));
    close(parked);
    for (int i = 0; i < IDLE; i++) close(idle[i]);
    bn_http_facts facts = {.connections = 1};
    while (facts.connections > 0) bn_http_server_facts(server, &facts);
}

/* Its last bytes and its end are there together, before the server looks: one event tells of both. */
static void who_leaves_within_a_header_section_leaves_its_place(void **state)
{
    (void)state;
    bn_http_facts facts = {.connections = 1};
    const int holds = send_text("GET /hold" HEAD "\r\n");
    sem_wait(&seen.handled);
    close(send_text("GET /park HTTP/1.1\r\nHos"));
    const double start_ms = bn_clock_ms();
    sem_post(&seen.go);
    assert_non_null(strstr(read_until(holds, "no"), "403"));
    close(holds);
    while (facts.connections > 0) bn_http_server_facts(server, &facts);
    assert_true(bn_clock_ms() - start_ms < HEADER_TIMEOUT_MS / 2);
}

/* Polls until the server has gone. */
static void *poll_on(void *user)
{
    (void)user;
    static const char line[] = "GET /work" HEAD "\r\n";
    char reply[1000];
    const int fd = send_text("");
    while (send(fd, line, sizeof line - 1, MSG_NOSIGNAL) > 0 && recv(fd, reply, sizeof reply, 0) > 0)
        continue;
    close(fd);
    return NULL;
}

static void closing_is_safe_while_clients_poll(void **state)
{
    enum { clients = 24, rounds = 4 };
    for (int round = 0; round < rounds; round++) {
        pthread_t threads[clients];
        for (int i = 0; i < clients; i++) pthread_create(&threads[i], NULL, poll_on, NULL);
        for (int i = 0; i < 200; i++) sem_wait(&seen.handled);
        bn_http_server_close(&server); /* aborted the process, before */
        for (int i = 0; i < clients; i++) pthread_join(threads[i], NULL);
        assert_int_equal(open_server(state), 0);
    }
}

static void bodies_go_where_they_shall(void **state)
{
    (void)state;
    int fd = send_text("POST /echo" HEAD "Content-Length: 5\r\n\r\nhello");
    read_until(fd, "done");
    assert_string_equal(seen.text, "hello");
    close(fd);
    fd = send_text("PUT /file" HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
    read_until(fd, "done");
    assert_string_equal(seen.text, "hello!");
    close(fd);
    fd = send_text("GET /refuse" HEAD "\r\n");
    assert_non_null(strstr(read_until(fd, "no"), "403"));
    close(fd);
}

static void bodies_are_limited(void **state)
{
    (void)state;
    static char text[12000];
    for (int bytes = 9000; bytes <= 11000; bytes += 2000) { /* over what may wait; over what is allowed */
        const int head = snprintf(text, sizeof text, "POST /echo" HEAD "Content-Length: %d\r\n\r\n", bytes);
        memset(text + head, 'x', (size_t)bytes);
        text[head + bytes] = '\0';
        const int fd = send_text(text);
        read_until(fd, "done");
        assert_true(bytes <= 10000 ? seen.sink_failed && !seen.too_long : seen.sink_failed || seen.too_long);
        close(fd);
    }
    for (int i = 0; i < 2; i++) sem_wait(&seen.ended);
    bn_http_facts facts;
    bn_http_server_facts(server, &facts);
    assert_int_equal(facts.waiting_bytes, 0);
}

static void closing_ends_what_is_parked(void **state)
{
    (void)state;
    const int fd = send_text("GET /park" HEAD "\r\n"), other = send_text("GET /stream" HEAD "\r\n");
    sem_wait(&seen.handled);
    sem_wait(&seen.handled);
    bn_http_server_close(&server);
    read_until(fd, "");
    read_until(other, "");
    close(fd);
    close(other);
    assert_int_equal(open_server(state), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_parked_request_is_answered_after_a_wake, open_server, close_server),
        cmocka_unit_test_setup_teardown(a_body_that_was_dealt_with_does_not_count, open_server, close_server),
        cmocka_unit_test_setup_teardown(a_parked_request_wakes_by_time, open_server, close_server),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_is_noticed, open_server, close_server),
        cmocka_unit_test_setup_teardown(a_stream_comes_in_pieces, open_server, close_server),
        cmocka_unit_test_setup_teardown(slow_senders_are_cut_off, open_impatient_server, close_server),
        cmocka_unit_test_setup_teardown(bodies_that_grow_slow_are_cut_off, open_impatient_server,
                                        close_server),
        cmocka_unit_test_setup_teardown(those_who_are_refused_may_finish_sending, open_server, close_server),
        cmocka_unit_test_setup_teardown(files_that_arrive_are_limited, open_server, close_server),
        cmocka_unit_test_setup_teardown(connections_that_only_stay_keep_nobody_out, open_server,
                                        close_server),
        cmocka_unit_test_setup_teardown(who_leaves_within_a_header_section_leaves_its_place, open_server,
                                        close_server),
        cmocka_unit_test_setup_teardown(closing_is_safe_while_clients_poll, open_server, close_server),
        cmocka_unit_test_setup_teardown(bodies_go_where_they_shall, open_server, close_server),
        cmocka_unit_test_setup_teardown(bodies_are_limited, open_server, close_server),
        cmocka_unit_test_setup_teardown(closing_ends_what_is_parked, open_server, close_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
