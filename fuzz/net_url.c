/* net_url.c - addresses: what is escaped holds nothing that may not stand in a request line, and escaping it again changes
 * nothing. */
#include "net/url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    char *once = bn_url_escape(text), *twice = bn_url_escape(once);
    if (strcmp(once, twice) != 0) abort();
    const char *authority = strstr(once, "://");
    const char *path = authority ? authority + 3 + strcspn(authority + 3, "/?") : NULL;
    for (const char *at = once; *at; at++)
        if ((uint8_t)*at <= ' ' || *at == 0x7f) abort();
    for (; path && *path; path++)
        if ((uint8_t)*path >= 0x7f || *path == '"') abort();
    free(once);
    free(twice);
    free(text);
    return 0;
}
