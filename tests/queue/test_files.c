/* test_files.c - uploads whole and in parts, expiry, caps, names. */
#include "tests/test.h"

#include "base/size.h"
#include "blobs/blobs.h"
#include "store/store.h"
#include "tests/queue/rig.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int start_rig(void **state)
{
    rig *self = calloc(1, sizeof *self);
    rig_init(self);
    atomic_store(&self->now_ms, 1700000000000);
    self->options.max_file_bytes = 1000;
    self->options.max_stored_bytes = 2500 + 6 * BN_STORED_COST; /* of two files, and what is over */
    rig_open(self);
    *state = self;
    return 0;
}

static int end_rig(void **state)
{
    rig_destroy(*state);
    free(*state);
    return 0;
}

static void check_content(rig *self, const char *id, const char *expected)
{
    bn_error err = {0};
    bn_file_facts facts;
    int fd;
    char bytes[2000];
    assert_ok(rig_file_open(self->jobs, id, &facts, &fd, &err), err);
    assert_int_equal(facts.size, strlen(expected));
    assert_int_equal(read(fd, bytes, sizeof bytes), strlen(expected));
    assert_memory_equal(bytes, expected, strlen(expected));
    close(fd);
}

/* A body as the HTTP side brings it: a file without a name in the incoming folder. */
static int incoming_fd(rig *self, const char *text)
{
    const int fd = open(bn_jobs_incoming_folder(self->jobs), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) return rig_fd(text, strlen(text)); /* a file system that knows no such files */
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void an_upload_is_there_whole_or_not_at_all(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_file_facts facts, found;
    char upload[BN_FILE_ID_CHARS];
    int fd;
    const bn_upload wish = {.name = "../../a b\xc3\xa9.png", .type = "image/png"};
    assert_ok(bn_jobs_upload_begin(self->jobs, &wish, &facts, upload, &err), err);
    assert_string_equal(facts.name, "a_b__.png");
    assert_string_not_equal(upload, facts.id);
    assert_int_equal(rig_file_open(self->jobs, facts.id, &found, &fd, &err), BIREFNET_ERROR_NOT_FOUND);
    const int first = incoming_fd(self, "hello"), second = rig_fd("other", 5);
    assert_ok(bn_jobs_upload_put(self->jobs, upload, first, NULL, &err), err);
    check_content(self, facts.id, "hello");
    assert_ok(bn_jobs_upload_put(self->jobs, upload, first, NULL, &err), err); /* sent again */
    assert_int_equal(bn_jobs_upload_put(self->jobs, upload, second, NULL, &err), BIREFNET_ERROR_ARGUMENT);
    check_content(self, facts.id, "hello");
    assert_int_equal(bn_jobs_upload_put(self->jobs, facts.id, second, NULL, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_int_equal(rig_file_open(self->jobs, "../jobs.sqlite", &found, &fd, &err),
                     BIREFNET_ERROR_NOT_FOUND);
    rig_close(self);
    rig_open(self);
    check_content(self, facts.id, "hello");
    close(first);
    close(second);
}

typedef struct putter {
    rig *rig;
    const char *upload;
    pthread_barrier_t *start;
    char text[20];
    int late; /* steps */
    bn_status status;
    pthread_t thread;
} putter;

static void *put(void *user)
{
    putter *self = user;
    const int fd = incoming_fd(self->rig, self->text);
    pthread_barrier_wait(self->start);
    self->status = bn_jobs_upload_put(self->rig->jobs, self->upload, fd, NULL, NULL);
    close(fd);
    return NULL;
}

/* Whoever is first has filled it; the others are told, and what is read is what the first one sent. */
static void two_who_fill_one_upload(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    enum { PUTTERS = 4 };
    const int rounds = self->files[0] ? 5 : 100;
    for (int round = 0; round < rounds; round++) {
        bn_file_facts facts;
        char upload[BN_FILE_ID_CHARS];
        putter putters[PUTTERS];
        pthread_barrier_t start;
        pthread_barrier_init(&start, NULL, PUTTERS);
        const bn_upload wish = {.lifecycle = "{\"expiration_duration_seconds\":1}"};
        assert_ok(bn_jobs_upload_begin(self->jobs, &wish, &facts, upload, &err), err);
        for (int i = 0; i < PUTTERS; i++) {
            putters[i] = (putter){.rig = self, .upload = upload, .start = &start};
            snprintf(putters[i].text, sizeof putters[i].text, "%.*s", i + 1, "abcdefgh");
            assert_int_equal(pthread_create(&putters[i].thread, NULL, put, &putters[i]), 0);
        }
        const char *first = NULL;
        for (int i = 0; i < PUTTERS; i++) {
            pthread_join(putters[i].thread, NULL);
            if (putters[i].status == BIREFNET_OK) {
                assert_null(first);
                first = putters[i].text;
            } else {
                assert_int_equal(putters[i].status, BIREFNET_ERROR_ARGUMENT);
            }
        }
        pthread_barrier_destroy(&start);
        assert_non_null(first);
        check_content(self, facts.id, first);
        atomic_fetch_add(&self->now_ms, 1000);
        bn_jobs_sweep(self->jobs);
    }
}

static void parts_come_in_any_order(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_file_facts facts;
    char upload[BN_FILE_ID_CHARS], etags[4][33];
    static const char *const texts[4] = {"", "one ", "two ", "three"};
    static const int order[] = {3, 1, 2, 1};
    const bn_upload wish = {.name = "x.bin", .multipart = true};
    assert_ok(bn_jobs_upload_begin(self->jobs, &wish, &facts, upload, &err), err);
    for (size_t i = 0; i < 4; i++) {
        const int fd = incoming_fd(self, texts[order[i]]);
        assert_ok(bn_jobs_upload_part(self->jobs, upload, order[i], fd, etags[order[i]], &err), err);
        close(fd);
    }
    const int empty = incoming_fd(self, "");
    assert_ok(bn_jobs_upload_part(self->jobs, upload, 4, empty, etags[0], &err), err);
    close(empty);
    bn_upload_part parts[4] = {{.number = 4}, {.number = 2}, {.number = 1}, {.number = 3}};
    snprintf(parts[1].etag, sizeof parts[1].etag, "\"%s\"", etags[1]); /* that of another part */
    assert_int_equal(bn_jobs_upload_complete(self->jobs, upload, parts, 4, &err), BIREFNET_ERROR_FORMAT);
    snprintf(parts[1].etag, sizeof parts[1].etag, "\"%s\"", etags[2]);
    const bn_upload_part missing = {.number = 9};
    assert_int_equal(bn_jobs_upload_complete(self->jobs, upload, &missing, 1, &err), BIREFNET_ERROR_FORMAT);
    rig_close(self); /* between two requests of the client */
    rig_open(self);
    assert_ok(bn_jobs_upload_complete(self->jobs, upload, parts, 4, &err), err);
    assert_ok(bn_jobs_upload_complete(self->jobs, upload, parts, 4, &err), err); /* said again */
    check_content(self, facts.id, "one two three");
    assert_int_equal(rig_count_files(self, "files"), 1); /* the parts are gone */
}

static void *complete(void *user)
{
    putter *self = user;
    static const bn_upload_part parts[] = {{.number = 1}, {.number = 2}, {.number = 3}};
    pthread_barrier_wait(self->start);
    for (int i = 0; i < self->late; i++) /* so that they do not go in step */
        bn_jobs_upload_complete(self->rig->jobs, self->upload, &(bn_upload_part){.number = 9}, 1, NULL);
    self->status = bn_jobs_upload_complete(self->rig->jobs, self->upload, parts, 3, NULL);
    return NULL;
}

/* A client that waited too long for the answer asks again while the first call still joins the parts. */
static void to_complete_twice_at_once_is_to_complete(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    enum { CALLS = 8 };
    const int rounds = self->files[0] ? 3 : 10;
    for (int round = 0; round < rounds; round++) {
        bn_file_facts facts;
        char upload[BN_FILE_ID_CHARS], etag[33];
        putter calls[CALLS];
        pthread_barrier_t start;
        pthread_barrier_init(&start, NULL, CALLS);
        const bn_upload wish = {.multipart = true, .lifecycle = "{\"expiration_duration_seconds\":1}"};
        assert_ok(bn_jobs_upload_begin(self->jobs, &wish, &facts, upload, &err), err);
        const int fd = incoming_fd(self, "part ");
        for (int number = 1; number <= 3; number++)
            assert_ok(bn_jobs_upload_part(self->jobs, upload, number, fd, etag, &err), err);
        close(fd);
        for (int i = 0; i < CALLS; i++) {
            calls[i] = (putter){.rig = self, .upload = upload, .start = &start, .late = 4 * i};
            assert_int_equal(pthread_create(&calls[i].thread, NULL, complete, &calls[i]), 0);
        }
        for (int i = 0; i < CALLS; i++) {
            pthread_join(calls[i].thread, NULL);
            assert_int_equal(calls[i].status, BIREFNET_OK);
        }
        pthread_barrier_destroy(&start);
        check_content(self, facts.id, "part part part ");
        atomic_fetch_add(&self->now_ms, 1000);
        bn_jobs_sweep(self->jobs);
    }
}

static void leave_behind(rig *self, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", self->folder, name);
    FILE *left = fopen(path, "w");
    assert_non_null(left);
    fclose(left);
}

static void parts_go_with_their_upload(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_file_facts facts;
    char upload[BN_FILE_ID_CHARS], etag[33], name[100];
    const int fd = rig_fd("a part", 6);
    /* an upload is whole or in parts, as it was begun */
    assert_ok(bn_jobs_upload_begin(self->jobs, &(bn_upload){.name = "x"}, &facts, upload, &err), err);
    assert_int_equal(bn_jobs_upload_part(self->jobs, upload, 1, fd, etag, &err), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(rig_count_files(self, "files"), 0);
    assert_ok(bn_jobs_upload_put(self->jobs, upload, fd, NULL, &err), err);
    assert_int_equal(rig_count_files(self, "files"), 1);
    const bn_upload wish = {.multipart = true, .lifecycle = "{\"expiration_duration_seconds\":60}"};
    assert_ok(bn_jobs_upload_begin(self->jobs, &wish, &facts, upload, &err), err);
    assert_ok(bn_jobs_upload_part(self->jobs, upload, 1, fd, etag, &err), err);
    assert_ok(bn_jobs_upload_part(self->jobs, upload, 2, fd, etag, &err), err);
    assert_ok(bn_jobs_upload_part(self->jobs, upload, 1, fd, etag, &err), err); /* replaces the first */
    assert_int_equal(bn_jobs_upload_put(self->jobs, upload, fd, NULL, &err), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(rig_count_files(self, "files"), 3);
    const bn_upload_part one = {.number = 1};
    assert_ok(bn_jobs_upload_complete(self->jobs, upload, &one, 1, &err), err);
    assert_int_equal(rig_count_files(self, "files"), 2);
    assert_int_equal(bn_jobs_upload_part(self->jobs, upload, 3, fd, etag, &err), BIREFNET_ERROR_ARGUMENT);
    atomic_fetch_add(&self->now_ms, 60 * 1000);
    bn_jobs_sweep(self->jobs);
    assert_int_equal(rig_count_files(self, "files"), 1);
    close(fd);
    if (self->files[0]) return; /* a bucket is never looked through */
    /* what the power's failure, or an earlier version, left behind goes at the next start; other things stay */
    snprintf(name, sizeof name, "parts/%s.2", upload);
    leave_behind(self, name);
    snprintf(name, sizeof name, "files/%.2s/%s", upload, upload);
    leave_behind(self, name);
    leave_behind(self, "files/ab/note.txt");
    rig_close(self);
    rig_open(self);
    assert_int_equal(rig_count_files(self, "parts"), 0);
    assert_int_equal(rig_count_files(self, "files"), 2);
}

static void caps_and_expiry(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_file_facts facts[3], more;
    char text[1002];
    memset(text, 'x', sizeof text);
    text[1001] = '\0';
    const bn_upload wish = {
        .lifecycle = "{\"expiration_duration_seconds\":3600,\"initial_acl\":{\"default\":\"hide\"}}"};
    int fd = incoming_fd(self, text);
    assert_int_equal(bn_jobs_upload(self->jobs, &wish, fd, &more, &err), BIREFNET_ERROR_LIMIT);
    close(fd);
    text[1000] = '\0';
    for (int i = 0; i < 3; i++) {
        fd = incoming_fd(self, text);
        const bn_status status = bn_jobs_upload(self->jobs, &wish, fd, &facts[i], &err);
        assert_int_equal(status, i < 2 ? BIREFNET_OK : BIREFNET_ERROR_LIMIT);
        close(fd);
    }
    assert_int_equal(facts[0].access, BN_FILE_HIDE);
    assert_int_equal(facts[0].expires_ms, 1700000000000 + 3600 * 1000);
    atomic_fetch_add(&self->now_ms, 3600 * 1000);
    assert_int_equal(rig_file_open(self->jobs, facts[0].id, &more, &fd, &err), BIREFNET_ERROR_NOT_FOUND);
    bn_jobs_sweep(self->jobs);
    fd = incoming_fd(self, text); /* there is room again */
    const bn_upload for_ever = {
        .name = "for.ever", .key_id = "mine", .lifecycle = "{\"expiration_duration_seconds\":null}"};
    assert_ok(bn_jobs_upload(self->jobs, &for_ever, fd, &more, &err), err);
    close(fd);
    assert_int_equal(more.expires_ms, 0);
    atomic_fetch_add(&self->now_ms, 10LL * 365 * 24 * 3600 * 1000);
    bn_jobs_sweep(self->jobs);
    check_content(self, more.id, text);
}

static int run_photo(rig *self, int side, bn_answer *answer)
{
    char id[BN_REQUEST_ID_CHARS];
    char *body = rig_body(side, side, "");
    rig_submit_body(self, body, id);
    free(body);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    bn_jobs_result(self->jobs, id, NULL, answer);
    return answer->code;
}

static void results_have_room_that_uploads_cannot_take(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_file_facts facts;
    bn_answer answer;
    bn_buffer text;
    char bytes[1000], why[300];
    memset(bytes, 'x', sizeof bytes);
    rig_close(self);
    self->options.max_file_bytes = self->options.max_stored_bytes = 200000;
    rig_open(self);
    const int fd = rig_fd(bytes, sizeof bytes);
    const bn_upload wish = {
        .name = "x", .key_id = "greedy", .lifecycle = "{\"expiration_duration_seconds\":60}"};
    int count = 0;
    while (bn_jobs_upload(self->jobs, &wish, fd, &facts, &err) == BIREFNET_OK) count++;
    assert_int_equal(err.status, BIREFNET_ERROR_LIMIT);
    assert_int_equal(count, 180000 / (1000 + 2 * BN_STORED_COST));
    assert_true(bn_jobs_ready(self->jobs, why, sizeof why));
    /* one that cannot fit does not reach the network */
    assert_int_equal(run_photo(self, 200, &answer), 503);
    assert_true(answer.retry);
    assert_string_equal(answer.error_type, "runner_scheduling_failure");
    bn_answer_free(&answer);
    bn_buffer_init(&text, 1u << 20);
    assert_ok(bn_jobs_metrics(self->jobs, &text, &err), err);
    assert_non_null(strstr((char *)text.data, "stage_seconds_count{stage=\"network\"} 0\n"));
    bn_buffer_free(&text);
    /* small ones do, until nothing is left */
    count = 0;
    for (int code; (code = run_photo(self, 4, &answer)) == 200; count++) bn_answer_free(&answer);
    assert_int_equal(answer.code, 503);
    assert_true(answer.retry);
    bn_answer_free(&answer);
    assert_true(count > 3);
    assert_false(bn_jobs_ready(self->jobs, why, sizeof why));
    assert_non_null(strstr(why, "room"));
    atomic_fetch_add(&self->now_ms, 60 * 1000);
    bn_jobs_sweep(self->jobs);
    assert_true(bn_jobs_ready(self->jobs, why, sizeof why));
    assert_int_equal(run_photo(self, 100, &answer), 200);
    bn_answer_free(&answer);
    close(fd);
}

/* The whole size would be room for hundreds; each has its row, and its place in a folder. */
enum { WITHOUT_BYTES = 100 };

static int fill_without_bytes(rig *self, bool multipart, bool filled)
{
    bn_error err = {0};
    bn_file_facts facts;
    char upload[BN_FILE_ID_CHARS], etag[33];
    const bn_upload wish = {.name = "x",
                            .key_id = "greedy",
                            .multipart = multipart,
                            .lifecycle = "{\"expiration_duration_seconds\":60}"};
    const int fd = rig_fd("", 0);
    int count = 0;
    bn_status status = BIREFNET_OK;
    for (; status == BIREFNET_OK && count < WITHOUT_BYTES; count++) {
        if (!multipart || count == 0) status = bn_jobs_upload_begin(self->jobs, &wish, &facts, upload, &err);
        if (status == BIREFNET_OK && filled)
            status = multipart ? bn_jobs_upload_part(self->jobs, upload, count + 1, fd, etag, &err)
                               : bn_jobs_upload_put(self->jobs, upload, fd, NULL, &err);
    }
    close(fd);
    assert_int_equal(status, BIREFNET_ERROR_LIMIT);
    return count - 1;
}

static void what_has_no_bytes_takes_room(void **state)
{
    rig *self = *state;
    static const struct {
        bool multipart, filled;
    } kinds[] = {{false, true}, {false, false}, {true, true}};
    rig_close(self);
    self->options.max_stored_bytes = WITHOUT_BYTES * 1000;
    rig_open(self);
    for (size_t i = 0; i < BN_COUNT(kinds); i++) {
        const int count = fill_without_bytes(self, kinds[i].multipart, kinds[i].filled);
        assert_in_range(count, 10, WITHOUT_BYTES - 1);
        rig_close(self);
        rig_open(self); /* it is known from the store what there is */
        assert_int_equal(fill_without_bytes(self, kinds[i].multipart, kinds[i].filled), 0);
        atomic_fetch_add(&self->now_ms, 60 * 1000);
        bn_jobs_sweep(self->jobs);
        assert_int_equal(fill_without_bytes(self, kinds[i].multipart, kinds[i].filled), count);
        atomic_fetch_add(&self->now_ms, 60 * 1000);
        bn_jobs_sweep(self->jobs);
    }
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Files may not grow beyond a few bytes: as on a full disk, every write fails. */
static void a_server_that_cannot_write_is_not_ready(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_file_facts facts;
    bn_answer answer;
    char id[BN_REQUEST_ID_CHARS], why[300];
    static char bytes[100000];
    rig_close(self);
    self->options.max_file_bytes = self->options.max_stored_bytes = 1u << 20;
    rig_open(self);
    const int fd = rig_fd(bytes, sizeof bytes);
    const bn_upload wish = {.name = "x"};
    for (int by_itself = 0; by_itself < 2; by_itself++) {
        limit_files(1000);
        const bn_status failed = bn_jobs_upload(self->jobs, &wish, fd, &facts, &err);
        limit_files(0);
        assert_int_equal(failed, BIREFNET_ERROR_IO);
        assert_false(bn_jobs_ready(self->jobs, why, sizeof why));
        assert_non_null(strstr(why, "cannot be written"));
        limit_files(1000);
        bn_jobs_sweep(self->jobs);
        limit_files(0);
        assert_false(bn_jobs_ready(self->jobs, why, sizeof why));
        if (by_itself)
            bn_jobs_sweep(self->jobs); /* it looks for itself, where nobody writes */
        else
            assert_ok(bn_jobs_upload(self->jobs, &wish, fd, &facts, &err), err);
        assert_true(bn_jobs_ready(self->jobs, why, sizeof why));
    }
    if (rig_shares_store()) { /* which is on no disk of ours */
        close(fd);
        return;
    }
    const bn_submit submit = {.body = "{}", .body_bytes = 2, .max_queue_length = -1};
    limit_files(1000);
    bn_jobs_submit(self->jobs, &submit, id, NULL, &answer);
    limit_files(0);
    assert_int_equal(answer.code, 503);
    bn_answer_free(&answer);
    assert_false(bn_jobs_ready(self->jobs, why, sizeof why));
    bn_jobs_sweep(self->jobs);
    assert_true(bn_jobs_ready(self->jobs, why, sizeof why));
    close(fd);
}

/* Rows of objects that no file has; the first one's name. */
static size_t count_promised(const rig *self, char object[BN_OBJECT_CHARS])
{
    bn_error err = {0};
    bn_store *store;
    char address[200], objects[8][BN_OBJECT_CHARS];
    size_t count = 0;
    snprintf(address, sizeof address, "sqlite:%s/jobs.sqlite", self->folder);
    assert_ok(bn_store_open(self->options.store ? self->options.store : address, &store, &err), err);
    assert_ok(bn_store_objects_astray(store, INT64_MAX, objects, BN_COUNT(objects), &count, &err), err);
    bn_store_close(&store);
    if (count > 0) memcpy(object, objects[0], BN_OBJECT_CHARS);
    return count;
}

static void fill_at_once(rig *self)
{
    bn_error err = {0};
    bn_file_facts facts;
    char upload[BN_FILE_ID_CHARS];
    putter putters[2];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 2);
    assert_ok(bn_jobs_upload_begin(self->jobs, &(bn_upload){.name = "x"}, &facts, upload, &err), err);
    for (int i = 0; i < 2; i++) {
        putters[i] = (putter){.rig = self, .upload = upload, .start = &start};
        snprintf(putters[i].text, sizeof putters[i].text, "%d", i);
        assert_int_equal(pthread_create(&putters[i].thread, NULL, put, &putters[i]), 0);
    }
    for (int i = 0; i < 2; i++) pthread_join(putters[i].thread, NULL);
    pthread_barrier_destroy(&start);
}

/* A first try whose answer did not come may arrive when the second one has been written and removed again. */
static void bytes_that_come_late_to_a_bucket_are_found(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_blobs *blobs;
    bn_blob blob;
    char object[BN_OBJECT_CHARS], spool[100];
    if (!self->files[0]) return; /* a folder's bytes do not travel */
    for (int round = 0; count_promised(self, object) == 0; round++) {
        assert_true(round < 100);
        fill_at_once(self);
    }
    snprintf(spool, sizeof spool, "%s/spool", self->folder);
    const bn_blobs_options options = {
        .max_file_bytes = 1000, .max_total_bytes = 1000000, .spool = spool, .others = true};
    assert_ok(bn_blobs_open(self->files, &options, &blobs, &err), err);
    assert_int_equal(bn_blobs_look(blobs, object, &blob, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_ok(bn_blobs_write(blobs, object, "late", 4, &blob, &err), err);
    atomic_fetch_add(&self->now_ms, 25LL * 3600 * 1000);
    bn_jobs_sweep(self->jobs);
    assert_int_equal(bn_blobs_look(blobs, object, &blob, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_int_equal(count_promised(self, object), 0);
    bn_blobs_close(&blobs);
}

static void what_nobody_owns_goes_in_time(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_file_facts facts;
    char upload[BN_FILE_ID_CHARS];
    static const char *const wishes[] = {"{\"expiration_duration_seconds\":null}",
                                         "{\"expiration_duration_seconds\":31536000}"};
    for (int i = 0; i < 2; i++) {
        const bn_upload nobodys = {.lifecycle = wishes[i]};
        assert_ok(bn_jobs_upload_begin(self->jobs, &nobodys, &facts, upload, &err), err);
        assert_int_equal(facts.expires_ms, facts.created_ms + self->options.file_retention_s * 1000);
    }
}

static void a_photo_on_this_server_needs_no_network(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    bn_file_facts facts;
    size_t size;
    char id[BN_REQUEST_ID_CHARS], body[300];
    rig_close(self);
    self->options.max_file_bytes = self->options.max_stored_bytes = 1u << 20;
    rig_open(self);
    uint8_t *png = rig_png(30, 20, &size);
    const int fd = rig_fd(png, size);
    const bn_upload wish = {.name = "p.png", .type = "image/png"};
    assert_ok(bn_jobs_upload(self->jobs, &wish, fd, &facts, &err), err);
    close(fd);
    free(png);
    snprintf(body, sizeof body, "{\"image_url\":\"https://127.0.0.1:1/cdn/files/b/%s/%s\"}", facts.id,
             facts.name);
    rig_submit_body(self, body, id);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    bn_answer answer;
    bn_jobs_result(self->jobs, id, NULL, &answer);
    assert_int_equal(answer.code, 200);
    bn_answer_free(&answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_rig, end_rig)

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(an_upload_is_there_whole_or_not_at_all),
        TEST(two_who_fill_one_upload),
        TEST(parts_come_in_any_order),
        TEST(to_complete_twice_at_once_is_to_complete),
        TEST(parts_go_with_their_upload),
        TEST(caps_and_expiry),
        TEST(results_have_room_that_uploads_cannot_take),
        TEST(what_has_no_bytes_takes_room),
        TEST(a_server_that_cannot_write_is_not_ready),
        TEST(bytes_that_come_late_to_a_bucket_are_found),
        TEST(what_nobody_owns_goes_in_time),
        TEST(a_photo_on_this_server_needs_no_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
