/* test_fork.c - a program that has run the network, on several threads, and forks: its child opens its own and runs it. */
#include "tests/test.h"

#include <birefnet.h>

#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIDE 64

typedef struct opened {
    birefnet_model *model;
    birefnet_session *session;
} opened;

static bool run(const opened *own, unsigned char *matte, birefnet_error *error)
{
    unsigned char rgb[3 * SIDE * SIDE];
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (unsigned char)(i * 7);
    return birefnet_session_matte(own->session, rgb, SIDE, SIDE, 3 * SIDE, matte, SIDE, error) == BIREFNET_OK;
}

static bool open_and_run(opened *own, unsigned char *matte, birefnet_error *error)
{
    const birefnet_session_options options = {.width = SIDE, .height = SIDE, .threads = 2};
    return birefnet_model_open("seeded:gen3-pvt_v2_b0:7", NULL, &own->model, error) == BIREFNET_OK &&
           birefnet_session_open(own->model, &options, &own->session, error) == BIREFNET_OK &&
           run(own, matte, error);
}

static void close_all(opened *own)
{
    birefnet_session_close(&own->session);
    birefnet_model_close(&own->model);
}

/* 0: the child's own matte is that of its parent. */
static int in_child(const unsigned char *expected)
{
    opened own = {0};
    birefnet_error error = {0};
    unsigned char matte[SIDE * SIDE];
    alarm(30); /* one that waits for ever ends by a signal */
    if (!open_and_run(&own, matte, &error)) return 1;
    close_all(&own);
    return memcmp(matte, expected, sizeof matte) == 0 ? 0 : 2;
}

static void a_child_makes_its_own(void **state)
{
    (void)state;
    opened own = {0};
    birefnet_error error = {0};
    unsigned char matte[SIDE * SIDE], again[SIDE * SIDE];
    if (!open_and_run(&own, matte, &error)) fail_msg("%s", error.message);
    const pid_t child = fork();
    if (child == 0) _exit(in_child(matte));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) fail_msg("the child ended by signal %d", WTERMSIG(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    if (!run(&own, again, &error)) fail_msg("%s", error.message);
    assert_memory_equal(matte, again, sizeof matte);
    close_all(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_child_makes_its_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
