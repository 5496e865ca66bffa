/* image_exif.c - fuzz: any bytes as an EXIF block, and a small image turned by what it says. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* a copy that ends where the block does, so that one byte too far is seen */
    uint8_t *exif = malloc(size + (size == 0));
    if (!exif) abort();
    if (size) memcpy(exif, data, size);
    const int orientation = bn_exif_get_orientation(exif, size);
    if (orientation < 1 || orientation > 8) abort();
    turn(orientation);
    free(exif);
    return 0;
}
