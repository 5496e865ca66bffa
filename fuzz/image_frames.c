/* image_frames.c - fuzz: any bytes to the frames of an animation of one format (FORMAT, by the build), under a small pixel
 * limit. Every sample of what comes out is read; memory beyond the limits' promise is a crash (fuzz/image.cmake). */
#include "image/animation.h"
#include "image/codec_table.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_PIXELS (1u << 17)
#define MAX_FRAMES 40 /* for the fuzzer's patience */

static void check(int condition)
{
    if (!condition) abort();
}

static unsigned sum_samples(const bn_image *image)
{
    unsigned sum = 0;
    for (size_t i = 0; i < bn_image_bytes(image); i++) sum += ((const uint8_t *)image->pixels)[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bn_error err = {0};
    bn_animation *animation = NULL;
    const bn_decode_limits limits = {.max_pixels = MAX_PIXELS};
    if (bn_format_from_bytes(data, size) != FORMAT) return 0;
    check(bn_animation_count(data, size) >= 1);
    bn_status status = bn_animation_open(data, size, &limits, &animation, &err);
    if (status != BIREFNET_OK) {
        check(!animation && strlen(err.message) > 0);
        return 0;
    }
    const bn_animation_info *info = bn_animation_get_info(animation);
    check((uint64_t)info->width * (uint64_t)info->height <= MAX_PIXELS);
    check(info->frames <= BN_ANIMATION_MAX_FRAMES);
    for (int n = 0; n < MAX_FRAMES; n++) {
        bn_image *frame = NULL;
        bn_delay delay;
        status = bn_animation_next(animation, &frame, &delay, &err);
        check(status == BIREFNET_OK || (!frame && strlen(err.message) > 0));
        if (!frame) break;
        check(frame->width == info->width && frame->height == info->height && frame->channels == 4 &&
              frame->depth == 8 && delay.denominator > 0);
        check(sum_samples(frame) <= 255 * bn_image_bytes(frame)); /* all samples are there to be read */
        bn_image_destroy(&frame);
    }
    bn_animation_close(&animation);
    return 0;
}
