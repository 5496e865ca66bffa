/* private.h - what the files behind jobs.h do for each other, over what state.h holds; nobody else includes it.
 *
 * Requests that have not ended live in memory (front.c what clients see of them, held.c what is worked on) and in the
 * store; ended ones in the store only. transition.c says who may move one on. The way of one:
 *
 *     submit.c    accepted: in the store, then in the queue
 *     claim.c     held: the store says which is next
 *     prepare.c   fetched, some at a time, and decoded, a few ahead of the network
 *     compute.c   through the network: one thread
 *     finish.c    refined, encoded, stored
 *     ending.c    its ending is saved, then it leaves memory
 *     keeper.c    start timeouts, endings that could not be saved, expiry
 *     courier.c   webhooks
 *     presence.c  who has died in this data folder
 *     pulse.c     beats; news.c: what other processes do with what clients ask for here
 *
 * Order of locks: jobs->lock first, watches->lock last. No lock is held while the disk works. */
#ifndef BN_QUEUE_PRIVATE_H
#define BN_QUEUE_PRIVATE_H

#include "base/clock.h"
#include "base/seeded.h"
#include "base/times.h"
#include "net/fetch.h"
#include "queue/state.h"

#include <string.h>

#define BN_JOBS_ENDPOINT "/v2"

/* A photo that breaks the program must not do so for ever, and one that was only there when the program was killed must not
 * be given up. Reading the body, decoding and encoding are where inputs do harm, so dying there weighs more than dying
 * in the network. The weight stands in the store before the step is taken, and is added when the request is taken from the
 * dead. */
#define BN_ATTEMPT_LIMIT  300
#define BN_WEIGHT_NONE    0 /* being fetched */
#define BN_WEIGHT_CODECS  50
#define BN_WEIGHT_NETWORK 1

#define BN_NO_ROOM "There is no room to store the result"

static inline size_t bn_bucket_of(const char *id)
{
    return bn_fnv1a64(id, strlen(id)) % BN_JOBS_BUCKETS;
}

/* The clock of the store; where one is injected, the store's follows it. */
static inline int64_t bn_jobs_now(const bn_jobs *jobs)
{
    if (!jobs->options.now_ms) return bn_wall_ms() + atomic_load(&jobs->ahead_ms);
    const int64_t now_ms = jobs->options.now_ms(jobs->options.now_user);
    if (jobs->store) bn_store_shift(jobs->store, now_ms - bn_wall_ms());
    return now_ms;
}

static inline bool bn_jobs_webhooks_public(bn_jobs *jobs)
{
    const bn_jobs_options *options = &jobs->options;
    return options->webhooks_public_only || (options->webhooks_public_with_keys && bn_keys_any(jobs->keys));
}

/* Where this server's keys are. */
static inline bn_keys_home bn_jobs_keys_home(const bn_jobs *jobs)
{
    return (bn_keys_home){.data_folder = jobs->data_folder, .store = jobs->store};
}

/* ---- front.c; the lock is held but where it says otherwise */
/* Takes over what accepted owns; takes the lock. look: begun before it was stored; or NULL. */
bn_status bn_front_add(bn_jobs *jobs, bn_accepted *accepted, const bn_look *look, bn_error *err);
/* The same with the lock held; NULL: out of memory. */
bn_job *bn_front_put(bn_jobs *jobs, bn_accepted *accepted);
/* Takes over what accepted owns where a snapshot has brought the job, which tells less of it. Nobody works on it. */
void bn_front_learn(bn_jobs *jobs, bn_job *job, bn_accepted *accepted);
void bn_front_remove(bn_jobs *jobs, bn_job *job);     /* out of the table */
void bn_front_wait_again(bn_jobs *jobs, bn_job *job); /* nobody holds it any more */
bn_job *bn_front_find(bn_jobs *jobs, const char *id);
int bn_front_position(bn_jobs *jobs, const bn_job *job);
/* A place among the waiting for a request that is about to be stored, so that no other is let in meanwhile; bn_front_add
 * takes it where accepted->promised, else it is given back. */
void bn_front_promise(bn_jobs *jobs, bn_key_use *use, size_t body_bytes);
void bn_front_give_back(bn_jobs *jobs, bn_key_use *use, size_t body_bytes);
bn_key_use *bn_front_use(bn_jobs *jobs, const char *key_id); /* NULL: out of memory */
void bn_front_unqueue(bn_jobs *jobs, bn_job *job);           /* it is seen as waiting no more */
void bn_front_leave_line(bn_job *job);                       /* somebody works on it */
void bn_front_free_all(bn_jobs *jobs);
/* Those that hold for a key; without the lock. */
bn_key_limits bn_front_limits(bn_jobs *jobs, const char *key_id);

/* ---- held.c; all but the first two: the lock is held */
void bn_job_log(bn_jobs *jobs, bn_job *job, birefnet_log_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void bn_job_drop(bn_jobs *jobs, bn_job *job); /* one hold */
void bn_job_let_go(bn_job *job);              /* the same */
bool bn_job_is_active(const bn_job *job);     /* seen as running, before the end of the network */
bn_state bn_job_state(const bn_job *job);
void bn_held_enter(bn_jobs *jobs, bn_job *job, bn_phase_of_job phase);
/* It has ended, and nobody else will end it; false where it had, or where that is not for this maker. */
bool bn_held_end(bn_jobs *jobs, bn_job *job, bn_maker by);
void bn_held_changed(bn_jobs *jobs);           /* wake the threads that may have something to do now */
bn_job *bn_held_pick_unfetched(bn_jobs *jobs); /* the next to fetch, or NULL */
bn_job *bn_held_pick_undecoded(bn_jobs *jobs); /* the next to decode, FETCHED or WAITING; or NULL */
bn_job *bn_held_pick_ready(bn_jobs *jobs);     /* the next for the network, or NULL */
/* How many others could be in one run of the network with it, and the next of them, or NULL. */
int bn_held_count_alike(const bn_jobs *jobs, const bn_job *first);
bn_job *bn_held_pick_alike(bn_jobs *jobs, const bn_job *first);
bn_job *bn_held_pick_matted(bn_jobs *jobs);
void bn_held_promote(bn_jobs *jobs); /* somebody is seen as running whenever anything is done */

/* ---- claim.c; the lock is held, but not while the store is asked */
/* The next in the store's order, held by us from now on; NULL: there is none for now. */
bn_job *bn_claim_next(bn_jobs *jobs, bool fetches, bool normal_only);
/* Whether it is time to ask although nothing is known to wait: others bring requests, too. */
bool bn_claim_may_look(const bn_jobs *jobs, bool fetches);
/* There may be some that nobody here knows of. Takes the lock. */
void bn_claim_look(bn_jobs *jobs);
/* Wait for work: until told, or until it is time to ask the store again. */
void bn_claim_wait(bn_jobs *jobs, pthread_cond_t *told);

/* ---- pulse.c, news.c: other processes that share the store. No lock is held. */
void *bn_pulse_main(void *jobs);
bool bn_pulse_beat(bn_jobs *jobs); /* false where the store does not say who else lives */
/* Whether the others, if there are any, still count this process among the living, as far as it knows. */
bool bn_pulse_has_lease(const bn_jobs *jobs);
/* Look at all that is open, and change what clients see to it. */
bool bn_news_take(bn_jobs *jobs); /* false where the store does not answer, or memory is out */
void bn_news_want(bn_jobs *jobs); /* once, also where nobody shares the store. The lock is held. */
/* A client asks: news are taken more often for a while. The lock is held. */
void bn_news_asked(bn_jobs *jobs);
/* OK where there is such a request and it has not ended, though it is not in the table (yet). NOT_FOUND; IO. */
bn_status bn_news_is_open(bn_jobs *jobs, const char *id, bn_error *err);

/* Soon: *what is one of the pulse's. Takes the lock. */
void bn_pulse_want(bn_jobs *jobs, bool *what);

/* ---- herald.c: hints between processes. No lock is held, but where it says otherwise */
bn_status bn_herald_open(bn_jobs *jobs, bn_error *err);
void bn_herald_close(bn_jobs *jobs); /* when its thread has ended */
void *bn_herald_main(void *jobs);
void bn_herald_wake(bn_jobs *jobs);
/* Others may look; with or without the lock. Waits for nothing. */
void bn_hint_others(bn_jobs *jobs, bn_hint hint);
/* Whether those of others come: then it is enough to poll now and then. */
bool bn_herald_hears(const bn_jobs *jobs);

/* ---- watch.c */
void bn_watches_tell(bn_jobs *jobs, const char *id); /* NULL: all of them */
/* Those of one request, and now and then all of them where positions have changed. No lock is held. */
void bn_watches_news(bn_jobs *jobs, const char *id);
void bn_watches_moved(bn_jobs *jobs); /* tell all of changed positions, if it is time */
/* Milliseconds until they are due; INT64_MAX: nothing is. The lock is held. */
int64_t bn_watches_wait_ms(const bn_jobs *jobs);

/* ---- ending.c: endings, and saving them. No lock is held. */
void bn_ending_detail(bn_ending *ending, int code, json_t *detail); /* takes detail over; model errors */
void bn_ending_infra(bn_ending *ending, int code, const char *error_type, const char *detail);
void bn_ending_cancelled(bn_ending *ending, bool disconnected, bool ran);
/* A number for a claim, or for a process. */
int64_t bn_claim_make(void);
/* What dying from now on weighs; the working thread's. */
void bn_job_weigh(bn_jobs *jobs, const bn_job *job, int weight);
/* End it where that was not done before (bn_held_end), save and leave memory, or try again later; takes over what ending
 * owns and the caller's hold. */
void bn_job_end(bn_jobs *jobs, bn_job *job, bn_maker by, bn_ending *ending, const bn_file_facts *files,
                size_t file_count);
void bn_jobs_save_unsaved(bn_jobs *jobs);
void bn_last_free(bn_last **last); /* may be NULL */
/* In the metrics, and among the last failures. */
void bn_ending_count(bn_jobs *jobs, const bn_ending *ending, const char *id, const char *key_id);
/* JSON of the result with addresses under base, or inline. */
bn_status bn_result_write(bn_jobs *jobs, const bn_ending *ending, const char *base, bn_buffer *out,
                          bn_error *err);
char *bn_logs_write(const bn_job *job, int64_t after); /* JSON array; the lock is held */

/* ---- endings.c: clients are answered from it only where others share the store. With or without the lock. False: not known. */
bool bn_endings_owner(bn_jobs *jobs, const char *id, char key_id[BN_KEY_ID_CHARS]);
void bn_endings_note_owner(bn_jobs *jobs, const char *id, const char *key_id);
bool bn_endings_find(bn_jobs *jobs, const char *id, bn_request_status *status);
/* Before it leaves the table: looks are told. */
void bn_endings_note(bn_jobs *jobs, const char *id, const bn_ending *ending);
/* As clients see it, without logs. */
void bn_ending_describe(const bn_ending *ending, bn_request_status *status);
void bn_endings_forget_all(bn_jobs *jobs);

/* ---- looks.c: around what is asked of the store, until what it said is in the table. With or without the lock. */
/* look is the caller's until the end; only (not copied; or NULL) is the one request that it is about. */
void bn_look_begin(bn_jobs *jobs, bn_look *look, const char *only);
bool bn_look_ended(bn_jobs *jobs, const bn_look *look, const char *id); /* since it began, or may have */
void bn_looks_tell(bn_jobs *jobs, const char *id);                      /* it has ended */
/* False where memory was out: more than has ended was said to have. */
bool bn_look_end(bn_jobs *jobs, bn_look *look);

/* ---- extras.c: what of a request is not of the endpoint's input, as the store keeps it */
/* Whether a photo's address is remembered with its request: not one that holds the photo itself. */
bool bn_extras_may_keep(const char *image_url);
bn_status bn_extras_write(bn_accepted *accepted, const char *photo, bn_error *err); /* photo: or NULL */
void bn_extras_read(bn_accepted *accepted);
char *bn_extras_photo(const char *extras); /* allocated; NULL where it was not remembered */
/* Where the photo of a request of this key is that has ended well: allocated. NULL: the ending says why not. No lock is held. */
char *bn_photo_of(bn_jobs *jobs, const char *id, const char *key_id, bn_ending *ending);

/* ---- recover.c; once, when all else is open and no thread runs */
bn_status bn_recover_or_join(bn_jobs *jobs, bn_error *err);

/* ---- presence.c; after the store, before this process has anything there. Where it cannot, the lease decides. */
void bn_presence_open(bn_jobs *jobs);
void bn_presence_close(bn_jobs *jobs, bool said_so); /* said_so: the store knows that this process ends */

/* ---- auth.c */

/* Where keys are needed: none has this id, or none any more. */
bool bn_key_is_revoked(bn_jobs *jobs, const char *key_id);

/* ---- secrets.c; after the store */
bn_status bn_secrets_open(bn_jobs *jobs, bn_error *err);

/* ---- the threads */
void *bn_fetch_main(void *jobs);
void *bn_prepare_main(void *jobs);
/* 422: the result is larger than its format holds (job->cutout.side_limit_px). */
void bn_fail_result_size(bn_job *job, const bn_error *err, bn_ending *ending);
void *bn_compute_main(void *seat);
int bn_compute_progress(void *seat, const char *part, double done);
void bn_compute_opening(void *seat, const char *weights);
void *bn_finish_main(void *jobs);
void *bn_keeper_main(void *jobs);
void *bn_courier_main(void *jobs);
void bn_keeper_sweep(bn_jobs *jobs);
/* Where nothing can be written: some bytes of what has expired go. False: there are none. */
bool bn_keeper_make_room(bn_jobs *jobs);
/* Remove the bytes that no file has any more, or that were promised before then or by the dead and never became a file. */
void bn_keeper_remove_astray(bn_jobs *jobs, int64_t before_ms);
/* A webhook is due, or (url NULL) the clock has moved. */
void bn_courier_poke(bn_jobs *jobs, const char *url, const char *key_id);
void bn_thread_be_nice(void); /* this thread computes: others first */

/* What nobody owns is everybody's, and a caller without key (there is none configured then) may do everything. */
static inline bool bn_may_use(const char *owner, const char *key_id)
{
    return !owner || !owner[0] || !key_id || !key_id[0] || strcmp(owner, key_id) == 0;
}

/* A name for bytes that are about to be written, promised in the store; and the end of one that no file has taken. Where the
 * bytes lie on another machine the row stays until the keeper looks again: what was sent twice, as no answer came to the first,
 * may arrive after it was removed. */
bn_status bn_object_make(bn_jobs *jobs, char object[BN_OBJECT_CHARS], bn_error *err);
void bn_object_drop(bn_jobs *jobs, const char *object);

/* Opens jobs->blobs; what options name is the caller's. */
bn_status bn_files_open(bn_jobs *jobs, const bn_jobs_options *options, bn_error *err);
/* Read a stored file's bytes into out. */
bn_status bn_jobs_file_read(bn_jobs *jobs, const char *id, bn_buffer *out, bn_error *err);
/* The same for a request of this key: NOT_FOUND, too, where the file is neither public nor the key's. */
bn_status bn_jobs_input_read(bn_jobs *jobs, const char *id, const char *key_id, bn_buffer *out,
                             bn_error *err);

#endif
