/* test_json_text.c - our reader of JSON beside jansson's: they take and refuse the same texts, and read the same words. */
#include "tests/test.h"

#include "base/size.h"
#include "weights/json_text.h"

#include <jansson.h>

static const char *const seeds[] = {
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},\"__metadata__\":{\"k\":\"v\"}}",
    "[1,-2.5e+3,0.25E-1,0,-0,true,false,null,\"\\u00e9\\ud83d\\ude00 \\n\\\\ \\\" \\/\",{},[]]",
    " { \"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\" : [ [ [ ] , { } ] ] } \n",
    "\"\\uD83D\\uDE00\\u20ac\"",
    "[]",
};

static uint32_t state = 7;

static uint32_t next_random(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

/* A letter or some changed, left out, added or doubled. */
static size_t mutate(const char *seed, char *text, size_t room)
{
    static const char letters[] = "{}[]\",:\\u0123456789aeE+-.tfn \t\xC3\xA9\xED\xA0\xF4\x01";
    size_t length = strlen(seed);
    memcpy(text, seed, length);
    for (uint32_t rounds = next_random(4); rounds > 0 && length > 1 && length + 1 < room; rounds--) {
        const size_t at = next_random((uint32_t)length);
        const char letter = letters[next_random(sizeof letters - 1)];
        if (next_random(3) == 0) {
            text[at] = letter;
        } else if (next_random(2) == 0) {
            memmove(text + at, text + at + 1, length - at - 1);
            length--;
        } else {
            memmove(text + at + 1, text + at, length - at);
            text[at] = letter;
            length++;
        }
    }
    return length;
}

static void the_same_texts_are_taken_and_refused(void **unused)
{
    (void)unused;
    int taken = 0, refused = 0;
    for (int round = 0; round < 60000; round++) {
        char text[512];
        const size_t length = mutate(seeds[(size_t)round % BN_COUNT(seeds)], text, sizeof text);
        json_error_t theirs;
        json_t *tree = json_loadb(text, length, JSON_DECODE_ANY, &theirs);
        const bool too_large = !tree && json_error_code(&theirs) == json_error_numeric_overflow;
        json_decref(tree);
        size_t at;
        const char *fault;
        const bool ours = bn_json_text_is_valid(text, length, &at, &fault);
        if (ours != (tree != NULL) && !too_large)
            fail_msg("%.*s: jansson says %s, we say %s at %zu", (int)length, text, tree ? "yes" : theirs.text,
                     ours ? "yes" : fault, at);
        taken += ours;
        refused += !ours;
    }
    assert_true(taken > 10000 && refused > 10000);
}

static void words_are_what_jansson_reads(void **unused)
{
    (void)unused;
    for (int round = 0; round < 20000; round++) {
        char text[512], word[512];
        const size_t length = mutate(seeds[3], text, sizeof text);
        json_t *tree = json_loadb(text, length, JSON_DECODE_ANY, NULL);
        if (json_is_string(tree)) {
            bn_json_text in = {.text = text, .size = length, .word = word};
            assert_true(bn_json_text_string(&in));
            assert_int_equal(in.length, json_string_length(tree));
            assert_string_equal(word, json_string_value(tree));
        }
        json_decref(tree);
    }
}

static void what_is_too_deep_is_refused_without_recursion(void **unused)
{
    (void)unused;
    static char text[100000];
    memset(text, '[', sizeof text);
    size_t at;
    const char *fault;
    assert_false(bn_json_text_is_valid(text, sizeof text, &at, &fault));
    assert_string_equal(fault, "too deep");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_texts_are_taken_and_refused),
        cmocka_unit_test(words_are_what_jansson_reads),
        cmocka_unit_test(what_is_too_deep_is_refused_without_recursion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
