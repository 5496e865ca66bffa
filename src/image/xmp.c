/* xmp.c - see xmp.h. expat reads; what passes the rules is written again below one rdf:Description. Document types are
 * refused, so that there are no entities to expand. */
#include "image/xmp.h"

#include "base/size.h"
#include "image/xmp_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <expat.h>

/* No character of XML, so that no name can hold it. */
#define SEPARATOR '\x01'

enum { MAX_READ_BYTES = 1 << 20, MAX_BODY_BYTES = 56000, MAX_DEPTH = 64 };
enum { MAX_SPACES = 64, MAX_URI_CHARS = 200, MAX_PREFIX_CHARS = 24 };

typedef struct name_space {
    char uri[MAX_URI_CHARS], prefix[MAX_PREFIX_CHARS];
} name_space;

typedef struct xmp_filter {
    XML_Parser parser;
    bn_metadata level;
    /* depths of open elements; 0: none of its kind is open */
    int depth, rdf, description, skipped;
    bn_buffer body;
    bool too_long, no_memory;
    /* where the property began, to take it back */
    size_t begin_bytes, begin_spaces;
    size_t space_count;
    name_space spaces[MAX_SPACES];
} xmp_filter;

/* "URI, separator, local name, separator, prefix", the last two missing where there is none. */
typedef struct xml_name {
    char uri[MAX_URI_CHARS], prefix[MAX_PREFIX_CHARS];
    char local[128];
} xml_name;

/* False for names without a namespace, which XMP does not have, and for overlong ones. */
static bool split_name(const char *text, xml_name *name)
{
    *name = (xml_name){.prefix = ""};
    const char *local = strchr(text, SEPARATOR);
    if (!local) return false;
    const char *prefix = strchr(local + 1, SEPARATOR);
    const size_t uri_chars = (size_t)(local - text),
                 local_chars = prefix ? (size_t)(prefix - local - 1) : strlen(local + 1);
    if (uri_chars >= sizeof name->uri || local_chars >= sizeof name->local) return false;
    memcpy(name->uri, text, uri_chars);
    memcpy(name->local, local + 1, local_chars);
    if (prefix && strlen(prefix + 1) < sizeof name->prefix) strcpy(name->prefix, prefix + 1);
    return true;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

/* What does not fit takes its property with it. */
static void note(xmp_filter *self, bn_status status)
{
    self->no_memory = self->no_memory || status == BIREFNET_ERROR_MEMORY;
    self->too_long = self->too_long || status != BIREFNET_OK;
}

static void write_text(xmp_filter *self, const char *text)
{
    if (!self->too_long) note(self, bn_buffer_append(&self->body, text, strlen(text), NULL));
}

/* Blanks that a reader would change are written as numbers. */
static bn_status append_escaped(bn_buffer *out, const char *text, size_t size, bool attribute, bn_error *err)
{
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        const bool as_number = c == '&' || c == '<' || c == '>' || c == '\r' ||
                               (attribute && (c == '"' || c == '\n' || c == '\t'));
        BN_TRY(as_number ? bn_buffer_printf(out, err, "&#%d;", c) : bn_buffer_append(out, &c, 1, err));
    }
    return BIREFNET_OK;
}

static void write_escaped(xmp_filter *self, const char *text, size_t size, bool attribute)
{
    if (!self->too_long) note(self, append_escaped(&self->body, text, size, attribute, NULL));
}

static bool is_prefix_free(const xmp_filter *self, const char *prefix)
{
    if (!*prefix || strcmp(prefix, "x") == 0 || strncmp(prefix, "xml", 3) == 0) return false;
    for (size_t i = 0; i < self->space_count; i++)
        if (strcmp(self->spaces[i].prefix, prefix) == 0) return false;
    return true;
}

/* The prefix of a namespace in the result; NULL where there are too many. */
static const char *find_prefix(xmp_filter *self, const xml_name *name)
{
    if (strcmp(name->uri, "http://www.w3.org/XML/1998/namespace") == 0) return "xml";
    for (size_t i = 0; i < self->space_count; i++)
        if (strcmp(self->spaces[i].uri, name->uri) == 0) return self->spaces[i].prefix;
    if (self->space_count == MAX_SPACES) return NULL;
    name_space *space = &self->spaces[self->space_count];
    memcpy(space->uri, name->uri, sizeof space->uri);
    memcpy(space->prefix, name->prefix, sizeof space->prefix);
    for (int i = 1; !is_prefix_free(self, space->prefix); i++)
        snprintf(space->prefix, sizeof space->prefix, "ns%d", i);
    self->space_count++;
    return space->prefix;
}

/* "<prefix:local" or "</prefix:local"; nothing more of this property where that is not possible. */
static void write_name(xmp_filter *self, const char *before, const xml_name *name)
{
    const char *prefix = find_prefix(self, name);
    if (!prefix) self->too_long = true;
    write_text(self, before);
    write_text(self, prefix ? prefix : "");
    write_text(self, ":");
    write_text(self, name->local);
}

/* ---- choosing ------------------------------------------------------------------------------------------ */

static void begin_property(xmp_filter *self)
{
    self->begin_bytes = self->body.size;
    self->begin_spaces = self->space_count;
}

static void end_property(xmp_filter *self)
{
    write_text(self, "\n");
    if (!self->too_long) return;
    self->body.size = self->begin_bytes;
    self->space_count = self->begin_spaces;
    self->too_long = false;
}

/* Properties with plain values may stand as attributes of their rdf:Description: they become elements. */
static void take_short_properties(xmp_filter *self, const XML_Char **attributes)
{
    for (; *attributes; attributes += 2) {
        xml_name name;
        if (!split_name(attributes[0], &name) || strncmp(name.uri, "http://www.w3.org/", 18) == 0 ||
            bn_xmp_level(name.uri, name.local) > (int)self->level)
            continue;
        begin_property(self);
        write_name(self, "<", &name);
        write_text(self, ">");
        write_escaped(self, attributes[1], strlen(attributes[1]), false);
        write_name(self, "</", &name);
        write_text(self, ">");
        end_property(self);
    }
}

static void write_element(xmp_filter *self, const xml_name *name, const XML_Char **attributes)
{
    write_name(self, "<", name);
    for (; *attributes; attributes += 2) {
        xml_name attribute;
        if (!split_name(attributes[0], &attribute) ||
            bn_xmp_level(attribute.uri, attribute.local) > BN_METADATA_ALL)
            continue;
        write_name(self, " ", &attribute);
        write_text(self, "=\"");
        write_escaped(self, attributes[1], strlen(attributes[1]), true);
        write_text(self, "\"");
    }
    write_text(self, ">");
}

static bool is_rdf(const xml_name *name, const char *local)
{
    return strcmp(name->uri, BN_XMP_RDF) == 0 && strcmp(name->local, local) == 0;
}

/* What is inside a property goes with it, but for what never goes. */
static void on_start(void *user, const XML_Char *text, const XML_Char **attributes)
{
    xmp_filter *self = user;
    xml_name name;
    if (++self->depth > MAX_DEPTH) XML_StopParser(self->parser, XML_FALSE);
    if (self->skipped) return;
    const bool known = split_name(text, &name);
    if (!self->rdf) {
        if (known && is_rdf(&name, "RDF")) self->rdf = self->depth;
        return;
    }
    if (!self->description) {
        self->description = known && is_rdf(&name, "Description") ? self->depth : 0;
        self->skipped = self->description ? 0 : self->depth;
        if (self->description) take_short_properties(self, attributes);
        return;
    }
    const bool is_property = self->depth == self->description + 1;
    const int most = is_property ? (int)self->level : BN_METADATA_ALL;
    if (!known || bn_xmp_level(name.uri, name.local) > most) {
        self->skipped = self->depth;
        return;
    }
    if (is_property) begin_property(self);
    write_element(self, &name, attributes);
}

static void on_end(void *user, const XML_Char *text)
{
    xmp_filter *self = user;
    xml_name name;
    if (self->skipped == self->depth) {
        self->skipped = 0;
    } else if (!self->skipped && self->description && self->depth > self->description) {
        split_name(text, &name);
        write_name(self, "</", &name);
        write_text(self, ">");
        if (self->depth == self->description + 1) end_property(self);
    }
    if (self->depth == self->description) self->description = 0;
    if (self->depth == self->rdf) self->rdf = 0;
    self->depth--;
}

static void on_text(void *user, const XML_Char *text, int size)
{
    xmp_filter *self = user;
    if (!self->skipped && self->description && self->depth > self->description)
        write_escaped(self, text, (size_t)size, false);
}

static void on_document_type(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                             int has_internal)
{
    (void)name, (void)system, (void)public, (void)has_internal;
    const xmp_filter *self = user;
    XML_StopParser(self->parser, XML_FALSE);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static bool read_packet(xmp_filter *self, const uint8_t *xmp, size_t size)
{
    const bool wide = xmp[0] == 0 || xmp[0] >= 0xFE;           /* UTF-16 */
    while (!wide && size > 1 && xmp[size - 1] == '\0') size--; /* some programs end it as a text of C */
    self->parser = XML_ParserCreateNS(NULL, SEPARATOR);
    self->no_memory = !self->parser;
    if (!self->parser) return false;
    XML_SetReturnNSTriplet(self->parser, 1);
    XML_SetUserData(self->parser, self);
    XML_SetElementHandler(self->parser, on_start, on_end);
    XML_SetCharacterDataHandler(self->parser, on_text);
    XML_SetStartDoctypeDeclHandler(self->parser, on_document_type);
    const bool read = XML_Parse(self->parser, (const char *)xmp, (int)size, XML_TRUE) == XML_STATUS_OK;
    if (XML_GetErrorCode(self->parser) == XML_ERROR_NO_MEMORY) self->no_memory = true;
    XML_ParserFree(self->parser);
    return read && !self->no_memory;
}

static bn_status write_packet(const xmp_filter *self, bn_buffer *out, bn_error *err)
{
    BN_TRY(bn_buffer_printf(out, err,
                            "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
                            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n"
                            "<rdf:RDF xmlns:rdf=\"" BN_XMP_RDF "\">\n<rdf:Description rdf:about=\"\""));
    for (size_t i = 1; i < self->space_count; i++) {
        const name_space *space = &self->spaces[i];
        BN_TRY(bn_buffer_printf(out, err, "\n xmlns:%s=\"", space->prefix));
        BN_TRY(append_escaped(out, space->uri, strlen(space->uri), true, err));
        BN_TRY(bn_buffer_append(out, "\"", 1, err));
    }
    BN_TRY(bn_buffer_printf(out, err, ">\n"));
    BN_TRY(bn_buffer_append(out, self->body.data, self->body.size, err));
    return bn_buffer_printf(out, err, "</rdf:Description>\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>");
}

bn_status bn_xmp_filter(const uint8_t *xmp, size_t size, bn_metadata level, bn_buffer *out, bn_error *err)
{
    const size_t begin = out->size;
    if (level == BN_METADATA_NONE || size == 0 || size > MAX_READ_BYTES) return BIREFNET_OK;
    xmp_filter *self = calloc(1, sizeof *self);
    if (!self) return bn_fail_memory(err, sizeof *self, "a photo's data");
    *self = (xmp_filter){.level = level, .space_count = 1, .spaces = {{BN_XMP_RDF, "rdf"}}};
    bn_buffer_init(&self->body, MAX_BODY_BYTES);
    bn_status status = BIREFNET_OK;
    const bool read = read_packet(self, xmp, size);
    if (self->no_memory)
        status = bn_fail_memory(err, 0, "a photo's data");
    else if (read && self->body.size > 0)
        status = write_packet(self, out, err);
    if (status != BIREFNET_OK) out->size = begin;
    if (status == BIREFNET_ERROR_LIMIT) status = BIREFNET_OK; /* too many namespaces to fit */
    bn_buffer_free(&self->body);
    free(self);
    return status;
}
