/* private.h - what the files behind jobs.h share; nobody else includes it.
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
#include "cutout/cutout.h"
#include "queue/budget.h"
#include "queue/engine.h"
#include "queue/failures.h"
#include "net/fetch.h"
#include "blobs/blobs.h"
#include "queue/jobs.h"
#include "queue/metrics.h"
#include "queue/names.h"
#include "queue/transition.h"
#include "schema/schema.h"
#include "store/ids.h"
#include "store/store.h"
#include "base/times.h"
#include "net/webhook.h"

#include <pthread.h>
#include <string.h>

#define BN_JOBS_BUCKETS     1024
#define BN_JOBS_MAX_THREADS 16
#define BN_JOBS_MAX_FETCHES 64
#define BN_JOBS_LOG_LINES   64
#define BN_JOBS_ENDPOINT    "/v2"

/* A photo that breaks the program must not do so for ever, and one that was only there when the program was killed must not
 * be given up. Reading the body, decoding and encoding are where inputs do harm, so dying there weighs more than dying
 * in the network. The weight stands in the store before the step is taken, and is added when the request is taken from the
 * dead. */
#define BN_ATTEMPT_LIMIT  300
#define BN_WEIGHT_NONE    0 /* being fetched */
#define BN_WEIGHT_CODECS  50
#define BN_WEIGHT_NETWORK 1

#define BN_NO_ROOM "There is no room to store the result"

typedef enum bn_phase_of_job {
    BN_JOB_WAITING = 0,
    BN_JOB_FETCHING,
    BN_JOB_FETCHED,   /* waits for a decoding thread */
    BN_JOB_PREPARING, /* being decoded */
    BN_JOB_READY,     /* decoded */
    BN_JOB_COMPUTING,
    BN_JOB_MATTED, /* waits for a finishing thread */
    BN_JOB_FINISHING,
    BN_JOB_ENDED, /* its ending is being saved */
} bn_phase_of_job;

typedef struct bn_log_entry {
    int64_t ms;
    birefnet_log_level level;
    char text[160];
} bn_log_entry;

/* What a job can stand in: the queue that clients see, and within its key those that nobody works on yet. */
typedef enum bn_list_of_jobs { BN_LIST_QUEUE = 0, BN_LIST_LINE, BN_LISTS } bn_list_of_jobs;

typedef struct bn_queue_of_jobs {
    struct bn_job *first, *last; /* in order of arrival */
} bn_queue_of_jobs;

/* How much one key, or all callers without one, use now. */
typedef struct bn_key_use {
    struct bn_key_use *next;
    char id[BN_KEY_ID_CHARS];
    bn_queue_of_jobs lines[2][2];  /* [is fetched from another host][low] */
    int fetches[2];                /* being fetched, or fetched and not yet decoded; [low] */
    int waiting, busy, busy_limit; /* busy_limit 0 = none; as of the latest submit */
    int promised;                  /* places among the waiting for those that are being stored */
    double tokens;                 /* of the rate limit: one a submit */
    int64_t refilled_ms;
} bn_key_use;

typedef struct bn_last bn_last; /* see ending.c */

/* A request that has not ended. Under jobs->lock but for what the thread that works on it owns. */
typedef struct bn_job {
    struct bn_job *next_in_bucket;
    struct bn_job *previous[BN_LISTS], *next[BN_LISTS];
    struct bn_job *previous_busy, *next_busy; /* among those with counted */
    struct bn_job *next_unsaved;
    bn_accepted accepted;
    bn_key_use *use;
    bn_phase_of_job phase;
    int64_t claim;                /* the number that this process holds it by in the store; 0 = it does not */
    double claimed_ms, listed_ms; /* bn_clock_ms: of the claim; of the beat that named it last */
    bool brought;                 /* by a snapshot, which tells less than accepted holds */
    bool elsewhere;               /* another process holds it; told_* is what that one says */
    double told_progress;
    int told_log_count;
    char *told_logs;            /* JSON array, owned; or NULL */
    uint64_t generation;        /* of the newest snapshot that it was in, or that began before it came */
    int holds;                  /* the table's, and one of each thread that works on it */
    bool queued;                /* in a queue: the client sees IN_QUEUE */
    bool in_line;               /* nobody works on it yet */
    int number;                 /* how many are ahead, and front.passed more, while front.numbered */
    bool counted;               /* among the busy, and in use->busy */
    _Atomic(bool) stop;         /* cancelled while running */
    _Atomic(bool) disconnected; /* by a client that has left */
    _Atomic(bool) lost;         /* stopped by nobody who asked for it: the lease was lost */
    double progress;
    int log_count;      /* lines that this process wrote, and has in logs */
    bn_log_entry *logs; /* [BN_JOBS_LOG_LINES], allocated with the first */
    /* the working thread's */
    bn_input input;
    bn_buffer bytes, backdrop_bytes; /* photo and background, fetched, until they are decoded */
    bn_buffer mask_bytes;            /* of a touch-up, the same */
    bn_image *backdrop;              /* in sRGB; options.background points to it */
    bn_cutout_options options;
    bn_cutout cutout;
    double started_ms, told; /* bn_clock_ms; share of progress that watchers know */
    double compute_ms;
    char weights[100];
    bool is_fallback;
    bn_last *unsaved; /* an ending that the store could not take yet; or NULL: jobs that wait are many */
} bn_job;

typedef struct bn_watches {
    pthread_mutex_t lock;
    bn_watch *buckets[BN_JOBS_BUCKETS];
    size_t count;
} bn_watches;

/* A webhook that a courier is delivering. */
typedef struct bn_errand {
    bool busy, again; /* again: not the first attempt */
    char host[BN_WEBHOOK_HOST_CHARS], key_id[BN_KEY_ID_CHARS];
} bn_errand;

/* What a front end knows: the requests that have not ended, whose they are, how many wait before which, and who wants to
 * be told. front.c, watch.c */
typedef struct bn_front {
    bn_job *buckets[BN_JOBS_BUCKETS];
    bn_queue_of_jobs queues[2]; /* normal, low */
    bn_key_use *uses;
    size_t waiting;      /* queued */
    size_t waits_for;    /* sync runs of clients that wait here, until they have ended */
    uint64_t body_bytes; /* of all in the table; they lie in the store */
    size_t promised;     /* as in bn_key_use, of all; and the bytes of their bodies */
    uint64_t promised_bytes;
    bool numbered;       /* the numbers in jobs are those of now */
    int passed;          /* how many have left the head of the queue since all were numbered */
    bool moved;          /* somebody left a queue: positions have changed, and nobody was told yet */
    bool keeper_told;    /* that it has to tell them */
    double moved_ms;     /* bn_clock_ms when all were told last */
    uint64_t generation; /* of snapshots, see news.c */
    bn_cluster cluster;
    double asked_ms;                    /* bn_clock_ms when a client asked last */
    char promoted[BN_REQUEST_ID_CHARS]; /* it is seen as running now, and nobody was told yet; or empty */
    bn_watches watches;
} bn_front;

#define BN_JOBS_MAX_BATCH 16

/* A thread that computes, and what. */
typedef struct bn_seat {
    bn_jobs *jobs;
    int number;
    bn_job *job; /* its own thread's */
} bn_seat;

/* What a worker holds: the requests that its threads work on, from the claim to the end. held.c, prepare.c, compute.c,
 * finish.c */
typedef struct bn_held {
    int64_t worker; /* this process, in the store */
    bn_engine *engine;
    bn_budget decoding;        /* bytes */
    pthread_cond_t changed;    /* any phase, or closing */
    pthread_cond_t fetch_work; /* perhaps one more can be fetched; each that finds so tells the next */
    bn_job *first_busy;        /* in no order */
    bool asking[2],
        again[2];       /* a thread asks the store for one, [fetches]; something has changed meanwhile */
    double asked_ms[2]; /* bn_clock_ms when that was last */
    double failed_ms;   /* when the store could not answer that last; 0 = it can */
    bn_job *unsaved;
    size_t unsaved_count;
    size_t busy;                        /* in other phases than WAITING */
    int fetches[2];                     /* as in bn_key_use, of all */
    int decoded[2];                     /* decoded or being decoded, and not yet in the network; [low] */
    size_t active;                      /* seen as running, before the end of the network */
    size_t matted;                      /* MATTED or FINISHING */
    bn_seat seats[BN_ENGINE_MAX_SEATS]; /* [options.sessions] */
    char **preload;                     /* ends with NULL; owned */
    bool preloading;
    char preload_error[300];
} bn_held;

/* keeper.c */
typedef struct bn_keeper {
    pthread_cond_t work; /* a start timeout, or closing */
} bn_keeper;

/* herald.c; its thread's, but for atomics */
typedef struct bn_herald {
    const char *address; /* to listen at; NULL: the store's */
    bn_ear *ear;
    int wake_fd;
    _Atomic(bool) hears;      /* hints come */
    _Atomic(unsigned) untold; /* of bn_hint */
    bool complained;
    double news_ms; /* when it has had a look taken last; under the lock of jobs */
    pthread_cond_t work;
} bn_herald;

#define BN_PULSE_UNKNOWN 64

/* pulse.c; its thread's, but for work */
typedef struct bn_pulse {
    pthread_cond_t work;      /* closing, or a client asks */
    double tried_ms, beat_ms; /* bn_clock_ms of the last beat, and of the last that came through */
    _Atomic(double) since_ms; /* of the first since beats come through without a break */
    double told_ms, seen_ms;  /* of the last report, and of the last snapshot */
    double keys_ms;           /* when keys were last looked at */
    bool lease_lost;          /* since beat_ms, and the log knows */
    bool news_wanted;         /* see bn_news_want; under the lock of jobs, as the next two */
    bool beat_wanted, keys_wanted;
    struct {
        char id[BN_REQUEST_ID_CHARS];
        int64_t claim;
        double since_ms;
    } unknown[BN_PULSE_UNKNOWN]; /* what the store believes that we hold, and we do not know of */
    size_t unknown_count;
} bn_pulse;

/* courier.c; under its own lock */
typedef struct bn_courier {
    bn_signer signer;
    pthread_mutex_t lock;
    pthread_cond_t work;
    uint64_t pokes;
    bool picks;           /* a thread asks the store, without the lock, what is next */
    bn_webhook_turn turn; /* of the thread that picks */
    bn_errand errands[BN_JOBS_COURIERS];
    bool stop;
} bn_courier;

#define BN_ENDING_SETS 256
#define BN_ENDING_WAYS 4

/* Of a request that is not in the table. */
typedef struct bn_known {
    char id[BN_REQUEST_ID_CHARS], owner[BN_KEY_ID_CHARS];
    bool owned, ended; /* owner is known; status is, without logs */
    bn_request_status status;
    double since_ms; /* bn_clock_ms */
    uint64_t used;
} bn_known;

/* A request that is being stored, of the thread that does it: a worker may know it, and even have ended it, before that one has
 * put it into the table. */
typedef struct bn_coming {
    struct bn_coming *next;
    const char *id;
    bool ended;
} bn_coming;

/* endings.c; under its own lock */
typedef struct bn_endings {
    pthread_mutex_t lock;
    bool reading;                           /* a snapshot */
    char (*meanwhile)[BN_REQUEST_ID_CHARS]; /* what has ended since, at least; owned */
    size_t meanwhile_count, meanwhile_room;
    bool meanwhile_lost; /* there was no memory for one: it may be any */
    bn_coming *coming;
    uint64_t uses;
    bn_known sets[BN_ENDING_SETS][BN_ENDING_WAYS];
} bn_endings;

struct bn_jobs {
    bn_jobs_options options;
    char data_folder[3072];
    char *models_folder, *fallback_model, *public_url, *store_address,
        *listen_address;                   /* copies of the options' */
    int lock_fd, workers_fd;               /* of lock files in the data folder */
    int presence_fd;                       /* of presence.c's */
    char devices[BN_ENGINE_MAX_SEATS][16]; /* what computes, one seat after the other */
    int device_count;
    bool alone; /* nobody else used data folder or store when they were opened */
    bn_store *store;
    bn_blobs *blobs;
    bn_keys *keys;
    uint8_t token_key[32];
    bn_metrics metrics;
    bn_failures failures;
    bn_courier courier;

    pthread_mutex_t lock; /* of all below */
    bn_front front;
    bn_held held;
    bn_keeper keeper;
    bn_pulse pulse;
    bn_herald herald;
    bn_endings endings;
    _Atomic(int64_t) ahead_ms; /* of the store's clock */
    _Atomic(bool) shared;      /* other processes live, or may come: see pulse.c */
    bool draining, closing;
    pthread_t
        threads[BN_JOBS_MAX_FETCHES + 2 * BN_JOBS_MAX_THREADS + BN_JOBS_COURIERS + BN_ENGINE_MAX_SEATS + 3];
    int thread_count;
};

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
/* Takes over what accepted owns; takes the lock. coming: what was expected of it; or NULL. */
bn_status bn_front_add(bn_jobs *jobs, bn_accepted *accepted, const bn_coming *coming, bn_error *err);
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
/* Before it leaves the table, so that neither a snapshot which was read before that brings it back, nor who accepts it. */
void bn_endings_note(bn_jobs *jobs, const char *id, const bn_ending *ending);
/* As clients see it, without logs. */
void bn_ending_describe(const bn_ending *ending, bn_request_status *status);
void bn_endings_forget_all(bn_jobs *jobs);
/* Around one snapshot at a time, from before it is read until it is laid over the table. The second is false where memory was out:
 * more than has ended meanwhile was left out of the table. */
void bn_endings_begin_snapshot(bn_jobs *jobs);
bool bn_endings_end_snapshot(bn_jobs *jobs);
bool bn_endings_meanwhile(bn_jobs *jobs, const char *id); /* it has ended since the first, or may have */
/* coming is the caller's until the second; id is not copied. */
void bn_endings_expect(bn_jobs *jobs, bn_coming *coming, const char *id);
void bn_endings_expect_no_more(bn_jobs *jobs, bn_coming *coming);
bool bn_endings_has_come(bn_jobs *jobs, const bn_coming *coming); /* it has ended; coming may be NULL */

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
