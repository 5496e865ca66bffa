/* blobs_s3_sign.c - signatures of anything: what goes out fits, and holds nothing that may not stand in a request line or a
 * field. Lines of the input are the parts of a request. */
#include "blobs/s3_sign.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_target(const char *target)
{
    if (strlen(target) >= BN_S3_TARGET_BYTES) abort();
    for (; *target; target++)
        if ((uint8_t)*target <= ' ' || (uint8_t)*target >= 0x7f || strchr("\"<>\\^`{}|", *target)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *rest = NULL, *lines[6] = {"", "", "", "", "", ""};
    bn_s3_credentials keys = {.key_id = "key", .secret = "secret"};
    bn_s3_signed out;
    memcpy(text, data, size);
    text[size] = '\0';
    size_t count = 0;
    for (char *line = strtok_r(text, "\n", &rest); line && count < 6; line = strtok_r(NULL, "\n", &rest))
        lines[count++] = line;
    strncpy(keys.token, lines[5], sizeof keys.token - 1);
    const bn_s3_request request = {.method = "GET",
                                   .host = "host",
                                   .path = lines[0],
                                   .query = {{lines[1], lines[2]}, {lines[2], lines[1]}},
                                   .query_count = 2,
                                   .headers = {{"range", lines[3]}},
                                   .header_count = 1,
                                   .payload = BN_S3_UNSIGNED};
    if (bn_s3_sign(&request, &keys, lines[4], 1369353600, &out, NULL) == BIREFNET_OK) {
        check_target(out.target);
        if (strlen(out.authorization) >= sizeof out.authorization || strlen(out.date) != 16) abort();
    }
    if (bn_s3_presign(&request, &keys, lines[4], 1369353600, 60, &out, NULL) == BIREFNET_OK)
        check_target(out.target);
    free(text);
    return 0;
}
