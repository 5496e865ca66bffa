/* tiff_api.c - see tiff_api.h. */
#include "image/tiff_api.h"

#include "base/library.h"
#include "base/size.h"

bn_status bn_tiff_api_load(bn_tiff_api *api, bn_error *err)
{
    static const bn_library_symbol symbols[] = {
#define SYMBOL(name) {#name, offsetof(bn_tiff_api, name)},
        BN_TIFF_FUNCTIONS(SYMBOL)
#undef SYMBOL
    };
    if (bn_library_load("libtiff.so.6", symbols, BN_COUNT(symbols), api)) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                   "TIFF is neither read nor written here: apt-get install libtiff6 (libtiff.so.6)");
}
