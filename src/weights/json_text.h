/* json_text.h - reads JSON from front to back, one value at a time: for headers of weights, which are flat, so that the library
 * needs no other one for them. Strict RFC 8259; besides, \u0000 and text that is not UTF-8 are refused. */
#ifndef BN_WEIGHTS_JSON_TEXT_H
#define BN_WEIGHTS_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bn_json_text {
    const char *text;
    size_t size, at;
    const char *fault; /* what is wrong at byte `at`; NULL while nothing is */
    char *
        word; /* the caller's, size + 1 bytes: the last string, zero-terminated; NULL: strings are only checked */
    size_t length; /* of word */
} bn_json_text;

/* Whether the text is one value and nothing behind it. What it lets pass the functions below can read without a fault,
 * but where a value is of another kind than the one that is asked for. */
bool bn_json_text_is_valid(const char *text, size_t size, size_t *fault_at, const char **fault);

/* The first byte of the next value: '{', '[', '"', a digit, ...; 0 at the end. */
char bn_json_text_peek(bn_json_text *in);

/* Go into the object or list that begins here; false where there is none. */
bool bn_json_text_enter(bn_json_text *in, char bracket);
/* Whether a further member follows; false once the bracket that was entered is behind us. *first begins as true. */
bool bn_json_text_next(bn_json_text *in, char closing, bool *first);

bool bn_json_text_string(bn_json_text *in);                /* to word */
bool bn_json_text_key(bn_json_text *in);                   /* the same, and the colon */
bool bn_json_text_whole(bn_json_text *in, int64_t *value); /* a number without point or exponent that fits */
bool bn_json_text_skip(bn_json_text *in);                  /* any value */

#endif
