/* tiff_api.h - the functions of libtiff that are called here, by one table of pointers: libtiff is opened when a TIFF
 * comes, since Debian's brings JBIG-KIT, which is GPL. */
#ifndef BN_IMAGE_TIFF_API_H
#define BN_IMAGE_TIFF_API_H

#include "base/error.h"

#include <tiffio.h>

#define BN_TIFF_FUNCTIONS(F)                                                                                 \
    F(TIFFClientOpenExt)                                                                                     \
    F(TIFFClose)                                                                                             \
    F(TIFFComputeTile)                                                                                       \
    F(TIFFGetField)                                                                                          \
    F(TIFFGetFieldDefaulted)                                                                                 \
    F(TIFFGetVersion)                                                                                        \
    F(TIFFIsTiled)                                                                                           \
    F(TIFFOpenOptionsAlloc)                                                                                  \
    F(TIFFOpenOptionsFree)                                                                                   \
    F(TIFFOpenOptionsSetErrorHandlerExtR)                                                                    \
    F(TIFFOpenOptionsSetMaxSingleMemAlloc)                                                                   \
    F(TIFFOpenOptionsSetWarningHandlerExtR)                                                                  \
    F(TIFFRGBAImageBegin)                                                                                    \
    F(TIFFRGBAImageEnd)                                                                                      \
    F(TIFFRGBAImageGet)                                                                                      \
    F(TIFFRGBAImageOK)                                                                                       \
    F(TIFFReadEncodedTile)                                                                                   \
    F(TIFFReadScanline)                                                                                      \
    F(TIFFScanlineSize64)                                                                                    \
    F(TIFFSetField)                                                                                          \
    F(TIFFStripSize64)                                                                                       \
    F(TIFFTileSize64)                                                                                        \
    F(TIFFWriteDirectory)                                                                                    \
    F(TIFFWriteEncodedStrip)

typedef struct bn_tiff_api {
#define BN_POINTER(name) __typeof__(&name) name;
    BN_TIFF_FUNCTIONS(BN_POINTER)
#undef BN_POINTER
} bn_tiff_api;

/* UNSUPPORTED, with what to install, where libtiff is not there. */
bn_status bn_tiff_api_load(bn_tiff_api *api, bn_error *err);

#endif
