/* test_keys.c - what keys.h promises, with keys in a file of a data folder and in a database that servers share; two servers'
 * views of them in each case. */
#include "tests/store/fixture.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct key_fixture {
    store_fixture *stores;
    char folder[40];
    bn_keys_home home, other; /* the same keys, by two handles */
    bn_keys *here, *there;
} key_fixture;

static void open_both(key_fixture *self)
{
    bn_error err = {0};
    assert_ok(bn_keys_open(&self->home, &self->here, &err), err);
    assert_ok(bn_keys_open(&self->other, &self->there, &err), err);
}

static int set_up(void **state)
{
    key_fixture *self = calloc(1, sizeof *self);
    void *stores;
    store_set_up(&stores);
    self->stores = stores;
    strcpy(self->folder, "/tmp/bn_keys_XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    self->home = (bn_keys_home){self->folder, self->stores->store};
    self->other = (bn_keys_home){self->folder, self->stores->other};
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    key_fixture *self = *state;
    char command[80];
    void *stores = self->stores;
    bn_keys_close(&self->here);
    bn_keys_close(&self->there);
    store_tear_down(&stores);
    snprintf(command, sizeof command, "rm -r %s", self->folder);
    assert_int_equal(system(command), 0);
    free(self);
    return 0;
}

static bool opens(bn_keys *keys, const char *key)
{
    bn_error err = {0};
    bn_key_facts facts;
    assert_ok(bn_keys_refresh(keys, &err), err);
    return bn_keys_check(keys, key, &facts);
}

static void what_one_changes_the_other_sees(void **state)
{
    key_fixture *self = *state;
    bn_error err = {0};
    char key[BN_KEY_CHARS], given[BN_KEY_CHARS];
    bn_key_facts facts, found, *all;
    size_t count;
    const bn_key_limits limits = {.per_minute = 3, .running = 2, .waiting = 1};
    open_both(self);
    assert_false(bn_keys_any(self->there));
    assert_ok(bn_keys_make(&self->home, "laptop", NULL, &limits, false, key, &facts, &err), err);
    assert_ok(bn_keys_make(&self->other, "given", "my:secret-text", NULL, true, given, NULL, &err), err);
    assert_true(opens(self->there, key) && opens(self->here, key));
    assert_true(opens(self->there, "my:secret-text") && opens(self->here, "my:secret-text"));
    assert_false(opens(self->here, "my:secret-texT"));
    assert_true(bn_keys_any(self->here) && bn_keys_any(self->there));
    assert_true(bn_keys_find(self->there, facts.id, &found));
    assert_string_equal(found.name, "laptop");
    assert_int_equal(found.created_ms, facts.created_ms);
    assert_memory_equal(&found.limits, &limits, sizeof limits);
    assert_false(found.admin);
    assert_true(bn_keys_find(self->here, "my", &found));
    assert_true(found.admin);
    assert_int_equal(found.limits.per_minute, -1);
    assert_ok(bn_keys_list(&self->other, &all, &count, &err), err);
    assert_int_equal(count, 2);
    free(all);
    assert_ok(bn_keys_all(self->here, &all, &count, &err), err);
    assert_int_equal(count, 2);
    free(all);
    int known, admins;
    bn_keys_count(self->here, &known, &admins);
    assert_int_equal(known, 2);
    assert_int_equal(admins, 1);
}

static void what_is_revoked_opens_nothing_more(void **state)
{
    key_fixture *self = *state;
    bn_error err = {0};
    char key[BN_KEY_CHARS], way_back[BN_KEYS_WAY_BACK];
    bn_key_facts facts;
    open_both(self);
    assert_false(bn_keys_required(&self->home, way_back));
    assert_ok(bn_keys_make(&self->home, "a", "one:secret", NULL, false, key, NULL, &err), err);
    assert_ok(bn_keys_make(&self->home, "twin", NULL, NULL, false, key, &facts, &err), err);
    assert_ok(bn_keys_make(&self->home, "twin", NULL, NULL, false, key, NULL, &err), err);
    assert_int_equal(bn_keys_make(&self->other, "b", "one:another", NULL, false, key, NULL, &err),
                     BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(bn_keys_make(&self->other, "b", "one:secret", NULL, false, key, NULL, &err),
                     BIREFNET_ERROR_ARGUMENT);
    assert_true(opens(self->there, "one:secret"));
    assert_ok(bn_keys_revoke(&self->other, "a", &err), err); /* by name */
    assert_int_equal(bn_keys_revoke(&self->home, "one", &err), BIREFNET_ERROR_NOT_FOUND);
    assert_false(opens(self->here, "one:secret") || opens(self->there, "one:secret"));
    assert_int_equal(bn_keys_revoke(&self->home, "twin", &err), BIREFNET_ERROR_ARGUMENT); /* which? */
    assert_ok(bn_keys_make(&self->home, "a", "one:newer-secret", NULL, false, key, NULL, &err), err);
    assert_true(opens(self->there, "one:newer-secret"));
    assert_false(opens(self->there, "one:secret"));
    assert_ok(bn_keys_revoke(&self->home, "one", &err), err);
    assert_ok(bn_keys_revoke(&self->home, facts.id, &err), err);
    assert_ok(bn_keys_revoke(&self->home, "twin", &err), err); /* the last */
    assert_ok(bn_keys_refresh(self->there, &err), err);
    assert_true(bn_keys_any(self->there)); /* the door stays shut */
    assert_true(bn_keys_shut(self->there, way_back));
    assert_true(bn_keys_required(&self->home, way_back));
    bn_keys_close(&self->here);
    assert_ok(bn_keys_open(&self->home, &self->here, &err), err);
    assert_true(bn_keys_shut(self->here, way_back));
}

/* A database holds hashes, and only they leave it. */
static void a_key_is_kept_as_a_hash(void **state)
{
    key_fixture *self = *state;
    bn_error err = {0};
    char key[BN_KEY_CHARS];
    bn_key_rows rows;
    int64_t version = -1;
    if (!bn_store_keeps_keys(self->stores->store)) skip(); /* test_files.c reads the file */
    assert_ok(bn_keys_make(&self->home, "a", "one:the-secret-text", NULL, false, key, NULL, &err), err);
    assert_ok(bn_store_keys(self->stores->other, &version, &rows, &err), err);
    assert_int_equal(rows.count, 1);
    assert_true(version > 0);
    for (size_t i = 0; i + 4 < sizeof rows.list[0]; i++)
        assert_memory_not_equal((const char *)&rows.list[0] + i, "text", 4);
    free(rows.list);
    const int64_t known = version;
    assert_ok(bn_store_keys(self->stores->other, &version, &rows, &err), err);
    assert_int_equal(rows.count, 0); /* nothing new */
    assert_int_equal(version, known);
    free(rows.list);
}

/* A server that had a file of its own brings its keys along, once, and none that were revoked since. */
static void keys_move_from_a_file(void **state)
{
    key_fixture *self = *state;
    bn_error err = {0};
    char key[BN_KEY_CHARS], path[80];
    bool moved;
    const bn_keys_home file = {self->folder, NULL};
    assert_ok(bn_keys_make(&file, "old", "old:secret-of-it", NULL, true, key, NULL, &err), err);
    assert_ok(bn_keys_make(&file, "gone", "gone:secret-of-it", NULL, false, key, NULL, &err), err);
    if (!bn_store_keeps_keys(self->stores->store)) {
        assert_ok(bn_keys_move(&self->home, &moved, &err), err);
        assert_false(moved);
        open_both(self);
        assert_true(opens(self->here, "old:secret-of-it"));
        return;
    }
    assert_ok(bn_keys_make(&self->home, "gone", "gone:secret-of-it", NULL, false, key, NULL, &err), err);
    assert_ok(bn_keys_revoke(&self->home, "gone", &err), err);
    assert_ok(bn_keys_move(&self->home, &moved, &err), err);
    assert_true(moved);
    snprintf(path, sizeof path, "%s/keys.json", self->folder);
    assert_int_not_equal(access(path, F_OK), 0);
    open_both(self);
    assert_true(opens(self->there, "old:secret-of-it"));
    assert_false(opens(self->there, "gone:secret-of-it"));
    assert_ok(bn_keys_move(&self->home, &moved, &err), err);
    assert_false(moved);
}

/* Who goes back to the folder, where the keys are no more, does not open the door by that. */
static void the_way_back_is_shut(void **state)
{
    key_fixture *self = *state;
    bn_error err = {0};
    char key[BN_KEY_CHARS], way_back[BN_KEYS_WAY_BACK], path[80], aside[80];
    bool moved;
    bn_keys *keys;
    const bn_keys_home file = {self->folder, NULL};
    if (!bn_store_keeps_keys(self->stores->store)) skip();
    assert_ok(bn_keys_make(&file, "old", "old:secret-of-it", NULL, true, key, NULL, &err), err);
    assert_ok(bn_keys_move(&self->home, &moved, &err), err);
    assert_true(bn_keys_required(&file, way_back));
    assert_non_null(strstr(way_back, "keys.json.moved"));
    assert_ok(bn_keys_open(&file, &keys, &err), err);
    assert_true(bn_keys_any(keys));
    assert_true(bn_keys_shut(keys, way_back));
    assert_false(opens(keys, "old:secret-of-it")); /* it may have been revoked since */
    snprintf(path, sizeof path, "%s/keys.json", self->folder);
    snprintf(aside, sizeof aside, "%s.moved", path);
    assert_int_equal(rename(aside, path), 0);
    assert_true(opens(keys, "old:secret-of-it"));
    bn_keys_close(&keys);
}

/* An empty file shut the door, and so does what becomes of it. */
static void an_empty_file_moves_as_a_shut_door(void **state)
{
    key_fixture *self = *state;
    bn_error err = {0};
    char key[BN_KEY_CHARS], way_back[BN_KEYS_WAY_BACK];
    bool moved;
    const bn_keys_home file = {self->folder, NULL};
    assert_ok(bn_keys_make(&file, "old", "old:secret-of-it", NULL, true, key, NULL, &err), err);
    assert_ok(bn_keys_revoke(&file, "old", &err), err);
    assert_ok(bn_keys_move(&self->home, &moved, &err), err);
    open_both(self);
    assert_true(bn_keys_shut(self->there, way_back));
}

static void expect_owner(const char *folder, const char *name, uid_t owner)
{
    struct stat facts;
    char path[80];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_uid, owner);
    assert_int_equal(facts.st_mode & 0777, 0600);
}

/* sudo birefnet keys revoke: a server that cannot read the file goes on with the keys that it had. */
static void what_root_writes_is_the_folders_owners(void **state)
{
    key_fixture *self = *state;
    const uid_t nobody = 65534;
    bn_error err = {0};
    char key[BN_KEY_CHARS];
    const bn_keys_home file = {self->folder, NULL};
    if (geteuid() != 0) skip(); /* who else could */
    assert_int_equal(chown(self->folder, nobody, nobody), 0);
    assert_ok(bn_keys_make(&file, "alice", NULL, NULL, false, key, NULL, &err), err);
    expect_owner(self->folder, "keys.json", nobody);
    expect_owner(self->folder, "keys.lock", nobody);
    assert_ok(bn_keys_revoke(&file, "alice", &err), err);
    expect_owner(self->folder, "keys.json", nobody);
    char folder[80]; /* of a server that was never started */
    struct stat facts;
    snprintf(folder, sizeof folder, "%s/server/", self->folder);
    const bn_keys_home later = {folder, NULL};
    assert_ok(bn_keys_make(&later, "alice", NULL, NULL, false, key, NULL, &err), err);
    assert_int_equal(stat(folder, &facts), 0);
    assert_int_equal(facts.st_uid, nobody);
    expect_owner(folder, "keys.json", nobody);
}

#define KEY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEY_TEST(what_one_changes_the_other_sees),
        KEY_TEST(what_is_revoked_opens_nothing_more),
        KEY_TEST(a_key_is_kept_as_a_hash),
        KEY_TEST(keys_move_from_a_file),
        KEY_TEST(the_way_back_is_shut),
        KEY_TEST(an_empty_file_moves_as_a_shut_door),
        KEY_TEST(what_root_writes_is_the_folders_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
