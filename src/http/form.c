/* form.c - cutting a form at its boundary lines. */
#include "http/form.h"

#include "base/size.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY_MAX_BYTES 70 /* RFC 2046, section 5.1.1 */

/* From `at` behind the next semicolon that is not in quotes, and the blanks after it. */
static size_t next_parameter(const char *text, size_t length, size_t at)
{
    for (bool quoted = false; at < length && (quoted || text[at] != ';'); at++) {
        if (text[at] == '"') quoted = !quoted;
        if (quoted && text[at] == '\\') at++;
    }
    at++;
    while (at < length && (text[at] == ' ' || text[at] == '\t')) at++;
    return at;
}

/* What begins at `text`: a word, or text in quotes whose quoted pairs are undone. False where it is empty, too long or
 * holds control bytes. */
static bool read_value(const char *text, size_t length, char *value, size_t size)
{
    const bool quoted = length > 0 && *text == '"';
    size_t used = 0;
    for (size_t at = quoted; at < length; at++) {
        if (quoted ? text[at] == '"' : strchr("; \t", text[at]) != NULL) break;
        if (quoted && text[at] == '\\' && at + 1 < length && (text[at + 1] == '"' || text[at + 1] == '\\'))
            at++;
        if ((unsigned char)text[at] < 0x20 || used + 1 >= size) return false;
        value[used++] = text[at];
    }
    value[used] = '\0';
    return used > 0;
}

/* The value of `; name=value` or `; name="value"` behind a field's first word. */
static bool read_parameter(const char *text, size_t length, const char *name, char *value, size_t size)
{
    const size_t name_length = strlen(name);
    value[0] = '\0';
    for (size_t at = next_parameter(text, length, 0); at < length; at = next_parameter(text, length, at)) {
        const bool found = length - at > name_length && strncasecmp(text + at, name, name_length) == 0 &&
                           text[at + name_length] == '=';
        if (found) return read_value(text + at + name_length + 1, length - at - name_length - 1, value, size);
    }
    return false;
}

static const uint8_t *find(const uint8_t *from, const uint8_t *end, const char *what, size_t length)
{
    return from < end ? memmem(from, (size_t)(end - from), what, length) : NULL;
}

/* One field of a part's header section. */
static bool read_field(const char *line, size_t length, bn_form_part *part)
{
    static const char disposition[] = "content-disposition:", type[] = "content-type:";
    if (length > sizeof disposition - 1 && strncasecmp(line, disposition, sizeof disposition - 1) == 0) {
        const char *rest = line + sizeof disposition - 1;
        const size_t left = length - (sizeof disposition - 1);
        char file[sizeof part->file_name];
        if (!read_parameter(rest, left, "name", part->name, sizeof part->name)) part->name[0] = '\0';
        if (read_parameter(rest, left, "filename", file, sizeof file))
            memcpy(part->file_name, file, sizeof file);
    } else if (length > sizeof type - 1 && strncasecmp(line, type, sizeof type - 1) == 0) {
        const char *rest = line + sizeof type - 1;
        size_t left = length - (sizeof type - 1);
        while (left > 0 && *rest == ' ') rest++, left--;
        for (size_t i = 0; i < left; i++)
            if ((unsigned char)rest[i] < 0x20) return false;
        snprintf(part->type, sizeof part->type, "%.*s", (int)BN_MIN(left, sizeof part->type - 1), rest);
    }
    return true;
}

/* Header fields from `at` to the empty line; *data is what follows. */
static bool read_fields(const uint8_t *at, const uint8_t *end, bn_form_part *part, const uint8_t **data)
{
    for (int lines = 0; lines < 16; lines++) {
        const uint8_t *line_end = find(at, end, "\r\n", 2);
        if (!line_end) return false;
        if (line_end == at) {
            *data = at + 2;
            return true;
        }
        if (!read_field((const char *)at, (size_t)(line_end - at), part)) return false;
        at = line_end + 2;
    }
    return false;
}

/* A boundary, with the line break before it. */
typedef struct mark {
    char text[BOUNDARY_MAX_BYTES + 5];
    size_t length;
} mark;

static bool read_mark(const char *content_type, mark *between)
{
    char boundary[BOUNDARY_MAX_BYTES + 1];
    if (!content_type || strncasecmp(content_type, "multipart/form-data", 19) != 0) return false;
    if (!read_parameter(content_type, strlen(content_type), "boundary", boundary, sizeof boundary))
        return false;
    between->length = (size_t)snprintf(between->text, sizeof between->text, "\r\n--%s", boundary);
    return true;
}

/* Behind the first boundary, which may stand at the very beginning, without the line break before it; or NULL. */
static const uint8_t *skip_preamble(const uint8_t *body, size_t size, const mark *between)
{
    const size_t bare = between->length - 2;
    if (size >= bare && memcmp(body, between->text + 2, bare) == 0) return body + bare;
    const uint8_t *first = find(body, body + size, between->text, between->length);
    return first ? first + between->length : NULL;
}

/* From behind a boundary to behind the next one; NULL where the form is broken. */
static const uint8_t *read_part(const uint8_t *at, const uint8_t *end, const mark *between,
                                bn_form_part *part)
{
    while (at < end && (*at == ' ' || *at == '\t')) at++;
    if (end - at < 2 || at[0] != '\r' || at[1] != '\n') return NULL;
    memset(part, 0, sizeof *part);
    if (!read_fields(at + 2, end, part, &part->data)) return NULL;
    /* an empty part ends with the line break that also ended its fields */
    const uint8_t *next = find(part->data - 2, end, between->text, between->length);
    if (!next) return NULL;
    part->size = next > part->data ? (size_t)(next - part->data) : 0;
    return next + between->length;
}

bool bn_form_parse(const char *content_type, const uint8_t *body, size_t size, bn_form *form)
{
    mark between;
    const uint8_t *end = body + size;
    form->count = 0;
    if (!read_mark(content_type, &between)) return false;
    for (const uint8_t *at = skip_preamble(body, size, &between); at;) {
        if (end - at >= 2 && at[0] == '-' && at[1] == '-') return true;
        bn_form_part part;
        at = read_part(at, end, &between, &part);
        if (at && part.name[0] && form->count < BN_FORM_PARTS) form->parts[form->count++] = part;
    }
    return false;
}

const bn_form_part *bn_form_find(const bn_form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++)
        if (strcmp(form->parts[i].name, name) == 0) return &form->parts[i];
    return NULL;
}
