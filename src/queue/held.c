/* held.c - what a worker holds: in which phase each request is, and whose turn it is. */
#include "queue/private.h"

#include "base/size.h"
#include "base/visible.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool bn_job_is_active(const bn_job *job)
{
    return !job->queued && job->phase >= BN_JOB_FETCHING && job->phase <= BN_JOB_COMPUTING;
}

bn_state bn_job_state(const bn_job *job)
{
    if (job->phase == BN_JOB_ENDED) return BN_STATE_ENDED;
    if (job->in_line) return BN_STATE_WAITING;
    return job->queued ? BN_STATE_HELD : BN_STATE_RUNNING;
}

/* Fetching threads wake one another, so that news cost one of them only. What the store answers to who asks just now may be older. */
void bn_held_changed(bn_jobs *jobs)
{
    for (int i = 0; i < 2; i++) jobs->held.again[i] = jobs->held.again[i] || jobs->held.asking[i];
    pthread_cond_broadcast(&jobs->held.changed);
    pthread_cond_signal(&jobs->held.fetch_work);
}

void bn_job_let_go(bn_job *job)
{
    if (--job->holds > 0) return;
    bn_accepted_free(&job->accepted);
    bn_input_free(&job->input);
    bn_buffer_free(&job->bytes);
    bn_buffer_free(&job->backdrop_bytes);
    bn_image_destroy(&job->backdrop);
    bn_buffer_free(&job->mask_bytes);
    bn_cutout_release(&job->cutout);
    bn_last_free(&job->unsaved);
    free(job->logs);
    free(job->told_logs);
    free(job);
}

void bn_job_drop(bn_jobs *jobs, bn_job *job)
{
    pthread_mutex_lock(&jobs->lock);
    bn_job_let_go(job);
    pthread_mutex_unlock(&jobs->lock);
}

/* ---- phases ---- */

static void enter_busy(bn_jobs *jobs, bn_job *job)
{
    job->next_busy = jobs->held.first_busy;
    job->previous_busy = NULL;
    if (jobs->held.first_busy) jobs->held.first_busy->previous_busy = job;
    jobs->held.first_busy = job;
    jobs->held.busy++;
    job->use->busy++;
    job->counted = true;
}

static void leave_busy(bn_jobs *jobs, bn_job *job)
{
    *(job->previous_busy ? &job->previous_busy->next_busy : &jobs->held.first_busy) = job->next_busy;
    if (job->next_busy) job->next_busy->previous_busy = job->previous_busy;
    jobs->held.busy--;
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
        jobs->held.fetches[low] += by;
        job->use->fetches[low] += by;
        break;
    case BN_JOB_PREPARING:
    case BN_JOB_READY:
        jobs->held.decoded[low] += by;
        break;
    case BN_JOB_MATTED:
    case BN_JOB_FINISHING:
        jobs->held.matted += (size_t)by;
        break;
    default:
        break;
    }
    if (bn_job_is_active(job)) jobs->held.active += (size_t)by;
}

void bn_held_enter(bn_jobs *jobs, bn_job *job, bn_phase_of_job phase)
{
    const bool is_busy = phase != BN_JOB_WAITING && phase != BN_JOB_ENDED;
    count_phase(jobs, job, -1);
    job->phase = phase;
    count_phase(jobs, job, 1);
    if (phase != BN_JOB_WAITING) bn_front_leave_line(job);
    if (is_busy && !job->counted) enter_busy(jobs, job);
    if (!is_busy && job->counted) leave_busy(jobs, job);
    bn_held_changed(jobs);
}

/* From here on the client sees it running, if it did not before. */
static void start(bn_jobs *jobs, bn_job *job)
{
    if (!bn_may_move(bn_job_state(job), BN_STATE_RUNNING, BN_BY_WORKER)) return;
    bn_front_unqueue(jobs, job);
    bn_metrics_time(&jobs->metrics, BN_WORK_QUEUE, (double)(bn_jobs_now(jobs) - job->accepted.created_ms));
}

bool bn_held_end(bn_jobs *jobs, bn_job *job, bn_maker by)
{
    if (!bn_may_move(bn_job_state(job), BN_STATE_ENDED, by)) return false;
    bn_front_unqueue(jobs, job);
    bn_held_enter(jobs, job, BN_JOB_ENDED);
    bn_held_promote(jobs);
    return true;
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
    for (bn_job *job = jobs->held.first_busy; job; job = job->next_busy)
        if (job->phase >= from && job->phase <= to && is_before(job, best)) best = job;
    return best;
}

void bn_held_promote(bn_jobs *jobs)
{
    if (jobs->held.active > 0) return;
    bn_job *job = best_busy(jobs, BN_JOB_FETCHING, BN_JOB_READY);
    if (!job || !job->queued) return;
    start(jobs, job);
    memcpy(jobs->front.promoted, job->accepted.id, sizeof jobs->front.promoted);
}

/* The first in line of a key that may be claimed, or NULL. While draining, only those whose client waits are begun. */
static bn_job *first_in_line(const bn_jobs *jobs, const bn_queue_of_jobs *line)
{
    bn_job *job = line->first;
    while (job && (!bn_may_move(bn_job_state(job), BN_STATE_HELD, BN_BY_WORKER) ||
                   (jobs->draining && !job->accepted.sync)))
        job = job->next[BN_LIST_LINE];
    return job;
}

static bool may_begin(const bn_jobs *jobs, const bn_key_use *use)
{
    if (jobs->held.unsaved_count >= 32) return false; /* the disk is full, or the database locked */
    return use->busy_limit <= 0 || use->busy < use->busy_limit;
}

/* One key has half of the places at most, so that slow hosts that it names do not hold up the others; and low priority
 * has a quarter of them, so that it does not hold up the same key's normal ones either. */
static bool may_fetch(const bn_jobs *jobs, const bn_key_use *use, bool low)
{
    const int places = jobs->options.fetch_threads;
    if (jobs->held.fetches[0] + jobs->held.fetches[1] >= places || !may_begin(jobs, use)) return false;
    if (low && jobs->held.fetches[1] >= BN_MAX(places / 4, 1)) return false;
    return use->fetches[0] + (low ? use->fetches[1] : 0) < BN_MAX(places / 2, 1);
}

/* The first of those that wait and may be begun, as far as this process knows; the store says which it is really. */
static const bn_job *first_waiting(const bn_jobs *jobs, bool fetches)
{
    const bn_job *best = NULL;
    for (const bn_key_use *use = jobs->front.uses; use; use = use->next)
        for (int low = 0; low < 2; low++) {
            const bool may = fetches ? may_fetch(jobs, use, low) : may_begin(jobs, use);
            const bn_job *job = may ? first_in_line(jobs, &use->lines[fetches][low]) : NULL;
            if (job && is_before(job, best)) best = job;
        }
    return best;
}

bn_job *bn_held_pick_unfetched(bn_jobs *jobs)
{
    const int places = jobs->options.fetch_threads;
    if (jobs->held.fetches[0] + jobs->held.fetches[1] >= places) return NULL;
    if (!first_waiting(jobs, true) && !bn_claim_may_look(jobs, true)) return NULL;
    return bn_claim_next(jobs, true, jobs->held.fetches[1] >= BN_MAX(places / 4, 1));
}

/* As many are decoded ahead as there are threads for it: decoded photos are large. Those of low priority do not count
 * for the others, which are prepared whatever lies ready of the lower. */
static bool may_decode(const bn_jobs *jobs, bool low)
{
    return jobs->held.decoded[0] + (low ? jobs->held.decoded[1] : 0) < jobs->options.prepare_threads;
}

static bn_job *best_fetched(const bn_jobs *jobs)
{
    bn_job *job = best_busy(jobs, BN_JOB_FETCHED, BN_JOB_FETCHED);
    return job && may_decode(jobs, job->accepted.low_priority) ? job : NULL;
}

bn_job *bn_held_pick_undecoded(bn_jobs *jobs)
{
    bn_job *fetched = best_fetched(jobs), *claimed = NULL;
    const bn_job *first = first_waiting(jobs, false);
    if (fetched && (!first || is_before(fetched, first))) return fetched;
    const bool may = may_decode(jobs, first && first->accepted.low_priority);
    if (may && (first || bn_claim_may_look(jobs, false)))
        claimed = bn_claim_next(jobs, false, !may_decode(jobs, true));
    return claimed ? claimed : best_fetched(jobs);
}

bn_job *bn_held_pick_ready(bn_jobs *jobs)
{
    if (jobs->held.matted > (size_t)jobs->options.finish_threads) return NULL; /* finishing lags behind */
    bn_job *job = best_busy(jobs, BN_JOB_READY, BN_JOB_READY);
    if (job) start(jobs, job);
    return job;
}

static bool is_alike(const bn_job *a, const bn_job *b)
{
    return !a->cutout.matte && !b->cutout.matte && a->input.width == b->input.width &&
           a->input.height == b->input.height && strcmp(a->input.model, b->input.model) == 0;
}

int bn_held_count_alike(const bn_jobs *jobs, const bn_job *first)
{
    int count = 0;
    for (const bn_job *job = jobs->held.first_busy; job; job = job->next_busy)
        count += job != first && job->phase == BN_JOB_READY && is_alike(job, first);
    return count;
}

bn_job *bn_held_pick_alike(bn_jobs *jobs, const bn_job *first)
{
    bn_job *best = NULL;
    for (bn_job *job = jobs->held.first_busy; job; job = job->next_busy)
        if (job->phase == BN_JOB_READY && is_alike(job, first) && is_before(job, best)) best = job;
    if (best) start(jobs, best);
    return best;
}

bn_job *bn_held_pick_matted(bn_jobs *jobs)
{
    return best_busy(jobs, BN_JOB_MATTED, BN_JOB_MATTED);
}

/* ---- logs ---- */

void bn_job_log(bn_jobs *jobs, bn_job *job, birefnet_log_level level, const char *format, ...)
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
