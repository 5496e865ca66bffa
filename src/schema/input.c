/* input.c - a request's body against the table of fields, with the errors that the endpoint's framework gives. */
#include "base/size.h"
#include "schema/json.h"
#include "schema/schema.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ECHO_MAX_BYTES 4096  /* of what a client sent that is sent back to it */
#define VALUES_MAX     10000 /* of a body, which has about ten */

/* ---- entries of the error list ---- */

/* What was wrong, for the client to see; long things are only described. Takes `input` over. */
static json_t *echo(json_t *input)
{
    if (!input) return json_null();
    if (json_dumpb(input, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) <= ECHO_MAX_BYTES) return input;
    json_t *words;
    if (json_is_string(input)) {
        const char *text = json_string_value(input);
        size_t keep = 200;
        while (keep > 0 && ((unsigned char)text[keep] & 0xC0) == 0x80) keep--; /* not within a character */
        words = json_sprintf("%.*s... (%zu bytes)", (int)keep, text, json_string_length(input));
    } else {
        words = json_string("<a long value>");
    }
    json_decref(input);
    return words;
}

/* As the framework's own checks write it: no url, always an input. */
static void add_plain(json_t *detail, const char *field, const char *type, const char *msg, json_t *ctx,
                      json_t *input)
{
    json_t *loc = field ? json_pack("[s,s]", "body", field) : json_pack("[s]", "body");
    json_t *entry =
        json_pack("{s:s, s:o, s:s, s:o}", "type", type, "loc", loc, "msg", msg, "input", echo(input));
    if (ctx) json_object_set_new(entry, "ctx", ctx);
    json_array_append_new(detail, entry);
}

json_t *bn_detail_entry(const char *field, const char *type, const char *msg, json_t *ctx, json_t *input)
{
    json_t *loc = field ? json_pack("[s,s]", "body", field) : json_pack("[s]", "body");
    json_t *url = json_sprintf("https://docs.fal.ai/errors#%s", type);
    json_t *entry = json_pack("{s:o, s:s, s:s, s:o}", "loc", loc, "msg", msg, "type", type, "url", url);
    if (ctx) json_object_set_new(entry, "ctx", ctx);
    if (input) json_object_set_new(entry, "input", echo(input));
    return entry;
}

/* "'a', 'b' or 'c'" */
static void write_choices(const bn_field *field, char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; field->choices[i] && used < size; i++) {
        const char *before = i == 0 ? "" : field->choices[i + 1] ? ", " : " or ";
        used += (size_t)snprintf(text + used, size - used, "%s'%s'", before, field->choices[i]);
    }
}

/* ---- one field ---- */

bool bn_input_read_bool(const char *text, bool *value)
{
    static const char *const yes[] = {"true", "t", "yes", "y", "on", "1"};
    static const char *const no[] = {"false", "f", "no", "n", "off", "0"};
    for (size_t i = 0; i < BN_COUNT(yes); i++) {
        *value = strcasecmp(text, yes[i]) == 0;
        if (*value || strcasecmp(text, no[i]) == 0) return true;
    }
    return false;
}

static bool read_bool(const json_t *value, bool *result)
{
    if (json_is_boolean(value)) {
        *result = json_is_true(value);
        return true;
    }
    if (json_is_number(value)) {
        *result = json_number_value(value) == 1;
        return json_number_value(value) == 0 || json_number_value(value) == 1;
    }
    return json_is_string(value) && bn_input_read_bool(json_string_value(value), result);
}

static void check_bool(const bn_field *field, json_t *value, bool *result, json_t *detail)
{
    if (read_bool(value, result)) return;
    if (json_is_number(value) || json_is_string(value))
        add_plain(detail, field->name, "bool_parsing",
                  "Input should be a valid boolean, unable to interpret input", NULL, json_incref(value));
    else
        add_plain(detail, field->name, "bool_type", "Input should be a valid boolean", NULL,
                  json_incref(value));
}

/* The choice, or NULL after noting that it is none. */
static const char *check_choice(const bn_field *field, json_t *value, json_t *detail)
{
    for (size_t i = 0; json_is_string(value) && field->choices[i]; i++)
        if (strcmp(json_string_value(value), field->choices[i]) == 0) return field->choices[i];
    char choices[1024], msg[1100];
    write_choices(field, choices, sizeof choices);
    snprintf(msg, sizeof msg, "Input should be %s", choices);
    add_plain(detail, field->name, "literal_error", msg, json_pack("{s:s}", "expected", choices),
              json_incref(value));
    return NULL;
}

/* ---- the whole ---- */

typedef struct reader {
    json_t *body, *detail;
    bn_input *input;
    bool touch_up;
} reader;

static bool take_bool(reader *self, const bn_field *field)
{
    bool result = field->default_bool;
    json_t *value = json_object_get(self->body, field->name);
    if (value) check_bool(field, value, &result, self->detail);
    return result;
}

static const char *take_choice(reader *self, const bn_field *field)
{
    json_t *value = json_object_get(self->body, field->name);
    const char *choice = value ? check_choice(field, value, self->detail) : NULL;
    return choice ? choice : field->default_text;
}

/* True: a touch-up names a request instead of its photo. */
static bool take_request(reader *self)
{
    json_t *value = self->touch_up ? json_object_get(self->body, "request_id") : NULL;
    if (!value || json_is_null(value)) return false;
    if (json_is_string(value))
        self->input->request_id = strdup(json_string_value(value));
    else
        add_plain(self->detail, "request_id", "string_type", "Input should be a valid string", NULL,
                  json_incref(value));
    return true;
}

static void take_text(reader *self, const bn_field *field, char **place)
{
    json_t *value = json_object_get(self->body, field->name);
    if (!value && take_request(self)) return;
    if (!value)
        add_plain(self->detail, field->name, "missing", "Field required", NULL, json_incref(self->body));
    else if (!json_is_string(value))
        add_plain(self->detail, field->name, "string_type", "Input should be a valid string", NULL,
                  json_incref(value));
    else
        *place = strdup(json_string_value(value));
}

/* A text, a number or yes and no, as a word. */
static bool read_word(const json_t *value, char word[64])
{
    int length = -1;
    if (json_is_string(value))
        length = snprintf(word, 64, "%s", json_string_value(value));
    else if (json_is_number(value))
        length = snprintf(word, 64, "%.15g", json_number_value(value));
    else if (json_is_boolean(value))
        length = snprintf(word, 64, "%s", json_is_true(value) ? "true" : "false");
    return length >= 0 && length < 64;
}

/* The only field of its type: the background. */
static bool take_background_url(bn_input *input, const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text || (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0 &&
                  strncasecmp(text, "data:", 5) != 0))
        return false;
    input->background_url = strdup(text);
    input->picture.background = (bn_background){.kind = BN_BACKGROUND_IMAGE};
    return input->background_url != NULL;
}

/* The endpoint passes over fields that it does not know, and its clients may have some of the same names. Lists and objects cannot be
 * meant for ours. */
static void take_extra(reader *self, const bn_field *field)
{
    json_t *value = json_object_get(self->body, field->name);
    char word[64];
    if (!value || json_is_null(value) || json_is_object(value) || json_is_array(value)) return;
    if (field->type == BN_FIELD_WORDS_OR_IMAGE && take_background_url(self->input, value)) return;
    if (field->type == BN_FIELD_CHOICE) {
        const char *choice = check_choice(field, value, self->detail);
        if (choice) field->take(choice, &self->input->picture);
    } else if (!read_word(value, word) || (*word && !field->take(word, &self->input->picture))) {
        char msg[300];
        snprintf(msg, sizeof msg, "Value error, not understood. %.250s", field->description);
        add_plain(self->detail, field->name, "value_error", msg, NULL, json_incref(value));
    }
}

static void take_field(reader *self, const bn_field *field)
{
    char *place = (char *)self->input + field->place;
    const bool given = json_object_get(self->body, field->name) != NULL;
    if (field->extra)
        take_extra(self, field);
    else if (field->type == BN_FIELD_BOOL)
        *(bool *)(void *)place = take_bool(self, field);
    else if (field->type == BN_FIELD_CHOICE)
        field->put(take_choice(self, field), given, self->input);
    else
        take_text(self, field, (char **)(void *)place);
}

/* Not in the table: only a touch-up knows it, and says itself where it is missing. */
static void take_mask(reader *self)
{
    const char *text = json_string_value(json_object_get(self->body, "mask_url"));
    if (text) self->input->mask_url = strdup(text);
}

/* What no single field can know. */
static void check_together(reader *self)
{
    if (self->input->width != 2304 || strcmp(self->input->model, "General Use (Dynamic)") == 0) return;
    json_array_append_new(self->detail,
                          bn_detail_entry("operating_resolution", "feature_not_supported",
                                          "2304x2304 is for the model General Use (Dynamic) only", NULL,
                                          json_string("2304x2304")));
}

static void note_broken_json(const json_error_t *fault, json_t *detail)
{
    json_t *entry =
        json_pack("{s:s, s:[s,i], s:s, s:{}, s:{s:s}}", "type", "json_invalid", "loc", "body",
                  fault->position, "msg", "JSON decode error", "input", "ctx", "error", fault->text);
    if (!entry) /* the fault's text quotes bytes that are not UTF-8 */
        entry =
            json_pack("{s:s, s:[s,i], s:s, s:{}, s:{s:s}}", "type", "json_invalid", "loc", "body",
                      fault->position, "msg", "JSON decode error", "input", "ctx", "error", "not valid JSON");
    json_array_append_new(detail, entry);
}

void bn_input_free(bn_input *input)
{
    free(input->image_url);
    free(input->background_url);
    free(input->mask_url);
    free(input->request_id);
    *input = (bn_input){0};
}

static bn_status parse(const char *body, size_t body_bytes, bool touch_up, bn_input *input, json_t **detail,
                       bool *broken, bn_error *err)
{
    json_error_t fault;
    *input = (bn_input){0};
    bn_cutout_options_default(&input->picture);
    reader self = {.input = input, .detail = json_array(), .touch_up = touch_up};
    if (!self.detail) return bn_fail_memory(err, 0, "a list of errors");
    self.body = body ? bn_json_read(body, body_bytes, VALUES_MAX, &fault) : NULL;
    if (broken) *broken = body && !self.body;
    if (!body)
        add_plain(self.detail, NULL, "missing", "Field required", NULL, NULL);
    else if (!self.body)
        note_broken_json(&fault, self.detail);
    else if (!json_is_object(self.body))
        add_plain(self.detail, NULL, "model_attributes_type",
                  "Input should be a valid dictionary or object to extract fields from", NULL,
                  json_incref(self.body));
    else
        for (size_t i = 0; i < bn_schema_count(); i++) take_field(&self, bn_schema_at(i));
    if (json_array_size(self.detail) == 0) check_together(&self);
    take_mask(&self);
    json_decref(self.body);
    if (json_array_size(self.detail) == 0 && (input->image_url || input->request_id)) {
        json_decref(self.detail);
        return BIREFNET_OK;
    }
    bn_input_free(input);
    if (json_array_size(self.detail) == 0) {
        json_decref(self.detail);
        return bn_fail_memory(err, body_bytes, "an input");
    }
    *detail = self.detail;
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "the input does not fit the endpoint's schema");
}

bn_status bn_input_parse(const char *body, size_t body_bytes, bn_input *input, json_t **detail, bool *broken,
                         bn_error *err)
{
    return parse(body, body_bytes, false, input, detail, broken, err);
}

bn_status bn_input_parse_touch_up(const char *body, size_t body_bytes, bn_input *input, json_t **detail,
                                  bool *broken, bn_error *err)
{
    return parse(body, body_bytes, true, input, detail, broken, err);
}
