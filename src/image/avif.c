/* avif.c - AVIF in, through libavif: 8, 10 and 12 bits, alpha, rotation and mirroring boxes; of a sequence the first frame
 * (avif_frames.c reads all). */
#include "image/avif.h"

#include "base/size.h"
#include "image/animation.h"
#include "image/avif_compat.h"
#include "image/described.h"

static bn_status fail_reading(avifResult result, bn_error *err)
{
    switch (result) {
    case AVIF_RESULT_OUT_OF_MEMORY:
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to read an AVIF");
    case AVIF_RESULT_TRUNCATED_DATA:
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "truncated AVIF: the data ends too early");
    case AVIF_RESULT_NO_CODEC_AVAILABLE:
    case AVIF_RESULT_NOT_IMPLEMENTED:
    case AVIF_RESULT_UNSUPPORTED_DEPTH:
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "an AVIF of a kind that is not read: %s",
                       avifResultToString(result));
    default:
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged AVIF: %s", avifResultToString(result));
    }
}

/* The boxes turn first and mirror then; EXIF's orientations name the eight results. EXIF data inside an AVIF
 * has no say (ISO/IEC 23000-22). */
static int find_orientation(const avifImage *image)
{
    static const uint8_t turned[4] = {1, 8, 3, 6}; /* by quarter turns against the clock */
    static const uint8_t turned_then_mirrored[2][4] = {{4, 5, 2, 7},
                                                       {2, 7, 4, 5}}; /* top-bottom, left-right */
    const unsigned quarters = image->transformFlags & AVIF_TRANSFORM_IROT ? image->irot.angle & 3u : 0;
    if (image->transformFlags & AVIF_TRANSFORM_IMIR)
        return turned_then_mirrored[image->imir.BN_AVIF_MIRROR_AXIS & 1][quarters];
    return turned[quarters];
}

static bn_status fail_source(const bn_avif_source *source, avifResult result, bn_error *err)
{
    if (source->refused)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "an AVIF of too many tiles or frames for its size");
    return fail_reading(result, err);
}

bn_status bn_avif_open(bn_avif_source *source, const uint8_t *bytes, size_t size, avifDecoder **decoder,
                       bn_error *err)
{
    bn_avif_source_init(source, bytes, size);
    avifDecoder *d = avifDecoderCreate();
    if (!d) return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory to read an AVIF");
    *decoder = d;
    /* files of older encoders lack boxes that the standard came to ask for */
    d->strictFlags = AVIF_STRICT_DISABLED;
    d->imageCountLimit = BN_ANIMATION_MAX_FRAMES + 1; /* each takes memory before it is decoded */
    avifDecoderSetIO(d, &source->io);
    const avifResult result = avifDecoderParse(d);
    return result == AVIF_RESULT_OK ? BIREFNET_OK : fail_source(source, result, err);
}

static bn_status avif_probe(const uint8_t *bytes, size_t size, bn_image_header *header, bn_error *err)
{
    bn_avif_source source;
    avifDecoder *decoder = NULL;
    bn_status status;
    BN_TRY_DONE(bn_avif_open(&source, bytes, size, &decoder, err));
    const avifImage *found = decoder->image;
    *header = (bn_image_header){
        .width = (int)found->width, .height = (int)found->height, .orientation = find_orientation(found)};
done:
    if (decoder) avifDecoderDestroy(decoder);
    return status;
}

static bn_status to_rgb(const avifImage *source, bn_image **image, bn_error *err)
{
    const bool has_alpha = source->alphaPlane != NULL;
    BN_TRY(bn_image_create((int)source->width, (int)source->height, has_alpha ? 4 : 3,
                           source->depth > 8 ? 16 : 8, image, err));
    avifRGBImage rgb;
    avifRGBImageSetDefaults(&rgb, source);
    rgb.depth = (uint32_t)(*image)->depth;
    rgb.format = has_alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.pixels = (*image)->pixels;
    rgb.rowBytes = (uint32_t)bn_image_row_bytes(*image);
    const avifResult result = avifImageYUVToRGB(source, &rgb);
    return result == AVIF_RESULT_OK ? BIREFNET_OK : fail_reading(result, err);
}

static bn_status adopt_facts(const avifImage *source, bn_image *image, bn_error *err)
{
    image->source_depth = (int)source->depth;
    image->source_orientation = find_orientation(source);
    if (source->icc.size > 0)
        BN_TRY(bn_image_adopt_icc(image, source->icc.data, source->icc.size, err));
    else
        BN_TRY(bn_image_adopt_cicp(image, source->colorPrimaries, source->transferCharacteristics, err));
    BN_TRY(bn_image_adopt_exif(image, source->exif.data, source->exif.size, err));
    return bn_image_adopt_xmp(image, source->xmp.data, source->xmp.size, err);
}

bn_status bn_avif_next(const bn_avif_source *source, avifDecoder *decoder, uint64_t most_pixels,
                       bn_image **image, bn_error *err)
{
    /* the AV1 data inside may claim another size than the container */
    decoder->imageSizeLimit = (uint32_t)BN_MIN(most_pixels, (uint64_t)AVIF_DEFAULT_IMAGE_SIZE_LIMIT);
    const bn_decode_limits limits = {.max_pixels = most_pixels};
    bn_image *made = NULL;
    bn_status status;
    const avifResult result = avifDecoderNextImage(decoder);
    if (result != AVIF_RESULT_OK) return fail_source(source, result, err);
    const avifImage *found = decoder->image;
    BN_TRY_DONE(bn_limits_check(&limits, found->width, found->height, err));
    BN_TRY_DONE(to_rgb(found, &made, err));
    BN_TRY_DONE(adopt_facts(found, made, err));
    *image = made;
    made = NULL;
done:
    bn_image_destroy(&made);
    return status;
}

static bn_status avif_decode(const uint8_t *bytes, size_t size, const bn_decode_limits *limits,
                             bn_image **image, bn_error *err)
{
    bn_avif_source source;
    avifDecoder *decoder = NULL;
    bn_status status;
    BN_TRY_DONE(bn_avif_open(&source, bytes, size, &decoder, err));
    bn_avif_source_watch(&source, (uint64_t)decoder->image->width * decoder->image->height, 2);
    status = bn_avif_next(&source, decoder, limits->max_pixels, image, err);
done:
    if (decoder) avifDecoderDestroy(decoder);
    return status;
}

const bn_codec bn_avif_codec = {
    .probe = avif_probe,
    .decode = avif_decode,
    .encode = NULL,
    .pixel_bytes = 32, /* of a grid: frames 12, the whole 8, RGBA 8, decoders 4; of a single one 17 */
};
