/* test_schema.c - what the endpoint accepts and how it says what is wrong, byte for byte where the protocol gives it. */
#include "tests/test.h"

#include "cutout/shops.h"
#include "schema/datauri.h"
#include "schema/json.h"
#include "schema/schema.h"

#include <jansson.h>

static void check_error(const char *body, const char *expected)
{
    bn_error err = {0};
    bn_input input;
    json_t *detail = NULL;
    bool broken;
    assert_int_equal(bn_input_parse(body, body ? strlen(body) : 0, &input, &detail, &broken, &err),
                     BIREFNET_ERROR_FORMAT);
    json_t *wanted = json_loads(expected, JSON_DECODE_ANY, NULL);
    assert_non_null(wanted);
    if (!json_equal(json_array_get(detail, 0), wanted))
        fail_msg("%s\ngives %s", body, json_dumps(json_array_get(detail, 0), JSON_COMPACT | JSON_ENCODE_ANY));
    json_decref(wanted);
    json_decref(detail);
}

#define MODELS                                                                                               \
    "'General Use (Light)', 'General Use (Light 2K)', 'General Use (Heavy)', 'Matting', 'Portrait' or "      \
    "'General Use (Dynamic)'"

static void errors_have_the_endpoints_words(void **state)
{
    (void)state;
    check_error(
        "{}",
        "{\"type\":\"missing\",\"loc\":[\"body\",\"image_url\"],\"msg\":\"Field required\",\"input\":{}}");
    check_error(NULL, "{\"type\":\"missing\",\"loc\":[\"body\"],\"msg\":\"Field required\",\"input\":null}");
    check_error("{\"image_url\":\"x\",\"model\":\"X\"}",
                "{\"type\":\"literal_error\",\"loc\":[\"body\",\"model\"],\"msg\":\"Input should be " MODELS
                "\",\"input\":\"X\",\"ctx\":{\"expected\":\"" MODELS "\"}}");
    check_error(
        "{\"image_url\":\"x\",\"output_mask\":\"maybe\"}",
        "{\"type\":\"bool_parsing\",\"loc\":[\"body\",\"output_mask\"],\"msg\":\"Input should be a valid "
        "boolean, unable to interpret input\",\"input\":\"maybe\"}");
    check_error(
        "{\"image_url\":\"x\",\"output_mask\":null}",
        "{\"type\":\"bool_type\",\"loc\":[\"body\",\"output_mask\"],\"msg\":\"Input should be a valid "
        "boolean\",\"input\":null}");
    check_error("{\"image_url\":12}",
                "{\"type\":\"string_type\",\"loc\":[\"body\",\"image_url\"],\"msg\":\"Input should "
                "be a valid string\",\"input\":12}");
    check_error("[1]",
                "{\"type\":\"model_attributes_type\",\"loc\":[\"body\"],\"msg\":\"Input should be a valid "
                "dictionary or object to extract fields from\",\"input\":[1]}");
    check_error(
        "{\"image_url\":\"x\",\"operating_resolution\":\"2304x2304\"}",
        "{\"loc\":[\"body\",\"operating_resolution\"],\"msg\":\"2304x2304 is for the model General Use "
        "(Dynamic) only\",\"type\":\"feature_not_supported\",\"url\":\"https://docs.fal.ai/"
        "errors#feature_not_supported\",\"input\":\"2304x2304\"}");
}

/* "{},{},..." takes eighty times its length when it is parsed. */
static void bodies_that_would_grow_are_not_parsed(void **state)
{
    (void)state;
    static const char *const starts[] = {"{\"image_url\":\"x\",\"a\":[", "{\"image_url\":\"x\",\"a\":", "["};
    static const char *const pieces[] = {"{},", "[", "0,"};
    static const char *const ends[] = {"{}]}", "", "0]"};
    static const int counts[] = {20000, 70, 20000};
    for (size_t i = 0; i < 3; i++) {
        bn_error err = {0};
        bn_buffer body;
        bn_input input;
        json_t *detail = NULL;
        bool broken;
        bn_buffer_init(&body, 1u << 20);
        assert_ok(bn_buffer_printf(&body, &err, "%s", starts[i]), err);
        for (int k = 0; k < counts[i]; k++) assert_ok(bn_buffer_printf(&body, &err, "%s", pieces[i]), err);
        for (int k = 0; i == 1 && k < counts[i]; k++) assert_ok(bn_buffer_printf(&body, &err, "]"), err);
        assert_ok(bn_buffer_printf(&body, &err, "%s%s", ends[i], i == 1 ? "}" : ""), err);
        assert_int_equal(bn_input_parse((char *)body.data, body.size, &input, &detail, &broken, &err),
                         BIREFNET_ERROR_FORMAT);
        assert_true(broken);
        const json_t *entry = json_array_get(detail, 0);
        assert_string_equal(json_string_value(json_object_get(entry, "type")), "json_invalid");
        assert_string_equal(json_string_value(json_object_get(json_object_get(entry, "ctx"), "error")),
                            "more than 10000 values or 64 levels");
        json_decref(detail);
        bn_buffer_free(&body);
    }
    char commas[60000] = "{\"image_url\":\"data:,"; /* within a string nothing counts */
    memset(commas + strlen(commas), '[', 50000);
    strcat(commas, "\\\"{{,\"}");
    bn_input input;
    json_t *detail = NULL;
    bn_error err = {0};
    assert_ok(bn_input_parse(commas, strlen(commas), &input, &detail, NULL, &err), err);
    bn_input_free(&input);
}

static void broken_json_is_told_from_bad_input(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{", "", "{\"image_url\":\"a\",\"image_url\":\"b\"}", "{\"image_url\":\"\xff\"}", "nope", "{} {}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        bn_error err = {0};
        bn_input input;
        json_t *detail = NULL;
        bool broken = false;
        assert_int_equal(bn_input_parse(bodies[i], strlen(bodies[i]), &input, &detail, &broken, &err),
                         BIREFNET_ERROR_FORMAT);
        assert_true(broken);
        json_t *entry = json_array_get(detail, 0);
        assert_string_equal(json_string_value(json_object_get(entry, "type")), "json_invalid");
        assert_true(json_is_integer(json_array_get(json_object_get(entry, "loc"), 1)));
        json_decref(detail);
    }
}

static void several_errors_come_together_and_long_values_are_cut(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_input input;
    json_t *detail = NULL;
    char *body = malloc(100100);
    strcpy(body, "{\"model\":\"");
    memset(body + strlen(body), 'm', 100000);
    strcpy(body + 10 + 100000, "\",\"sync_mode\":2}");
    assert_int_equal(bn_input_parse(body, strlen(body), &input, &detail, NULL, &err), BIREFNET_ERROR_FORMAT);
    assert_int_equal(json_array_size(detail), 3);
    assert_true(json_dumpb(detail, NULL, 0, 0) < 3000);
    json_decref(detail);
    free(body);
}

static void defaults_and_lax_booleans(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_input input;
    json_t *detail = NULL;
    const char *body = "{\"image_url\":\"x\"}";
    assert_ok(bn_input_parse(body, strlen(body), &input, &detail, NULL, &err), err);
    assert_string_equal(input.model, "General Use (Light)");
    assert_int_equal(input.width, 1024);
    assert_int_equal(input.format, BN_FORMAT_PNG);
    assert_true(input.refine_foreground && !input.output_mask && !input.sync_mode && !input.mask_only);
    bn_input_free(&input);
    body =
        "{\"image_url\":\"x\",\"model\":\"General Use (Dynamic)\",\"operating_resolution\":\"2304x2304\","
        "\"output_mask\":\"Yes\",\"refine_foreground\":0,\"sync_mode\":\"on\",\"mask_only\":1.0,\"foo\":{}}";
    assert_ok(bn_input_parse(body, strlen(body), &input, &detail, NULL, &err), err);
    assert_int_equal(input.height, 2304);
    assert_true(!input.refine_foreground && input.output_mask && input.sync_mode && input.mask_only);
    bn_input_free(&input);
}

/* A client's own notes may have them: seeds, hashes. The endpoint's framework takes whole numbers of any length. */
static void whole_numbers_of_any_length_are_numbers(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_input input;
    json_t *detail = NULL;
    const char *body =
        "{\"image_url\":\"x\",\"seed\":18446744073709551615,\"output_mask\":1,\"canvas\":\"800\"}";
    assert_ok(bn_input_parse(body, strlen(body), &input, &detail, NULL, &err), err);
    assert_true(input.output_mask);
    assert_int_equal(input.picture.canvas.width, 800);
    bn_input_free(&input);
    const char *most = "[9223372036854775807]"; /* stays what it is */
    json_t *list = bn_json_read(most, strlen(most), 10, NULL);
    assert_true(json_integer_value(json_array_get(list, 0)) == INT64_MAX);
    json_decref(list);
    const char *beyond = "[18446744073709551615, 1e999]";
    json_error_t fault;
    assert_null(bn_json_read(beyond, strlen(beyond), 10, &fault));
    assert_non_null(strstr(fault.text, "real number overflow"));
}

/* The endpoint passes over both fields of a touch-up. */
static void a_touch_up_may_name_a_request(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_input input;
    json_t *detail = NULL;
    const char *body = "{\"request_id\":\"r\",\"mask_url\":\"m\"}";
    assert_ok(bn_input_parse_touch_up(body, strlen(body), &input, &detail, NULL, &err), err);
    assert_null(input.image_url);
    assert_string_equal(input.request_id, "r");
    assert_string_equal(input.mask_url, "m");
    bn_input_free(&input);
    assert_int_equal(bn_input_parse(body, strlen(body), &input, &detail, NULL, &err), BIREFNET_ERROR_FORMAT);
    json_decref(detail);
    body = "{\"request_id\":\"r\",\"image_url\":\"x\"}";
    assert_ok(bn_input_parse_touch_up(body, strlen(body), &input, &detail, NULL, &err), err);
    assert_string_equal(input.image_url, "x");
    assert_null(input.request_id);
    bn_input_free(&input);
    body = "{\"request_id\":{}}";
    assert_int_equal(bn_input_parse_touch_up(body, strlen(body), &input, &detail, NULL, &err),
                     BIREFNET_ERROR_FORMAT);
    assert_int_equal(json_array_size(detail), 1);
    json_decref(detail);
}

/* What the program can do besides: shops first, then what was said, whatever the order in the body. */
static void extra_fields_make_a_picture(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_input input;
    json_t *detail = NULL;
    const char *body =
        "{\"image_url\":\"x\",\"fit\":80,\"canvas\":\"600x400\",\"for\":\"amazon\",\"align\":\"bottom\","
        "\"shadow\":\"soft\",\"crop\":\"5%\",\"metadata\":\"safe\"}";
    assert_ok(bn_input_parse(body, strlen(body), &input, &detail, NULL, &err), err);
    const bn_cutout_options *picture = &input.picture;
    assert_true(picture->canvas.used && picture->canvas.width == 600 && picture->canvas.height == 400);
    assert_true(picture->canvas.fit_percent == 80 && picture->canvas.align == BN_ALIGN_BOTTOM);
    assert_true(picture->background.kind == BN_BACKGROUND_COLOUR && picture->to_srgb);
    assert_true(picture->shadow == BN_SHADOW_SOFT && picture->crop && picture->crop_margin_percent == 5);
    assert_int_equal(picture->cutout_encoding.metadata, BN_METADATA_SAFE);
    bn_input_free(&input);
    body = "{\"image_url\":\"x\",\"background\":\"\",\"canvas\":null,\"crop\":false}";
    assert_ok(bn_input_parse(body, strlen(body), &input, &detail, NULL, &err), err);
    assert_true(!input.picture.canvas.used && !input.picture.crop);
    assert_int_equal(input.picture.background.kind, BN_BACKGROUND_NONE);
    bn_input_free(&input);
    static const char *const bad[][2] = {{"canvas", "\"huge\""},
                                         {"fit", "0"},
                                         {"background", "\"/etc/passwd\""},
                                         {"background", "\"ftp://h/x.png\""},
                                         {"shadow", "\"long\""},
                                         {"for", "\"corner\""},
                                         {"crop", "-1"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"image_url\":\"x\",\"%s\":%s}", bad[i][0], bad[i][1]);
        assert_int_equal(bn_input_parse(text, strlen(text), &input, &detail, NULL, &err),
                         BIREFNET_ERROR_FORMAT);
        const json_t *loc = json_object_get(json_array_get(detail, 0), "loc");
        assert_string_equal(json_string_value(json_array_get(loc, 1)), bad[i][0]);
        json_decref(detail);
    }
}

/* Whatever shop was named before: the image counts. It is fetched later. */
static void backgrounds_may_be_images(void **state)
{
    (void)state;
    static const char *const good[] = {"http://h/x.png", "HTTPS://h/a%20b", "data:image/png;base64,AAAA"};
    for (size_t i = 0; i < 3; i++) {
        bn_error err = {0};
        bn_input input;
        json_t *detail = NULL;
        char body[200];
        snprintf(body, sizeof body, "{\"background\":\"%s\",\"image_url\":\"x\",\"for\":\"ebay\"}", good[i]);
        assert_ok(bn_input_parse(body, strlen(body), &input, &detail, NULL, &err), err);
        assert_string_equal(input.background_url, good[i]);
        assert_int_equal(input.picture.background.kind, BN_BACKGROUND_IMAGE);
        assert_null(input.picture.background.image);
        bn_input_free(&input);
    }
}

/* A client's own notes under a name of ours: the endpoint passes over them. */
static void objects_under_our_names_are_passed_over(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_input input;
    json_t *detail = NULL;
    const char *body =
        "{\"image_url\":\"x\",\"metadata\":{\"order\":7},\"crop\":{\"x\":1},\"background\":[1]}";
    assert_ok(bn_input_parse(body, strlen(body), &input, &detail, NULL, &err), err);
    assert_false(input.picture.crop);
    assert_int_equal(input.picture.background.kind, BN_BACKGROUND_NONE);
    assert_int_equal(input.picture.cutout_encoding.metadata, BN_METADATA_NONE);
    bn_input_free(&input);
}

/* A client that fills in the defaults of the document gets what one that leaves them out gets. */
static void defaults_that_are_named_change_nothing(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_input input;
    json_t *detail = NULL, *body = json_pack("{s:s}", "image_url", "x");
    for (size_t i = 0; i < bn_schema_count(); i++) {
        const bn_field *field = bn_schema_at(i);
        if (field->extra)
            json_object_set_new(body, field->name,
                                json_string(field->default_text ? field->default_text : ""));
    }
    assert_true(json_object_size(body) > 5);
    char *text = json_dumps(body, 0);
    assert_ok(bn_input_parse(text, strlen(text), &input, &detail, NULL, &err), err);
    const bn_cutout_options *picture = &input.picture;
    assert_false(picture->canvas.used);
    assert_false(picture->crop || picture->to_srgb);
    assert_int_equal(picture->background.kind, BN_BACKGROUND_NONE);
    assert_int_equal(picture->shadow, BN_SHADOW_NONE);
    assert_int_equal(picture->cutout_encoding.metadata, BN_METADATA_NONE);
    bn_input_free(&input);
    free(text);
    json_decref(body);
}

/* The names of `for` are the rows of the table of shops. */
static void every_shop_can_be_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < bn_schema_count(); i++) {
        const bn_field *field = bn_schema_at(i);
        for (size_t k = 0; strcmp(field->name, "for") == 0 && (field->choices[k + 1] || bn_shop_at(k)); k++)
            assert_string_equal(field->choices[k + 1], bn_shop_at(k)->name);
    }
}

static void the_document_says_what_is_checked(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_buffer out;
    bn_buffer_init(&out, 1u << 20);
    assert_ok(bn_schema_openapi("http://here/queue", &out, &err), err);
    json_t *root = json_loadb((char *)out.data, out.size, 0, NULL);
    assert_non_null(root);
    const char *reference;
    assert_int_equal(json_unpack(root, "{s:{s:{s:{s:{s:{s:{s:{s:s}}}}}}}}", "paths", "/fal-ai/birefnet/v2",
                                 "post", "requestBody", "content", "application/json", "schema", "$ref",
                                 &reference),
                     0);
    assert_string_equal(reference, "#/components/schemas/BirefnetV2Input");
    const char *beside;
    assert_int_equal(
        json_unpack(root, "{s:{s:{s:[{s:s}]}}}", "paths", "/admin/overview.json", "servers", "url", &beside),
        0);
    assert_string_equal(beside, "http://here");
    json_t *input, *required;
    assert_int_equal(json_unpack(root, "{s:{s:{s:o}}}", "components", "schemas", "BirefnetV2Input", &input),
                     0);
    required = json_object_get(input, "required");
    assert_int_equal(json_array_size(required), 1);
    assert_string_equal(json_string_value(json_array_get(required, 0)), "image_url");
    assert_int_equal(json_object_size(json_object_get(input, "properties")), 8 + 8);
    /* every declared choice is accepted, every default too */
    for (size_t i = 0; i < bn_schema_count(); i++) {
        const bn_field *field = bn_schema_at(i);
        for (size_t k = 0; field->type == BN_FIELD_CHOICE && field->choices[k]; k++) {
            char body[300];
            bn_input parsed;
            json_t *detail = NULL;
            snprintf(body, sizeof body, "{\"image_url\":\"x\",\"model\":\"General Use (Dynamic)\"%s%s%s%s%s}",
                     strcmp(field->name, "model") == 0 ? "" : ",\"",
                     strcmp(field->name, "model") == 0 ? "" : field->name,
                     strcmp(field->name, "model") == 0 ? "" : "\":\"",
                     strcmp(field->name, "model") == 0 ? "" : field->choices[k],
                     strcmp(field->name, "model") == 0 ? "" : "\"");
            assert_ok(bn_input_parse(body, strlen(body), &parsed, &detail, NULL, &err), err);
            bn_input_free(&parsed);
        }
    }
    json_decref(root);
    bn_buffer_free(&out);
}

/* As Windows PowerShell and some editors write it. */
static void a_byte_order_mark_is_passed_over(void **state)
{
    (void)state;
    static const char body[] = "\xef\xbb\xbf{\"image_url\":\"http://h/x.png\"}";
    bn_error err = {0};
    bn_input input;
    json_t *detail = NULL;
    assert_ok(bn_input_parse(body, sizeof body - 1, &input, &detail, NULL, &err), err);
    assert_string_equal(input.image_url, "http://h/x.png");
    bn_input_free(&input);
    bool broken = false;
    assert_int_equal(bn_input_parse(body, 3, &input, &detail, &broken, &err), BIREFNET_ERROR_FORMAT);
    assert_true(broken);
    json_decref(detail);
}

static void data_uris_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *bytes;
        size_t size;
        bn_status status;
    } cases[] = {
        {"data:image/png;base64,aGVsbG8=", "hello", 5, BIREFNET_OK},
        {"data:;base64,aGVsbG8", "hello", 5, BIREFNET_OK},
        {"DATA:x/y;charset=utf-8;BASE64,aGVs\nbG8=", "hello", 5, BIREFNET_OK},
        {"data:;base64,aGVsbG8%3D", "hello", 5, BIREFNET_OK},
        {"data:;base64,-_-_", "\xfb\xff\xbf", 3, BIREFNET_OK},
        {"data:,a%20b", "a b", 3, BIREFNET_OK},
        {"data:,", "", 0, BIREFNET_OK},
        {"data:;base64,aGVsb", "", 0, BIREFNET_ERROR_FORMAT},
        {"data:;base64,a!", "", 0, BIREFNET_ERROR_FORMAT},
        {"data:,%2", "", 0, BIREFNET_ERROR_FORMAT},
        {"data:nothing", "", 0, BIREFNET_ERROR_FORMAT},
        {"data:,more than ten bytes", "", 0, BIREFNET_ERROR_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bn_error err = {0};
        bn_buffer out;
        bn_buffer_init(&out, 10);
        assert_int_equal(bn_data_uri_read(cases[i].uri, &out, &err), cases[i].status);
        if (cases[i].status == BIREFNET_OK) {
            assert_int_equal(out.size, cases[i].size);
            if (out.size > 0) assert_memory_equal(out.data, cases[i].bytes, out.size);
        }
        bn_buffer_free(&out);
    }
    bn_error err = {0};
    bn_buffer out;
    bn_buffer_init(&out, 100);
    assert_ok(bn_data_uri_write("image/gif", "hello", 5, &out, &err), err);
    assert_string_equal((char *)out.data, "data:image/gif;base64,aGVsbG8=");
    bn_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_the_endpoints_words),
        cmocka_unit_test(bodies_that_would_grow_are_not_parsed),
        cmocka_unit_test(broken_json_is_told_from_bad_input),
        cmocka_unit_test(several_errors_come_together_and_long_values_are_cut),
        cmocka_unit_test(defaults_and_lax_booleans),
        cmocka_unit_test(backgrounds_may_be_images),
        cmocka_unit_test(objects_under_our_names_are_passed_over),
        cmocka_unit_test(whole_numbers_of_any_length_are_numbers),
        cmocka_unit_test(a_touch_up_may_name_a_request),
        cmocka_unit_test(extra_fields_make_a_picture),
        cmocka_unit_test(defaults_that_are_named_change_nothing),
        cmocka_unit_test(every_shop_can_be_asked_for),
        cmocka_unit_test(the_document_says_what_is_checked),
        cmocka_unit_test(a_byte_order_mark_is_passed_over),
        cmocka_unit_test(data_uris_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
