/* test_headers.c - a request goes out with all of its headers or not at all. The linker puts a table of ours in front of
 * libcurl's (--wrap). */
#include "tests/test.h"

#include "tests/net/server.h"

#include "net/curl.h"
#include "net/fetch.h"

const bn_curl *__real_bn_curl_open(bn_error *err);
const bn_curl *__wrap_bn_curl_open(bn_error *err);

static int left; /* headers until memory ends */

static struct curl_slist *append(struct curl_slist *list, const char *text)
{
    return left-- > 0 ? __real_bn_curl_open(NULL)->slist_append(list, text) : NULL;
}

const bn_curl *__wrap_bn_curl_open(bn_error *err)
{
    static bn_curl table;
    const bn_curl *real = __real_bn_curl_open(err);
    if (!real) return NULL;
    table = *real;
    table.slist_append = append;
    return &table;
}

static void all_headers_or_no_request(void **state)
{
    (void)state;
    static const char *const headers[] = {"Content-Type: application/json", "X-Fal-Webhook-Signature: 00",
                                          NULL};
    server host = {.body = (const uint8_t *)"here", .size = 4, .etag = "\"1\""};
    if (!server_start(&host)) skip();
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", host.port);
    const bn_web_options options = {.headers = headers, .timeout_ms = 20000, .allow_private = true};
    for (left = 0; left < 3;) {
        const int able = left;
        bn_error err = {0};
        bn_buffer out;
        long code = 0;
        bn_buffer_init(&out, 1000);
        const bn_status status = bn_web_exchange(url, &options, &out, &code, &err);
        assert_int_equal(status, able < 2 ? BIREFNET_ERROR_MEMORY : BIREFNET_OK);
        assert_int_equal(host.requests, able < 2 ? 0 : 1);
        bn_buffer_free(&out);
        left = able + 1;
    }
    server_stop(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_headers_or_no_request)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
