/* test_stack.c - what a run takes of the stack of the thread that calls: programs run sessions on threads with small ones. */
#include "tests/test.h"

#include <birefnet.h>

#include <pthread.h>
#include <sys/mman.h>

#define SIDE        64
#define STACK_BYTES ((size_t)128 << 10)
#define GUARD_BYTES ((size_t)1 << 20) /* no frame steps over it */

static void *run(void *user)
{
    static unsigned char rgb[3 * SIDE * SIDE], matte[SIDE * SIDE];
    static birefnet_error error;
    const birefnet_session_options options = {.width = SIDE, .height = SIDE, .threads = 1};
    birefnet_model *model = NULL;
    birefnet_session *session = NULL;
    if (birefnet_model_open(user, NULL, &model, &error) == BIREFNET_OK &&
        birefnet_session_open(model, &options, &session, &error) == BIREFNET_OK)
        birefnet_session_matte(session, rgb, SIDE, SIDE, 3 * SIDE, matte, SIDE, &error);
    birefnet_session_close(&session);
    birefnet_model_close(&model);
    return &error;
}

static void a_small_stack_is_enough(void **state)
{
    (void)state;
    static const char *const networks[] = {"seeded:gen3-pvt_v2_b0:7", "seeded:gen3-swin_v1_t:4"};
    char *memory = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    assert_int_equal(mprotect(memory + GUARD_BYTES, STACK_BYTES, PROT_READ | PROT_WRITE), 0);
    pthread_attr_t small;
    pthread_attr_init(&small);
    assert_int_equal(pthread_attr_setstack(&small, memory + GUARD_BYTES, STACK_BYTES), 0);
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        pthread_t thread;
        void *error = NULL;
        assert_int_equal(pthread_create(&thread, &small, run, (void *)(uintptr_t)networks[i]), 0);
        pthread_join(thread, &error);
        assert_ok(((birefnet_error *)error)->status, *(birefnet_error *)error);
    }
    pthread_attr_destroy(&small);
    munmap(memory, GUARD_BYTES + STACK_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_small_stack_is_enough)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
