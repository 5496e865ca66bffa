/* s3_http.c - see s3_http.h. */
#include "blobs/s3_http.h"

#include "base/clock.h"
#include "base/size.h"
#include "blobs/s3_answer.h"
#include "blobs/s3_keys.h"
#include "net/curl.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIRST_WAIT_MS 100 /* before the second try, at most; doubled */
#define LAST_WAIT_MS  5000
#define PATH_BYTES    600

struct bn_s3 {
    bn_s3_place place;
    bn_s3_options options;
    bn_s3_keys *keys;
    const bn_curl *curl;
    _Atomic(int) clock_offset_s, false_clock_s; /* what S3's clock is ahead of ours; and for tests */
    _Atomic(bool) stopping;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a connection is free, or stopping */
    CURL *idle[BN_S3_CONNECTIONS];
    int idle_count, busy;
};

/* One try of a call. */
typedef struct attempt {
    bn_s3 *s3;
    bn_s3_call *call;
    CURL *easy;
    bool has_code, too_long;
    bool skewed; /* S3 said that our clock is wrong, and now we know by how much */
    char answer[BN_S3_ANSWER_BYTES];
    size_t answer_bytes;
    char fault[CURL_ERROR_SIZE];
} attempt;

/* ---- opening ---- */

bn_status bn_s3_open(const bn_s3_place *place, const bn_s3_options *options, bn_s3 **s3, bn_error *err)
{
    pthread_condattr_t monotonic;
    bn_s3 *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "a bucket");
    made->place = *place;
    made->options = *options;
    made->options.credentials_file = NULL; /* the caller's, and read by now */
    pthread_mutex_init(&made->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&made->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    made->curl = bn_curl_open(err);
    bn_status status = made->curl ? BIREFNET_OK : BIREFNET_ERROR_NETWORK;
    if (status == BIREFNET_OK) status = bn_s3_keys_open(options->credentials_file, &made->keys, err);
    if (status == BIREFNET_OK)
        *s3 = made;
    else
        bn_s3_close(&made);
    return status;
}

void bn_s3_close(bn_s3 **s3)
{
    bn_s3 *ended = *s3;
    *s3 = NULL;
    if (!ended) return;
    for (int i = 0; i < ended->idle_count; i++) ended->curl->easy_cleanup(ended->idle[i]);
    bn_s3_keys_close(&ended->keys);
    pthread_cond_destroy(&ended->changed);
    pthread_mutex_destroy(&ended->lock);
    free(ended);
}

void bn_s3_stop(bn_s3 *s3)
{
    pthread_mutex_lock(&s3->lock);
    atomic_store(&s3->stopping, true);
    pthread_cond_broadcast(&s3->changed);
    pthread_mutex_unlock(&s3->lock);
}

const bn_s3_place *bn_s3_get_place(const bn_s3 *s3)
{
    return &s3->place;
}

void bn_s3_shift_clock(bn_s3 *s3, int seconds)
{
    atomic_store(&s3->false_clock_s, seconds);
}

static time_t now_of(bn_s3 *s3)
{
    return time(NULL) + atomic_load(&s3->clock_offset_s) + atomic_load(&s3->false_clock_s);
}

/* ---- connections ---- */

/* NULL: none became free in time, or there is no memory for one. */
static CURL *take_connection(bn_s3 *s3, double end_ms)
{
    CURL *easy = NULL;
    pthread_mutex_lock(&s3->lock);
    while (s3->busy == BN_S3_CONNECTIONS && !atomic_load(&s3->stopping)) {
        const struct timespec until = bn_clock_after((int64_t)BN_MAX(end_ms - bn_clock_ms(), 0) + 1);
        if (bn_clock_ms() >= end_ms) break;
        pthread_cond_timedwait(&s3->changed, &s3->lock, &until);
    }
    const bool free_one = s3->busy < BN_S3_CONNECTIONS;
    if (free_one && s3->idle_count > 0) easy = s3->idle[--s3->idle_count];
    if (free_one && !easy) easy = s3->curl->easy_init();
    if (easy) s3->busy++;
    pthread_mutex_unlock(&s3->lock);
    return easy;
}

static void give_connection(bn_s3 *s3, CURL *easy)
{
    s3->curl->easy_reset(easy); /* keeps the connection */
    pthread_mutex_lock(&s3->lock);
    s3->busy--;
    s3->idle[s3->idle_count++] = easy;
    pthread_cond_signal(&s3->changed);
    pthread_mutex_unlock(&s3->lock);
}

/* Wait before the next try; false where there is no time for it. */
static bool wait_a_while(bn_s3 *s3, int tries, double end_ms)
{
    const int most = BN_MIN(FIRST_WAIT_MS << BN_MIN(tries, 10), LAST_WAIT_MS);
    const double until_ms = bn_clock_ms() + 10 + randombytes_uniform((uint32_t)most);
    if (until_ms >= end_ms) return false;
    pthread_mutex_lock(&s3->lock);
    while (!atomic_load(&s3->stopping) && bn_clock_ms() < until_ms) {
        const struct timespec until = bn_clock_after((int64_t)BN_MAX(until_ms - bn_clock_ms(), 0) + 1);
        pthread_cond_timedwait(&s3->changed, &s3->lock, &until);
    }
    pthread_mutex_unlock(&s3->lock);
    return !atomic_load(&s3->stopping);
}

/* ---- what libcurl calls ---- */

static const char *header_of(const attempt *self, const char *name)
{
    struct curl_header *header = NULL;
    return self->s3->curl->easy_header(self->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : NULL;
}

static size_t on_body(char *bytes, size_t one, size_t count, void *user)
{
    (void)one; /* always 1 */
    attempt *self = user;
    bn_s3_call *call = self->call;
    if (!self->has_code) self->s3->curl->easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &call->code);
    self->has_code = true;
    if (call->code >= 300) { /* a fault's words, as far as they are of use */
        const size_t kept = BN_MIN(count, sizeof self->answer - self->answer_bytes);
        memcpy(self->answer + self->answer_bytes, bytes, kept);
        self->answer_bytes += kept;
        return count;
    }
    self->too_long = count > call->room - call->got;
    if (self->too_long) return CURL_WRITEFUNC_ERROR;
    memcpy((char *)call->into + call->got, bytes, count);
    call->got += count;
    return count;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    const attempt *self = user;
    return atomic_load(&self->s3->stopping);
}

/* ---- one try ---- */

static bool add_line(const bn_curl *curl, struct curl_slist **lines, const char *name, const char *value)
{
    char line[2300];
    if (snprintf(line, sizeof line, "%s: %s", name, value) >= (int)sizeof line) return false;
    struct curl_slist *longer = curl->slist_append(*lines, line);
    if (longer) *lines = longer;
    sodium_memzero(line, sizeof line);
    return longer != NULL;
}

/* The signed fields, and those of libcurl's own that would disturb taken away. */
static bool make_lines(const attempt *self, const bn_s3_request *request, const bn_s3_credentials *keys,
                       const bn_s3_signed *proof, struct curl_slist **lines)
{
    const bn_curl *curl = self->s3->curl;
    bool good = add_line(curl, lines, "x-amz-date", proof->date) &&
                add_line(curl, lines, "x-amz-content-sha256", request->payload) &&
                add_line(curl, lines, "Authorization", proof->authorization) &&
                add_line(curl, lines, "Expect", "") && add_line(curl, lines, "Content-Type", "");
    if (keys->token[0]) good = good && add_line(curl, lines, "x-amz-security-token", keys->token);
    for (size_t i = 0; i < request->header_count; i++)
        good = good && add_line(curl, lines, request->headers[i].name, request->headers[i].value);
    return good;
}

static void set_options(attempt *self, const char *url, double left_ms)
{
    const bn_curl *curl = self->s3->curl;
    CURL *easy = self->easy;
    const bn_s3_options *options = &self->s3->options;
    curl->easy_setopt(easy, CURLOPT_URL, url);
    curl->easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl->easy_setopt(easy, CURLOPT_USERAGENT, "birefnet/" BN_VERSION);
    curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_ms);
    curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)BN_MAX(left_ms, 1));
    curl->easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1000L);
    curl->easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)options->slow_s);
    curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, self->fault);
    curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl->easy_setopt(easy, CURLOPT_WRITEDATA, self);
    curl->easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl->easy_setopt(easy, CURLOPT_XFERINFODATA, self);
    curl->easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

static void set_method(const attempt *self)
{
    const bn_curl *curl = self->s3->curl;
    const bn_s3_call *call = self->call;
    if (strcmp(call->method, "HEAD") == 0) {
        curl->easy_setopt(self->easy, CURLOPT_NOBODY, 1L);
    } else if (call->body || strcmp(call->method, "GET") != 0) {
        const bool has_body = strcmp(call->method, "DELETE") != 0;
        if (has_body) {
            curl->easy_setopt(self->easy, CURLOPT_POSTFIELDS, call->body ? call->body : "");
            curl->easy_setopt(self->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_bytes);
        }
        curl->easy_setopt(self->easy, CURLOPT_CUSTOMREQUEST, call->method);
    }
}

static void read_answer(attempt *self)
{
    bn_s3_call *call = self->call;
    const char *etag = header_of(self, "ETag"), *range = header_of(self, "Content-Range");
    const char *total = range ? strrchr(range, '/') : NULL;
    curl_off_t length = -1;
    self->s3->curl->easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &call->code);
    self->s3->curl->easy_getinfo(self->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    snprintf(call->etag, sizeof call->etag, "%s", etag ? etag : "");
    if (total)
        call->size = strtoull(total + 1, NULL, 10);
    else
        call->size = length > 0 ? (uint64_t)length : 0;
    bn_s3_text_of(self->answer, self->answer_bytes, "Code", call->fault, sizeof call->fault);
}

static CURLcode perform(attempt *self, const char *payload, double left_ms, bn_error *err)
{
    bn_s3 *s3 = self->s3;
    const bn_s3_call *call = self->call;
    bn_s3_credentials keys;
    bn_s3_signed proof;
    char path[PATH_BYTES], url[BN_S3_TARGET_BYTES + sizeof s3->place.endpoint];
    struct curl_slist *lines = NULL;
    bn_s3_request request = {.method = call->method,
                             .host = s3->place.host,
                             .path = path,
                             .query_count = call->query_count,
                             .header_count = call->header_count,
                             .payload = payload};
    memcpy(request.query, call->query, sizeof call->query);
    memcpy(request.headers, call->headers, sizeof call->headers);
    bn_s3_place_path(&s3->place, call->object, path, sizeof path);
    bn_s3_keys_get(s3->keys, &keys);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (bn_s3_sign(&request, &keys, s3->place.region, now_of(s3), &proof, err) != BIREFNET_OK)
        code = CURLE_URL_MALFORMAT;
    else if (make_lines(self, &request, &keys, &proof, &lines)) {
        snprintf(url, sizeof url, "%s%s", s3->place.endpoint, proof.target);
        set_options(self, url, left_ms);
        set_method(self);
        s3->curl->easy_setopt(self->easy, CURLOPT_HTTPHEADER, lines);
        code = s3->curl->easy_perform(self->easy);
        read_answer(self);
    }
    s3->curl->slist_free_all(lines);
    sodium_memzero(&keys, sizeof keys);
    return code;
}

/* ---- what a failure means ---- */

/* S3's clock counts: it refuses signatures that are a quarter of an hour off. */
static bool learn_clock(attempt *self)
{
    const char *date = header_of(self, "Date");
    const long long theirs = date ? bn_s3_read_date(date) : -1;
    if (theirs < 0) return false;
    const long long offset = theirs - (time(NULL) + atomic_load(&self->s3->false_clock_s));
    if (offset < -(1 << 30) || offset > 1 << 30) return false;
    const int before = atomic_exchange(&self->s3->clock_offset_s, (int)offset);
    return abs(before - (int)offset) > 60;
}

typedef struct meaning {
    const char *fault; /* S3's word */
    const char *line;
} meaning;

/* Of what an operator has to put right. */
static const meaning meanings[] = {
    {"NoSuchBucket", "there is no such bucket"},
    {"InvalidAccessKeyId", "the access key id is not known there"},
    {"SignatureDoesNotMatch", "the secret access key is wrong"},
    {"InvalidToken", "the session token is not valid"},
    {"ExpiredToken", "the session token has expired"},
    {"AccessDenied", "access is denied: the keys lack the permission, or are of another account"},
    {"AllAccessDisabled", "access is denied: the bucket is closed"},
    {"RequestTimeTooSkewed", "the clocks of this machine and of S3 differ too much"},
    {"AuthorizationHeaderMalformed", "the region is wrong"},
    {"IllegalLocationConstraintException", "the region is wrong"},
    {"PermanentRedirect", "the bucket is in another region or at another endpoint"},
    {"InvalidBucketName", "the bucket's name is not allowed there"},
};

static bn_status fail_place(const bn_s3 *s3, bn_error *err, bn_status status, const char *fault)
{
    return bn_fail(err, status, "S3, bucket %s at %s: %s", s3->place.bucket, s3->place.endpoint, fault);
}

static bn_status fail_operator(const attempt *self, bn_error *err)
{
    const bn_s3_call *call = self->call;
    char words[300], region[64];
    for (size_t i = 0; i < BN_COUNT(meanings); i++) {
        if (strcmp(meanings[i].fault, call->fault) != 0) continue;
        snprintf(words, sizeof words, "%s", meanings[i].line);
        if (bn_s3_text_of(self->answer, self->answer_bytes, "Region", region, sizeof region))
            snprintf(words, sizeof words, "%s: it is %s, not %s", meanings[i].line, region,
                     self->s3->place.region);
        return fail_place(self->s3, err, BIREFNET_ERROR_ARGUMENT, words);
    }
    snprintf(words, sizeof words, "it answered %ld%s%s", call->code, call->fault[0] ? " " : ": is it S3?",
             call->fault);
    return fail_place(self->s3, err, BIREFNET_ERROR_ARGUMENT, words);
}

static bn_status fail_line(const attempt *self, CURLcode code, bn_error *err, bool *again)
{
    char words[CURL_ERROR_SIZE + 40];
    snprintf(words, sizeof words, "cannot be reached: %s",
             self->fault[0] ? self->fault : self->s3->curl->easy_strerror(code));
    *again = code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CACERT_BADFILE;
    return fail_place(self->s3, err, *again ? BIREFNET_ERROR_IO : BIREFNET_ERROR_ARGUMENT, words);
}

/* A server that is no S3 says 404 to everything: to a PUT, too. */
static bool is_object_missing(const bn_s3_call *call)
{
    if (strcmp(call->fault, "NoSuchKey") == 0 || strcmp(call->fault, "NoSuchUpload") == 0) return true;
    return !call->fault[0] && call->object && call->method[0] != 'P';
}

/* *again: another try may succeed. */
static bn_status judge(attempt *self, CURLcode code, bn_error *err, bool *again)
{
    const bn_s3_call *call = self->call;
    char words[120];
    *again = false;
    if (code == CURLE_URL_MALFORMAT) return BIREFNET_ERROR_LIMIT; /* err says it */
    if (code == CURLE_OUT_OF_MEMORY) return bn_fail_memory(err, 0, "a request to S3");
    if (self->too_long)
        return fail_place(self->s3, err, BIREFNET_ERROR_IO, "it sent more than was asked for");
    if (code != CURLE_OK) return fail_line(self, code, err, again);
    if (call->code >= 200 && call->code < 300) return BIREFNET_OK;
    if (call->code >= 500 || call->code == 429 || call->code == 408 ||
        strcmp(call->fault, "RequestTimeout") == 0) {
        *again = call->code != 501;
        snprintf(words, sizeof words, "it answered %ld %s", call->code, call->fault);
        return fail_place(self->s3, err, BIREFNET_ERROR_IO, words);
    }
    if (call->code == 404 && is_object_missing(call))
        return fail_place(self->s3, err, BIREFNET_ERROR_NOT_FOUND, "there is no such object");
    if (call->code == 403 || strcmp(call->fault, "RequestTimeTooSkewed") == 0)
        *again = self->skewed = !self->skewed && learn_clock(self);
    return fail_operator(self, err);
}

bn_status bn_s3_do(bn_s3 *s3, bn_s3_call *call, bn_error *err)
{
    char payload[65];
    const double end_ms =
        bn_clock_ms() + (call->deadline_ms > 0 ? call->deadline_ms : s3->options.deadline_ms);
    attempt *self = calloc(1, sizeof *self);
    if (!self) return bn_fail_memory(err, sizeof *self, "a request to S3");
    bn_s3_hash(call->body, call->body_bytes, payload);
    bn_status status = BIREFNET_OK;
    bool again = true;
    for (int tries = 0; again; tries++) {
        *self = (attempt){.s3 = s3, .call = call, .skewed = self->skewed};
        call->got = 0;
        call->code = 0;
        self->easy = take_connection(s3, end_ms);
        if (!self->easy) {
            status = fail_place(s3, err, BIREFNET_ERROR_IO, "all connections are busy");
            break;
        }
        status = judge(self, perform(self, payload, end_ms - bn_clock_ms(), err), err, &again);
        give_connection(s3, self->easy);
        if (!again || !wait_a_while(s3, tries, end_ms)) break;
    }
    free(self);
    return status;
}

bn_status bn_s3_link(bn_s3 *s3, bn_s3_request *request, const char *object, int seconds, char *url,
                     size_t size, bn_error *err)
{
    bn_s3_credentials keys;
    bn_s3_signed proof;
    char path[PATH_BYTES];
    bn_s3_place_path(&s3->place, object, path, sizeof path);
    request->host = s3->place.host;
    request->path = path;
    bn_s3_keys_get(s3->keys, &keys);
    const bn_status status =
        bn_s3_presign(request, &keys, s3->place.region, now_of(s3), seconds, &proof, err);
    sodium_memzero(&keys, sizeof keys);
    if (status != BIREFNET_OK) return status;
    if (snprintf(url, size, "%s%s", s3->place.endpoint, proof.target) < (int)size) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_LIMIT, "the address of an object is too long");
}
