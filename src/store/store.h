/* store.h - what must survive a crash: requests, files, parts of uploads, webhooks. Databases stand behind it (kind.h):
 * SQLite is the one there is.
 *
 * Any thread. What is written is on the disk when the call returns, unless said otherwise. A full disk or a locked
 * database is BIREFNET_ERROR_IO, changes nothing, and the same call may succeed later. */
#ifndef BN_STORE_STORE_H
#define BN_STORE_STORE_H

#include "base/error.h"
#include "store/facts.h"
#include "store/keys.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct bn_store bn_store;

#define BN_STORE_BUSY 16 /* hosts or keys with deliveries under way */

/* Makes or migrates the database at an address, "sqlite:PATH". FORMAT where it is damaged or of a newer program. */
bn_status bn_store_open(const char *address, bn_store **store, bn_error *err);
void bn_store_close(bn_store **store);
/* Whether the last write failed and none succeeded since; probe: write something now to see. */
bool bn_store_failing(bn_store *store);
void bn_store_probe(bn_store *store);

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
    char background[10];                            /* "#rrggbbaa" or empty; not stored, as hard_mask */
    bool hard_mask;
    bool promised; /* a place among the waiting is kept for it; not stored */
    bool fetches;  /* its photo comes from another host; not stored */
    bool repeated; /* found in the store: accepted before; not stored */
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

/* A request waits, is held by a worker, or has ended. What only its holder may write carries the claim: a number of its
 * own, not 0, that the holder chose; after the request was given back or taken away it changes nothing any more. */

/* Insert; where ending is given, it has ended at once. Fills accepted->seq. Again with the same id is fine and changes
 * nothing: accepted->repeated. A sync request need not be on the disk. */
bn_status bn_store_accept(bn_store *store, bn_accepted *accepted, const bn_ending *ending, bn_error *err);
/* Waiting to held. weight: what is added to its attempts, should the worker die now. *mine: it is; else it has ended, or
 * another holds it. Need not be on the disk. */
bn_status bn_store_claim(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                         bool *mine, bn_error *err);
/* The holder is about to do something else: the new weight. Need not be on the disk. */
bn_status bn_store_start(bn_store *store, const char *id, int64_t worker, int64_t claim, int weight,
                         bn_error *err);
/* Held to ended, by its holder; or with claim 0 waiting to ended, also where this worker's process holds it. In one
 * transaction: the ending, its files, the webhook to deliver. *mine: it has ended so, now or by the same call before;
 * else nothing was changed. */
bn_status bn_store_finish(bn_store *store, const char *id, int64_t worker, int64_t claim,
                          const bn_ending *ending, const bn_file_facts *files, size_t file_count, bool *mine,
                          bn_error *err);
/* Held to waiting: all that this worker holds, which is no failed attempt. Need not be on the disk. */
bn_status bn_store_release(bn_store *store, int64_t worker, bn_error *err);
/* Held to waiting: all that others hold, who must be dead; their weights are added to the attempts. */
bn_status bn_store_rescue(bn_store *store, int64_t worker, int *count, bn_error *err);
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
 * NOT_FOUND where it has gone meanwhile, or is whole already. */
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
/* The object of a part that it replaces strays. NOT_FOUND where the upload has ended, or is whole, meanwhile. */
bn_status bn_store_part_put(bn_store *store, const char *upload_id, const bn_stored_part *part,
                            bn_error *err);
/* NOT_FOUND. */
bn_status bn_store_part(bn_store *store, const char *upload_id, int number, bn_stored_part *part,
                        bn_error *err);

/* Objects that no file has: those that are being written, from before their first byte until a file has them, and those
 * that a file had, until their bytes are removed. So no bytes lie anywhere that no row knows. Need not be on the disk. */
bn_status bn_store_object_promise(bn_store *store, const char *object, int64_t now_ms, bn_error *err);
bn_status bn_store_object_forget(bn_store *store, const char *object, bn_error *err);
/* Up to `room` of those that were promised before then, and of those that a file had. */
bn_status bn_store_objects_astray(bn_store *store, int64_t before_ms, char (*objects)[BN_OBJECT_CHARS],
                                  size_t room, size_t *count, bn_error *err);
/* Whether a file, whole, or a part of one has it. */
bn_status bn_store_object_known(bn_store *store, const char *object, bool *known, bn_error *err);
bn_status bn_store_bytes(bn_store *store, uint64_t *bytes, bn_error *err); /* of files and parts together */

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
/* One that is due, first attempts before others, of its host and key the longest due. webhook->url is NULL where there is
 * none, and then *due_ms is when the next is due that is not yet (INT64_MAX: there are none). Costs as many steps as there
 * are hosts and keys that have to be passed over, however many webhooks they have. */
bn_status bn_store_webhook_next(bn_store *store, int64_t now_ms, const bn_webhook_turn *turn, int64_t *due_ms,
                                bn_webhook *webhook, bn_error *err);
/* How many are not delivered yet. */
bn_status bn_store_webhooks_pending(bn_store *store, const char *key_id, int64_t *of_key, int64_t *of_all,
                                    bn_error *err);
/* Nobody else gets it before until_ms. */
bn_status bn_store_webhook_claim(bn_store *store, const char *request_id, int64_t until_ms, bn_error *err);
/* next_ms 0: it is done with, delivered or given up. */
bn_status bn_store_webhook_tried(bn_store *store, const char *request_id, int64_t next_ms, bn_error *err);

#endif
