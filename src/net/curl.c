/* curl.c - see curl.h. */
#include "net/curl.h"

#include "base/size.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

static const struct {
    const char *name;
    size_t offset; /* in the table */
} functions[] = {
    {"curl_global_init", offsetof(bn_curl, global_init)},
    {"curl_easy_init", offsetof(bn_curl, easy_init)},
    {"curl_easy_setopt", offsetof(bn_curl, easy_setopt)},
    {"curl_easy_perform", offsetof(bn_curl, easy_perform)},
    {"curl_easy_getinfo", offsetof(bn_curl, easy_getinfo)},
    {"curl_easy_header", offsetof(bn_curl, easy_header)},
    {"curl_easy_reset", offsetof(bn_curl, easy_reset)},
    {"curl_easy_cleanup", offsetof(bn_curl, easy_cleanup)},
    {"curl_easy_strerror", offsetof(bn_curl, easy_strerror)},
    {"curl_slist_append", offsetof(bn_curl, slist_append)},
    {"curl_slist_free_all", offsetof(bn_curl, slist_free_all)},
    {"curl_version_info", offsetof(bn_curl, version_info)},
};

/* Written once, by load(). */
static bn_curl table;
static bool is_loaded;
static char fault[300];

static bool find_all(void *library)
{
    for (size_t i = 0; i < BN_COUNT(functions); i++) {
        void *symbol = dlsym(library, functions[i].name);
        if (!symbol) return false;
        memcpy((char *)&table + functions[i].offset, &symbol, sizeof symbol); /* POSIX: it is a function's */
    }
    return true;
}

/* The loader's words begin with the name of the file that it could not open: ours, or one that ours needs. */
static void say(const char *words)
{
    static const char prefix[] = LIBRARY ": ";
    if (!words) words = "it is another one";
    if (strncmp(words, prefix, sizeof prefix - 1) == 0) words += sizeof prefix - 1;
    snprintf(fault, sizeof fault, LIBRARY " cannot be loaded (apt-get install libcurl4): %s", words);
}

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library || !find_all(library)) {
        say(dlerror());
        return;
    }
    is_loaded = table.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    if (!is_loaded) snprintf(fault, sizeof fault, LIBRARY " cannot be started");
}

const bn_curl *bn_curl_open(bn_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (is_loaded) return &table;
    bn_fail(err, BIREFNET_ERROR_NETWORK, "%s", fault);
    return NULL;
}
