/* test_visible.c - what shows itself stays byte by byte, what does not becomes one question mark. */
#include "tests/test.h"

#include "base/size.h"
#include "base/visible.h"

typedef struct shown {
    const char *from, *to;
} shown;

static void check(const char *from, size_t length, const char *to)
{
    char text[256];
    memset(text, 'x', sizeof text); /* behind the end: must not be looked at */
    memcpy(text, from, length);
    const size_t used = bn_make_visible(text, length);
    if (used != strlen(to) || memcmp(text, to, used) != 0) fail_msg("%.*s, not %s", (int)used, text, to);
}

static void hidden_characters_become_question_marks(void **state)
{
    (void)state;
    static const shown cases[] = {
        {"photo 1.jpg", "photo 1.jpg"},
        {"\xc3\xa4\xe6\xbc\xa2\xf0\x9f\x90\xb1 \xd7\xa9.png",
         "\xc3\xa4\xe6\xbc\xa2\xf0\x9f\x90\xb1 \xd7\xa9.png"},
        {"\x1b[31m\n\t\x7f", "?[31m???"},
        {"\xc2\x80|\xc2\x9b|\xc2\x9f|\xc2\xa0", "?|?|?|\xc2\xa0"}, /* C1 ends at U+009F */
        {"a\xe2\x80\xaa\xe2\x80\xaeg\xe2\x80\xac\xe2\x81\xa6\xe2\x81\xa9",
         "a??g???"},                                 /* embeddings, overrides, isolates */
        {"\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f", "???"}, /* marks of direction */
        {"\xe2\x80\x8b\xe2\x80\x8d\xe2\x81\xa0\xef\xbb\xbf\xc2\xad\xcd\x8f", "??????"}, /* no width */
        {"\xe2\x80\xa8\xe2\x80\xa9", "??"},                                             /* separators */
        {"\xe3\x85\xa4\xef\xbe\xa0\xe2\xa0\x80", "???"},                                /* fillers */
        {"\xf3\xa0\x81\xa1\xf3\xa0\x84\x80", "??"},                                     /* tags, selectors */
        {"\x9b\xff\xe4", "???"},                                                        /* Latin 1 */
        {"\xc0\x80\xe0\x80\x80\xf0\x80\x80\x80", "?????????"}, /* longer than needed */
        {"\xed\xa0\x80\xf4\x90\x80\x80", "???????"},           /* surrogate, beyond the last */
        {"\xe2\x82", "??"},                                    /* cut off */
        {"\xe2\x82\xac\xe2", "\xe2\x82\xac?"},
        {"", ""},
    };
    for (size_t i = 0; i < BN_COUNT(cases); i++) check(cases[i].from, strlen(cases[i].from), cases[i].to);
    check("a\0b", 3, "a?b");
}

/* Whatever the bytes: no longer, and doing it again changes nothing. */
static void any_bytes_become_text_once_and_for_all(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (int round = 0; round < 20000; round++) {
        char text[16], again[16];
        for (size_t i = 0; i < sizeof text; i++) {
            random = random * 1664525u + 1013904223u;
            text[i] = (char)(random >> 24);
        }
        const size_t used = bn_make_visible(text, sizeof text);
        assert_true(used <= sizeof text);
        memcpy(again, text, sizeof text);
        assert_int_equal(bn_make_visible(again, used), used);
        assert_memory_equal(again, text, used);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_characters_become_question_marks),
        cmocka_unit_test(any_bytes_become_text_once_and_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
