# Each codec alone, over one set of seeds (those of tests/image/test_files.c). 2^17 pixels are allowed: 4 MiB by
# BN_DECODE_PIXEL_BYTES, beside BN_DECODE_FIXED_BYTES and the file.
set(image_seeds ${CMAKE_CURRENT_SOURCE_DIR}/corpus/image)
foreach(format jpeg png webp gif avif heif jxl bmp pnm)
    string(TOUPPER ${format} upper)
    bn_fuzz(image_${format} SOURCES image_codec.c DEFINE FORMAT=BN_FORMAT_${upper} SEEDS ${image_seeds}
        MALLOC_MB 72 RSS_MB 768)
endforeach()
bn_fuzz(image_tiff SOURCES image_codec.c image_tiff_mutate.c DEFINE FORMAT=BN_FORMAT_TIFF SEEDS ${image_seeds}
    MALLOC_MB 72 RSS_MB 768)
foreach(format png webp gif avif)
    string(TOUPPER ${format} upper)
    bn_fuzz(image_frames_${format} SOURCES image_frames.c DEFINE FORMAT=BN_FORMAT_${upper}
        SEEDS ${PROJECT_SOURCE_DIR}/tests/image/animations MALLOC_MB 72 RSS_MB 768)
endforeach()
bn_fuzz(image_webp_tables SOURCES image_webp_tables.c LINK PkgConfig::webp MALLOC_MB 72 RSS_MB 768)
bn_fuzz(image_exif SOURCES image_exif.c MALLOC_MB 72 RSS_MB 768)
bn_fuzz(image_profile SOURCES image_profile.c MALLOC_MB 72 RSS_MB 768)
bn_fuzz(image_xmp SOURCES image_xmp.c MALLOC_MB 72 RSS_MB 768)
bn_fuzz(image_iptc SOURCES image_iptc.c MALLOC_MB 72 RSS_MB 768)
