/* options.h - the one table of commands and options. Parsing, --help, the man page and the shell completion all read
 * it; nothing about an option is written anywhere else. */
#ifndef BN_CLI_OPTIONS_H
#define BN_CLI_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>

typedef enum bn_command {
    BN_COMMAND_REMOVE = 0,
    BN_COMMAND_WATCH,
    BN_COMMAND_STREAM,
    BN_COMMAND_VIDEO,
    BN_COMMAND_MODELS,
    BN_COMMAND_PULL,
    BN_COMMAND_INFO,
    BN_COMMAND_BENCH,
    BN_COMMAND_EVAL,
    BN_COMMAND_SERVE,
    BN_COMMAND_WORK,
    BN_COMMAND_KEYS,
    BN_COMMAND_MIGRATE,
    BN_COMMAND_QUEUE,
    BN_COMMANDS,
} bn_command;

typedef enum bn_option {
    BN_OPTION_OUTPUT = 0,
    BN_OPTION_MODEL,
    BN_OPTION_RESOLUTION,
    BN_OPTION_MASK,
    BN_OPTION_MASK_ONLY,
    BN_OPTION_NO_REFINE,
    BN_OPTION_FORMAT,
    BN_OPTION_QUALITY,
    BN_OPTION_BACKGROUND,
    BN_OPTION_CROP,
    BN_OPTION_FOR,
    BN_OPTION_CANVAS,
    BN_OPTION_FIT,
    BN_OPTION_ALIGN,
    BN_OPTION_SHADOW,
    BN_OPTION_THRESHOLD,
    BN_OPTION_PROFILE,
    BN_OPTION_METADATA,
    BN_OPTION_FIRST_FRAME,
    BN_OPTION_SMOOTH,
    BN_OPTION_SIZE,
    BN_OPTION_MAX_PIXELS,
    BN_OPTION_SKIP_EXISTING,
    BN_OPTION_JOBS,
    BN_OPTION_REPORT,
    BN_OPTION_YES,
    BN_OPTION_THREADS,
    BN_OPTION_DEVICE,
    BN_OPTION_PRECISION,
    BN_OPTION_CPUMASK,
    BN_OPTION_TILE_ORDER,
    BN_OPTION_MODELS_DIR,
    BN_OPTION_RUNS,
    BN_OPTION_BATCH,
    BN_OPTION_PHOTO,
    BN_OPTION_COMPARE,
    BN_OPTION_AGAINST,
    BN_OPTION_UNKNOWN,
    BN_OPTION_HTML,
    BN_OPTION_LISTEN,
    BN_OPTION_DATA,
    BN_OPTION_STORE,
    BN_OPTION_STORE_CONNECTIONS,
    BN_OPTION_STORE_LISTEN,
    BN_OPTION_ONLY,
    BN_OPTION_NO_WORKER,
    BN_OPTION_ORDER,
    BN_OPTION_LEASE,
    BN_OPTION_FALLBACK_MODEL,
    BN_OPTION_PRELOAD,
    BN_OPTION_MAX_MODELS,
    BN_OPTION_PUBLIC_URL,
    BN_OPTION_ANYONE,
    BN_OPTION_ALLOW_PRIVATE,
    BN_OPTION_WEBHOOKS_PUBLIC_ONLY,
    BN_OPTION_TLS_LISTEN,
    BN_OPTION_TLS_CERT,
    BN_OPTION_TLS_KEY,
    BN_OPTION_TLS_SELF_SIGNED,
    BN_OPTION_CONNECT_PROXY,
    BN_OPTION_ACCESS_LOG,
    BN_OPTION_MAX_BODY,
    BN_OPTION_MAX_DECODE_MEMORY,
    BN_OPTION_MAX_WAITING,
    BN_OPTION_FETCHES,
    BN_OPTION_FILES,
    BN_OPTION_FILES_CREDENTIALS,
    BN_OPTION_SPOOL,
    BN_OPTION_SERVE_FILES,
    BN_OPTION_REDIRECT_SECONDS,
    BN_OPTION_UPLOADS,
    BN_OPTION_MAX_STORED,
    BN_OPTION_RETENTION,
    BN_OPTION_PER_MINUTE,
    BN_OPTION_MAX_RUNNING,
    BN_OPTION_KEY_WAITING,
    BN_OPTION_DRAIN,
    BN_OPTION_TEST_RESOLUTION,
    BN_OPTION_KEY,
    BN_OPTION_ADMIN,
    BN_OPTION_VERIFY,
    BN_OPTION_CHECK,
    BN_OPTION_ONLY_CHECK,
    BN_OPTION_JSON,
    BN_OPTION_NO_PROGRESS,
    BN_OPTION_QUIET,
    BN_OPTION_VERBOSE,
    BN_OPTION_HELP,
    BN_OPTIONS,
} bn_option;

typedef enum bn_option_kind {
    BN_KIND_FLAG,
    BN_KIND_TEXT,
    BN_KIND_WHOLE,  /* a whole number from low to high */
    BN_KIND_REAL,   /* a number from low to high */
    BN_KIND_CHOICE, /* one of `choices` */
} bn_option_kind;

typedef struct bn_option_spec {
    const char *name;       /* long, without dashes */
    char letter;            /* short, or 0 */
    bn_option_kind kind;    /* of the argument */
    const char *argument;   /* what help calls it: "FILE"; NULL for flags */
    bool argument_may_lack; /* --name or --name=ARGUMENT */
    bool takes_path;        /* completion offers files */
    bool may_be_empty;      /* TEXT: "" says something */
    const char *choices;    /* "auto|f32|bf16" */
    double low, high;
    const char *
        standard; /* the default, as it would be given; WHOLE, REAL and CHOICE are read from it; NULL = none */
    const char *otherwise; /* help's words for a default that is no such value, or that needs more words */
    const char
        *bare; /* WHOLE, REAL and CHOICE: what the option means without its argument, where that may lack */
    const char *help;  /* one or two sentences */
    unsigned commands; /* bit 1 << command */
} bn_option_spec;

typedef struct bn_command_spec {
    const char *name;
    const char *operands; /* "INPUT..." */
    int min_operands, max_operands;
    const char *summary;  /* one line */
    const char *describe; /* paragraphs, each ended by a newline; lines are wrapped where they are shown */
    const char *examples; /* lines "COMMAND\tWHAT IT DOES\n" */
    const char *actions;  /* "add|list|revoke", what the first operand may be; NULL = anything */
} bn_command_spec;

const bn_option_spec *bn_option_get_spec(bn_option option);
const bn_command_spec *bn_command_get_spec(bn_command command);
bool bn_option_applies(bn_option option, bn_command command);

/* What was given on the command line, checked against the table. */
typedef struct bn_values {
    bn_command command;
    bool given[BN_OPTIONS];
    const char *text[BN_OPTIONS]; /* the argument; NULL where it was not given or may lack */
    double
        number[BN_OPTIONS]; /* of WHOLE and REAL options, else the table's default; 0 where that has none */
    int choice[BN_OPTIONS]; /* index into choices, else the default's; 0 where there is none */
    char **operands;
    int operand_count;
} bn_values;

/* argv[0] is the command's name; argv is permuted so that the operands come last. ARGUMENT with one line that says
 * what is wrong. `--help` ends parsing at once. */
bn_status bn_values_parse(bn_command command, int argc, char **argv, bn_values *values, bn_error *err);

/* The argument, else the table's default. */
const char *bn_values_text(const bn_values *values, bn_option option);
/* The default in help's words; NULL where none is named. */
const char *bn_option_default_words(const bn_option_spec *spec);

/* The command of that name; BN_COMMANDS if there is none. */
bn_command bn_command_find(const char *name);
/* The one that a word of one wrong letter means; BN_COMMANDS where there is none. */
bn_command bn_command_suggest(const char *word);

#endif
