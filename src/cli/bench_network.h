/* bench_network.h - timing of the network by parts, beside the floor that the machine's multiply-adds set. */
#ifndef BN_CLI_BENCH_NETWORK_H
#define BN_CLI_BENCH_NETWORK_H

#include "base/error.h"
#include "cli/bench_load.h"
#include "nn/gpu/packs.h"

#include <stdbool.h>

#define BN_BENCH_MAX_PARTS 32

typedef struct bn_bench_options {
    const char *model_path; /* as birefnet_model_open takes it */
    birefnet_model_options model;
    int width, height, threads, batch; /* 0: as birefnet_session_open */
    int runs;                          /* >= 1, after one that is not counted */
    bool
        with_floor; /* also measure the peak and a 2048^3 product: a second, and 50 MB after the peak was read */
    double budget_ms; /* after this no further run is begun, if one was timed; 0: all runs */
    void (*say)(void *user, const char *line); /* what is being done, for who waits; or NULL */
    bool (*stop)(void);                        /* asked during runs: true cancels; or NULL */
    void *user;                                /* of say */
    bool compare_precision;                    /* also run in float32 and say how far the results are apart */
} bn_bench_options;

typedef struct bn_bench_part {
    const char *name; /* static storage */
    double median_ms, giga_macs;
    double balance; /* bn_graph_balance for the session's threads */
    int calls;      /* of kernels of a graphics card */
    double mib;     /* that they move */
} bn_bench_part;

typedef struct bn_bench_result {
    birefnet_model_info model;
    birefnet_session_info session;
    double open_ms;           /* model and session, until ready for the first run */
    int runs;                 /* that were timed */
    bn_load_shares load;      /* of the machine while they were */
    double first_ms;          /* the run that is not counted */
    double median_ms, min_ms; /* of the others */
    double outside_ms;        /* on a card: of a run, the median of what its parts do not account for */
    double
        peak_gflops; /* of the CPU: bn_peak_gflops, before or behind the runs; 0 without with_floor, as what follows */
    double floor_ms; /* 2 * giga_macs / peak_gflops */
    bool on_card;    /* then the peak is that of its fastest tile of products, and 0 where none was timed */
    bn_gpu_pack_times weights; /* on a card */
    double product_gflops;     /* of a 2048^3 product */
    double balance;            /* bn_graph_balance of the whole network */
    size_t peak_rss_bytes;     /* after the runs, before the floor was timed */
    int parts;
    bn_bench_part part[BN_BENCH_MAX_PARTS];
    double sigmoid_mean, sigmoid_max, agree; /* against float32, with compare_precision */
} bn_bench_result;

bn_status bn_bench_run(const bn_bench_options *options, bn_bench_result *result, bn_error *err);

/* Several sessions of one model at work beside each other, each on its share of the threads (bench_jobs.c). */
typedef struct bn_bench_jobs {
    int sessions, threads;    /* threads: of each, at least 1 */
    double pictures_a_minute; /* of all together */
} bn_bench_jobs;

/* `runs` pictures by each session after one that is not counted; options->threads, > 0, is for all of them together. */
bn_status bn_bench_run_jobs(const bn_bench_options *options, int sessions, bn_bench_jobs *result,
                            bn_error *err);

#endif
