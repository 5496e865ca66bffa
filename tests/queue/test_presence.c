/* test_presence.c - what a process that starts makes of the marks in its data folder: only of one that has certainly died there it
 * takes at once what that held. */
#include "tests/test.h"

#include "base/clock.h"
#include "store/store.h"
#include "tests/queue/rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STRANGER = 0x77, LEASE_MS = 3600000 };

typedef struct presence {
    rig rig;
    char address[120], mark[120]; /* mark: the stranger's file */
    bn_store *store;              /* the stranger's */
} presence;

/* A stranger that has just said that it lives. */
static int set_up(void **state)
{
    presence *self = calloc(1, sizeof *self);
    bn_error err = {0};
    int64_t now_ms;
    bn_holding *holdings;
    size_t count;
    const bn_process who = {.id = STRANGER, .role = "work"};
    rig_init(&self->rig);
    snprintf(self->address, sizeof self->address, "sqlite:%s/shared.sqlite", self->rig.folder);
    if (!rig_shares_store()) self->rig.options.store = self->address;
    self->rig.options.lease_ms = LEASE_MS;
    self->rig.options.role = BN_ROLE_FRONT;
    assert_ok(bn_store_open(self->rig.options.store, &self->store, &err), err);
    assert_ok(bn_store_beat(self->store, &who, &now_ms, &holdings, &count, &err), err);
    free(holdings);
    snprintf(self->mark, sizeof self->mark, "%s/alive", self->rig.folder);
    assert_int_equal(mkdir(self->mark, 0700), 0);
    snprintf(self->mark, sizeof self->mark, "%s/alive/%016x", self->rig.folder, STRANGER);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    presence *self = *state;
    bn_store_close(&self->store);
    rig_destroy(&self->rig);
    free(self);
    return 0;
}

/* As it makes one, but of that boot (NULL: this one) and for that inode. The descriptor holds no lock. */
static int make_mark(presence *self, const char *boot, ino_t inode_more)
{
    char this_boot[37] = "", text[120];
    struct stat facts;
    const int from = open("/proc/sys/kernel/random/boot_id", O_RDONLY);
    assert_int_equal(read(from, this_boot, 36), 36);
    close(from);
    const int fd = open(self->mark, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &facts), 0);
    const int length =
        snprintf(text, sizeof text, "%s %llx %llx\n", boot ? boot : this_boot,
                 (unsigned long long)facts.st_dev, (unsigned long long)(facts.st_ino + inode_more));
    assert_int_equal(write(fd, text, (size_t)length), length);
    return fd;
}

static bool lives(presence *self)
{
    bn_error err = {0};
    bn_process *list;
    size_t count;
    bool found = false;
    assert_ok(bn_store_processes(self->store, &list, &count, &err), err);
    for (size_t i = 0; i < count; i++) found = found || list[i].id == STRANGER;
    free(list);
    return found;
}

static void expect_metric(presence *self, const char *line)
{
    bn_error err = {0};
    bn_buffer text;
    bn_buffer_init(&text, 1u << 20);
    assert_ok(bn_jobs_metrics(self->rig.jobs, &text, &err), err);
    assert_ok(bn_buffer_append(&text, "", 1, &err), err);
    assert_non_null(strstr((const char *)text.data, line));
    bn_buffer_free(&text);
}

/* Other workers are told, where there are hints. */
static void expect_hint(bn_ear *ear)
{
    bn_error err = {0};
    unsigned hints = 0;
    const double end_ms = bn_clock_ms() + 60000;
    while (!(hints & (unsigned)BN_HINT_WORK) && bn_clock_ms() < end_ms)
        assert_ok(bn_ear_hear(ear, -1, 1000, &hints, &err), err);
    assert_true(hints & (unsigned)BN_HINT_WORK);
}

static void who_has_died_here_is_buried(void **state)
{
    presence *self = *state;
    bn_error err = {0};
    bool mine;
    bn_accepted got;
    char id[BN_REQUEST_ID_CHARS];
    const bn_claim_terms terms = {.worker = STRANGER, .claim = 1, .weight = 50};
    rig_open(&self->rig);
    rig_submit_body(&self->rig, "{\"image_url\":\"data:,x\"}", id);
    assert_ok(bn_store_claim_next(self->store, &terms, &got, &err), err);
    assert_string_equal(got.id, id);
    bn_accepted_free(&got);
    rig_close(&self->rig);
    close(make_mark(self, NULL, 0));
    bn_ear *ear = NULL;
    if (bn_store_has_hints(self->store)) assert_ok(bn_ear_open(self->store, NULL, &ear, &err), err);
    rig_open(&self->rig);
    if (ear) expect_hint(ear);
    bn_ear_close(&ear);
    assert_false(lives(self));
    assert_int_equal(access(self->mark, F_OK), -1);
    expect_metric(self, "\nbirefnet_requests_rescued_total 1\n");
    expect_metric(self, "\nbirefnet_leases_lost_total 0\n");
    assert_ok(bn_store_start(self->store, id, STRANGER, 1, 50, true, &mine, &err), err);
    assert_false(mine);
    assert_ok(bn_store_claim_next(self->store, &(bn_claim_terms){.worker = 1, .claim = 2}, &got, &err), err);
    assert_string_equal(got.id, id);
    assert_int_equal(got.attempts, 50);
    bn_accepted_free(&got);
}

static void who_has_the_lock_lives(void **state)
{
    presence *self = *state;
    const int fd = make_mark(self, NULL, 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    rig_open(&self->rig);
    assert_true(lives(self));
    assert_int_equal(access(self->mark, F_OK), 0);
    close(fd);
}

/* Of another machine, or of this one before it was started again: nobody here can tell. */
static void who_had_another_kernel_may_live(void **state)
{
    presence *self = *state;
    close(make_mark(self, "01234567-89ab-cdef-0123-456789abcdef", 0));
    rig_open(&self->rig);
    assert_true(lives(self));
}

static void a_copy_of_a_mark_says_nothing(void **state)
{
    presence *self = *state;
    close(make_mark(self, NULL, 1));
    rig_open(&self->rig);
    assert_true(lives(self));
}

static void what_is_no_mark_is_left_alone(void **state)
{
    presence *self = *state;
    snprintf(self->mark, sizeof self->mark, "%s/alive/readme.0123456789", self->rig.folder);
    close(make_mark(self, NULL, 0));
    rig_open(&self->rig);
    assert_int_equal(access(self->mark, F_OK), 0);
    unlink(self->mark);
    snprintf(self->mark, sizeof self->mark, "%s/alive", self->rig.folder);
    rig_close(&self->rig);
    assert_int_equal(rmdir(self->mark), 0); /* and who ends by itself leaves none */
}

#define PRESENCE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PRESENCE_TEST(who_has_died_here_is_buried),     PRESENCE_TEST(who_has_the_lock_lives),
        PRESENCE_TEST(who_had_another_kernel_may_live), PRESENCE_TEST(a_copy_of_a_mark_says_nothing),
        PRESENCE_TEST(what_is_no_mark_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
