/* schema_datauri.c - data URIs: what is read fits its cap, and is the same after it was written and read again. */
#include "schema/datauri.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    bn_buffer bytes, uri, again;
    memcpy(text, data, size);
    text[size] = '\0';
    bn_buffer_init(&bytes, 1000);
    bn_buffer_init(&uri, 10000);
    bn_buffer_init(&again, 1000);
    if (bn_data_uri_read(text, &bytes, NULL) == BIREFNET_OK) {
        if (bytes.size > 1000) abort();
        if (bn_data_uri_write("a/b", bytes.data, bytes.size, &uri, NULL) != BIREFNET_OK) abort();
        if (bn_data_uri_read((const char *)uri.data, &again, NULL) != BIREFNET_OK) abort();
        if (again.size != bytes.size || (bytes.size > 0 && memcmp(again.data, bytes.data, bytes.size) != 0))
            abort();
    }
    bn_buffer_free(&bytes);
    bn_buffer_free(&uri);
    bn_buffer_free(&again);
    free(text);
    return 0;
}
