/* test_base.c - errors, capped buffers, files, seeded numbers. */
#include "tests/test.h"

#include "base/buffer.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/seeded.h"
#include "base/visible.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static void buffer_stops_at_its_maximum(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer buffer;
    bn_buffer_init(&buffer, 1000);
    for (int i = 0; i < 10; i++) assert_ok(bn_buffer_append(&buffer, "0123456789", 10, &err), err);
    assert_ok(bn_buffer_printf(&buffer, &err, "%0*d", 900, 7), err);
    assert_int_equal(buffer.size, 1000);
    assert_int_equal(bn_buffer_append(&buffer, "x", 1, &err), BIREFNET_ERROR_LIMIT);
    assert_int_equal(buffer.size, 1000);
    assert_int_equal(buffer.data[999], '7');
    assert_int_equal(buffer.data[1000], 0);
    bn_buffer_free(&buffer);
}

static void error_keeps_context_in_front(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_fail(&err, BIREFNET_ERROR_FORMAT, "byte %d is wrong", 7);
    assert_int_equal(bn_error_prefix(&err, err.status, "photo %s", "a.jpg"), BIREFNET_ERROR_FORMAT);
    assert_string_equal(err.message, "photo a.jpg: byte 7 is wrong");
    char huge[4000];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    bn_fail(&err, BIREFNET_ERROR_FORMAT, "%s", huge);
    bn_error_prefix(&err, err.status, "front");
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_memory_equal(err.message, "front: xxx", 10);
    assert_int_equal(bn_fail(NULL, BIREFNET_ERROR_IO, "nobody listens"), BIREFNET_ERROR_IO);
}

static void assert_one_line_of_text(const char *message, const char *expected)
{
    char copy[sizeof((bn_error *)0)->message];
    snprintf(copy, sizeof copy, "%s", message);
    bn_make_visible(copy, strlen(copy));
    assert_string_equal(message, copy);
    assert_string_equal(message, expected);
}

static void hear(void *user, birefnet_log_level level, const char *line)
{
    assert_int_equal(level, BIREFNET_LOG_INFO);
    snprintf(user, 100, "%s", line);
}

/* birefnet.h: one line, UTF-8; names of files and of tensors are whatever somebody wrote into them. */
static void messages_are_one_line_of_text(void **state)
{
    (void)state;
    static const char name[] = "a\nb\033[31m\xff.pth";
    bn_error err = {0};
    bn_fail(&err, BIREFNET_ERROR_FORMAT, "%s is broken", name);
    assert_one_line_of_text(err.message, "a?b?[31m?.pth is broken");
    bn_error_prefix(&err, err.status, "%s", name);
    assert_one_line_of_text(err.message, "a?b?[31m?.pth: a?b?[31m?.pth is broken");
    bn_fail_errno(&err, ENOENT, "cannot open %s", name);
    assert_one_line_of_text(err.message, "cannot open a?b?[31m?.pth: No such file or directory");
    char line[100];
    bn_log_line(&(bn_log){hear, line}, BIREFNET_LOG_INFO, "model %s", name);
    assert_one_line_of_text(line, "model a?b?[31m?.pth");

    /* what is too long is not cut off within a letter */
    char letters[4001];
    for (size_t i = 0; i < 2000; i++) memcpy(letters + 2 * i, "\xc3\xa4", 3);
    bn_fail(&err, BIREFNET_ERROR_FORMAT, "%s", letters);
    char expected[2048];
    snprintf(expected, sizeof expected, "%.2046s?", letters);
    assert_one_line_of_text(err.message, expected);
}

static int entries_of(const char *folder)
{
    DIR *listing = opendir(folder);
    int count = 0;
    while (readdir(listing)) count++;
    closedir(listing);
    return count - 2;
}

static void files_are_written_whole_or_not_at_all(void **state)
{
    (void)state;
    bn_error err = {0};
    char folder[] = "/tmp/bn-base-XXXXXX", path[256];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/deep/er", folder);
    assert_ok(bn_folder_make(path, &err), err);
    snprintf(path, sizeof path, "%s/deep/er/file", folder);
    assert_ok(bn_file_write_atomic(path, "hello", 5, &err), err);
    assert_int_equal(bn_file_write_atomic("/nonexistent/file", "x", 1, &err), BIREFNET_ERROR_NOT_FOUND);

    bn_buffer buffer;
    bn_buffer_init(&buffer, 5);
    assert_ok(bn_file_read(path, &buffer, &err), err);
    assert_string_equal((char *)buffer.data, "hello");
    bn_buffer_free(&buffer);
    bn_buffer_init(&buffer, 4);
    assert_int_equal(bn_file_read(path, &buffer, &err), BIREFNET_ERROR_LIMIT);
    bn_buffer_free(&buffer);
    assert_int_equal(bn_file_read(folder, &buffer, &err), BIREFNET_ERROR_IO);
    bn_buffer_free(&buffer);

    bn_mapping mapping = {0};
    assert_ok(bn_file_map(path, &mapping, &err), err);
    assert_memory_equal(mapping.data, "hello", 5);
    bn_file_unmap(&mapping);

    /* a rename onto a folder fails: the temporary file must be gone */
    snprintf(path, sizeof path, "%s/deep", folder);
    assert_int_equal(bn_file_write_atomic(path, "x", 1, &err), BIREFNET_ERROR_IO);
    assert_int_equal(entries_of(folder), 1);
    char command[300];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* A temporary file lies beside it for a moment, whose name may be no longer. */
static void files_of_the_longest_names_are_written(void **state)
{
    (void)state;
    bn_error err = {0};
    char folder[] = "/tmp/bn-base-XXXXXX", path[64 + NAME_MAX], command[64];
    assert_non_null(mkdtemp(folder));
    for (int length = NAME_MAX - 10; length <= NAME_MAX; length++) {
        snprintf(path, sizeof path, "%s/%0*d", folder, length, 7);
        assert_ok(bn_file_write_atomic(path, "x", 1, &err), err);
    }
    assert_int_equal(entries_of(folder), 11);
    snprintf(path, sizeof path, "%s/%0*d", folder, NAME_MAX + 1, 7);
    assert_int_equal(bn_file_write_atomic(path, "x", 1, &err), BIREFNET_ERROR_IO);
    assert_int_equal(entries_of(folder), 11);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* Values from the reference's uniform("input.1", ..., 4) and a scaled tensor. */
/* The linker leads calls of open here: a file system without files that have no name. */
static bool without_nameless;
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (without_nameless && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return __real_open(path, flags, mode);
}

/* And those of fsync: whether the last one was of a folder. */
static bool folder_came_last;
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    struct stat facts;
    folder_came_last = fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode);
    return __real_fsync(fd);
}

static void a_secret_is_on_the_disk_under_its_name(void **state)
{
    (void)state;
    bn_error err = {0};
    char folder[] = "/tmp/bn_base_XXXXXX", path[100];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/keys", folder);
    folder_came_last = false;
    assert_ok(bn_file_write_private(path, "x", 1, &err), err);
    assert_true(folder_came_last);
    assert_int_equal(unlink(path) | rmdir(folder), 0);
}

static void files_without_a_name_are_had_everywhere(void **state)
{
    (void)state;
    char folder[] = "/tmp/bn-base-XXXXXX", text[6] = "";
    assert_non_null(mkdtemp(folder));
    for (int without = 0; without < 2; without++) {
        without_nameless = without;
        const int fd = bn_file_open_nameless(folder);
        without_nameless = false;
        assert_true(fd >= 0);
        assert_int_equal(entries_of(folder), 0);
        assert_int_equal(pwrite(fd, "hello", 5, 0), 5);
        assert_int_equal(pread(fd, text, 5, 0), 5);
        assert_string_equal(text, "hello");
        close(fd);
    }
    rmdir(folder);
}

static void secrets_are_the_owners_alone(void **state)
{
    (void)state;
    bn_error err = {0};
    struct stat facts;
    char folder[] = "/tmp/bn-base-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    const mode_t before = umask(0);
    assert_ok(bn_file_write_private(path, "secret", 6, &err), err);
    assert_int_equal(umask(before), 0); /* which is the process's, and stays as it is */
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    unlink(path);
    rmdir(folder);
}

static void seeded_numbers_match_the_reference(void **state)
{
    (void)state;
    float whole[64], part[32];
    bn_seeded_fill("bb.alpha.bias", 21, 0, 1, 0, whole, 64);
    bn_seeded_fill("bb.alpha.bias", 21, 32, 1, 0, part, 32);
    assert_memory_equal(whole + 32, part, sizeof part);
    for (int i = 0; i < 64; i++) assert_true(whole[i] >= -1 && whole[i] < 1);
    assert_int_equal(bn_fnv1a64("", 0), 0xcbf29ce484222325u);
    assert_int_equal(bn_fnv1a64("a", 1), 0xaf63dc4c8601ec8cu);
}

static void cpu_facts_make_sense(void **state)
{
    (void)state;
    assert_true(bn_cpu_threads() >= 1);
    for (bn_isa isa = BN_ISA_PLAIN; isa <= BN_ISA_AVX512_BF16; isa++) {
        bn_isa again;
        assert_true(bn_isa_from_name(bn_isa_name(isa), &again));
        assert_int_equal(isa, again);
    }
    assert_true(bn_peak_rss_bytes() > 100000);
}

static void put(const char *folder, const char *name, const char *text)
{
    bn_error err = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(bn_file_write_atomic(path, text, strlen(text), &err), err);
}

static void quotas_of_control_groups_are_found(void **state)
{
    (void)state;
    bn_error err = {0};
    char root[] = "/tmp/bn-cgroup-XXXXXX", path[256], membership[256];
    assert_non_null(mkdtemp(root));
    snprintf(membership, sizeof membership, "%s/membership", root);
    snprintf(path, sizeof path, "%s/system.slice/birefnet.service", root);
    assert_ok(bn_folder_make(path, &err), err);
    assert_true(bn_cgroup_cpus(root, membership) == 0);
    put(root, "membership", "0::/system.slice/birefnet.service\n");
    assert_true(bn_cgroup_cpus(root, membership) == 0);
    put(path, "cpu.max", "max 100000\n");
    assert_true(bn_cgroup_cpus(root, membership) == 0);
    put(path, "cpu.max", "250000 100000\n");
    assert_true(bn_cgroup_cpus(root, membership) == 2.5);
    put(root, "system.slice/cpu.max", "150000 100000\n"); /* a group above allows less */
    assert_true(bn_cgroup_cpus(root, membership) == 1.5);
    put(root, "cpu.max", "100000 100000\n"); /* what a container sees as its root */
    assert_true(bn_cgroup_cpus(root, membership) == 1);
    char command[300];
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

/* What oneDNN would start in each item of a loop. */
static void note_threads(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const int found = bn_parallel_set_threads(1);
    bn_parallel_set_threads(found);
    for (size_t i = begin; i < end; i++) ((int *)context)[i] = found;
}

static void loops_of_any_length_run_oneDNN_on_one_thread(void **state)
{
    (void)state;
    const int before = bn_parallel_set_threads(4); /* as a session of four threads does */
    for (int threads = 1; threads <= 4; threads++)
        for (size_t count = 0; count <= 5; count++)
            for (int single = 0; single < 2; single++) {
                int found[5] = {0};
                (single ? bn_parallel_items : bn_parallel_for)(threads, count, note_threads, found);
                for (size_t i = 0; i < count; i++) assert_int_equal(found[i], 1);
                for (size_t i = count; i < 5; i++) assert_int_equal(found[i], 0);
                assert_int_equal(bn_parallel_set_threads(4), 4); /* and the caller's setting is what it was */
            }
    bn_parallel_set_threads(before);
}

static void note_thread(void *context, size_t begin, size_t end, int thread)
{
    (void)begin;
    (void)end;
    ((atomic_char *)context)[thread] = 1;
}

static void no_more_threads_are_started_than_may_be(void **state)
{
    (void)state;
    enum { MANY = 60000 }; /* where the system has no more, libgomp would end the process */
    static atomic_char started[MANY];
    bn_parallel_for(MANY, MANY, note_thread, started);
    bn_parallel_items(MANY, MANY, note_thread, started);
    assert_true(started[0]);
    for (int i = BN_MAX_THREADS; i < MANY; i++) assert_false(started[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_stops_at_its_maximum),
        cmocka_unit_test(error_keeps_context_in_front),
        cmocka_unit_test(messages_are_one_line_of_text),
        cmocka_unit_test(files_are_written_whole_or_not_at_all),
        cmocka_unit_test(files_of_the_longest_names_are_written),
        cmocka_unit_test(a_secret_is_on_the_disk_under_its_name),
        cmocka_unit_test(files_without_a_name_are_had_everywhere),
        cmocka_unit_test(secrets_are_the_owners_alone),
        cmocka_unit_test(seeded_numbers_match_the_reference),
        cmocka_unit_test(cpu_facts_make_sense),
        cmocka_unit_test(quotas_of_control_groups_are_found),
        cmocka_unit_test(loops_of_any_length_run_oneDNN_on_one_thread),
        cmocka_unit_test(no_more_threads_are_started_than_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
