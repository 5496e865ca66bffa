/* test_memory.c - every allocation of the measures fails once: the answer is an error, nothing leaks or crashes.
 *
 * The linker puts the functions below in front of libc's (--wrap); run under ASan, leaks end the test. */
#include "tests/test.h"

#include "measure/measure.h"
#include "measure/paired.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);

static long left = -1; /* allocations until one fails; negative: none does */

static int fails(void)
{
    return left >= 0 && left-- == 0;
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails() ? NULL : __real_calloc(count, bytes);
}

static bn_status measure_all(bn_error *err)
{
    enum { SIDE = 17 };
    uint8_t truth[SIDE * SIDE], mask[SIDE * SIDE];
    double differences[SIDE];
    bn_scores scores;
    bn_paired paired;
    for (int i = 0; i < SIDE * SIDE; i++) {
        truth[i] = (uint8_t)(i % SIDE * 15);
        mask[i] = (uint8_t)(i / SIDE * 15);
    }
    const bn_mask_pair pair = {mask, truth, SIDE, SIDE, false};
    BN_TRY(bn_measure_pair(&pair, &scores, err));
    for (int i = 0; i < SIDE; i++) differences[i] = i;
    return bn_paired_interval(differences, SIDE, &paired, err);
}

static void measures_survive_every_failed_allocation(void **state)
{
    (void)state;
    bn_status status = BIREFNET_ERROR_MEMORY;
    long tried = 0;
    for (; status != BIREFNET_OK; tried++) {
        bn_error err = {0};
        left = tried;
        status = measure_all(&err);
        left = -1;
        if (status == BIREFNET_OK) break;
        assert_int_equal(status, BIREFNET_ERROR_MEMORY);
        assert_non_null(strstr(err.message, "cannot allocate"));
        assert_true(tried < 100);
    }
    assert_true(tried >= 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(measures_survive_every_failed_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
