/* jxl_api.h - the functions of libjxl that are called here, by one table of pointers: it is opened when a JPEG XL comes, as few
 * do, and it brings five more libraries. */
#ifndef BN_IMAGE_JXL_API_H
#define BN_IMAGE_JXL_API_H

#include "base/error.h"

#include <jxl/decode.h>

#define BN_JXL_FUNCTIONS(F)                                                                                  \
    F(JxlDecoderCloseInput)                                                                                  \
    F(JxlDecoderCreate)                                                                                      \
    F(JxlDecoderDestroy)                                                                                     \
    F(JxlDecoderGetBasicInfo)                                                                                \
    F(JxlDecoderGetBoxType)                                                                                  \
    F(JxlDecoderGetColorAsEncodedProfile)                                                                    \
    F(JxlDecoderGetColorAsICCProfile)                                                                        \
    F(JxlDecoderGetICCProfileSize)                                                                           \
    F(JxlDecoderImageOutBufferSize)                                                                          \
    F(JxlDecoderProcessInput)                                                                                \
    F(JxlDecoderReleaseBoxBuffer)                                                                            \
    F(JxlDecoderSetBoxBuffer)                                                                                \
    F(JxlDecoderSetDecompressBoxes)                                                                          \
    F(JxlDecoderSetImageOutBuffer)                                                                           \
    F(JxlDecoderSetInput)                                                                                    \
    F(JxlDecoderSubscribeEvents)                                                                             \
    F(JxlDecoderVersion)

typedef struct bn_jxl_api {
#define BN_POINTER(name) __typeof__(&name) name;
    BN_JXL_FUNCTIONS(BN_POINTER)
#undef BN_POINTER
} bn_jxl_api;

/* 0.9 dropped an argument. */
#if JPEGXL_NUMERIC_VERSION < JPEGXL_COMPUTE_NUMERIC_VERSION(0, 9, 0)
#    define BN_JXL_UNUSED_FORMAT NULL,
#else
#    define BN_JXL_UNUSED_FORMAT
#endif

/* UNSUPPORTED, with what to install, where libjxl is not there. */
bn_status bn_jxl_api_load(bn_jxl_api *api, bn_error *err);

#endif
