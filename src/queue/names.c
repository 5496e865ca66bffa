/* names.c - see names.h. */
#include "queue/names.h"

#include "image/format.h"
#include "schema/json.h"
#include "store/ids.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void bn_name_clean(const char *said, const char *type, const char *id, char name[BN_FILE_NAME_CHARS])
{
    const char *from = said ? said : "";
    for (const char *p = from; *p; p++)
        if (*p == '/' || *p == '\\') from = p + 1;
    while (*from == '.') from++; /* no hidden files, no ".." */
    size_t used = 0, letters = 0;
    for (; *from && used < 120; from++) {
        const bool plain = isascii((unsigned char)*from) && isalnum((unsigned char)*from);
        letters += plain;
        name[used++] = plain || strchr("._-", *from) ? *from : '_';
    }
    name[used] = '\0';
    if (letters > 0) return;
    const bn_format format = bn_format_from_mime(type);
    const char *suffix = format == BN_FORMAT_NONE ? "bin" : bn_format_get_facts(format)->suffixes[0];
    snprintf(name, BN_FILE_NAME_CHARS, "%s.%s", id, suffix);
}

void bn_type_clean(const char *said, char type[BN_FILE_TYPE_CHARS])
{
    bool good = said && said[0] && strlen(said) < BN_FILE_TYPE_CHARS && strchr(said, '/');
    for (const char *p = said; good && *p; p++) good = *p >= 0x20 && *p < 0x7f;
    snprintf(type, BN_FILE_TYPE_CHARS, "%s", good ? said : "application/octet-stream");
}

void bn_lifecycle_parse(const char *text, bn_lifecycle *lifecycle)
{
    *lifecycle = (bn_lifecycle){0};
    json_t *root = text ? bn_json_read(text, strlen(text), BN_JSON_SMALL, NULL) : NULL;
    json_t *expiry = json_object_get(root, "expiration_duration_seconds");
    if (json_is_null(expiry)) lifecycle->has_expiry = true;
    if (json_is_number(expiry)) {
        const double seconds = json_number_value(expiry);
        lifecycle->has_expiry = true;
        lifecycle->expires_s = seconds < 1 ? 1 : seconds > 1e10 ? 0 : (int64_t)seconds;
    }
    const char *access = json_string_value(json_object_get(json_object_get(root, "initial_acl"), "default"));
    if (access && strcmp(access, "hide") == 0) lifecycle->access = BN_FILE_HIDE;
    if (access && strcmp(access, "forbid") == 0) lifecycle->access = BN_FILE_FORBID;
    json_decref(root);
}

bool bn_file_id_of_url(const char *url, char id[BN_FILE_ID_CHARS])
{
    const char *at = strstr(url, "/files/b/");
    if (!at || strlen(at) < 9 + BN_FILE_ID_CHARS) return false;
    memcpy(id, at + 9, BN_FILE_ID_CHARS - 1);
    id[BN_FILE_ID_CHARS - 1] = '\0';
    return bn_id_valid(id) && at[9 + BN_FILE_ID_CHARS - 1] == '/';
}
