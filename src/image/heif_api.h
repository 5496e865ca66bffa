/* heif_api.h - the functions of libheif that are called here, by one table of pointers: libheif is opened when a HEIC comes,
 * since Debian's brings x265, which is GPL. */
#ifndef BN_IMAGE_HEIF_API_H
#define BN_IMAGE_HEIF_API_H

#include "base/error.h"

#include <libheif/heif.h>

#define BN_HEIF_FUNCTIONS(F)                                                                                 \
    F(heif_context_alloc)                                                                                    \
    F(heif_context_free)                                                                                     \
    F(heif_context_get_primary_image_handle)                                                                 \
    F(heif_context_read_from_reader)                                                                         \
    F(heif_context_set_max_decoding_threads)                                                                 \
    F(heif_context_set_maximum_image_size_limit)                                                             \
    F(heif_decode_image)                                                                                     \
    F(heif_get_version)                                                                                      \
    F(heif_have_decoder_for_format)                                                                          \
    F(heif_image_get_bits_per_pixel_range)                                                                   \
    F(heif_image_get_height)                                                                                 \
    F(heif_image_get_plane_readonly)                                                                         \
    F(heif_image_get_width)                                                                                  \
    F(heif_image_handle_get_height)                                                                          \
    F(heif_image_handle_get_luma_bits_per_pixel)                                                             \
    F(heif_image_handle_get_list_of_metadata_block_IDs)                                                      \
    F(heif_image_handle_get_metadata)                                                                        \
    F(heif_image_handle_get_metadata_content_type)                                                           \
    F(heif_image_handle_get_metadata_size)                                                                   \
    F(heif_image_handle_get_nclx_color_profile)                                                              \
    F(heif_image_handle_get_raw_color_profile)                                                               \
    F(heif_image_handle_get_raw_color_profile_size)                                                          \
    F(heif_image_handle_get_width)                                                                           \
    F(heif_image_handle_has_alpha_channel)                                                                   \
    F(heif_image_handle_is_premultiplied_alpha)                                                              \
    F(heif_image_handle_release)                                                                             \
    F(heif_image_release)                                                                                    \
    F(heif_init)                                                                                             \
    F(heif_nclx_color_profile_free)

typedef struct bn_heif_api {
#define BN_POINTER(name) __typeof__(&name) name;
    BN_HEIF_FUNCTIONS(BN_POINTER)
#undef BN_POINTER
} bn_heif_api;

/* UNSUPPORTED, with what to install, where libheif or its decoder of HEVC is not there. */
bn_status bn_heif_api_load(bn_heif_api *api, bn_error *err);

#endif
