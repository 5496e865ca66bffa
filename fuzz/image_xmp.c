/* image_xmp.c - fuzz: any bytes as an XMP packet, and what of it is kept at each level. */
#include "image/xmp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void filter(const uint8_t *xmp, size_t size, bn_metadata level, bn_buffer *out)
{
    bn_buffer_init(out, BN_XMP_MAX_BYTES);
    if (bn_xmp_filter(xmp, size, level, out, NULL) != BIREFNET_OK) abort();
}

/* What is kept is a packet that can be read, bounded, and stays as it is when it is filtered again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *xmp = malloc(size + (size == 0));
    if (!xmp) abort();
    if (size) memcpy(xmp, data, size);
    for (bn_metadata level = BN_METADATA_NONE; level <= BN_METADATA_ALL; level++) {
        bn_buffer out, again;
        filter(xmp, size, level, &out);
        if (level == BN_METADATA_NONE && out.size > 0) abort();
        filter(out.data, out.size, level, &again);
        if (again.size != out.size || (out.size && memcmp(again.data, out.data, out.size) != 0)) abort();
        bn_buffer_free(&out);
        bn_buffer_free(&again);
    }
    free(xmp);
    return 0;
}
