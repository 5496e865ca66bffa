/* endings.c - what is known of requests that are not in the table any more, or not yet: whose they are, and how they ended.
 * Neither changes, so polls after the end cost one look into the store for many; the least used goes first. */
#include "queue/private.h"

#define KEPT_MS 10000 /* another server may forget the request meanwhile */

/* The one with this id, or NULL. The lock is held. */
static bn_known *find(bn_endings *known, const char *id)
{
    bn_known *set = known->sets[bn_bucket_of(id) % BN_ENDING_SETS];
    for (int i = 0; i < BN_ENDING_WAYS; i++) {
        if (strcmp(set[i].id, id) != 0) continue;
        if (bn_clock_ms() >= set[i].since_ms + KEPT_MS) set[i].id[0] = '\0';
        if (!set[i].id[0]) return NULL;
        set[i].used = ++known->uses;
        return &set[i];
    }
    return NULL;
}

static bn_known *find_or_make(bn_endings *known, const char *id)
{
    bn_known *there = find(known, id), *set = known->sets[bn_bucket_of(id) % BN_ENDING_SETS];
    if (there) return there;
    bn_known *oldest = set;
    for (int i = 1; i < BN_ENDING_WAYS; i++)
        if (set[i].used < oldest->used) oldest = &set[i];
    *oldest = (bn_known){.since_ms = bn_clock_ms(), .used = ++known->uses};
    snprintf(oldest->id, sizeof oldest->id, "%s", id);
    return oldest;
}

bool bn_endings_owner(bn_jobs *jobs, const char *id, char key_id[BN_KEY_ID_CHARS])
{
    bn_endings *known = &jobs->endings;
    pthread_mutex_lock(&known->lock);
    const bn_known *there = find(known, id);
    const bool found = there && there->owned;
    if (found) memcpy(key_id, there->owner, BN_KEY_ID_CHARS);
    pthread_mutex_unlock(&known->lock);
    return found;
}

void bn_endings_note_owner(bn_jobs *jobs, const char *id, const char *key_id)
{
    bn_endings *known = &jobs->endings;
    pthread_mutex_lock(&known->lock);
    bn_known *there = find_or_make(known, id);
    snprintf(there->owner, sizeof there->owner, "%s", key_id);
    there->owned = true;
    pthread_mutex_unlock(&known->lock);
}

bool bn_endings_find(bn_jobs *jobs, const char *id, bn_request_status *status)
{
    bn_endings *known = &jobs->endings;
    pthread_mutex_lock(&known->lock);
    const bn_known *there = find(known, id);
    const bool found = there && there->ended;
    if (found) *status = there->status;
    pthread_mutex_unlock(&known->lock);
    return found;
}

void bn_ending_describe(const bn_ending *ending, bn_request_status *status)
{
    *status = (bn_request_status){.state = BN_REQUEST_COMPLETED,
                                  .code = ending->code,
                                  .inference_s = ending->inference_s,
                                  .progress = 1};
    memcpy(status->error_type, ending->error_type, sizeof status->error_type);
    if (ending->code != 200) memcpy(status->error, ending->error, sizeof status->error);
}

void bn_endings_note(bn_jobs *jobs, const char *id, const bn_ending *ending)
{
    bn_endings *known = &jobs->endings;
    pthread_mutex_lock(&known->lock);
    bn_known *there = find_or_make(known, id);
    bn_ending_describe(ending, &there->status);
    there->ended = true;
    there->since_ms = bn_clock_ms();
    pthread_mutex_unlock(&known->lock);
    bn_looks_tell(jobs, id);
}

void bn_endings_forget_all(bn_jobs *jobs)
{
    bn_endings *known = &jobs->endings;
    pthread_mutex_lock(&known->lock);
    for (int i = 0; i < BN_ENDING_SETS; i++)
        for (int j = 0; j < BN_ENDING_WAYS; j++) known->sets[i][j].id[0] = '\0';
    pthread_mutex_unlock(&known->lock);
}
