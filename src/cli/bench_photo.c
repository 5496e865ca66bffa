/* bench_photo.c - a photo decoded, resized, its mask enlarged, refined, composed and encoded, several times. */
#include "cli/bench_photo.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/seeded.h"
#include "base/size.h"
#include "cli/source.h"
#include "cutout/cutout.h"
#include "image/colour.h"

#include <stdlib.h>

#define MADE_WIDTH  4000
#define MADE_HEIGHT 3000

const char *const bn_photo_stage_names[BN_PHOTO_STAGES] = {"decode", "resize",  "mask",
                                                           "refine", "compose", "encode"};

/* Smooth shades with a little noise, as cameras give. */
static bn_status make_photo(bn_buffer *file, bn_error *err)
{
    enum { NOISE = 1 << 16 };
    bn_image *image = NULL;
    float *noise = malloc(NOISE * sizeof *noise);
    bn_encode_options options;
    bn_encode_options_default(&options, BN_FORMAT_JPEG);
    if (!noise) return bn_fail_memory(err, NOISE * sizeof *noise, "a photo");
    bn_seeded_fill("photo", 1, 0, 4, 0, noise, NOISE);
    bn_status status = bn_image_create(MADE_WIDTH, MADE_HEIGHT, 3, 8, &image, err);
    if (status == BIREFNET_OK) {
        uint8_t *out = image->pixels;
        for (int y = 0; y < MADE_HEIGHT; y++)
            for (int i = 0; i < 3 * MADE_WIDTH; i++) {
                const int shade = 60 + (y + i / 3) * 120 / (MADE_WIDTH + MADE_HEIGHT) + (i % 3) * 20;
                *out++ = (uint8_t)((float)shade + noise[(y * 7919 + i) % NOISE]);
            }
        status = bn_image_encode(image, &options, file, err);
    }
    bn_image_destroy(&image);
    free(noise);
    return status;
}

/* What stands between decoding and finishing, without the network. */
static bn_status matte_of(bn_cutout *cutout, bn_matte_size network, double *resize_ms, double *mask_ms,
                          bn_error *err)
{
    const int width = cutout->width, height = cutout->height;
    bn_rgb8 rgb = {0};
    bn_status status = BIREFNET_OK;
    float *planes = malloc(3 * sizeof *planes * (size_t)network.width * (size_t)network.height);
    cutout->matte = malloc((size_t)width * (size_t)height);
    if (!planes || !cutout->matte)
        BN_TRY_DONE(bn_fail_memory(err, (size_t)width * (size_t)height, "a matte"));
    double start = bn_clock_ms();
    BN_TRY_DONE(bn_image_to_srgb(cutout->image, network.threads, &rgb, err));
    BN_TRY_DONE(bn_matte_prepare(rgb.pixels, width, height, (ptrdiff_t)3 * width, network, planes, err));
    *resize_ms = bn_clock_ms() - start;
    start = bn_clock_ms();
    BN_TRY_DONE(bn_matte_finish(planes, network, cutout->matte, width, height, width, err));
    *mask_ms = bn_clock_ms() - start;
done:
    bn_rgb8_release(&rgb);
    free(planes);
    return status;
}

static bn_status time_once(const bn_buffer *file, bn_matte_size network, double ms[BN_PHOTO_STAGES],
                           bn_photo_times *facts, bn_error *err)
{
    bn_cutout cutout = {0};
    bn_cutout_options options;
    bn_status status = BIREFNET_OK;
    bn_cutout_options_default(&options);
    options.threads = network.threads;
    options.isa = network.isa;
    BN_TRY_DONE(bn_cutout_decode(file->data, file->size, &options, &cutout, err));
    BN_TRY_DONE(matte_of(&cutout, network, &ms[BN_PHOTO_RESIZE], &ms[BN_PHOTO_MASK], err));
    BN_TRY_DONE(bn_cutout_finish(&options, &cutout, err));
    ms[BN_PHOTO_DECODE] = cutout.times.decode_ms;
    ms[BN_PHOTO_REFINE] = cutout.times.refine_ms;
    ms[BN_PHOTO_COMPOSE] = cutout.times.compose_ms;
    ms[BN_PHOTO_ENCODE] = cutout.times.encode_ms;
    facts->width = cutout.width;
    facts->height = cutout.height;
done:
    bn_cutout_release(&cutout);
    return status;
}

static int ascending(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

bn_status bn_bench_photo_check(const char *path, bn_error *err)
{
    bn_buffer file;
    uint64_t need;
    bn_buffer_init(&file, BN_SOURCE_MAX_BYTES);
    bn_status status = bn_file_read(path, &file, err);
    if (status == BIREFNET_OK) status = bn_image_decode_bytes(file.data, file.size, NULL, &need, err);
    bn_buffer_free(&file);
    return status;
}

bn_status bn_bench_photo(const char *path, bn_matte_size network, int runs, bn_photo_times *times,
                         bn_error *err)
{
    bn_buffer file;
    bn_status status = BIREFNET_OK;
    runs = BN_MAX(runs, 1);
    double(*ms)[BN_PHOTO_STAGES] = calloc((size_t)runs, sizeof *ms),
    *column = calloc((size_t)runs, sizeof *column);
    bn_buffer_init(&file, BN_SOURCE_MAX_BYTES);
    if (!ms || !column) BN_TRY_DONE(bn_fail_memory(err, (size_t)runs * sizeof *ms, "times"));
    BN_TRY_DONE(path ? bn_file_read(path, &file, err) : make_photo(&file, err));
    for (int run = -1; run < runs; run++)
        BN_TRY_DONE(time_once(&file, network, ms[BN_MAX(run, 0)], times, err));
    for (int stage = 0; stage < BN_PHOTO_STAGES; stage++) {
        for (int run = 0; run < runs; run++) column[run] = ms[run][stage];
        qsort(column, (size_t)runs, sizeof *column, ascending);
        times->ms[stage] = column[runs / 2];
    }
done:
    bn_buffer_free(&file);
    free(ms);
    free(column);
    return status;
}
