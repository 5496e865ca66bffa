/* test_s3_words.c - what S3's addresses and answers say, and what is no such thing; keys of files and of the environment. */
#include "tests/test.h"

#include "base/size.h"
#include "blobs/s3_answer.h"
#include "blobs/s3_keys.h"
#include "blobs/s3_place.h"

#include <unistd.h>

static void addresses_say_where(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_s3_place place;
    char path[600];
    assert_ok(bn_s3_place_parse("//photos", &place, &err), err);
    assert_string_equal(place.endpoint, "https://photos.s3.us-east-1.amazonaws.com");
    assert_string_equal(place.host, "photos.s3.us-east-1.amazonaws.com");
    bn_s3_place_path(&place, "ab", path, sizeof path);
    assert_string_equal(path, "/ab");
    assert_ok(bn_s3_place_parse("//photos/a/b/?region=eu-central-1", &place, &err), err);
    assert_string_equal(place.host, "photos.s3.eu-central-1.amazonaws.com");
    bn_s3_place_path(&place, "ab", path, sizeof path);
    assert_string_equal(path, "/a/b/ab");
    assert_ok(bn_s3_place_parse("//photos/x?endpoint=http%3a%2F%2Fs3.local:9000/&region=r&style=path", &place,
                                &err),
              err);
    assert_string_equal(place.endpoint, "http://s3.local:9000");
    assert_string_equal(place.host, "s3.local:9000");
    bn_s3_place_path(&place, "ab", path, sizeof path);
    assert_string_equal(path, "/photos/x/ab");
    assert_ok(bn_s3_place_parse("//photos?endpoint=http://s3.local&style=host", &place, &err), err);
    assert_string_equal(place.endpoint, "http://photos.s3.local");
}

static void addresses_that_are_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "photos",
        "//",
        "//ab",
        "//Photos",
        "//photos?endpoint",
        "//photos?endpoint=",
        "//photos?endpoint=ftp://x",
        "//photos?endpoint=https://user:secret@host",
        "//photos?endpoint=https://host/path",
        "//photos?region=",
        "//photos?style=odd&endpoint=https://x",
        "//photos?secret=x",
        "//photos/a//b",
        "//photos/../b",
        "//photos/a%0ab",
    };
    for (size_t i = 0; i < BN_COUNT(wrong); i++) {
        bn_error err = {0};
        bn_s3_place place;
        if (bn_s3_place_parse(wrong[i], &place, &err) != BIREFNET_ERROR_ARGUMENT || !err.message[0])
            fail_msg("%s", wrong[i]);
        assert_null(strstr(err.message, "secret"));
    }
}

static void answers_are_read_as_far_as_they_are_of_use(void **state)
{
    (void)state;
    static const struct {
        const char *xml, *name, *text;
    } cases[] = {
        {"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>x</Message></Error>", "Code",
         "NoSuchKey"},
        {"<CopyPartResult xmlns=\"urn:x\"><ETag>&quot;ab-2&quot;</ETag></CopyPartResult>", "ETag",
         "\"ab-2\""},
        {"<A><CodeName>no</CodeName><Code a=\"b\">yes</Code></A>", "Code", "yes"},
        {"<Code></Code>", "Code", ""},
    };
    static const char *const none[] = {
        "",
        "<",
        "<Code>",
        "<Code>a",
        "<Code>a</",
        "<Code>a<b/></Code>",
        "<Code/>",
        "<Code>a\nb</Code>",
        "<Code>&#0;</Code>",
        "<Code>&unknown;</Code>",
        "<Code>01234567890123456789</Code>",
    };
    char out[20];
    for (size_t i = 0; i < BN_COUNT(cases); i++) {
        assert_true(bn_s3_text_of(cases[i].xml, strlen(cases[i].xml), cases[i].name, out, sizeof out));
        assert_string_equal(out, cases[i].text);
    }
    for (size_t i = 0; i < BN_COUNT(none); i++) {
        if (bn_s3_text_of(none[i], strlen(none[i]), "Code", out, sizeof out)) fail_msg("%s", none[i]);
        assert_string_equal(out, "");
    }
    assert_int_equal(bn_s3_read_date("Fri, 24 May 2013 00:00:00 GMT"), 1369353600);
    assert_int_equal(bn_s3_read_date("yesterday"), -1);
}

static void write_keys(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_file_of_keys_is_read_again(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_s3_keys *keys;
    bn_s3_credentials now;
    char path[] = "/tmp/bn_keys_XXXXXX";
    close(mkstemp(path));
    write_keys(path, "aws_access_key_id = only half\n");
    assert_int_equal(bn_s3_keys_open(path, &keys, &err), BIREFNET_ERROR_ARGUMENT);
    write_keys(
        path, "# of tests\n[default]\n aws_access_key_id = me \r\nAWS_SECRET_ACCESS_KEY=hush+/=\nregion=x\n");
    assert_ok(bn_s3_keys_open(path, &keys, &err), err);
    bn_s3_keys_get(keys, &now);
    assert_string_equal(now.key_id, "me");
    assert_string_equal(now.secret, "hush+/=");
    assert_string_equal(now.token, "");
    write_keys(path, "AWS_ACCESS_KEY_ID=you\nAWS_SECRET_ACCESS_KEY=quiet\nAWS_SESSION_TOKEN=for an hour\n");
    bn_s3_keys_get(keys, &now); /* a blank in a token: what was good stays */
    assert_string_equal(now.key_id, "me");
    write_keys(path, "AWS_ACCESS_KEY_ID=you\nAWS_SECRET_ACCESS_KEY=quiet\nAWS_SESSION_TOKEN=for-an-hour\n");
    bn_s3_keys_get(keys, &now);
    assert_string_equal(now.key_id, "you");
    assert_string_equal(now.token, "for-an-hour");
    unlink(path);
    bn_s3_keys_get(keys, &now);
    assert_string_equal(now.key_id, "you");
    bn_s3_keys_close(&keys);
    assert_int_equal(bn_s3_keys_open(path, &keys, &err), BIREFNET_ERROR_NOT_FOUND);
}

static void expect_key(const char *path, const char *key_id, const char *secret, const char *token)
{
    bn_error err = {0};
    bn_s3_keys *keys;
    bn_s3_credentials now;
    assert_ok(bn_s3_keys_open(path, &keys, &err), err);
    bn_s3_keys_get(keys, &now);
    assert_string_equal(now.key_id, key_id);
    assert_string_equal(now.secret, secret);
    assert_string_equal(now.token, token);
    bn_s3_keys_close(&keys);
}

/* As AWS's tools write them: what stands in another profile is somebody else's. */
static void of_several_profiles_the_default_one_counts(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_s3_keys *keys;
    char path[] = "/tmp/bn_keys_XXXXXX";
    close(mkstemp(path));
    write_keys(path, "[default]\naws_access_key_id=me\naws_secret_access_key=hush\n"
                     "[backup]\naws_access_key_id=you\naws_secret_access_key=quiet\naws_session_token=t\n");
    expect_key(path, "me", "hush", "");
    write_keys(path, "[a]\naws_access_key_id=you\naws_session_token=two words\n"
                     "[ default ] # mine\naws_access_key_id=me\naws_secret_access_key=hush\n");
    expect_key(path, "me", "hush", "");
    write_keys(path, "[backup]\naws_access_key_id=you\naws_secret_access_key=quiet\n");
    expect_key(path, "you", "quiet", ""); /* the only one */
    write_keys(path, "[a]\naws_access_key_id=me\n[b]\naws_access_key_id=you\naws_secret_access_key=quiet\n");
    assert_int_equal(bn_s3_keys_open(path, &keys, &err), BIREFNET_ERROR_ARGUMENT);
    assert_non_null(strstr(err.message, "[default]"));
    unlink(path);
}

static void keys_of_the_environment(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_s3_keys *keys;
    bn_s3_credentials now;
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SESSION_TOKEN");
    setenv("AWS_SECRET_ACCESS_KEY", "hush", 1);
    assert_int_equal(bn_s3_keys_open(NULL, &keys, &err), BIREFNET_ERROR_ARGUMENT);
    assert_null(strstr(err.message, "hush"));
    setenv("AWS_ACCESS_KEY_ID", "me", 1);
    assert_ok(bn_s3_keys_open(NULL, &keys, &err), err);
    bn_s3_keys_get(keys, &now);
    assert_string_equal(now.key_id, "me");
    assert_string_equal(now.secret, "hush");
    bn_s3_keys_close(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_say_where),
        cmocka_unit_test(addresses_that_are_none),
        cmocka_unit_test(answers_are_read_as_far_as_they_are_of_use),
        cmocka_unit_test(a_file_of_keys_is_read_again),
        cmocka_unit_test(of_several_profiles_the_default_one_counts),
        cmocka_unit_test(keys_of_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
