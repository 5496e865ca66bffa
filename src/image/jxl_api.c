/* jxl_api.c - see jxl_api.h. */
#include "image/jxl_api.h"

#include "base/library.h"
#include "base/size.h"

/* Until 1.0 each minor version has an interface of its own, and a package named by it. */
#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)
#define LIBRARY_VERSION TEXT(JPEGXL_MAJOR_VERSION) "." TEXT(JPEGXL_MINOR_VERSION)

bn_status bn_jxl_api_load(bn_jxl_api *api, bn_error *err)
{
    static const bn_library_symbol symbols[] = {
#define SYMBOL(name) {#name, offsetof(bn_jxl_api, name)},
        BN_JXL_FUNCTIONS(SYMBOL)
#undef SYMBOL
    };
    if (bn_library_load("libjxl.so." LIBRARY_VERSION, symbols, BN_COUNT(symbols), api)) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                   "JPEG XL is not read here: apt-get install libjxl" LIBRARY_VERSION);
}
