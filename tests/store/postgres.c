/* postgres.c - see postgres.h. */
#include "tests/store/postgres.h"

#include "store/store.h"
#include "tests/test.h"

#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

extern char **environ;

const char *test_postgres_address(void)
{
    const char *address = getenv("BN_TEST_STORE");
    if (address && strncmp(address, "postgresql:", 11) == 0) return address;
    printf("skipped: BN_TEST_STORE names no database (scripts/services.sh run postgres COMMAND)\n");
    exit(77);
}

bool test_postgres_run(const char *sql)
{
    char address[500], words[2000];
    snprintf(address, sizeof address, "%s", test_postgres_address());
    snprintf(words, sizeof words, "%s", sql);
    char *const argv[] = {"psql", "-X",  "-q", "-o", "/dev/null", "-d", address, "-v", "ON_ERROR_STOP=1",
                          "-c",   words, NULL};
    pid_t child;
    int code = -1;
    if (posix_spawnp(&child, argv[0], NULL, NULL, argv, environ) != 0) return false;
    return waitpid(child, &code, 0) == child && code == 0;
}

bool test_postgres_disconnect(void)
{
    return test_postgres_run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user"
        " AND datname = current_database() AND pid <> pg_backend_pid()");
}

void test_postgres_empty(void)
{
    assert_true(test_postgres_run(
        "SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
}

void test_postgres_prepare(void)
{
    bn_error err = {0};
    int from, to;
    test_postgres_empty();
    assert_ok(bn_store_migrate(test_postgres_address(), false, &from, &to, &err), err);
}
