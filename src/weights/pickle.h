/* pickle.h - reads Python's pickle format as data: numbers, texts, containers, and calls of listed names as records of
 * the name and its arguments. Nothing is ever run; a name that is not listed ends the reading.
 *
 * Memory is bounded whatever the bytes say: a few million values at most, texts stay where they are, and no function
 * here calls itself. Containers may contain themselves (the format allows it): walkers must bound their depth. */
#ifndef BN_WEIGHTS_PICKLE_H
#define BN_WEIGHTS_PICKLE_H

#include "base/error.h"

typedef enum bn_pickle_kind {
    BN_PICKLE_NONE = 0,
    BN_PICKLE_BOOL,
    BN_PICKLE_INT,
    BN_PICKLE_FLOAT,
    BN_PICKLE_TEXT, /* also bytes */
    BN_PICKLE_TUPLE,
    BN_PICKLE_LIST,
    BN_PICKLE_DICT,       /* items: key, value, key, value, ... */
    BN_PICKLE_GLOBAL,     /* a listed name */
    BN_PICKLE_CALL,       /* items: the listed name, then its arguments */
    BN_PICKLE_PERSISTENT, /* items: the one value that stands for something outside of the pickle */
    BN_PICKLE_MARK,       /* only inside of the reader */
} bn_pickle_kind;

/* A name that a pickle may mention. */
typedef struct bn_pickle_global {
    const char *module, *name;
    bn_pickle_kind makes; /* what calling it gives: CALL, DICT (an empty one), or NONE: may not be called */
    int id;               /* the caller's */
} bn_pickle_global;

typedef struct bn_pickle_node bn_pickle_node;

typedef struct bn_pickle_value {
    bn_pickle_kind kind;
    uint32_t length; /* TEXT: bytes */
    union {
        int64_t integer;      /* INT, BOOL */
        double number;        /* FLOAT */
        const char *text;     /* TEXT: inside the pickle's bytes, not zero-terminated */
        bn_pickle_node *node; /* containers, CALL, PERSISTENT */
        const bn_pickle_global *global;
    };
} bn_pickle_value;

struct bn_pickle_node {
    bn_pickle_node *next; /* all nodes of a pickle, newest first */
    bn_pickle_kind kind;
    uint32_t count, capacity;
    bn_pickle_value *items; /* [count] */
};

typedef struct bn_pickle {
    bn_pickle_value root;
    bn_pickle_node *nodes;
} bn_pickle;

/* Read one pickle from the front of bytes; *used (may be NULL) is its length. The bytes must outlive it. */
bn_status bn_pickle_load(const uint8_t *bytes, size_t size, const bn_pickle_global *listed,
                         size_t listed_count, bn_pickle *pickle, size_t *used, bn_error *err);
void bn_pickle_free(bn_pickle *pickle);

#endif
