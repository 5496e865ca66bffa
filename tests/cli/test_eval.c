/* test_eval.c - `birefnet eval`: pairs are found, figures are right, and what is wrong with the input is said. */
#include "tests/cli/cli.h"

#include "base/file.h"
#include "image/codec.h"

#include <jansson.h>
#include <math.h>

static cli_result result;

#define EVAL "eval " SMALL_MODEL " -p f32 "

/* Three photos in two folders, and the model's own masks of them as the truth: it must find itself perfect. */
static int set_up(void **state)
{
    if (cli_enter(state) != 0) return 1;
    cli_shell("mkdir -p photos/shirts/b '<&>'");
    cli_shell("cp %s photos/one.jpg && cp %s photos/shirts/b/two.jpg && cp %s photos/shirts/b/three.jpg",
              PHOTO, BN_SOURCE_DIR "/examples/photo2.jpg", PHOTO);
    cli_run(&result, "remove photos -o own " SMALL_MODEL " -p f32 --mask-only");
    return result.code;
}

/* A grey mask of the photo's size: `value` left of column `split`, else 0. */
static void write_mask(const char *path, int width, int height, int split, uint8_t value)
{
    bn_error err = {0};
    bn_buffer out;
    bn_encode_options options;
    uint8_t *pixels = calloc((size_t)width * (size_t)height, 1);
    assert_non_null(pixels);
    for (int y = 0; y < height; y++) memset(pixels + (size_t)y * (size_t)width, value, (size_t)split);
    bn_encode_options_default(&options, BN_FORMAT_PNG);
    bn_buffer_init(&out, 1 << 24);
    const bn_image view = bn_image_view(pixels, width, height, 1, 8);
    assert_ok(bn_image_encode(&view, &options, &out, &err), err);
    assert_ok(bn_file_write(path, out.data, out.size, &err), err);
    bn_buffer_free(&out);
    free(pixels);
}

static json_t *run_json(int code, const char *words)
{
    cli_expect(&result, code, "", EVAL "--json %s", words);
    json_t *json = json_loads(result.out, JSON_REJECT_DUPLICATES, NULL);
    if (!json) fail_msg("not JSON: %s", result.out);
    return json;
}

/* The number at a path of keys; a digit is an index. */
static double number_at(const json_t *json, const char *path)
{
    char key[64];
    for (const char *at = path; *at; at += strcspn(at, "/"), at += *at == '/') {
        snprintf(key, sizeof key, "%.*s", (int)strcspn(at, "/"), at);
        json = json_is_array(json) ? json_array_get(json, (size_t)atoi(key)) : json_object_get(json, key);
        if (!json) fail_msg("no %s of %s", key, path);
    }
    return json_number_value(json);
}

static const char *text_at(const json_t *json, const char *array, size_t index, const char *key)
{
    const char *text =
        json_string_value(json_object_get(json_array_get(json_object_get(json, array), index), key));
    assert_non_null(text);
    return text;
}

static void a_model_agrees_with_its_own_masks(void **state)
{
    (void)state;
    json_t *json = run_json(0, "photos own");
    assert_int_equal((int)number_at(json, "measured"), 3);
    assert_int_equal((int)number_at(json, "failed"), 0);
    assert_true(number_at(json, "models/0/all/mean/iou") == 1);
    assert_true(number_at(json, "models/0/all/mean/mae") == 0);
    assert_true(number_at(json, "models/0/all/mean/sad") == 0); /* soft masks: matting measures, too */
    assert_true(number_at(json, "models/0/all/worst/conn/value") == 0);
    assert_true(number_at(json, "models/0/network_size/0") == 128);
    assert_int_equal((int)number_at(json, "models/0/folders/0/photos"), 1); /* the folder itself */
    assert_int_equal((int)number_at(json, "models/0/folders/1/photos"), 2);
    const json_t *folders = json_object_get(json_array_get(json_object_get(json, "models"), 0), "folders");
    assert_string_equal(json_string_value(json_object_get(json_array_get(folders, 1), "folder")), "shirts/b");
    assert_string_equal(text_at(json, "photos", 0, "photo"), "one.jpg");
    json_decref(json);
    cli_expect(&result, 0, "", EVAL "photos own");
    assert_non_null(strstr(result.out, "shirts/b      2    1.0000    0.0000"));
}

static void masks_may_lie_beside_their_photos(void **state)
{
    (void)state;
    cli_shell("mkdir -p mixed && cp photos/one.jpg own/one.png mixed");
    json_t *json = run_json(0, "mixed");
    assert_int_equal((int)number_at(json, "measured"), 1);
    json_decref(json);
    cli_expect(&result, 4, "mixed/one.jpg: there are two true masks of this name", EVAL "mixed mixed");
}

static void a_wrong_truth_is_the_worst(void **state)
{
    (void)state;
    cli_shell("rm -rf bad && cp -r own bad");
    write_mask("bad/shirts/b/three.png", PHOTO_WIDTH, PHOTO_HEIGHT, 40, 255);
    json_t *json = run_json(0, "photos bad --html page.html");
    assert_true(number_at(json, "models/0/all/worst/iou/value") < 0.3);
    assert_true(fabs(number_at(json, "models/0/all/mean/iou") -
                     (2 + number_at(json, "models/0/all/worst/iou/value")) / 3) < 1e-12);
    json_decref(json);
    cli_expect(&result, 0, "", EVAL "photos bad");
    const char *worst = strstr(result.out, "worst by IoU");
    assert_non_null(worst);
    assert_true(strstr(worst, "three.jpg") < strstr(worst, "one.jpg"));
    assert_non_null(strstr(result.out, "SAD")); /* a column only where some truth is soft */
}

/* Count a word in a file. */
static int count_in(const char *path, const char *word)
{
    bn_error err = {0};
    bn_buffer text;
    int count = 0;
    bn_buffer_init(&text, 1 << 26);
    assert_ok(bn_file_read(path, &text, &err), err);
    for (const char *at = (char *)text.data; (at = strstr(at, word)); at++) count++;
    bn_buffer_free(&text);
    return count;
}

static void the_page_stands_alone(void **state)
{
    (void)state;
    cli_shell(
        "mkdir -p '<b>/<i>' && cp photos/one.jpg '<b>/<i>/<u>&.jpg' && cp own/one.png '<b>/<i>/<u>&.png'");
    cli_expect(&result, 0, "", EVAL "'<b>' --html page.html");
    assert_int_equal(count_in("page.html", "<figure>"), 1);
    assert_int_equal(count_in("page.html", "src=\"data:image/webp;base64,"), 4);
    assert_int_equal(count_in("page.html", "<u>"), 0);
    assert_int_equal(count_in("page.html", "&#60;u&#62;&#38;.jpg"), 1);
    cli_shell("mkdir -p \"$(printf 'odd/\\033[31m\\342\\200\\256')\" && cp photos/one.jpg own/one.png odd/*");
    cli_expect(&result, 0, "", EVAL "odd --html page.html");
    assert_null(strpbrk(result.out, "\033\342"));
    assert_int_equal(count_in("page.html", "\033") + count_in("page.html", "\342\200\256"), 0);
    assert_int_equal(count_in("page.html", "http:") + count_in("page.html", "https:"), 0);
    assert_int_equal(count_in("page.html", "<script"), 0);
    cli_expect(&result, 0, "", EVAL "photos own --against starter --html page.html");
    assert_int_equal(count_in("page.html", "<figure>"), 3);
    assert_int_equal(count_in("page.html", "src=\"data:image/webp;base64,"), 3 * 6);
    cli_expect(&result, 5, "no-such-folder", EVAL "photos own --html no-such-folder/page.html");
    cli_expect(&result, 2, "name of a file", EVAL "photos own --html -");
    cli_shell("mkdir -p before && cp -r photos own before/");
    cli_expect(&result, 2, "would overwrite", EVAL "photos own --html photos/one.jpg");
    cli_expect(&result, 2, "would overwrite", EVAL "photos own --html own/./one.png");
    cli_shell("cmp photos/one.jpg before/photos/one.jpg && cmp own/one.png before/own/one.png");
}

/* Where in the page the photo's figure begins; NULL where it has none. */
static const char *figure_of(const bn_buffer *page, int photo)
{
    char name[32];
    snprintf(name, sizeof name, "<b>%02d.jpg</b>", photo);
    return strstr((const char *)page->data, name);
}

enum { MANY = 22, SHOWN = 20 };

/* Photos whose figures come one after the other in the page: each at least as bad as the next. */
static void expect_worst_first(const json_t *photos, const bn_buffer *page)
{
    double iou[MANY];
    const char *place[MANY];
    for (int i = 0; i < MANY; i++) {
        char path[32];
        snprintf(path, sizeof path, "%d/scores/0/iou", i);
        iou[i] = number_at(photos, path);
        place[i] = figure_of(page, i);
    }
    for (int a = 0; a < MANY; a++)
        for (int b = 0; b < MANY; b++) {
            if (place[a] && place[b] && place[a] < place[b]) assert_true(iou[a] <= iou[b]);
            if (place[a] && !place[b]) assert_true(iou[a] <= iou[b]);
        }
}

/* Truths of growing overlap, in an order that neither grows nor shrinks along the names. */
static void the_page_shows_the_worst_twenty(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer page;
    cli_shell("rm -rf many truths && mkdir many truths");
    for (int i = 0; i < MANY; i++) {
        char path[64];
        cli_shell("cp photos/one.jpg many/%02d.jpg", i);
        snprintf(path, sizeof path, "truths/%02d.png", i);
        write_mask(path, PHOTO_WIDTH, PHOTO_HEIGHT, 100 + 8 * (7 * i % MANY), 255);
    }
    cli_expect(&result, 0, "", "eval -m starter -r 64x64 -p f32 many truths --html page.html --json");
    json_t *json = json_loads(result.out, 0, NULL);
    assert_non_null(json);
    assert_int_equal(count_in("page.html", "<figure>"), SHOWN);
    bn_buffer_init(&page, 1 << 26);
    assert_ok(bn_file_read("page.html", &page, &err), err);
    expect_worst_first(json_object_get(json, "photos"), &page);
    bn_buffer_free(&page);
    json_decref(json);
}

static void each_problem_of_a_photo_is_told(void **state)
{
    (void)state;
    static const char *const words[] = {"lonely.jpg: there is no true mask of this name",
                                        "small.jpg: the photo has 400x446 pixels, its true mask",
                                        "twice.jpg: there are two true masks",
                                        "colours.jpg: ",
                                        "a picture in colours is no mask",
                                        "the brightest pixel of this mask is 1 of 255",
                                        "broken.jpg: ",
                                        "notruth.png",
                                        "8 of 9 photos were not measured"};
    cli_shell("rm -rf p t && mkdir p t");
    cli_shell("for n in lonely small twice colours dim good notruth; do cp %s p/$n.jpg; done", PHOTO);
    cli_shell("head -c 3000 %s > p/broken.jpg; echo nothing > p/nothing.jpg", PHOTO);
    cli_shell(
        "for n in twice good broken nothing; do cp own/one.png t/$n.png; done; cp own/one.png t/twice.webp");
    cli_shell("cp %s t/colours.jpg; head -c 99 own/one.png > t/notruth.png", PHOTO);
    write_mask("t/small.png", 100, 111, 50, 255);
    write_mask("t/dim.png", PHOTO_WIDTH, PHOTO_HEIGHT, 200, 1);
    cli_expect(&result, 3, "", EVAL "p t --json");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strstr(result.err, words[i])) fail_msg("'%s' is not in: %s", words[i], result.err);
    json_t *json = json_loads(result.out, 0, NULL);
    assert_non_null(json);
    assert_int_equal((int)number_at(json, "measured"), 1);
    assert_true(number_at(json, "models/0/all/mean/iou") == 1);
    assert_non_null(strstr(text_at(json, "photos", 4, "error"), "no true mask"));
    json_decref(json);
}

static void wrong_folders_are_refused(void **state)
{
    (void)state;
    cli_shell("mkdir -p empty other && cp own/one.png other/nobody.png");
    cli_expect(&result, 4, "there are no images in empty", EVAL "empty own");
    cli_expect(&result, 4, "there are no images in empty", EVAL "photos empty");
    cli_expect(&result, 4, "cannot open the folder nowhere", EVAL "nowhere own");
    cli_expect(&result, 4, "none of the 3 photos in photos has a true mask in other", EVAL "photos other");
    cli_expect(&result, 4, "has a true mask beside it", EVAL "photos");
    cli_expect(&result, 2, "is not a folder", EVAL "photos/one.jpg own");
    cli_expect(&result, 2, "WIDTHxHEIGHT", "eval photos own -r 9x9");
    cli_expect(&result, 7, "birefnet pull matting", "eval photos own -m matting");
    cli_expect(&result, 7, "birefnet pull matting", EVAL "photos own --against matting");
}

/* Masks in the photos' own folders, in a folder below them, and in the alpha of cut-outs. */
static void truths_lie_where_people_put_them(void **state)
{
    (void)state;
    cli_shell("rm -rf beside below && cp -r photos beside && cp -r own/. beside");
    json_t *json = run_json(0, "beside");
    assert_int_equal((int)number_at(json, "measured"), 3);
    assert_true(number_at(json, "models/0/all/mean/iou") == 1);
    json_decref(json);
    cli_shell("cp -r photos below && cp -r own below/masks");
    json = run_json(0, "below below/masks");
    assert_int_equal((int)number_at(json, "measured"), 3);
    json_decref(json);
    cli_run(&result, "remove photos -o cut " SMALL_MODEL " -p f32");
    json = run_json(0, "photos cut");
    assert_true(number_at(json, "models/0/all/mean/mae") == 0);
    json_decref(json);
}

static void unknown_pixels_are_left_out_when_asked(void **state)
{
    (void)state;
    cli_shell("rm -rf trimaps && mkdir -p trimaps one && cp photos/one.jpg one");
    write_mask("trimaps/one.png", PHOTO_WIDTH, PHOTO_HEIGHT, PHOTO_WIDTH, 128);
    json_t *json = run_json(0, "one trimaps --unknown");
    assert_true(number_at(json, "models/0/all/mean/iou") == 1); /* nothing is known, nothing is wrong */
    assert_true(number_at(json, "models/0/all/mean/mae") == 0);
    json_decref(json);
    cli_expect(&result, 0, "", EVAL "one trimaps --unknown");
    assert_null(strstr(result.out, "SAD"));
    json = run_json(0, "one trimaps");
    assert_true(number_at(json, "models/0/all/mean/iou") < 1);
    assert_true(number_at(json, "models/0/all/mean/mae") > 0.3);
    json_decref(json);
}

static void two_models_are_told_apart_where_they_differ(void **state)
{
    (void)state;
    cli_shell("rm -rf five truth5 && mkdir five truth5");
    cli_shell("for n in 1 2 3 4 5; do cp photos/one.jpg five/$n.jpg; cp own/one.png truth5/$n.png; done");
    json_t *json = run_json(0, "five truth5 --against seeded:gen3-pvt_v2_b0:1");
    assert_true(number_at(json, "difference/iou/low") > 0);
    assert_true(number_at(json, "difference/mae/high") < 0);
    const json_t *difference = json_object_get(json, "difference");
    assert_string_equal(json_string_value(json_object_get(json_object_get(difference, "mae"), "better")),
                        "first");
    json_decref(json);
    cli_expect(&result, 0, "", EVAL "five truth5 --against starter");
    assert_non_null(strstr(result.out, "cannot be told apart"));
    assert_null(strstr(result.out, "is better"));
    cli_expect(&result, 0, "", EVAL "photos own --against starter");
    assert_non_null(strstr(result.out, "too few photos"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_agrees_with_its_own_masks),
        cmocka_unit_test(masks_may_lie_beside_their_photos),
        cmocka_unit_test(a_wrong_truth_is_the_worst),
        cmocka_unit_test(the_page_stands_alone),
        cmocka_unit_test(the_page_shows_the_worst_twenty),
        cmocka_unit_test(each_problem_of_a_photo_is_told),
        cmocka_unit_test(wrong_folders_are_refused),
        cmocka_unit_test(truths_lie_where_people_put_them),
        cmocka_unit_test(unknown_pixels_are_left_out_when_asked),
        cmocka_unit_test(two_models_are_told_apart_where_they_differ),
    };
    return cmocka_run_group_tests(tests, set_up, cli_leave);
}
