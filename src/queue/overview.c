/* overview.c - what the queue is about, for operators: as metrics, and as JSON for administrators. Both tell the same
 * numbers; the JSON also names what is behind them. */
#include "queue/private.h"

#include "base/cpu.h"
#include "base/size.h"

#include <stdlib.h>
#include <unistd.h>

#define IN_WORK_MAX 100 /* rows of requests that are named */

/* Resident memory now, bytes; 0 where the system does not tell. */
static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    if (fscanf(file, "%*u %llu", &pages) != 1) pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bn_work_step step_of(const bn_job *job)
{
    switch (job->phase) {
    case BN_JOB_WAITING:
    case BN_JOB_FETCHING:
        return BN_STEP_FETCHING;
    case BN_JOB_FETCHED:
        return BN_STEP_FETCHED;
    case BN_JOB_PREPARING:
        return BN_STEP_DECODING;
    case BN_JOB_READY:
        return BN_STEP_DECODED;
    case BN_JOB_COMPUTING:
        return BN_STEP_NETWORK;
    case BN_JOB_MATTED:
        return BN_STEP_MATTED;
    case BN_JOB_FINISHING:
        return BN_STEP_FINISHING;
    case BN_JOB_ENDED:
        break;
    }
    return BN_STEP_SAVING;
}

/* Milliseconds that the one which came first of those that wait has waited. The lock is held. */
static int64_t oldest_waiting_ms(bn_jobs *jobs)
{
    const int64_t now_ms = bn_jobs_now(jobs);
    int64_t first_ms = now_ms;
    for (int low = 0; low < 2; low++) {
        const bn_job *job = jobs->front.queues[low].first;
        if (job) first_ms = BN_MIN(first_ms, job->accepted.created_ms);
    }
    return now_ms - first_ms;
}

static void read_queue(bn_jobs *jobs, bn_gauges *gauges)
{
    pthread_mutex_lock(&jobs->lock);
    gauges->waiting = jobs->front.waiting;
    gauges->running = jobs->held.active + jobs->held.matted;
    gauges->oldest_waiting_ms = oldest_waiting_ms(jobs);
    gauges->cluster = jobs->front.cluster;
    for (const bn_job *job = jobs->held.first_busy; job; job = job->next_busy) gauges->steps[step_of(job)]++;
    pthread_mutex_unlock(&jobs->lock);
    pthread_mutex_lock(&jobs->front.watches.lock);
    gauges->watches = jobs->front.watches.count;
    pthread_mutex_unlock(&jobs->front.watches.lock);
}

static void read_gauges(bn_jobs *jobs, bn_gauges *gauges)
{
    int64_t of_key;
    *gauges = (bn_gauges){.waiting_max = (size_t)jobs->options.max_waiting,
                          .sessions = jobs->options.sessions,
                          .stored_bytes = bn_blobs_bytes(jobs->blobs),
                          .stored_max_bytes = jobs->options.max_stored_bytes,
                          .decode_bytes = bn_budget_used(&jobs->held.decoding),
                          .decode_max_bytes = jobs->options.max_decode_bytes,
                          .resident_bytes = resident_bytes(),
                          .peak_bytes = bn_peak_rss_bytes()};
    gauges->open_models = bn_engine_open_names(jobs->held.engine, gauges->model_names);
    read_queue(jobs, gauges);
    bn_store_webhooks_pending(jobs->store, NULL, &of_key, &gauges->webhooks, NULL);
    bn_keys_count(jobs->keys, &gauges->keys, &gauges->admin_keys);
}

bn_status bn_jobs_metrics(bn_jobs *jobs, bn_buffer *out, bn_error *err)
{
    bn_gauges gauges;
    read_gauges(jobs, &gauges);
    return bn_metrics_write(&jobs->metrics, &gauges, out, err);
}

/* ---- the JSON ---- */

static json_t *list_in_work(bn_jobs *jobs)
{
    json_t *list = json_array();
    pthread_mutex_lock(&jobs->lock);
    const int64_t now_ms = bn_jobs_now(jobs);
    for (const bn_job *job = jobs->held.first_busy; job && json_array_size(list) < IN_WORK_MAX;
         job = job->next_busy)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:f, s:f}", "id", job->accepted.id, "key",
                                              job->accepted.key_id ? job->accepted.key_id : "", "step",
                                              bn_work_step_name(step_of(job)), "progress", job->progress,
                                              "age_s", (double)(now_ms - job->accepted.created_ms) / 1e3));
    pthread_mutex_unlock(&jobs->lock);
    return list;
}

/* What clients were told may have been cut in the middle of a character. */
static json_t *said(const char *text)
{
    json_t *string = json_string(text);
    return string ? string : json_string("(not UTF-8)");
}

static json_t *list_failures(bn_jobs *jobs)
{
    bn_failure rows[BN_FAILURES];
    const size_t count = bn_failures_read(&jobs->failures, rows);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("{s:I, s:s, s:s, s:i, s:s, s:o}", "at_ms", (json_int_t)rows[i].at_ms,
                                        "id", rows[i].id, "key", rows[i].key_id, "code", rows[i].code,
                                        "reason", rows[i].reason, "error", said(rows[i].error)));
    return list;
}

static json_t *list_keys(const bn_key_facts *keys, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:s, s:o, s:b, s:I, s:i, s:i, s:i}", "id", keys[i].id, "name",
                                              said(keys[i].name), "admin", keys[i].admin, "created_ms",
                                              (json_int_t)keys[i].created_ms, "per_minute",
                                              keys[i].limits.per_minute, "running", keys[i].limits.running,
                                              "waiting", keys[i].limits.waiting));
    return list;
}

static json_t *list_models(const bn_gauges *gauges)
{
    json_t *list = json_array();
    for (int i = 0; i < gauges->open_models; i++) json_array_append_new(list, said(gauges->model_names[i]));
    return list;
}

static json_t *count_work(bn_jobs *jobs, const bn_gauges *gauges)
{
    uint64_t failed = 0;
    for (size_t i = 0; i < BN_METRIC_REASONS; i++) failed += atomic_load(&jobs->metrics.failed[i]);
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "accepted",
                     (json_int_t)atomic_load(&jobs->metrics.accepted), "succeeded",
                     (json_int_t)atomic_load(&jobs->metrics.succeeded), "failed", (json_int_t)failed,
                     "refused", (json_int_t)atomic_load(&jobs->metrics.rejected), "webhooks_pending",
                     (json_int_t)gauges->webhooks);
}

/* Of all processes; NULL where this one is alone, and the rest says it all. */
static json_t *sum_up(const bn_cluster *all)
{
    if (!all->known) return NULL;
    return json_pack("{s:I, s:I, s:I, s:f, s:I, s:I}", "waiting", (json_int_t)all->waiting, "held",
                     (json_int_t)all->held, "running", (json_int_t)all->running, "oldest_waiting_s",
                     (double)all->oldest_waiting_ms / 1e3, "workers", (json_int_t)all->workers,
                     "idle_workers", (json_int_t)all->idle_workers);
}

static json_t *make_overview(bn_jobs *jobs, const bn_gauges *gauges, const bn_key_facts *keys,
                             size_t key_count)
{
    json_t *queue = json_pack("{s:I, s:I, s:I, s:f}", "waiting", (json_int_t)gauges->waiting, "waiting_limit",
                              (json_int_t)gauges->waiting_max, "running", (json_int_t)gauges->running,
                              "oldest_waiting_s", (double)gauges->oldest_waiting_ms / 1e3);
    json_t *memory =
        json_pack("{s:I, s:I, s:I, s:I}", "resident_bytes", (json_int_t)gauges->resident_bytes, "peak_bytes",
                  (json_int_t)gauges->peak_bytes, "decode_bytes", (json_int_t)gauges->decode_bytes,
                  "decode_limit_bytes", (json_int_t)gauges->decode_max_bytes);
    json_t *sessions = json_pack("{s:i, s:I}", "count", gauges->sessions, "busy",
                                 (json_int_t)gauges->steps[BN_STEP_NETWORK]);
    json_t *stored = json_pack("{s:I, s:I}", "bytes", (json_int_t)gauges->stored_bytes, "limit_bytes",
                               (json_int_t)gauges->stored_max_bytes);
    return json_pack("{s:I, s:s, s:o, s:o*, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "now_ms",
                     (json_int_t)bn_jobs_now(jobs), "version", BN_VERSION, "queue", queue, "cluster",
                     sum_up(&gauges->cluster), "sessions", sessions, "in_work", list_in_work(jobs),
                     "models_open", list_models(gauges), "memory", memory, "stored", stored, "requests",
                     count_work(jobs, gauges), "failures", list_failures(jobs), "keys_needed",
                     bn_keys_any(jobs->keys), "keys", list_keys(keys, key_count));
}

bn_status bn_jobs_overview(bn_jobs *jobs, bn_buffer *out, bn_error *err)
{
    bn_gauges gauges;
    bn_key_facts *keys = NULL;
    size_t key_count = 0;
    read_gauges(jobs, &gauges);
    BN_TRY(bn_keys_all(jobs->keys, &keys, &key_count, err));
    json_t *overview = make_overview(jobs, &gauges, keys, key_count);
    free(keys);
    char *text =
        overview ? json_dumps(overview, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(overview);
    if (!text) return bn_fail_memory(err, 0, "an overview");
    const bn_status status = bn_buffer_append(out, text, strlen(text), err);
    free(text);
    return status;
}
