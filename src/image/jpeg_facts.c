/* jpeg_facts.c - see jpeg_facts.h. XMP that goes on in further segments ("extended") is not read beyond its first. */
#include "image/jpeg_facts.h"

#include "image/iptc.h"
#include "image/xmp.h"

#include <string.h>

enum { EXIF_MARKER = JPEG_APP0 + 1, XMP_MARKER = JPEG_APP0 + 1, IPTC_MARKER = JPEG_APP0 + 13 };

/* With the zero behind each. */
static const char exif_name[] = "Exif\0", xmp_name[] = "http://ns.adobe.com/xap/1.0/",
                  iptc_name[] = "Photoshop 3.0";

void bn_jpeg_keep_segments(j_decompress_ptr info)
{
    jpeg_save_markers(info, EXIF_MARKER, 0xffff);
    jpeg_save_markers(info, IPTC_MARKER, 0xffff);
}

/* The content of the first segment of this name, behind it; false where there is none. */
static bool find_segment(const struct jpeg_decompress_struct *info, int marker, const char *name,
                         size_t name_bytes, const uint8_t **bytes, size_t *size)
{
    for (const struct jpeg_marker_struct *m = info->marker_list; m; m = m->next) {
        if (m->marker != marker || m->data_length <= name_bytes || memcmp(m->data, name, name_bytes) != 0)
            continue;
        *bytes = m->data + name_bytes;
        *size = m->data_length - name_bytes;
        return true;
    }
    return false;
}

int bn_jpeg_find_orientation(const struct jpeg_decompress_struct *info)
{
    const uint8_t *exif;
    size_t size;
    const bool found = find_segment(info, EXIF_MARKER, exif_name, sizeof exif_name, &exif, &size);
    return found ? bn_exif_get_orientation(exif, size) : 1;
}

/* JFIF's density, in inches or centimetres, or EXIF's. */
bn_status bn_jpeg_adopt_facts(const struct jpeg_decompress_struct *info, bn_image *image, bn_error *err)
{
    const uint8_t *found;
    size_t size;
    const double inches = info->density_unit == 2 ? 2.54 : 1;
    if (info->saw_JFIF_marker && info->density_unit > 0 && info->X_density > 0 && info->Y_density > 0)
        image->density = (bn_density){info->X_density * inches, info->Y_density * inches};
    image->source_orientation = bn_jpeg_find_orientation(info);
    if (find_segment(info, EXIF_MARKER, exif_name, sizeof exif_name, &found, &size))
        BN_TRY(bn_image_adopt_exif(image, found, size, err));
    if (find_segment(info, XMP_MARKER, xmp_name, sizeof xmp_name, &found, &size))
        BN_TRY(bn_image_adopt_xmp(image, found, size, err));
    if (!find_segment(info, IPTC_MARKER, iptc_name, sizeof iptc_name, &found, &size) ||
        !bn_iptc_find(found, size, &found, &size))
        return BIREFNET_OK;
    return bn_image_adopt_iptc(image, found, size, err);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static bn_status begin(bn_buffer *segment, const char *name, size_t name_bytes, size_t max_bytes,
                       bn_error *err)
{
    bn_buffer_init(segment, name_bytes + max_bytes);
    return bn_buffer_append(segment, name, name_bytes, err);
}

bn_status bn_jpeg_segments_make(const bn_image *image, const bn_encode_options *options,
                                bn_jpeg_segments *segments, bn_error *err)
{
    bn_buffer datasets;
    bn_status status;
    *segments = (bn_jpeg_segments){.exif = {0}};
    bn_buffer_init(&datasets, BN_IPTC_MAX_BYTES);
    BN_TRY_DONE(begin(&segments->exif, exif_name, sizeof exif_name, BN_EXIF_MAX_BYTES, err));
    BN_TRY_DONE(bn_image_write_exif(image, options, false, &segments->exif, err));
    BN_TRY_DONE(begin(&segments->xmp, xmp_name, sizeof xmp_name, BN_XMP_MAX_BYTES, err));
    BN_TRY_DONE(bn_image_write_xmp(image, options, &segments->xmp, err));
    BN_TRY_DONE(bn_image_write_iptc(image, options, &datasets, err));
    BN_TRY_DONE(begin(&segments->iptc, iptc_name, sizeof iptc_name, BN_IPTC_MAX_BYTES + 16, err));
    if (datasets.size > 0) BN_TRY_DONE(bn_iptc_wrap(&datasets, &segments->iptc, err));
done:
    bn_buffer_free(&datasets);
    return status;
}

static void write_one(const bn_buffer *segment, size_t name_bytes, int marker, j_compress_ptr info)
{
    if (segment->size > name_bytes) jpeg_write_marker(info, marker, segment->data, (unsigned)segment->size);
}

void bn_jpeg_segments_write(const bn_jpeg_segments *segments, j_compress_ptr info)
{
    write_one(&segments->exif, sizeof exif_name, EXIF_MARKER, info);
    write_one(&segments->xmp, sizeof xmp_name, XMP_MARKER, info);
    write_one(&segments->iptc, sizeof iptc_name, IPTC_MARKER, info);
}

void bn_jpeg_segments_free(bn_jpeg_segments *segments)
{
    bn_buffer_free(&segments->exif);
    bn_buffer_free(&segments->xmp);
    bn_buffer_free(&segments->iptc);
}
