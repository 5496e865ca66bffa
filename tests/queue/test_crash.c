/* test_crash.c - the server is killed at random moments, and its data folder opened again: what was accepted is finished
 * exactly once, no file is half there, no webhook is lost; a full disk and a locked database are survived. */
#include "tests/test.h"

#include "tests/queue/rig.h"
#include "tests/queue/receiver.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#    define ROUNDS 8 /* a round takes ten times as long there */
#else
#    define ROUNDS 25
#endif
#define MAX_ACCEPTED 2000

/* The child: submits, one a time, and tells on its output of each that was accepted, until it is killed. */
static void submit_until_killed(const char *folder, const char *webhook)
{
    rig self;
    bn_error err = {0};
    rig_init_at(&self, folder);
    if (bn_jobs_open(&self.options, &self.jobs, &err) != BIREFNET_OK) {
        fprintf(stderr, "child: %s\n", err.message);
        _exit(1);
    }
    char *body = rig_body(24, 24, "\"output_mask\":true");
    if (write(STDOUT_FILENO, "", 1) != 1) _exit(1); /* open now */
    for (;;) {
        char id[BN_REQUEST_ID_CHARS];
        bn_answer answer;
        const bn_submit submit = {
            .body = body, .body_bytes = strlen(body), .webhook = webhook, .max_queue_length = 4};
        bn_jobs_submit(self.jobs, &submit, id, NULL, &answer);
        const bool accepted = answer.code == 200;
        bn_answer_free(&answer);
        if (!accepted) /* the queue is long enough: let it work */
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        else if (write(STDOUT_FILENO, id, BN_REQUEST_ID_CHARS) != BN_REQUEST_ID_CHARS)
            _exit(1);
    }
}

/* This program again, as such a child. Not a mere fork: the receiver has threads, and what they have locked at that
 * moment, an allocator for one, is locked in a fork for ever. */
static pid_t start_child(const rig *self, const char *webhook, int output)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(output, STDOUT_FILENO) == STDOUT_FILENO)
        execl("/proc/self/exe", "child", self->folder, webhook, (char *)NULL);
    _exit(1);
}

/* What the child had promised. Killed so long after its start; or after it has opened the folder and a request has ended,
 * so that no request is killed in every round: one that is cut off again and again is given up, as it should be. */
static size_t kill_one(rig *self, int after_ms, bool works, receiver *hooks, const char *webhook,
                       char (*ids)[BN_REQUEST_ID_CHARS], size_t room)
{
    int fds[2], status;
    size_t count = 0;
    const size_t ended = receiver_distinct(hooks);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    const pid_t child = start_child(self, webhook, fds[1]);
    close(fds[1]);
    char mark;
    if (works) {
        assert_int_equal(read(fds[0], &mark, 1), 1);
        receiver_wait_distinct(hooks, ended + 1);
    }
    nanosleep(&(struct timespec){.tv_sec = after_ms / 1000, .tv_nsec = after_ms % 1000 * 1000000L}, NULL);
    kill(child, SIGKILL);
    if (!works && read(fds[0], &mark, 1) < 0) fail();
    while (count < room && read(fds[0], ids[count], BN_REQUEST_ID_CHARS) == BN_REQUEST_ID_CHARS) count++;
    close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return count;
}

static int number_in(const char *folder, const char *sql)
{
    char path[200];
    sqlite3 *db;
    sqlite3_stmt *statement;
    snprintf(path, sizeof path, "%s/jobs.sqlite", folder);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

static void check_finished(rig *self, const char *id)
{
    bn_error err = {0};
    bn_answer answer;
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    bn_jobs_result(self->jobs, id, NULL, &answer);
    if (answer.code != 200) fail_msg("request %s ended with %d: %s", id, answer.code, answer.body);
    bn_file_facts facts;
    int fd;
    struct stat found;
    assert_ok(rig_file_open(self->jobs, answer.image_id, &facts, &fd, &err), err);
    assert_int_equal(fstat(fd, &found), 0);
    assert_int_equal(found.st_size, facts.size);
    close(fd);
    bn_answer_free(&answer);
}

/* All that the store knows, told of or not. */
static size_t read_ids(const char *folder, char (*ids)[BN_REQUEST_ID_CHARS], size_t room)
{
    char path[200];
    sqlite3 *db;
    sqlite3_stmt *statement;
    size_t count = 0;
    snprintf(path, sizeof path, "%s/jobs.sqlite", folder);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT id FROM requests", -1, &statement, NULL), SQLITE_OK);
    while (count < room && sqlite3_step(statement) == SQLITE_ROW)
        snprintf(ids[count++], BN_REQUEST_ID_CHARS, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

static void killed_at_random_moments_nothing_is_lost(void **state)
{
    (void)state;
    rig self;
    receiver hooks;
    char url[100];
    static char ids[MAX_ACCEPTED][BN_REQUEST_ID_CHARS];
    size_t count = 0;
    unsigned random = 12345;
    rig_init(&self);
    receiver_start(&hooks, NULL, 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", hooks.port);
    const char *said = getenv("BN_CRASH_ROUNDS");
    const int rounds = said ? atoi(said) : ROUNDS;
    for (int round = 0; round < rounds; round++) {
        random = random * 1103515245 + 12345;
        count += kill_one(&self, (int)(random >> 16) % 250, round % 2 == 0, &hooks, url, ids + count,
                          MAX_ACCEPTED - count);
    }
    rig_open(&self);
    for (size_t i = 0; i < count; i++) check_finished(&self, ids[i]);
    /* a request may have been accepted without the child having lived to tell */
    const size_t told = count;
    count = read_ids(self.folder, ids, MAX_ACCEPTED);
    assert_true(count >= told && count >= (size_t)rounds / 2);
    for (size_t i = 0; i < count; i++) check_finished(&self, ids[i]);
    const int ended = number_in(self.folder, "SELECT count(*) FROM requests WHERE ended = 1");
    assert_int_equal(ended, count);
    receiver_wait_distinct(&hooks, (size_t)ended); /* each at least once */
    rig_close(&self);
    rig_open(&self); /* removes what nothing points to */
    assert_int_equal(rig_count_files(&self, "files"), 2 * ended);
    assert_int_equal(rig_count_files(&self, "incoming"), 0);
    for (size_t i = 0; i < count; i++) check_finished(&self, ids[i]);
    receiver_stop(&hooks);
    rig_destroy(&self);
}

/* The same request must not take the server down for ever. */
static void a_deadly_request_is_given_up(void **state)
{
    (void)state;
    rig self;
    char id[BN_REQUEST_ID_CHARS], path[100];
    sqlite3 *db;
    rig_init(&self);
    self.options.fallback_model = "seeded:no such thing:1";
    rig_open(&self);
    rig_submit_body(&self, "{\"image_url\":\"data:,x\"}", id);
    rig_wait(&self, id, BN_REQUEST_COMPLETED);
    rig_close(&self);
    snprintf(path, sizeof path, "%s/jobs.sqlite", self.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE requests SET ended = 0, attempts = 300", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    rig_open(&self);
    bn_answer answer;
    bn_jobs_result(self.jobs, id, NULL, &answer);
    assert_int_equal(answer.code, 500);
    assert_string_equal(answer.error_type, "runner_server_error");
    bn_answer_free(&answer);
    rig_destroy(&self);
}

/* Each step that may break the program is noted before it is taken: the body, decoding, encoding. */
static void dangerous_steps_are_noted_beforehand(void **state)
{
    (void)state;
    rig self;
    sqlite3 *db;
    sqlite3_stmt *statement;
    char id[BN_REQUEST_ID_CHARS], path[100];
    static const int weights[] = {50, 0, 50, 1, 51};
    rig_init(&self);
    rig_open(&self);
    rig_close(&self);
    snprintf(path, sizeof path, "%s/jobs.sqlite", self.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TABLE steps(weight INTEGER);"
                                  "CREATE TRIGGER step AFTER UPDATE OF weight ON requests BEGIN"
                                  " INSERT INTO steps VALUES(new.weight); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    rig_open(&self);
    char *body = rig_body(30, 30, "");
    rig_submit_body(&self, body, id);
    free(body);
    rig_wait(&self, id, BN_REQUEST_COMPLETED);
    rig_close(&self);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT weight FROM steps ORDER BY rowid", -1, &statement, NULL),
                     SQLITE_OK);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(statement, 0), weights[i]);
    }
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    rig_destroy(&self);
}

static void a_locked_database_refuses_and_recovers(void **state)
{
    (void)state;
    rig self;
    char id[BN_REQUEST_ID_CHARS], first[BN_REQUEST_ID_CHARS], path[100], why[300];
    sqlite3 *db;
    slow_photo photo;
    size_t size;
    rig_init(&self);
    self.options.allow_private = true;
    rig_open(&self);
    uint8_t *png = rig_png(20, 20, &size);
    slow_photo_start(&photo, png, size);
    char body[200];
    snprintf(body, sizeof body, "{\"image_url\":\"http://127.0.0.1:%d/\"}", photo.port);
    rig_submit_body(&self, body, first);
    slow_photo_wait_asked(&photo);

    snprintf(path, sizeof path, "%s/jobs.sqlite", self.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    bn_answer answer;
    const bn_submit submit = {.body = "{}", .body_bytes = 2, .max_queue_length = -1};
    bn_jobs_submit(self.jobs, &submit, id, NULL, &answer);
    assert_int_equal(answer.code, 503);
    assert_true(answer.retry);
    bn_answer_free(&answer);
    /* the one that runs ends while the database is locked: it is seen as running until its end is saved */
    slow_photo_answer(&photo);
    do bn_jobs_ready(self.jobs, why, sizeof why);
    while (strstr(why, "cannot be saved") == NULL);
    bn_error err = {0};
    bn_request_status status;
    assert_ok(bn_jobs_status(self.jobs, first, false, 0, &status, &err), err);
    assert_int_equal(status.state, BN_REQUEST_RUNNING);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    check_finished(&self, first);
    rig_submit_body(&self, "{}", id);
    slow_photo_stop(&photo);
    free(png);
    rig_destroy(&self);
}

/* Files may not grow beyond a few bytes: as on a full disk, every write fails. */
static void a_full_disk_refuses_and_recovers(void **state)
{
    (void)state;
    rig self;
    bn_error err = {0};
    char id[BN_REQUEST_ID_CHARS];
    struct rlimit whole, small;
    bn_answer answer;
    bn_file_facts facts;
    rig_init(&self);
    rig_open(&self);
    char *body = rig_body(24, 24, "");
    rig_submit_body(&self, body, id);
    check_finished(&self, id);
    uint8_t *big = calloc(1, 1u << 20);
    const int fd = rig_fd(big, 1u << 20);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    small = whole;
    small.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const bn_submit submit = {.body = body, .body_bytes = strlen(body), .max_queue_length = -1};
    bn_jobs_submit(self.jobs, &submit, id, NULL, &answer);
    const bn_status upload = bn_jobs_upload(self.jobs, &(bn_upload){.name = "x.bin"}, fd, &facts, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    assert_int_equal(answer.code, 503);
    bn_answer_free(&answer);
    assert_int_equal(upload, BIREFNET_ERROR_IO);

    rig_submit_body(&self, body, id);
    check_finished(&self, id);
    assert_ok(bn_jobs_upload(self.jobs, &(bn_upload){.name = "x.bin"}, fd, &facts, &err), err);
    close(fd);
    free(big);
    free(body);
    rig_destroy(&self);
}

static void check_refused(rig *self, const char *words)
{
    bn_error err = {0};
    assert_int_equal(bn_jobs_open(&self->options, &self->jobs, &err), BIREFNET_ERROR_FORMAT);
    assert_null(self->jobs);
    assert_non_null(strstr(err.message, words));
}

static void databases_of_newer_programs_and_damaged_ones_are_left_alone(void **state)
{
    (void)state;
    rig self;
    char path[100], id[BN_REQUEST_ID_CHARS];
    sqlite3 *db;
    rig_init(&self);
    rig_open(&self);
    for (int i = 0; i < 50; i++) rig_submit_body(&self, "{}", id);
    rig_close(&self);
    snprintf(path, sizeof path, "%s/jobs.sqlite", self.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    check_refused(&self, "newer program");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 4096 * 2, SEEK_SET), 0);
    for (int i = 0; i < 4 * 4096; i++) fputc(i * 7, file);
    fclose(file);
    check_refused(&self, "jobs.sqlite");
    rig_destroy(&self);
}

int main(int count, char **arguments)
{
    if (count == 3) submit_until_killed(arguments[1], arguments[2]);
    signal(SIGXFSZ, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_random_moments_nothing_is_lost),
        cmocka_unit_test(databases_of_newer_programs_and_damaged_ones_are_left_alone),
        cmocka_unit_test(a_deadly_request_is_given_up),
        cmocka_unit_test(dangerous_steps_are_noted_beforehand),
        cmocka_unit_test(a_locked_database_refuses_and_recovers),
        cmocka_unit_test(a_full_disk_refuses_and_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
