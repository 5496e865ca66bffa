/* test_gpu_model.c - whole networks on a graphics card beside the same on the CPU, and the words that choose a device. Larger
 * ones are held to the reference (golden_gpu_*). */
#include "tests/test.h"

#include "base/seeded.h"
#include "base/size.h"
#include "model/model.h"
#include "tests/gpu/device.h"

#include <math.h>
#include <pthread.h>

#define SWIN "seeded:gen3-swin_v1_t:4"
#define PVT  "seeded:gen3-pvt_v2_b0:7"
#define OLD  "seeded:gen1-swin_v1_t:2"

static char said[4096]; /* what the library logged */

static void listen(void *user, birefnet_log_level level, const char *line)
{
    (void)user, (void)level;
    strncat(said, line, sizeof said - strlen(said) - 2);
    strcat(said, "\n");
}

static birefnet_model *open_model(const char *path, const char *device, birefnet_precision precision)
{
    bn_error err = {0};
    birefnet_model *model = NULL;
    said[0] = 0;
    const birefnet_model_options options = {.precision = precision, .device = device, .log = listen};
    assert_ok(birefnet_model_open(path, &options, &model, &err), err);
    return model;
}

static const char *test_device(void)
{
    static char name[16];
    const int index = test_device_index();
    if (index < 0) skip();
    snprintf(name, sizeof name, "gpu:%d", index);
    return name;
}

static float *run_noise(birefnet_model *model, int width, int height, int runs)
{
    bn_error err = {0};
    birefnet_session *session = NULL;
    const birefnet_session_options options = {.width = width, .height = height};
    const size_t pixels = (size_t)width * (size_t)height;
    float *input = test_malloc(sizeof *input * 3 * pixels), *first = test_malloc(sizeof *first * pixels),
          *logits = test_malloc(sizeof *logits * pixels);
    bn_seeded_fill("noise", 1, 0, 1.5f, 0, input, 3 * pixels);
    assert_ok(birefnet_session_open(model, &options, &session, &err), err);
    assert_ok(birefnet_session_run(session, input, first, &err), err);
    for (int i = 1; i < runs; i++) { /* the same bytes each time */
        assert_ok(birefnet_session_run(session, input, logits, &err), err);
        assert_memory_equal(logits, first, sizeof *logits * pixels);
    }
    birefnet_session_close(&session);
    test_free(input);
    test_free(logits);
    return first;
}

static void compare(const char *path, int width, int height, birefnet_precision precision)
{
    const char *device = test_device();
    birefnet_model *gpu = open_model(path, device, precision),
                   *cpu = open_model(path, "cpu", BIREFNET_PRECISION_F32);
    float *got = run_noise(gpu, width, height, 2), *wanted = run_noise(cpu, width, height, 1);
    const size_t pixels = (size_t)width * (size_t)height;
    double worst = 0, sum = 0, sigmoids = 0, agree = 0;
    for (size_t i = 0; i < pixels; i++) {
        const double off = fabs((double)got[i] - wanted[i]);
        if (!(off <= worst)) worst = off;
        sum += off;
        sigmoids += fabs(1 / (1 + exp(-(double)got[i])) - 1 / (1 + exp(-(double)wanted[i])));
        agree += (got[i] > 0) == (wanted[i] > 0);
    }
    print_message("%s %d x %d %s: max %.2e mean %.2e sigmoid-mean %.2e agree %.3f%%\n", path, width, height,
                  birefnet_precision_name(precision), worst, sum / (double)pixels, sigmoids / (double)pixels,
                  100 * agree / (double)pixels);
    if (precision == BIREFNET_PRECISION_F32)
        assert_true(worst <= 2e-3 && sum <= 2e-4 * (double)pixels);
    else
        assert_true(sigmoids <= 2e-3 * (double)pixels && agree >= 0.995 * (double)pixels);
    test_free(got);
    test_free(wanted);
    birefnet_model_close(&gpu);
    birefnet_model_close(&cpu);
}

static void swin_is_the_cpus_in_f32(void **state)
{
    (void)state;
    compare(SWIN, 64, 64, BIREFNET_PRECISION_F32);
    compare(SWIN, 96, 128, BIREFNET_PRECISION_F32);
}

static void swin_is_near_the_cpus_in_f16(void **state)
{
    (void)state;
    compare(SWIN, 96, 128, BIREFNET_PRECISION_F16);
}

static void older_generations_are_the_cpus(void **state)
{
    (void)state;
    compare(OLD, 64, 96, BIREFNET_PRECISION_F32);
}

static void pvt_is_the_cpus(void **state)
{
    (void)state;
    compare(PVT, 64, 64, BIREFNET_PRECISION_F32);
    compare(PVT, 96, 128, BIREFNET_PRECISION_F16);
}

/* Each picture of a batch is what it is alone, to the byte. */
static void pictures_at_once_are_those_alone(void **state)
{
    (void)state;
    enum { SIDE = 64, PIXELS = SIDE * SIDE, PICTURES = 3 };
    bn_error err = {0};
    birefnet_session *all = NULL, *alone = NULL;
    birefnet_model *model = open_model(PVT, test_device(), BIREFNET_PRECISION_F16);
    const birefnet_session_options three = {.width = SIDE, .height = SIDE, .batch = PICTURES},
                                   one = {.width = SIDE, .height = SIDE};
    float *input = test_malloc(sizeof *input * PICTURES * 3 * PIXELS),
          *logits = test_malloc(sizeof *logits * (PICTURES + 1) * PIXELS);
    bn_seeded_fill("noise", 3, 0, 1.5f, 0, input, PICTURES * 3 * PIXELS);
    assert_ok(birefnet_session_open(model, &three, &all, &err), err);
    assert_ok(birefnet_session_open(model, &one, &alone, &err), err);
    assert_ok(birefnet_session_run(all, input, logits, &err), err);
    for (size_t i = 0; i < PICTURES; i++) {
        float *single = logits + (size_t)PICTURES * PIXELS;
        assert_ok(birefnet_session_run(alone, input + i * 3 * PIXELS, single, &err), err);
        assert_memory_equal(logits + i * PIXELS, single, sizeof *single * PIXELS);
    }
    birefnet_session_close(&all);
    birefnet_session_close(&alone);
    birefnet_model_close(&model);
    model = open_model(PVT, "cpu", BIREFNET_PRECISION_F32);
    assert_int_equal(birefnet_session_open(model, &three, &all, &err), BIREFNET_ERROR_ARGUMENT);
    birefnet_model_close(&model);
    test_free(input);
    test_free(logits);
}

/* A thread that runs a session of its own again and again. */
typedef struct runner {
    pthread_t thread;
    birefnet_session *session;
    const float *input, *wanted;
    float *logits;
    size_t pixels;
    int wrong;
} runner;

static void *run_often(void *user)
{
    runner *self = user;
    for (int i = 0; i < 4; i++) {
        bn_error err = {0};
        memset(self->logits, 0, sizeof *self->logits * self->pixels);
        if (birefnet_session_run(self->session, self->input, self->logits, &err) != BIREFNET_OK ||
            memcmp(self->logits, self->wanted, sizeof *self->logits * self->pixels) != 0)
            self->wrong++;
    }
    return NULL;
}

/* Sessions of several threads take turns on the device, share its work space, and do not meet there. */
static void sessions_beside_each_other_do_not_meet(void **state)
{
    (void)state;
    enum { SIDE = 64, PIXELS = SIDE * SIDE, THREADS = 3 };
    bn_error err = {0};
    birefnet_model *model = open_model(PVT, test_device(), BIREFNET_PRECISION_F16);
    float *input = test_malloc(sizeof *input * THREADS * 3 * PIXELS),
          *wanted = test_malloc(sizeof *wanted * THREADS * PIXELS),
          *logits = test_malloc(sizeof *logits * THREADS * PIXELS);
    runner runners[THREADS];
    bn_seeded_fill("noise", 5, 0, 1.5f, 0, input, (size_t)THREADS * 3 * PIXELS);
    const birefnet_session_options size = {.width = SIDE, .height = SIDE};
    for (size_t i = 0; i < THREADS; i++) {
        runners[i] = (runner){.input = input + i * 3 * PIXELS,
                              .wanted = wanted + i * PIXELS,
                              .logits = logits + i * PIXELS,
                              .pixels = PIXELS};
        assert_ok(birefnet_session_open(model, &size, &runners[i].session, &err), err);
        assert_ok(birefnet_session_run(runners[i].session, runners[i].input, wanted + i * PIXELS, &err), err);
    }
    birefnet_session_info info;
    birefnet_session_get_info(runners[0].session, &info);
    assert_int_equal(bn_gpu_packs_arena_bytes(model->device.packs), info.arena_bytes); /* one for all */
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&runners[i].thread, NULL, run_often, &runners[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(runners[i].thread, NULL);
        assert_int_equal(runners[i].wrong, 0);
    }
    for (int i = 0; i < THREADS; i++) birefnet_session_close(&runners[i].session);
    assert_int_equal(bn_gpu_packs_arena_bytes(model->device.packs), 0);
    birefnet_model_close(&model);
    test_free(input);
    test_free(wanted);
    test_free(logits);
}

static void memory_is_known_before_it_is_taken(void **state)
{
    (void)state;
    bn_error err = {0};
    birefnet_model *model = open_model(PVT, test_device(), BIREFNET_PRECISION_AUTO);
    birefnet_session *session = NULL;
    birefnet_session_info counted, info;
    birefnet_model_info whole;
    const birefnet_session_options size = {.width = 96, .height = 64};
    size_t bytes = 0;
    assert_ok(bn_session_estimate(model, &size, &counted, &bytes, &err), err);
    birefnet_model_get_info(model, &whole);
    assert_int_equal(whole.weight_bytes, 0);
    assert_int_equal(whole.precision, BIREFNET_PRECISION_F16);
    assert_ok(birefnet_session_open(model, &size, &session, &err), err);
    birefnet_session_get_info(session, &info);
    birefnet_model_get_info(model, &whole);
    assert_int_equal(whole.weight_bytes, bytes);
    assert_int_equal(info.arena_bytes, counted.arena_bytes);
    assert_int_equal(strncmp(whole.device, "gpu:", 4), 0);
    birefnet_session_close(&session);
    birefnet_model_close(&model);
}

/* Neither weights nor work space have gone to the device when it is said. */
static void what_does_not_fit_takes_nothing(void **state)
{
    (void)state;
    bn_error err = {0};
    birefnet_session *session = NULL;
    birefnet_session_info info;
    size_t bytes = 0;
    birefnet_model *model = open_model("seeded:gen3-swin_v1_l:1", test_device(), BIREFNET_PRECISION_F32);
    const birefnet_session_options large = {.width = 4096, .height = 4096};
    bn_gpu_facts facts;
    assert_ok(bn_session_estimate(model, &large, &info, &bytes, &err), err);
    assert_ok(bn_gpu_describe(model->device.index, &facts, &err), err);
    if (bytes + info.arena_bytes <= facts.free_bytes && info.arena_bytes <= facts.largest_bytes)
        skip(); /* it would fit */
    assert_int_equal(birefnet_session_open(model, &large, &session, &err), BIREFNET_ERROR_MEMORY);
    assert_null(session);
    assert_non_null(strstr(err.message, ": a smaller -r, or --device cpu"));
    assert_int_equal(bn_gpu_packs_bytes(model->device.packs), 0);
    assert_int_equal(bn_gpu_packs_arena_bytes(model->device.packs), 0);
    birefnet_model_close(&model);
}

static void a_driver_on_the_cpu_is_taken_by_name_alone(void **state)
{
    (void)state;
    bn_error err = {0};
    birefnet_device devices[16];
    int count = 0;
    test_device();
    assert_ok(birefnet_devices(devices, 16, &count, &err), err);
    assert_true(count >= 1);
    assert_string_equal(devices[0].id, "gpu:0");
    birefnet_model_info info;
    birefnet_model *model = open_model(PVT, "auto", BIREFNET_PRECISION_AUTO);
    birefnet_model_get_info(model, &info);
    if (devices[0].kind == BIREFNET_DEVICE_SOFTWARE) assert_string_equal(info.device, "cpu");
    assert_non_null(strstr(said, info.device)); /* one line says which */
    birefnet_model_close(&model);
    model = open_model(PVT, "gpu", BIREFNET_PRECISION_F32);
    birefnet_model_get_info(model, &info);
    assert_non_null(strstr(info.device, devices[0].name));
    assert_int_equal(info.precision, BIREFNET_PRECISION_F32);
    birefnet_model_close(&model);
}

static void wrong_devices_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *device;
        birefnet_precision precision;
        birefnet_status status;
    } wrong[] = {{"gpu:-1", 0, BIREFNET_ERROR_ARGUMENT},
                 {"gpu:", 0, BIREFNET_ERROR_ARGUMENT},
                 {"gpu:1x", 0, BIREFNET_ERROR_ARGUMENT},
                 {"GPU", 0, BIREFNET_ERROR_ARGUMENT},
                 {"gpu:99999999", 0, BIREFNET_ERROR_ARGUMENT},
                 {"gpu:77", 0, BIREFNET_ERROR_NOT_FOUND},
                 {"cpu", BIREFNET_PRECISION_F16, BIREFNET_ERROR_UNSUPPORTED},
                 {"gpu", BIREFNET_PRECISION_BF16, BIREFNET_ERROR_UNSUPPORTED}};
    for (size_t i = 0; i < BN_COUNT(wrong); i++) {
        bn_error err = {0};
        birefnet_model *model = NULL;
        const birefnet_model_options options = {.precision = wrong[i].precision, .device = wrong[i].device};
        assert_int_equal(birefnet_model_open(PVT, &options, &model, &err), wrong[i].status);
        assert_null(model);
        assert_true(strlen(err.message) > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_devices_are_refused),
        cmocka_unit_test(a_driver_on_the_cpu_is_taken_by_name_alone),
        cmocka_unit_test(memory_is_known_before_it_is_taken),
        cmocka_unit_test(what_does_not_fit_takes_nothing),
        cmocka_unit_test(pictures_at_once_are_those_alone),
        cmocka_unit_test(sessions_beside_each_other_do_not_meet),
        cmocka_unit_test(swin_is_the_cpus_in_f32),
        cmocka_unit_test(swin_is_near_the_cpus_in_f16),
        cmocka_unit_test(older_generations_are_the_cpus),
        cmocka_unit_test(pvt_is_the_cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
