/* test_presets.c - which file a --model value means, with models folders made for the purpose. */
#include "tests/test.h"

#include "base/file.h"
#include "base/size.h"
#include "weights/presets.h"
#include "weights/print.h"

#include <unistd.h>

typedef struct place {
    char folder[64];                   /* everything of this test */
    char given[80], env[80], data[96]; /* --models, $BIREFNET_MODELS, $XDG_DATA_HOME/birefnet */
} place;

static int set_up(void **state)
{
    place *here = calloc(1, sizeof *here);
    bn_error err = {0};
    if (!here) return -1;
    snprintf(here->folder, sizeof here->folder, "/tmp/bn-presets-XXXXXX");
    if (!mkdtemp(here->folder)) return -1;
    snprintf(here->given, sizeof here->given, "%s/given", here->folder);
    snprintf(here->env, sizeof here->env, "%s/env", here->folder);
    snprintf(here->data, sizeof here->data, "%s/xdg/birefnet", here->folder);
    char xdg[80];
    snprintf(xdg, sizeof xdg, "%s/xdg", here->folder);
    setenv("BIREFNET_MODELS", here->env, 1);
    setenv("XDG_DATA_HOME", xdg, 1);
    setenv("HOME", here->folder, 1);
    *state = here;
    return bn_folder_make(here->given, &err) || bn_folder_make(here->env, &err) ||
           bn_folder_make(here->data, &err);
}

static int tear_down(void **state)
{
    place *here = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", here->folder);
    const int left = system(command);
    free(here);
    return left;
}

static void put_model(const char *folder, const char *name)
{
    bn_error err = {0};
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(bn_file_write_atomic(path, "x", 1, &err), err);
}

static void expect(const place *here, const char *model, const char *folder, const char *name)
{
    bn_error err = {0};
    bn_model_choice choice;
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(bn_model_choose(model, here->given, &choice, &err), err);
    assert_string_equal(choice.path, path);
}

static void names_are_found_in_any_case(void **state)
{
    (void)state;
    const char *const names[][2] = {
        {"General Use (Light)", "light"},
        {"general use (light 2k)", "light-2k"},
        {"HEAVY", "heavy"},
        {"BiRefNet", "light"},
        {"birefnet_lite-2k.safetensors", "light-2k"},
        {"General Use (Dynamic)", "dynamic"},
        {"Matting", "matting"},
        {"Starter", "starter"},
        {"BiRefNet-portrait", "portrait"},
    };
    for (size_t i = 0; i < BN_COUNT(names); i++) {
        const bn_preset *preset = bn_preset_find(names[i][0]);
        assert_non_null(preset);
        assert_string_equal(preset->alias, names[i][1]);
    }
    assert_null(bn_preset_find("General Use"));
    assert_null(bn_preset_find(""));
    assert_int_equal(bn_preset_count(), 7);
    assert_null(bn_preset_at(7));
    assert_int_equal(bn_preset_find("dynamic")->max_px, 2304);
    assert_int_equal(bn_preset_find("light-2k")->width, 2048);
}

static void folders_are_searched_in_order(void **state)
{
    const place *here = *state;
    put_model(here->data, "BiRefNet.safetensors");
    expect(here, "light", here->data, "BiRefNet.safetensors");
    put_model(here->env, "BiRefNet.safetensors");
    expect(here, "light", here->env, "BiRefNet.safetensors");
    put_model(here->given, "BiRefNet.safetensors");
    expect(here, "light", here->given, "BiRefNet.safetensors");

    unsetenv("XDG_DATA_HOME"); /* then it is ~/.local/share */
    bn_models_path path;
    bn_error err = {0};
    char home[128];
    assert_ok(bn_models_path_make(NULL, &path, &err), err);
    snprintf(home, sizeof home, "%s/.local/share/birefnet", here->folder);
    assert_int_equal(path.own, 2);
    assert_string_equal(path.folders[0], here->env);
    assert_string_equal(path.folders[1], home);
    bn_models_path_free(&path);
}

static void a_moved_tree_says_where_its_data_lie(void **state)
{
    const place *here = *state;
    bn_error err = {0};
    char models[128];
    snprintf(models, sizeof models, "%s/models", here->folder);
    assert_ok(bn_folder_make(models, &err), err);
    put_model(models, "BiRefNet.safetensors");
    setenv("BIREFNET_DATA", here->folder, 1);
    expect(here, "light", models, "BiRefNet.safetensors");
    put_model(here->data, "BiRefNet.safetensors"); /* the user's own come first */
    expect(here, "light", here->data, "BiRefNet.safetensors");
    bn_models_path path;
    assert_ok(bn_models_path_make(NULL, &path, &err), err);
    assert_int_equal(path.own, 2); /* nothing is pulled to there */
    bn_models_path_free(&path);
    unsetenv("BIREFNET_DATA");
}

/* The file of the endpoint's older page wins wherever it lies; Heavy is never lighter than Light. */
static void heavy_and_light_follow_the_design(void **state)
{
    const place *here = *state;
    bn_error err = {0};
    bn_model_choice choice;
    put_model(here->given, "BiRefNet_lite.safetensors");
    assert_int_equal(bn_model_choose("heavy", here->given, &choice, &err), BIREFNET_ERROR_NOT_FOUND);
    put_model(here->given, "BiRefNet.safetensors");
    expect(here, "heavy", here->given, "BiRefNet.safetensors");
    put_model(here->data, "BiRefNet-massive-epoch_240.pth");
    expect(here, "General Use (Heavy)", here->data, "BiRefNet-massive-epoch_240.pth");
    expect(here, "General Use (Light)", here->given, "BiRefNet.safetensors");
    put_model(here->env, "BiRefNet-DIS_ep580.pth");
    expect(here, "General Use (Light)", here->env, "BiRefNet-DIS_ep580.pth");
}

static void note_place(void *user, const char *path)
{
    bn_error err = {0};
    assert_ok(bn_buffer_printf(user, &err, "%s\n", path), err);
}

static void missing_models_name_every_path_and_the_way_out(void **state)
{
    const place *here = *state;
    bn_buffer tried;
    bn_buffer_init(&tried, 65536);
    bn_error err = {0};
    bn_model_choice choice;
    assert_int_equal(bn_model_choose("portrait", here->given, &choice, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_ok(bn_model_places("portrait", here->given, note_place, &tried, &err), err);
    const char *const folders[] = {here->given, here->env, here->data};
    for (size_t i = 0; i < BN_COUNT(folders); i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/BiRefNet-portrait.safetensors\n", folders[i]);
        assert_non_null(strstr((char *)tried.data, path));
        snprintf(path, sizeof path, "%s/BiRefNet-portrait-TR_P3M_10k-epoch_120.pth\n", folders[i]);
        assert_non_null(strstr((char *)tried.data, path));
    }
    assert_non_null(strstr(err.message, "birefnet pull portrait (about 885 MB)"));

    assert_int_equal(bn_model_choose("nonsense", here->given, &choice, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_non_null(
        strstr(err.message, "there is no model nonsense: it is neither a preset (light, light-2k, heavy"));
    assert_ok(bn_model_places("nonsense", here->given, note_place, &tried, &err), err);
    assert_non_null(strstr((char *)tried.data, "/env/nonsense.safetensors\n"));
    bn_buffer_free(&tried);
    assert_int_equal(bn_model_choose("./no/such.pth", here->given, &choice, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "no model file ./no/such.pth"));
}

static void paths_seeds_and_own_files_are_taken_as_they_are(void **state)
{
    const place *here = *state;
    bn_error err = {0};
    bn_model_choice choice;
    char path[256];
    put_model(here->folder, "mine.pth");
    snprintf(path, sizeof path, "%s/mine.pth", here->folder);
    expect(here, path, here->folder, "mine.pth");
    assert_ok(bn_model_choose("seeded:gen3-swin_v1_t:4", here->given, &choice, &err), err);
    assert_string_equal(choice.path, "seeded:gen3-swin_v1_t:4");
    assert_null(choice.preset);
    put_model(here->data, "BiRefNet_HR.safetensors");
    expect(here, "BiRefNet_HR", here->data, "BiRefNet_HR.safetensors");
    expect(here, "BiRefNet_HR.safetensors", here->data, "BiRefNet_HR.safetensors");
}

static void without_a_choice_published_models_come_before_starter(void **state)
{
    const place *here = *state;
    bn_error err = {0};
    bn_model_choice choice;
    put_model(here->given, "starter.safetensors");
    assert_ok(bn_model_choose(NULL, here->given, &choice, &err), err);
    assert_true(choice.is_fallback);
    assert_string_equal(choice.preset->alias, "starter");
    assert_ok(bn_model_choose("starter", here->given, &choice, &err), err);
    assert_false(choice.is_fallback); /* asked for */
    put_model(here->data, "BiRefNet-portrait.safetensors");
    assert_ok(bn_model_choose("", here->given, &choice, &err), err);
    assert_false(choice.is_fallback);
    assert_string_equal(choice.preset->alias, "portrait");
    put_model(here->data, "BiRefNet.safetensors");
    assert_ok(bn_model_choose(NULL, here->given, &choice, &err), err);
    assert_string_equal(choice.preset->alias, "light");
}

/* The model in the repository is what a development build falls back to. */
static void the_shipped_starter_opens(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_weights *weights = NULL;
    assert_ok(bn_weights_open(BN_SOURCE_DIR "/models/starter.safetensors", &weights, &err), err);
    assert_true(bn_weights_count(weights) > 100);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_ok(bn_weights_print(weights, out, &err), err);
    fclose(out);
    size_t lines = 0;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    assert_int_equal(lines, bn_weights_count(weights));
    free(text);
    bn_weights_close(&weights);
}

/* The file says at which size it is run and whose pictures it learnt from; the preset must not say otherwise. */
static void the_shipped_starter_names_its_size_and_sources(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_weights *weights = NULL;
    const bn_preset *preset = bn_preset_find("starter");
    char size[32];
    assert_ok(bn_weights_open(BN_SOURCE_DIR "/models/starter.safetensors", &weights, &err), err);
    snprintf(size, sizeof size, "%dx%d", preset->width, preset->height);
    assert_string_equal(bn_weights_metadata(weights, "birefnet.resolution"), size);
    assert_string_equal(bn_weights_metadata(weights, "birefnet.licence"), preset->licence);
    const char *sources = bn_weights_metadata(weights, "birefnet.sources");
    static const char *const named[] = {"Oxford-IIIT Pet Dataset", "CC BY-SA 4.0", "COCO 2017", "CC BY 2.0",
                                        "CC BY 3.0"};
    assert_non_null(sources);
    for (size_t i = 0; i < BN_COUNT(named); i++) assert_non_null(strstr(sources, named[i]));
    assert_non_null(strstr(bn_weights_metadata(weights, "birefnet.attribution"), "ATTRIBUTION.md"));
    bn_weights_close(&weights);
}

static void printed_hashes_do_not_depend_on_the_format(void **state)
{
    (void)state;
    if (!reference_folder()) skip();
    const char *const files[] = {"f32.safetensors", "zip-f32.pth", "legacy-f32.pth", "zip-prefixed.pth"};
    char *texts[BN_COUNT(files)];
    for (size_t i = 0; i < BN_COUNT(files); i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/weights/%s", reference_folder(), files[i]);
        bn_error err = {0};
        bn_weights *weights = NULL;
        assert_ok(bn_weights_open(path, &weights, &err), err);
        size_t size = 0;
        FILE *out = open_memstream(&texts[i], &size);
        assert_ok(bn_weights_print(weights, out, &err), err);
        fclose(out);
        bn_weights_close(&weights);
        assert_string_equal(texts[i], texts[0]);
    }
    assert_memory_equal(texts[0], "bb.alpha.weight f32 [3,5] ", 26);
    assert_non_null(strstr(texts[0], "\ndecoder.beta.1.num_batches_tracked i64 [] -\n"));
    for (size_t i = 0; i < BN_COUNT(files); i++) free(texts[i]);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_in_any_case),
        IN_PLACE(folders_are_searched_in_order),
        IN_PLACE(a_moved_tree_says_where_its_data_lie),
        IN_PLACE(heavy_and_light_follow_the_design),
        IN_PLACE(missing_models_name_every_path_and_the_way_out),
        IN_PLACE(paths_seeds_and_own_files_are_taken_as_they_are),
        IN_PLACE(without_a_choice_published_models_come_before_starter),
        cmocka_unit_test(the_shipped_starter_opens),
        cmocka_unit_test(the_shipped_starter_names_its_size_and_sources),
        cmocka_unit_test(printed_hashes_do_not_depend_on_the_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
