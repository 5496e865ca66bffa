/* computing.h - what serve and work share: the options of a process that works on requests. */
#ifndef BN_CLI_COMPUTING_H
#define BN_CLI_COMPUTING_H

#include "cli/console.h"
#include "cli/exits.h"
#include "cli/options.h"
#include "queue/jobs.h"

#define BN_PRELOADS 16

/* What the options point to. */
typedef struct bn_computing {
    char *preload_text; /* owned */
    const char *preload[BN_PRELOADS + 1];
    const char *only[BN_PRELOADS + 1]; /* of the presets; --only */
} bn_computing;

void bn_limit_heaps(void);
/* Before anything is made or opened: what is wrong with a store has exit codes of its own. Says what will become of an older one. */
bn_status bn_computing_check_store(const bn_values *values, bn_console *console, const char *data_folder,
                                   bn_stage *stage, bn_error *err);
/* Everything that both take, or the defaults of the option table. *stage: for the exit code, should it fail. */
bn_status bn_computing_read(const bn_values *values, bn_console *console, const char *data_folder,
                            bn_computing *own, bn_jobs_options *options, bn_stage *stage, bn_error *err);
/* bn_jobs_open; *stage says whether a store or the place of the files failed that others share. */
bn_status bn_computing_open(bn_jobs_options *options, bn_jobs **jobs, bn_stage *stage, bn_error *err);

#endif
