/* curl_lazy.c - libcurl, loaded when it is first called.
 *
 * libcurl brings 30 more libraries into the process: 4.5 ms, half of what `birefnet --help` would take, and most runs
 * never need it. These functions have libcurl's own names, so that its callers are written as everywhere; the linker
 * then leaves libcurl out (--as-needed). They are not visible outside of the program, so libcurl's own calls stay
 * inside of libcurl. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo

static struct {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *curl);
    CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
    CURLHcode (*easy_header)(CURL *curl, const char *name, size_t index, unsigned origin, int request,
                             struct curl_header **header);
    void (*easy_cleanup)(CURL *curl);
    const char *(*easy_strerror)(CURLcode code);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
    curl_version_info_data *(*version_info)(CURLversion age);
} real; /* written once, by load() */
static bool is_loaded;

/* dlsym gives a data pointer; POSIX lets it be taken as a function's. */
static bool find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static void load(void)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    is_loaded = library && find(library, "curl_global_init", &real.global_init) &&
                find(library, "curl_easy_init", &real.easy_init) &&
                find(library, "curl_easy_setopt", &real.easy_setopt) &&
                find(library, "curl_easy_perform", &real.easy_perform) &&
                find(library, "curl_easy_getinfo", &real.easy_getinfo) &&
                find(library, "curl_easy_header", &real.easy_header) &&
                find(library, "curl_easy_cleanup", &real.easy_cleanup) &&
                find(library, "curl_easy_strerror", &real.easy_strerror) &&
                find(library, "curl_slist_append", &real.slist_append) &&
                find(library, "curl_slist_free_all", &real.slist_free_all) &&
                find(library, "curl_version_info", &real.version_info);
}

static bool ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return is_loaded;
}

CURLcode curl_global_init(long flags)
{
    return ready() ? real.global_init(flags) : CURLE_FAILED_INIT;
}

/* NULL without libcurl: then nobody has a handle for the functions below. */
CURL *curl_easy_init(void)
{
    return ready() ? real.easy_init() : NULL;
}

/* The one value is a long, a curl_off_t or a pointer: each of one 64-bit register on the machines this runs on. */
_Static_assert(sizeof(long) == sizeof(void *) && sizeof(curl_off_t) == sizeof(void *),
               "needs a 64-bit Linux");

CURLcode curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
    va_list args;
    va_start(args, option);
    void *value = va_arg(args, void *);
    va_end(args);
    return real.easy_setopt(curl, option, value);
}

CURLcode curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
    va_list args;
    va_start(args, info);
    void *value = va_arg(args, void *);
    va_end(args);
    return real.easy_getinfo(curl, info, value);
}

CURLcode curl_easy_perform(CURL *curl)
{
    return real.easy_perform(curl);
}

CURLHcode curl_easy_header(CURL *curl, const char *name, size_t index, unsigned origin, int request,
                           struct curl_header **header)
{
    return real.easy_header(curl, name, index, origin, request, header);
}

void curl_easy_cleanup(CURL *curl)
{
    if (curl) real.easy_cleanup(curl);
}

const char *curl_easy_strerror(CURLcode code)
{
    return ready() ? real.easy_strerror(code) : "libcurl.so.4 cannot be loaded";
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
    return ready() ? real.slist_append(list, text) : NULL;
}

void curl_slist_free_all(struct curl_slist *list)
{
    if (list) real.slist_free_all(list);
}

curl_version_info_data *curl_version_info(CURLversion age)
{
    return ready() ? real.version_info(age) : NULL;
}
