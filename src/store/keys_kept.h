/* keys_kept.h - what keys.c shares with keys_file.c: keys as they are kept, and the file that keeps them on one machine. */
#ifndef BN_STORE_KEYS_KEPT_H
#define BN_STORE_KEYS_KEPT_H

#include "store/store.h"

/* By id, or by name where one key has it. NOT_FOUND where none has. */
bn_status bn_key_rows_find(const bn_key_rows *rows, const char *id, size_t *at, bn_error *err);

bn_status bn_key_file_path(const char *folder, char path[4096], bn_error *err);
/* No file: no keys. The caller frees read->list. */
bn_status bn_key_file_read(const char *path, bn_key_rows *read, bn_error *err);
bn_status bn_key_file_add(const char *folder, const bn_key_row *added, bn_error *err);
bn_status bn_key_file_remove(const char *folder, const char *id, bn_error *err);

#endif
