/* test_route.c - targets and routes: pure functions over what clients send. */
#include "tests/test.h"

#include "api/route.h"

static bn_target target;
static bn_route route;

static bn_target_result parse(const char *line, const char *host, const char *aim)
{
    const bn_target_source source = {.line = line, .host = host, .target_url = aim};
    return bn_target_parse(&source, &target);
}

static bn_route_kind route_of(bn_method method, const char *line, const char *host)
{
    if (parse(line, host, NULL) != BN_TARGET_OK) fail_msg("%s is no target", line);
    bn_route_find(method, &target, false, &route);
    return route.kind;
}

#define OURS "127.0.0.1:8000"

static void hosts_are_told_by_name_prefix_or_path(void **state)
{
    (void)state;
    static const struct {
        const char *line, *host;
        bn_method method;
        bn_route_kind kind;
    } cases[] = {
        {"/fal-ai/birefnet/v2", "fal.run", BN_METHOD_POST, BN_ROUTE_RUN},
        {"/fal-ai/birefnet/v2/", "fal.run:443", BN_METHOD_POST, BN_ROUTE_RUN},
        {"/fal-ai/birefnet", "falrun.com", BN_METHOD_POST, BN_ROUTE_RUN},
        {"/fal-ai/birefnet/v2", "queue.fal.run", BN_METHOD_POST, BN_ROUTE_SUBMIT},
        {"/run/fal-ai/birefnet/v2", OURS, BN_METHOD_POST, BN_ROUTE_RUN},
        {"/queue/fal-ai/birefnet/v2?fal_webhook=x", OURS, BN_METHOD_POST, BN_ROUTE_SUBMIT},
        {"/queue/fal-ai/birefnet/v2/nope", OURS, BN_METHOD_POST, BN_ROUTE_SUBMIT},
        {"/run/fal-ai/birefnet/v2/nope", OURS, BN_METHOD_POST, BN_ROUTE_NO_PATH},
        {"/run/fal-ai/other", OURS, BN_METHOD_POST, BN_ROUTE_NO_APP},
        {"/run/fal-ai/birefnet/v2", OURS, BN_METHOD_GET, BN_ROUTE_METHOD},
        {"/fal-ai/birefnet/v2", OURS, BN_METHOD_POST, BN_ROUTE_RUN},
        {"/fal-ai/birefnet/requests/i/status", OURS, BN_METHOD_GET, BN_ROUTE_STATUS},
        {"/queue/fal-ai/birefnet/v2/requests/i/status/stream/", OURS, BN_METHOD_GET, BN_ROUTE_STATUS_STREAM},
        {"/queue/fal-ai/birefnet/requests/i", OURS, BN_METHOD_GET, BN_ROUTE_RESULT},
        {"/queue/fal-ai/birefnet/requests/i/response", OURS, BN_METHOD_GET, BN_ROUTE_RESULT},
        {"/queue/fal-ai/birefnet/requests/i/cancel", OURS, BN_METHOD_PUT, BN_ROUTE_CANCEL},
        {"/queue/fal-ai/birefnet/requests/i/cancel", OURS, BN_METHOD_GET, BN_ROUTE_METHOD},
        {"/storage/upload/initiate?storage_type=gcs", "rest.fal.ai", BN_METHOD_POST,
         BN_ROUTE_UPLOAD_INITIATE},
        {"/rest/storage/upload/initiate-multipart", OURS, BN_METHOD_POST, BN_ROUTE_MULTIPART_INITIATE},
        {"/storage/auth/token", OURS, BN_METHOD_POST, BN_ROUTE_UPLOAD_TOKEN},
        {"/tokens/", "rest.alpha.fal.ai", BN_METHOD_POST, BN_ROUTE_TOKENS},
        {"/rest/.well-known/jwks.json", OURS, BN_METHOD_GET, BN_ROUTE_JWKS},
        {"/files/upload", "v3.fal.media", BN_METHOD_POST, BN_ROUTE_CDN_UPLOAD},
        {"/files/b/0a/n.png", "v3b.fal.media", BN_METHOD_HEAD, BN_ROUTE_FILE},
        {"/files/b/0a/n.png/multipart/77/3", OURS, BN_METHOD_PUT, BN_ROUTE_PUT_PART},
        {"/files/b/0a/n.png/multipart/77/0", OURS, BN_METHOD_PUT, BN_ROUTE_NOT_FOUND},
        {"/files/b/0a/n.png/multipart/77/10001", OURS, BN_METHOD_PUT, BN_ROUTE_NOT_FOUND},
        {"/upload/77/n.png", OURS, BN_METHOD_PUT, BN_ROUTE_PUT_FILE},
        {"/upload/77/n.png/complete", OURS, BN_METHOD_POST, BN_ROUTE_PUT_COMPLETE},
        {"/upload/7%2f7/n.png", OURS, BN_METHOD_PUT, BN_ROUTE_NOT_FOUND},
        {"/api/openapi/queue/openapi.json", "fal.ai", BN_METHOD_GET, BN_ROUTE_OPENAPI},
        {"/api/fal/proxy", OURS, BN_METHOD_POST, BN_ROUTE_PROXY},
        {"/api/remove", OURS, BN_METHOD_POST, BN_ROUTE_REMBG_POST},
        {"/", OURS, BN_METHOD_GET, BN_ROUTE_PAGE},
        {"/healthz", OURS, BN_METHOD_GET, BN_ROUTE_HEALTH},
        {"/touchup", OURS, BN_METHOD_POST, BN_ROUTE_TOUCH_UP},
        {"/touchup", OURS, BN_METHOD_GET, BN_ROUTE_METHOD},
        {"/admin", OURS, BN_METHOD_GET, BN_ROUTE_PAGE},
        {"/admin", OURS, BN_METHOD_POST, BN_ROUTE_METHOD},
        {"/admin/overview.json", OURS, BN_METHOD_GET, BN_ROUTE_ADMIN_OVERVIEW},
        {"/admin/overview.json", OURS, BN_METHOD_OPTIONS, BN_ROUTE_METHOD},
        {"/admin/overview.json", "fal.run", BN_METHOD_GET, BN_ROUTE_NO_APP},
        {"/admin/keys", OURS, BN_METHOD_POST, BN_ROUTE_ADMIN_KEY_MAKE},
        {"/admin/keys/a%2fb/revoke", OURS, BN_METHOD_POST, BN_ROUTE_ADMIN_KEY_REVOKE},
        {"/admin/keys/a/revoke", OURS, BN_METHOD_GET, BN_ROUTE_METHOD},
        {"/admin/keys/a", OURS, BN_METHOD_POST, BN_ROUTE_NOT_FOUND},
        {"/anything", OURS, BN_METHOD_OPTIONS, BN_ROUTE_OPTIONS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (route_of(cases[i].method, cases[i].line, cases[i].host) != cases[i].kind)
            fail_msg("%s at %s is route %d, not %d", cases[i].line, cases[i].host, route.kind, cases[i].kind);
}

static void addresses_are_written_as_the_client_knows_them(void **state)
{
    (void)state;
    static const struct {
        const char *line, *host, *aim, *queue, *files;
    } cases[] = {
        {"/queue/x", OURS, NULL, "http://" OURS "/queue", "http://" OURS},
        {"/x", OURS, NULL, "http://" OURS, "http://" OURS},
        {"/x", "queue.fal.run", NULL, "http://queue.fal.run", "http://v3.fal.media"},
        {"/api/fal/proxy", OURS, "https://queue.fal.run/x", "https://queue.fal.run", "http://" OURS},
        {"/x", "[::1]:80", NULL, "http://[::1]:80", "http://[::1]:80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(cases[i].line, cases[i].host, cases[i].aim), BN_TARGET_OK);
        assert_string_equal(target.queue_base, cases[i].queue);
        assert_string_equal(target.file_base, cases[i].files);
    }
    const bn_target_source proxied = {.line = "/queue/x", .host = OURS, .public_url = "https://cut.example/"};
    assert_int_equal(bn_target_parse(&proxied, &target), BN_TARGET_OK);
    assert_string_equal(target.queue_base, "https://cut.example/queue");
    assert_string_equal(target.file_base, "https://cut.example");
}

static void odd_targets_are_refused(void **state)
{
    (void)state;
    assert_int_equal(parse("/%zz", OURS, NULL), BN_TARGET_BAD);
    assert_int_equal(parse("/%00", OURS, NULL), BN_TARGET_BAD);
    assert_int_equal(parse("/a%0d%0ab", OURS, NULL), BN_TARGET_BAD);
    assert_int_equal(parse("/", "a b", NULL), BN_TARGET_BAD);
    assert_int_equal(parse("/", "user@host", NULL), BN_TARGET_BAD);
    assert_int_equal(parse("ftp://fal.run/", OURS, NULL), BN_TARGET_BAD);
    assert_int_equal(parse("/a/b/c/d/e/f/g/h/i/j/k/l/m", OURS, NULL), BN_TARGET_LONG);
    assert_int_equal(parse("/x", OURS, "https://example.com/"), BN_TARGET_FOREIGN);
    assert_int_equal(parse("/x", OURS, "https://fal.run.example.com/"), BN_TARGET_FOREIGN);
    assert_int_equal(parse("/x", OURS, "https://user@fal.run/"), BN_TARGET_FOREIGN);
}

static void queries_are_decoded_once(void **state)
{
    (void)state;
    assert_int_equal(parse("/x?a=1&b=http%3A%2F%2Fh%2F%253f&&c&d=a+b=", OURS, NULL), BN_TARGET_OK);
    assert_string_equal(bn_target_query(&target, "b"), "http://h/%3f");
    assert_string_equal(bn_target_query(&target, "c"), "");
    assert_string_equal(bn_target_query(&target, "d"), "a b=");
    assert_null(bn_target_query(&target, "e"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_told_by_name_prefix_or_path),
        cmocka_unit_test(addresses_are_written_as_the_client_knows_them),
        cmocka_unit_test(odd_targets_are_refused),
        cmocka_unit_test(queries_are_decoded_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
