/* state.h - what the queue holds in memory, and which file behind jobs.h looks after which part of it (private.h). Nobody else
 * includes it. */
#ifndef BN_QUEUE_STATE_H
#define BN_QUEUE_STATE_H

#include "blobs/blobs.h"
#include "cutout/cutout.h"
#include "net/webhook.h"
#include "queue/budget.h"
#include "queue/engine.h"
#include "queue/failures.h"
#include "queue/jobs.h"
#include "queue/metrics.h"
#include "queue/names.h"
#include "queue/transition.h"
#include "schema/schema.h"
#include "store/ids.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

#define BN_JOBS_BUCKETS     1024
#define BN_JOBS_MAX_THREADS 16
#define BN_JOBS_MAX_FETCHES 64
#define BN_JOBS_LOG_LINES   64

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
    int lingering;                 /* clients that wait for what takes long: bn_jobs_linger */
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
    _Atomic(bool) stop;         /* its threads leave it, for whatever reason */
    _Atomic(bool) cancelled;    /* that is what a client wants */
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
    double tried_ms;          /* bn_clock_ms of the last beat */
    _Atomic(double) beat_ms;  /* of the last that came through */
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

/* Of somebody who looks at the store, and keeps it: what has ended since. */
typedef struct bn_look {
    struct bn_look *next;
    const char *only; /* the one request that it is about, which takes no memory; NULL: all */
    bool any;         /* that one has; or memory was out, and any may have */
    char (*ended)[BN_REQUEST_ID_CHARS]; /* owned */
    size_t count, room;
} bn_look;

/* looks.c; under its own lock */
typedef struct bn_looks {
    pthread_mutex_t lock;
    bn_look *first;
} bn_looks;

/* endings.c; under its own lock */
typedef struct bn_endings {
    pthread_mutex_t lock;
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
    bn_looks looks;
    _Atomic(int64_t) ahead_ms; /* of the store's clock */
    _Atomic(bool) cut;         /* bytes were fewer or more than the store knows, and the log knows */
    _Atomic(bool) missed;      /* bytes that the store knows of were not there, and the log knows */
    _Atomic(bool) shared;      /* other processes live, or may come: see pulse.c */
    bool draining, closing;
    pthread_t
        threads[BN_JOBS_MAX_FETCHES + 2 * BN_JOBS_MAX_THREADS + BN_JOBS_COURIERS + BN_ENGINE_MAX_SEATS + 3];
    int thread_count;
};

#endif
