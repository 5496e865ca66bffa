/* http_connect.c - fuzz: any bytes as what a client sends to the CONNECT proxy, as they come: however they are cut, the
 * answer is the same. */
#include "http/connect.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_known(const char *name, size_t length)
{
    return length == 7 && memcmp(name, "fal.run", 7) == 0;
}

/* In a buffer that ends with them. */
static bn_connect_result parse(const uint8_t *data, size_t size, size_t *head_bytes)
{
    char *bytes = malloc(size + (size == 0));
    if (!bytes) abort();
    if (size) memcpy(bytes, data, size);
    const bn_connect_result result = bn_connect_parse(bytes, size, is_known, head_bytes);
    free(bytes);
    return result;
}

/* A head is accepted at its last byte and not before, and the same however much comes behind it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t head_bytes = 0, again = 0;
    const bn_connect_result result = parse(data, size, &head_bytes);
    if (result == BN_CONNECT_MORE && size >= BN_CONNECT_HEAD_MAX_BYTES) abort();
    if (result != BN_CONNECT_OK) return 0;
    if (head_bytes < 4 || head_bytes > size || data[head_bytes - 1] != '\n') abort();
    if (parse(data, head_bytes, &again) != BN_CONNECT_OK || again != head_bytes) abort();
    for (size_t cut = head_bytes; cut-- > 0;)
        if (parse(data, cut, &again) == BN_CONNECT_OK) abort();
    return 0;
}
