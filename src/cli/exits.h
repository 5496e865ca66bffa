/* exits.h - exit codes: which failure gives which, and the words for help. */
#ifndef BN_CLI_EXITS_H
#define BN_CLI_EXITS_H

#include "base/error.h"

typedef enum bn_exit {
    BN_EXIT_OK = 0,
    BN_EXIT_INPUT = 1, /* the bytes of the input */
    BN_EXIT_USAGE = 2,
    BN_EXIT_SOME_FAILED = 3,
    BN_EXIT_NOT_READ = 4,
    BN_EXIT_NOT_WRITTEN = 5,
    BN_EXIT_LIMIT = 6,
    BN_EXIT_MODEL = 7,
    BN_EXIT_NETWORK = 8,
    BN_EXIT_INTERNAL = 9,
    BN_EXIT_NO_SENSE = 10, /* models --check */
    BN_EXIT_PORT = 11,     /* serve */
    BN_EXIT_NO_TOOL = 12,  /* video */
    BN_EXIT_STORE = 13,    /* serve, work, migrate */
    BN_EXIT_SCHEMA = 14,
    BN_EXIT_FILES = 15, /* serve --files */
    BN_EXIT_DEVICE = 16,
    BN_EXIT_INTERRUPTED = 130,
} bn_exit;

/* What was being done when it failed. */
typedef enum bn_stage {
    BN_STAGE_USAGE = 0, /* before anything was done: options that contradict each other */
    BN_STAGE_READ,
    BN_STAGE_WORK, /* decoding, the network, composing, encoding */
    BN_STAGE_WRITE,
    BN_STAGE_MODEL,
    BN_STAGE_LISTEN, /* a server's port */
    BN_STAGE_STORE,  /* a database that servers share */
    BN_STAGE_FILES,  /* where the bytes of files lie */
} bn_stage;

bn_exit bn_exit_of(bn_status status, bn_stage stage);

typedef struct bn_exit_words {
    bn_exit code;
    const char *meaning;
} bn_exit_words;

/* Ends with an entry whose meaning is NULL. */
const bn_exit_words *bn_exit_table(void);

#endif
