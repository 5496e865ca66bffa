/* birefnet-image.h - whole photos: a file's bytes to those of its cut-out, and the steps of that over pixels in memory.
 *
 *     void *png = NULL;
 *     size_t png_bytes = 0;
 *     if (birefnet_cut(session, jpeg, jpeg_bytes, NULL, &png, &png_bytes, &error) == BIREFNET_OK)
 *         fwrite(png, 1, png_bytes, stdout);
 *     birefnet_free(png);
 *
 * libbirefnet-image.so.1, over libbirefnet.so.1, and besides over the codecs. The rules of birefnet.h (errors, ownership, threads,
 * versions) hold here, too. */
#ifndef BIREFNET_IMAGE_H
#define BIREFNET_IMAGE_H

#include <birefnet.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What `birefnet remove` can be told, in its words; NULL, 0 and "" as said. Texts are read during the call only. */
typedef struct birefnet_cut_options {
    size_t size;        /* bytes: see "Versions" in birefnet.h */
    const char *format; /* of the result: "png" (default), "webp", "gif", "tiff", "jpeg" */
    int quality;        /* of jpeg and lossy webp, 1 to 100; default 0: 90 for jpeg, webp without loss */
    int mask_only;      /* the result is the mask; default 0 */
    int refine;         /* estimate the foreground's own colours; default 1 */
    double
        threshold; /* 0 to 1: what is at least this opaque becomes fully so, the rest goes; default 0: soft */
    int to_srgb;   /* convert to sRGB instead of keeping the photo's profile; default 0 */
    const char *
        metadata; /* of the photo's EXIF, XMP and IPTC: "none" (default), "safe" (camera, lens, exposure, time,
                             * author, copyright) or "all" (place and the rest, too; never thumbnails, nor the maker's note).
                             * Density and colours are always kept, the orientation is applied */
    const char
        *shop; /* "amazon", "ebay", "etsy", "shopify", "square": canvas, fit, white, sRGB, of which what is
                             * given below wins; default NULL: none */
    const char *
        background; /* a colour ("#rrggbb", "#rrggbbaa", "white"), "none", "blur" or "blur:PERCENT" (0 to 100):
                             * default NULL: transparent */
    const void *background_image; /* an image file in memory, instead; default NULL */
    size_t background_image_bytes;
    const char *canvas; /* "WIDTHxHEIGHT" or "SIDE" in pixels: put the subject onto that; default NULL */
    const char *fit;   /* "90%": of the canvas (without one: of the photo's size) that the subject may take */
    const char *align; /* on the canvas: "center" or "bottom" */
    const char *shadow; /* under the subject: "none", "soft", "contact" */
    const char
        *crop; /* cut to the subject with a margin: "20" pixels, "5%", "" none; default NULL: no crop */
    uint64_t max_pixels; /* of the photo and of the canvas; default 100 million */
    const char *
        sure; /* "FOREGROUND,BACKGROUND,ERODE", "240,10,10" for example: where the matte is above the first (of 255)
                             * in a whole square of ERODE pixels it becomes 255, where below the second 0, before
                             * anything else; default NULL: the matte as it is */
} birefnet_cut_options;

/* Fill *options with the defaults, and its size; size_bytes is what the caller has of it. */
BIREFNET_API void birefnet_cut_options_default_sized(birefnet_cut_options *options, size_t size_bytes);
static inline void birefnet_cut_options_default(birefnet_cut_options *options)
{
    birefnet_cut_options_default_sized(options, sizeof *options);
}

/* A photo's file in memory to the file of its cut-out: decode, matte, colours, picture, encode, on the session's threads.
 * *result, of result_bytes, is the caller's, to be freed by birefnet_free.
 * Read are JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP and PNM, and HEIC and JPEG XL where libheif and libjxl are installed: those two
 * and libtiff are opened when a file of their kind comes.
 * ARGUMENT: a word or number of the options is not understood, or they contradict each other (transparency as jpeg). FORMAT: the
 * photo or the background is broken, cut off or no image, or the weights are broken. UNSUPPORTED: it is of a kind that is not
 * read, which the message names, or whose library is not installed. LIMIT: the photo, or the result for its format, is too
 * large; but for a crop said before the network runs. CANCELLED, DEVICE: as birefnet_session_run. */
BIREFNET_API birefnet_status birefnet_cut(birefnet_session *session, const void *bytes, size_t size,
                                          const birefnet_cut_options *options, void **result,
                                          size_t *result_bytes, birefnet_error *error);
BIREFNET_API void birefnet_free(void *bytes); /* accepts NULL */

/* ---- the same in steps, over pixels in memory ----------------------------------------------------------- */

/* Pixels [height][width][channels], rows stride_bytes apart. What the library fills in is freed by birefnet_image_release; one
 * that the caller fills in stays the caller's, is only read, and must not be released by it. */
typedef struct birefnet_image {
    int width, height;      /* pixels, at least 1; upright */
    int channels;           /* 1 grey, 3 RGB, 4 RGBA with straight alpha */
    int depth;              /* bits a sample: 8, or 16 in the machine's byte order */
    ptrdiff_t stride_bytes; /* at least width * channels * depth / 8 */
    void *pixels;
    void *icc; /* an RGB colour profile; NULL: sRGB */
    size_t icc_bytes;
} birefnet_image;

/* Free what *image holds and make it all zeros; accepts NULL and zeros. */
BIREFNET_API void birefnet_image_release(birefnet_image *image);

/* A photo's file in memory to upright pixels, 3 or 4 channels. max_pixels 0: 100 million. Reads what birefnet_cut reads. *image is
 * freed by birefnet_image_release. Any number of threads may decode at a time. FORMAT: broken, cut off or no image. UNSUPPORTED: as
 * birefnet_cut. LIMIT: more pixels than max_pixels, sides that are too long, or more memory than so many pixels may take. */
BIREFNET_API birefnet_status birefnet_decode(const void *bytes, size_t size, uint64_t max_pixels,
                                             birefnet_image *image, birefnet_error *error);

/* birefnet_cut without files: *result holds the cut-out (4 channels; 3 on an opaque background; the photo's depth but
 * on a canvas) or with mask_only the mask (1 channel, 8 bits), and is freed by birefnet_image_release. Of the options, format,
 * quality and metadata mean nothing, but must be understood. ARGUMENT: also a photo of no such sides, channels, depth or stride.
 * FORMAT, UNSUPPORTED: of the background; FORMAT: the weights are broken. LIMIT: more than max_pixels. CANCELLED, DEVICE: as
 * birefnet_session_run. */
BIREFNET_API birefnet_status birefnet_cut_image(birefnet_session *session, const birefnet_image *photo,
                                                const birefnet_cut_options *options, birefnet_image *result,
                                                birefnet_error *error);

/* Pixels to a file in memory, by the options' format and quality alone. *result, of result_bytes, is freed by birefnet_free. Any
 * number of threads may encode at a time.
 * ARGUMENT: a format that is not written or cannot hold the image (alpha in jpeg), a word or number of the options that is not
 * understood, an image of no such sides, channels, depth or stride. LIMIT: too large for the format. UNSUPPORTED: tiff, where
 * libtiff is not installed. */
BIREFNET_API birefnet_status birefnet_encode(const birefnet_image *image, const birefnet_cut_options *options,
                                             void **result, size_t *result_bytes, birefnet_error *error);

#ifdef __cplusplus
}
#endif

#endif
