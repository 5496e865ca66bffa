/* ids.h - ids that nobody can guess. */
#ifndef BN_STORE_IDS_H
#define BN_STORE_IDS_H

#include "store/facts.h"

#include <stdbool.h>

void bn_id_make(char id[BN_FILE_ID_CHARS]);      /* 128 random bits in small hexadecimal digits */
void bn_uuid_make(char id[BN_REQUEST_ID_CHARS]); /* version 4 */
bool bn_id_valid(const char *id);                /* looks like one of bn_id_make */
/* An id that whoever has the key knows for one of its own without looking it up: 64 random bits and a keyed hash of them. */
void bn_id_make_signed(const uint8_t key[32], char id[BN_FILE_ID_CHARS]);
bool bn_id_is_signed(const uint8_t key[32], const char *id);
bool bn_uuid_valid(const char *id);

#endif
