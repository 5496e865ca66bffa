/* json.c - see json.h. */
#include "cli/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *bn_json_text(const char *bytes)
{
    json_t *value = json_string(bytes);
    if (value || !bytes) return value ? value : json_null();
    char *copy = strdup(bytes);
    if (!copy) return json_null();
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    value = json_string(copy);
    free(copy);
    return value ? value : json_null();
}

void bn_json_print(const json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    putchar('\n');
}
