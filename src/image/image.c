/* image.c - making, freeing and measuring images. */
#include "image/image.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

bn_status bn_image_create(int width, int height, int channels, int depth, bn_image **image, bn_error *err)
{
    if (width < 1 || height < 1 || (channels != 1 && channels != 3 && channels != 4) ||
        (depth != 8 && depth != 16))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "no such image: %dx%d, %d channels, %d bits", width,
                       height, channels, depth);
    size_t bytes = 0;
    if (!bn_size_mul((size_t)width * (size_t)channels, (size_t)depth / 8, &bytes) ||
        !bn_size_mul(bytes, (size_t)height, &bytes) || bytes > PTRDIFF_MAX)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "an image of %dx%d pixels is too large", width, height);
    bn_image *made = calloc(1, sizeof *made);
    void *pixels = calloc(1, bytes);
    if (!made || !pixels) {
        free(made);
        free(pixels);
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory for an image of %dx%d pixels", width, height);
    }
    *made = bn_image_view(pixels, width, height, channels, depth);
    *image = made;
    return BIREFNET_OK;
}

void bn_image_destroy(bn_image **image)
{
    if (!image || !*image) return;
    free((*image)->pixels);
    free((*image)->icc);
    free((*image)->exif.data);
    free((*image)->xmp.data);
    free((*image)->iptc.data);
    free(*image);
    *image = NULL;
}

bn_image bn_image_view(const void *pixels, int width, int height, int channels, int depth)
{
    return (bn_image){
        .width = width,
        .height = height,
        .channels = channels,
        .depth = depth,
        .pixels = (void *)(uintptr_t)pixels, /* a view is only read */
        .source_orientation = 1,
    };
}

size_t bn_image_row_bytes(const bn_image *image)
{
    return (size_t)image->width * (size_t)image->channels * (size_t)(image->depth / 8);
}

size_t bn_image_bytes(const bn_image *image)
{
    return bn_image_row_bytes(image) * (size_t)image->height;
}

bn_status bn_image_set_icc(bn_image *image, const void *bytes, size_t size, bn_error *err)
{
    uint8_t *copy = NULL;
    if (size > 0) {
        copy = malloc(size);
        if (!copy) return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory for a profile of %zu bytes", size);
        memcpy(copy, bytes, size);
    }
    free(image->icc);
    image->icc = copy;
    image->icc_bytes = size;
    return BIREFNET_OK;
}
