/* watch.c - who wants to be told of which request: at once of what happens to it, now and then of its position. */
#include "queue/private.h"

#include <stdlib.h>
#include <string.h>

#define MOVED_EVERY_MS 200 /* every move of the queue changes the positions of all that wait */

struct bn_watch {
    bn_watches *watches;
    bn_watch *previous, *next;
    char id[BN_REQUEST_ID_CHARS];
    bn_watch_fn changed;
    void *user;
};

bn_status bn_jobs_watch(bn_jobs *jobs, const char *id, bn_watch_fn changed, void *user, bn_watch **watch,
                        bn_error *err)
{
    bn_watch *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "a watch");
    *made = (bn_watch){.watches = &jobs->front.watches, .changed = changed, .user = user};
    snprintf(made->id, sizeof made->id, "%s", id);
    pthread_mutex_lock(&jobs->front.watches.lock);
    bn_watch **bucket = &jobs->front.watches.buckets[bn_bucket_of(made->id)];
    made->next = *bucket;
    if (made->next) made->next->previous = made;
    *bucket = made;
    jobs->front.watches.count++;
    pthread_mutex_unlock(&jobs->front.watches.lock);
    *watch = made;
    return BIREFNET_OK;
}

void bn_jobs_unwatch(bn_watch **watch)
{
    bn_watch *ended = *watch;
    if (!ended) return;
    bn_watches *watches = ended->watches;
    pthread_mutex_lock(&watches->lock); /* waits for calls that are running */
    *(ended->previous ? &ended->previous->next : &watches->buckets[bn_bucket_of(ended->id)]) = ended->next;
    if (ended->next) ended->next->previous = ended->previous;
    watches->count--;
    pthread_mutex_unlock(&watches->lock);
    free(ended);
    *watch = NULL;
}

static void tell_bucket(const bn_watches *watches, size_t bucket, const char *id)
{
    for (bn_watch *watch = watches->buckets[bucket]; watch; watch = watch->next)
        if (!id || strcmp(watch->id, id) == 0) watch->changed(watch->user);
}

void bn_watches_tell(bn_jobs *jobs, const char *id)
{
    pthread_mutex_lock(&jobs->front.watches.lock);
    if (id) tell_bucket(&jobs->front.watches, bn_bucket_of(id), id);
    for (size_t i = 0; !id && i < BN_JOBS_BUCKETS; i++) tell_bucket(&jobs->front.watches, i, NULL);
    pthread_mutex_unlock(&jobs->front.watches.lock);
}

int64_t bn_watches_wait_ms(const bn_jobs *jobs)
{
    if (!jobs->front.moved) return INT64_MAX;
    const double left_ms = jobs->front.moved_ms + MOVED_EVERY_MS - bn_clock_ms();
    return left_ms > 0 ? (int64_t)left_ms + 1 : 0;
}

/* True: the caller tells all. The lock is held. */
static bool take_moved(bn_jobs *jobs)
{
    if (bn_watches_wait_ms(jobs) > 0) return false;
    jobs->front.moved = jobs->front.keeper_told = false;
    jobs->front.moved_ms = bn_clock_ms();
    return true;
}

void bn_watches_moved(bn_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    const bool all = take_moved(jobs);
    pthread_mutex_unlock(&jobs->lock);
    if (all) bn_watches_tell(jobs, NULL);
}

void bn_watches_news(bn_jobs *jobs, const char *id)
{
    char promoted[BN_REQUEST_ID_CHARS];
    pthread_mutex_lock(&jobs->lock);
    const bool all = take_moved(jobs);
    if (jobs->front.moved && !jobs->front.keeper_told) {
        jobs->front.keeper_told = true;
        pthread_cond_signal(&jobs->keeper.work);
    }
    memcpy(promoted, jobs->front.promoted, sizeof promoted);
    jobs->front.promoted[0] = '\0';
    pthread_mutex_unlock(&jobs->lock);
    bn_watches_tell(jobs, all ? NULL : id);
    if (!all && promoted[0]) bn_watches_tell(jobs, promoted);
}
