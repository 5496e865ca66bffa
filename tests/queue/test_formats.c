/* test_formats.c - what a refusal names as readable is what this machine reads. The linker puts a function of ours in front
 * of the one that knows (--wrap): HEIC's library is missing, whatever is installed. */
#include "tests/test.h"

#include "tests/queue/rig.h"

#include "image/codec.h"

#include <jansson.h>

const char *__real_bn_format_missing(bn_format format);
const char *__wrap_bn_format_missing(bn_format format);

const char *__wrap_bn_format_missing(bn_format format)
{
    return format == BN_FORMAT_HEIF ? "HEIC" : __real_bn_format_missing(format);
}

static bool names(const json_t *list, const char *format)
{
    size_t i;
    json_t *name;
    json_array_foreach(list, i, name) if (strcmp(json_string_value(name), format) == 0) return true;
    return false;
}

static void formats_that_are_missing_are_not_named(void **state)
{
    rig *self = *state;
    char id[BN_REQUEST_ID_CHARS];
    rig_submit_body(self, "{\"image_url\":\"data:,8BPS%00%01\"}", id);
    rig_wait(self, id, BN_REQUEST_COMPLETED);
    json_t *result = rig_result(self, id, 422);
    const json_t *entry = json_array_get(json_object_get(result, "detail"), 0);
    const json_t *formats = json_object_get(json_object_get(entry, "ctx"), "supported_formats");
    assert_true(json_is_array(formats));
    assert_true(names(formats, "jpeg") && names(formats, "avif"));
    assert_false(names(formats, "heic"));
    json_decref(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {RIG_TEST(formats_that_are_missing_are_not_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
