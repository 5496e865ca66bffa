/* json.h - texts of unknown origin in the program's JSON. */
#ifndef BN_CLI_JSON_H
#define BN_CLI_JSON_H

#include <jansson.h>

/* Names of files need not be UTF-8, JSON must be: where they are not, bytes beyond ASCII become '?'. null for NULL. */
json_t *bn_json_text(const char *bytes);

/* On standard output, with a newline behind it; main looks for write errors. */
void bn_json_print(const json_t *json);

#endif
