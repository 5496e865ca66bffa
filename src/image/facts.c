/* facts.c - what is written of a photo goes with its pixels: EXIF, XMP, IPTC from the decoder to the encoder. */
#include "image/codec_table.h"
#include "image/iptc.h"
#include "image/xmp.h"

#include <stdlib.h>
#include <string.h>

/* What was kept replaces the block's content. */
static bn_status take_over(bn_image_block *block, bn_buffer *kept, bn_status status)
{
    if (status != BIREFNET_OK) {
        bn_buffer_free(kept);
        return status;
    }
    free(block->data);
    *block = (bn_image_block){kept->size > 0 ? kept->data : NULL, kept->size};
    if (kept->size == 0) bn_buffer_free(kept);
    return BIREFNET_OK;
}

bn_status bn_image_adopt_exif(bn_image *image, const void *bytes, size_t size, bn_error *err)
{
    bn_buffer kept;
    if (!bytes || size == 0) return BIREFNET_OK;
    bn_buffer_init(&kept, BN_EXIF_MAX_BYTES);
    const bn_density none = {0}, density = bn_exif_get_density(bytes, size);
    const bn_status status = bn_exif_filter(bytes, size, BN_METADATA_ALL, none, &kept, err);
    BN_TRY(take_over(&image->exif, &kept, status));
    if (image->density.x <= 0 && density.x > 0 && density.y > 0) image->density = density;
    return BIREFNET_OK;
}

bn_status bn_image_adopt_exif_item(bn_image *image, const uint8_t *bytes, size_t size, bn_error *err)
{
    enum { HEAD_BYTES = 4 };
    if (size <= HEAD_BYTES) return BIREFNET_OK;
    const uint64_t at = HEAD_BYTES + ((uint64_t)bytes[0] << 24 | (uint64_t)bytes[1] << 16 |
                                      (uint64_t)bytes[2] << 8 | bytes[3]);
    return at < size ? bn_image_adopt_exif(image, bytes + at, size - (size_t)at, err) : BIREFNET_OK;
}

bn_status bn_image_adopt_xmp(bn_image *image, const void *bytes, size_t size, bn_error *err)
{
    bn_buffer kept;
    if (!bytes || size == 0) return BIREFNET_OK;
    bn_buffer_init(&kept, BN_XMP_MAX_BYTES);
    const bn_status status = bn_xmp_filter(bytes, size, BN_METADATA_ALL, &kept, err);
    return take_over(&image->xmp, &kept, status);
}

bn_status bn_image_adopt_iptc(bn_image *image, const void *bytes, size_t size, bn_error *err)
{
    bn_buffer kept;
    if (!bytes || size == 0) return BIREFNET_OK;
    bn_buffer_init(&kept, BN_IPTC_MAX_BYTES);
    const bn_status status = bn_iptc_filter(bytes, size, BN_METADATA_ALL, &kept, err);
    return take_over(&image->iptc, &kept, status);
}

static bn_status copy_block(bn_image_block *block, const bn_image_block *from, bn_error *err)
{
    uint8_t *copy = NULL;
    if (from->size > 0) {
        copy = malloc(from->size);
        if (!copy) return bn_fail_memory(err, from->size, "a photo's data");
        memcpy(copy, from->data, from->size);
    }
    free(block->data);
    *block = (bn_image_block){copy, from->size};
    return BIREFNET_OK;
}

bn_status bn_image_copy_facts(bn_image *image, const bn_image *from, bn_error *err)
{
    image->density = from->density;
    BN_TRY(bn_image_set_icc(image, from->icc, from->icc_bytes, err));
    BN_TRY(copy_block(&image->exif, &from->exif, err));
    BN_TRY(copy_block(&image->xmp, &from->xmp, err));
    return copy_block(&image->iptc, &from->iptc, err);
}

bn_status bn_image_write_exif(const bn_image *image, const bn_encode_options *options, bool needs_density,
                              bn_buffer *out, bn_error *err)
{
    const size_t begin = out->size;
    const bn_density none = {0};
    const bn_image_block *exif = &image->exif;
    BN_TRY(bn_exif_filter(exif->data, exif->size, options->metadata, none, out, err));
    if (out->size == begin && !needs_density) return BIREFNET_OK; /* nothing was chosen */
    out->size = begin;
    return bn_exif_filter(exif->data, exif->size, options->metadata, image->density, out, err);
}

bn_status bn_image_write_xmp(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                             bn_error *err)
{
    return bn_xmp_filter(image->xmp.data, image->xmp.size, options->metadata, out, err);
}

bn_status bn_image_write_iptc(const bn_image *image, const bn_encode_options *options, bn_buffer *out,
                              bn_error *err)
{
    return bn_iptc_filter(image->iptc.data, image->iptc.size, options->metadata, out, err);
}
