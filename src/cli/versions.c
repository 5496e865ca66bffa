/* versions.c - asks every library for its version. */
#include "cli/versions.h"

#include "image/heif_api.h"
#include "image/jxl_api.h"
#include "image/tiff_api.h"
#include "nn/cpu/engine.h"
#include "net/curl.h"
#ifdef BN_POSTGRES
#    include "store/pq.h"
#endif

#include <avif/avif.h>
#include <expat.h>
#include <gif_lib.h>
#include <gnutls/gnutls.h>
#include <jansson.h>
#include <lcms2.h>
#include <libdeflate.h>
#include <microhttpd.h>
#include <sodium.h>
#include <spng.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <webp/decode.h>

/* After stdio.h, which it needs. */
#include <jpeglib.h>

static void set(bn_library_version *entry, const char *name, const char *version, size_t length)
{
    entry->name = name;
    snprintf(entry->version, sizeof entry->version, "%.*s", (int)length, version);
}

static void set_tiff(bn_library_version *entry)
{
    bn_tiff_api api;
    const char *text = bn_tiff_api_load(&api, NULL) == BIREFNET_OK ? api.TIFFGetVersion() : "0 not installed";
    const char *number = strpbrk(text, "0123456789");
    set(entry, "libtiff", number ? number : "", number ? strcspn(number, "\n") : 0);
}

static void set_heif(bn_library_version *entry)
{
    bn_heif_api api;
    const bool found = bn_heif_api_load(&api, NULL) == BIREFNET_OK;
    set(entry, "libheif", found ? api.heif_get_version() : "not installed", 32);
}

static void set_jxl(bn_library_version *entry)
{
    bn_jxl_api api;
    char text[32] = "not installed";
    const unsigned number = bn_jxl_api_load(&api, NULL) == BIREFNET_OK ? api.JxlDecoderVersion() : 0;
    if (number > 0)
        snprintf(text, sizeof text, "%u.%u.%u", number / 1000000, number / 1000 % 1000, number % 1000);
    set(entry, "libjxl", text, strlen(text));
}

static void set_pq(bn_library_version *entry)
{
    char text[32] = "not built in";
#ifdef BN_POSTGRES
    const bn_pq *pq = bn_pq_open(NULL);
    const int number = pq ? pq->libVersion() : 0; /* 150004: 15.4 */
    snprintf(text, sizeof text, "not installed");
    if (pq) snprintf(text, sizeof text, "%d.%d", number / 10000, number % 10000);
#endif
    set(entry, "libpq", text, strlen(text));
}

void bn_versions_get(bn_library_version list[BN_LIBRARIES])
{
    char text[64];
    size_t next = 0;
    bn_engine_version(text, sizeof text);
    set(&list[next++], "oneDNN", text, strlen(text));
    snprintf(text, sizeof text, "%d, API %d", LIBJPEG_TURBO_VERSION_NUMBER, JPEG_LIB_VERSION);
    set(&list[next++], "libjpeg-turbo", text, strlen(text));
    set(&list[next++], "libspng", spng_version_string(), 32);
    const int webp = WebPGetDecoderVersion();
    snprintf(text, sizeof text, "%d.%d.%d", webp >> 16, webp >> 8 & 255, webp & 255);
    set(&list[next++], "libwebp", text, strlen(text));
    set(&list[next++], "libavif", avifVersion(), 32);
    set_tiff(&list[next++]);
    set_heif(&list[next++]);
    set_jxl(&list[next++]);
    snprintf(text, sizeof text, "%d.%d.%d", GIFLIB_MAJOR, GIFLIB_MINOR, GIFLIB_RELEASE);
    set(&list[next++], "giflib", text, strlen(text));
    set(&list[next++], "libdeflate", LIBDEFLATE_VERSION_STRING, 32);
    snprintf(text, sizeof text, "%d.%02d", cmsGetEncodedCMMversion() / 1000,
             cmsGetEncodedCMMversion() % 1000 / 10);
    set(&list[next++], "lcms2", text, strlen(text));
    const XML_Expat_Version expat = XML_ExpatVersionInfo();
    snprintf(text, sizeof text, "%d.%d.%d", expat.major, expat.minor, expat.micro);
    set(&list[next++], "expat", text, strlen(text));
    const bn_curl *curl = bn_curl_open(NULL);
    set(&list[next++], "libcurl", curl ? curl->version_info(CURLVERSION_NOW)->version : "cannot be loaded",
        32);
    set(&list[next++], "jansson", jansson_version_str(), 32);
    set(&list[next++], "libsodium", sodium_version_string(), 32);
    set(&list[next++], "SQLite", sqlite3_libversion(), 32);
    set_pq(&list[next++]);
    set(&list[next++], "libmicrohttpd", MHD_get_version(), 32);
    set(&list[next++], "GnuTLS", gnutls_check_version(NULL), 32);
}
