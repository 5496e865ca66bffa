/* claim.c - taking the next request from the store, which knows the order and the limits over all processes. */
#include "queue/private.h"

#include "base/size.h"

#include <stdlib.h>

#define LOOK_EVERY_MS    250  /* for what other processes have accepted */
#define LOOK_AS_HEARD_MS 2000 /* the same where they tell it */

/* ---- on which terms; the lock is held ---- */

typedef struct terms {
    bn_claim_terms claim;
    const char **busy, **busy_low; /* the texts are bn_key_use's, which stay */
} terms;

/* Keys that have enough places of the network; see may_fetch. */
static void list_busy(const bn_jobs *jobs, terms *self)
{
    const int half = BN_MAX(jobs->options.fetch_threads / 2, 1);
    for (const bn_key_use *use = jobs->front.uses; self->claim.fetches && use; use = use->next) {
        if (use->fetches[0] >= half) self->busy[self->claim.busy_key_count++] = use->id;
        if (use->fetches[0] + use->fetches[1] >= half)
            self->busy_low[self->claim.busy_low_key_count++] = use->id;
    }
    self->claim.busy_keys = self->busy;
    self->claim.busy_low_keys = self->busy_low;
}

static bool make_terms(const bn_jobs *jobs, bool fetches, bool normal_only, terms *self)
{
    size_t keys = 1;
    for (const bn_key_use *use = jobs->front.uses; use; use = use->next) keys++;
    *self = (terms){.claim = {.worker = jobs->held.worker,
                              .claim = bn_claim_make(),
                              .weight = BN_WEIGHT_CODECS,
                              .fetches = fetches,
                              .normal_only = normal_only,
                              .sync_only = jobs->draining,
                              .limited = jobs->options.limits.running > 0 || bn_keys_any(jobs->keys)},
                    .busy = calloc(keys, sizeof(char *)),
                    .busy_low = calloc(keys, sizeof(char *))};
    if (!self->busy || !self->busy_low) return false;
    self->claim.models = jobs->options.only;
    while (jobs->options.only && jobs->options.only[self->claim.model_count]) self->claim.model_count++;
    list_busy(jobs, self);
    return true;
}

/* ---- asking ---- */

/* NULL: it has ended meanwhile, or memory is out: the next beat gives it back. Or this process ends, and gives all back. */
static bn_job *take(bn_jobs *jobs, bn_accepted *accepted, int64_t claim, const bn_look *look)
{
    bn_job *job = bn_front_find(jobs, accepted->id);
    if (jobs->closing || (!job && bn_look_ended(jobs, look, accepted->id))) return NULL;
    bn_extras_read(accepted);
    if (!job) job = bn_front_put(jobs, accepted);
    if (!job || job->phase != BN_JOB_WAITING) return NULL;
    bn_front_leave_line(job);
    bn_front_learn(jobs, job, accepted);
    job->elsewhere = false;
    job->claim = claim;
    job->claimed_ms = bn_clock_ms();
    job->generation = jobs->front.generation;
    return job;
}

static bn_job *ask(bn_jobs *jobs, bool fetches, bool normal_only)
{
    terms self;
    bn_look look;
    bn_accepted accepted = {.id = ""};
    bn_job *job = NULL;
    bn_status status = BIREFNET_ERROR_MEMORY;
    bn_look_begin(jobs, &look, NULL);
    if (make_terms(jobs, fetches, normal_only, &self)) {
        jobs->held.asked_ms[fetches] = bn_clock_ms();
        pthread_mutex_unlock(&jobs->lock);
        bn_jobs_now(jobs); /* an injected clock moves the store's */
        status = bn_store_claim_next(jobs->store, &self.claim, &accepted, NULL);
        pthread_mutex_lock(&jobs->lock);
    }
    jobs->held.failed_ms = status == BIREFNET_OK ? 0 : bn_clock_ms();
    if (status == BIREFNET_OK && accepted.id[0]) job = take(jobs, &accepted, self.claim.claim, &look);
    if (job) jobs->held.asked_ms[fetches] = 0; /* behind it may be more that nobody has told us of */
    bn_look_end(jobs, &look);
    bn_accepted_free(&accepted);
    free(self.busy);
    free(self.busy_low);
    return job;
}

static bool may_ask(const bn_jobs *jobs)
{
    const bn_held *held = &jobs->held;
    if (jobs->closing || (jobs->draining && jobs->options.role == BN_ROLE_WORK)) return false;
    if (!bn_pulse_has_lease(jobs)) return false; /* what the dead claim waits for whoever buries them */
    return held->unsaved_count < 32 &&
           (held->failed_ms == 0 || bn_clock_ms() >= held->failed_ms + LOOK_EVERY_MS);
}

bn_job *bn_claim_next(bn_jobs *jobs, bool fetches, bool normal_only)
{
    bn_job *job;
    bn_held *held = &jobs->held;
    if (!may_ask(jobs)) return NULL;
    if (held->asking[fetches]) { /* one at a time, so that places are counted right */
        held->again[fetches] = true;
        return NULL;
    }
    held->asking[fetches] = true;
    do {
        held->again[fetches] = false;
        job = ask(jobs, fetches, normal_only);
    } while (!job && held->again[fetches] && held->failed_ms == 0 && may_ask(jobs));
    held->asking[fetches] = false;
    return job;
}

bool bn_claim_may_look(const bn_jobs *jobs, bool fetches)
{
    const int every_ms = bn_herald_hears(jobs) ? LOOK_AS_HEARD_MS : LOOK_EVERY_MS;
    return atomic_load(&jobs->shared) && bn_clock_ms() >= jobs->held.asked_ms[fetches] + every_ms;
}

void bn_claim_look(bn_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    for (int i = 0; i < 2; i++) jobs->held.asked_ms[i] = 0;
    bn_held_changed(jobs);
    pthread_mutex_unlock(&jobs->lock);
}

void bn_claim_wait(bn_jobs *jobs, pthread_cond_t *told)
{
    const struct timespec until = bn_clock_after(LOOK_EVERY_MS);
    if (jobs->closing) return; /* told while the store was asked */
    if (atomic_load(&jobs->shared) || jobs->held.failed_ms > 0)
        pthread_cond_timedwait(told, &jobs->lock, &until);
    else
        pthread_cond_wait(told, &jobs->lock);
}
