/* test_open.c - what fails when a server or worker is opened is told apart: its folder, a shared store, the place of its files. The
 * exit codes of serve and work hang on it. */
#include "tests/test.h"

#include "tests/queue/rig.h"

#include <stdio.h>
#include <unistd.h>

/* Opening fails while it is at that. */
static void expect_part(rig *self, bn_jobs_part want)
{
    bn_error err = {0};
    bn_jobs *jobs = NULL;
    bn_jobs_part part = BN_JOBS_FOLDER;
    self->options.opening = &part;
    assert_int_not_equal(bn_jobs_open(&self->options, &jobs, &err), BIREFNET_OK);
    self->options.opening = NULL;
    assert_null(jobs);
    assert_int_equal(part, want);
    assert_int_not_equal(err.message[0], '\0');
}

static void what_fails_is_said(void **state)
{
    (void)state;
    rig self;
    char in_a_file[120], store[120], files[120];
    rig_init(&self);
    snprintf(in_a_file, sizeof in_a_file, "%s/file", self.folder);
    fclose(fopen(in_a_file, "w"));
    snprintf(store, sizeof store, "sqlite:%s/jobs.sqlite", in_a_file);
    snprintf(files, sizeof files, "folder:%s", in_a_file);
    self.options.data_folder = in_a_file;
    expect_part(&self, BN_JOBS_FOLDER);
    self.options.data_folder = self.folder;
    self.options.files = files;
    expect_part(&self, BN_JOBS_FILES);
    self.options.store = store;
    expect_part(&self, BN_JOBS_STORE);
    self.options.store = NULL;
    self.options.files = NULL;
    rig_open(&self);
    rig_destroy(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_fails_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
