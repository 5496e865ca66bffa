/* bench_load.h - how busy the machine was with other things while something was timed. */
#ifndef BN_CLI_BENCH_LOAD_H
#define BN_CLI_BENCH_LOAD_H

#include <stdbool.h>

/* CPU time since the machine started, seconds; all zero where the system does not tell. */
typedef struct bn_load {
    double all_s;    /* of all CPUs, idle time included */
    double busy_s;   /* of those: running something */
    double stolen_s; /* wanted by this machine, and given to others by the machine that it is a guest of */
    double own_s;    /* running this process */
} bn_load;

/* The first line of /proc/stat, in ticks; false where it is something else. */
bool bn_load_parse(const char *line, double ticks_per_s, bn_load *load);
void bn_load_now(bn_load *load);

/* Shares of the CPU time between two moments, 0 to 1: of other processes, and of other guests. */
typedef struct bn_load_shares {
    double others, stolen;
} bn_load_shares;

bn_load_shares bn_load_between(const bn_load *before, const bn_load *behind);

/* More than this is worth a word. */
#define BN_LOAD_VISIBLE 0.05

#endif
