/* store_postgres.c - values of any length that a database may send, and texts that are sent to it. */
#include "store/postgres_value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool right)
{
    if (!right) abort();
}

/* What was repaired needs no repair, and is as long. */
static void repair(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *repaired, *again;
    if (!text) return;
    memcpy(text, data, size);
    text[size] = '\0';
    require(bn_postgres_repair(text, &repaired, NULL) == BIREFNET_OK);
    if (repaired) {
        require(strlen(repaired) == strlen(text));
        require(bn_postgres_repair(repaired, &again, NULL) == BIREFNET_OK && !again);
    }
    free(repaired);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t whole;
    double real;
    char id[37], text[24];
    uint8_t *exact = malloc(size ? size : 1); /* without a byte behind it */
    if (!exact) return 0;
    memcpy(exact, data, size);
    require((bn_postgres_int(exact, size, &whole, NULL) == BIREFNET_OK) ==
            (size == 1 || size == 2 || size == 4 || size == 8));
    require((bn_postgres_double(exact, size, &real, NULL) == BIREFNET_OK) == (size == 8));
    require((bn_postgres_uuid(exact, size, id, NULL) == BIREFNET_OK) == (size == 16));
    if (size == 16) require(strlen(id) == 36);
    bn_postgres_text(exact, size, text, sizeof text);
    require(memchr(text, 0, sizeof text));
    free(exact);
    repair(data, size);
    return 0;
}
