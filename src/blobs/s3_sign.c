/* s3_sign.c - see s3_sign.h. */
#include "blobs/s3_sign.h"

#include "base/size.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ALGORITHM    "AWS4-HMAC-SHA256"
#define SCOPE_BYTES  128
#define HEADER_BYTES 4096
#define HASH_BYTES   crypto_auth_hmacsha256_BYTES

/* Text that is written into a buffer of fixed size; what does not fit makes it unusable. */
typedef struct text {
    char *at;
    size_t size, used;
    bool full;
} text;

static void put(text *out, const char *words, size_t count)
{
    if (out->full || count >= out->size - out->used) {
        out->full = true;
        return;
    }
    memcpy(out->at + out->used, words, count);
    out->used += count;
    out->at[out->used] = '\0';
}

static void put_text(text *out, const char *words)
{
    put(out, words, strlen(words));
}

/* All but what RFC 3986 calls unreserved, in capital digits. */
static void put_escaped(text *out, const char *words, bool keep_slash)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *words; words++) {
        char three[4];
        snprintf(three, sizeof three, "%%%02X", (unsigned)(unsigned char)*words);
        if (strchr(plain, *words) || (keep_slash && *words == '/'))
            put(out, words, 1);
        else
            put(out, three, 3);
    }
}

static void sort(bn_s3_pair *pairs, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && strcmp(pairs[k - 1].name, pairs[k].name) > 0; k--) {
            const bn_s3_pair moved = pairs[k];
            pairs[k] = pairs[k - 1];
            pairs[k - 1] = moved;
        }
}

static bool add(bn_s3_pair *pairs, size_t *count, const char *name, const char *value)
{
    if (*count == BN_S3_PAIRS) return false;
    pairs[*count] = (bn_s3_pair){name, value};
    *count += 1;
    return true;
}

static void put_query(text *out, bn_s3_pair *query, size_t count)
{
    sort(query, count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) put_text(out, "&");
        put_escaped(out, query[i].name, false);
        put_text(out, "=");
        put_escaped(out, query[i].value, false);
    }
}

void bn_s3_hash(const void *bytes, size_t count, char hex[65])
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, bytes, count);
    sodium_bin2hex(hex, 65, digest, sizeof digest);
}

static void mac(const void *key, size_t key_bytes, const char *message, uint8_t out[HASH_BYTES])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, key_bytes);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)message, strlen(message));
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

/* What a signature is for: a day, a region, S3. */
typedef struct scope {
    char date[17], day[9], text[SCOPE_BYTES];
    const char *region;
} scope;

static bool make_scope(time_t now, const char *region, scope *out)
{
    struct tm parts;
    if (!gmtime_r(&now, &parts) || parts.tm_year < 0 || parts.tm_year > 8000) return false;
    strftime(out->date, sizeof out->date, "%Y%m%dT%H%M%SZ", &parts);
    strftime(out->day, sizeof out->day, "%Y%m%d", &parts);
    out->region = region;
    return snprintf(out->text, sizeof out->text, "%s/%s/s3/aws4_request", out->day, region) < SCOPE_BYTES;
}

static void make_key(const bn_s3_credentials *credentials, const scope *where, uint8_t key[HASH_BYTES])
{
    char first[sizeof credentials->secret + 5];
    snprintf(first, sizeof first, "AWS4%s", credentials->secret);
    mac(first, strlen(first), where->day, key);
    mac(key, HASH_BYTES, where->region, key);
    mac(key, HASH_BYTES, "s3", key);
    mac(key, HASH_BYTES, "aws4_request", key);
    sodium_memzero(first, sizeof first);
}

/* Names of the headers, with semicolons between. */
static void put_names(text *out, const bn_s3_pair *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) put_text(out, ";");
        put_text(out, headers[i].name);
    }
}

/* The request in the one form that both sides make of it, hashed; headers are sorted. False: too long. */
static bool hash_request(const bn_s3_request *request, const char *path, const char *query,
                         const bn_s3_pair *headers, size_t count, char hex[65])
{
    crypto_hash_sha256_state state;
    uint8_t digest[crypto_hash_sha256_BYTES];
    char lines[HEADER_BYTES] = "";
    text out = {.at = lines, .size = sizeof lines};
    for (size_t i = 0; i < count; i++) {
        put_text(&out, headers[i].name);
        put_text(&out, ":");
        put_text(&out, headers[i].value);
        put_text(&out, "\n");
    }
    put_text(&out, "\n");
    put_names(&out, headers, count);
    const char *parts[] = {request->method, "\n", path, "\n", query, "\n", lines, "\n", request->payload};
    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < BN_COUNT(parts); i++)
        crypto_hash_sha256_update(&state, (const uint8_t *)parts[i], strlen(parts[i]));
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(hex, 65, digest, sizeof digest);
    sodium_memzero(lines, sizeof lines); /* a token may stand there */
    return !out.full;
}

static void make_signature(const bn_s3_credentials *credentials, const scope *where, const char *hash,
                           char signature[65])
{
    char message[300];
    uint8_t key[HASH_BYTES], raw[HASH_BYTES];
    snprintf(message, sizeof message, ALGORITHM "\n%s\n%s\n%s", where->date, where->text, hash);
    make_key(credentials, where, key);
    mac(key, sizeof key, message, raw);
    sodium_bin2hex(signature, 65, raw, sizeof raw);
    sodium_memzero(key, sizeof key);
}

static bn_status fail_long(bn_error *err)
{
    return bn_fail(err, BIREFNET_ERROR_LIMIT, "a request to S3 is too long to be signed");
}

/* Path and query into out->target; *query is where the query begins. */
static bool put_target(bn_s3_signed *out, const char *path, char *escaped_path, bn_s3_pair *query,
                       size_t count, const char **query_at)
{
    text only_path = {.at = escaped_path, .size = BN_S3_TARGET_BYTES};
    text target = {.at = out->target, .size = sizeof out->target};
    escaped_path[0] = out->target[0] = '\0';
    put_escaped(&only_path, path, true);
    put_text(&target, escaped_path);
    if (count > 0) put_text(&target, "?");
    *query_at = out->target + target.used;
    put_query(&target, query, count);
    return !only_path.full && !target.full;
}

bn_status bn_s3_sign(const bn_s3_request *request, const bn_s3_credentials *credentials, const char *region,
                     time_t now, bn_s3_signed *out, bn_error *err)
{
    bn_s3_request all = *request;
    scope where;
    char path[BN_S3_TARGET_BYTES], hash[65], signature[65], names[300] = "";
    const char *query;
    text listed = {.at = names, .size = sizeof names};
    if (!make_scope(now, region, &where)) return fail_long(err);
    bool good = add(all.headers, &all.header_count, "host", request->host) &&
                add(all.headers, &all.header_count, "x-amz-content-sha256", request->payload) &&
                add(all.headers, &all.header_count, "x-amz-date", where.date);
    if (credentials->token[0])
        good = good && add(all.headers, &all.header_count, "x-amz-security-token", credentials->token);
    if (!good || !put_target(out, all.path, path, all.query, all.query_count, &query)) return fail_long(err);
    sort(all.headers, all.header_count);
    put_names(&listed, all.headers, all.header_count);
    if (listed.full || !hash_request(&all, path, query, all.headers, all.header_count, hash))
        return fail_long(err);
    make_signature(credentials, &where, hash, signature);
    memcpy(out->date, where.date, sizeof out->date);
    const int length = snprintf(out->authorization, sizeof out->authorization,
                                ALGORITHM " Credential=%s/%s,SignedHeaders=%s,Signature=%s",
                                credentials->key_id, where.text, names, signature);
    return length < (int)sizeof out->authorization ? BIREFNET_OK : fail_long(err);
}

bn_status bn_s3_presign(const bn_s3_request *request, const bn_s3_credentials *credentials,
                        const char *region, time_t now, int seconds, bn_s3_signed *out, bn_error *err)
{
    bn_s3_request all = *request;
    const bn_s3_pair host = {"host", request->host};
    scope where;
    char path[BN_S3_TARGET_BYTES], hash[65], signature[65], scoped[300], life[16];
    const char *query;
    if (!make_scope(now, region, &where)) return fail_long(err);
    snprintf(scoped, sizeof scoped, "%s/%s", credentials->key_id, where.text);
    snprintf(life, sizeof life, "%d", seconds);
    all.payload = BN_S3_UNSIGNED;
    bool good = add(all.query, &all.query_count, "X-Amz-Algorithm", ALGORITHM) &&
                add(all.query, &all.query_count, "X-Amz-Credential", scoped) &&
                add(all.query, &all.query_count, "X-Amz-Date", where.date) &&
                add(all.query, &all.query_count, "X-Amz-Expires", life) &&
                add(all.query, &all.query_count, "X-Amz-SignedHeaders", "host");
    if (credentials->token[0])
        good = good && add(all.query, &all.query_count, "X-Amz-Security-Token", credentials->token);
    if (!good || !put_target(out, all.path, path, all.query, all.query_count, &query) ||
        !hash_request(&all, path, query, &host, 1, hash))
        return fail_long(err);
    make_signature(credentials, &where, hash, signature);
    out->date[0] = out->authorization[0] = '\0';
    text target = {.at = out->target, .size = sizeof out->target, .used = strlen(out->target)};
    put_text(&target, "&X-Amz-Signature=");
    put_text(&target, signature);
    return target.full ? fail_long(err) : BIREFNET_OK;
}
