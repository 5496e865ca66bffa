/* json_text.c - see json_text.h. */
#include "weights/json_text.h"

#include <string.h>

#define MAX_DEPTH 64 /* headers have three levels */

static bool fail(bn_json_text *in, const char *fault)
{
    if (!in->fault) in->fault = fault;
    return false;
}

char bn_json_text_peek(bn_json_text *in)
{
    while (in->at < in->size && in->text[in->at] && strchr(" \t\n\r", in->text[in->at])) in->at++;
    return in->at < in->size ? in->text[in->at] : '\0';
}

static bool take(bn_json_text *in, char expected)
{
    if (bn_json_text_peek(in) != expected) return false;
    in->at++;
    return true;
}

bool bn_json_text_enter(bn_json_text *in, char bracket)
{
    return take(in, bracket) || fail(in, bracket == '{' ? "no object" : "no list");
}

bool bn_json_text_next(bn_json_text *in, char closing, bool *first)
{
    if (in->fault) return false;
    const bool was_first = *first;
    *first = false;
    if (take(in, closing)) return false;
    return was_first || take(in, ',') || fail(in, "a comma or a closing bracket is missing");
}

/* ---- strings ---- */

static void put(bn_json_text *in, uint32_t byte)
{
    if (in->word) in->word[in->length] = (char)byte;
    in->length++;
}

static void put_code(bn_json_text *in, uint32_t code)
{
    if (code < 0x80) {
        put(in, code);
        return;
    }
    if (code >= 0x10000) {
        put(in, 0xF0 | code >> 18);
        put(in, 0x80 | (code >> 12 & 0x3F));
    } else if (code >= 0x800) {
        put(in, 0xE0 | code >> 12);
    }
    if (code >= 0x800)
        put(in, 0x80 | (code >> 6 & 0x3F));
    else
        put(in, 0xC0 | code >> 6);
    put(in, 0x80 | (code & 0x3F));
}

static bool read_hex(bn_json_text *in, uint32_t *code)
{
    static const char digits[] = "0123456789abcdef";
    *code = 0;
    if (in->size - in->at < 4) return fail(in, "the text ends in an escape");
    for (int i = 0; i < 4; i++, in->at++) {
        const char letter = in->text[in->at];
        const char *digit = letter ? strchr(digits, letter | (letter >= 'A' ? 0x20 : 0)) : NULL;
        if (!digit || !*digit) return fail(in, "an escape is not hexadecimal");
        *code = *code << 4 | (uint32_t)(digit - digits);
    }
    return true;
}

static bool read_unicode(bn_json_text *in)
{
    uint32_t code, low;
    if (!read_hex(in, &code)) return false;
    if (code == 0) return fail(in, "\\u0000 is not allowed");
    if (code >= 0xDC00 && code < 0xE000) return fail(in, "half of a surrogate pair");
    if (code >= 0xD800 && code < 0xDC00) {
        if (in->size - in->at < 2 || memcmp(in->text + in->at, "\\u", 2) != 0)
            return fail(in, "half of a surrogate pair");
        in->at += 2;
        if (!read_hex(in, &low)) return false;
        if (low < 0xDC00 || low >= 0xE000) return fail(in, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    put_code(in, code);
    return true;
}

static bool read_escape(bn_json_text *in)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char letter = in->at < in->size ? in->text[in->at++] : '\0';
    if (letter == 'u') return read_unicode(in);
    const char *place = letter ? strchr(letters, letter) : NULL;
    if (!place) return fail(in, "an escape that there is not");
    put(in, (unsigned char)meant[place - letters]);
    return true;
}

/* One character of more than one byte: neither cut off, nor longer than it need be, nor half of a pair. */
static bool read_wide(bn_json_text *in)
{
    const unsigned char *at = (const unsigned char *)in->text + in->at;
    const size_t bytes = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    if (at[0] < 0xC2 || at[0] > 0xF4 || in->size - in->at < bytes) return fail(in, "not UTF-8");
    uint32_t code = at[0] & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xC0) != 0x80) return fail(in, "not UTF-8");
        code = code << 6 | (at[i] & 0x3F);
    }
    if ((bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000) || code > 0x10FFFF ||
        (code >= 0xD800 && code < 0xE000))
        return fail(in, "not UTF-8");
    in->at += bytes;
    put_code(in, code);
    return true;
}

bool bn_json_text_string(bn_json_text *in)
{
    in->length = 0;
    if (!take(in, '"')) return fail(in, "no string");
    while (in->at < in->size) {
        const unsigned char byte = (unsigned char)in->text[in->at];
        if (byte < 0x20) return fail(in, "a control character in a string");
        if (byte >= 0x80) {
            if (!read_wide(in)) return false;
            continue;
        }
        in->at++;
        if (byte == '"') {
            if (in->word) in->word[in->length] = '\0';
            return true;
        }
        if (byte != '\\')
            put(in, byte);
        else if (!read_escape(in))
            return false;
    }
    return fail(in, "a string without an end");
}

bool bn_json_text_key(bn_json_text *in)
{
    return bn_json_text_string(in) && (take(in, ':') || fail(in, "a colon is missing"));
}

/* ---- numbers and the rest ---- */

static bool is_digit(const bn_json_text *in)
{
    return in->at < in->size && in->text[in->at] >= '0' && in->text[in->at] <= '9';
}

bool bn_json_text_whole(bn_json_text *in, int64_t *value)
{
    const bool negative = take(in, '-');
    uint64_t number = 0;
    if (!is_digit(in)) return fail(in, "no number");
    for (; is_digit(in); in->at++) {
        const uint64_t digit = (uint64_t)(in->text[in->at] - '0');
        if (number > (INT64_MAX - digit) / 10) return fail(in, "a number too large");
        number = 10 * number + digit;
    }
    if (in->at < in->size && in->text[in->at] && strchr(".eE", in->text[in->at]))
        return fail(in, "no whole number");
    *value = negative ? -(int64_t)number : (int64_t)number;
    return true;
}

static bool skip_digits(bn_json_text *in)
{
    if (!is_digit(in)) return fail(in, "a digit is missing");
    while (is_digit(in)) in->at++;
    return true;
}

static bool skip_number(bn_json_text *in)
{
    if (in->text[in->at] == '-') in->at++;
    const bool zero = is_digit(in) && in->text[in->at] == '0';
    const size_t begin = in->at;
    if (!skip_digits(in)) return false;
    if (zero && in->at > begin + 1) return fail(in, "a number with a zero in front");
    if (in->at < in->size && in->text[in->at] == '.') {
        in->at++;
        if (!skip_digits(in)) return false;
    }
    if (in->at < in->size && (in->text[in->at] | 0x20) == 'e') {
        in->at++;
        if (in->at < in->size && (in->text[in->at] == '+' || in->text[in->at] == '-')) in->at++;
        return skip_digits(in);
    }
    return true;
}

static bool skip_word(bn_json_text *in)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t length = strlen(words[i]);
        if (in->size - in->at < length || memcmp(in->text + in->at, words[i], length) != 0) continue;
        in->at += length;
        return true;
    }
    return fail(in, "no value");
}

/* Without recursion: what closes each bracket that is open. */
bool bn_json_text_skip(bn_json_text *in)
{
    char closing[MAX_DEPTH];
    bool first[MAX_DEPTH];
    int depth = 0;
    do {
        if (depth > 0) {
            if (!bn_json_text_next(in, closing[depth - 1], &first[depth - 1])) {
                depth--;
                continue;
            }
            if (closing[depth - 1] == '}' && !bn_json_text_key(in)) return false;
        }
        const char byte = bn_json_text_peek(in);
        if (byte == '{' || byte == '[') {
            if (depth == MAX_DEPTH) return fail(in, "too deep");
            closing[depth] = byte == '{' ? '}' : ']';
            first[depth++] = true;
            in->at++;
        } else if (byte == '"') {
            bn_json_text_string(in);
        } else if (byte == '-' || (byte >= '0' && byte <= '9')) {
            skip_number(in);
        } else {
            skip_word(in);
        }
    } while (depth > 0 && !in->fault);
    return !in->fault;
}

bool bn_json_text_is_valid(const char *text, size_t size, size_t *fault_at, const char **fault)
{
    bn_json_text in = {.text = text, .size = size};
    if (bn_json_text_skip(&in)) bn_json_text_peek(&in);
    if (!in.fault && in.at < size) fail(&in, "something behind the end");
    *fault_at = in.at;
    *fault = in.fault;
    return !in.fault;
}
