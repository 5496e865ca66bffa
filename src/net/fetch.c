/* fetch.c - see fetch.h. */
#include "net/fetch.h"

#include "base/clock.h"
#include "base/size.h"
#include "net/address.h"
#include "net/curl.h"
#include "net/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define SLOW_BYTES_PER_S 1000

/* Nobody reads what a redirect says besides. */
#define REDIRECT_MAX_BYTES (1u << 20)

typedef struct exchange {
    const bn_web_options *options;
    const bn_curl *curl;
    CURL *easy;
    bn_buffer *out;
    bn_error *err;
    bn_status status; /* of what the callbacks did */
    double end_ms;
    double window_ms;        /* clock when the present look at its speed began; 0 = nothing came yet */
    curl_off_t window_bytes; /* that had come then */
    size_t skipped_bytes;    /* of the body of a redirect */
    bool is_strange;         /* its content coding is one that nobody knows */
    bool is_redirect;        /* its body is of no interest */
    bool is_answered; /* the header section is complete: the code counts, whatever becomes of the body */
    char words[CURL_ERROR_SIZE];
} exchange;

bool bn_is_web_url(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

/* Whether a Content-Encoding names what is no coding: "aws-chunked", "utf-8". */
static bool is_strange_coding(const char *value, size_t length)
{
    static const char *const known[] = {"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "identity"};
    char text[200], *rest = NULL;
    snprintf(text, sizeof text, "%.*s", (int)BN_MIN(length, sizeof text), value);
    for (char *word = strtok_r(text, ", \t\r\n", &rest); word; word = strtok_r(NULL, ", \t\r\n", &rest)) {
        size_t i = 0;
        while (i < BN_COUNT(known) && strcasecmp(known[i], word) != 0) i++;
        if (i == BN_COUNT(known)) return true;
    }
    return false;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    exchange *self = user;
    if (size * count > 9 && strncasecmp(bytes, "HTTP/", 5) == 0) {
        const char *blank = memchr(bytes, ' ', size * count);
        self->is_redirect = blank && blank[1] == '3' && self->options->redirects > 0;
        self->is_answered = false;
    }
    if (size * count > 17 && strncasecmp(bytes, "Content-Encoding:", 17) == 0)
        self->is_strange = is_strange_coding(bytes + 17, size * count - 17);
    if (size * count > 0 && size * count <= 2 && (bytes[0] == '\r' || bytes[0] == '\n'))
        self->is_answered = true;
    return size * count;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *user)
{
    exchange *self = user;
    if (self->is_redirect) {
        self->skipped_bytes += size * count;
        if (self->skipped_bytes <= REDIRECT_MAX_BYTES) return size * count;
        self->status = bn_fail(self->err, BIREFNET_ERROR_NETWORK, "a redirect with too large a body");
        return 0;
    }
    self->status = bn_buffer_append(self->out, bytes, size * count, self->err);
    return self->status == BIREFNET_OK ? size * count : 0;
}

/* A host may think for as long as the timeout allows; bytes that trickle are no photo. */
static bool is_too_slow(exchange *self, curl_off_t now)
{
    const double clock_ms = bn_clock_ms(), passed_ms = clock_ms - self->window_ms;
    if (self->options->slow_ms == 0 || now == 0) return false;
    if (self->window_ms > 0 && passed_ms < self->options->slow_ms) return false;
    if (self->window_ms > 0 && (double)(now - self->window_bytes) < passed_ms / 1e3 * SLOW_BYTES_PER_S)
        return true;
    self->window_ms = clock_ms;
    self->window_bytes = now;
    return false;
}

/* What comes, before a content coding is undone; that may be a little longer than what it holds. What it holds is counted
 * by the buffer. */
static bool is_too_large(const exchange *self, curl_off_t bytes)
{
    const size_t most = self->out->max_bytes;
    return bytes > 0 && (uint64_t)bytes > (uint64_t)most + most / 64 + 4096;
}

static int on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    (void)up_total, (void)up_now;
    exchange *self = user;
    if (is_too_slow(self, now)) {
        self->status = bn_fail(self->err, BIREFNET_ERROR_NETWORK, "the file comes too slowly");
        return 1;
    }
    if (!self->is_redirect && (is_too_large(self, total) || is_too_large(self, now))) {
        self->status = bn_fail(self->err, BIREFNET_ERROR_LIMIT,
                               "the file is larger than the allowed %zu bytes", self->out->max_bytes);
        return 1;
    }
    if (!self->options->cancelled || !self->options->cancelled(self->options->user)) return 0;
    self->status = bn_fail(self->err, BIREFNET_ERROR_CANCELLED, "interrupted");
    return 1;
}

/* The moment when names have become addresses and nothing has been sent. */
static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    exchange *self = user;
    if (purpose == CURLSOCKTYPE_IPCXN && !self->options->allow_private &&
        !bn_address_is_public(&address->addr)) {
        self->status = bn_fail(self->err, BIREFNET_ERROR_NETWORK, "the address is not public");
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* All of them or none: a webhook without its signature must not go out. The caller frees *list, after a failure, too. */
static bn_status make_headers(const bn_curl *curl, const bn_web_options *options, struct curl_slist **list,
                              bn_error *err)
{
    for (const char *const *header = options->headers; header && *header; header++) {
        struct curl_slist *longer = curl->slist_append(*list, *header);
        if (!longer) return bn_fail_memory(err, strlen(*header), "a request's headers");
        *list = longer;
    }
    return BIREFNET_OK;
}

static void configure(exchange *self)
{
    const bn_web_options *options = self->options;
    const bn_curl *curl = self->curl;
    CURL *easy = self->easy;
    curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    if (!options->use_proxies) curl->easy_setopt(easy, CURLOPT_PROXY, "");
    curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 20000L);
    curl->easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 100L); /* bytes a second, for so many seconds */
    curl->easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, 30L);
    curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(easy, CURLOPT_USERAGENT, "Mozilla/5.0 (compatible; birefnet/" BN_VERSION ")");
    curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, self->words);
    curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl->easy_setopt(easy, CURLOPT_WRITEDATA, self);
    curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl->easy_setopt(easy, CURLOPT_HEADERDATA, self);
    curl->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl->easy_setopt(easy, CURLOPT_OPENSOCKETDATA, self);
    curl->easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl->easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl->easy_setopt(easy, CURLOPT_XFERINFODATA, self);
    if (!options->post) {
        curl->easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, ""); /* all that libcurl can undo */
        return;
    }
    curl->easy_setopt(easy, CURLOPT_POST, 1L);
    curl->easy_setopt(easy, CURLOPT_POSTFIELDS, options->post);
    curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)options->post_bytes);
}

/* A coding that nobody knows is a mistake of the host: as browsers do, take the bytes as they are. */
static CURLcode perform(exchange *self)
{
    const bn_curl *curl = self->curl;
    CURL *easy = self->easy;
    for (bool decodes = true;; decodes = false) {
        self->is_redirect = self->is_answered = self->is_strange = false;
        self->skipped_bytes = 0;
        self->window_ms = 0;
        self->words[0] = '\0';
        const CURLcode result = curl->easy_perform(easy);
        if (result != CURLE_BAD_CONTENT_ENCODING || !self->is_strange || !decodes) return result;
        curl->easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, (char *)NULL);
    }
}

/* One request; *next is allocated where the answer sends us on. */
static bn_status one_request(exchange *self, const char *url, long *code, char **next)
{
    const bn_curl *curl = self->curl;
    CURL *easy = self->easy;
    const double left_ms = self->options->timeout_ms > 0 ? self->end_ms - bn_clock_ms() : 0;
    if (self->options->timeout_ms > 0 && left_ms < 1)
        return bn_fail(self->err, BIREFNET_ERROR_NETWORK, "it took too long");
    curl->easy_setopt(easy, CURLOPT_URL, url);
    curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left_ms); /* 0 = none */
    const CURLcode result = perform(self);
    *code = 0;
    if (self->is_answered) curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, code);
    if (self->status != BIREFNET_OK) return self->status;
    if (result != CURLE_OK)
        return bn_fail(self->err, BIREFNET_ERROR_NETWORK, "%s",
                       self->words[0] ? self->words : curl->easy_strerror(result));
    char *location = NULL;
    curl->easy_getinfo(easy, CURLINFO_REDIRECT_URL, &location);
    if (!self->is_redirect || !location) return BIREFNET_OK;
    if (!bn_is_web_url(location))
        return bn_fail(self->err, BIREFNET_ERROR_NETWORK, "it is redirected to another protocol");
    *next = strdup(location);
    return *next ? BIREFNET_OK : bn_fail_memory(self->err, strlen(location), "an address");
}

static bn_status follow(exchange *self, const char *url, long *code)
{
    char *at = bn_url_escape(url);
    if (!at) return bn_fail_memory(self->err, strlen(url), "an address");
    bn_status status = BIREFNET_OK;
    if (!bn_is_web_url(at))
        status = bn_fail(self->err, BIREFNET_ERROR_NETWORK, "this is no http or https address");
    for (int steps = 0; status == BIREFNET_OK; steps++) {
        char *next = NULL;
        status = one_request(self, at, code, &next);
        if (status != BIREFNET_OK || !next) break;
        free(at);
        at = next;
        if (steps == self->options->redirects)
            status = bn_fail(self->err, BIREFNET_ERROR_NETWORK, "more than %d redirects",
                             self->options->redirects);
    }
    free(at);
    return status;
}

bn_status bn_web_exchange(const char *url, const bn_web_options *options, bn_buffer *out, long *code,
                          bn_error *err)
{
    exchange self = {
        .options = options, .out = out, .err = err, .end_ms = bn_clock_ms() + options->timeout_ms};
    long answer = 0;
    self.curl = bn_curl_open(err);
    if (!self.curl) return BIREFNET_ERROR_NETWORK;
    self.easy = self.curl->easy_init();
    if (!self.easy) return bn_fail_memory(err, 0, "a connection");
    struct curl_slist *headers = NULL;
    bn_status status = make_headers(self.curl, options, &headers, err);
    if (status == BIREFNET_OK) {
        configure(&self);
        if (headers) self.curl->easy_setopt(self.easy, CURLOPT_HTTPHEADER, headers);
        status = follow(&self, url, &answer);
    }
    self.curl->easy_cleanup(self.easy);
    self.curl->slist_free_all(headers);
    if (code) *code = answer;
    if (status == BIREFNET_OK && !code && answer >= 300)
        status = bn_fail(err, BIREFNET_ERROR_NETWORK, "the server answered %ld", answer);
    return status;
}
