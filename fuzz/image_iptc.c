/* image_iptc.c - fuzz: any bytes as Photoshop's resources and as IPTC's datasets. */
#include "image/iptc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is kept is bounded, stays as it is when it is filtered again, and is found where it was wrapped up. */
static void filter(const uint8_t *iptc, size_t size, bn_metadata level)
{
    bn_buffer out, again, wrapped;
    const uint8_t *found = NULL;
    size_t found_bytes = 0;
    bn_buffer_init(&out, BN_IPTC_MAX_BYTES);
    bn_buffer_init(&again, BN_IPTC_MAX_BYTES);
    bn_buffer_init(&wrapped, BN_IPTC_MAX_BYTES + 16);
    if (bn_iptc_filter(iptc, size, level, &out, NULL) != BIREFNET_OK) abort();
    if (bn_iptc_filter(out.data, out.size, level, &again, NULL) != BIREFNET_OK) abort();
    if (again.size != out.size || (out.size && memcmp(again.data, out.data, out.size) != 0)) abort();
    if (out.size > 0) {
        if (bn_iptc_wrap(&out, &wrapped, NULL) != BIREFNET_OK) abort();
        if (!bn_iptc_find(wrapped.data, wrapped.size, &found, &found_bytes)) abort();
        if (found_bytes != out.size || memcmp(found, out.data, out.size) != 0) abort();
    }
    bn_buffer_free(&out);
    bn_buffer_free(&again);
    bn_buffer_free(&wrapped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + (size == 0));
    const uint8_t *found;
    size_t found_bytes;
    if (!bytes) abort();
    if (size) memcpy(bytes, data, size);
    for (bn_metadata level = BN_METADATA_NONE; level <= BN_METADATA_ALL; level++) {
        filter(bytes, size, level);
        if (bn_iptc_find(bytes, size, &found, &found_bytes)) filter(found, found_bytes, level);
    }
    free(bytes);
    return 0;
}
