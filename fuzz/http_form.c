/* http_form.c - fuzz: the first line as a Content-Type, the rest as a multipart form. */
#include "http/form.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_form(const char *type, const uint8_t *body, size_t size)
{
    static bn_form form;
    if (!bn_form_parse(type, body, size, &form)) return;
    if (form.count > BN_FORM_PARTS) abort();
    for (size_t i = 0; i < form.count; i++) {
        const bn_form_part *part = &form.parts[i];
        if (!*part->name || part->data < body || part->data > body + size) abort();
        if (part->size > (size_t)(body + size - part->data)) abort();
        if (strlen(part->file_name) + strlen(part->type) >= sizeof part->file_name + sizeof part->type)
            abort();
        if (!bn_form_find(&form, part->name)) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    const size_t length = end ? (size_t)(end - data) : size, skipped = length + (end != NULL);
    char *type = malloc(length + 1);
    uint8_t *body = malloc(size - skipped + 1); /* of its own, so that one byte too far is seen */
    if (!type || !body) abort();
    if (length) memcpy(type, data, length);
    type[length] = '\0';
    if (size > skipped) memcpy(body, data + skipped, size - skipped);
    check_form(type, body, size - skipped);
    free(body);
    free(type);
    return 0;
}
