/* test_tunnel.c - the CONNECT proxy with a server of its own behind it: bytes go through unchanged, both ways and half
 * closed; nothing leads anywhere else; slow, long and many clients do no harm. */
#include "tests/test.h"

#include "tests/http/dial.h"

#include "http/listen.h"
#include "http/tunnel.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CARRIED_BYTES ((size_t)3 << 20)
#define OPEN          "CONNECT fal.run:443 HTTP/1.1\r\nHost: fal.run:443\r\n\r\n"
#define OPENED        "HTTP/1.1 200 Connection Established\r\n\r\n"

/* Answers each connection with every byte plus one, and closes when the client has closed its half. */
static struct {
    int listener;
    uint16_t port;
    pthread_t thread;
} behind;
static bn_tunnel *tunnel;

static bool is_known(const char *name, size_t length)
{
    static const char *const names[] = {"fal.run", "queue.fal.run", "rest.fal.ai", "v3.fal.media"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == length && strncasecmp(names[i], name, length) == 0) return true;
    return false;
}

static void *answer_one(void *user)
{
    const int fd = (int)(intptr_t)user;
    uint8_t bytes[5000];
    ssize_t count;
    while ((count = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        for (ssize_t i = 0; i < count; i++) bytes[i]++;
        for (ssize_t done = 0, sent; done < count; done += sent)
            if ((sent = send(fd, bytes + done, (size_t)(count - done), MSG_NOSIGNAL)) < 0) goto closed;
    }
closed:
    close(fd);
    return NULL;
}

static void *accept_them(void *user)
{
    (void)user;
    struct pollfd wait = {.fd = behind.listener, .events = POLLIN};
    while (poll(&wait, 1, -1) > 0 && wait.revents == POLLIN) {
        const int fd = accept4(behind.listener, NULL, NULL, SOCK_CLOEXEC);
        pthread_t thread;
        if (fd < 0) break;
        if (pthread_create(&thread, NULL, answer_one, (void *)(intptr_t)fd) == 0) pthread_detach(thread);
    }
    return NULL;
}

static int start(void **state)
{
    (void)state;
    bn_error err = {0};
    assert_ok(bn_listen("127.0.0.1", 0, &behind.listener, &behind.port, &err), err);
    assert_int_equal(pthread_create(&behind.thread, NULL, accept_them, NULL), 0);
    assert_ok(bn_tunnel_open("127.0.0.1", 0, "0.0.0.0", behind.port, is_known, 512, &tunnel, &err), err);
    return 0;
}

static int end(void **state)
{
    (void)state;
    bn_tunnel_close(&tunnel);
    shutdown(behind.listener, SHUT_RDWR);
    pthread_join(behind.thread, NULL);
    close(behind.listener);
    return 0;
}

static int call(void)
{
    return dial(bn_tunnel_port(tunnel), 60);
}

static void say(int fd, const void *bytes, size_t count)
{
    assert_int_equal(send(fd, bytes, count, MSG_NOSIGNAL), (ssize_t)count);
}

static void expect(int fd, const char *text)
{
    char got[200];
    assert_true(strlen(text) < sizeof got);
    assert_int_equal(recv(fd, got, strlen(text), MSG_WAITALL), (ssize_t)strlen(text));
    assert_memory_equal(got, text, strlen(text));
}

/* Everything until the other side closes. */
static char *rest(int fd, char text[1000])
{
    size_t used = 0;
    for (ssize_t count = 1; count > 0 && used<999; used += count> 0 ? (size_t)count : 0)
        count = recv(fd, text + used, 999 - used, 0);
    text[used] = '\0';
    return text;
}

typedef struct sender {
    uint8_t *bytes;
    int fd;
} sender;

static void *send_all(void *user)
{
    const sender *own = user;
    for (size_t done = 0; done < CARRIED_BYTES;) {
        const ssize_t sent = send(own->fd, own->bytes + done, CARRIED_BYTES - done, MSG_NOSIGNAL);
        if (sent < 0) break;
        done += (size_t)sent;
    }
    shutdown(own->fd, SHUT_WR);
    return NULL;
}

static void bytes_go_through_unchanged_both_ways(void **state)
{
    (void)state;
    sender own = {.bytes = malloc(CARRIED_BYTES), .fd = call()};
    uint8_t *got = malloc(CARRIED_BYTES);
    pthread_t thread;
    uint32_t random = 5;
    for (size_t i = 0; i < CARRIED_BYTES; i++) {
        random = random * 1664525u + 1013904223u;
        own.bytes[i] = (uint8_t)(random >> 24);
    }
    say(own.fd, OPEN, strlen(OPEN));
    expect(own.fd, OPENED);
    assert_int_equal(pthread_create(&thread, NULL, send_all, &own), 0);
    assert_int_equal(recv(own.fd, got, CARRIED_BYTES, MSG_WAITALL), (ssize_t)CARRIED_BYTES);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < CARRIED_BYTES; i++)
        if (got[i] != (uint8_t)(own.bytes[i] + 1)) fail_msg("byte %zu differs", i);
    assert_int_equal(recv(own.fd, got, 1, 0), 0); /* our end was passed on, and theirs came back */
    close(own.fd);
    free(own.bytes);
    free(got);
}

static void heads_may_come_in_pieces_and_with_more_behind(void **state)
{
    (void)state;
    const int slow = call(), fast = call();
    for (size_t i = 0; i + 1 < strlen(OPEN); i++) say(slow, &OPEN[i], 1);
    say(fast, OPEN "abc", strlen(OPEN) + 3);
    expect(fast, OPENED "bcd"); /* while the other is not done */
    say(slow, "\n", 1);
    expect(slow, OPENED);
    say(slow, "HAL", 3);
    expect(slow, "IBM");
    close(slow);
    close(fast);
}

static void it_leads_nowhere_else(void **state)
{
    (void)state;
    static const struct {
        const char *head, *answer;
    } cases[] = {
        {"CONNECT example.com:443 HTTP/1.1\r\n\r\n", "HTTP/1.1 403 "},
        {"CONNECT fal.run:80 HTTP/1.1\r\n\r\n", "HTTP/1.1 403 "},
        {"CONNECT fal.run HTTP/1.1\r\n\r\n", "HTTP/1.1 403 "},
        {"CONNECT fal.run.example.com:443 HTTP/1.1\r\n\r\n", "HTTP/1.1 403 "},
        {"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n", "HTTP/1.1 403 "},
        {"CONNECT :443 HTTP/1.1\r\n\r\n", "HTTP/1.1 403 "},
        {"GET http://fal.run/ HTTP/1.1\r\nHost: fal.run\r\n\r\n", "HTTP/1.1 405 "},
        {"connect fal.run:443 HTTP/1.1\r\n\r\n", "HTTP/1.1 405 "},
        {"CONNECT fal.run:443\r\n\r\n", "HTTP/1.1 400 "},
        {"CONNECT fal.run:443 HTTP/2.0\r\n\r\n", "HTTP/1.1 400 "},
        {"\r\n\r\n", "HTTP/1.1 400 "},
        {"\x16\x03\x01 hello\n\n", "HTTP/1.1 400 "},
    };
    char text[1000];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int fd = call();
        say(fd, cases[i].head, strlen(cases[i].head));
        if (strncmp(rest(fd, text), cases[i].answer, strlen(cases[i].answer)) != 0)
            fail_msg("%s is answered with %s", cases[i].head, text);
        close(fd);
    }
    static char filler[10000];
    memset(filler, 'x', sizeof filler);
    const int fd = call();
    say(fd, filler, sizeof filler);
    assert_memory_equal(rest(fd, text), "HTTP/1.1 431 ", 13);
    close(fd);
}

static void old_and_other_spellings_of_the_service_are_known(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "CONNECT QUEUE.fal.run:443 HTTP/1.0\r\n\r\n", "CONNECT rest.fal.ai:443 HTTP/1.1\n\n",
        "CONNECT v3.fal.media:443 HTTP/1.1\r\nUser-Agent: x\r\nProxy-Connection: Keep-Alive\r\n\r\n"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        const int fd = call();
        say(fd, heads[i], strlen(heads[i]));
        expect(fd, OPENED);
        close(fd);
    }
}

static void too_many_are_turned_away_and_others_served_after(void **state)
{
    (void)state;
    enum { many = 700 };
    static int fds[many];
    char byte;
    for (int i = 0; i < many; i++) fds[i] = call();
    assert_int_equal(recv(fds[many - 1], &byte, 1, 0), 0); /* beyond the limit: closed */
    say(fds[0], OPEN "a", strlen(OPEN) + 1);
    expect(fds[0], OPENED "b"); /* within it: served */
    for (int i = 0; i < many; i++) close(fds[i]);
    const int fd = call();
    for (bool served = false; !served;) { /* as soon as it has seen that they left */
        const int again = call();
        if (send(again, OPEN, strlen(OPEN), MSG_NOSIGNAL) > 0) served = recv(again, &byte, 1, 0) == 1;
        close(again);
    }
    close(fd);
}

static void it_listens_for_this_machine_only(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_tunnel *other = NULL;
    assert_int_equal(bn_tunnel_open("0.0.0.0", 0, "127.0.0.1", behind.port, is_known, 512, &other, &err),
                     BIREFNET_ERROR_ARGUMENT);
    assert_null(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_through_unchanged_both_ways),
        cmocka_unit_test(heads_may_come_in_pieces_and_with_more_behind),
        cmocka_unit_test(it_leads_nowhere_else),
        cmocka_unit_test(old_and_other_spellings_of_the_service_are_known),
        cmocka_unit_test(too_many_are_turned_away_and_others_served_after),
        cmocka_unit_test(it_listens_for_this_machine_only),
    };
    return cmocka_run_group_tests(tests, start, end);
}
