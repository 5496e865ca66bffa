/* test_s3_sign.c - signatures: the published examples of AWS ("Authenticating Requests", S3's API reference), and what is
 * too long for one. */
#include "tests/test.h"

#include "base/size.h"
#include "blobs/s3_sign.h"

#include <sodium.h>

#define FRIDAY 1369353600 /* 20130524T000000Z */

static const bn_s3_credentials alice = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                        ""};

static bn_s3_request request_of(const char *method, const char *path, const char *payload)
{
    return (bn_s3_request){
        .method = method, .host = "examplebucket.s3.amazonaws.com", .path = path, .payload = payload};
}

static void check(const bn_s3_request *request, const char *target, const char *names, const char *signature)
{
    bn_error err = {0};
    bn_s3_signed out;
    char expected[400];
    assert_ok(bn_s3_sign(request, &alice, "us-east-1", FRIDAY, &out, &err), err);
    assert_string_equal(out.target, target);
    assert_string_equal(out.date, "20130524T000000Z");
    snprintf(expected, sizeof expected,
             "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
             "SignedHeaders=%s,Signature=%s",
             names, signature);
    assert_string_equal(out.authorization, expected);
}

static void the_published_examples_in_a_header(void **state)
{
    (void)state;
    char nothing[65], words[65];
    bn_s3_hash("", 0, nothing);
    bn_s3_hash("Welcome to Amazon S3.", 21, words);
    bn_s3_request get = request_of("GET", "/test.txt", nothing);
    get.headers[get.header_count++] = (bn_s3_pair){"range", "bytes=0-9"};
    check(&get, "/test.txt", "host;range;x-amz-content-sha256;x-amz-date",
          "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    bn_s3_request put = request_of("PUT", "/test$file.text", words);
    put.headers[put.header_count++] = (bn_s3_pair){"x-amz-storage-class", "REDUCED_REDUNDANCY"};
    put.headers[put.header_count++] = (bn_s3_pair){"date", "Fri, 24 May 2013 00:00:00 GMT"};
    check(&put, "/test%24file.text", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
          "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    bn_s3_request lifecycle = request_of("GET", "/", nothing);
    lifecycle.query[lifecycle.query_count++] = (bn_s3_pair){"lifecycle", ""};
    check(&lifecycle, "/?lifecycle=", "host;x-amz-content-sha256;x-amz-date",
          "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    bn_s3_request list = request_of("GET", "/", nothing);
    list.query[list.query_count++] = (bn_s3_pair){"prefix", "J"};
    list.query[list.query_count++] = (bn_s3_pair){"max-keys", "2"};
    check(&list, "/?max-keys=2&prefix=J", "host;x-amz-content-sha256;x-amz-date",
          "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void the_published_example_in_an_address(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_s3_signed out;
    const bn_s3_request get = request_of("GET", "/test.txt", NULL);
    assert_ok(bn_s3_presign(&get, &alice, "us-east-1", FRIDAY, 86400, &out, &err), err);
    assert_string_equal(
        out.target,
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"
        "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders="
        "host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    assert_string_equal(out.authorization, "");
}

/* A token stands among what is signed, in both forms. */
static void a_token_is_signed(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_s3_signed out, other;
    bn_s3_credentials temporary = alice;
    strcpy(temporary.token, "a/token+=");
    const bn_s3_request get = request_of("GET", "/a b", BN_S3_UNSIGNED);
    assert_ok(bn_s3_sign(&get, &temporary, "x", FRIDAY, &out, &err), err);
    assert_non_null(strstr(out.authorization, "x-amz-date;x-amz-security-token,"));
    assert_string_equal(out.target, "/a%20b");
    assert_ok(bn_s3_presign(&get, &temporary, "x", FRIDAY, 60, &out, &err), err);
    assert_non_null(strstr(out.target, "&X-Amz-Security-Token=a%2Ftoken%2B%3D&"));
    assert_ok(bn_s3_presign(&get, &alice, "x", FRIDAY, 60, &other, &err), err);
    assert_string_not_equal(strstr(out.target, "Signature="), strstr(other.target, "Signature="));
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_s3_signed out;
    char *path = malloc(7001);
    memset(path, 'x', 7000);
    path[0] = '/';
    path[7000] = '\0';
    bn_s3_request get = request_of("GET", path, BN_S3_UNSIGNED);
    assert_int_equal(bn_s3_sign(&get, &alice, "x", FRIDAY, &out, &err), BIREFNET_ERROR_LIMIT);
    assert_int_equal(bn_s3_presign(&get, &alice, "x", FRIDAY, 60, &out, &err), BIREFNET_ERROR_LIMIT);
    get.path = "/";
    assert_int_equal(bn_s3_sign(&get, &alice, path, FRIDAY, &out, &err), BIREFNET_ERROR_LIMIT);
    get.headers[get.header_count++] = (bn_s3_pair){"range", path};
    assert_int_equal(bn_s3_sign(&get, &alice, "x", FRIDAY, &out, &err), BIREFNET_ERROR_LIMIT);
    get.header_count = BN_S3_PAIRS;
    for (size_t i = 0; i < BN_S3_PAIRS; i++) get.headers[i] = (bn_s3_pair){"a", "b"};
    assert_int_equal(bn_s3_sign(&get, &alice, "x", FRIDAY, &out, &err), BIREFNET_ERROR_LIMIT);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_examples_in_a_header),
        cmocka_unit_test(the_published_example_in_an_address),
        cmocka_unit_test(a_token_is_signed),
        cmocka_unit_test(what_is_too_long_is_refused),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
