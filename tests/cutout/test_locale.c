/* test_locale.c - the options of a picture in a program that has its user's language, where a comma is the decimal point. */
#include "tests/test.h"

#include "birefnet-image.h"

#include "cutout/cutout.h"
#include "cutout/words.h"

#include <locale.h>
#include <unistd.h>

/* German, made here where the machine has none. */
static bool speak_german(void)
{
    char command[256], folder[] = "/tmp/test_locale.XXXXXX";
    if (setlocale(LC_ALL, "de_DE.UTF-8")) return true;
    if (!mkdtemp(folder)) return false;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1", folder,
             folder);
    const int made = system(command);
    setenv("LOCPATH", folder, 1);
    const bool spoken = setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 && made == 0 && spoken;
}

static void a_point_is_a_point_in_every_language(void **state)
{
    (void)state;
    if (!speak_german()) {
        print_message(
            "skipped: no German here, and no localedef with its sources (apt-get install locales)\n");
        skip();
    }
    char shown[8];
    snprintf(shown, sizeof shown, "%.1f", 2.5);
    assert_string_equal(shown, "2,5");

    unsigned char grey = 0;
    const birefnet_image image = {
        .width = 1, .height = 1, .channels = 1, .depth = 8, .stride_bytes = 1, .pixels = &grey};
    const birefnet_cut_options options = {.crop = "2.5%", .fit = "87.5%", .background = "blur:2.5"};
    birefnet_error error = {0};
    void *file = NULL;
    size_t size;
    assert_ok(birefnet_encode(&image, &options, &file, &size, &error), error);
    birefnet_free(file);

    bn_placement canvas = {0};
    assert_true(bn_fit_parse("87.5", &canvas) && canvas.fit_percent == 87.5);
    assert_false(bn_fit_parse("87,5", &canvas));
    bn_cutout_options cut = {0};
    assert_true(bn_crop_parse("2.5%", &cut) && cut.crop_margin_percent == 2.5);
    assert_string_equal(setlocale(LC_NUMERIC, NULL), "de_DE.UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_point_is_a_point_in_every_language)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
