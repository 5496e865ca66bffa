/* blobs_s3_answer.c - what is read of S3's answers: texts fit where they go and hold no control character; and S3's
 * addresses, whose parts may stand in a request. */
#include "blobs/s3_answer.h"
#include "blobs/s3_place.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t room)
{
    if (strnlen(text, room) == room) abort();
    for (; *text; text++)
        if ((uint8_t)*text < ' ' || *text == 0x7f) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"Code", "UploadId", "ETag", "Region"};
    char out[40], path[600];
    bn_s3_place place;
    for (size_t i = 0; i < 4; i++) {
        memset(out, 'x', sizeof out);
        const bool found = bn_s3_text_of((const char *)data, size, names[i], out, sizeof out);
        check_text(out, sizeof out);
        if (!found && out[0]) abort();
    }
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    bn_s3_read_date(text);
    if (bn_s3_place_parse(text, &place, NULL) == BIREFNET_OK) {
        bn_s3_place_path(&place, "0123456789abcdef0123456789abcdef", path, sizeof path);
        check_text(path, sizeof path);
        check_text(place.endpoint, sizeof place.endpoint);
        check_text(place.region, sizeof place.region);
        if (!place.host[0] || strlen(place.bucket) < 3 || strchr(place.endpoint, '@')) abort();
    }
    free(text);
    return 0;
}
