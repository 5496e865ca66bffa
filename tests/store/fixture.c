/* fixture.c - see fixture.h. */
#include "tests/store/fixture.h"

#include "tests/store/postgres.h"

#include <stdlib.h>
#include <unistd.h>

void store_open(store_fixture *self, bn_store **store)
{
    bn_error err = {0};
    char address[120];
    const char *given = getenv("BN_TEST_STORE");
    snprintf(address, sizeof address, "sqlite:%s/jobs.sqlite", self->folder);
    assert_ok(bn_store_open(given ? given : address, store, &err), err);
}

int store_set_up(void **state)
{
    store_fixture *self = calloc(1, sizeof *self);
    if (!getenv("BN_TEST_STORE")) {
        strcpy(self->folder, "/tmp/bn_store_XXXXXX");
        assert_non_null(mkdtemp(self->folder));
    }
    if (!self->folder[0]) test_postgres_prepare();
    store_open(self, &self->store);
    store_open(self, &self->other);
    *state = self;
    return 0;
}

int store_tear_down(void **state)
{
    static const char *const names[] = {"jobs.sqlite", "jobs.sqlite-wal", "jobs.sqlite-shm",
                                        "jobs.sqlite-writer"};
    store_fixture *self = *state;
    char path[120];
    bn_store_close(&self->other);
    bn_store_close(&self->store);
    for (size_t i = 0; self->folder[0] && i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", self->folder, names[i]);
        unlink(path);
    }
    if (self->folder[0]) assert_int_equal(rmdir(self->folder), 0);
    free(self);
    return 0;
}

void store_accept_one(store_fixture *self, char id[BN_REQUEST_ID_CHARS], const char *webhook)
{
    bn_error err = {0};
    bn_accepted accepted = {.created_ms = 1000, .body = "{}", .body_bytes = 2};
    if (!id[0]) bn_uuid_make(id);
    memcpy(accepted.id, id, BN_REQUEST_ID_CHARS);
    accepted.webhook = webhook ? strdup(webhook) : NULL;
    assert_ok(bn_store_accept(self->store, &accepted, NULL, &err), err);
    assert_true(accepted.seq > 0);
    bn_accepted_free(&accepted);
}

bool store_claim(store_fixture *self, const char *id, int64_t worker, int64_t number, int weight)
{
    bn_error err = {0};
    bool mine;
    assert_ok(bn_store_claim(self->store, id, worker, number, weight, &mine, &err), err);
    return mine;
}

bool store_finish(store_fixture *self, const char *id, int64_t worker, int64_t number, int code)
{
    bn_error err = {0};
    bool mine;
    const bn_ending ending = {.code = code, .completed_ms = 2000};
    assert_ok(bn_store_finish(self->store, id, worker, number, &ending, NULL, 0, &mine, &err), err);
    return mine;
}

int store_code_of(store_fixture *self, const char *id)
{
    bn_ending ending;
    const bn_status status = bn_store_ending(self->store, id, false, false, &ending, NULL);
    if (status == BIREFNET_ERROR_NOT_FOUND) return 0;
    assert_int_equal(status, BIREFNET_OK);
    const int code = ending.code;
    bn_ending_free(&ending);
    return code;
}

static bn_status note(void *user, bn_accepted *accepted, bn_error *err)
{
    (void)err;
    store_found *self = user;
    self->count++;
    self->attempts = accepted->attempts;
    bn_accepted_free(accepted);
    return BIREFNET_OK;
}

store_found store_look_at_open(store_fixture *self)
{
    bn_error err = {0};
    store_found seen = {0};
    assert_ok(bn_store_each_open(self->store, note, &seen, &err), err);
    return seen;
}

int store_rescue(store_fixture *self, int64_t worker)
{
    bn_error err = {0};
    bn_rescued *rows;
    size_t count;
    assert_ok(bn_store_rescue(self->store, worker, 0, &rows, &count, &err), err);
    free(rows);
    return (int)count;
}
