/* shape.c - see shape.h. */
#include "schema/shape.h"

/* The index of the quotation mark that ends the string, or bytes. */
static size_t end_of_string(const char *text, size_t bytes, size_t i)
{
    while (i < bytes && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
    return i < bytes ? i : bytes;
}

/* Every value but the first follows one of these: what opens a list or an object, a comma, a colon. */
bool bn_shape_fits(const char *text, size_t bytes, size_t max_values, size_t max_depth, size_t *at)
{
    size_t values = 1, depth = 0;
    for (size_t i = 0; i < bytes; i++) {
        const char c = text[i];
        const bool opens = c == '[' || c == '{';
        if (c == '"') i = end_of_string(text, bytes, i + 1);
        if (opens) depth++;
        if ((c == ']' || c == '}') && depth > 0) depth--;
        if (opens || c == ',' || c == ':') values++;
        if (values > max_values || depth > max_depth) {
            *at = i;
            return false;
        }
    }
    return true;
}
