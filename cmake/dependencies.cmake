# Every library that is not ours, found in one place. docs/DEPENDENCIES.md says why each is here.

# ---- libbirefnet ----

find_package(dnnl CONFIG REQUIRED)
find_package(Threads REQUIRED)

# oneDNN in Debian runs on GNU OpenMP, and our kernels share its threads (src/base/parallel.c).
find_package(OpenMP)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    set(BN_OPENMP OpenMP::OpenMP_C)
else()
    set(BN_OPENMP gomp)
endif()

# nothing links Vulkan: src/gpu/vk_loader.c loads it
find_path(BN_VULKAN_INCLUDE_DIR vulkan/vulkan.h)
find_program(BN_GLSLANG NAMES glslangValidator glslang)
if(BN_VULKAN_INCLUDE_DIR AND BN_GLSLANG)
    set(bn_vulkan_found ON)
else()
    set(bn_vulkan_found OFF)
endif()
option(BN_VULKAN "Graphics cards by Vulkan" ${bn_vulkan_found})
if(BN_PARTS STREQUAL "library")
    return()
endif()

# ---- libbirefnet-image ----

find_package(PkgConfig REQUIRED)
pkg_check_modules(deflate REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(expat REQUIRED IMPORTED_TARGET expat)
pkg_check_modules(jpeg REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(spng REQUIRED IMPORTED_TARGET spng)
pkg_check_modules(webp REQUIRED IMPORTED_TARGET libwebp libwebpmux libwebpdemux)
pkg_check_modules(avif REQUIRED IMPORTED_TARGET libavif)
# Only their headers are used: they are opened when a file of their kind comes (src/base/library.h).
pkg_check_modules(tiff REQUIRED IMPORTED_TARGET libtiff-4)
pkg_check_modules(heif REQUIRED IMPORTED_TARGET libheif)
pkg_check_modules(jxl REQUIRED IMPORTED_TARGET libjxl)
pkg_check_modules(lcms REQUIRED IMPORTED_TARGET lcms2)
find_library(GIF_LIBRARY gif REQUIRED)
find_library(CGIF_LIBRARY cgif REQUIRED)
if(BN_PARTS STREQUAL "libraries")
    return()
endif()

# ---- the program ----

pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
# nothing links libcurl: src/net/curl.c loads it
add_library(bn_curl_headers INTERFACE)
target_include_directories(bn_curl_headers INTERFACE ${curl_INCLUDE_DIRS})
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)
# nothing links libpq either: src/store/pq.c loads it
find_path(BN_LIBPQ_INCLUDE_DIR libpq-fe.h PATH_SUFFIXES postgresql)
if(BN_LIBPQ_INCLUDE_DIR)
    set(bn_postgres_found ON)
else()
    set(bn_postgres_found OFF)
endif()
option(BN_POSTGRES "Stores in PostgreSQL" ${bn_postgres_found})
pkg_check_modules(microhttpd REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(gnutls REQUIRED IMPORTED_TARGET gnutls)

# Golden files of the reference. The repository holds those of up to 320 pixels; the environment may name a folder that
# holds the larger ones as well.
if(DEFINED ENV{BN_REFERENCE})
    set(bn_reference "$ENV{BN_REFERENCE}")
else()
    set(bn_reference "${PROJECT_SOURCE_DIR}/tests/reference")
endif()
set(BN_REFERENCE "${bn_reference}" CACHE PATH "Folder with the golden files")
