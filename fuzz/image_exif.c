/* image_exif.c - fuzz: any bytes as an EXIF block: a small image turned by what it says, and what of it is kept at each
 * level. */
#include "image/orientation.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Turning moves samples and makes none: their sum stays. */
static void turn(int orientation)
{
    bn_image *image = NULL;
    if (bn_image_create(5, 3, 3, 8, &image, NULL) != BIREFNET_OK) return;
    uint8_t *pixels = image->pixels;
    unsigned before = 0, after = 0;
    for (size_t i = 0; i < bn_image_bytes(image); i++) before += pixels[i] = (uint8_t)(i * i);
    if (bn_image_orient(image, orientation, NULL) != BIREFNET_OK) abort();
    pixels = image->pixels;
    for (size_t i = 0; i < bn_image_bytes(image); i++) after += pixels[i];
    if (after != before || (image->width == 3) != bn_orientation_swaps_sides(orientation)) abort();
    bn_image_destroy(&image);
}

static void see_text(void *user, unsigned tag, const char *text)
{
    *(size_t *)user += tag + strlen(text);
}

/* What is kept is a whole block that is upright, bounded, and stays as it is when it is filtered again. */
static void filter(const uint8_t *exif, size_t size, bn_metadata level, bn_density density)
{
    bn_buffer out, again;
    size_t seen = 0;
    bn_buffer_init(&out, BN_EXIF_MAX_BYTES);
    bn_buffer_init(&again, BN_EXIF_MAX_BYTES);
    if (bn_exif_filter(exif, size, level, density, &out, NULL) != BIREFNET_OK) abort();
    if (bn_exif_get_orientation(out.data, out.size) != 1) abort();
    if (bn_exif_filter(out.data, out.size, level, density, &again, NULL) != BIREFNET_OK) abort();
    if (again.size != out.size || (out.size && memcmp(again.data, out.data, out.size) != 0)) abort();
    bn_exif_each_text(exif, size, level, see_text, &seen);
    bn_buffer_free(&out);
    bn_buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* a copy that ends where the block does, so that one byte too far is seen */
    uint8_t *exif = malloc(size + (size == 0));
    if (!exif) abort();
    if (size) memcpy(exif, data, size);
    const int orientation = bn_exif_get_orientation(exif, size);
    if (orientation < 1 || orientation > 8) abort();
    turn(orientation);
    const bn_density density = bn_exif_get_density(exif, size);
    for (bn_metadata level = BN_METADATA_NONE; level <= BN_METADATA_ALL; level++)
        filter(exif, size, level, density);
    free(exif);
    return 0;
}
