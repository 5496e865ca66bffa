/* eval_pairs.c - which photo belongs to which true mask, and reading the mask. */
#include "cli/eval.h"

#include "base/size.h"
#include "cli/source.h"
#include "image/codec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- finding ---- */

static bn_status check_folder(const char *path, bn_error *err)
{
    struct stat facts;
    if (stat(path, &facts) != 0) return bn_fail_errno(err, errno, "cannot open the folder %s", path);
    if (S_ISDIR(facts.st_mode)) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%s is not a folder", path);
}

/* `except` (may be NULL) is not searched where it lies below the folder. */
static bn_status find_pictures(const char *folder, const char *except, bn_plan *plan, bn_error *err)
{
    char *operand = strdup(folder);
    if (!operand) return bn_fail_memory(err, strlen(folder) + 1, "a name");
    bn_status status = check_folder(folder, err);
    if (status == BIREFNET_OK) status = bn_plan_find_inputs(&operand, 1, except, plan, err);
    free(operand);
    if (status == BIREFNET_OK && plan->count == 1 && plan->photos[0].problem) /* the folder itself */
        status = bn_fail(err, plan->photos[0].problem_status, "%s", plan->photos[0].problem);
    return status;
}

/* By the place and the stem, then by the suffix. */
static int compare_photos(const void *a, const void *b)
{
    const char *left = ((const bn_photo *)a)->relative, *right = ((const bn_photo *)b)->relative;
    const size_t ll = bn_stem_length(left), lr = bn_stem_length(right);
    const int order = strncmp(left, right, BN_MIN(ll, lr));
    if (order != 0) return order;
    return ll != lr ? (ll > lr) - (ll < lr) : strcmp(left, right);
}

static bool same_stem(const char *a, const char *b)
{
    const size_t length = bn_stem_length(a);
    return length == bn_stem_length(b) && strncmp(a, b, length) == 0;
}

static void sort_plan(bn_plan *plan)
{
    if (plan->count > 1) qsort(plan->photos, plan->count, sizeof *plan->photos, compare_photos);
}

static bool is_png(const bn_photo *photo)
{
    return bn_format_from_path(photo->source) == BN_FORMAT_PNG;
}

static bn_status set_problem(bn_eval_pair *pair, bn_error *err, const char *format, const char *text)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (asprintf(&pair->problem, format, text) < 0) {
#pragma GCC diagnostic pop
        pair->problem = NULL;
        return bn_fail_memory(err, strlen(text), "a message");
    }
    return BIREFNET_OK;
}

/* The truth of one photo among truths[first ...], which all have its stem. */
static bn_status match(bn_eval_pair *pair, const bn_photo *truths, size_t first, size_t count, bn_error *err)
{
    if (first >= count || !same_stem(truths[first].relative, pair->photo->relative))
        return set_problem(pair, err, "there is no true mask of this name (%s, with any suffix)",
                           pair->photo->relative);
    if (first + 1 < count && same_stem(truths[first + 1].relative, pair->photo->relative))
        return set_problem(pair, err, "there are two true masks of this name, %s is one",
                           truths[first].source);
    if (truths[first].problem) return set_problem(pair, err, "%s", truths[first].problem);
    pair->truth = truths[first].source;
    return BIREFNET_OK;
}

static bn_status pair_up(bn_eval_pairs *pairs, bn_error *err)
{
    size_t at = 0;
    for (size_t i = 0; i < pairs->photos.count; i++) {
        const bn_photo *photo = &pairs->photos.photos[i];
        bn_eval_pair *pair = &pairs->pairs[pairs->count++];
        *pair = (bn_eval_pair){.photo = photo};
        if (photo->problem) {
            BN_TRY(set_problem(pair, err, "%s", photo->problem));
            continue;
        }
        while (at < pairs->truths.count && !same_stem(pairs->truths.photos[at].relative, photo->relative) &&
               compare_photos(&pairs->truths.photos[at], photo) < 0)
            at++;
        BN_TRY(match(pair, pairs->truths.photos, at, pairs->truths.count, err));
    }
    return BIREFNET_OK;
}

/* Masks among the photos: STEM.png where another picture has the stem. A PNG without one is a photo without a mask. */
static bn_status pair_within(bn_eval_pairs *pairs, bn_error *err)
{
    const bn_photo *photos = pairs->photos.photos;
    const size_t count = pairs->photos.count;
    for (size_t first = 0, end; first < count; first = end) {
        const bn_photo *mask = NULL;
        for (end = first; end < count && same_stem(photos[end].relative, photos[first].relative); end++)
            if (is_png(&photos[end])) mask = &photos[end];
        for (size_t i = first; i < end; i++) {
            if (mask == &photos[i] && end - first > 1) continue;
            bn_eval_pair *pair = &pairs->pairs[pairs->count++];
            *pair =
                (bn_eval_pair){.photo = &photos[i], .truth = end - first > 1 && mask ? mask->source : NULL};
            if (photos[i].problem)
                BN_TRY(set_problem(pair, err, "%s", photos[i].problem));
            else if (!pair->truth)
                BN_TRY(set_problem(pair, err, "there is no true mask beside it (%s, as .png)",
                                   photos[i].relative));
        }
    }
    return BIREFNET_OK;
}

static bn_status check_some(const bn_eval_pairs *pairs, const char *photos, const char *truths, bn_error *err)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (pairs->pairs[i].truth) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "none of the %zu photos in %s has a true mask%s%s: %s: %s",
                   pairs->count, photos, truths ? " in " : " beside it", truths ? truths : "",
                   pairs->pairs[0].photo->source, pairs->pairs[0].problem);
}

bn_status bn_eval_pairs_find(const char *photos, const char *truths, bn_eval_pairs *pairs, bn_error *err)
{
    *pairs = (bn_eval_pairs){0};
    BN_TRY(find_pictures(photos, truths, &pairs->photos, err));
    if (truths) BN_TRY(find_pictures(truths, photos, &pairs->truths, err));
    sort_plan(&pairs->photos);
    sort_plan(&pairs->truths);
    pairs->pairs = calloc(pairs->photos.count, sizeof *pairs->pairs);
    if (!pairs->pairs) return bn_fail_memory(err, pairs->photos.count * sizeof *pairs->pairs, "the pairs");
    BN_TRY(truths ? pair_up(pairs, err) : pair_within(pairs, err));
    return check_some(pairs, photos, truths, err);
}

void bn_eval_pairs_free(bn_eval_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) free(pairs->pairs[i].problem);
    free(pairs->pairs);
    bn_plan_free(&pairs->photos);
    bn_plan_free(&pairs->truths);
    *pairs = (bn_eval_pairs){0};
}

/* ---- reading ---- */

#define GREY_SLACK 3 /* by which the colours of a grey JPEG may differ */

static uint8_t sample(const bn_image *image, size_t index)
{
    if (image->depth == 8) return ((const uint8_t *)image->pixels)[index];
    return (uint8_t)((((const uint16_t *)image->pixels)[index] * 255u + 32767) / 65535);
}

static bool is_transparent(const bn_image *image)
{
    const size_t pixels = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; image->channels == 4 && i < pixels; i++)
        if (sample(image, 4 * i + 3) < 255) return true;
    return false;
}

static bn_status take_grey(const bn_image *image, uint8_t *bytes, bn_error *err)
{
    const size_t pixels = (size_t)image->width * (size_t)image->height, channels = (size_t)image->channels;
    uint8_t most = 0;
    for (size_t i = 0; i < pixels; i++) {
        bytes[i] = sample(image, i * channels);
        most = BN_MAX(most, bytes[i]);
        for (size_t c = 1; c < BN_MIN(channels, (size_t)3); c++)
            if (abs(sample(image, i * channels + c) - bytes[i]) > GREY_SLACK)
                return bn_fail(err, BIREFNET_ERROR_FORMAT,
                               "a picture in colours is no mask: white is subject, black is background");
    }
    if (most > 0 && most < BN_TRUTH_UNKNOWN)
        return bn_fail(err, BIREFNET_ERROR_FORMAT,
                       "the brightest pixel of this mask is %d of 255; subject should be white, 255", most);
    return BIREFNET_OK;
}

static bn_status take_mask(const bn_image *image, uint8_t *bytes, bn_error *err)
{
    const size_t pixels = (size_t)image->width * (size_t)image->height;
    if (!is_transparent(image)) return take_grey(image, bytes, err);
    for (size_t i = 0; i < pixels; i++) bytes[i] = sample(image, 4 * i + 3);
    return BIREFNET_OK;
}

bn_status bn_eval_read_truth(const char *path, const bn_decode_limits *limits, uint8_t **bytes, int *width,
                             int *height, bn_error *err)
{
    bn_buffer file;
    bn_image *image = NULL;
    bn_status status;
    uint8_t *made = NULL;
    bn_buffer_init(&file, BN_SOURCE_MAX_BYTES);
    BN_TRY_DONE(bn_source_read(path, &file, err));
    BN_TRY_DONE(bn_image_decode(file.data, file.size, limits, &image, err));
    made = malloc((size_t)image->width * (size_t)image->height); /* fits: the image holds more */
    if (!made) BN_TRY_DONE(bn_fail_memory(err, bn_image_bytes(image), "a true mask"));
    BN_TRY_DONE(take_mask(image, made, err));
    *bytes = made;
    *width = image->width;
    *height = image->height;
done:
    if (status != BIREFNET_OK) {
        free(made);
        if (!err || !strstr(err->message, path)) bn_error_prefix(err, status, "%s", path);
    }
    bn_image_destroy(&image);
    bn_buffer_free(&file);
    return status;
}
