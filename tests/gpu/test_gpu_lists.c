/* test_gpu_lists.c - when the parts of lists of calls are handed over, and when somebody waits for them. */
#include "gpu/gpu.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/gpu/device.h"
#include "tests/gpu/driver.h"

enum { COUNT = 300 };

/* A list that copies its numbers from the host, computes, and copies them back. */
typedef struct slot {
    bn_gpu_buffer *arena, *host; /* the arena is shared */
    bn_gpu_list *list;
    float *sent, *got;
} slot;

static void open_slot(bn_gpu *gpu, bn_gpu_buffer *arena, int seed, slot *made)
{
    bn_error err = {0};
    void *memory = NULL;
    made->arena = arena;
    assert_int_equal(bn_gpu_host_create(gpu, 2 * COUNT * sizeof(float), &made->host, &memory, &err), 0);
    made->sent = memory;
    made->got = made->sent + COUNT;
    for (int i = 0; i < COUNT; i++) made->sent[i] = (float)(seed * 1000 + i), made->got[i] = 0;
    assert_int_equal(bn_gpu_list_create(gpu, &made->list, &err), BIREFNET_OK);
    const bn_gpu_call call = {.kernel = BN_GPU_COPY,
                              .groups = {(COUNT + 255) / 256, 1, 1},
                              .span = {{arena, 0}, {arena, COUNT * sizeof(float)}},
                              .number = {COUNT, 1, 1, 1}};
    assert_int_equal(bn_gpu_list_call(made->list, &call, &err), BIREFNET_OK);
    assert_int_equal(bn_gpu_list_end(made->list, &err), BIREFNET_OK);
}

static void begin_slot(slot *one)
{
    const size_t bytes = COUNT * sizeof(float);
    const bn_gpu_copy before = {.from = one->host, .to = one->arena, .bytes = bytes},
                      behind = {.from = one->arena,
                                .from_offset = bytes,
                                .to = one->host,
                                .to_offset = bytes,
                                .bytes = bytes};
    const bn_gpu_errand errand = {.before = &before, .before_count = 1, .behind = &behind, .behind_count = 1};
    bn_error err = {0};
    assert_int_equal(bn_gpu_list_begin(one->list, &errand, &err), BIREFNET_OK);
    assert_int_equal(bn_gpu_list_begin(one->list, &errand, &err), BIREFNET_ERROR_INTERNAL); /* it runs */
}

/* The next picture is handed over before anybody waits for the one that computes, in the same work space. */
static void test_two_slots(void **state)
{
    (void)state;
    bn_gpu *gpu = test_device_open();
    bn_gpu_buffer *arena = NULL;
    bn_error err = {0};
    slot slots[2];
    assert_int_equal(bn_gpu_buffer_create(gpu, 2 * COUNT * sizeof(float), &arena, &err), BIREFNET_OK);
    for (int i = 0; i < 2; i++) open_slot(gpu, arena, i + 1, &slots[i]);
    for (int run = 0; run < 3; run++) {
        test_driver.submits = test_driver.waits = 0;
        const double start = bn_clock_ms();
        begin_slot(&slots[0]);
        begin_slot(&slots[1]);
        const double both_ms = bn_clock_ms() - start;
        assert_int_equal(test_driver.submits, 6); /* copies, a part, copies, twice */
        assert_int_equal(test_driver.waits, 0);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(bn_gpu_list_wait(slots[i].list, &err), BIREFNET_OK);
            if (run == 2 && i == 0)
                print_message("both handed over after %.3f ms, the first read after %.3f ms\n", both_ms,
                              bn_clock_ms() - start);
            assert_memory_equal(slots[i].got, slots[i].sent, COUNT * sizeof(float));
            for (int k = 0; k < COUNT; k++) slots[i].sent[k] += 1;
        }
        assert_int_equal(bn_gpu_list_wait(slots[0].list, &err), BIREFNET_ERROR_INTERNAL);
    }
    for (int i = 0; i < 2; i++) {
        bn_gpu_list_destroy(&slots[i].list);
        bn_gpu_buffer_destroy(&slots[i].host);
    }
    bn_gpu_buffer_destroy(&arena);
    bn_gpu_close(&gpu);
    assert_int_equal(test_driver.living, 0);
}

/* ---- how far ahead ------------------------------------------------------------------------------------------------------ */

enum { PARTS = 8 };

static void open_parts(bn_gpu *gpu, bn_gpu_buffer *buffer, bn_gpu_list **list)
{
    bn_error err = {0};
    const bn_gpu_call call = {.kernel = BN_GPU_COPY,
                              .groups = {(COUNT + 255) / 256, 1, 1},
                              .span = {{buffer, 0}, {buffer, COUNT * sizeof(float)}},
                              .number = {COUNT, 1, 1, 1}};
    assert_int_equal(bn_gpu_list_create(gpu, list, &err), BIREFNET_OK);
    for (int i = 0; i < PARTS; i++) {
        assert_int_equal(bn_gpu_list_part(*list, "copy", &err), BIREFNET_OK);
        assert_int_equal(bn_gpu_list_call(*list, &call, &err), BIREFNET_OK);
    }
    assert_int_equal(bn_gpu_list_end(*list, &err), BIREFNET_OK);
}

/* Waits while a list is handed over whose parts take `ticks` of the device's clock the next time. */
static long waits_of(bn_gpu_list *list, uint64_t ticks)
{
    bn_error err = {0};
    const bn_gpu_errand errand = {0};
    test_driver.waits = 0;
    test_driver.ticks = ticks;
    assert_int_equal(bn_gpu_list_begin(list, &errand, &err), BIREFNET_OK);
    const long waits = test_driver.waits;
    assert_int_equal(bn_gpu_list_wait(list, &err), BIREFNET_OK);
    return waits;
}

/* Two parts are ahead of the device, or as many as it was seen to do in a moment: a fast card never waits for us, and of
 * a slow one little is to be done still when somebody stops. */
static void test_ahead(void **state)
{
    (void)state;
    bn_gpu *gpu = test_device_open();
    bn_gpu_buffer *buffer = NULL;
    bn_gpu_list *list = NULL;
    bn_error err = {0};
    const uint64_t ms = 1000000; /* lavapipe's clock counts nanoseconds */
    assert_int_equal(bn_gpu_buffer_create(gpu, 2 * COUNT * sizeof(float), &buffer, &err), BIREFNET_OK);
    open_parts(gpu, buffer, &list);
    assert_int_equal(waits_of(list, 1), PARTS - 2); /* nobody knows yet what they take */
    assert_int_equal(waits_of(list, 500 * ms), 0);
    assert_int_equal(waits_of(list, 5 * ms), PARTS - 2);
    assert_int_equal(waits_of(list, 0), PARTS - 4); /* four of 5 ms are 20 ms */
    bn_gpu_list_destroy(&list);
    bn_gpu_buffer_destroy(&buffer);
    bn_gpu_close(&gpu);
    test_driver.ticks = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_slots),
        cmocka_unit_test(test_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
