/* live.c - the requests that have not ended: a table by id, two queues, and whose turn it is. */
#include "jobs/private.h"

#include "base/size.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bn_job **bucket_of(bn_jobs *jobs, const char *id)
{
    uint32_t hash = 2166136261u;
    for (; *id; id++) hash = (hash ^ (uint8_t)*id) * 16777619u;
    return &jobs->buckets[hash % BN_JOBS_BUCKETS];
}

bn_job *bn_live_find(bn_jobs *jobs, const char *id)
{
    bn_job *job = *bucket_of(jobs, id);
    while (job && strcmp(job->accepted.id, id) != 0) job = job->next_in_bucket;
    return job;
}

bn_key_use *bn_live_use(bn_jobs *jobs, const char *key_id)
{
    const char *id = key_id ? key_id : "";
    for (bn_key_use *use = jobs->uses; use; use = use->next)
        if (strcmp(use->id, id) == 0) return use;
    bn_key_use *use = calloc(1, sizeof *use);
    if (!use) return NULL;
    snprintf(use->id, sizeof use->id, "%s", id);
    use->refilled_ms = INT64_MIN;
    use->next = jobs->uses;
    jobs->uses = use;
    return use;
}

bn_key_limits bn_live_limits(bn_jobs *jobs, const char *key_id)
{
    bn_key_limits limits = jobs->options.limits;
    bn_key_facts facts;
    if (!key_id || !key_id[0] || !bn_keys_find(jobs->keys, key_id, &facts)) return limits;
    if (facts.limits.per_minute >= 0) limits.per_minute = facts.limits.per_minute;
    if (facts.limits.running >= 0) limits.running = facts.limits.running;
    if (facts.limits.waiting >= 0) limits.waiting = facts.limits.waiting;
    return limits;
}

/* ---- coming and going ---- */

/* Mostly the last; two submits at once may arrive here in the wrong order. */
static void enqueue(bn_jobs *jobs, bn_job *job)
{
    bn_queue_of_jobs *queue = &jobs->queues[job->accepted.low_priority];
    bn_job *before = queue->last;
    while (before && before->accepted.seq > job->accepted.seq) before = before->previous;
    job->previous = before;
    job->next = before ? before->next : queue->first;
    *(before ? &before->next : &queue->first) = job;
    *(job->next ? &job->next->previous : &queue->last) = job;
    job->queued = true;
    jobs->waiting++;
    jobs->waiting_sync += job->accepted.sync;
    job->use->waiting++;
}

void bn_live_unqueue(bn_jobs *jobs, bn_job *job)
{
    if (!job->queued) return;
    bn_queue_of_jobs *queue = &jobs->queues[job->accepted.low_priority];
    *(job->previous ? &job->previous->next : &queue->first) = job->next;
    *(job->next ? &job->next->previous : &queue->last) = job->previous;
    job->previous = job->next = NULL;
    job->queued = false;
    jobs->moved = true;
    jobs->waiting--;
    jobs->waiting_sync -= job->accepted.sync;
    job->use->waiting--;
}

bn_status bn_live_add(bn_jobs *jobs, bn_accepted *accepted, bn_error *err)
{
    bn_job *job = calloc(1, sizeof *job);
    pthread_mutex_lock(&jobs->lock);
    if (job) job->use = bn_live_use(jobs, accepted->key_id);
    if (!job || !job->use) {
        pthread_mutex_unlock(&jobs->lock);
        free(job);
        return bn_fail_memory(err, sizeof *job, "a request");
    }
    job->accepted = *accepted;
    *accepted = (bn_accepted){0};
    job->accepted.body = NULL;
    jobs->body_bytes += job->accepted.body_bytes;
    job->holds = 1;
    bn_job **bucket = bucket_of(jobs, job->accepted.id);
    job->next_in_bucket = *bucket;
    *bucket = job;
    enqueue(jobs, job);
    pthread_cond_broadcast(&jobs->changed);
    if (job->accepted.start_by_ms > 0) pthread_cond_signal(&jobs->keeper_work);
    pthread_mutex_unlock(&jobs->lock);
    return BIREFNET_OK;
}

static void let_go(bn_job *job)
{
    if (--job->holds > 0) return;
    bn_accepted_free(&job->accepted);
    bn_input_free(&job->input);
    bn_cutout_release(&job->cutout);
    bn_ending_free(&job->ending);
    free(job->logs);
    free(job);
}

void bn_live_remove(bn_jobs *jobs, bn_job *job)
{
    bn_job **at = bucket_of(jobs, job->accepted.id);
    while (*at && *at != job) at = &(*at)->next_in_bucket;
    if (!*at) return;
    *at = job->next_in_bucket;
    jobs->body_bytes -= job->accepted.body_bytes;
    bn_live_unqueue(jobs, job);
    let_go(job);
}

void bn_live_drop(bn_jobs *jobs, bn_job *job)
{
    pthread_mutex_lock(&jobs->lock);
    let_go(job);
    pthread_mutex_unlock(&jobs->lock);
}

void bn_live_free_all(bn_jobs *jobs)
{
    for (size_t i = 0; i < BN_JOBS_BUCKETS; i++)
        while (jobs->buckets[i]) bn_live_remove(jobs, jobs->buckets[i]);
    for (bn_key_use *use = jobs->uses, *next; use; use = next) {
        next = use->next;
        free(use);
    }
    jobs->uses = NULL;
}

int bn_live_position(const bn_jobs *jobs, const bn_job *job)
{
    int ahead = 0;
    for (int low = 0; low < 2; low++)
        for (const bn_job *each = jobs->queues[low].first; each; each = each->next) {
            if (each == job) return ahead;
            ahead++;
        }
    return 0;
}

/* ---- phases ---- */

static bool is_active(const bn_job *job)
{
    return !job->queued &&
           (job->phase == BN_JOB_PREPARING || job->phase == BN_JOB_READY || job->phase == BN_JOB_COMPUTING);
}

static void enter_busy(bn_jobs *jobs, bn_job *job)
{
    job->next_busy = jobs->first_busy;
    job->previous_busy = NULL;
    if (jobs->first_busy) jobs->first_busy->previous_busy = job;
    jobs->first_busy = job;
    jobs->busy++;
    job->use->busy++;
    job->counted = true;
}

static void leave_busy(bn_jobs *jobs, bn_job *job)
{
    *(job->previous_busy ? &job->previous_busy->next_busy : &jobs->first_busy) = job->next_busy;
    if (job->next_busy) job->next_busy->previous_busy = job->previous_busy;
    jobs->busy--;
    job->use->busy--;
    job->counted = false;
}

void bn_live_set_phase(bn_jobs *jobs, bn_job *job, bn_phase_of_job phase)
{
    const bool was_active = is_active(job);
    const bool was_matted = job->phase == BN_JOB_MATTED || job->phase == BN_JOB_FINISHING;
    const bool is_matted = phase == BN_JOB_MATTED || phase == BN_JOB_FINISHING;
    const bool is_busy = phase != BN_JOB_WAITING && phase != BN_JOB_ENDED;
    job->phase = phase;
    jobs->matted += is_matted;
    jobs->matted -= was_matted;
    if (is_busy && !job->counted) enter_busy(jobs, job);
    if (!is_busy && job->counted) leave_busy(jobs, job);
    jobs->active += is_active(job);
    jobs->active -= was_active;
    pthread_cond_broadcast(&jobs->changed);
}

/* From here on the client sees it running. */
static void start(bn_jobs *jobs, bn_job *job)
{
    const bool was_active = is_active(job);
    bn_live_unqueue(jobs, job);
    jobs->active += is_active(job) && !was_active;
    bn_metrics_time(&jobs->metrics, BN_WORK_QUEUE, (double)(bn_jobs_now(jobs) - job->accepted.created_ms));
}

/* ---- whose turn it is ---- */

/* Whether a comes before b: those seen as running first. */
static bool is_before(const bn_job *a, const bn_job *b)
{
    if (!b) return true;
    if (a->queued != b->queued) return !a->queued;
    if (a->accepted.low_priority != b->accepted.low_priority) return !a->accepted.low_priority;
    return a->accepted.seq < b->accepted.seq;
}

static bn_job *best_busy(const bn_jobs *jobs, bn_phase_of_job phase, bn_phase_of_job or_phase)
{
    bn_job *best = NULL;
    for (bn_job *job = jobs->first_busy; job; job = job->next_busy)
        if ((job->phase == phase || job->phase == or_phase) && is_before(job, best)) best = job;
    return best;
}

void bn_live_promote(bn_jobs *jobs)
{
    if (jobs->active > 0) return;
    bn_job *job = best_busy(jobs, BN_JOB_PREPARING, BN_JOB_READY);
    if (job && job->queued) start(jobs, job);
}

/* Of the requests in front of one, as many as there are preparing threads may be prepared already: decoded photos are
 * large. So a request of higher priority is prepared whatever lies ready of the lower. */
bn_job *bn_live_pick_waiting(bn_jobs *jobs)
{
    int ahead = 0;
    if (jobs->unsaved_count >= 32) return NULL; /* the disk is full, or the database locked */
    for (int low = 0; low < 2; low++)
        for (bn_job *job = jobs->queues[low].first; job && ahead < jobs->options.prepare_threads;
             job = job->next) {
            const bool held = jobs->draining && !job->accepted.sync;
            const bool full = job->use->busy_limit > 0 && job->use->busy >= job->use->busy_limit;
            if (job->phase == BN_JOB_WAITING && !held && !full) return job;
            ahead += job->phase != BN_JOB_WAITING;
        }
    return NULL;
}

bn_job *bn_live_pick_ready(bn_jobs *jobs)
{
    if (jobs->matted > (size_t)jobs->options.finish_threads) return NULL; /* finishing lags behind */
    bn_job *job = best_busy(jobs, BN_JOB_READY, BN_JOB_READY);
    if (job && job->queued) start(jobs, job);
    return job;
}

bn_job *bn_live_pick_matted(bn_jobs *jobs)
{
    return best_busy(jobs, BN_JOB_MATTED, BN_JOB_MATTED);
}

/* ---- logs ---- */

void bn_live_log(bn_jobs *jobs, bn_job *job, birefnet_log_level level, const char *format, ...)
{
    pthread_mutex_lock(&jobs->lock);
    if (!job->logs) job->logs = calloc(BN_JOBS_LOG_LINES, sizeof *job->logs);
    if (job->logs && job->log_count < BN_JOBS_LOG_LINES) {
        bn_log_entry *entry = &job->logs[job->log_count++];
        va_list args;
        va_start(args, format);
        vsnprintf(entry->text, sizeof entry->text, format, args);
        va_end(args);
        for (char *c = entry->text; *c; c++) /* it becomes JSON, and may have been cut within a character */
            if ((unsigned char)*c >= 0x80) *c = '?';
        entry->ms = bn_jobs_now(jobs);
        entry->level = level;
    }
    pthread_mutex_unlock(&jobs->lock);
    bn_watches_tell(jobs, job->accepted.id);
}
