/* test_sessions.c - several photos in the network at a time: they run beside each other, give the bytes that one gives
 * alone, and share the models that may be open. */
#include "tests/test.h"

#include "tests/queue/rig.h"

#include "queue/engine.h"

#include <string.h>
#include <unistd.h>

static void open_with_sessions(rig *self, int sessions, int side_px)
{
    rig_close(self);
    self->options.sessions = sessions;
    self->options.threads = 2;
    self->options.network_width = self->options.network_height = side_px;
    rig_open(self);
}

/* Its logs say that the network has begun, and it has not ended. */
static bool computes(rig *self, const char *id)
{
    bn_error err = {0};
    bn_request_status status;
    assert_ok(bn_jobs_status(self->jobs, id, true, 0, &status, &err), err);
    assert_true(status.state != BN_REQUEST_COMPLETED);
    const bool begun = status.logs && strstr(status.logs, "at 512 x 512") != NULL;
    bn_request_status_free(&status);
    return begun;
}

static void two_photos_are_in_the_network_at_a_time(void **state)
{
    rig *self = *state;
    char ids[2][BN_REQUEST_ID_CHARS];
    open_with_sessions(self, 2, 512);
    char *body = rig_body(30, 30, "");
    for (int i = 0; i < 2; i++) rig_submit_body(self, body, ids[i]);
    free(body);
    while (!computes(self, ids[0]) || !computes(self, ids[1])) continue;
    /* each is stopped by itself */
    assert_int_equal(bn_jobs_cancel(self->jobs, ids[1], false), BN_CANCEL_REQUESTED);
    rig_wait(self, ids[1], BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(self, ids[1]).code, 499);
    rig_wait(self, ids[0], BN_REQUEST_COMPLETED);
    assert_int_equal(rig_status(self, ids[0]).code, 200);
}

static void sessions_give_the_same_bytes(void **state)
{
    enum { PHOTOS = 6 };
    rig *self = *state;
    char ids[PHOTOS][BN_REQUEST_ID_CHARS], etags[2][PHOTOS][33];
    for (int sessions = 1; sessions <= 2; sessions++) {
        open_with_sessions(self, sessions, 64);
        for (int i = 0; i < PHOTOS; i++) {
            char *body = rig_body(40 + 10 * i, 50, "\"output_format\":\"png\"");
            rig_submit_body(self, body, ids[i]);
            free(body);
        }
        for (int i = 0; i < PHOTOS; i++) rig_result_etag(self, ids[i], etags[sessions - 1][i]);
    }
    for (int i = 0; i < PHOTOS; i++) assert_string_equal(etags[0][i], etags[1][i]);
    assert_string_not_equal(etags[0][0], etags[0][1]);
}

/* ---- the engine alone ---- */

typedef struct visit {
    bn_engine *engine;
    const char *model;
    bool got;
} visit;

static void *take_other_seat(void *user)
{
    visit *self = user;
    bn_error err = {0};
    bn_engine_answer answer;
    self->got = bn_engine_get(self->engine, 1, self->model, 64, 64, &answer, &err) == BIREFNET_OK;
    bn_engine_leave(self->engine, 1);
    return NULL;
}

static bool visit_other_seat(bn_engine *engine, const char *model)
{
    visit other = {.engine = engine, .model = model};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_other_seat, &other), 0);
    pthread_join(thread, NULL);
    return other.got;
}

/* Where one may be open, a seat that wants another waits until nobody uses it. */
static void a_model_in_use_is_not_closed(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_engine *engine;
    bn_engine_answer first, again;
    pthread_t thread;
    const bn_engine_options options = {.max_models = 1, .seats = 2, .threads = 1};
    assert_ok(bn_engine_create(&options, &engine, &err), err);
    assert_ok(bn_engine_get(engine, 0, SEEDED, 64, 64, &first, &err), err);
    assert_true(visit_other_seat(engine, SEEDED)); /* the same one is shared */
    visit other = {.engine = engine, .model = "seeded:gen3-pvt_v2_b0:8"};
    assert_int_equal(pthread_create(&thread, NULL, take_other_seat, &other), 0);
    birefnet_session_info info; /* the session is there still, whatever the other thread has done by now */
    birefnet_session_get_info(first.session, &info);
    assert_int_equal(info.width, 64);
    bn_engine_leave(engine, 0);
    pthread_join(thread, NULL);
    assert_true(other.got);
    assert_int_equal(bn_engine_open_models(engine), 1);
    assert_ok(bn_engine_get(engine, 0, "seeded:gen3-pvt_v2_b0:8", 64, 64, &again, &err), err);
    assert_int_equal(bn_engine_get(engine, 0, "seeded:no such thing:1", 64, 64, &again, &err) == BIREFNET_OK,
                     0);
    bn_engine_leave(engine, 0);
    bn_engine_destroy(&engine);
}

static void count_opening(void *user, const char *weights)
{
    (void)weights;
    ++*(int *)user;
}

/* Devices have models of their own, and one that was lost is opened anew: "" and "cpu" are two names of one here. */
static void each_device_has_its_models(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_engine *engine;
    bn_engine_answer first, second;
    int opened[2] = {0};
    const bn_engine_options options = {.max_models = 1,
                                       .seats = 2,
                                       .threads = 1,
                                       .device = {"", "cpu"},
                                       .opening = count_opening,
                                       .seat_users = {&opened[0], &opened[1]}};
    assert_ok(bn_engine_create(&options, &engine, &err), err);
    assert_ok(bn_engine_get(engine, 0, SEEDED, 64, 64, &first, &err), err);
    assert_ok(bn_engine_get(engine, 1, SEEDED, 64, 64, &second, &err), err);
    assert_int_equal(bn_engine_open_models(engine), 2);
    bn_engine_lost(engine, 0);
    assert_ok(bn_engine_get(engine, 0, SEEDED, 64, 64, &first, &err), err);
    assert_ok(bn_engine_get(engine, 1, SEEDED, 64, 64, &second, &err), err);
    assert_int_equal(opened[0], 2);
    assert_int_equal(opened[1], 1);
    assert_int_equal(bn_engine_open_models(engine), 2);
    bn_engine_leave(engine, 0);
    bn_engine_leave(engine, 1);
    bn_engine_destroy(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(two_photos_are_in_the_network_at_a_time),
        RIG_TEST(sessions_give_the_same_bytes),
        cmocka_unit_test(a_model_in_use_is_not_closed),
        cmocka_unit_test(each_device_has_its_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
