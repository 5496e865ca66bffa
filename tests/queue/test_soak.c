/* test_soak.c - 2,000 requests: resident memory ends within 5 % of what it was after 100, and statuses are quick meanwhile. */
#include "tests/test.h"

#include "tests/queue/rig.h"

#include "base/clock.h"

#include <sys/resource.h>
#include <unistd.h>

#define REQUESTS 2000
#define WARM     100
#define AHEAD    8 /* waiting at a time */

static double resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %llu", &pages), 1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void memory_stays_where_it_was(void **state)
{
    (void)state;
    rig self;
    static char ids[REQUESTS][BN_REQUEST_ID_CHARS];
    double warm = 0, slowest_ms = 0;
    rig_init(&self);
    self.options.file_retention_s = 5; /* files go while others come */
    rig_open(&self);
    char *bodies[4] = {
        rig_body(200, 150, "\"output_mask\":true"), rig_body(64, 300, "\"output_format\":\"webp\""),
        rig_body(320, 240, "\"mask_only\":true,\"sync_mode\":true"), strdup("{\"image_url\":\"data:,x\"}")};
    for (size_t i = 0; i < REQUESTS; i++) {
        rig_submit_body(&self, bodies[i % 4], ids[i]);
        if (i < AHEAD) continue;
        rig_wait(&self, ids[i - AHEAD], BN_REQUEST_COMPLETED);
        bn_error err = {0};
        bn_answer answer;
        bn_request_status status;
        const double start = bn_clock_ms();
        assert_ok(bn_jobs_status(self.jobs, ids[i], true, 0, &status, &err), err);
        const double took_ms = bn_clock_ms() - start;
        if (took_ms > slowest_ms) slowest_ms = took_ms;
        bn_request_status_free(&status);
        bn_jobs_result(self.jobs, ids[i - AHEAD], "http://here", &answer);
        assert_int_equal(answer.code, (i - AHEAD) % 4 == 3 ? 422 : 200);
        bn_answer_free(&answer);
        if (i % 100 == 0) bn_jobs_sweep(self.jobs);
        if (i == WARM) warm = resident_bytes();
    }
    for (size_t i = REQUESTS - AHEAD; i < REQUESTS; i++) rig_wait(&self, ids[i], BN_REQUEST_COMPLETED);
    const double end = resident_bytes();
    print_message("resident after %d: %.1f MB, after %d: %.1f MB (%+.1f %%); slowest status %.2f ms\n", WARM,
                  warm / 1e6, REQUESTS, end / 1e6, 100 * (end - warm) / warm, slowest_ms);
    for (size_t i = 0; i < 4; i++) free(bodies[i]);
    rig_destroy(&self);
    assert_true(end < 1.05 * warm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_stays_where_it_was)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
