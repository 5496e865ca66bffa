/* test_fetch.c - which addresses may be fetched from, and the limits on what comes. */
#include "tests/test.h"

#include "tests/queue/rig.h"

#include "base/clock.h"
#include "net/address.h"
#include "net/fetch.h"
#include "net/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_public(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) return bn_address_is_public((struct sockaddr *)&in);
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return bn_address_is_public((struct sockaddr *)&in6);
}

static void special_ranges_are_known(void **state)
{
    (void)state;
    static const char *const inside[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.0.1",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "168.63.129.16",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.1.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "2001:10::1",
        "2001:20::1",
        "2002:7f00:1::",
        "2002:c0a8:101::",
        "100::1",
        "3fff:1::1",
        "5f00::1",
        "2606:4700::5efe:10.0.0.1",
        "4000::1",
    };
    static const char *const outside[] = {
        "1.1.1.1",          "8.8.8.8",         "9.255.255.255",   "11.0.0.1",     "100.63.255.255",
        "100.128.0.1",      "126.0.0.1",       "128.0.0.1",       "172.15.0.1",   "172.32.0.1",
        "192.167.1.1",      "192.169.1.1",     "198.17.0.1",      "198.20.0.1",   "223.255.255.1",
        "2606:4700::1111",  "2a00:1450::1",    "2001:4860::8888", "2400:cb00::1", "::ffff:8.8.8.8",
        "64:ff9b::808:808", "2002:808:808::1", "2001:200::1",
    };
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        if (is_public(inside[i])) fail_msg("%s counts as public", inside[i]);
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        if (!is_public(outside[i])) fail_msg("%s counts as private", outside[i]);
    const struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(bn_address_is_public(&local));
}

/* ---- a loopback server with one answer for each path */

typedef struct site {
    int listener, port, asked;
    pthread_t thread;
} site;

static void answer(int fd, const char *text)
{
    send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* "hello", a thousand zeros, or "hello" under a coding that nobody knows, by the path. */
static void answer_coded(int fd, const char *path)
{
    static const struct {
        const char *path, *coding;
        uint8_t bytes[32];
        size_t size;
    } bodies[] = {
        {"gzip", "gzip", "\x1f\x8b\x08\0\0\0\0\0\2\xff\xcbH\xcd\xc9\xc9\7\0\x86\xa6\x10\x36\5\0\0\0", 25},
        {"deflate", "deflate", "x\x9c\xcbH\xcd\xc9\xc9\7\0\6,\2\x15", 13},
        {"raw", "deflate", "\xcbH\xcd\xc9\xc9\7\0", 7},
        {"br", "br", "\x0b\2\x80hello\3", 9},
        {"bomb", "deflate",
         "x\x9c"
         "c`\x18\5\xa3`\x14\fw\0\0\3\xe8\0\1",
         17},
        {"foreign", "aws-chunked", "hello", 5},
        {"damaged", "gzip", "\x1f\x8b\x08\0\0\0\0\0\2\xff\xff\xff\xff", 13},
    };
    char head[200];
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        const size_t length = strlen(bodies[i].path);
        if (strncmp(path, bodies[i].path, length) != 0 || path[length] != ' ') continue;
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
                 bodies[i].coding, bodies[i].size);
        answer(fd, head);
        send(fd, bodies[i].bytes, bodies[i].size, MSG_NOSIGNAL);
    }
}

static void *serve(void *user)
{
    site *self = user;
    for (int fd; (fd = accept(self->listener, NULL, NULL)) >= 0; close(fd)) {
        char request[4096] = "", reply[300];
        if (read(fd, request, sizeof request - 1) <= 0) continue;
        self->asked++;
        if (strncmp(request, "GET /ok", 7) == 0) {
            answer(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        } else if (strncmp(request, "GET /to/", 8) == 0 && request[8] > '0') {
            snprintf(reply, sizeof reply,
                     "HTTP/1.1 302 Found\r\nLocation: /to/%c\r\nContent-Length: 4\r\n\r\njunk",
                     request[8] - 1);
            answer(fd, reply);
        } else if (strncmp(request, "GET /to/0", 9) == 0) {
            answer(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend");
        } else if (strncmp(request, "GET /file", 9) == 0) {
            answer(fd, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
        } else if (strncmp(request, "GET /huge", 9) == 0) {
            answer(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nx");
        } else if (strncmp(request, "GET /long", 9) == 0) {
            answer(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            for (int i = 0; i < 10; i++) answer(fd, "0123456789012345678901234567890123456789");
        } else if (strncmp(request, "GET /coded/", 11) == 0) {
            answer_coded(fd, request + 11);
        } else if (strncmp(request, "GET /a%20b%C3%A4.jpg?x=%27y%20z HTTP", 36) == 0) {
            answer(fd, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nescaped");
        } else if (strncmp(request, "GET /slow", 9) == 0) {
            answer(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nh");
            if (read(fd, request, sizeof request) < 0) continue; /* until the client leaves */
        } else {
            answer(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
        }
    }
    return NULL;
}

static void site_start(site *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    *self = (site){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(bind(self->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(self->listener, 16), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&address, &length), 0);
    self->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&self->thread, NULL, serve, self), 0);
}

static void site_stop(site *self)
{
    shutdown(self->listener, SHUT_RDWR);
    pthread_join(self->thread, NULL);
    close(self->listener);
}

static bn_status fetch(const site *self, const char *host, const char *path, const bn_web_options *options,
                       const char *expected)
{
    char url[200];
    bn_error err = {0};
    bn_buffer out;
    bn_buffer_init(&out, 100);
    snprintf(url, sizeof url, "http://%s:%d%s", host, self->port, path);
    const bn_status status = bn_web_exchange(url, options, &out, NULL, &err);
    if (expected) assert_string_equal((char *)out.data, expected);
    bn_buffer_free(&out);
    return status;
}

static void limits_and_redirects_hold(void **state)
{
    (void)state;
    site self, inside;
    const bn_web_options open = {.allow_private = true, .timeout_ms = 20000, .redirects = 5};
    const bn_web_options hasty = {.allow_private = true, .timeout_ms = 100, .redirects = 5};
    const bn_web_options closed = {.timeout_ms = 20000, .redirects = 5};
    site_start(&self);
    assert_int_equal(fetch(&self, "127.0.0.1", "/ok", &open, "hello"), BIREFNET_OK);
    assert_int_equal(fetch(&self, "127.0.0.1", "/to/5", &open, "end"), BIREFNET_OK);
    assert_int_equal(fetch(&self, "127.0.0.1", "/to/6", &open, NULL), BIREFNET_ERROR_NETWORK);
    assert_int_equal(fetch(&self, "127.0.0.1", "/file", &open, NULL), BIREFNET_ERROR_NETWORK);
    assert_int_equal(fetch(&self, "127.0.0.1", "/nothing", &open, NULL), BIREFNET_ERROR_NETWORK);
    assert_int_equal(fetch(&self, "127.0.0.1", "/huge", &open, NULL), BIREFNET_ERROR_LIMIT);
    assert_int_equal(fetch(&self, "127.0.0.1", "/long", &open, NULL), BIREFNET_ERROR_LIMIT);
    assert_int_equal(fetch(&self, "127.0.0.1", "/slow", &hasty, NULL), BIREFNET_ERROR_NETWORK);
    site_stop(&self);
    site_start(&inside); /* another: one that was left after 100 ms may count itself much later */
    static const char *const hosts[] = {"127.0.0.1",          "localhost",  "127.1",
                                        "2130706433",         "0x7f000001", "0.0.0.0",
                                        "[::ffff:127.0.0.1]", "127.0.0.1.", "0177.0.0.1"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        assert_int_equal(fetch(&inside, hosts[i], "/ok", &closed, NULL), BIREFNET_ERROR_NETWORK);
    site_stop(&inside);
    assert_int_equal(inside.asked, 0); /* nobody even connected */
}

static void content_codings_are_undone(void **state)
{
    (void)state;
    site self;
    const bn_web_options options = {.allow_private = true, .timeout_ms = 20000, .redirects = 5};
    site_start(&self);
    static const char *const paths[] = {"/coded/gzip", "/coded/deflate", "/coded/raw", "/coded/br",
                                        "/coded/foreign"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(fetch(&self, "127.0.0.1", paths[i], &options, "hello"), BIREFNET_OK);
    assert_int_equal(fetch(&self, "127.0.0.1", "/coded/bomb", &options, NULL), BIREFNET_ERROR_LIMIT);
    assert_int_equal(fetch(&self, "127.0.0.1", "/coded/damaged", &options, NULL), BIREFNET_ERROR_NETWORK);
    site_stop(&self);
}

static void addresses_are_escaped_as_browsers_do(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"https://h.example/a.jpg?b=c", "https://h.example/a.jpg?b=c"},
        {" \nhttps://h/a b.jpg ", "https://h/a%20b.jpg"},
        {"https://h/a%20b%zz.jpg", "https://h/a%20b%zz.jpg"},
        {"https://h/gr\xc3\xb6\xc3\x9f"
         "e.png?\xc3\xbc",
         "https://h/gr%C3%B6%C3%9Fe.png?%C3%BC"},
        {"https://h/{a}|^`'\"<>", "https://h/%7Ba%7D|%5E%60'%22%3C%3E"},
        {"https://h?{a}'\"<>\\", "https://h?{a}%27%22%3C%3E\\"},
        {"http:\\\\h\\a\\b", "http://h/a/b"},
        {"http://h\\a?b\\c#d e", "http://h/a?b\\c"},
        {"ht\ttp://h/a\r\nb", "http://h/ab"},
        {"http://m\xc3\xbcller/", "http://m\xc3\xbcller/"},
        {"http://a b/", "http://a%20b/"},
        {"http#a://b/c d", "http"},
        {"http:\t//h/a b", "http://h/a%20b"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *escaped = bn_url_escape(pairs[i][0]);
        assert_string_equal(escaped, pairs[i][1]);
        free(escaped);
    }
    site self;
    const bn_web_options options = {.allow_private = true, .timeout_ms = 20000};
    site_start(&self);
    assert_int_equal(fetch(&self, "127.0.0.1", "/a b\xc3\xa4.jpg?x='y z#there ", &options, "escaped"),
                     BIREFNET_OK);
    site_stop(&self);
}

/* It sends one byte and no more; its place is for others, long before the timeout. */
static void trickling_hosts_are_given_up(void **state)
{
    (void)state;
    site self;
    const bn_web_options options = {.allow_private = true, .timeout_ms = 60000, .slow_ms = 200};
    site_start(&self);
    const double start_ms = bn_clock_ms();
    assert_int_equal(fetch(&self, "127.0.0.1", "/slow", &options, NULL), BIREFNET_ERROR_NETWORK);
    assert_true(bn_clock_ms() - start_ms < 20000);
    assert_int_equal(fetch(&self, "127.0.0.1", "/ok", &options, "hello"), BIREFNET_OK);
    site_stop(&self);
}

static void other_protocols_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "/etc/passwd", "http:", ""};
    const bn_web_options options = {.allow_private = true, .timeout_ms = 1000};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        bn_error err = {0};
        bn_buffer out;
        bn_buffer_init(&out, 100);
        assert_int_equal(bn_web_exchange(urls[i], &options, &out, NULL, &err), BIREFNET_ERROR_NETWORK);
        bn_buffer_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_ranges_are_known),
        cmocka_unit_test(limits_and_redirects_hold),
        cmocka_unit_test(content_codings_are_undone),
        cmocka_unit_test(addresses_are_escaped_as_browsers_do),
        cmocka_unit_test(trickling_hosts_are_given_up),
        cmocka_unit_test(other_protocols_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
