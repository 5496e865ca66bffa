/* test_model.c - opening models and sessions: refusals that name every fault, architecture and tile order read off the
 * tensors, threads, several sessions of one model, and that a run allocates nothing. */
#include "tests/level.h"
#include "tests/test.h"

#include "base/seeded.h"
#include "base/size.h"
#include "model/model.h"
#include "model/tile_order.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#define TINY "seeded:gen3-pvt_v2_b0:7"

/* ---- counting allocations --------------------------------------------------------------------------------------- */

/* Bytes asked for in allocations of a page or more while counting: oneDNN keeps small books for each call (argument
 * tables of some hundred bytes), which are its own business; activations and scratch would show here. */
static atomic_bool counting;
static atomic_size_t large_allocations, own_allocations;

void *malloc(size_t bytes)
{
    static void *(*real)(size_t);
    if (!real) real = (void *(*)(size_t))(uintptr_t)dlsym(RTLD_NEXT, "malloc");
    if (counting && bytes >= 4096) large_allocations++;
    return real(bytes);
}

/* birefnet's own code is linked into this program, so its calls of calloc, realloc and aligned_alloc come through the
 * program's symbols; oneDNN's C++ uses operator new. */
void *calloc(size_t count, size_t bytes)
{
    static void *(*real)(size_t, size_t);
    static atomic_bool looking;
    static char early[4096]; /* dlsym itself may call calloc */
    static atomic_size_t early_used;
    if (!real) {
        if (atomic_exchange(&looking, true)) {
            const size_t at = atomic_fetch_add(&early_used, (count * bytes + 15) / 16 * 16);
            return at + count * bytes <= sizeof early ? early + at : NULL;
        }
        real = (void *(*)(size_t, size_t))(uintptr_t)dlsym(RTLD_NEXT, "calloc");
    }
    if (counting) own_allocations++;
    return real(count, bytes);
}

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static birefnet_model *open_model(const char *path, birefnet_precision precision)
{
    bn_error err = {0};
    birefnet_model *model = NULL;
    const birefnet_model_options options = {.precision = precision, .max_isa = bn_isa_name(test_isa())};
    assert_ok(birefnet_model_open(path, &options, &model, &err), err);
    return model;
}

static birefnet_session *open_session(birefnet_model *model, int width, int height, int threads)
{
    bn_error err = {0};
    birefnet_session *session = NULL;
    const birefnet_session_options options = {.width = width, .height = height, .threads = threads};
    assert_ok(birefnet_session_open(model, &options, &session, &err), err);
    return session;
}

static float *run_noise(birefnet_session *session, int pixels)
{
    bn_error err = {0};
    float *input = test_malloc(sizeof *input * 3 * (size_t)pixels),
          *logits = test_malloc(sizeof *logits * (size_t)pixels);
    bn_seeded_fill("noise", 1, 0, 1.5f, 0, input, 3 * (size_t)pixels);
    assert_ok(birefnet_session_run(session, input, logits, &err), err);
    test_free(input);
    return logits;
}

/* ---- seeded models ----------------------------------------------------------------------------------------------- */

static void seeded_names_are_checked(void **state)
{
    (void)state;
    static const char *const wrong[] = {"seeded:", "seeded:gen3-swin_v1_t", "seeded:gen4-swin_v1_t:1",
                                        "seeded:gen3-resnet:1", "seeded:gen3-swin_v1_t:1x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        bn_error err = {0};
        birefnet_model *model = NULL;
        assert_int_equal(birefnet_model_open(wrong[i], NULL, &model, &err), BIREFNET_ERROR_ARGUMENT);
        assert_null(model);
        assert_true(strlen(err.message) > 20);
    }
}

static void sizes_are_rounded_up_to_multiples_of_32(void **state)
{
    (void)state;
    birefnet_model *model = open_model(TINY, BIREFNET_PRECISION_F32);
    birefnet_session *session = open_session(model, 65, 100, 1);
    birefnet_session_info info;
    birefnet_session_get_info(session, &info);
    assert_int_equal(info.width, 96);
    assert_int_equal(info.height, 128);
    birefnet_session_close(&session);
    bn_error err = {0};
    const birefnet_session_options huge = {.width = 1 << 20, .height = 64, .threads = 1};
    assert_int_equal(birefnet_session_open(model, &huge, &session, &err), BIREFNET_ERROR_ARGUMENT);
    birefnet_model_close(&model);
}

static void odd_sizes_give_finite_logits(void **state)
{
    (void)state;
    static const int sizes[][2] = {{32, 32}, {32, 256}, {224, 32}, {96, 160}};
    static const char *const models[] = {TINY, "seeded:gen3-swin_v1_t:1", "seeded:gen1-swin_v1_t:1"};
    for (size_t m = 0; m < 3; m++) {
        birefnet_model *model = open_model(models[m], BIREFNET_PRECISION_AUTO);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            birefnet_session *session = open_session(model, sizes[i][0], sizes[i][1], 1);
            float *logits = run_noise(session, sizes[i][0] * sizes[i][1]);
            for (int k = 0; k < sizes[i][0] * sizes[i][1]; k++) assert_true(isfinite(logits[k]));
            test_free(logits);
            birefnet_session_close(&session);
        }
        birefnet_model_close(&model);
    }
}

/* ---- threads ------------------------------------------------------------------------------------------------------ */

static void one_to_sixteen_threads_give_the_same_bytes(void **state)
{
    (void)state;
    static const char *const models[] = {TINY, "seeded:gen3-swin_v1_t:1"};
    static const int threads[] = {1, 2, 3, 4, 8, 16};
    for (size_t m = 0; m < 2; m++)
        for (int precision = BIREFNET_PRECISION_AUTO; precision <= BIREFNET_PRECISION_F32; precision++) {
            birefnet_model *model = open_model(models[m], (birefnet_precision)precision);
            float *first = NULL;
            for (size_t i = 0; i < BN_COUNT(threads); i++) {
                birefnet_session *session = open_session(model, 96, 160, threads[i]);
                float *logits = run_noise(session, 96 * 160);
                if (first) assert_memory_equal(first, logits, sizeof *logits * 96 * 160);
                if (first)
                    test_free(logits);
                else
                    first = logits;
                birefnet_session_close(&session);
            }
            test_free(first);
            birefnet_model_close(&model);
        }
}

typedef struct worker {
    pthread_t thread;
    birefnet_model *model;
    float *logits;
    bn_status status;
} worker;

static void *work(void *argument)
{
    worker *self = argument;
    birefnet_session *session = NULL;
    const birefnet_session_options options = {.width = 96, .height = 96, .threads = 1};
    float *input = malloc(sizeof *input * 3 * 96 * 96);
    bn_seeded_fill("noise", 1, 0, 1.5f, 0, input, (size_t)3 * 96 * 96);
    self->status = birefnet_session_open(self->model, &options, &session, NULL);
    for (int i = 0; i < 3 && self->status == BIREFNET_OK; i++)
        self->status = birefnet_session_run(session, input, self->logits, NULL);
    birefnet_session_close(&session);
    free(input);
    return NULL;
}

static void sessions_of_one_model_run_side_by_side(void **state)
{
    (void)state;
    enum { WORKERS = 4 };
    birefnet_model *model = open_model(TINY, BIREFNET_PRECISION_AUTO);
    worker workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (worker){.model = model, .logits = malloc(sizeof(float) * 96 * 96)};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].status, BIREFNET_OK);
        assert_memory_equal(workers[i].logits, workers[0].logits, sizeof(float) * 96 * 96);
    }
    for (int i = 0; i < WORKERS; i++) free(workers[i].logits);
    birefnet_model_close(&model);
}

static void packed_weights_are_shared_by_sessions(void **state)
{
    (void)state;
    birefnet_model *model = open_model(TINY, BIREFNET_PRECISION_AUTO);
    birefnet_session *first = open_session(model, 256, 256, 1), *second = open_session(model, 512, 256, 1);
    birefnet_model_info one, two;
    birefnet_model_get_info(model, &one);
    birefnet_session *third = open_session(model, 384, 512, 2);
    birefnet_model_get_info(model, &two);
    assert_true(one.weight_bytes > 1000000);
    assert_true(two.weight_bytes < one.weight_bytes * 11 / 10); /* some layouts may depend on the size */
    birefnet_session_close(&first);
    birefnet_session_close(&second);
    birefnet_session_close(&third);
    birefnet_model_close(&model);
}

static void a_run_allocates_nothing(void **state)
{
    (void)state;
    static const char *const models[] = {TINY, "seeded:gen3-swin_v1_t:1"};
    for (size_t m = 0; m < 2; m++) {
        bn_error err = {0};
        birefnet_model *model = open_model(models[m], BIREFNET_PRECISION_AUTO);
        birefnet_session *session = open_session(model, 128, 128, 2);
        assert_ok(bn_session_run_inplace(session, &err), err); /* threads start with the first */
        large_allocations = own_allocations = 0;
        counting = true;
        const bn_status status = bn_session_run_inplace(session, &err);
        counting = false;
        assert_ok(status, err);
        assert_int_equal(large_allocations, 0);
        assert_int_equal(own_allocations, 0);
        birefnet_session_close(&session);
        birefnet_model_close(&model);
    }
}

static void an_estimate_is_what_a_session_takes(void **state)
{
    (void)state;
    static const char *const models[] = {TINY, "seeded:gen3-swin_v1_t:1"};
    for (size_t m = 0; m < 2; m++) {
        bn_error err = {0};
        birefnet_model *model = open_model(models[m], BIREFNET_PRECISION_AUTO);
        const birefnet_session_options options = {.width = 256, .height = 192, .threads = 2};
        birefnet_session_info estimated, real;
        birefnet_model_info before, after;
        size_t weight_bytes = 0;
        assert_ok(bn_session_estimate(model, &options, &estimated, &weight_bytes, &err), err);
        birefnet_model_get_info(model, &before);
        assert_int_equal(before.weight_bytes, 0); /* nothing was packed */
        birefnet_session *session = open_session(model, 256, 192, 2);
        birefnet_session_get_info(session, &real);
        birefnet_model_get_info(model, &after);
        assert_memory_equal(&estimated, &real, sizeof real);
        assert_int_equal(weight_bytes, after.weight_bytes);
        birefnet_session_close(&session);
        birefnet_model_close(&model);
    }
}

static int cancel_halfway(void *user, const char *part, double done)
{
    (void)part;
    *(double *)user = done;
    return done >= 0.5;
}

static void a_run_can_be_cancelled(void **state)
{
    (void)state;
    bn_error err = {0};
    double done = 0;
    birefnet_model *model = open_model(TINY, BIREFNET_PRECISION_AUTO);
    birefnet_session *session = open_session(model, 96, 96, 1);
    birefnet_session_set_progress(session, cancel_halfway, &done);
    assert_int_equal(bn_session_run_inplace(session, &err), BIREFNET_ERROR_CANCELLED);
    assert_true(done >= 0.5 && done < 0.95);
    birefnet_session_set_progress(session, NULL, NULL);
    assert_ok(bn_session_run_inplace(session, &err), err);
    birefnet_session_close(&session);
    birefnet_model_close(&model);
}

/* ---- architecture -------------------------------------------------------------------------------------------------- */

typedef struct copy {
    bn_weights *to;
    const char *without, *reshaped;
} copy;

static bn_status copy_shape(void *context, const char *name, int rank, const int64_t *shape, bn_error *err)
{
    const copy *c = context;
    int64_t other[BN_WEIGHT_MAX_RANK];
    memcpy(other, shape, (size_t)rank * sizeof *other);
    if (c->without && strstr(name, c->without)) return BIREFNET_OK;
    if (c->reshaped && strstr(name, c->reshaped)) other[0] += 1;
    return bn_weights_add_seeded(c->to, name, rank, other, err);
}

static bn_weights *make_weights(const bn_arch *arch, const char *without, const char *reshaped)
{
    bn_error err = {0};
    copy c = {NULL, without, reshaped};
    assert_ok(bn_weights_create_seeded(1, &c.to, &err), err);
    assert_ok(bn_arch_tensors(arch, copy_shape, &c, &err), err);
    return c.to;
}

static void architectures_are_read_off_their_tensors(void **state)
{
    (void)state;
    static const char *const generations[] = {"gen1", "gen2", "gen3"};
    static const char *const backbones[] = {"swin_v1_t", "swin_v1_s", "swin_v1_b", "swin_v1_l", "pvt_v2_b0",
                                            "pvt_v2_b1", "pvt_v2_b2", "pvt_v2_b3", "pvt_v2_b4", "pvt_v2_b5"};
    for (size_t g = 0; g < 3; g++)
        for (size_t b = 0; b < sizeof backbones / sizeof *backbones; b++)
            for (int other_width = 0; other_width < 2; other_width++) {
                bn_error err = {0};
                bn_arch named, read;
                assert_ok(bn_arch_named(generations[g], backbones[b], &named, &err), err);
                if (other_width) {
                    named.inter = 32;
                    named.aspp = 96;
                }
                bn_weights *weights = make_weights(&named, NULL, NULL);
                assert_ok(bn_arch_read(weights, &read, &err), err);
                assert_memory_equal(&named, &read, sizeof named);
                bn_weights_close(&weights);
            }
}

static void all_faults_are_named_at_once(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_arch arch, read;
    assert_ok(bn_arch_named("gen3", "swin_v1_t", &arch, &err), err);
    bn_weights *weights = make_weights(&arch, "conv_in.bias", "lateral_block3");
    assert_int_equal(bn_arch_read(weights, &read, &err), BIREFNET_ERROR_FORMAT);
    static const char *const expected[] = {
        "7 tensors", "squeeze_module.0.conv_in.bias is missing",
        "decoder.decoder_block1.conv_in.bias is missing",
        "decoder.lateral_block3.conv.weight is [385, 384, 1, 1], not [384, 384, 1, 1]"};
    for (size_t i = 0; i < 4; i++)
        if (!strstr(err.message, expected[i])) fail_msg("'%s' is not in: %s", expected[i], err.message);
    bn_weights_close(&weights);
    weights = make_weights(&arch, "bb.patch_embed.proj", NULL);
    assert_int_equal(bn_arch_read(weights, &read, &err), BIREFNET_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "not a BiRefNet"));
    bn_weights_close(&weights);
}

/* ---- the starter weights -------------------------------------------------------------------------------------------- */

#define STARTER BN_SOURCE_DIR "/models/starter.safetensors"

static void trained_tile_order_is_seen(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_weights *weights = NULL;
    bn_tile_evidence evidence;
    assert_ok(bn_weights_open(STARTER, &weights, &err), err);
    assert_ok(bn_tile_order_detect(weights, &evidence, &err), err);
    print_message("correlation in channel order %.3f, in grid order %.3f\n", evidence.channel, evidence.grid);
    assert_false(evidence.grid_order);
    bn_weights_close(&weights);
}

static void tile_order_can_be_overridden(void **state)
{
    (void)state;
    bn_error err = {0};
    birefnet_model *model = NULL;
    const birefnet_model_options options = {.tile_order = BIREFNET_TILES_GRID,
                                            .max_isa = bn_isa_name(test_isa())};
    birefnet_model_info info;
    assert_ok(birefnet_model_open(STARTER, &options, &model, &err), err);
    birefnet_model_get_info(model, &info);
    assert_int_equal(info.tile_order, BIREFNET_TILES_GRID);
    assert_int_equal(info.tile_order_chosen_by, 0);
    birefnet_model_close(&model);
}

/* A number that is none of the enum's stands for nothing: not for float16 asked for in vain, nor for the grid. */
static void choices_that_there_are_none_of_are_refused(void **state)
{
    (void)state;
    bn_error err = {0};
    birefnet_model *model = NULL;
    const birefnet_model_options wrong[] = {
        {.precision = (birefnet_precision)(BIREFNET_PRECISION_F16 + 1)},
        {.precision = (birefnet_precision)-1},
        {.tile_order = (birefnet_tile_order)(BIREFNET_TILES_GRID + 1)},
        {.tile_order = (birefnet_tile_order)-1},
    };
    for (size_t i = 0; i < BN_COUNT(wrong); i++) {
        assert_int_equal(birefnet_model_open(STARTER, &wrong[i], &model, &err), BIREFNET_ERROR_ARGUMENT);
        assert_non_null(strstr(err.message, wrong[i].precision ? "precision" : "tile order"));
        assert_null(model);
    }
}

int main(void)
{
    test_isa_hold();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeded_names_are_checked),
        cmocka_unit_test(choices_that_there_are_none_of_are_refused),
        cmocka_unit_test(sizes_are_rounded_up_to_multiples_of_32),
        cmocka_unit_test(odd_sizes_give_finite_logits),
        cmocka_unit_test(one_to_sixteen_threads_give_the_same_bytes),
        cmocka_unit_test(sessions_of_one_model_run_side_by_side),
        cmocka_unit_test(packed_weights_are_shared_by_sessions),
        cmocka_unit_test(a_run_allocates_nothing),
        cmocka_unit_test(an_estimate_is_what_a_session_takes),
        cmocka_unit_test(a_run_can_be_cancelled),
        cmocka_unit_test(architectures_are_read_off_their_tensors),
        cmocka_unit_test(all_faults_are_named_at_once),
        cmocka_unit_test(trained_tile_order_is_seen),
        cmocka_unit_test(tile_order_can_be_overridden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
