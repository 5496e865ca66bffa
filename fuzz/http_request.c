/* http_request.c - any bytes as request line, Host (and Range), x-fal-target-url and body: target, route, range, form;
 * and as the head of a CONNECT. */
#include "http/connect.h"
#include "http/form.h"
#include "http/range.h"
#include "http/route.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next line of the input as a string of its own; NULL at the end, or where it is empty. */
static char *next_line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size ? memchr(*data, '\n', *size) : NULL;
    const size_t length = end ? (size_t)(end - *data) : *size;
    char *line = malloc(length + 1);
    if (!line) abort();
    if (length) memcpy(line, *data, length);
    line[length] = '\0';
    *data += length + (end != NULL);
    *size -= length + (end != NULL);
    if (*line) return line;
    free(line);
    return NULL;
}

static bool inside(const bn_target *target, const char *text)
{
    return text >= target->text && text < target->text + sizeof target->text &&
           memchr(text, 0, (size_t)(target->text + sizeof target->text - text));
}

static void check_target(const bn_target *target)
{
    for (size_t i = 0; i < target->segment_count; i++)
        if (!inside(target, target->segments[i]) || !*target->segments[i]) abort();
    for (size_t i = 0; i < target->query_count; i++)
        if (!inside(target, target->queries[i].name) || !inside(target, target->queries[i].value)) abort();
    for (int method = BN_METHOD_GET; method <= BN_METHOD_OTHER; method++) {
        bn_route route;
        bn_route_find((bn_method)method, target, method & 1, &route);
        if (route.kind == BN_ROUTE_METHOD && !route.allow) abort();
        if (route.kind >= BN_ROUTE_STATUS && route.kind <= BN_ROUTE_CANCEL && !inside(target, route.id))
            abort();
        if (route.kind == BN_ROUTE_PUT_PART && (route.part < 1 || route.part > 10000)) abort();
    }
}

static void check_form(const char *type, const uint8_t *body, size_t size)
{
    static bn_form form;
    if (!bn_form_parse(type, body, size, &form)) return;
    for (size_t i = 0; i < form.count; i++) {
        const bn_form_part *part = &form.parts[i];
        if (!*part->name || part->data < body || part->data > body + size) abort();
        if (part->size > (size_t)(body + size - part->data)) abort();
    }
}

static void check_range(const char *text, uint64_t file_bytes)
{
    uint64_t offset = 0, bytes = 0;
    if (bn_range_parse(text, file_bytes, &offset, &bytes) != BN_RANGE_PART) return;
    if (bytes == 0 || offset >= file_bytes || bytes > file_bytes - offset) abort();
}

/* A head is accepted at its last byte and not before, and the same however much comes behind it. */
static void check_connect(const char *bytes, size_t size)
{
    size_t head_bytes, again;
    const bn_connect_result result = bn_connect_parse(bytes, size, &head_bytes);
    if (result != BN_CONNECT_OK) return;
    if (head_bytes < 4 || head_bytes > size || bytes[head_bytes - 1] != '\n') abort();
    if (bn_connect_parse(bytes, head_bytes, &again) != BN_CONNECT_OK || again != head_bytes) abort();
    if (bn_connect_parse(bytes, head_bytes - 1, &again) == BN_CONNECT_OK) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_connect((const char *)data, size);
    static bn_target target;
    char *line = next_line(&data, &size), *host = next_line(&data, &size), *aim = next_line(&data, &size);
    char *type = next_line(&data, &size);
    const bn_target_source source = {.line = line ? line : "/", .host = host, .target_url = aim};
    if (bn_target_parse(&source, &target) == BN_TARGET_OK) check_target(&target);
    check_range(host, size);
    check_form(type, data, size);
    free(line);
    free(host);
    free(aim);
    free(type);
    return 0;
}
