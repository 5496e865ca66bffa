/* api_request.c - any bytes as request line, Host (and Range), x-fal-target-url: target, route, range. */
#include "http/range.h"
#include "api/route.h"

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

static void check_range(const char *text, uint64_t file_bytes)
{
    uint64_t offset = 0, bytes = 0;
    if (bn_range_parse(text, file_bytes, &offset, &bytes) != BN_RANGE_PART) return;
    if (bytes == 0 || offset >= file_bytes || bytes > file_bytes - offset) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bn_target target;
    char *line = next_line(&data, &size), *host = next_line(&data, &size), *aim = next_line(&data, &size);
    const bn_target_source source = {.line = line ? line : "/", .host = host, .target_url = aim};
    if (bn_target_parse(&source, &target) == BN_TARGET_OK) check_target(&target);
    check_range(host, size);
    free(line);
    free(host);
    free(aim);
    return 0;
}
