/* jobs.h - everything about a request but HTTP: accepted, kept, worked on, answered, remembered for a while.
 *
 * Any thread may call anything here. Calls marked (disk) write to the database or to files and take milliseconds, more
 * on a busy disk; the others only read memory or one row. Nothing here computes on the caller's thread.
 * Codes in answers are those of the endpoint's protocol, which speaks of results in HTTP's numbers. */
#ifndef BN_QUEUE_JOBS_H
#define BN_QUEUE_JOBS_H

#include "base/buffer.h"
#include "base/log.h"
#include "store/facts.h"
#include "store/keys.h"

#include <stdbool.h>

typedef struct bn_jobs bn_jobs;

#define BN_JOBS_COURIERS 16 /* threads that deliver webhooks */

/* What a process does. A worker answers no clients: none of the calls for requests, files and keys. */
typedef enum bn_role { BN_ROLE_BOTH = 0, BN_ROLE_FRONT, BN_ROLE_WORK } bn_role;

/* What bn_jobs_open is at. */
typedef enum bn_jobs_part { BN_JOBS_FOLDER = 0, BN_JOBS_STORE, BN_JOBS_FILES } bn_jobs_part;

typedef struct bn_jobs_options {
    const char
        *data_folder; /* made if it is not there; one server at a time holds it, and any number of workers */
    const char *
        store; /* address of the store that it shares with others (store.h); NULL: its own in the data folder */
    const char *store_listen; /* address at which hints of others come (herald.c); NULL: the store's; "off" */
    int store_connections;    /* of a store that has any; 0: as many as usual */
    const char *files;        /* where the bytes of files lie, see blobs.h; NULL: in the data folder */
    const char *files_credentials; /* file with the keys of S3; NULL: the environment's */
    const char *spool;             /* folder for bodies that arrive; NULL: in the data folder */
    int redirect_s; /* readers are sent to S3, by addresses that are good for so long; 0: it is read for them */
    bool
        uploads_direct; /* clients write uploads that are not in parts to S3 themselves, if files lie there */
    bn_jobs_part *opening; /* where bn_jobs_open says what it is at, for who asks what failed; or NULL */
    bn_role role; /* a front end without worker, and workers without front end: others share the store */
    int lease_ms; /* a process that was not seen for so long is dead: what it holds is taken from it; default 15000 */
    bool by_keys;               /* keys take turns, however many each has waiting; else in order of arrival */
    const char *models_folder;  /* NULL: the usual search path */
    const char *fallback_model; /* answers for presets whose files are missing; NULL: "starter"; "" : none */
    const char
        *public_url; /* what files and webhooks are written with where a request names no base; or NULL */
    const char *const
        *only; /* names of presets whose requests it takes; ends with NULL; NULL: all. Must live as long */
    const char *const *preload; /* presets to open before the server is ready; ends with NULL; may be NULL */
    int max_models;             /* open at a time; default 2 */
    int threads;                /* of the network, and of finishing where nothing else runs; 0 = all */
    int fetch_threads;          /* photos fetched at a time, half of them of one key at most; default 16 */
    const char
        *devices; /* "cpu", "gpu:0,gpu:1", ...: a session for each at least; default NULL: the CPU. Copied */
    int sessions; /* photos in the network at a time, each on its share of the threads; default 1 */
    int batch; /* photos in one run of the network on a card, where so many of one model and size wait; default 1 */
    int prepare_threads;               /* decoding; default 2 */
    int finish_threads;                /* refining, encoding, storing; default 1 */
    int network_width, network_height; /* instead of what requests ask for; 0 = as they ask */
    int max_waiting;                   /* requests, of all keys together; default 10000 */
    uint64_t max_waiting_bytes;        /* of their bodies; default 4 GiB */
    int max_webhooks;     /* that are not delivered, before submits with another are refused; default 20000 */
    int max_key_webhooks; /* the same for one key; default 5000 */
    uint64_t max_input_bytes;  /* of a fetched photo; default 50 MiB */
    uint64_t max_pixels;       /* of a photo; default 100 million */
    uint64_t max_decode_bytes; /* memory of all decoding at a time: more waits; default 3 GB */
    uint64_t max_file_bytes;   /* of one uploaded file; default 2 GiB */
    uint64_t max_stored_bytes; /* of all files, a tenth for results alone; default 20 GiB */
    int64_t retention_s;       /* how long results are remembered; default 24 h */
    int64_t file_retention_s;  /* files without a lifecycle, and uploads without key at most; default 24 h */
    int fetch_timeout_ms;      /* default 30000 */
    int fetch_redirects;       /* default 5 */
    int webhook_timeout_ms;    /* of a first delivery; default 15000 */
    bool allow_private;        /* fetch from private addresses, too */
    bool webhooks_public_only; /* refuse webhooks to private addresses; default false */
    bool webhooks_public_with_keys; /* the same where a key is needed: callers are others; default false */
    bn_key_limits limits;           /* of keys that have none of their own, and of callers without key */
    bn_log log;
    int64_t (*now_ms)(void *user); /* wall clock, milliseconds since 1970; NULL: the system's. For tests */
    void *now_user;
} bn_jobs_options;

void bn_jobs_options_default(bn_jobs_options *options);

/* Whether files can be written to where they shall lie, and read. ARGUMENT, IO and whatever else with one line for the
 * operator; nothing is left there. */
bn_status bn_jobs_check_files(const bn_jobs_options *options, bn_error *err);
/* Takes the data folder, recovers what a crash left, starts the threads. ARGUMENT where another server has it. (disk) */
bn_status bn_jobs_open(const bn_jobs_options *options, bn_jobs **jobs, bn_error *err);
/* No new requests; what waits and runs goes on for up to grace_ms. True when nothing runs any more; what still waits
 * stays in the database for the next start. Files on other machines are not waited for any longer after it. Waits. */
bool bn_jobs_drain(bn_jobs *jobs, int grace_ms);
/* Stops what runs (it is done again at the next start), ends the threads. No watch may be left. */
void bn_jobs_close(bn_jobs **jobs);

/* Whether requests can be answered; why_not (at most size bytes) says what is missing. A write that failed counts until
 * another succeeds; where nobody writes, one is tried every minute. */
bool bn_jobs_ready(bn_jobs *jobs, char *why_not, size_t size);
/* A body could not be written into the incoming folder. */
void bn_jobs_write_failed(bn_jobs *jobs);

/* ---- requests ------------------------------------------------------------------------------------------- */

#define BN_FORGET_SOON_S 3600

typedef struct bn_submit {
    const char *id;   /* a UUID that the caller made; NULL: one is made */
    const char *body; /* JSON text of the input object; NULL where there was none */
    size_t body_bytes;
    const char
        *app_path; /* behind owner and alias: "/v2", "" or NULL; anything else gets the 404 of the endpoint */
    bool sync;     /* the caller waits: forgotten by a restart, and a bad input is answered at once */
    bool low_priority;
    bool forget_soon; /* the result is remembered for BN_FORGET_SOON_S at most, whatever the retention */
    int64_t max_queue_length; /* more waiting than this: refused with 429; negative = no limit */
    double start_timeout_s;   /* 0 = none */
    const char *webhook;      /* address or NULL */
    const char *lifecycle;    /* text of the object lifecycle preference for outputs; or NULL */
    const char *file_base; /* scheme, authority and prefix that files are written with in webhooks; or NULL */
    const char *key_id;    /* whose limits count; NULL: without key */
    bool public_only;      /* its photo and its webhook lead to public addresses only, whatever else may */
    /* beyond the endpoint's input: */
    const char *background; /* a colour, "#rrggbbaa", behind the cut-out; or NULL */
    bool hard_mask;         /* no half-transparent pixels */
    bn_sure_levels sure;    /* not used: the mask as it is */
    bool touch_up;          /* mask_url of the body is the matte: no network runs */
} bn_submit;

typedef struct bn_answer {
    int code;   /* 200, 422, 404, 429, 499, 500, 503, 504, ... */
    char *body; /* JSON, ASCII only; owned; NULL only where memory ran out */
    size_t body_bytes;
    char error_type[40]; /* of infrastructure errors: "request_timeout", ...; else empty */
    bool user_timeout;   /* the caller's start timeout passed */
    bool retry;          /* the same request may succeed later */
    int retry_after_s;   /* of 429 and 503; 0: not said */
    double billable_s;   /* seconds of computing */
    char weights[100];   /* which weights answered: a preset's name or a file's; empty if none did */
    char image_id[BN_FILE_ID_CHARS]; /* file of the image; empty if there is none */
} bn_answer;

void bn_answer_free(bn_answer *answer);

/* Accepted: answer->code 200 and body NULL, id is filled, *position (may be NULL) is how many are ahead; from then on it
 * survives kill -9 (unless sync). Anything else is a finished answer. (disk) */
void bn_jobs_submit(bn_jobs *jobs, const bn_submit *submit, char id[BN_REQUEST_ID_CHARS], int *position,
                    bn_answer *answer);

typedef enum bn_request_state {
    BN_REQUEST_QUEUED = 0,
    BN_REQUEST_RUNNING,
    BN_REQUEST_COMPLETED,
} bn_request_state;

typedef struct bn_request_status {
    bn_request_state state;
    int position;        /* QUEUED: how many are ahead */
    int code;            /* COMPLETED: of the result */
    double inference_s;  /* COMPLETED */
    char error_type[40]; /* COMPLETED with an infrastructure error, else empty */
    char error[200];     /* COMPLETED with any failure: one line; else empty */
    double progress;     /* 0 to 1 */
    char *logs;          /* JSON array of log objects, ASCII only; owned; NULL unless asked for */
    int64_t
        last_log; /* number of the newest log line in there; give it as after_log to get only newer ones */
} bn_request_status;

/* OK where a caller with this key (NULL: without key, where none is configured) may know of the request: its own, or one
 * that was made without a key; a key that was revoked stays the owner. OK also where there is no such request. NOT_FOUND: he
 * may not. Else the store cannot tell now. */
bn_status bn_jobs_may_see(bn_jobs *jobs, const char *id, const char *key_id, bn_error *err);

/* NOT_FOUND: no such request, or forgotten. after_log: 0 for all lines. */
bn_status bn_jobs_status(bn_jobs *jobs, const char *id, bool want_logs, int64_t after_log,
                         bn_request_status *status, bn_error *err);
void bn_request_status_free(bn_request_status *status);

/* The result, with 400 while it is not there, 404 where the request is unknown, 503 where the store cannot tell now. file_base: as in bn_submit; results
 * asked for inline (sync_mode) carry data URIs instead. */
void bn_jobs_result(bn_jobs *jobs, const char *id, const char *file_base, bn_answer *answer);

typedef enum bn_cancel_result {
    BN_CANCEL_REQUESTED = 0,
    BN_CANCEL_COMPLETED, /* too late */
    BN_CANCEL_NOT_FOUND,
    BN_CANCEL_FAILED, /* the store cannot tell now */
} bn_cancel_result;

/* A waiting request never runs; a running one stops between two stages. disconnected: the reason is a client that has
 * left a sync run. (disk) */
bn_cancel_result bn_jobs_cancel(bn_jobs *jobs, const char *id, bool disconnected);

/* ---- being told ------------------------------------------------------------------------------------------ */

typedef struct bn_watch bn_watch;
/* Something about the request has changed: state, position, log, progress. Called on any thread; must not wait and must
 * not call this header's functions. */
typedef void (*bn_watch_fn)(void *user);

/* Until bn_jobs_unwatch; after that returns, `changed` is not running and will not be called. Watching a request that is
 * completed is fine: nothing will be called. Look at the state after starting to watch, not before. */
bn_status bn_jobs_watch(bn_jobs *jobs, const char *id, bn_watch_fn changed, void *user, bn_watch **watch,
                        bn_error *err);
void bn_jobs_unwatch(bn_watch **watch);

/* One more client of this key keeps its connection until something has happened; bn_jobs_leave afterwards. False where
 * `most` of them do, and answer is a refusal. Callers without a key are one, and any number of them may. */
bool bn_jobs_linger(bn_jobs *jobs, const char *key_id, int most, bn_answer *answer);
void bn_jobs_leave(bn_jobs *jobs, const char *key_id);

/* ---- files ----------------------------------------------------------------------------------------------- */

/* A file that is there whole. NOT_FOUND else, and after it expired. A file's address is BASE/files/b/ID/NAME. */
bn_status bn_jobs_file_find(bn_jobs *jobs, const char *id, bn_file_facts *facts, bn_error *err);

/* Its bytes: a file of this machine, or (fd -1) something that is read by calls, which may wait for another machine. */
typedef struct bn_file_bytes {
    int fd; /* opened for reading */
    struct bn_blob_reader *reader;
} bn_file_bytes;
bn_status bn_jobs_file_open(bn_jobs *jobs, const bn_file_facts *facts, bn_file_bytes *bytes, bn_error *err);
/* *got is less than count at the end only. Without fd. */
bn_status bn_jobs_file_read_at(bn_file_bytes *bytes, uint64_t offset, void *out, size_t count, size_t *got,
                               bn_error *err);
void bn_jobs_file_close(bn_file_bytes *bytes);

bool bn_jobs_files_are_remote(const bn_jobs *jobs); /* never with fd */

/* Where readers get it without us, for *seconds: empty where options.redirect_s or the kind of place says that there is no
 * such address. */
#define BN_FILE_LINK_CHARS 6400
bn_status bn_jobs_file_link(bn_jobs *jobs, const bn_file_facts *facts, char url[BN_FILE_LINK_CHARS],
                            int *seconds, bn_error *err);

/* A folder on the disk of the stored files, for bodies that arrive: files without a name made in there (O_TMPFILE) are
 * taken over without copying. */
const char *bn_jobs_incoming_folder(const bn_jobs *jobs);

typedef struct bn_upload {
    const char *name;      /* as the client says; NULL or empty: one is made. Made safe */
    const char *type;      /* MIME type; NULL: application/octet-stream */
    const char *lifecycle; /* text of the lifecycle field; or NULL */
    const char *key_id;    /* or NULL */
    bool multipart;
} bn_upload;

/* Promise a file: facts->id and ->name make its address; upload_id is the secret that fills it. (disk) */
bn_status bn_jobs_upload_begin(bn_jobs *jobs, const bn_upload *upload, bn_file_facts *facts,
                               char upload_id[BN_FILE_ID_CHARS], bn_error *err);
/* Where the client puts the content itself, for an hour, if uploads are direct; else empty. Nobody tells us when it is there:
 * it is looked for when the file is first asked for. */
bn_status bn_jobs_upload_link(bn_jobs *jobs, const char *upload_id, char url[BN_FILE_LINK_CHARS],
                              bn_error *err);
/* The whole content: all of fd (stays the caller's, offset does not matter). type, when given, replaces what begin was
 * told. Not for multipart uploads. Again with the same content is fine; ARGUMENT with another, NOT_FOUND for an unknown
 * upload, LIMIT where the file or the store would be too large. (disk) */
bn_status bn_jobs_upload_put(bn_jobs *jobs, const char *upload_id, int fd, const char *type, bn_error *err);
/* Whether an upload of that secret was begun here at some time: nobody can guess one. Asks neither disk nor locks. */
bool bn_jobs_upload_known(const bn_jobs *jobs, const char *upload_id);
/* Part `number` (1 to 10000) of a multipart upload, in any order, empty ones too; again replaces it. etag is without
 * quotation marks. (disk) */
bn_status bn_jobs_upload_part(bn_jobs *jobs, const char *upload_id, int number, int fd, char etag[33],
                              bn_error *err);
typedef struct bn_upload_part {
    int number;
    char etag[64]; /* with or without quotation marks; empty: not checked */
} bn_upload_part;
/* Put the named parts together by number, whatever order they are named in. FORMAT where one is missing or its etag
 * differs. Again after success is fine. (disk) */
bn_status bn_jobs_upload_complete(bn_jobs *jobs, const char *upload_id, const bn_upload_part *parts,
                                  size_t count, bn_error *err);
/* begin and put in one. (disk) */
bn_status bn_jobs_upload(bn_jobs *jobs, const bn_upload *upload, int fd, bn_file_facts *facts, bn_error *err);

/* ---- keys ------------------------------------------------------------------------------------------------ */

/* Whether any key is configured, or was: see keys.h. Without one everybody may do everything. */
bool bn_jobs_has_keys(bn_jobs *jobs);
/* One is needed and there is none: nobody is answered. way_back: see keys.h. */
bool bn_jobs_is_shut(bn_jobs *jobs, char way_back[BN_KEYS_WAY_BACK]);

typedef enum bn_auth {
    BN_AUTH_OK = 0,
    BN_AUTH_NONE,      /* no credentials came */
    BN_AUTH_MALFORMED, /* not "Key ID:SECRET" */
    BN_AUTH_UNKNOWN,   /* no such key, or revoked */
} bn_auth;

/* What a caller has shown. A token stands for its key only where the caller of bn_jobs_authorize says so: it is given to
 * browsers and to other programs, and must make neither another token nor anything else that outlives it. */
typedef enum bn_credential {
    BN_CREDENTIAL_KEY = 0, /* or nothing, where no key is configured */
    BN_CREDENTIAL_UPLOAD_TOKEN,
    BN_CREDENTIAL_STREAM_TOKEN,
} bn_credential;

/* authorization: the field's value, "Key ..." or "Bearer ..."; or NULL. key_id and credential are filled where OK; key_id
 * is empty where no keys are configured. Bearer values may be keys or tokens of either purpose. */
bn_auth bn_jobs_authorize(bn_jobs *jobs, const char *authorization, char key_id[BN_KEY_ID_CHARS],
                          bn_credential *credential);

/* Whether this key, of those that are configured now, is an administrator's. */
bool bn_jobs_is_admin(bn_jobs *jobs, const char *key_id);
/* As bn_keys_make and bn_keys_revoke, the latter by id only. Other servers that share a store see it within two seconds. (disk) */
bn_status bn_jobs_key_make(bn_jobs *jobs, const bn_key_facts *wanted, char key[BN_KEY_CHARS],
                           bn_key_facts *facts, bn_error *err);
bn_status bn_jobs_key_revoke(bn_jobs *jobs, const char *id, bn_error *err);

#define BN_TOKEN_CHARS 256
typedef enum bn_token_purpose { BN_TOKEN_UPLOAD = 0, BN_TOKEN_STREAM } bn_token_purpose;
/* A signed text that stands for the key for so many seconds, across restarts. *expires_ms: since 1970. */
bn_status bn_jobs_token_make(bn_jobs *jobs, bn_token_purpose purpose, const char *key_id, int64_t seconds,
                             char token[BN_TOKEN_CHARS], int64_t *expires_ms, bn_error *err);
bn_auth bn_jobs_token_check(bn_jobs *jobs, bn_token_purpose purpose, const char *token,
                            char key_id[BN_KEY_ID_CHARS]);

/* ---- for operators --------------------------------------------------------------------------------------- */

/* Append Prometheus text: stage times, waiting, running, failures by reason, models, memory, stored bytes. */
bn_status bn_jobs_metrics(bn_jobs *jobs, bn_buffer *out, bn_error *err);
/* Append what administrators see, as a JSON object: queue, sessions, models, memory, files, the last failures, the keys
 * (without their secrets, which nobody has). What of it is a number is in the metrics, too. (disk) */
bn_status bn_jobs_overview(bn_jobs *jobs, bn_buffer *out, bn_error *err);
/* Append the public keys that webhooks are signed with, as a JSON Web Key Set. */
bn_status bn_jobs_jwks(bn_jobs *jobs, bn_buffer *out, bn_error *err);
/* Append a JSON array of the models: name, whether its weights are here, which weights answer for it. */
bn_status bn_jobs_models(bn_jobs *jobs, bn_buffer *out, bn_error *err);
/* Look at timeouts, webhooks and expiry now, as happens by itself as time goes on; for tests that set the clock. */
void bn_jobs_sweep(bn_jobs *jobs);

#endif
