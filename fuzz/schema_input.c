/* schema_input.c - a request's body, the lifecycle field, a file's name and type, and the address of a file: whatever a
 * client sends that is not a photo. The first byte says which. */
#include "queue/names.h"
#include "schema/schema.h"
#include "store/ids.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_input(const char *text, size_t size, bool touch_up)
{
    bn_input input;
    json_t *detail = NULL;
    if ((touch_up ? bn_input_parse_touch_up : bn_input_parse)(text, size, &input, &detail, NULL, NULL) ==
        BIREFNET_OK) {
        if (!input.image_url == !(touch_up && input.request_id) || input.width < 1024 ||
            input.format == BN_FORMAT_NONE || !input.model[0])
            abort();
        const bn_placement *canvas = &input.picture.canvas;
        if (canvas->width < 0 || canvas->width > 30000 ||
            !(canvas->fit_percent >= 1 && canvas->fit_percent <= 100))
            abort();
        bn_input_free(&input);
    } else if (detail) {
        char *list = json_dumps(detail, JSON_COMPACT | JSON_ENSURE_ASCII);
        if (!list || json_array_size(detail) == 0) abort(); /* an error that cannot be sent */
        free(list);
        json_decref(detail);
    }
}

static void clean_names(const char *text)
{
    char name[BN_FILE_NAME_CHARS], type[BN_FILE_TYPE_CHARS];
    bn_type_clean(text, type);
    bn_name_clean(text, type, "0123456789abcdef0123456789abcdef", name);
    if (!name[0] || name[0] == '.' || strpbrk(name, "/\\\"\r\n ") || strpbrk(type, "\r\n")) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    char *text = malloc(size);
    char id[BN_FILE_ID_CHARS];
    bn_lifecycle lifecycle;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] % 4 == 0) {
        parse_input(text, size - 1, false);
        parse_input(text, size - 1, true);
    } else if (data[0] % 4 == 1) {
        bn_lifecycle_parse(text, &lifecycle);
        if (lifecycle.expires_s < 0) abort();
    } else if (data[0] % 4 == 2) {
        clean_names(text);
    } else if (bn_file_id_of_url(text, id) && !bn_id_valid(id)) {
        abort();
    }
    free(text);
    return 0;
}
