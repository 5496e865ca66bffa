/* test_folder.c - the data folder of a newer program, and of an older one: what each command says to it, and what it leaves there. */
#include "tests/cli/terminal.h"

#include "base/file.h"
#include "base/size.h"

#include <signal.h>
#include <sqlite3.h>

static cli_result result;

static void execute(sqlite3 *db, const char *sql)
{
    char *words = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &words) != SQLITE_OK) fail_msg("%s", words);
}

/* FOLDER/jobs.sqlite as an older program (version 5 of the tables) left it, without its requests. */
static sqlite3 *make_folder(const char *folder)
{
    bn_error err = {0};
    bn_buffer sql;
    sqlite3 *db;
    char path[100];
    cli_shell("rm -rf '%s' && mkdir -m 700 '%s'", folder, folder);
    snprintf(path, sizeof path, "%s/jobs.sqlite", folder);
    bn_buffer_init(&sql, 1u << 20);
    assert_ok(bn_file_read(BN_SOURCE_DIR "/tests/store/version5.sql", &sql, &err), err);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    execute(db, (const char *)sql.data);
    execute(db, "DELETE FROM requests; DELETE FROM webhooks; PRAGMA journal_mode = WAL");
    bn_buffer_free(&sql);
    return db;
}

/* Names and bytes of all files; SQLite's index of its log (-shm) is memory that processes share. */
static void look(const char *folder, char *text, size_t size)
{
    char script[200];
    snprintf(script, sizeof script,
             "find %s | sort && find %s -type f ! -name '*-shm' -exec sha256sum {} + | sort", folder, folder);
    cli_script(&result, script);
    assert_int_equal(result.code, 0);
    assert_true(result.out_size > 0 && result.out_size < size);
    memcpy(text, result.out, result.out_size + 1);
}

/* The command ends with 14 and one line with the words; the folder stays as it is. */
static void check_refused(const char *folder, const char *words, const char *command)
{
    static char before[10000], after[10000];
    look(folder, before, sizeof before);
    cli_expect(&result, 14, words, "%s", command);
    if (strchr(result.err, '\n') != result.err + strlen(result.err) - 1)
        fail_msg("%s: not one line: %s", command, result.err);
    assert_string_equal(result.out, "");
    look(folder, after, sizeof after);
    if (strcmp(before, after) != 0) fail_msg("%s: %s\nbecame %s", command, before, after);
}

static void refuse_all(void)
{
    static const char *const commands[] = {
        "serve --data newer -l 127.0.0.1:0 --tls-self-signed",
        "serve --data other -l 127.0.0.1:0 --store sqlite:newer/jobs.sqlite",
        "work --data newer",
        "keys add alice --data newer",
        "keys list --data newer",
        "keys revoke alice --data newer",
        "queue --data newer",
        "queue --json --store sqlite:newer/jobs.sqlite",
    };
    for (size_t i = 0; i < BN_COUNT(commands); i++)
        check_refused("newer", "newer program (version 99", commands[i]);
    assert_false(cli_exists("other"));
}

static void a_newer_one_is_refused_and_left_alone(void **state)
{
    (void)state;
    sqlite3 *db = make_folder("newer");
    execute(db, "PRAGMA user_version = 99");
    sqlite3_close(db);
    refuse_all();
}

static void also_where_only_its_log_says_so(void **state)
{
    (void)state;
    sqlite3_close(make_folder("newer"));
    sqlite3 *db;
    assert_int_equal(sqlite3_open("newer/jobs.sqlite", &db), SQLITE_OK);
    execute(db, "PRAGMA user_version = 99"); /* its program runs still, or died */
    assert_true(cli_exists("newer/jobs.sqlite-wal"));
    refuse_all();
    sqlite3_close(db);
}

static void an_older_one_is_migrated_by_who_works_on_it(void **state)
{
    (void)state;
    static terminal screen;
    static char before[10000], after[10000];
    sqlite3_close(make_folder("a b%20?c#d"));
    cli_expect(&result, 14, "version 5, this program needs", "%s", "queue --data 'a b%20?c#d'");
    sqlite3_close(make_folder("older"));
    check_refused("older", "version 5, this program needs", "queue --data older");
    cli_expect(&result, 0, "", "keys list --data older");
    check_refused("older", "version 5, this program needs", "queue --data older");
    terminal_start(&screen, "work --data older");
    assert_true(terminal_await(&screen, "version 5 becomes"));
    assert_true(terminal_await(&screen, "Working on"));
    kill(screen.child, SIGTERM);
    assert_int_equal(terminal_finish(&screen), 0);
    look("older", before, sizeof before);
    cli_expect(&result, 0, "", "queue --data older");
    assert_non_null(strstr(result.out, "0 waiting"));
    look("older", after, sizeof after);
    assert_string_equal(before, after);
    cli_expect(&result, 13, "no server has used", "queue --data none");
    assert_false(cli_exists("none"));
}

static void a_damaged_one_is_refused_with_the_same_code(void **state)
{
    (void)state;
    sqlite3_close(make_folder("damaged"));
    cli_shell(
        "yes damaged | head -c 12288 | dd of=damaged/jobs.sqlite bs=4096 seek=2 conv=notrunc 2>/dev/null");
    cli_expect(&result, 14, "jobs.sqlite: the database", "serve --data damaged -l 127.0.0.1:0");
    cli_expect(&result, 14, "jobs.sqlite: the database",
               "work --data other --store sqlite:damaged/jobs.sqlite");
    cli_shell("echo no database > damaged/jobs.sqlite");
    check_refused("damaged", "file is not a database", "serve --data damaged -l 127.0.0.1:0");
    check_refused("damaged", "file is not a database", "queue --data damaged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newer_one_is_refused_and_left_alone),
        cmocka_unit_test(also_where_only_its_log_says_so),
        cmocka_unit_test(an_older_one_is_migrated_by_who_works_on_it),
        cmocka_unit_test(a_damaged_one_is_refused_with_the_same_code),
    };
    return cmocka_run_group_tests(tests, cli_enter, cli_leave);
}
