/* test_postgres.c - the way to PostgreSQL: values, addresses, migrations, and what is tried again when the server goes away. */
#include "tests/store/postgres.h"
#include "tests/test.h"

#include "base/clock.h"
#include "store/postgres_schema.h"
#include "store/postgres_value.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_up(void **state)
{
    bn_error err = {0};
    static bn_postgres_db db;
    test_postgres_empty();
    assert_ok(bn_postgres_db_open(&db, test_postgres_address(), 2, &err), err);
    *state = &db;
    return 0;
}

static int tear_down(void **state)
{
    bn_postgres_db_close(*state);
    return 0;
}

static int64_t number_of(bn_postgres_db *db, const char *sql)
{
    bn_error err = {0};
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    assert_ok(bn_postgres_query(db, &rows, &err, sql, ""), err);
    assert_int_equal(rows.count, 1);
    const int64_t number = bn_rows_int(&rows, 0, 0, &status, &err);
    assert_ok(status, err);
    bn_rows_free(&rows);
    return number;
}

static void values_come_back_as_they_went(void **state)
{
    bn_postgres_db *db = *state;
    bn_error err = {0};
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    char text[20], id[37], *copy;
    size_t size;
    static const char blob[] = "a\0\xff\n";
    assert_ok(bn_postgres_query(
                  db, &rows, &err,
                  "SELECT $1::text, $2::bigint, $3::float8, $4::bytea, $5::text, $6::uuid, $7::boolean,"
                  " -3::smallint, -4::int",
                  "tidbtta", "h\xc3\xa9 \xff!", INT64_MIN, 0.1, (const void *)blob, sizeof blob,
                  (const char *)NULL, "01234567-89ab-cdef-0123-456789abcdef"),
              err);
    assert_int_equal(rows.count, 1);
    bn_rows_text(&rows, 0, 0, text, sizeof text);
    assert_string_equal(text, "h\xc3\xa9 ?!"); /* what is no text does not stop a result from being saved */
    assert_true(bn_rows_int(&rows, 0, 1, &status, &err) == INT64_MIN);
    assert_true(bn_rows_double(&rows, 0, 2, &status, &err) == 0.1);
    assert_ok(bn_rows_copy(&rows, 0, 3, &copy, &size, &err), err);
    assert_int_equal(size, sizeof blob);
    assert_memory_equal(copy, blob, sizeof blob);
    free(copy);
    assert_ok(bn_rows_copy(&rows, 0, 4, &copy, &size, &err), err);
    assert_null(copy);
    bn_rows_uuid(&rows, 0, 5, id, &status, &err);
    assert_string_equal(id, "01234567-89ab-cdef-0123-456789abcdef");
    assert_int_equal(bn_rows_int(&rows, 0, 6, &status, &err), 0);
    assert_int_equal(bn_rows_int(&rows, 0, 7, &status, &err), -3);
    assert_int_equal(bn_rows_int(&rows, 0, 8, &status, &err), -4);
    assert_ok(status, err);
    bn_rows_int(&rows, 0, 0, &status, &err); /* a text */
    assert_int_equal(status, BIREFNET_ERROR_FORMAT);
    bn_rows_free(&rows);
}

static void tables_are_made_once_by_whoever_comes(void **state)
{
    bn_postgres_db *db = *state;
    bn_error err = {0};
    int from, to;
    assert_int_equal(bn_postgres_check_schema(db, &err), BIREFNET_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "birefnet migrate"));
    assert_ok(bn_postgres_migrate(db, true, &from, &to, &err), err);
    assert_int_equal(from, 0);
    assert_int_equal(bn_postgres_check_schema(db, &err), BIREFNET_ERROR_FORMAT); /* it only looked */
    assert_ok(bn_postgres_migrate(db, false, &from, &to, &err), err);
    assert_ok(bn_postgres_check_schema(db, &err), err);
    assert_ok(bn_postgres_migrate(db, false, &from, &to, &err), err);
    assert_int_equal(from, to);
}

static void *migrate_too(void *user)
{
    int from, to;
    return bn_postgres_migrate(user, false, &from, &to, NULL) == BIREFNET_OK ? NULL : user;
}

static void two_that_migrate_wait_for_each_other(void **state)
{
    bn_error err = {0};
    bn_postgres_db others[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_ok(bn_postgres_db_open(&others[i], test_postgres_address(), 1, &err), err);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_too, &others[i]), 0);
    for (int i = 0; i < 3; i++) {
        void *fault;
        pthread_join(threads[i], &fault);
        assert_null(fault);
        bn_postgres_db_close(&others[i]);
    }
    assert_ok(bn_postgres_check_schema(*state, &err), err);
}

static void other_tables_are_refused(void **state)
{
    bn_postgres_db *db = *state;
    bn_error err = {0};
    int from, to;
    assert_true(test_postgres_run("CREATE TABLE settings(name text)"));
    assert_int_equal(bn_postgres_migrate(db, false, &from, &to, &err), BIREFNET_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "something else"));
    assert_true(
        test_postgres_run("DROP TABLE settings; CREATE TABLE settings(version int, oldest_program int);"
                          "INSERT INTO settings VALUES(1000, 1)"));
    assert_ok(bn_postgres_check_schema(db, &err), err); /* a newer one that this program may run beside */
    assert_true(test_postgres_run("UPDATE settings SET oldest_program = 1000"));
    assert_int_equal(bn_postgres_check_schema(db, &err), BIREFNET_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "newer program"));
    assert_true(test_postgres_run("UPDATE settings SET version = 0, oldest_program = 0"));
    assert_int_equal(bn_postgres_check_schema(db, &err), BIREFNET_ERROR_FORMAT);
}

/* ---- servers that go away ---- */

static void a_lost_connection_is_no_failure(void **state)
{
    bn_postgres_db *db = *state;
    for (int i = 0; i < 3; i++) {
        number_of(db, "SELECT 1");
        assert_true(test_postgres_disconnect());
        assert_int_equal(number_of(db, "SELECT 7"), 7);
    }
}

/* One that ends its own session the first time that it is run, and says the second time that it was run before. */
static void a_second_try_knows_that_it_is_one(void **state)
{
    bn_postgres_db *db = *state;
    bn_error err = {0};
    bn_rows rows;
    bn_status status = BIREFNET_OK;
    assert_ok(bn_postgres_query(
                  db, &rows, &err,
                  "SELECT $1::boolean, CASE WHEN NOT $1 THEN pg_terminate_backend(pg_backend_pid()) END",
                  "a"),
              err);
    assert_true(rows.again);
    assert_int_equal(bn_rows_int(&rows, 0, 0, &status, &err), 1);
    bn_rows_free(&rows);
}

static void what_is_wrong_is_not_tried_again(void **state)
{
    bn_postgres_db *db = *state;
    bn_error err = {0};
    bn_rows rows;
    db->deadline_ms = 60000;
    const double start_ms = bn_clock_ms();
    assert_int_equal(bn_postgres_query(db, &rows, &err, "SELECT 1 / 0", ""), BIREFNET_ERROR_INTERNAL);
    assert_string_equal(rows.sqlstate, "22012");
    assert_true(bn_clock_ms() - start_ms < 30000);
    assert_int_equal(number_of(db, "SELECT 1"), 1); /* and the connection is as good as before */
}

static void a_statement_has_a_deadline(void **state)
{
    bn_postgres_db *db = *state;
    bn_error err = {0};
    db->deadline_ms = 300;
    assert_int_equal(bn_postgres_query(db, NULL, &err, "SELECT pg_sleep(100)", ""), BIREFNET_ERROR_IO);
    assert_non_null(strstr(err.message, "does not answer"));
    assert_true(atomic_load(&db->failing));
    db->deadline_ms = 5000;
    assert_int_equal(number_of(db, "SELECT 5"), 5);
    assert_false(atomic_load(&db->failing));
}

static void *ask_often(void *user)
{
    for (int i = 0; i < 50; i++)
        if (bn_postgres_query(user, NULL, NULL, "SELECT 1", "") != BIREFNET_OK) return "failed";
    return NULL;
}

static void many_share_few_connections(void **state)
{
    bn_postgres_db *db = *state;
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) assert_int_equal(pthread_create(&threads[i], NULL, ask_often, db), 0);
    for (int i = 0; i < 8; i++) {
        void *fault;
        pthread_join(threads[i], &fault);
        assert_null(fault);
    }
    assert_true(db->open_count <= 2);
    assert_int_equal(db->idle_count, db->open_count);
}

/* ---- addresses ---- */

static void fails_to_open(const char *address, bn_status status, const char *words)
{
    bn_error err = {0};
    bn_postgres_db db;
    assert_int_equal(bn_postgres_db_open(&db, address, 1, &err), status);
    if (!strstr(err.message, words)) fail_msg("%s: %s", address, err.message);
    assert_null(strstr(err.message, "s3cret"));
    assert_null(strchr(err.message, '\n'));
}

/* The address of the test with another word between two marks. */
static void change(const char *before, char end, const char *word, char address[600])
{
    const char *given = test_postgres_address(), *from = strstr(given, before);
    assert_non_null(from);
    from += strlen(before);
    const char *to = strchr(from, end) ? strchr(from, end) : from + strlen(from);
    snprintf(address, 600, "%.*s%s%s", (int)(from - given), given, word, to);
}

static void wrong_addresses_are_told_without_their_password(void **state)
{
    char address[600], user[600];
    (void)state;
    fails_to_open("postgresql://u:s3cret/x@127.0.0.1/db", BIREFNET_ERROR_ARGUMENT, "%2F");
    fails_to_open("postgresql://u:1/s3cret@127.0.0.1/db", BIREFNET_ERROR_ARGUMENT, "%2F");
    fails_to_open("postgresql://u:s3cret@[::1/db", BIREFNET_ERROR_ARGUMENT, "postgresql://USER@HOST");
    fails_to_open("postgresql://127.0.0.1/db?user=u&password=s3cret&sslmod=x", BIREFNET_ERROR_ARGUMENT,
                  "USER@HOST");
    fails_to_open("postgresql://127.0.0.1/db?sslmod=x", BIREFNET_ERROR_ARGUMENT, "sslmod");
    fails_to_open("postgresql://u:s3cret@127.0.0.1:1/db", BIREFNET_ERROR_IO, "refused");
    change("birefnet:", '@', "s3cret", address);
    fails_to_open(address, BIREFNET_ERROR_IO, "authentication failed");
    change("//", ':', "nobody", user);
    fails_to_open(user, BIREFNET_ERROR_IO, "");
    change("127.0.0.1:", '?', "1/x", address);
    fails_to_open(address, BIREFNET_ERROR_IO, "refused");
}

/* A listener that takes connections and never says a word: a host that hangs. */
static int open_mute(uint16_t *port)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof where;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&where, size), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&where, &size), 0);
    *port = ntohs(where.sin_port);
    return fd;
}

static void the_next_host_is_asked_where_one_is_down_or_hangs(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_postgres_db db;
    uint16_t port;
    const int mute = open_mute(&port);
    const char *given = test_postgres_address(), *host = strchr(given, '@') + 1;
    char address[600];
    snprintf(address, sizeof address,
             "%.*s127.0.0.1:1,127.0.0.1:%u,%.*s?target_session_attrs=read-write&connect_timeout=5",
             (int)(host - given), given, port, (int)strcspn(host, "?"), host);
    assert_ok(bn_postgres_db_open(&db, address, 1, &err), err);
    assert_int_equal(number_of(&db, "SELECT 3"), 3);
    bn_postgres_db_close(&db);
    close(mute);
}

/* ---- values, without a database ---- */

static void texts_are_utf8(void **state)
{
    static const struct {
        const char *from, *to;
    } cases[] = {{"plain", NULL},
                 {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", NULL},
                 {"cut \xe2\x82", "cut ??"},
                 {"\xc0\xafoverlong", "??overlong"},
                 {"\xe0\x80\x80", "???"},
                 {"\xed\xa0\x80", "???"},
                 {"\xf4\x90\x80\x80", "????"},
                 {"\xf0\x80\x80\x80", "????"},
                 {"\xff\xc3", "??"},
                 {"\xf4\x8f\xbf\xbf", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bn_error err = {0};
        char *repaired;
        assert_ok(bn_postgres_repair(cases[i].from, &repaired, &err), err);
        if (cases[i].to)
            assert_string_equal(repaired, cases[i].to);
        else
            assert_null(repaired);
        free(repaired);
    }
}

#define DB_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    test_postgres_address();
    const struct CMUnitTest tests[] = {
        DB_TEST(values_come_back_as_they_went),
        DB_TEST(tables_are_made_once_by_whoever_comes),
        DB_TEST(two_that_migrate_wait_for_each_other),
        DB_TEST(other_tables_are_refused),
        DB_TEST(a_lost_connection_is_no_failure),
        DB_TEST(a_second_try_knows_that_it_is_one),
        DB_TEST(what_is_wrong_is_not_tried_again),
        DB_TEST(a_statement_has_a_deadline),
        DB_TEST(many_share_few_connections),
        cmocka_unit_test(wrong_addresses_are_told_without_their_password),
        cmocka_unit_test(the_next_host_is_asked_where_one_is_down_or_hangs),
        cmocka_unit_test(texts_are_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
