/* test_line_writer.c - lines for readers that read, do not read, and have gone. */
#include "tests/test.h"

#include "base/line_writer.h"

#include <signal.h>
#include <unistd.h>

#define RING_BYTES 2000

static int say_lost(char *line, size_t size, uint64_t lost)
{
    return snprintf(line, size, "lost %llu\n", (unsigned long long)lost);
}

static bn_line_writer *open_writer(int fd, size_t bytes)
{
    bn_error err = {0};
    bn_line_writer *writer = NULL;
    assert_ok(bn_line_writer_open(fd, bytes, say_lost, &writer, &err), err);
    return writer;
}

static void put_number(bn_line_writer *writer, int number)
{
    char line[32];
    bn_line_writer_put(writer, line, (size_t)snprintf(line, sizeof line, "line %d\n", number));
}

static void lines_come_whole_and_in_order(void **state)
{
    (void)state;
    enum { count = 20000 };
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    bn_line_writer *writer = open_writer(ends[1], (size_t)1 << 20);
    FILE *reader = fdopen(ends[0], "r");
    char line[64], wanted[64];
    for (int i = 0; i < count; i++) put_number(writer, i);
    for (int i = 0; i < count; i++) {
        assert_non_null(fgets(line, sizeof line, reader));
        snprintf(wanted, sizeof wanted, "line %d\n", i);
        assert_string_equal(line, wanted);
    }
    assert_int_equal(bn_line_writer_lost(writer), 0);
    bn_line_writer_close(&writer, 1000);
    assert_null(writer);
    close(ends[1]);
    fclose(reader);
}

/* Read until `count` lines are accounted for: each is there, or is among those that the line at its place says are missing
 * since the start. There may be several such places: the writer's thread takes pieces while lines are put. */
static unsigned long long read_with_gaps(FILE *reader, int count)
{
    char line[64];
    int number, seen = 0;
    unsigned long long said = 0;
    while ((unsigned long long)seen + said < (unsigned long long)count) {
        assert_non_null(fgets(line, sizeof line, reader));
        if (sscanf(line, "lost %llu", &said) == 1) continue;
        assert_int_equal(sscanf(line, "line %d", &number), 1);
        assert_int_equal(number, seen + (int)said);
        seen++;
    }
    return said;
}

static void a_reader_that_does_not_read_holds_up_nobody(void **state)
{
    (void)state;
    enum { count = 50000 };
    int ends[2];
    char line[64], wanted[64];
    assert_int_equal(pipe(ends), 0);
    bn_line_writer *writer = open_writer(ends[1], RING_BYTES);
    for (int i = 0; i < count; i++) put_number(writer, i); /* hangs if it waits */
    const uint64_t lost = bn_line_writer_lost(writer);
    FILE *reader = fdopen(ends[0], "r");
    assert_true(lost > 0);
    assert_int_equal(read_with_gaps(reader, count), lost);
    put_number(writer, count);
    assert_non_null(fgets(line, sizeof line, reader));
    snprintf(wanted, sizeof wanted, "line %d\n", count);
    assert_string_equal(line, wanted);
    bn_line_writer_close(&writer, 1000);
    close(ends[1]);
    fclose(reader);
}

static void closing_does_not_wait_for_it_either(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    bn_line_writer *writer = open_writer(ends[1], RING_BYTES);
    while (bn_line_writer_lost(writer) == 0) put_number(writer, 1);
    bn_line_writer_close(&writer, 10);
    assert_null(writer);
    close(ends[0]);
    close(ends[1]);
}

static void what_nobody_can_read_any_more_is_lost(void **state)
{
    (void)state;
    enum { count = 20 };
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    bn_line_writer *writer = open_writer(ends[1], RING_BYTES);
    for (int i = 0; i < count; i++) put_number(writer, i);
    while (bn_line_writer_lost(writer) < count) continue;
    bn_line_writer_close(&writer, 1000);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_whole_and_in_order),
        cmocka_unit_test(a_reader_that_does_not_read_holds_up_nobody),
        cmocka_unit_test(closing_does_not_wait_for_it_either),
        cmocka_unit_test(what_nobody_can_read_any_more_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
