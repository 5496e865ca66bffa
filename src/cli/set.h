/* set.h - a set of strings, for names that must not be given out twice. */
#ifndef BN_CLI_SET_H
#define BN_CLI_SET_H

#include "base/error.h"

#include <stdbool.h>

typedef struct bn_set {
    char **slots; /* open addressing; NULL is free */
    size_t capacity, count;
} bn_set;

/* Put a copy of key in; *added (may be NULL) is false where it was there already. */
bn_status bn_set_add(bn_set *set, const char *key, bool *added, bn_error *err);
bool bn_set_has(const bn_set *set, const char *key);
void bn_set_free(bn_set *set);

#endif
