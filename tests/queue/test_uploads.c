/* test_uploads.c - uploads whose end a store has written without being able to say so, or that another process is bringing. */
#include "tests/test.h"

#include "blobs/blobs.h"
#include "store/ids.h"
#include "store/store.h"
#include "tests/queue/rig.h"

#include <string.h>
#include <unistd.h>

bn_status __real_bn_store_file_whole(bn_store *store, const bn_file_facts *facts, bn_error *err);
bn_status __wrap_bn_store_file_whole(bn_store *store, const bn_file_facts *facts, bn_error *err);
bn_status __real_bn_store_file(bn_store *store, const char *id, bool upload, bn_stored_file *file,
                               bn_error *err);
bn_status __wrap_bn_store_file(bn_store *store, const char *id, bool upload, bn_stored_file *file,
                               bn_error *err);

size_t __real_bn_blobs_remove_unknown(bn_blobs *blobs, const char *owner, bn_object_known_fn known,
                                      void *user);
size_t __wrap_bn_blobs_remove_unknown(bn_blobs *blobs, const char *owner, bn_object_known_fn known,
                                      void *user);

bn_status __real_bn_store_file_delete(bn_store *store, const char *id, bn_error *err);
bn_status __wrap_bn_store_file_delete(bn_store *store, const char *id, bn_error *err);
bn_status __real_bn_store_rescue(bn_store *store, int64_t survivor, int64_t lease_ms, bn_rescued **rescued,
                                 size_t *count, bn_error *err);
bn_status __wrap_bn_store_rescue(bn_store *store, int64_t survivor, int64_t lease_ms, bn_rescued **rescued,
                                 size_t *count, bn_error *err);

/* What becomes of the next statement that ends an upload. */
typedef enum fate { ANSWERED, WRITTEN, WRITTEN_AND_AWAY, NOT_YET, TRIED_TWICE } fate;

static struct {
    fate next;
    bool away; /* the store, for one question */
    bn_store *store;
    bn_file_facts late;
    const char *address; /* of the store, where another is to come during the search */
    bn_stored_file theirs;
    rig *full; /* no row can be written as long as its files lie there */
} all;

static bn_status no_answer(bn_error *err)
{
    return bn_fail(err, BIREFNET_ERROR_IO, "the store does not answer");
}

bn_status __wrap_bn_store_file_whole(bn_store *store, const bn_file_facts *facts, bn_error *err)
{
    const fate chosen = all.next;
    all.next = ANSWERED;
    all.store = store;
    all.late = *facts;
    if (chosen == NOT_YET) return no_answer(err);
    const bn_status status = __real_bn_store_file_whole(store, facts, err);
    all.away = chosen == WRITTEN_AND_AWAY;
    if (chosen == ANSWERED) return status;
    return chosen == TRIED_TWICE ? __real_bn_store_file_whole(store, facts, err) : no_answer(err);
}

bn_status __wrap_bn_store_file(bn_store *store, const char *id, bool upload, bn_stored_file *file,
                               bn_error *err)
{
    if (!all.away) return __real_bn_store_file(store, id, upload, file, err);
    all.away = false;
    return no_answer(err);
}

/* Another's upload: its bytes are there, its row will say so. */
static void write_theirs(bn_blobs *blobs, bn_store *store)
{
    bn_error err = {0};
    bn_blob blob;
    enum { THEM = 77 };
    all.theirs = (bn_stored_file){.facts = {.name = "x", .type = "image/png", .created_ms = 1700000000000}};
    bn_id_make(all.theirs.facts.id);
    bn_id_make(all.theirs.upload_id);
    bn_id_make(all.theirs.facts.object);
    assert_ok(bn_store_file_promise(store, &all.theirs, &err), err);
    assert_ok(bn_store_object_promise(store, all.theirs.facts.object, 1700000000000, THEM, false, &err), err);
    assert_ok(bn_blobs_write(blobs, all.theirs.facts.object, "theirs", 6, &blob, &err), err);
    all.theirs.facts.size = blob.size;
}

size_t __wrap_bn_blobs_remove_unknown(bn_blobs *blobs, const char *owner, bn_object_known_fn known,
                                      void *user)
{
    bn_error err = {0};
    bn_store *store;
    if (!all.address) return __real_bn_blobs_remove_unknown(blobs, owner, known, user);
    assert_ok(bn_store_open(all.address, &store, &err), err);
    write_theirs(blobs, store);
    const size_t kept = __real_bn_blobs_remove_unknown(blobs, owner, known, user);
    assert_ok(__real_bn_store_file_whole(store, &all.theirs.facts, &err), err);
    bn_store_close(&store);
    return kept;
}

static bool is_full(void)
{
    return all.full && rig_count_files(all.full, "files") > 0;
}

bn_status __wrap_bn_store_file_delete(bn_store *store, const char *id, bn_error *err)
{
    return is_full() ? no_answer(err) : __real_bn_store_file_delete(store, id, err);
}

bn_status __wrap_bn_store_rescue(bn_store *store, int64_t survivor, int64_t lease_ms, bn_rescued **rescued,
                                 size_t *count, bn_error *err)
{
    return is_full() ? no_answer(err)
                     : __real_bn_store_rescue(store, survivor, lease_ms, rescued, count, err);
}

static void check_content(rig *self, const char *id, const char *expected)
{
    bn_error err = {0};
    bn_file_facts facts;
    int fd;
    char bytes[100];
    assert_ok(rig_file_open(self->jobs, id, &facts, &fd, &err), err);
    assert_int_equal(read(fd, bytes, sizeof bytes), strlen(expected));
    assert_memory_equal(bytes, expected, strlen(expected));
    close(fd);
}

/* Sends "hello"; the file's id. */
static bn_status send_it(rig *self, fate chosen, char id[BN_FILE_ID_CHARS], char upload[BN_FILE_ID_CHARS])
{
    bn_error err = {0};
    bn_file_facts facts;
    assert_ok(bn_jobs_upload_begin(self->jobs, &(bn_upload){.name = "x"}, &facts, upload, &err), err);
    memcpy(id, facts.id, BN_FILE_ID_CHARS);
    all.next = chosen;
    const int fd = rig_fd("hello", 5);
    const bn_status status = bn_jobs_upload_put(self->jobs, upload, fd, NULL, &err);
    close(fd);
    return status;
}

static bn_status send_again(rig *self, const char *upload)
{
    const int fd = rig_fd("hello", 5);
    const bn_status status = bn_jobs_upload_put(self->jobs, upload, fd, NULL, NULL);
    close(fd);
    return status;
}

/* By a first try whose answer was lost, or that was still waiting for the disk when a second one was made. */
static void what_was_written_unheard_is_there(void **state)
{
    rig *self = *state;
    static const fate fates[] = {WRITTEN, TRIED_TWICE};
    for (int i = 0; i < 2; i++) {
        char id[BN_FILE_ID_CHARS], upload[BN_FILE_ID_CHARS];
        assert_int_equal(send_it(self, fates[i], id, upload), BIREFNET_OK);
        check_content(self, id, "hello");
    }
}

static void what_nobody_could_be_asked_about_is_there(void **state)
{
    rig *self = *state;
    char id[BN_FILE_ID_CHARS], upload[BN_FILE_ID_CHARS];
    assert_int_equal(send_it(self, WRITTEN_AND_AWAY, id, upload), BIREFNET_ERROR_IO);
    assert_int_equal(send_again(self, upload), BIREFNET_OK);
    check_content(self, id, "hello");
}

/* A database goes on with what it was asked, whether anybody waits for it or not. */
static void what_is_written_later_is_there(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    char id[BN_FILE_ID_CHARS], upload[BN_FILE_ID_CHARS];
    if (!rig_shares_store()) skip(); /* SQLite's has been written, or never will be */
    assert_int_equal(send_it(self, NOT_YET, id, upload), BIREFNET_ERROR_IO);
    assert_ok(__real_bn_store_file_whole(all.store, &all.late, &err), err);
    assert_int_equal(send_again(self, upload), BIREFNET_OK);
    check_content(self, id, "hello");
}

static void what_is_never_written_goes_in_time(void **state)
{
    rig *self = *state;
    char id[BN_FILE_ID_CHARS], upload[BN_FILE_ID_CHARS];
    assert_int_equal(send_it(self, NOT_YET, id, upload), BIREFNET_ERROR_IO);
    if (!rig_shares_store()) assert_int_equal(rig_count_files(self, "files"), 0);
    atomic_fetch_add(&self->now_ms, 25LL * 3600 * 1000);
    bn_jobs_sweep(self->jobs);
    assert_int_equal(rig_count_files(self, "files"), 0);
}

/* A server that starts finds the bytes and no file that has them. */
static void what_another_is_bringing_stays(void **state)
{
    rig *self = *state;
    char address[100];
    rig_close(self);
    snprintf(address, sizeof address, "sqlite:%s/jobs.sqlite", self->folder);
    all.address = self->options.store ? self->options.store : address;
    rig_open(self);
    all.address = NULL;
    check_content(self, all.theirs.facts.id, "theirs");
}

static void cut_short(rig *self, const char *upload)
{
    bn_error err = {0};
    bn_stored_file file;
    char path[200];
    assert_ok(__real_bn_store_file(all.store, upload, true, &file, &err), err);
    snprintf(path, sizeof path, "%s/files/%.2s/%s", self->folder, file.facts.object, file.facts.object);
    assert_int_equal(truncate(path, 3), 0);
}

/* By a disk that was repaired, or a copy that broke off: whoever reads it is told, and waits for no more bytes. */
static void what_was_cut_short_is_not_given(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_file_facts facts;
    bn_file_bytes bytes;
    char id[BN_FILE_ID_CHARS], upload[BN_FILE_ID_CHARS];
    assert_int_equal(send_it(self, ANSWERED, id, upload), BIREFNET_OK);
    cut_short(self, upload);
    assert_ok(bn_jobs_file_find(self->jobs, id, &facts, &err), err);
    assert_int_equal(bn_jobs_file_open(self->jobs, &facts, &bytes, &err), BIREFNET_ERROR_IO);
}

/* A full disk, on which not even a deletion can be written, has room again when files have expired: while a server runs, and for one
 * that starts. */
static void what_has_expired_makes_room_on_a_full_disk(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    char id[BN_FILE_ID_CHARS], upload[BN_FILE_ID_CHARS];
    for (int starts = 0; starts < 2; starts++) {
        assert_int_equal(send_it(self, ANSWERED, id, upload), BIREFNET_OK);
        all.full = self;
        bn_jobs_sweep(self->jobs);
        check_content(self, id, "hello"); /* it has not expired */
        if (starts) rig_close(self);
        atomic_fetch_add(&self->now_ms, self->options.file_retention_s * 1000);
        if (starts)
            assert_ok(bn_jobs_open(&self->options, &self->jobs, &err), err);
        else
            bn_jobs_sweep(self->jobs);
        all.full = NULL;
        assert_int_equal(rig_count_files(self, "files"), 0);
        assert_int_equal(bn_jobs_file_find(self->jobs, id, &(bn_file_facts){0}, &err),
                         BIREFNET_ERROR_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(what_was_written_unheard_is_there),
        RIG_TEST(what_nobody_could_be_asked_about_is_there),
        RIG_TEST(what_is_written_later_is_there),
        RIG_TEST(what_is_never_written_goes_in_time),
        RIG_TEST(what_another_is_bringing_stays),
        RIG_TEST(what_was_cut_short_is_not_given),
        RIG_TEST(what_has_expired_makes_room_on_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
