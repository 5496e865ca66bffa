/* test_auth.c - keys and tokens: whom they let in, and until when. */
#include "tests/test.h"

#include "store/store.h"
#include "tests/queue/rig.h"

#include <sys/stat.h>

static int start_rig(void **state)
{
    rig *self = calloc(1, sizeof *self);
    if (!self) return -1;
    rig_init(self);
    atomic_store(&self->now_ms, 1700000000000);
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

static void check_keys_file(rig *self, const char *key)
{
    char path[100], bytes[4000] = "";
    struct stat found;
    snprintf(path, sizeof path, "%s/keys.json", self->folder);
    FILE *file = fopen(path, "r");
    assert_true(fread(bytes, 1, sizeof bytes - 1, file) > 0);
    fclose(file);
    assert_null(strstr(bytes, strchr(key, ':') + 1)); /* hashes only */
    assert_null(strstr(bytes, "secret-text"));
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
}

static void check_fields(rig *self, const char *key, const char *key_id)
{
    char header[BN_KEY_CHARS + 10], id[BN_KEY_ID_CHARS];
    bn_credential shown;
    assert_int_equal(bn_jobs_authorize(self->jobs, NULL, id, &shown), BN_AUTH_NONE);
    assert_int_equal(bn_jobs_authorize(self->jobs, "Key my:secret-texT", id, &shown), BN_AUTH_UNKNOWN);
    assert_int_equal(bn_jobs_authorize(self->jobs, "Key nonsense", id, &shown), BN_AUTH_MALFORMED);
    assert_int_equal(bn_jobs_authorize(self->jobs, "Basic abc", id, &shown), BN_AUTH_MALFORMED);
    assert_int_equal(bn_jobs_authorize(self->jobs, "Key  ", id, &shown), BN_AUTH_MALFORMED);
    assert_int_equal(bn_jobs_authorize(self->jobs, "Key \t my:secret-text \t ", id, &shown), BN_AUTH_OK);
    assert_int_equal(bn_jobs_authorize(self->jobs, "key my:secret-text", id, &shown), BN_AUTH_OK);
    assert_string_equal(id, "my");
    snprintf(header, sizeof header, "Bearer %s", key);
    assert_int_equal(bn_jobs_authorize(self->jobs, header, id, &shown), BN_AUTH_OK);
    assert_string_equal(id, key_id);
}

static void check_list(rig *self, const bn_keys_home *home, const char *laptop_id)
{
    bn_error err = {0};
    bn_key_facts *all;
    size_t count;
    assert_ok(bn_keys_list(home, &all, &count, &err), err);
    assert_int_equal(count, 2);
    const int given = strcmp(all[0].name, "given") == 0 ? 0 : 1;
    assert_string_equal(all[1 - given].name, "laptop");
    assert_true(all[given].admin);
    assert_false(all[1 - given].admin);
    assert_false(bn_jobs_is_admin(self->jobs, laptop_id));
    assert_true(bn_jobs_is_admin(self->jobs, "my"));
    assert_false(bn_jobs_is_admin(self->jobs, ""));
    free(all);
}

static void keys_open_the_door_until_they_are_revoked(void **state)
{
    rig *self = *state;
    bn_error err = {0};
    char key[BN_KEY_CHARS], other[BN_KEY_CHARS], header[BN_KEY_CHARS + 10], id[BN_KEY_ID_CHARS];
    bn_keys_home home;
    bn_key_facts facts;
    bn_credential shown;
    assert_false(bn_jobs_has_keys(self->jobs));
    assert_int_equal(bn_jobs_authorize(self->jobs, NULL, id, &shown), BN_AUTH_OK);
    rig_keys_home(self, &home);
    assert_ok(bn_keys_make(&home, "given", "my:secret-text", NULL, true, other, NULL, &err), err);
    assert_int_equal(bn_keys_make(&home, "again", "my:other-text", NULL, false, other, NULL, &err),
                     BIREFNET_ERROR_ARGUMENT);
    rig_make_key(self, "laptop", NULL, key, &facts);
    assert_true(bn_jobs_has_keys(self->jobs));
    check_fields(self, key, facts.id);
    if (!home.store) check_keys_file(self, key);
    check_list(self, &home, facts.id);

    char token[BN_TOKEN_CHARS];
    int64_t expires_ms;
    assert_ok(bn_jobs_token_make(self->jobs, BN_TOKEN_UPLOAD, facts.id, 60, token, &expires_ms, &err), err);
    assert_int_equal(expires_ms, 1700000000000 + 60000);
    assert_int_equal(bn_jobs_token_check(self->jobs, BN_TOKEN_UPLOAD, token, id), BN_AUTH_OK);
    assert_string_equal(id, facts.id);
    assert_int_not_equal(bn_jobs_token_check(self->jobs, BN_TOKEN_STREAM, token, id), BN_AUTH_OK);
    snprintf(header, sizeof header, "Bearer %s", token);
    assert_int_equal(bn_jobs_authorize(self->jobs, header, id, &shown), BN_AUTH_OK);
    assert_int_equal(shown, BN_CREDENTIAL_UPLOAD_TOKEN);
    snprintf(header, sizeof header, "Bearer %s", key);
    assert_int_equal(bn_jobs_authorize(self->jobs, header, id, &shown), BN_AUTH_OK);
    assert_int_equal(shown, BN_CREDENTIAL_KEY);
    token[3] ^= 1;
    assert_int_not_equal(bn_jobs_token_check(self->jobs, BN_TOKEN_UPLOAD, token, id), BN_AUTH_OK);
    token[3] ^= 1;

    rig_revoke_key(self, facts.id);
    assert_int_equal(bn_keys_revoke(&home, "laptop", &err), BIREFNET_ERROR_NOT_FOUND);
    assert_int_equal(bn_jobs_authorize(self->jobs, header, id, &shown), BN_AUTH_UNKNOWN);
    assert_int_not_equal(bn_jobs_token_check(self->jobs, BN_TOKEN_UPLOAD, token, id), BN_AUTH_OK);
    rig_revoke_key(self, "my");
    bn_store_close(&home.store);
    assert_false(bn_jobs_is_admin(self->jobs, "my"));
    assert_int_equal(bn_jobs_authorize(self->jobs, NULL, id, &shown), BN_AUTH_NONE); /* the door stays shut */
    assert_ok(bn_jobs_token_make(self->jobs, BN_TOKEN_STREAM, "", 60, token, &expires_ms, &err), err);
    atomic_fetch_add(&self->now_ms, 60000);
    assert_int_not_equal(bn_jobs_token_check(self->jobs, BN_TOKEN_STREAM, token, id), BN_AUTH_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_rig, end_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_open_the_door_until_they_are_revoked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
