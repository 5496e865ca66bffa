/* keeper.c - what happens as time goes on: start timeouts, news of positions, endings to save again, files and requests
 * that expire. */
#include "queue/private.h"

#include "base/clock.h"
#include "base/size.h"

#define SWEEP_EVERY_MS 60000
#define TICK_EVERY_MS  1000
#define IN_FLIGHT_MS                                                                                         \
    600000 /* what a process had sent to S3 before it died has arrived or never will: ten of its deadlines */
#define PROMISE_MS        (24LL * 3600 * 1000) /* an upload that was begun and never came */
#define EXPIRED_AT_A_TIME 64

/* One queued request whose start timeout has passed, claimed by the caller; or NULL. */
static bn_job *claim_late(bn_jobs *jobs, int64_t now_ms, int64_t *next_ms)
{
    *next_ms = INT64_MAX;
    for (int low = 0; low < 2; low++)
        for (bn_job *job = jobs->front.queues[low].first; job; job = job->next[BN_LIST_QUEUE]) {
            const int64_t by = job->accepted.start_by_ms;
            if (by == 0 || job->elsewhere) continue;
            if (by > now_ms) {
                if (by < *next_ms) *next_ms = by;
                continue;
            }
            job->holds++;
            atomic_store(&job->stop, true);
            bn_budget_wake(&jobs->held.decoding);
            bn_held_end(jobs, job, BN_BY_SWEEPER);
            return job;
        }
    return NULL;
}

static int64_t expire_starts(bn_jobs *jobs)
{
    for (;;) {
        int64_t next_ms;
        pthread_mutex_lock(&jobs->lock);
        bn_job *job = claim_late(jobs, bn_jobs_now(jobs), &next_ms);
        pthread_mutex_unlock(&jobs->lock);
        if (!job) return next_ms;
        bn_ending ending = {.user_timeout = true};
        bn_ending_infra(&ending, 504, "request_timeout",
                        "The request did not start within its start timeout");
        bn_job_end(jobs, job, BN_BY_SWEEPER, &ending, NULL, 0);
    }
}

void bn_keeper_remove_astray(bn_jobs *jobs, int64_t before_ms)
{
    char objects[EXPIRED_AT_A_TIME][BN_OBJECT_CHARS];
    size_t count = 0;
    bn_store_objects_abandon(jobs->store, jobs->held.worker,
                             bn_blobs_are_remote(jobs->blobs) ? IN_FLIGHT_MS : 0, NULL);
    do {
        if (bn_store_objects_astray(jobs->store, before_ms, objects, EXPIRED_AT_A_TIME, &count, NULL) !=
            BIREFNET_OK)
            return;
        for (size_t i = 0; i < count; i++) {
            /* the bytes first: without a row nobody would find them */
            if (!bn_blobs_remove(jobs->blobs, objects[i])) return;
            if (bn_store_object_forget(jobs->store, objects[i], NULL) != BIREFNET_OK) return;
        }
    } while (count == EXPIRED_AT_A_TIME);
}

/* The store may have lost what it need not have on its disk, and somebody may have come and gone between two beats: who has the store
 * to himself looks only now and then. */
static void look_again(bn_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    if (jobs->front.waiting > 0 || jobs->front.waits_for > 0) bn_news_want(jobs);
    pthread_mutex_unlock(&jobs->lock);
}

/* A full disk takes no row, not even that something is deleted. The bytes of what has expired, which nobody is given any more, go
 * before their rows then. */
static bool make_room(bn_jobs *jobs, char (*ids)[BN_FILE_ID_CHARS], size_t count)
{
    bool made = false;
    bn_stored_file file;
    const int64_t now_ms = bn_jobs_now(jobs);
    if (bn_blobs_are_remote(jobs->blobs)) return false; /* they lie on another disk */
    for (size_t i = 0; i < count; i++) {
        if (bn_store_file(jobs->store, ids[i], false, &file, NULL) != BIREFNET_OK || !file.whole) continue;
        if (file.facts.expires_ms == 0 || file.facts.expires_ms > now_ms) continue;
        made = bn_blobs_remove(jobs->blobs, file.facts.object) || made;
    }
    return made;
}

bool bn_keeper_make_room(bn_jobs *jobs)
{
    char ids[EXPIRED_AT_A_TIME][BN_FILE_ID_CHARS];
    size_t count = 0;
    return bn_store_expired(jobs->store, bn_jobs_now(jobs), 0, ids, EXPIRED_AT_A_TIME, &count, NULL) ==
               BIREFNET_OK &&
           make_room(jobs, ids, count);
}

static bool remove_expired(bn_jobs *jobs, char (*ids)[BN_FILE_ID_CHARS], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bn_status status = bn_store_file_delete(jobs->store, ids[i], NULL);
        if (status == BIREFNET_ERROR_IO && make_room(jobs, ids + i, count - i))
            status = bn_store_file_delete(jobs->store, ids[i], NULL);
        if (status != BIREFNET_OK) return false;
        bn_blobs_drop_row(jobs->blobs);
    }
    return true;
}

void bn_keeper_sweep(bn_jobs *jobs)
{
    char ids[EXPIRED_AT_A_TIME][BN_FILE_ID_CHARS];
    size_t count = 0;
    const int64_t now_ms = bn_jobs_now(jobs);
    if (bn_blobs_failing(jobs->blobs)) bn_blobs_probe(jobs->blobs);
    if (bn_store_failing(jobs->store)) bn_store_probe(jobs->store);
    do {
        if (bn_store_expired(jobs->store, now_ms, now_ms - PROMISE_MS, ids, EXPIRED_AT_A_TIME, &count,
                             NULL) != BIREFNET_OK)
            break;
        if (!remove_expired(jobs, ids, count)) return;
    } while (count == EXPIRED_AT_A_TIME);
    bn_keeper_remove_astray(jobs, now_ms - PROMISE_MS);
    bn_store_forget(jobs->store, now_ms - jobs->options.retention_s * 1000,
                    now_ms - (int64_t)BN_FORGET_SOON_S * 1000, NULL);
    bn_endings_forget_all(jobs);
    look_again(jobs);
}

/* What others have written or removed since the last time is known to the store alone. */
static void sum_up(bn_jobs *jobs)
{
    uint64_t bytes;
    if (!jobs->store_address && !atomic_load(&jobs->shared)) return;
    if (bn_store_bytes(jobs->store, &bytes, NULL) == BIREFNET_OK) bn_blobs_set_bytes(jobs->blobs, bytes);
}

/* ---- for all processes, by the one whose duty it is ---- */

#define TICK_LEASE_MS  5000
#define SWEEP_LEASE_MS 180000

static bool has_duty(bn_jobs *jobs, const char *name, int64_t lease_ms)
{
    bool mine = false;
    if (!atomic_load(&jobs->shared)) return true;
    return bn_store_duty(jobs->store, name, jobs->held.worker, lease_ms, &mine, NULL) == BIREFNET_OK && mine;
}

static void end_overdue(bn_jobs *jobs, const bn_overdue *row)
{
    bool mine;
    bn_ending ending = {.completed_ms = bn_jobs_now(jobs)};
    if (row->reason == BN_OVERDUE_ATTEMPTS)
        bn_ending_infra(&ending, 500, "runner_server_error", "The request broke the server, again and again");
    else if (row->reason == BN_OVERDUE_FRONT)
        bn_ending_infra(&ending, 499, "client_disconnected", "The server that the client waited at has gone");
    else
        bn_ending_infra(&ending, 504, "request_timeout",
                        "The request did not start within its start timeout");
    ending.user_timeout = row->reason == BN_OVERDUE_START;
    if (bn_store_finish(jobs->store, row->id, 0, 0, &ending, NULL, 0, &mine, NULL) == BIREFNET_OK && mine) {
        bn_ending_count(jobs, &ending, row->id, NULL);
        bn_courier_poke(jobs, NULL, NULL);
    }
    bn_ending_free(&ending);
}

/* What the dead held waits again, and what must not wait any more ends. After a time without beats of our own, those of
 * others may not have come through either: one lease is left to them. */
static void tick(bn_jobs *jobs)
{
    bn_rescued *rescued = NULL;
    bn_overdue overdue[EXPIRED_AT_A_TIME];
    size_t count = 0;
    const double since_ms = atomic_load(&jobs->pulse.since_ms);
    if (!atomic_load(&jobs->shared) || since_ms == 0 || bn_clock_ms() < since_ms + jobs->options.lease_ms)
        return;
    if (!has_duty(jobs, "tick", TICK_LEASE_MS)) return;
    if (bn_store_rescue(jobs->store, jobs->held.worker, jobs->options.lease_ms, &rescued, &count, NULL) !=
        BIREFNET_OK)
        return;
    for (size_t i = 0; i < count; i++)
        bn_log_line(&jobs->options.log, BIREFNET_LOG_WARNING,
                    "request %s was rescued from process %llx, which has gone: attempts weigh %d",
                    rescued[i].id, (unsigned long long)rescued[i].worker, rescued[i].attempts);
    free(rescued);
    atomic_fetch_add(&jobs->metrics.rescued, count);
    if (count > 0) {
        bn_claim_look(jobs);
        bn_hint_others(jobs, BN_HINT_WORK);
    }
    if (bn_store_overdue(jobs->store, jobs->held.worker, jobs->options.lease_ms, BN_ATTEMPT_LIMIT, overdue,
                         EXPIRED_AT_A_TIME, &count, NULL) != BIREFNET_OK)
        return;
    for (size_t i = 0; i < count; i++) end_overdue(jobs, &overdue[i]);
}

void *bn_keeper_main(void *user)
{
    bn_jobs *jobs = user;
    double swept_ms = bn_clock_ms(), ticked_ms = swept_ms;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->closing) {
        const bool unsaved = jobs->held.unsaved != NULL;
        pthread_mutex_unlock(&jobs->lock);
        if (unsaved) bn_jobs_save_unsaved(jobs);
        bn_watches_moved(jobs);
        const int64_t next_ms = expire_starts(jobs);
        if (bn_clock_ms() - swept_ms > SWEEP_EVERY_MS) {
            if (has_duty(jobs, "sweep", SWEEP_LEASE_MS)) bn_keeper_sweep(jobs);
            sum_up(jobs);
            swept_ms = bn_clock_ms();
        }
        if (bn_clock_ms() - ticked_ms > TICK_EVERY_MS) {
            tick(jobs);
            ticked_ms = bn_clock_ms();
        }
        int64_t wait_ms = next_ms == INT64_MAX ? 1000 : next_ms - bn_jobs_now(jobs);
        wait_ms = wait_ms < 1 ? 1 : wait_ms > 500 ? 500 : wait_ms;
        pthread_mutex_lock(&jobs->lock);
        const struct timespec until = bn_clock_after(BN_MIN(wait_ms, bn_watches_wait_ms(jobs)));
        if (!jobs->closing) pthread_cond_timedwait(&jobs->keeper.work, &jobs->lock, &until);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

void bn_jobs_sweep(bn_jobs *jobs)
{
    bn_jobs_save_unsaved(jobs);
    expire_starts(jobs);
    bn_keeper_sweep(jobs);
    sum_up(jobs);
    bn_courier_poke(jobs, NULL, NULL);
}
