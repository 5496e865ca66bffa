/* live.c - the requests that have not ended: a table by id, two queues, and whose turn it is. */
#include "queue/private.h"

#include "base/size.h"
#include "base/visible.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bn_job **bucket_of(bn_jobs *jobs, const char *id)
{
    return &jobs->buckets[bn_bucket_of(id)];
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

static bool is_active(const bn_job *job)
{
    return !job->queued && job->phase >= BN_JOB_FETCHING && job->phase <= BN_JOB_COMPUTING;
}

/* Mostly the last; two submits at once may arrive here in the wrong order. */
static void insert(bn_queue_of_jobs *queue, bn_job *job, bn_list_of_jobs list)
{
    bn_job *before = queue->last;
    while (before && before->accepted.seq > job->accepted.seq) before = before->previous[list];
    job->previous[list] = before;
    job->next[list] = before ? before->next[list] : queue->first;
    *(before ? &before->next[list] : &queue->first) = job;
    *(job->next[list] ? &job->next[list]->previous[list] : &queue->last) = job;
}

static void take_out(bn_queue_of_jobs *queue, bn_job *job, bn_list_of_jobs list)
{
    *(job->previous[list] ? &job->previous[list]->next[list] : &queue->first) = job->next[list];
    *(job->next[list] ? &job->next[list]->previous[list] : &queue->last) = job->previous[list];
    job->previous[list] = job->next[list] = NULL;
}

static bn_queue_of_jobs *line_of(bn_job *job)
{
    return &job->use->lines[job->accepted.fetches][job->accepted.low_priority];
}

static bool is_last(const bn_jobs *jobs, const bn_job *job)
{
    return !job->next[BN_LIST_QUEUE] && (job->accepted.low_priority || !jobs->queues[1].first);
}

static void enqueue(bn_jobs *jobs, bn_job *job)
{
    insert(&jobs->queues[job->accepted.low_priority], job, BN_LIST_QUEUE);
    job->position = (int)jobs->waiting;
    jobs->numbered = jobs->numbered && is_last(jobs, job);
    insert(line_of(job), job, BN_LIST_LINE);
    job->queued = job->in_line = true;
    jobs->waiting++;
    jobs->waiting_sync += job->accepted.sync;
    job->use->waiting++;
}

static void leave_line(bn_job *job)
{
    if (!job->in_line) return;
    take_out(line_of(job), job, BN_LIST_LINE);
    job->in_line = false;
}

void bn_live_unqueue(bn_jobs *jobs, bn_job *job)
{
    if (!job->queued) return;
    jobs->numbered = jobs->numbered && is_last(jobs, job);
    take_out(&jobs->queues[job->accepted.low_priority], job, BN_LIST_QUEUE);
    job->queued = false;
    jobs->active += is_active(job); /* it was not, in the queue */
    jobs->moved = true;
    jobs->waiting--;
    jobs->waiting_sync -= job->accepted.sync;
    job->use->waiting--;
}

/* Fetching threads wake one another, so that news cost one of them only. */
void bn_live_changed(bn_jobs *jobs)
{
    pthread_cond_broadcast(&jobs->changed);
    pthread_cond_signal(&jobs->fetch_work);
}

void bn_live_promise(bn_jobs *jobs, bn_key_use *use, size_t body_bytes)
{
    jobs->promised++;
    jobs->promised_bytes += body_bytes;
    use->promised++;
}

void bn_live_give_back(bn_jobs *jobs, bn_key_use *use, size_t body_bytes)
{
    jobs->promised--;
    jobs->promised_bytes -= body_bytes;
    use->promised--;
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
    if (accepted->promised) bn_live_give_back(jobs, job->use, accepted->body_bytes);
    job->accepted = *accepted;
    *accepted = (bn_accepted){0};
    job->accepted.body = NULL;
    jobs->body_bytes += job->accepted.body_bytes;
    job->holds = 1;
    bn_job **bucket = bucket_of(jobs, job->accepted.id);
    job->next_in_bucket = *bucket;
    *bucket = job;
    enqueue(jobs, job);
    bn_live_changed(jobs);
    if (job->accepted.start_by_ms > 0) pthread_cond_signal(&jobs->keeper_work);
    pthread_mutex_unlock(&jobs->lock);
    return BIREFNET_OK;
}

static void let_go(bn_job *job)
{
    if (--job->holds > 0) return;
    bn_accepted_free(&job->accepted);
    bn_input_free(&job->input);
    bn_buffer_free(&job->bytes);
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
    leave_line(job);
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

/* Counted when somebody asks and the queue has moved, once for all who ask. */
int bn_live_position(bn_jobs *jobs, const bn_job *job)
{
    int ahead = 0;
    for (int low = 0; low < 2 && !jobs->numbered; low++)
        for (bn_job *each = jobs->queues[low].first; each; each = each->next[BN_LIST_QUEUE])
            each->position = ahead++;
    jobs->numbered = true;
    return job->queued ? job->position : 0;
}

/* ---- phases ---- */

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

/* What a job in this phase counts for: by = 1 on entering it, -1 on leaving it. */
static void count_phase(bn_jobs *jobs, bn_job *job, int by)
{
    const bool low = job->accepted.low_priority;
    switch (job->phase) {
    case BN_JOB_FETCHING:
    case BN_JOB_FETCHED:
        jobs->fetches[low] += by;
        job->use->fetches[low] += by;
        break;
    case BN_JOB_PREPARING:
    case BN_JOB_READY:
        jobs->decoded[low] += by;
        break;
    case BN_JOB_MATTED:
    case BN_JOB_FINISHING:
        jobs->matted += (size_t)by;
        break;
    default:
        break;
    }
    if (is_active(job)) jobs->active += (size_t)by;
}

void bn_live_set_phase(bn_jobs *jobs, bn_job *job, bn_phase_of_job phase)
{
    const bool is_busy = phase != BN_JOB_WAITING && phase != BN_JOB_ENDED;
    count_phase(jobs, job, -1);
    job->phase = phase;
    count_phase(jobs, job, 1);
    if (phase != BN_JOB_WAITING) leave_line(job);
    if (is_busy && !job->counted) enter_busy(jobs, job);
    if (!is_busy && job->counted) leave_busy(jobs, job);
    bn_live_changed(jobs);
}

/* From here on the client sees it running. */
static void start(bn_jobs *jobs, bn_job *job)
{
    bn_live_unqueue(jobs, job);
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

static bn_job *best_busy(const bn_jobs *jobs, bn_phase_of_job from, bn_phase_of_job to)
{
    bn_job *best = NULL;
    for (bn_job *job = jobs->first_busy; job; job = job->next_busy)
        if (job->phase >= from && job->phase <= to && is_before(job, best)) best = job;
    return best;
}

void bn_live_promote(bn_jobs *jobs)
{
    if (jobs->active > 0) return;
    bn_job *job = best_busy(jobs, BN_JOB_FETCHING, BN_JOB_READY);
    if (!job || !job->queued) return;
    start(jobs, job);
    memcpy(jobs->promoted, job->accepted.id, sizeof jobs->promoted);
}

/* The first in line of a key, or NULL. While draining, only those whose client waits are begun. */
static bn_job *first_in_line(const bn_jobs *jobs, const bn_queue_of_jobs *line)
{
    bn_job *job = line->first;
    while (job && jobs->draining && !job->accepted.sync) job = job->next[BN_LIST_LINE];
    return job;
}

static bool may_begin(const bn_jobs *jobs, const bn_key_use *use)
{
    if (jobs->unsaved_count >= 32) return false; /* the disk is full, or the database locked */
    return use->busy_limit <= 0 || use->busy < use->busy_limit;
}

/* One key has half of the places at most, so that slow hosts that it names do not hold up the others; and low priority
 * has a quarter of them, so that it does not hold up the same key's normal ones either. */
static bool may_fetch(const bn_jobs *jobs, const bn_key_use *use, bool low)
{
    const int places = jobs->options.fetch_threads;
    if (jobs->fetches[0] + jobs->fetches[1] >= places || !may_begin(jobs, use)) return false;
    if (low && jobs->fetches[1] >= BN_MAX(places / 4, 1)) return false;
    return use->fetches[0] + (low ? use->fetches[1] : 0) < BN_MAX(places / 2, 1);
}

bn_job *bn_live_pick_unfetched(bn_jobs *jobs)
{
    bn_job *best = NULL;
    for (bn_key_use *use = jobs->uses; use; use = use->next)
        for (int low = 0; low < 2; low++) {
            bn_job *job = may_fetch(jobs, use, low) ? first_in_line(jobs, &use->lines[true][low]) : NULL;
            if (job && is_before(job, best)) best = job;
        }
    return best;
}

/* As many are decoded ahead as there are threads for it: decoded photos are large. Those of low priority do not count
 * for the others, which are prepared whatever lies ready of the lower. */
bn_job *bn_live_pick_undecoded(bn_jobs *jobs)
{
    bn_job *best = best_busy(jobs, BN_JOB_FETCHED, BN_JOB_FETCHED);
    for (bn_key_use *use = jobs->uses; use; use = use->next)
        for (int low = 0; low < 2; low++) {
            bn_job *job = may_begin(jobs, use) ? first_in_line(jobs, &use->lines[false][low]) : NULL;
            if (job && is_before(job, best)) best = job;
        }
    if (!best) return NULL;
    const int ahead = jobs->decoded[0] + (best->accepted.low_priority ? jobs->decoded[1] : 0);
    return ahead < jobs->options.prepare_threads ? best : NULL;
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
        bn_make_visible(entry->text,
                        strlen(entry->text)); /* and JSON: it may have been cut within a character */
        entry->ms = bn_jobs_now(jobs);
        entry->level = level;
    }
    pthread_mutex_unlock(&jobs->lock);
    bn_watches_tell(jobs, job->accepted.id);
}
