/* heif_api.c - see heif_api.h. */
#include "image/heif_api.h"

#include "base/library.h"
#include "base/size.h"

#include <pthread.h>

bn_status bn_heif_api_load(bn_heif_api *api, bn_error *err)
{
    static const bn_library_symbol symbols[] = {
#define SYMBOL(name) {#name, offsetof(bn_heif_api, name)},
        BN_HEIF_FUNCTIONS(SYMBOL)
#undef SYMBOL
    };
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    if (!bn_library_load("libheif.so.1", symbols, BN_COUNT(symbols), api))
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "HEIC is not read here: apt-get install libheif1");
    pthread_mutex_lock(&lock);
    api->heif_init(NULL); /* counts; the first call loads the decoders that are packages of their own */
    pthread_mutex_unlock(&lock);
    if (api->heif_have_decoder_for_format(heif_compression_HEVC)) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                   "HEIC is not read here: apt-get install libheif-plugin-libde265");
}
