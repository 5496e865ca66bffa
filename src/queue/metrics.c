/* metrics.c - see metrics.h. */
#include "queue/metrics.h"

#include "base/size.h"

#include <stdio.h>
#include <string.h>

static const double bounds_s[BN_METRIC_BUCKETS] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                   0.5,   1,      2.5,   5,    10,    30,   60,  300};

static const char *const stage_names[BN_WORK_STAGES] = {"fetch",  "decode", "queue", "network",
                                                        "refine", "encode", "store"};

static const char *const reasons[BN_METRIC_REASONS] = {"invalid_input",
                                                       "file_download_error",
                                                       "file_too_large",
                                                       "image_load_error",
                                                       "image_too_large",
                                                       "unsupported_image_format",
                                                       "feature_not_supported",
                                                       "request_timeout",
                                                       "client_cancelled",
                                                       "client_disconnected",
                                                       "internal_error",
                                                       "runner_server_error",
                                                       "runner_scheduling_failure",
                                                       "not_found",
                                                       "other",
                                                       NULL};

void bn_metrics_time(bn_metrics *metrics, bn_work_stage stage, double ms)
{
    size_t i = 0;
    while (i < BN_METRIC_BUCKETS && ms / 1e3 > bounds_s[i]) i++;
    atomic_fetch_add(&metrics->stages[stage].buckets[i], 1);
    atomic_fetch_add(&metrics->stages[stage].sum_us, ms > 0 ? (uint64_t)(ms * 1e3) : 0);
}

void bn_metrics_fail(bn_metrics *metrics, const char *reason, int64_t now_ms)
{
    size_t i = 0;
    while (strcmp(reasons[i], "other") != 0 && strcmp(reasons[i], reason) != 0) i++;
    atomic_fetch_add(&metrics->failed[i], 1);
    atomic_store(&metrics->failed_at_ms[i], now_ms);
}

const char *bn_work_step_name(bn_work_step step)
{
    static const char *const names[BN_WORK_STEPS] = {"fetching", "fetched", "decoding",  "decoded",
                                                     "network",  "matted",  "finishing", "saving"};
    return names[step];
}

static bn_status write_histogram(bn_metrics *metrics, bn_work_stage stage, bn_buffer *out, bn_error *err)
{
    const char *name = stage_names[stage];
    uint64_t total = 0;
    for (size_t i = 0; i <= BN_METRIC_BUCKETS; i++) {
        total += atomic_load(&metrics->stages[stage].buckets[i]);
        char bound[32] = "+Inf";
        if (i < BN_METRIC_BUCKETS) snprintf(bound, sizeof bound, "%g", bounds_s[i]);
        BN_TRY(bn_buffer_printf(out, err, "birefnet_stage_seconds_bucket{stage=\"%s\",le=\"%s\"} %llu\n",
                                name, bound, (unsigned long long)total));
    }
    BN_TRY(bn_buffer_printf(out, err, "birefnet_stage_seconds_sum{stage=\"%s\"} %.6f\n", name,
                            (double)atomic_load(&metrics->stages[stage].sum_us) / 1e6));
    return bn_buffer_printf(out, err, "birefnet_stage_seconds_count{stage=\"%s\"} %llu\n", name,
                            (unsigned long long)total);
}

static bn_status write_value(bn_buffer *out, const char *name, const char *type, const char *help,
                             double value, bn_error *err)
{
    return bn_buffer_printf(out, err, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", name, help, name, type, name,
                            value);
}

static bn_status write_last_failures(bn_metrics *metrics, bn_buffer *out, bn_error *err)
{
    BN_TRY(bn_buffer_printf(out, err,
                            "# HELP birefnet_requests_failed_last_timestamp_seconds When one failed last, by "
                            "reason\n# TYPE birefnet_requests_failed_last_timestamp_seconds gauge\n"));
    for (size_t i = 0; reasons[i]; i++) {
        const int64_t at_ms = atomic_load(&metrics->failed_at_ms[i]);
        if (at_ms == 0) continue;
        BN_TRY(bn_buffer_printf(out, err,
                                "birefnet_requests_failed_last_timestamp_seconds{reason=\"%s\"} %.3f\n",
                                reasons[i], (double)at_ms / 1e3));
    }
    return BIREFNET_OK;
}

static bn_status write_counts(bn_metrics *metrics, bn_buffer *out, bn_error *err)
{
    const struct {
        const char *name, *help;
        _Atomic(uint64_t) *value;
    } counters[] = {
        {"birefnet_requests_accepted_total", "Requests accepted", &metrics->accepted},
        {"birefnet_requests_succeeded_total", "Requests answered with a result", &metrics->succeeded},
        {"birefnet_requests_rejected_total", "Requests refused by a limit", &metrics->rejected},
        {"birefnet_webhooks_delivered_total", "Webhooks acknowledged", &metrics->webhooks_delivered},
        {"birefnet_hints_heard_total", "Hints of other processes that came", &metrics->hints_heard},
        {"birefnet_hints_lost_total", "Times that the connection for hints was lost", &metrics->hints_lost},
        {"birefnet_requests_rescued_total", "Requests that this process took from others that had gone",
         &metrics->rescued},
        {"birefnet_leases_lost_total", "Times that this process could not say for a lease that it lives",
         &metrics->leases_lost},
        {"birefnet_webhooks_failed_total", "Attempts of webhooks that failed", &metrics->webhooks_failed},
    };
    for (size_t i = 0; i < BN_COUNT(counters); i++)
        BN_TRY(write_value(out, counters[i].name, "counter", counters[i].help,
                           (double)atomic_load(counters[i].value), err));
    BN_TRY(bn_buffer_printf(out, err,
                            "# HELP birefnet_requests_failed_total Requests that failed, by reason\n"
                            "# TYPE birefnet_requests_failed_total counter\n"));
    for (size_t i = 0; reasons[i]; i++)
        BN_TRY(bn_buffer_printf(out, err, "birefnet_requests_failed_total{reason=\"%s\"} %llu\n", reasons[i],
                                (unsigned long long)atomic_load(&metrics->failed[i])));
    return write_last_failures(metrics, out, err);
}

/* The name of a file may hold what would end a label. */
static bn_status write_model(const char *name, bn_buffer *out, bn_error *err)
{
    char label[100];
    snprintf(label, sizeof label, "%s", name);
    for (char *c = label; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ') *c = '_';
    return bn_buffer_printf(out, err, "birefnet_model_open{weights=\"%s\"} 1\n", label);
}

static bn_status write_lists(const bn_gauges *gauges, bn_buffer *out, bn_error *err)
{
    BN_TRY(bn_buffer_printf(out, err,
                            "# HELP birefnet_requests_in_work Requests that somebody works on, by step\n"
                            "# TYPE birefnet_requests_in_work gauge\n"));
    for (bn_work_step step = 0; step < BN_WORK_STEPS; step++)
        BN_TRY(bn_buffer_printf(out, err, "birefnet_requests_in_work{step=\"%s\"} %zu\n",
                                bn_work_step_name(step), gauges->steps[step]));
    BN_TRY(bn_buffer_printf(out, err,
                            "# HELP birefnet_model_open Weights in memory, by name\n"
                            "# TYPE birefnet_model_open gauge\n"));
    for (int i = 0; i < gauges->open_models; i++) BN_TRY(write_model(gauges->model_names[i], out, err));
    return bn_buffer_printf(out, err,
                            "# HELP birefnet_keys Keys that are configured, by right\n# TYPE birefnet_keys "
                            "gauge\nbirefnet_keys{right=\"admin\"} %d\nbirefnet_keys{right=\"use\"} %d\n",
                            gauges->admin_keys, gauges->keys - gauges->admin_keys);
}

/* Each server tells the same: take the largest, not the sum. */
static bn_status write_cluster(const bn_cluster *cluster, bn_buffer *out, bn_error *err)
{
    const struct {
        const char *name, *help;
        double value;
    } values[] = {
        {"birefnet_cluster_waiting", "Requests that wait, of all processes", (double)cluster->waiting},
        {"birefnet_cluster_held", "Requests that a process has taken, those that run among them",
         (double)cluster->held},
        {"birefnet_cluster_running", "Requests that run, of all processes", (double)cluster->running},
        {"birefnet_cluster_oldest_waiting_seconds", "How long the one that came first of those has waited",
         (double)cluster->oldest_waiting_ms / 1e3},
        {"birefnet_cluster_workers", "Workers that live", (double)cluster->workers},
        {"birefnet_cluster_idle_workers", "Workers that live and have nothing to do",
         (double)cluster->idle_workers},
    };
    for (size_t i = 0; cluster->known && i < BN_COUNT(values); i++)
        BN_TRY(write_value(out, values[i].name, "gauge", values[i].help, values[i].value, err));
    return BIREFNET_OK;
}

bn_status bn_metrics_write(bn_metrics *metrics, const bn_gauges *gauges, bn_buffer *out, bn_error *err)
{
    const struct {
        const char *name, *help;
        double value;
    } values[] = {
        {"birefnet_requests_waiting", "Requests that wait", (double)gauges->waiting},
        {"birefnet_requests_running", "Requests being worked on", (double)gauges->running},
        {"birefnet_watches", "Clients that wait for news of a request", (double)gauges->watches},
        {"birefnet_webhooks_pending", "Webhooks that are not delivered yet", (double)gauges->webhooks},
        {"birefnet_models_open", "Models in memory", gauges->open_models},
        {"birefnet_stored_bytes", "Bytes of stored files, and what they and begun uploads cost besides",
         (double)gauges->stored_bytes},
        {"birefnet_decode_memory_bytes", "Memory that photos being decoded may take",
         (double)gauges->decode_bytes},
        {"process_resident_memory_bytes", "Resident memory", (double)gauges->resident_bytes},
        {"birefnet_resident_memory_peak_bytes", "Largest resident memory so far", (double)gauges->peak_bytes},
        {"birefnet_requests_waiting_limit", "Requests that may wait", (double)gauges->waiting_max},
        {"birefnet_requests_oldest_waiting_seconds", "How long the one that came first of those has waited",
         (double)gauges->oldest_waiting_ms / 1e3},
        {"birefnet_sessions", "Photos that may be in the network at a time", gauges->sessions},
        {"birefnet_stored_bytes_limit", "Bytes that stored files may take", (double)gauges->stored_max_bytes},
        {"birefnet_decode_memory_limit_bytes", "Memory that decoding may take at a time",
         (double)gauges->decode_max_bytes},
    };
    BN_TRY(bn_buffer_printf(out, err,
                            "# HELP birefnet_stage_seconds Time that requests spend in a stage\n"
                            "# TYPE birefnet_stage_seconds histogram\n"));
    for (bn_work_stage stage = 0; stage < BN_WORK_STAGES; stage++)
        BN_TRY(write_histogram(metrics, stage, out, err));
    BN_TRY(write_counts(metrics, out, err));
    for (size_t i = 0; i < BN_COUNT(values); i++)
        BN_TRY(write_value(out, values[i].name, "gauge", values[i].help, values[i].value, err));
    BN_TRY(write_cluster(&gauges->cluster, out, err));
    return write_lists(gauges, out, err);
}
