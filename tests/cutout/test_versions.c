/* test_versions.c - callers that were built with an older or a newer header: their structs are shorter or longer than ours. */
#include "tests/test.h"

#include "base/file.h"
#include "birefnet-image.h"

#include <sys/mman.h>
#include <unistd.h>

/* What an older header had of the structs: some members fewer. */
typedef struct old_model_options {
    size_t size;
    birefnet_precision precision;
} old_model_options;

typedef struct old_session_options {
    size_t size;
    int width, height;
} old_session_options;

typedef struct old_cut_options {
    size_t size;
    const char *format;
    int quality;
    int mask_only;
} old_cut_options;

typedef struct old_session_info {
    int width, height;
    int threads;
} old_session_info;

typedef struct new_session_options {
    birefnet_session_options known;
    int later;
} new_session_options;

/* `bytes` of memory whose end is the end of what may be touched. */
static void *before_a_wall(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    memset(pages, 0xAB, page);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    return pages + page - bytes;
}

static birefnet_model *open_old(void)
{
    old_model_options *options = before_a_wall(sizeof *options);
    birefnet_model_options_default_sized((birefnet_model_options *)options, sizeof *options);
    assert_int_equal(options->size, sizeof *options);
    options->precision = BIREFNET_PRECISION_F32;
    birefnet_model *model = NULL;
    birefnet_error error = {0};
    assert_ok(birefnet_model_open(BN_SOURCE_DIR "/models/starter.safetensors",
                                  (birefnet_model_options *)options, &model, &error),
              error);
    return model;
}

static void shorter_structs_are_not_read_beyond_their_end(void **state)
{
    (void)state;
    birefnet_model *model = open_old();
    birefnet_session *session = NULL;
    birefnet_error error = {0};
    old_session_options *size = before_a_wall(sizeof *size);
    *size = (old_session_options){sizeof *size, 96, 64};
    assert_ok(birefnet_session_open(model, (birefnet_session_options *)size, &session, &error), error);
    old_session_info *info = before_a_wall(sizeof *info);
    birefnet_session_get_info_sized(session, (birefnet_session_info *)info, sizeof *info);
    assert_true(info->width == 96 && info->height == 64 && info->threads >= 1);

    old_cut_options *options = before_a_wall(sizeof *options);
    birefnet_cut_options_default_sized((birefnet_cut_options *)options, sizeof *options);
    assert_string_equal(options->format, "png");
    options->format = "webp";
    bn_mapping photo = {0};
    assert_ok(bn_file_map(BN_SOURCE_DIR "/examples/photo1.jpg", &photo, &error), error);
    void *cut = NULL, *whole = NULL;
    size_t cut_bytes = 0, whole_bytes = 0;
    assert_ok(birefnet_cut(session, photo.data, photo.size, (birefnet_cut_options *)options, &cut, &cut_bytes,
                           &error),
              error);
    birefnet_cut_options today;
    birefnet_cut_options_default(&today);
    today.format = "webp";
    assert_ok(birefnet_cut(session, photo.data, photo.size, &today, &whole, &whole_bytes, &error), error);
    assert_int_equal(cut_bytes, whole_bytes); /* refine and max_pixels had their defaults */
    assert_memory_equal(cut, whole, whole_bytes);
    birefnet_free(cut);
    birefnet_free(whole);
    bn_file_unmap(&photo);
    birefnet_session_close(&session);
    birefnet_model_close(&model);
}

static void what_a_newer_caller_asks_for_is_refused_and_zeros_are_not(void **state)
{
    (void)state;
    birefnet_model *model = open_old();
    birefnet_session *session = NULL;
    birefnet_error error = {0};
    new_session_options *newer = before_a_wall(sizeof *newer);
    *newer = (new_session_options){.known = {.size = sizeof *newer, .width = 64, .height = 64}, .later = 1};
    assert_int_equal(birefnet_session_open(model, &newer->known, &session, &error),
                     BIREFNET_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "newer"));
    newer->later = 0;
    assert_ok(birefnet_session_open(model, &newer->known, &session, &error), error);
    birefnet_session_close(&session);

    const birefnet_session_options first = {.width = 64, .height = 64}; /* size 0: the first version */
    assert_ok(birefnet_session_open(model, &first, &session, &error), error);
    birefnet_session_close(&session);
    birefnet_model_close(&model);
}

static void sizes_that_nobody_set_are_refused(void **state)
{
    (void)state;
    birefnet_model *model = NULL;
    birefnet_error error = {0};
    static const size_t sizes[] = {1, 7, 5000, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const birefnet_model_options options = {.size = sizes[i]};
        assert_int_equal(birefnet_model_open("seeded:gen3-swin_v1_t:1", &options, &model, &error),
                         BIREFNET_ERROR_ARGUMENT);
        assert_null(model);
    }
}

static void longer_info_ends_in_zeros(void **state)
{
    (void)state;
    struct {
        birefnet_session_info known;
        int later;
    } info;
    memset(&info, 0xAB, sizeof info);
    birefnet_session_get_info_sized(NULL, &info.known, sizeof info);
    assert_int_equal(info.later, 0);
}

static void the_header_is_of_the_library(void **state)
{
    (void)state;
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", BIREFNET_VERSION_MAJOR, BIREFNET_VERSION_MINOR,
             BIREFNET_VERSION_PATCH);
    assert_string_equal(version, birefnet_version());
    assert_true(BIREFNET_VERSION_AT_LEAST(0, 1, 0));
    assert_false(BIREFNET_VERSION_AT_LEAST(BIREFNET_VERSION_MAJOR, BIREFNET_VERSION_MINOR + 1, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shorter_structs_are_not_read_beyond_their_end),
        cmocka_unit_test(what_a_newer_caller_asks_for_is_refused_and_zeros_are_not),
        cmocka_unit_test(sizes_that_nobody_set_are_refused),
        cmocka_unit_test(longer_info_ends_in_zeros),
        cmocka_unit_test(the_header_is_of_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
