/* form.h - multipart/form-data (RFC 7578) in one buffer: the few fields of an upload form. Fuzzed. */
#ifndef BN_HTTP_FORM_H
#define BN_HTTP_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BN_FORM_PARTS 256

typedef struct bn_form_part {
    char name[64];
    char file_name[200]; /* empty for plain fields */
    char type[100];      /* Content-Type; empty where none was given */
    const uint8_t *data; /* borrowed from the body */
    size_t size;
} bn_form_part;

typedef struct bn_form {
    size_t count;
    bn_form_part parts[BN_FORM_PARTS];
} bn_form;

/* content_type is the request's. False where it is not such a form, or a broken one. Parts beyond BN_FORM_PARTS, and those
 * whose name does not fit, are passed over: no field that is read here is one of them. */
bool bn_form_parse(const char *content_type, const uint8_t *body, size_t size, bn_form *form);

const bn_form_part *bn_form_find(const bn_form *form,
                                 const char *name); /* the first; NULL if there is none */

#endif
