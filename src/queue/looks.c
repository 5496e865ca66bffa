/* looks.c - what ends while somebody looks at the store: a snapshot, a claim, or storing a request that a worker may know, and even
 * end, before its server has put it into the table. What was read then may not put back what has ended since. */
#include "queue/private.h"

#include <stdlib.h>

void bn_look_begin(bn_jobs *jobs, bn_look *look, const char *only)
{
    pthread_mutex_lock(&jobs->looks.lock);
    *look = (bn_look){.next = jobs->looks.first, .only = only};
    jobs->looks.first = look;
    pthread_mutex_unlock(&jobs->looks.lock);
}

bool bn_look_end(bn_jobs *jobs, bn_look *look)
{
    pthread_mutex_lock(&jobs->looks.lock);
    bn_look **at = &jobs->looks.first;
    while (*at != look) at = &(*at)->next;
    *at = look->next;
    pthread_mutex_unlock(&jobs->looks.lock);
    free(look->ended);
    look->ended = NULL;
    return look->only || !look->any;
}

/* The lock is held. */
static void tell(bn_look *look, const char *id)
{
    if (look->only) {
        look->any = look->any || strcmp(look->only, id) == 0;
        return;
    }
    if (look->count == look->room) {
        const size_t room = 2 * look->room + 16;
        char(*more)[BN_REQUEST_ID_CHARS] = realloc(look->ended, room * sizeof *more);
        look->any = look->any || !more;
        if (!more) return;
        look->ended = more;
        look->room = room;
    }
    snprintf(look->ended[look->count++], BN_REQUEST_ID_CHARS, "%s", id);
}

void bn_looks_tell(bn_jobs *jobs, const char *id)
{
    pthread_mutex_lock(&jobs->looks.lock);
    for (bn_look *look = jobs->looks.first; look; look = look->next) tell(look, id);
    pthread_mutex_unlock(&jobs->looks.lock);
}

bool bn_look_ended(bn_jobs *jobs, const bn_look *look, const char *id)
{
    pthread_mutex_lock(&jobs->looks.lock);
    bool ended = look->any;
    for (size_t i = 0; i < look->count && !ended; i++) ended = strcmp(look->ended[i], id) == 0;
    pthread_mutex_unlock(&jobs->looks.lock);
    return ended;
}
