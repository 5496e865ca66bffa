/* test_text.c - forms, ranges and origins: pure functions over what clients send. */
#include "tests/test.h"

#include "http/form.h"
#include "http/origin.h"
#include "http/range.h"

#define OURS "127.0.0.1:8000"

static bool form_of(const char *type, const char *body, bn_form *form)
{
    return bn_form_parse(type, (const uint8_t *)body, strlen(body), form);
}

static void forms_are_cut_at_their_boundaries(void **state)
{
    (void)state;
    static bn_form form;
    static const char type[] = "multipart/form-data; boundary=\"a b\"";
    static const char body[] =
        "preamble\r\n--a b\r\ncontent-DISPOSITION: form-data; filename=\"q\\\"x.jpg\"; name=\"file\"\r\n"
        "Content-Type: image/jpeg\r\n\r\nab\r\n--a \r\nc\r\n--a b\r\n"
        "Content-Disposition: form-data; name=empty\r\n\r\n\r\n--a b--\r\nepilogue";
    assert_true(form_of(type, body, &form));
    assert_int_equal(form.count, 2);
    assert_string_equal(form.parts[0].name, "file");
    assert_string_equal(form.parts[0].file_name, "q\"x.jpg");
    assert_string_equal(form.parts[0].type, "image/jpeg");
    assert_int_equal(form.parts[0].size, 11);
    assert_memory_equal(form.parts[0].data, "ab\r\n--a \r\nc", 11);
    assert_int_equal(bn_form_find(&form, "empty")->size, 0);
    assert_false(form_of(type, "--a b\r\nContent-Disposition: form-data; name=x\r\n\r\nno end", &form));
    assert_false(form_of(type, "--a b\r\nno line", &form));
    assert_false(form_of("multipart/form-data", body, &form));
    assert_false(form_of("text/plain", body, &form));
}

/* Forms of other programs have more fields than are read here, and longer names. */
static void fields_that_do_not_fit_are_passed_over(void **state)
{
    (void)state;
    static bn_form form;
    char body[40000] = "";
    size_t used = 0;
    used += (size_t)sprintf(
        body, "--a\r\n\r\nno name\r\n--a\r\nContent-Disposition: form-data; name=\"%0100d\"\r\n\r\nlong\r\n",
        7);
    for (int i = 0; i < 300; i++)
        used += (size_t)sprintf(body + used, "--a\r\nContent-Disposition: form-data; name=f%d\r\n\r\n%d\r\n",
                                i, i);
    sprintf(body + used, "--a--");
    assert_true(form_of("multipart/form-data; boundary=a", body, &form));
    assert_int_equal(form.count, BN_FORM_PARTS);
    assert_string_equal(form.parts[0].name, "f0");
    assert_memory_equal(bn_form_find(&form, "f255")->data, "255", 3);
    assert_null(bn_form_find(&form, "f256"));
}

static void ranges_are_cut_to_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bn_range_result result;
        uint64_t offset, bytes;
    } cases[] = {
        {"bytes=0-0", BN_RANGE_PART, 0, 1},
        {"bytes=90-200", BN_RANGE_PART, 90, 10},
        {"bytes=5-", BN_RANGE_PART, 5, 95},
        {"bytes=-7", BN_RANGE_PART, 93, 7},
        {"bytes=-700", BN_RANGE_PART, 0, 100},
        {"bytes=100-", BN_RANGE_OUTSIDE, 0, 0},
        {"bytes=-0", BN_RANGE_OUTSIDE, 0, 0},
        {"bytes=5-4", BN_RANGE_NONE, 0, 0},
        {"bytes=0-1,4-5", BN_RANGE_NONE, 0, 0},
        {"lines=1-2", BN_RANGE_NONE, 0, 0},
        {"bytes=99999999999999999999-", BN_RANGE_NONE, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t offset = 0, bytes = 0;
        if (bn_range_parse(cases[i].text, 100, &offset, &bytes) != cases[i].result)
            fail_msg("%s", cases[i].text);
        if (cases[i].result != BN_RANGE_PART) continue;
        assert_int_equal(offset, cases[i].offset);
        assert_int_equal(bytes, cases[i].bytes);
    }
}

static void pages_of_others_are_told_from_ours(void **state)
{
    (void)state;
    static const struct {
        const char *origin, *site, *host, *public_url;
        bool foreign;
    } cases[] = {
        {NULL, NULL, OURS, NULL, false}, /* no browser */
        {NULL, "none", OURS, NULL, false},
        {NULL, "same-origin", OURS, NULL, false},
        {NULL, "cross-site", OURS, NULL, true},
        {NULL, "same-site", OURS, NULL, true}, /* another port of this machine */
        {"http://" OURS, NULL, OURS, NULL, false},
        {"http://localhost:8000", "same-origin", "LocalHost:8000", NULL, false},
        {"http://[::1]:8000", NULL, "[::1]:8000", NULL, false},
        {"http://localhost:3000", NULL, "localhost:8000", NULL, true},
        {"http://127.0.0.1", NULL, OURS, NULL, true},
        {"null", NULL, OURS, NULL, true},
        {"", NULL, OURS, NULL, true},
        {"https://evil.example", NULL, OURS, NULL, true},
        {"http://evil.example:8000", "same-origin", "evil.example:8000", NULL, true}, /* rebound */
        {"http://127.0.0.1.evil.example:8000", NULL, "127.0.0.1.evil.example:8000", NULL, true},
        {"https://your.name", NULL, "127.0.0.1:8000", "https://your.name", false},
        {"https://your.name", NULL, "your.name", "https://your.name/", false},
        {"https://your.name.evil.example", NULL, OURS, "https://your.name", true},
        {"https://your", NULL, OURS, "https://your.name", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bn_origin_source source = {cases[i].origin, cases[i].site, cases[i].host, cases[i].public_url};
        if (bn_is_foreign_page(&source) != cases[i].foreign)
            fail_msg("%s at %s", cases[i].origin ? cases[i].origin : "(none)", cases[i].host);
    }
    assert_true(bn_host_is_ours("x.localhost", NULL));
    assert_false(bn_host_is_ours("notlocalhost", NULL));
    assert_false(bn_host_is_ours("", NULL));
    assert_false(bn_host_is_ours(NULL, "https://your.name"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_cut_at_their_boundaries),
        cmocka_unit_test(fields_that_do_not_fit_are_passed_over),
        cmocka_unit_test(ranges_are_cut_to_the_file),
        cmocka_unit_test(pages_of_others_are_told_from_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
