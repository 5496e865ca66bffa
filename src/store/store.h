/* store.h - what must survive a crash: requests, files, parts of uploads, webhooks; and the queue, which many processes may
 * share. Databases stand behind it (kind.h): SQLite is the one there is.
 *
 * Any thread, and any number of handles of one store. What is written is on the disk when the call returns, unless said
 * otherwise. A full disk or a locked database is BIREFNET_ERROR_IO, changes nothing, and the same call may succeed later.
 *
 * Leases, duties, start times, rates and turns of webhooks go by the store's own clock; the times in requests, endings and
 * files are the caller's, who learns how far his clock is off by bn_store_beat. */
#ifndef BN_STORE_STORE_H
#define BN_STORE_STORE_H

#include "base/error.h"
#include "store/facts.h"
#include "store/keys.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct bn_store bn_store;

#define BN_STORE_BUSY 16 /* hosts or keys with deliveries under way */

/* The database at an address: "sqlite:PATH" is made or migrated; "postgresql://..." must have been by bn_store_migrate. FORMAT
 * where it is damaged, not migrated, or of a newer program. No message shows a password that the address holds. */
bn_status bn_store_open(const char *address, bn_store **store, bn_error *err);
/* Before that: whether it may be opened, and nothing is made or changed. *from, *to: as below, where opening migrates it (*from 0:
 * there is nothing yet); else both 0. FORMAT as above. */
bn_status bn_store_check(const char *address, int *from, int *to, bn_error *err);
/* To look: for bn_store_snapshot, bn_store_processes and bn_store_close only. Nothing is made, migrated or changed; FORMAT also where
 * the tables are older. */
bn_status bn_store_open_to_look(const char *address, bn_store **store, bn_error *err);
/* Makes or migrates the tables of a store that is not migrated when it is opened; only_look: says what there is. *from, *to:
 * the version that was found (0: none), and this program's. ARGUMENT where it is. */
bn_status bn_store_migrate(const char *address, bool only_look, int *from, int *to, bn_error *err);
/* How many connections this handle may have, where there are any; 4 unless said otherwise. */
void bn_store_set_connections(bn_store *store, int most);
void bn_store_close(bn_store **store);
/* Whether the last write failed and none succeeded since; probe: write something now to see. */
bool bn_store_failing(bn_store *store);
void bn_store_probe(bn_store *store);
/* For tests: from now on this handle takes the store's clock to be ahead by so much. */
void bn_store_shift(bn_store *store, int64_t ms);

/* ---- hints: what makes others look sooner. Truth is polled: a hint that is lost costs time, and nothing else. */

typedef enum bn_hint {
    BN_HINT_WORK = 1,     /* a request waits */
    BN_HINT_CANCEL = 2,   /* one was cancelled that is held */
    BN_HINT_ENDED = 4,    /* one has ended whose client waits */
    BN_HINT_KEYS = 8,     /* keys have changed */
    BN_HINT_WEBHOOKS = 16 /* one is due */
} bn_hint;

bool bn_store_has_hints(const bn_store *store);
/* A connection of its own on which the hints of others come. */
typedef struct bn_ear bn_ear;
/* Whether it could be the address of an ear; nothing is connected to. ARGUMENT, in words without a password. */
bn_status bn_ear_check(bn_store *store, const char *address, bn_error *err);
/* address NULL: the store's. UNSUPPORTED where none come: the store has no such thing, or a pooler stands between. IO. */
bn_status bn_ear_open(bn_store *store, const char *address, bn_ear **ear, bn_error *err);
void bn_ear_close(bn_ear **ear);
/* Tell others, by the ear's connection: a set of bn_hint. IO: it is deaf now, close it. Durable nowhere. */
bn_status bn_ear_tell(bn_ear *ear, unsigned hints, bn_error *err);
/* Wait until others tell something, `wake` (a file descriptor) can be read, or so long. *hints: a set; 0: none. IO as above. */
bn_status bn_ear_hear(bn_ear *ear, int wake, int64_t wait_ms, unsigned *hints, bn_error *err);

/* ---- requests */

/* One request as it was accepted. Texts may be NULL. */
typedef struct bn_accepted {
    char id[BN_REQUEST_ID_CHARS];
    int64_t seq; /* order of arrival; given by put */
    bool sync, low_priority, forget_soon, public_only;
    int64_t created_ms, start_by_ms; /* start_by_ms 0 = whenever */
    int attempts;                    /* weighted: see BN_ATTEMPT_LIMIT */
    const char *body;
    size_t body_bytes;
    char *webhook, *lifecycle, *file_base, *key_id; /* owned where read from the store */
    char *extras; /* JSON of what only the queue understands: the store keeps it, older programs pass it on */
    char *claimed_body;         /* bn_store_claim_next may give it along: saves bn_store_body a round trip */
    char model[BN_MODEL_CHARS]; /* the preset it asks for */
    int64_t front;              /* sync: the process whose client waits; else 0 */
    int key_running;            /* how many of its key may be held at a time, as of now; 0: no limit */
    int key_waiting;            /* accept: refused where so many of its key wait; 0: no limit; not stored */
    bool by_keys;               /* accept: its turn is behind one of each other key that waits; not stored */
    bool fetches;               /* its photo comes from another host */
    bool repeated;              /* accept: it was in the store before; not stored */
    bool refused;               /* accept: see key_waiting; not stored */
    bool promised;              /* a place among the waiting is kept for it; not stored */
    char background[10];        /* "#rrggbbaa" or empty; not stored, as hard_mask */
    bool hard_mask, touch_up;
    bn_sure_levels sure;
} bn_accepted;

/* How a request ended. Texts may be NULL. */
typedef struct bn_ending {
    int code;
    char *result; /* JSON; addresses of files are "/files/b/ID/NAME" */
    char error_type[40], error[200];
    char reason[40]; /* for the metrics; not stored */
    bool user_timeout, retry, inline_images;
    double billable_s, inference_s;
    char weights[100];
    char image_id[BN_FILE_ID_CHARS];
    int64_t completed_ms;
    char *logs; /* JSON array */
} bn_ending;

void bn_accepted_free(bn_accepted *accepted);
void bn_ending_free(bn_ending *ending);

/* A request waits, is held by a worker, or has ended. What only its holder may write carries the claim: a random number of
 * its own, not 0, that the holder chose; after the request was given back or taken away it changes nothing any more.
 * Those that wait have an order: (low_priority, turn, seq). turn is 0, or given by accept where by_keys: the smallest that
 * waits and as many more as its key has waiting, so that keys take turns. */

/* Insert; where ending is given, it has ended at once. Fills accepted->seq. Again with the same id is fine and changes
 * nothing: accepted->repeated. Where accepted->refused, nothing was inserted; exact, whoever else accepts meanwhile. A sync
 * request need not be on the disk. */
bn_status bn_store_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending, bn_error *err);
/* Waiting to held, this one. weight: what is added to its attempts, should the worker die now. *mine: it is; else it has
 * ended, or another holds it. Need not be on the disk. */
bn_status bn_store_claim(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                         bool *mine, bn_error *err);

/* Which request a worker would take. */
typedef struct bn_claim_terms {
    int64_t worker, claim;
    int weight;
    bool fetches;     /* one whose photo comes from another host; else one that needs no other host */
    bool sync_only;   /* one whose client waits */
    bool normal_only; /* none of low priority */
    bool
        limited; /* a key may have a limit (key_running): they are kept exactly, whoever else claims meanwhile */
    const char *const *busy_keys,
        *const *busy_low_keys; /* none of these keys; none of low priority of these; "": no key */
    size_t busy_key_count, busy_low_key_count;
    const char *const *models; /* only these, and those that name none; count 0: any */
    size_t model_count;
} bn_claim_terms;

/* Waiting to held, the first in order that the terms allow, whose key holds fewer than its key_running, and whose start_by_ms
 * has not passed. accepted->id is empty where there is none. Need not be on the disk. */
bn_status bn_store_claim_next(bn_store *store, const bn_claim_terms *terms, bn_accepted *accepted,
                              bn_error *err);
/* The holder is about to do something else: the new weight, and whether clients see it running. *mine (may be NULL): it
 * still holds it. Need not be on the disk. */
bn_status bn_store_start(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                         bool running, bool *mine, bn_error *err);
/* Held to ended, by its holder; or with claim 0 waiting to ended, also where this worker's process holds it. In one
 * transaction: the ending, its files, the webhook to deliver. *mine: it has ended so, now or by the same call before;
 * else nothing was changed. */
bn_status bn_store_finish(bn_store *store, const char *id, int64_t worker, int64_t claim,
                          const bn_ending *ending, const bn_file_facts *files, size_t file_count, bool *mine,
                          bn_error *err);
/* Held to waiting, by its holder: no failed attempt. *mine: it held it. Need not be on the disk. */
bn_status bn_store_give_back(bn_store *store, const char *id, int64_t worker, int64_t claim, bool *mine,
                             bn_error *err);
/* A process ends: all that it holds waits again, which is no failed attempt, the webhooks that it has taken are due, and its
 * row goes. Need not be on the disk. */
bn_status bn_store_release(bn_store *store, int64_t process, bn_error *err);

typedef enum bn_cancel_reason {
    BN_CANCEL_NOT = 0,
    BN_CANCEL_BY_CLIENT,
    BN_CANCEL_CLIENT_LEFT,
} bn_cancel_reason;

typedef enum bn_cancelled {
    BN_CANCELLED_NONE = 0, /* there is no such request, or it has ended */
    BN_CANCELLED_ENDED,    /* it waited, and has ended with the ending given */
    BN_CANCELLED_TOLD,     /* its holder hears of it by its next beat */
} bn_cancelled;

/* By whoever is asked. Only the first reason counts. Durable where it ends. */
bn_status bn_store_cancel(bn_store *store, const char *id, bn_cancel_reason reason, const bn_ending *ending,
                          bn_cancelled *outcome, bn_error *err);

/* ---- who lives */

typedef struct bn_process {
    int64_t id;                 /* random, not 0; a new one with each start */
    char role[12];              /* "serve", "work" */
    char host[65], version[24]; /* for people */
    bool idle;                  /* a worker that would take more */
    int64_t started_ms, seen_ms;
} bn_process;

/* What the store believes a process to hold. */
typedef struct bn_holding {
    char id[BN_REQUEST_ID_CHARS];
    int64_t claim;
    bn_cancel_reason cancel;
} bn_holding;

/* I live: once a second, of each process. seen_ms and started_ms of process are not read. *now_ms: the store's clock. The
 * caller frees *holdings: what it does not know of, it gives back (the answer to a claim was lost; after a while, as one may be
 * under way). Need not be on the disk. */
bn_status bn_store_beat(bn_store *store, const bn_process *process, int64_t *now_ms, bn_holding **holdings,
                        size_t *count, bn_error *err);

/* All rows of processes, also of the dead that nobody has cleared away yet; the caller frees *list. */
bn_status bn_store_processes(bn_store *store, bn_process **list, size_t *count, bn_error *err);

typedef struct bn_rescued {
    char id[BN_REQUEST_ID_CHARS];
    int64_t worker; /* that held it */
    int attempts;   /* with the weight of what it was about */
} bn_rescued;

/* Held to waiting, and turn and seq stay: all of workers whose process was not seen for lease_ms, or never; with lease_ms 0 of
 * all but `survivor`. Their weights are added to the attempts; webhooks that those processes have taken are due; their rows
 * go. The caller frees *rows. Need not be on the disk. */
bn_status bn_store_rescue(bn_store *store, int64_t survivor, int64_t lease_ms, bn_rescued **rows,
                          size_t *count, bn_error *err);

/* The same of one process that is certain to have ended, however young its last beat. */
bn_status bn_store_bury(bn_store *store, int64_t process, bn_rescued **rows, size_t *count, bn_error *err);

typedef enum bn_overdue_reason {
    BN_OVERDUE_START = 1, /* start_by_ms has passed */
    BN_OVERDUE_FRONT,     /* a sync run whose front was not seen for the lease */
    BN_OVERDUE_ATTEMPTS,  /* it brings programs down */
} bn_overdue_reason;

typedef struct bn_overdue {
    char id[BN_REQUEST_ID_CHARS];
    bn_overdue_reason reason;
} bn_overdue;

/* Up to `room` of those that wait and must not any more: the caller ends them, bn_store_finish with claim 0. */
bn_status bn_store_overdue(bn_store *store, int64_t survivor, int64_t lease_ms, int attempt_limit,
                           bn_overdue *rows, size_t room, size_t *count, bn_error *err);

/* Work that one process at a time does for all: "tick", "sweep". *mine: it is this process's for lease_ms from now; it takes
 * another over whose time is up. Need not be on the disk. */
bn_status bn_store_duty(bn_store *store, const char *name, int64_t process, int64_t lease_ms, bool *mine,
                        bn_error *err);

/* One token of a key: they come back evenly, per_minute of them a minute, and no more are kept. *wait_ms 0: it was there;
 * else none was taken, and when there will be one. Need not be on the disk; a crash may fill it up. */
bn_status bn_store_rate(bn_store *store, const char *key_id, int per_minute, int64_t *wait_ms, bn_error *err);

/* A secret that all processes share: the value under this name, which is `value` where there is none yet. */
#define BN_SECRET_BYTES 64
bn_status bn_store_secret(bn_store *store, const char *name, uint8_t *value, size_t bytes, bn_error *err);

/* ---- keys, where the store keeps them for all servers; keys.h stands before these */

bool bn_store_keeps_keys(const bn_store *store);
/* *version: in, what the caller knows (-1: nothing); out, what there is. It grows with every change, and is 0 as long as there
 * was never a key. Where both are the same no rows come; else all that are not revoked, oldest first. The caller frees
 * rows->list. */
bn_status bn_store_keys(bn_store *store, int64_t *version, bn_key_rows *rows, bn_error *err);
/* *taken: there is such an id, and nothing was changed. One that was revoked may come back where again. */
bn_status bn_store_key_add(bn_store *store, const bn_key_row *row, bool again, bool *taken, bn_error *err);
bn_status bn_store_key_revoke(bn_store *store, const char *id, bool *found, bn_error *err);
bn_status bn_store_keys_need(bn_store *store, bn_error *err); /* from now on one is needed */

/* ---- what clients see */

/* What a worker tells of one that it holds, about once a second. */
typedef struct bn_live {
    char id[BN_REQUEST_ID_CHARS];
    int64_t claim;
    double progress; /* 0 to 1 */
    int log_count;
    const char *logs; /* JSON array; NULL: as before */
} bn_live;

/* Of those that the worker holds by this claim; of others nothing. Need not be on the disk, nor survive a crash. */
bn_status bn_store_tell(bn_store *store, int64_t worker, const bn_live *rows, size_t count, bn_error *err);

typedef struct bn_seen {
    char id[BN_REQUEST_ID_CHARS], key_id[BN_KEY_ID_CHARS];
    int64_t seq, turn, worker, created_ms, start_by_ms; /* worker 0: it waits */
    int64_t front;                                      /* as in bn_accepted */
    bool low_priority, sync, fetches, running, cancelled;
    double progress;
    int log_count;
    size_t body_bytes;
    char *logs; /* only where asked for */
} bn_seen;

typedef struct bn_snapshot {
    bn_seen *rows; /* the held ones, then those that wait in their order */
    size_t count, held;
    bn_process *processes; /* all rows, also of the dead that nobody has cleared away yet */
    size_t process_count;
    int64_t now_ms; /* the store's clock */
} bn_snapshot;

/* All that have not ended, of one moment. */
bn_status bn_store_snapshot(bn_store *store, bool want_logs, bn_snapshot *snapshot, bn_error *err);
void bn_snapshot_free(bn_snapshot *snapshot);

/* All that have not ended, in order of arrival; the callback takes over what accepted owns. Bodies are left out. */
typedef bn_status (*bn_accepted_fn)(void *user, bn_accepted *accepted, bn_error *err);
bn_status bn_store_each_open(bn_store *store, bn_accepted_fn fn, void *user, bn_error *err);
/* The body of one that has not ended; *body is allocated, NULL where there was none. */
bn_status bn_store_body(bn_store *store, const char *id, char **body, size_t *body_bytes, bn_error *err);
/* NOT_FOUND where there is none or it has not ended. result and logs are only read where asked for. */
bn_status bn_store_ending(bn_store *store, const char *id, bool want_result, bool want_logs,
                          bn_ending *ending, bn_error *err);
/* The id of the key that it was made with; empty where it was made without. NOT_FOUND. */
bn_status bn_store_owner(bn_store *store, const char *id, char key_id[BN_KEY_ID_CHARS], bn_error *err);
/* The extras of one that has ended with code 200: allocated, NULL where there are none. NOT_FOUND. */
bn_status bn_store_extras(bn_store *store, const char *id, char **extras, bn_error *err);
/* Forget what ended before then, or before soon_ms if it was to be forgotten soon, and has no webhook to deliver. */
bn_status bn_store_forget(bn_store *store, int64_t before_ms, int64_t soon_ms, bn_error *err);

/* ---- files */

typedef struct bn_stored_file {
    bn_file_facts facts;
    char upload_id[BN_FILE_ID_CHARS]; /* empty for results */
    char key_id[BN_KEY_ID_CHARS];     /* whose it is; empty: without key */
    bool whole, multipart;
} bn_stored_file;

bn_status bn_store_file_promise(bn_store *store, const bn_stored_file *file, bn_error *err);
/* A promised file is whole now: object, size, etag and type of facts count. Its parts are forgotten, their objects stray.
 * NOT_FOUND where it has gone meanwhile, or is whole already, or the object is no longer promised. */
bn_status bn_store_file_whole(bn_store *store, const bn_file_facts *facts, bn_error *err);
/* NOT_FOUND. upload: id is the upload's. */
bn_status bn_store_file(bn_store *store, const char *id, bool upload, bn_stored_file *file, bn_error *err);
/* Up to `room` ids of files that expired, or were promised before promised_ms and never came. */
bn_status bn_store_expired(bn_store *store, int64_t now_ms, int64_t promised_ms,
                           char (*ids)[BN_FILE_ID_CHARS], size_t room, size_t *count, bn_error *err);
/* Its object and those of its parts stray. */
bn_status bn_store_file_delete(bn_store *store, const char *id, bn_error *err);

typedef struct bn_stored_part {
    int number;
    uint64_t size;
    char etag[33], object[BN_OBJECT_CHARS];
} bn_stored_part;
/* The object of a part that it replaces strays. NOT_FOUND where the upload has ended, or is whole, meanwhile, or the object is
 * no longer promised. */
bn_status bn_store_part_put(bn_store *store, const char *upload_id, const bn_stored_part *part,
                            bn_error *err);
/* NOT_FOUND. */
bn_status bn_store_part(bn_store *store, const char *upload_id, int number, bn_stored_part *part,
                        bn_error *err);

/* Objects that no file has: those that are being written, from before their first byte until a file has them, and those
 * that a file had, until their bytes are removed. So no bytes lie anywhere that no row knows. process: who writes them; 0:
 * a client, itself. Again with the same name is fine and changes nothing. durable: on the disk when the call returns, which
 * matters where nobody can list what lies there; PostgreSQL's always are. */
bn_status bn_store_object_promise(bn_store *store, const char *object, int64_t now_ms, int64_t process,
                                  bool durable, bn_error *err);
bn_status bn_store_object_forget(bn_store *store, const char *object, bn_error *err);
/* Up to `room` of those that were promised before then, and of those that a file had. */
bn_status bn_store_objects_astray(bn_store *store, int64_t before_ms, char (*objects)[BN_OBJECT_CHARS],
                                  size_t room, size_t *count, bn_error *err);
/* Those stray that were promised by processes which are rescued or released, but for survivor; keep_ms from now on, for
 * as long as what such a process has sent may still arrive. Should it live after all, bn_store_file_whole and
 * bn_store_part_put answer NOT_FOUND at once for what was taken from it so. */
bn_status bn_store_objects_abandon(bn_store *store, int64_t survivor, int64_t keep_ms, bn_error *err);
/* Whether a file, whole, or a part of one has it, or will, as it is promised. */
bn_status bn_store_object_known(bn_store *store, const char *object, bool *known, bn_error *err);
/* What the row of a file or a begun upload counts, and each object of a file or a part besides its bytes: on a disk they take
 * about that, and without it those without bytes could be made for ever. */
#define BN_STORED_COST 2048
/* Of files, begun uploads and parts together, their cost included. */
bn_status bn_store_bytes(bn_store *store, uint64_t *bytes, bn_error *err);

/* ---- webhooks */

#define BN_WEBHOOK_HOST_CHARS 256

typedef struct bn_webhook {
    char request_id[BN_REQUEST_ID_CHARS];
    char *url, *host, *key_id, *file_base; /* owned; key_id is empty where there was no key */
    int attempts;                          /* that failed */
    bool public_only;                      /* as its request */
    int64_t created_ms, next_ms;
} bn_webhook;

/* Whose turn it is: hosts and keys that must not get another now are passed over; behind the last that had one, each host
 * and key has its turn. */
typedef struct bn_webhook_turn {
    char host[BN_WEBHOOK_HOST_CHARS], key_id[BN_KEY_ID_CHARS]; /* of the last one */
    const char *busy_hosts[BN_STORE_BUSY], *busy_keys[BN_STORE_BUSY];
    size_t busy_host_count, busy_key_count;
    bool no_second; /* first attempts only */
} bn_webhook_turn;

void bn_webhook_free(bn_webhook *webhook);
/* Host and port of an address, as they count for turns. */
void bn_webhook_host(const char *url, char host[BN_WEBHOOK_HOST_CHARS]);
/* Take one that is due, first attempts before others, of its host and key the longest due: it is this process's, by the claim,
 * for first_ms (a later attempt: again_ms); then, or when the process is rescued, it is due again. webhook->url is NULL where
 * there is none, and then *wait_ms is how long until the next is due (INT64_MAX: there are none). Costs as many steps as there
 * are hosts and keys that have to be passed over, however many webhooks they have. Need not be on the disk. */
typedef struct bn_webhook_taker {
    int64_t process, claim; /* claim: a random number, not 0 */
    int64_t first_ms, again_ms;
} bn_webhook_taker;
bn_status bn_store_webhook_take(bn_store *store, const bn_webhook_turn *turn, const bn_webhook_taker *taker,
                                int64_t *wait_ms, bn_webhook *webhook, bn_error *err);
/* How many are not delivered yet. */
bn_status bn_store_webhooks_pending(bn_store *store, const char *key_id, int64_t *of_key, int64_t *of_all,
                                    bn_error *err);
/* By who has taken it: it is done with, delivered or given up (wait_ms 0), or due again after so long. Changes nothing where
 * another has taken it since. */
bn_status bn_store_webhook_tried(bn_store *store, const char *request_id, int64_t claim, int64_t wait_ms,
                                 bn_error *err);

#endif
