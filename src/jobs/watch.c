/* watch.c - who wants to be told of which request. */
#include "jobs/private.h"

#include <stdlib.h>
#include <string.h>

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
    *made = (bn_watch){.watches = &jobs->watches, .changed = changed, .user = user};
    snprintf(made->id, sizeof made->id, "%s", id);
    pthread_mutex_lock(&jobs->watches.lock);
    made->next = jobs->watches.first;
    if (made->next) made->next->previous = made;
    jobs->watches.first = made;
    jobs->watches.count++;
    pthread_mutex_unlock(&jobs->watches.lock);
    *watch = made;
    return BIREFNET_OK;
}

void bn_jobs_unwatch(bn_watch **watch)
{
    bn_watch *ended = *watch;
    if (!ended) return;
    bn_watches *watches = ended->watches;
    pthread_mutex_lock(&watches->lock); /* waits for calls that are running */
    *(ended->previous ? &ended->previous->next : &watches->first) = ended->next;
    if (ended->next) ended->next->previous = ended->previous;
    watches->count--;
    pthread_mutex_unlock(&watches->lock);
    free(ended);
    *watch = NULL;
}

void bn_watches_tell(bn_jobs *jobs, const char *id)
{
    pthread_mutex_lock(&jobs->watches.lock);
    for (bn_watch *watch = jobs->watches.first; watch; watch = watch->next)
        if (!id || strcmp(watch->id, id) == 0) watch->changed(watch->user);
    pthread_mutex_unlock(&jobs->watches.lock);
}

void bn_watches_news(bn_jobs *jobs, const char *id)
{
    pthread_mutex_lock(&jobs->lock);
    const bool moved = jobs->moved;
    jobs->moved = false;
    pthread_mutex_unlock(&jobs->lock);
    bn_watches_tell(jobs, moved ? NULL : id);
}
