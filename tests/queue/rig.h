/* rig.h - what the tests of the queue share: a server's state in a temporary folder, photos, waiting for news. */
#ifndef BN_TESTS_QUEUE_RIG_H
#define BN_TESTS_QUEUE_RIG_H

#include "queue/jobs.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#define SEEDED "seeded:gen3-pvt_v2_b0:7"

typedef struct rig {
    char folder[64]; /* the data folder */
    char files[400]; /* a place of its own in the bucket that BN_TEST_FILES names; or empty */
    bn_jobs_options options;
    bn_jobs *jobs;
    _Atomic(int64_t) now_ms; /* the injected clock; 0 = the system's */
} rig;

/* A folder, and options for a small seeded network that sees 64 x 64 pixels. */
void rig_init(rig *self);
/* Whether BN_TEST_STORE names a store that is not the data folder's own; rig_init makes its tables anew. */
bool rig_shares_store(void);
void rig_init_at(rig *self, const char *folder); /* one that another process made */
void rig_open(rig *self);
void rig_close(rig *self);
void rig_destroy(rig *self);                         /* closes, removes the folder */
size_t rig_count_files(rig *self, const char *name); /* below a folder of the data folder; "files": objects */

/* As bn_keys_make and bn_keys_revoke with the rig's keys, and its server has seen it. */
void rig_make_key(rig *self, const char *name, const bn_key_limits *limits, char key[BN_KEY_CHARS],
                  bn_key_facts *facts);
void rig_revoke_key(rig *self, const char *id);
/* Where its keys are; the caller closes home->store. */
void rig_keys_home(rig *self, bn_keys_home *home);

/* {"image_url": "data:image/png;...", EXTRA}: a photo of that size, with a disc in it. The caller frees it. */
char *rig_body(int width, int height, const char *extra);
uint8_t *rig_png(int width, int height, size_t *size);

/* Submit; fails the test unless accepted. */
void rig_submit(rig *self, const bn_submit *submit, char id[BN_REQUEST_ID_CHARS]);
void rig_submit_body(rig *self, const char *body, char id[BN_REQUEST_ID_CHARS]);

/* Wait, without polling, until the request is in this state or a later one. */
void rig_wait(rig *self, const char *id, bn_request_state state);

/* The same, until it waits with so many ahead. */
void rig_wait_position(rig *self, const char *id, int position);

/* A stored file's facts, and its bytes from wherever they lie, in a file for reading. */
bn_status rig_file_open(bn_jobs *jobs, const char *id, bn_file_facts *facts, int *fd, bn_error *err);

/* A file without a name that holds bytes. */
int rig_fd(const void *bytes, size_t size);

/* A photo on a loopback server that answers when it is told to: a request that stays where it is. */
typedef struct slow_photo {
    int listener, port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool asked, go;
    const uint8_t *bytes;
    size_t size;
} slow_photo;
void slow_photo_start(slow_photo *self, const uint8_t *bytes, size_t size);
void slow_photo_wait_asked(slow_photo *self);
void slow_photo_answer(slow_photo *self);
void slow_photo_stop(slow_photo *self);

/* ---- rig_requests.c */

/* The result, which must have this code; the caller drops it. */
json_t *rig_result(rig *self, const char *id, int code);
/* Waits for it to end well; the checksum of its picture. */
void rig_result_etag(rig *self, const char *id, char etag[33]);
const char *rig_text(json_t *object, const char *member);
bn_request_status rig_status(rig *self, const char *id); /* without logs */

typedef struct rig_blocked {
    slow_photo photo;
    uint8_t *png;
    char id[BN_REQUEST_ID_CHARS];
} rig_blocked;

/* A host of photos; body names one of them. */
void rig_host(rig_blocked *host, char body[200]);
/* Two of these hold up all whose photos must be fetched: the tests fetch four at a time, two of them for one key. */
void rig_block(rig *self, rig_blocked *held);
void rig_unblock(rig_blocked *held);

/* Set-up and tear-down of a test: an open rig with an injected clock. */
int rig_start(void **state);
int rig_end(void **state);
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_end)

#endif
