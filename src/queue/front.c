/* front.c - what a front end knows of the requests that have not ended: a table by id, two queues, what each key uses. */
#include "queue/private.h"

#include "base/size.h"
#include "base/visible.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bn_job **bucket_of(bn_jobs *jobs, const char *id)
{
    return &jobs->front.buckets[bn_bucket_of(id)];
}

bn_job *bn_front_find(bn_jobs *jobs, const char *id)
{
    bn_job *job = *bucket_of(jobs, id);
    while (job && strcmp(job->accepted.id, id) != 0) job = job->next_in_bucket;
    return job;
}

bn_key_use *bn_front_use(bn_jobs *jobs, const char *key_id)
{
    const char *id = key_id ? key_id : "";
    for (bn_key_use *use = jobs->front.uses; use; use = use->next)
        if (strcmp(use->id, id) == 0) return use;
    bn_key_use *use = calloc(1, sizeof *use);
    if (!use) return NULL;
    snprintf(use->id, sizeof use->id, "%s", id);
    use->refilled_ms = INT64_MIN;
    use->next = jobs->front.uses;
    jobs->front.uses = use;
    return use;
}

bn_key_limits bn_front_limits(bn_jobs *jobs, const char *key_id)
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
    return !job->next[BN_LIST_QUEUE] && (job->accepted.low_priority || !jobs->front.queues[1].first);
}

static bool is_first(const bn_jobs *jobs, const bn_job *job)
{
    return !job->previous[BN_LIST_QUEUE] && (!job->accepted.low_priority || !jobs->front.queues[0].first);
}

static void enqueue(bn_jobs *jobs, bn_job *job)
{
    insert(&jobs->front.queues[job->accepted.low_priority], job, BN_LIST_QUEUE);
    job->number = jobs->front.passed + (int)jobs->front.waiting;
    jobs->front.numbered = jobs->front.numbered && is_last(jobs, job);
    insert(line_of(job), job, BN_LIST_LINE);
    job->queued = job->in_line = true;
    jobs->front.waiting++;
    job->use->waiting++;
}

void bn_front_leave_line(bn_job *job)
{
    if (!job->in_line) return;
    take_out(line_of(job), job, BN_LIST_LINE);
    job->in_line = false;
}

void bn_front_unqueue(bn_jobs *jobs, bn_job *job)
{
    if (!job->queued) return;
    if (is_first(jobs, job) && jobs->front.passed < INT_MAX / 2)
        jobs->front.passed++;
    else
        jobs->front.numbered = jobs->front.numbered && is_last(jobs, job);
    take_out(&jobs->front.queues[job->accepted.low_priority], job, BN_LIST_QUEUE);
    job->queued = false;
    jobs->held.active += bn_job_is_active(job); /* it was not, in the queue */
    jobs->front.moved = true;
    jobs->front.waiting--;
    job->use->waiting--;
}

void bn_front_promise(bn_jobs *jobs, bn_key_use *use, size_t body_bytes)
{
    jobs->front.promised++;
    jobs->front.promised_bytes += body_bytes;
    use->promised++;
}

void bn_front_give_back(bn_jobs *jobs, bn_key_use *use, size_t body_bytes)
{
    jobs->front.promised--;
    jobs->front.promised_bytes -= body_bytes;
    use->promised--;
}

static bool is_waited_for(const bn_jobs *jobs, const bn_job *job)
{
    return job->accepted.sync && job->accepted.front == jobs->held.worker;
}

bn_job *bn_front_put(bn_jobs *jobs, bn_accepted *accepted)
{
    bn_job *job = calloc(1, sizeof *job);
    if (job) job->use = bn_front_use(jobs, accepted->key_id);
    if (!job || !job->use) {
        free(job);
        return NULL;
    }
    job->accepted = *accepted;
    *accepted = (bn_accepted){0};
    job->accepted.body = NULL;
    jobs->front.body_bytes += job->accepted.body_bytes;
    jobs->front.waits_for += is_waited_for(jobs, job);
    job->holds = 1;
    job->generation = jobs->front.generation;
    bn_job **bucket = bucket_of(jobs, job->accepted.id);
    job->next_in_bucket = *bucket;
    *bucket = job;
    enqueue(jobs, job);
    bn_held_changed(jobs);
    if (job->accepted.start_by_ms > 0) pthread_cond_signal(&jobs->keeper.work);
    return job;
}

void bn_front_learn(bn_jobs *jobs, bn_job *job, bn_accepted *accepted)
{
    if (!job->brought || job->phase != BN_JOB_WAITING)
        return; /* what is being ended is read without the lock */
    const bn_accepted known = job->accepted;
    job->brought = false;
    jobs->front.waits_for -= is_waited_for(jobs, job);
    job->accepted = *accepted;
    job->accepted.body = NULL;
    *accepted = known;
    jobs->front.body_bytes += job->accepted.body_bytes - known.body_bytes;
    jobs->front.waits_for += is_waited_for(jobs, job);
}

bn_status bn_front_add(bn_jobs *jobs, bn_accepted *accepted, const bn_look *look, bn_error *err)
{
    pthread_mutex_lock(&jobs->lock);
    if (accepted->promised) {
        bn_key_use *use = bn_front_use(jobs, accepted->key_id);
        if (use) bn_front_give_back(jobs, use, accepted->body_bytes);
        accepted->promised = !use;
    }
    /* a worker may have claimed it already, and even have ended it; where another process has, a snapshot takes it out again */
    bn_job *job = bn_front_find(jobs, accepted->id);
    if (job) bn_front_learn(jobs, job, accepted);
    const bool ended = look && bn_look_ended(jobs, look, accepted->id);
    const bool good = job || ended || bn_front_put(jobs, accepted);
    pthread_mutex_unlock(&jobs->lock);
    return good ? BIREFNET_OK : bn_fail_memory(err, sizeof(bn_job), "a request");
}

void bn_front_wait_again(bn_jobs *jobs, bn_job *job)
{
    job->elsewhere = false;
    bn_front_unqueue(jobs, job);
    bn_front_leave_line(job);
    enqueue(jobs, job);
    bn_held_changed(jobs);
}

void bn_front_remove(bn_jobs *jobs, bn_job *job)
{
    bn_job **at = bucket_of(jobs, job->accepted.id);
    while (*at && *at != job) at = &(*at)->next_in_bucket;
    if (!*at) return;
    *at = job->next_in_bucket;
    jobs->front.body_bytes -= job->accepted.body_bytes;
    jobs->front.waits_for -= is_waited_for(jobs, job);
    bn_front_unqueue(jobs, job);
    bn_front_leave_line(job);
    bn_job_let_go(job);
}

void bn_front_free_all(bn_jobs *jobs)
{
    for (size_t i = 0; i < BN_JOBS_BUCKETS; i++)
        while (jobs->front.buckets[i]) bn_front_remove(jobs, jobs->front.buckets[i]);
    for (bn_key_use *use = jobs->front.uses, *next; use; use = next) {
        next = use->next;
        free(use);
    }
    jobs->front.uses = NULL;
}

static void number_all(bn_jobs *jobs)
{
    int ahead = 0;
    for (int low = 0; low < 2; low++)
        for (bn_job *each = jobs->front.queues[low].first; each; each = each->next[BN_LIST_QUEUE])
            each->number = ahead++;
    jobs->front.passed = 0;
    jobs->front.numbered = true;
}

/* Counted when somebody asks and others than the first have left the queue, once for all who ask. */
int bn_front_position(bn_jobs *jobs, const bn_job *job)
{
    if (!jobs->front.numbered) number_all(jobs);
    return job->queued ? job->number - jobs->front.passed : 0;
}
