/* metrics.h - counters and histograms of the work, and their Prometheus text. Cheap: one atomic addition each. */
#ifndef BN_QUEUE_METRICS_H
#define BN_QUEUE_METRICS_H

#include "base/buffer.h"
#include "queue/engine.h"

#include <stdatomic.h>

typedef enum bn_work_stage {
    BN_WORK_FETCH = 0,
    BN_WORK_DECODE,
    BN_WORK_QUEUE, /* from arrival to the start */
    BN_WORK_NETWORK,
    BN_WORK_REFINE,
    BN_WORK_ENCODE,
    BN_WORK_STORE,
    BN_WORK_STAGES,
} bn_work_stage;

#define BN_METRIC_BUCKETS 16
#define BN_METRIC_REASONS 16

typedef struct bn_metrics {
    struct {
        _Atomic(uint64_t) buckets[BN_METRIC_BUCKETS + 1]; /* not cumulative; the last is beyond all */
        _Atomic(uint64_t) sum_us;
    } stages[BN_WORK_STAGES];
    _Atomic(uint64_t) accepted, succeeded, failed[BN_METRIC_REASONS], rejected, webhooks_delivered,
        webhooks_failed, hints_heard, hints_lost, rescued, leases_lost;
    _Atomic(int64_t) failed_at_ms[BN_METRIC_REASONS]; /* the last one; 0: none */
} bn_metrics;

void bn_metrics_time(bn_metrics *metrics, bn_work_stage stage, double ms);
/* A finished request that failed; reasons that are not in the table count as "other". */
void bn_metrics_fail(bn_metrics *metrics, const char *reason, int64_t now_ms);

/* What is done with a request, from the time that somebody works on it until its ending is saved. */
typedef enum bn_work_step {
    BN_STEP_FETCHING = 0,
    BN_STEP_FETCHED, /* waits to be decoded */
    BN_STEP_DECODING,
    BN_STEP_DECODED, /* waits for the network */
    BN_STEP_NETWORK,
    BN_STEP_MATTED, /* waits to be finished */
    BN_STEP_FINISHING,
    BN_STEP_SAVING,
    BN_WORK_STEPS,
} bn_work_step;

const char *bn_work_step_name(bn_work_step step);

/* Of all processes that share the store, as of the last snapshot. */
typedef struct bn_cluster {
    bool known;
    size_t waiting, held, running, workers, idle_workers;
    int64_t oldest_waiting_ms;
} bn_cluster;

/* What the metrics do not count themselves. */
typedef struct bn_gauges {
    size_t waiting, waiting_max, running, watches, steps[BN_WORK_STEPS];
    int64_t oldest_waiting_ms; /* for so long; 0: none waits */
    bn_cluster cluster;
    int open_models, sessions, keys, admin_keys;
    char model_names[BN_ENGINE_MAX_MODELS][100];
    int64_t webhooks;
    uint64_t stored_bytes, stored_max_bytes, decode_bytes, decode_max_bytes, resident_bytes, peak_bytes;
} bn_gauges;

bn_status bn_metrics_write(bn_metrics *metrics, const bn_gauges *gauges, bn_buffer *out, bn_error *err);

#endif
