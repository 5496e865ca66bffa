/* curl.h - the one door to libcurl: its functions as a table, loaded when they are first asked for.
 *
 * libcurl brings 30 more libraries into the process: 4.5 ms, half of what `birefnet --help` would take, and most runs
 * never need it. So nothing links it; its header is used for types and numbers of options. */
#ifndef BN_NET_CURL_H
#define BN_NET_CURL_H

#include "base/error.h"

#include <curl/curl.h>

/* Named as in libcurl, without "curl_". */
typedef struct bn_curl {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *easy);
    CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
    CURLHcode (*easy_header)(CURL *easy, const char *name, size_t index, unsigned origin, int request,
                             struct curl_header **header);
    void (*easy_reset)(CURL *easy);
    void (*easy_cleanup)(CURL *easy);
    const char *(*easy_strerror)(CURLcode code);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
    curl_version_info_data *(*version_info)(CURLversion age);
} bn_curl;

/* The table, for as long as the process lives; libcurl is started with it. NULL, with NETWORK in err (may be NULL), where it
 * cannot be loaded or started. Any thread. */
const bn_curl *bn_curl_open(bn_error *err);

#endif
