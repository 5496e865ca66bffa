/* auth.c - who calls: keys, and tokens that stand for a key for a while.
 *
 * A token is "u" or "s" (its purpose), the time it ends, the key's id and a keyed hash over these, with dots between. The
 * hash's key: secrets.c. */
#include "queue/private.h"

#include "base/size.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAC_BYTES 24

static void sign(const bn_jobs *jobs, const char *text, char mac[2 * MAC_BYTES + 1])
{
    uint8_t bytes[MAC_BYTES];
    crypto_generichash(bytes, sizeof bytes, (const uint8_t *)text, strlen(text), jobs->token_key,
                       sizeof jobs->token_key);
    sodium_bin2hex(mac, 2 * MAC_BYTES + 1, bytes, sizeof bytes);
}

bool bn_key_is_revoked(bn_jobs *jobs, const char *key_id)
{
    bn_key_facts facts;
    return bn_keys_any(jobs->keys) && !bn_keys_find(jobs->keys, key_id, &facts);
}

bn_status bn_jobs_token_make(bn_jobs *jobs, bn_token_purpose purpose, const char *key_id, int64_t seconds,
                             char token[BN_TOKEN_CHARS], int64_t *expires_ms, bn_error *err)
{
    char text[BN_TOKEN_CHARS], mac[2 * MAC_BYTES + 1], id[2 * BN_KEY_ID_CHARS];
    const char *said = key_id ? key_id : "";
    if (strlen(said) >= BN_KEY_ID_CHARS)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the key's id is too long");
    sodium_bin2hex(id, sizeof id, (const uint8_t *)said, strlen(said)); /* ids may have dots */
    *expires_ms = bn_jobs_now(jobs) + BN_MIN(BN_MAX(seconds, 1), 30 * 24 * 3600) * 1000;
    snprintf(text, sizeof text, "%c.%lld.%s", purpose == BN_TOKEN_UPLOAD ? 'u' : 's', (long long)*expires_ms,
             id);
    sign(jobs, text, mac);
    snprintf(token, BN_TOKEN_CHARS, "%s.%s", text, mac);
    return BIREFNET_OK;
}

bn_auth bn_jobs_token_check(bn_jobs *jobs, bn_token_purpose purpose, const char *token,
                            char key_id[BN_KEY_ID_CHARS])
{
    char text[BN_TOKEN_CHARS], mac[2 * MAC_BYTES + 1];
    const char *dot = token ? strrchr(token, '.') : NULL;
    if (!dot || strlen(token) >= BN_TOKEN_CHARS) return BN_AUTH_MALFORMED;
    snprintf(text, sizeof text, "%.*s", (int)(dot - token), token);
    sign(jobs, text, mac);
    if (strlen(dot + 1) != sizeof mac - 1 || sodium_memcmp(dot + 1, mac, sizeof mac - 1) != 0)
        return BN_AUTH_UNKNOWN;
    char *end, *id_end = NULL;
    const long long expires_ms = strtoll(text + 2, &end, 10);
    if (text[0] != (purpose == BN_TOKEN_UPLOAD ? 'u' : 's') || *end != '.' || expires_ms <= bn_jobs_now(jobs))
        return BN_AUTH_UNKNOWN;
    size_t bytes = 0;
    uint8_t id[BN_KEY_ID_CHARS] = {0};
    if (sodium_hex2bin(id, sizeof id - 1, end + 1, strlen(end + 1), NULL, &bytes, (const char **)&id_end) !=
        0)
        return BN_AUTH_UNKNOWN;
    memcpy(key_id, id, BN_KEY_ID_CHARS);
    return bn_key_is_revoked(jobs, key_id) ? BN_AUTH_UNKNOWN : BN_AUTH_OK;
}

bool bn_jobs_has_keys(bn_jobs *jobs)
{
    bn_error fault;
    const bool any = bn_keys_any(jobs->keys);
    if (bn_keys_fault(jobs->keys, &fault)) /* whoever has changed it believes that it counts */
        bn_log_line(&jobs->options.log, BIREFNET_LOG_ERROR, "the keys stay as they were: %s", fault.message);
    return any;
}

bool bn_jobs_is_shut(bn_jobs *jobs, char way_back[BN_KEYS_WAY_BACK])
{
    return bn_keys_shut(jobs->keys, way_back);
}

bool bn_jobs_is_admin(bn_jobs *jobs, const char *key_id)
{
    bn_key_facts facts;
    return bn_keys_find(jobs->keys, key_id, &facts) && facts.admin;
}

bn_status bn_jobs_key_make(bn_jobs *jobs, const bn_key_facts *wanted, char key[BN_KEY_CHARS],
                           bn_key_facts *facts, bn_error *err)
{
    const bn_keys_home home = bn_jobs_keys_home(jobs);
    BN_TRY(bn_keys_make(&home, wanted->name, NULL, &wanted->limits, wanted->admin, key, facts, err));
    bn_hint_others(jobs, BN_HINT_KEYS);
    return bn_keys_refresh(jobs->keys, err);
}

bn_status bn_jobs_key_revoke(bn_jobs *jobs, const char *id, bn_error *err)
{
    bn_key_facts facts;
    if (!bn_keys_find(jobs->keys, id, &facts)) /* a name would do for bn_keys_revoke */
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no key %s", id);
    const bn_keys_home home = bn_jobs_keys_home(jobs);
    BN_TRY(bn_keys_revoke(&home, id, err));
    bn_hint_others(jobs, BN_HINT_KEYS);
    return bn_keys_refresh(jobs->keys, err);
}

/* What stands behind the scheme, without the blanks around it: HTTP allows them at the end, and a secret's file may have one. */
static bn_auth read_credential(const char *authorization, char value[BN_KEY_CHARS], bool *is_bearer)
{
    if (!authorization || !authorization[0]) return BN_AUTH_NONE;
    *is_bearer = strncasecmp(authorization, "Bearer ", 7) == 0;
    if (!*is_bearer && strncasecmp(authorization, "Key ", 4) != 0) return BN_AUTH_MALFORMED;
    const char *begin = strchr(authorization, ' ');
    begin += strspn(begin, " \t");
    size_t length = strlen(begin);
    while (length > 0 && strchr(" \t\r", begin[length - 1])) length--;
    if (length == 0 || length >= BN_KEY_CHARS) return BN_AUTH_MALFORMED;
    memcpy(value, begin, length);
    value[length] = '\0';
    return BN_AUTH_OK;
}

bn_auth bn_jobs_authorize(bn_jobs *jobs, const char *authorization, char key_id[BN_KEY_ID_CHARS],
                          bn_credential *credential)
{
    char value[BN_KEY_CHARS];
    bool is_bearer;
    key_id[0] = '\0';
    *credential = BN_CREDENTIAL_KEY;
    if (!bn_keys_any(jobs->keys)) return BN_AUTH_OK;
    const bn_auth read = read_credential(authorization, value, &is_bearer);
    if (read != BN_AUTH_OK) return read;
    bn_key_facts facts;
    if (bn_keys_check(jobs->keys, value, &facts)) {
        memcpy(key_id, facts.id, BN_KEY_ID_CHARS);
        return BN_AUTH_OK;
    }
    *credential = BN_CREDENTIAL_UPLOAD_TOKEN;
    if (is_bearer && bn_jobs_token_check(jobs, BN_TOKEN_UPLOAD, value, key_id) == BN_AUTH_OK)
        return BN_AUTH_OK;
    *credential = BN_CREDENTIAL_STREAM_TOKEN;
    if (is_bearer && bn_jobs_token_check(jobs, BN_TOKEN_STREAM, value, key_id) == BN_AUTH_OK)
        return BN_AUTH_OK;
    key_id[0] = '\0';
    return is_bearer || strchr(value, ':') ? BN_AUTH_UNKNOWN : BN_AUTH_MALFORMED;
}
