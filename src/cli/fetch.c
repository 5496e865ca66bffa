/* fetch.c - one GET by libcurl, with limits on time, size and redirects. */
#include "cli/fetch.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

typedef struct transfer {
    bn_buffer *buffer;
    bool (*cancelled)(void);
    bn_error *err;
    bn_status status; /* of what the callbacks did */
} transfer;

bool bn_is_url(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *user)
{
    transfer *self = user;
    self->status = bn_buffer_append(self->buffer, bytes, size * count, self->err);
    return self->status == BIREFNET_OK ? size * count : 0;
}

static int on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    (void)total, (void)now, (void)up_total, (void)up_now;
    transfer *self = user;
    if (!self->cancelled()) return 0;
    self->status = bn_fail(self->err, BIREFNET_ERROR_CANCELLED, "interrupted");
    return 1;
}

static void configure(CURL *curl, const char *url, transfer *self, char *words)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 100L); /* bytes a second, for so many seconds */
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 30L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "birefnet/" BN_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, self);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, self);
}

bn_status bn_fetch(const char *url, bool (*cancelled)(void), bn_buffer *buffer, bn_error *err)
{
    transfer self = {.buffer = buffer, .cancelled = cancelled, .err = err};
    char words[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    if (!curl) return bn_fail(err, BIREFNET_ERROR_NETWORK, "cannot start libcurl");
    configure(curl, url, &self, words);
    const CURLcode code = curl_easy_perform(curl);
    long answer = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    curl_easy_cleanup(curl);
    if (self.status != BIREFNET_OK) return self.status;
    if (code == CURLE_OK) return BIREFNET_OK;
    if (answer >= 400) return bn_fail(err, BIREFNET_ERROR_NETWORK, "the server answered %ld", answer);
    return bn_fail(err, BIREFNET_ERROR_NETWORK, "%s", words[0] ? words : curl_easy_strerror(code));
}
