/* news.c - what other processes do, as clients of this one see it: a snapshot of all that is open is laid over the table of
 * front.c, which answers every poll. So polls cost the store nothing, however many come. */
#include "queue/private.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

bn_status bn_news_is_open(bn_jobs *jobs, const char *id, bn_error *err)
{
    char owner[BN_KEY_ID_CHARS];
    return bn_store_owner(jobs->store, id, owner, err);
}

/* ---- the lock is held ---- */

/* One that another front end has accepted; NULL where it has ended since the snapshot was read, or out of memory: the next time. */
static bn_job *add(bn_jobs *jobs, const bn_seen *seen, const bn_look *look)
{
    if (bn_look_ended(jobs, look, seen->id)) return NULL;
    bn_accepted accepted = {.seq = seen->seq,
                            .sync = seen->sync,
                            .low_priority = seen->low_priority,
                            .created_ms = seen->created_ms,
                            .start_by_ms = seen->start_by_ms,
                            .body_bytes = seen->body_bytes,
                            .fetches = seen->fetches,
                            .front = seen->front,
                            .key_id = seen->key_id[0] ? strdup(seen->key_id) : NULL};
    if (seen->key_id[0] && !accepted.key_id) return NULL; /* it would be everybody's */
    memcpy(accepted.id, seen->id, sizeof accepted.id);
    bn_job *job = bn_front_put(jobs, &accepted);
    if (job) job->brought = true;
    bn_accepted_free(&accepted);
    return job;
}

/* Another holds it. */
static void follow(bn_jobs *jobs, bn_job *job, bn_seen *seen)
{
    job->elsewhere = true;
    bn_front_leave_line(job);
    if (seen->running) bn_front_unqueue(jobs, job);
    job->told_progress = seen->progress;
    job->told_log_count = seen->log_count;
    if (!seen->logs) return;
    free(job->told_logs);
    job->told_logs = seen->logs;
    seen->logs = NULL;
}

static void lay(bn_jobs *jobs, bn_seen *seen, uint64_t generation, const bn_look *look)
{
    const bool ours = seen->worker == jobs->held.worker; /* perhaps the answer to the claim is under way */
    bn_job *job = bn_front_find(jobs, seen->id);
    if (!job && !ours) job = add(jobs, seen, look);
    if (!job) return;
    if (job->generation >= generation && job->claim != 0) return; /* claimed since */
    job->generation = BN_MAX(job->generation, generation);
    if (ours || job->phase != BN_JOB_WAITING) return; /* or it was */
    if (seen->worker != 0)
        follow(jobs, job, seen);
    else if (job->elsewhere)
        bn_front_wait_again(jobs, job);
}

/* Those that were not in it have ended. */
static void remove_ended(bn_jobs *jobs, uint64_t generation)
{
    for (size_t i = 0; i < BN_JOBS_BUCKETS; i++)
        for (bn_job *job = jobs->front.buckets[i], *next; job; job = next) {
            next = job->next_in_bucket;
            if (job->generation < generation && job->phase == BN_JOB_WAITING && job->claim == 0)
                bn_front_remove(jobs, job);
        }
}

/* For the metrics. */
static void sum_up(bn_jobs *jobs, const bn_snapshot *seen)
{
    bn_cluster all = {.known = true, .waiting = seen->count - seen->held, .held = seen->held};
    for (size_t i = 0; i < seen->count; i++) {
        const bn_seen *row = &seen->rows[i];
        all.running += row->running;
        if (row->worker == 0)
            all.oldest_waiting_ms = BN_MAX(all.oldest_waiting_ms, seen->now_ms - row->created_ms);
    }
    for (size_t i = 0; i < seen->process_count; i++) {
        const bn_process *process = &seen->processes[i];
        const bool lives = process->seen_ms > seen->now_ms - jobs->options.lease_ms;
        const bool works = lives && strcmp(process->role, "work") == 0;
        all.workers += works;
        all.idle_workers += works && process->idle;
    }
    jobs->front.cluster = all;
}

void bn_news_want(bn_jobs *jobs)
{
    if (jobs->options.role == BN_ROLE_WORK) return; /* it asks the store what waits, and answers nobody */
    jobs->pulse.news_wanted = true;
    pthread_cond_signal(&jobs->pulse.work);
}

bool bn_news_take(bn_jobs *jobs)
{
    bn_snapshot seen;
    bn_look look;
    pthread_mutex_lock(&jobs->lock);
    const uint64_t generation = ++jobs->front.generation; /* what comes meanwhile has it, and stays */
    pthread_mutex_unlock(&jobs->lock);
    bn_look_begin(jobs, &look, NULL);
    if (bn_store_snapshot(jobs->store, true, &seen, NULL) != BIREFNET_OK) {
        bn_look_end(jobs, &look);
        return false;
    }
    pthread_mutex_lock(&jobs->lock);
    for (size_t i = 0; i < seen.count; i++) lay(jobs, &seen.rows[i], generation, &look);
    remove_ended(jobs, generation);
    sum_up(jobs, &seen);
    const bool whole = bn_look_end(jobs, &look);
    pthread_mutex_unlock(&jobs->lock);
    bn_snapshot_free(&seen);
    bn_watches_tell(jobs, NULL);
    return whole;
}
