/* pulse.c - beats: that this process lives, what it holds, and how far that has come; and what it learns by them: what clients
 * have cancelled elsewhere, what was taken away, and whether others share the store at all.
 *
 * While nobody else does, beats are rare and nothing is reported: an idle server hardly writes. */
#include "queue/private.h"

#include "base/size.h"

#include <birefnet.h>
#include <stdlib.h>
#include <unistd.h>

#define BEAT_MS      1000
#define IDLE_BEAT_MS 5000 /* while this process has the store to itself */
#define NEWS_MS      250  /* while clients ask */
#define SYNC_NEWS_MS 100  /* while some wait for their answer, and nobody tells that it has come */
#define IDLE_NEWS_MS 5000
#define ASKED_FOR_MS 5000
#define KEYS_MS      1000 /* what others have changed in them; docs/SERVER.md says it */
#define GRACE_MS     2000 /* the answer to a claim may be under way */

/* ---- what the store believes that we hold ---- */

/* It is stopped where its thread next looks; what it ends then counts only by its claim. */
static void stop(bn_jobs *jobs, bn_job *job)
{
    atomic_store(&job->stop, true);
    bn_budget_wake(&jobs->held.decoding);
}

static void hear(bn_jobs *jobs, const bn_holding *holding, double started_ms, bn_pulse *next)
{
    bn_job *job = bn_front_find(jobs, holding->id);
    if (job && job->claim == holding->claim) {
        job->listed_ms = started_ms;
        if (holding->cancel == BN_CANCEL_NOT || atomic_load(&job->stop)) return;
        atomic_store(&job->disconnected, holding->cancel == BN_CANCEL_CLIENT_LEFT);
        atomic_store(&job->cancelled, true);
        stop(jobs, job);
        return;
    }
    if (next->unknown_count == BN_PULSE_UNKNOWN) return;
    size_t i = 0;
    const bn_pulse *last = &jobs->pulse;
    while (i < last->unknown_count && last->unknown[i].claim != holding->claim) i++;
    memcpy(next->unknown[next->unknown_count].id, holding->id, sizeof holding->id);
    next->unknown[next->unknown_count].claim = holding->claim;
    next->unknown[next->unknown_count++].since_ms =
        i < last->unknown_count ? last->unknown[i].since_ms : started_ms;
}

/* What it does not name any more, others may have by now. */
static void find_lost(bn_jobs *jobs, double started_ms)
{
    for (bn_job *job = jobs->held.first_busy; job; job = job->next_busy) {
        if (job->claimed_ms >= started_ms || job->listed_ms >= started_ms || atomic_load(&job->stop))
            continue;
        bn_log_line(&jobs->options.log, BIREFNET_LOG_WARNING, "request %s was taken from this process",
                    job->accepted.id);
        stop(jobs, job);
    }
}

static void give_back_unknown(bn_jobs *jobs)
{
    bn_pulse *pulse = &jobs->pulse;
    for (size_t i = 0; i < pulse->unknown_count; i++) {
        bool mine;
        if (bn_clock_ms() < pulse->unknown[i].since_ms + GRACE_MS) continue;
        if (bn_store_give_back(jobs->store, pulse->unknown[i].id, jobs->held.worker, pulse->unknown[i].claim,
                               &mine, NULL) != BIREFNET_OK ||
            !mine)
            continue;
        bn_log_line(&jobs->options.log, BIREFNET_LOG_INFO,
                    "request %s was given back: nobody here works on it", pulse->unknown[i].id);
        bn_hint_others(jobs, BN_HINT_WORK);
        bn_claim_look(jobs);
        pthread_mutex_lock(&jobs->lock);
        bn_news_want(jobs); /* it may not be in the table */
        bn_held_changed(jobs);
        pthread_mutex_unlock(&jobs->lock);
    }
}

static void compare(bn_jobs *jobs, const bn_holding *holdings, size_t count, double started_ms)
{
    bn_pulse next = {.unknown_count = 0};
    pthread_mutex_lock(&jobs->lock);
    for (size_t i = 0; i < count; i++) hear(jobs, &holdings[i], started_ms, &next);
    find_lost(jobs, started_ms);
    memcpy(jobs->pulse.unknown, next.unknown, sizeof next.unknown);
    jobs->pulse.unknown_count = next.unknown_count;
    pthread_mutex_unlock(&jobs->lock);
    give_back_unknown(jobs);
}

/* ---- beats ---- */

static void describe(bn_jobs *jobs, bn_process *process)
{
    *process = (bn_process){.id = jobs->held.worker};
    snprintf(process->role, sizeof process->role, "%s",
             jobs->options.role == BN_ROLE_WORK ? "work" : "serve");
    snprintf(process->version, sizeof process->version, "%s", birefnet_version());
    if (gethostname(process->host, sizeof process->host - 1) != 0) process->host[0] = '\0';
    pthread_mutex_lock(&jobs->lock);
    process->idle = jobs->options.role != BN_ROLE_FRONT && jobs->held.busy == 0 && !jobs->draining;
    pthread_mutex_unlock(&jobs->lock);
}

/* Who has died is there until what it held was taken from it, which only happens while this process knows of others (keeper.c). When
 * the last has gone, one look shows what it has left. */
static bool look_for_others(bn_jobs *jobs, int64_t now_ms)
{
    const bool shared = atomic_load(&jobs->shared);
    bool others = jobs->options.role != BN_ROLE_BOTH;
    bn_process *list = NULL;
    size_t count = 0;
    if (!others && bn_store_processes(jobs->store, &list, &count, NULL) != BIREFNET_OK) return false;
    for (size_t i = 0; i < count; i++)
        others = others || (list[i].id != jobs->held.worker &&
                            (shared || list[i].seen_ms > now_ms - jobs->options.lease_ms));
    free(list);
    atomic_store(&jobs->shared, others);
    if (shared && !others) bn_pulse_want(jobs, &jobs->pulse.news_wanted);
    return true;
}

bool bn_pulse_has_lease(const bn_jobs *jobs)
{
    return !atomic_load(&jobs->shared) ||
           bn_clock_ms() < atomic_load(&jobs->pulse.beat_ms) + jobs->options.lease_ms;
}

/* No beat came through for a lease: others may have all that we hold. */
static void miss(bn_jobs *jobs)
{
    atomic_store(&jobs->pulse.since_ms, 0);
    if (bn_pulse_has_lease(jobs)) return;
    if (!jobs->pulse.lease_lost) {
        atomic_fetch_add(&jobs->metrics.leases_lost, 1);
        bn_log_line(&jobs->options.log, BIREFNET_LOG_WARNING,
                    "the lease is lost: no beat came through for %lld ms, and others may do what runs here",
                    (long long)jobs->options.lease_ms);
    }
    jobs->pulse.lease_lost = true;
    pthread_mutex_lock(&jobs->lock);
    for (bn_job *job = jobs->held.first_busy; job; job = job->next_busy) {
        if (!atomic_load(&job->stop)) atomic_store(&job->lost, true);
        stop(jobs, job);
    }
    pthread_mutex_unlock(&jobs->lock);
}

bool bn_pulse_beat(bn_jobs *jobs)
{
    bn_process process;
    bn_holding *holdings;
    size_t count;
    int64_t now_ms;
    const double started_ms = bn_clock_ms();
    jobs->pulse.tried_ms = started_ms;
    describe(jobs, &process);
    if (bn_store_beat(jobs->store, &process, &now_ms, &holdings, &count, NULL) != BIREFNET_OK) {
        miss(jobs);
        return false;
    }
    atomic_store(&jobs->pulse.beat_ms, started_ms);
    jobs->pulse.lease_lost = false;
    if (atomic_load(&jobs->pulse.since_ms) == 0) atomic_store(&jobs->pulse.since_ms, started_ms);
    if (!jobs->options.now_ms) atomic_store(&jobs->ahead_ms, now_ms - bn_wall_ms());
    compare(jobs, holdings, count, started_ms);
    free(holdings);
    return look_for_others(jobs, now_ms);
}

/* ---- reports ---- */

static void report(bn_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    const size_t room = jobs->held.busy;
    bn_live *rows = room > 0 ? calloc(room, sizeof *rows) : NULL;
    size_t count = 0;
    for (bn_job *job = jobs->held.first_busy; rows && job && count < room; job = job->next_busy) {
        rows[count] = (bn_live){.claim = job->claim,
                                .progress = job->progress,
                                .log_count = job->log_count,
                                .logs = bn_logs_write(job, 0)};
        memcpy(rows[count++].id, job->accepted.id, BN_REQUEST_ID_CHARS);
    }
    pthread_mutex_unlock(&jobs->lock);
    if (count > 0) bn_store_tell(jobs->store, jobs->held.worker, rows, count, NULL);
    for (size_t i = 0; i < count; i++) free((char *)rows[i].logs);
    free(rows);
}

/* ---- the thread ---- */

/* How often news are taken; INT64_MAX: never. The lock is held. */
static int64_t news_every_ms(const bn_jobs *jobs)
{
    if (!atomic_load(&jobs->shared) || jobs->options.role == BN_ROLE_WORK) return INT64_MAX;
    if (jobs->front.waits_for > 0) return bn_herald_hears(jobs) ? NEWS_MS : SYNC_NEWS_MS;
    return bn_clock_ms() < jobs->front.asked_ms + ASKED_FOR_MS ? NEWS_MS : IDLE_NEWS_MS;
}

void bn_pulse_want(bn_jobs *jobs, bool *what)
{
    pthread_mutex_lock(&jobs->lock);
    *what = true;
    pthread_cond_signal(&jobs->pulse.work);
    pthread_mutex_unlock(&jobs->lock);
}

void bn_news_asked(bn_jobs *jobs)
{
    const double now_ms = bn_clock_ms();
    const bool idle = atomic_load(&jobs->shared) && now_ms >= jobs->front.asked_ms + ASKED_FOR_MS;
    jobs->front.asked_ms = now_ms;
    if (idle) pthread_cond_signal(&jobs->pulse.work);
}

static double beat_every_ms(const bn_jobs *jobs, bool busy)
{
    return BN_MIN(busy ? BEAT_MS : IDLE_BEAT_MS, jobs->options.lease_ms / 5.0);
}

static bool take_wish(bn_jobs *jobs, bool *what)
{
    pthread_mutex_lock(&jobs->lock);
    const bool wished = *what;
    *what = false;
    pthread_mutex_unlock(&jobs->lock);
    return wished;
}

/* False where news are wanted and could not be had. */
static bool step(bn_jobs *jobs, int64_t news_ms, bool wanted, bool busy)
{
    bn_pulse *pulse = &jobs->pulse;
    const bool shared = atomic_load(&jobs->shared);
    if (take_wish(jobs, &pulse->beat_wanted) ||
        bn_clock_ms() >= pulse->tried_ms + beat_every_ms(jobs, shared || busy))
        bn_pulse_beat(jobs);
    if (take_wish(jobs, &pulse->keys_wanted)) pulse->keys_ms = 0;
    if (shared && bn_clock_ms() >= pulse->told_ms + BEAT_MS) {
        pulse->told_ms = bn_clock_ms();
        report(jobs);
    }
    if (atomic_load(&pulse->beat_ms) == pulse->tried_ms && bn_clock_ms() >= pulse->keys_ms + KEYS_MS) {
        pulse->keys_ms = bn_clock_ms();
        bn_keys_refresh(jobs->keys, NULL);
    }
    if (wanted || (news_ms < INT64_MAX && bn_clock_ms() >= pulse->seen_ms + (double)news_ms)) {
        pulse->seen_ms = bn_clock_ms();
        return bn_news_take(jobs) || !wanted;
    }
    return true;
}

void *bn_pulse_main(void *user)
{
    bn_jobs *jobs = user;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->closing) {
        const bool busy = jobs->held.busy > 0;
        const int64_t news_ms = news_every_ms(jobs);
        const bool wanted = jobs->pulse.news_wanted;
        jobs->pulse.news_wanted = false;
        pthread_mutex_unlock(&jobs->lock);
        const bool done = step(jobs, news_ms, wanted, busy);
        pthread_mutex_lock(&jobs->lock);
        if (!done) jobs->pulse.news_wanted = true;
        if (jobs->pulse.beat_wanted || jobs->pulse.keys_wanted || (done && jobs->pulse.news_wanted)) continue;
        const struct timespec until =
            bn_clock_after(BN_MIN(news_every_ms(jobs), BN_MIN(BEAT_MS, jobs->options.lease_ms / 5)));
        if (!jobs->closing) pthread_cond_timedwait(&jobs->pulse.work, &jobs->lock, &until);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}
