/* schema.h - the input and output of the endpoint, declared once: the table below drives validation, the OpenAPI
 * document, the page's form and the documentation. */
#ifndef BN_SCHEMA_SCHEMA_H
#define BN_SCHEMA_SCHEMA_H

#include "base/buffer.h"
#include "cutout/cutout.h"

#include <jansson.h>
#include <stdbool.h>

typedef enum bn_field_type {
    BN_FIELD_STRING = 0,
    BN_FIELD_CHOICE,
    BN_FIELD_BOOL,
    BN_FIELD_WORDS, /* text that something reads (take): as numbers and yes or no, too; empty is not given */
    BN_FIELD_WORDS_OR_IMAGE, /* the same, or an address as image_url has it */
} bn_field_type;

struct bn_input;

typedef struct bn_field {
    const char *name, *title, *description;
    bn_field_type type;
    bool required;
    const char *const *choices;  /* CHOICE: ends with NULL */
    const char *default_text;    /* CHOICE */
    bool default_bool;           /* BOOL */
    const char *const *examples; /* ends with NULL; or NULL */
    bool extra;                  /* none of the endpoint's: what the program can do besides */
    /* Of extra fields: put the word into input->picture; false: it is none. For CHOICE called where the field was given. */
    bool (*take)(const char *word, bn_cutout_options *picture);
    /* Of the endpoint's fields: where a STRING (char *) or BOOL goes in bn_input, or what puts a CHOICE there; `given` is whether
     * the caller named it. */
    size_t place;
    void (*put)(const char *choice, bool given, struct bn_input *input);
} bn_field;

size_t bn_schema_count(void);
const bn_field *bn_schema_at(size_t index);

/* A valid input. Texts are owned. */
typedef struct bn_input {
    char *image_url;
    char *
        mask_url; /* what a touch-up composes by; NULL: not given. No field of the endpoint, which passes over it */
    char *request_id; /* of a touch-up: whose photo it is, where image_url is NULL; else NULL */
    char model[64];
    int width, height;   /* operating_resolution */
    bool has_resolution; /* the caller named it */
    bn_format format;
    bool output_mask, refine_foreground, sync_mode, mask_only;
    bn_cutout_options picture; /* defaults, and what the extra fields make of them */
    char *background_url; /* NULL, or where the image is that picture.background (IMAGE) does not have yet */
} bn_input;

/* The words that the endpoint's framework takes for true and false; false for others. */
bool bn_input_read_bool(const char *text, bool *value);

void bn_input_free(bn_input *input);

/* Parse and check a body (NULL: there was none). FORMAT: *detail is the endpoint's list of errors, the caller's to drop;
 * *broken (may be NULL) whether it was no JSON at all, or larger in memory than any input. OK: input is filled. */
bn_status bn_input_parse(const char *body, size_t body_bytes, bn_input *input, json_t **detail, bool *broken,
                         bn_error *err);

/* The same for a touch-up, where the id of a request may stand for the photo: image_url is NULL then. */
bn_status bn_input_parse_touch_up(const char *body, size_t body_bytes, bn_input *input, json_t **detail,
                                  bool *broken, bn_error *err);

/* One entry of an error list as the endpoint's own checks write it, with the address of its explanation. ctx and input
 * are taken over and may be NULL; NULL where memory ran out. field NULL: the whole body. */
json_t *bn_detail_entry(const char *field, const char *type, const char *msg, json_t *ctx, json_t *input);

/* The OpenAPI 3 document; server_url is what paths are relative to. */
bn_status bn_schema_openapi(const char *server_url, bn_buffer *out, bn_error *err);

/* One output file, as results name it. */
typedef struct bn_output_file {
    const char *url, *type, *name;
    uint64_t size;
    int width, height;
} bn_output_file;
/* {"image": ..., "mask_image": ...} with all six members each; mask may be NULL. The caller drops *output. */
bn_status bn_output_make(const bn_output_file *image, const bn_output_file *mask, json_t **output,
                         bn_error *err);

#endif
