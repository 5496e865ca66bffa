/* names.h - file names and types made safe, the lifecycle field, and the address of a file. */
#ifndef BN_QUEUE_NAMES_H
#define BN_QUEUE_NAMES_H

#include "store/facts.h"

#include <stdbool.h>

/* Letters, digits, dot, dash and underscore of the last part of what the client says; `id` and a suffix for the type where
 * nothing is left. */
void bn_name_clean(const char *said, const char *type, const char *id, char name[BN_FILE_NAME_CHARS]);
/* Printable ASCII, or application/octet-stream. */
void bn_type_clean(const char *said, char type[BN_FILE_TYPE_CHARS]);

typedef struct bn_lifecycle {
    bool has_expiry;   /* the client said something about it */
    int64_t expires_s; /* after so many seconds; 0 = never */
    bn_file_access access;
} bn_lifecycle;

/* {"expiration_duration_seconds": 3600, "initial_acl": {"default": "hide"}}; what cannot be read counts as not said. */
void bn_lifecycle_parse(const char *text, bn_lifecycle *lifecycle);

/* The id in an address ".../files/b/ID/NAME" whatever its host; false if there is none. */
bool bn_file_id_of_url(const char *url, char id[BN_FILE_ID_CHARS]);

#endif
