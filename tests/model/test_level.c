/* test_level.c - models held to a level of instructions, and oneDNN with them. oneDNN's level is fixed once in a process:
 * each case has one of its own. */
#include "tests/test.h"

#include "base/size.h"
#include "model/model.h"
#include "nn/cpu/engine.h"

#include <sys/wait.h>
#include <unistd.h>

#define TINY "seeded:gen3-pvt_v2_b0:7"

/* The level that a model asked for this one gets: the CPU may have less. */
static bn_isa at_most(bn_isa isa)
{
    return BN_MIN(isa, bn_cpu_isa());
}

static bn_status open_at(const char *max_isa, birefnet_precision precision, birefnet_model **model,
                         bn_error *err)
{
    const birefnet_model_options options = {.max_isa = max_isa, .precision = precision};
    *err = (bn_error){0};
    return birefnet_model_open(TINY, &options, model, err);
}

/* Opens, runs a small picture, and says in which precision. */
static birefnet_precision run_at(const char *max_isa)
{
    bn_error err;
    birefnet_model *model = NULL;
    birefnet_session *session = NULL;
    birefnet_model_info info;
    const birefnet_session_options size = {.width = 64, .height = 64, .threads = 2};
    assert_ok(open_at(max_isa, BIREFNET_PRECISION_AUTO, &model, &err), err);
    birefnet_model_get_info(model, &info);
    assert_ok(birefnet_session_open(model, &size, &session, &err), err);
    memset(bn_session_input(session), 0, 3 * 64 * 64 * sizeof(float));
    assert_ok(bn_session_run_inplace(session, &err), err);
    birefnet_session_close(&session);
    birefnet_model_close(&model);
    return info.precision;
}

static birefnet_precision best_precision(void)
{
    return bn_cpu_isa() >= BN_ISA_AVX512_BF16 ? BIREFNET_PRECISION_BF16 : BIREFNET_PRECISION_F32;
}

static void a_model_holds_oneDNN_with_it(void)
{
    bn_error err;
    birefnet_model *model = NULL;
    assert_int_equal(run_at("avx2"), BIREFNET_PRECISION_F32);
    assert_int_equal(bn_engine_isa(), at_most(BN_ISA_AVX2));
    assert_int_equal(run_at("avx2"), BIREFNET_PRECISION_F32);
    assert_int_equal(run_at(NULL), BIREFNET_PRECISION_F32); /* oneDNN has no bf16 any more */
    assert_int_equal(open_at("avx2", BIREFNET_PRECISION_BF16, &model, &err), BIREFNET_ERROR_UNSUPPORTED);
    assert_int_equal(open_at(NULL, BIREFNET_PRECISION_BF16, &model, &err), BIREFNET_ERROR_UNSUPPORTED);
    if (bn_cpu_isa() > BN_ISA_PLAIN) {
        assert_int_equal(open_at("plain", BIREFNET_PRECISION_F32, &model, &err), BIREFNET_ERROR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "ONEDNN_MAX_CPU_ISA"));
    }
    assert_int_equal(open_at("sse9", BIREFNET_PRECISION_F32, &model, &err), BIREFNET_ERROR_ARGUMENT);
    assert_null(model);
}

static void amx_is_left_out_unless_asked_for(void)
{
    /* without AMX float32 is faster there */
    assert_int_equal(run_at(NULL), bn_cpu_isa() == BN_ISA_AMX ? BIREFNET_PRECISION_F32 : best_precision());
    assert_int_equal(bn_engine_isa(), at_most(BN_ISA_AVX512_BF16));
}

static void amx_is_used_when_asked_for(void)
{
    assert_int_equal(run_at("amx"), best_precision());
    assert_int_equal(bn_engine_isa(), bn_cpu_isa());
}

static void the_users_own_word_to_oneDNN_counts(void)
{
    assert_int_equal(setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1), 0);
    assert_int_equal(run_at(NULL), BIREFNET_PRECISION_F32);
    assert_int_equal(bn_engine_isa(), at_most(BN_ISA_AVX2));
}

static void oneDNN_in_use_is_not_held_any_more(void)
{
    bn_error err;
    birefnet_model *model = NULL;
    assert_int_equal(bn_engine_isa(), bn_cpu_isa()); /* the program has used it before us */
    if (bn_cpu_isa() == BN_ISA_PLAIN) return;
    assert_int_equal(open_at("plain", BIREFNET_PRECISION_AUTO, &model, &err), BIREFNET_ERROR_UNSUPPORTED);
    /* AMX that cannot be left out is not trusted with bf16 */
    assert_int_equal(run_at(NULL), bn_cpu_isa() == BN_ISA_AMX ? BIREFNET_PRECISION_F32 : best_precision());
    assert_int_equal(run_at("amx"), best_precision());
}

/* The case in a process of its own; what it prints and whether it failed come through. */
static void alone(void (*run)(void))
{
    int code = 0;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        unsetenv("ONEDNN_MAX_CPU_ISA");
        unsetenv("DNNL_MAX_CPU_ISA");
        run(); /* after a failed assertion cmocka goes on with the other cases in here, and ends with a code */
        fflush(NULL);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
}

#define ALONE(name)                                                                                          \
    static void test_##name(void **state)                                                                    \
    {                                                                                                        \
        (void)state;                                                                                         \
        alone(name);                                                                                         \
    }
ALONE(a_model_holds_oneDNN_with_it)
ALONE(amx_is_left_out_unless_asked_for)
ALONE(amx_is_used_when_asked_for)
ALONE(the_users_own_word_to_oneDNN_counts)
ALONE(oneDNN_in_use_is_not_held_any_more)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_model_holds_oneDNN_with_it),
        cmocka_unit_test(test_amx_is_left_out_unless_asked_for),
        cmocka_unit_test(test_amx_is_used_when_asked_for),
        cmocka_unit_test(test_the_users_own_word_to_oneDNN_counts),
        cmocka_unit_test(test_oneDNN_in_use_is_not_held_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
