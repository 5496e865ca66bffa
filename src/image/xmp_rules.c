/* xmp_rules.c - see xmp_rules.h. Names are those of ISO 16684-1, the Exif standard's part for XMP (CIPA DC-010) and the
 * vendors' pages. What stands in no row goes at level "all". */
#include "image/xmp_rules.h"

#include "base/size.h"

#include <string.h>

enum { NEVER = BN_METADATA_ALL + 1 };

#define ADOBE  "http://ns.adobe.com/"
#define TIFF   ADOBE "tiff/1.0/"
#define EXIF   ADOBE "exif/1.0/"
#define XMP    ADOBE "xap/1.0/"
#define RIGHTS XMP "rights/"
#define SHOP   ADOBE "photoshop/1.0/"

typedef struct rule {
    const char *uri;
    const char *names; /* between blanks; NULL: all that begins with uri */
    int level;
} rule;

static const rule rules[] = {
    /* camera, lens, exposure, time, author, copyright */
    {TIFF, " Make Model Artist Copyright DateTime ", BN_METADATA_SAFE},
    {EXIF,
     " ExifVersion ExposureTime FNumber ExposureProgram SpectralSensitivity ISOSpeedRatings DateTimeOriginal "
     "DateTimeDigitized ShutterSpeedValue ApertureValue BrightnessValue ExposureBiasValue MaxApertureValue "
     "SubjectDistance MeteringMode LightSource Flash FocalLength ExposureMode WhiteBalance DigitalZoomRatio "
     "FocalLengthIn35mmFilm SceneCaptureType SubSecTime SubSecTimeOriginal SubSecTimeDigitized ",
     BN_METADATA_SAFE},
    {"http://cipa.jp/exif/1.0/",
     " LensMake LensModel LensSpecification PhotographicSensitivity SensitivityType RecommendedExposureIndex "
     "OffsetTime OffsetTimeOriginal OffsetTimeDigitized ",
     BN_METADATA_SAFE},
    {EXIF "aux/", " Lens LensInfo LensID ", BN_METADATA_SAFE},
    {XMP, " CreateDate ModifyDate MetadataDate ", BN_METADATA_SAFE},
    {SHOP, " DateCreated Credit AuthorsPosition ", BN_METADATA_SAFE},
    {"http://purl.org/dc/elements/1.1/", " creator rights date ", BN_METADATA_SAFE},
    {RIGHTS, " Marked Owner UsageTerms WebStatement ", BN_METADATA_SAFE},
    {"http://ns.useplus.org/ldf/xmp/1.0/", " ImageCreator CopyrightOwner ", BN_METADATA_SAFE},
    {"http://creativecommons.org/ns#", " license attributionName attributionURL ", BN_METADATA_SAFE},
    /* how the photo's own file holds its pixels, orientation and density included: a result's differ */
    {TIFF,
     " Orientation ImageWidth ImageLength BitsPerSample Compression PhotometricInterpretation "
     "SamplesPerPixel "
     "PlanarConfiguration YCbCrSubSampling YCbCrPositioning XResolution YResolution ResolutionUnit "
     "TransferFunction WhitePoint PrimaryChromaticities YCbCrCoefficients ReferenceBlackWhite NativeDigest ",
     NEVER},
    {EXIF,
     " PixelXDimension PixelYDimension ColorSpace ComponentsConfiguration CompressedBitsPerPixel MakerNote "
     "NativeDigest ",
     NEVER},
    {SHOP, " ICCProfile ColorMode LegacyIPTCDigest ", NEVER},
    {"http://www.w3.org/1999/02/22-rdf-syntax-ns#", " type ", NEVER},
    /* pictures of the photo, with its background; whole blocks of other files */
    {XMP, " Thumbnails ", NEVER},
    {XMP "g/img/", NULL, NEVER},
    {XMP "mm/", " Pantry ", NEVER},
    /* faces and regions by their place in the photo; edits that a program would apply once more */
    {"http://www.metadataworkinggroup.com/schemas/regions/", NULL, NEVER},
    {"http://ns.microsoft.com/photo/1.2/", NULL, NEVER},
    {"http://ns.apple.com/faceinfo/1.0/", NULL, NEVER},
    {"http://iptc.org/std/Iptc4xmpExt/2008-02-29/", " ImageRegion ", NEVER},
    {ADOBE "camera-raw-settings/1.0/", NULL, NEVER},
    /* what stands elsewhere in the photo's file: more XMP, a video, depth, a gain map, the whole photo once more */
    {ADOBE "xmp/note/", NULL, NEVER},
    {ADOBE "hdr-gain-map/1.0/", NULL, NEVER},
    {"http://ns.apple.com/HDRGainMap/1.0/", NULL, NEVER},
    {"http://ns.google.com/photos/", NULL, NEVER},
};

static bool is_among(const char *names, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = names; (at = strstr(at, name)) != NULL; at += length)
        if (length > 0 && at[-1] == ' ' && at[length] == ' ') return true;
    return false;
}

int bn_xmp_level(const char *uri, const char *name)
{
    for (size_t i = 0; i < BN_COUNT(rules); i++) {
        const rule *r = &rules[i];
        if (r->names ? strcmp(uri, r->uri) == 0 && is_among(r->names, name)
                     : strncmp(uri, r->uri, strlen(r->uri)) == 0)
            return r->level;
    }
    return BN_METADATA_ALL;
}
