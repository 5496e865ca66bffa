/* matte.c - birefnet_session_matte: resize the photo, normalise, run the network, sigmoid, bring the mask back. */
#include "matte/matte.h"

#include "base/parallel.h"
#include "base/size.h"
#include "pixels/resample.h"
#include "model/model.h"
#include "model/normalise.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct convert_call {
    const uint8_t *rgb; /* [pixels][3] */
    float *planes;      /* [3][pixels] */
    const float *logits;
    uint8_t *mask;
    size_t pixels;
    atomic_size_t broken; /* logits that are not a number */
} convert_call;

static void normalise(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    const convert_call *call = context;
    for (size_t plane = 0; plane < 3; plane++)
        for (size_t i = begin; i < end; i++)
            call->planes[plane * call->pixels + i] = bn_normalise((int)plane, call->rgb[3 * i + plane]);
}

static void to_mask(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    convert_call *call = context;
    size_t broken = 0;
    for (size_t i = begin; i < end; i++) {
        const float share = 1.0f / (1.0f + expf(-call->logits[i]));
        const bool is_number = share >= 0;
        call->mask[i] = is_number ? (uint8_t)(255.0f * share) : 0; /* rounded down */
        broken += !is_number;
    }
    call->broken += broken;
}

static bn_status check_arguments(const birefnet_session *session, const uint8_t *rgb, int width, int height,
                                 ptrdiff_t stride_bytes, const uint8_t *matte, ptrdiff_t matte_stride_bytes,
                                 bn_error *err)
{
    if (!session || !rgb || !matte)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "no session, photo or matte");
    if (width < 1 || height < 1 || stride_bytes < (ptrdiff_t)3 * width || matte_stride_bytes < width)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "a photo of %d x %d pixels with rows of %td and %td bytes", width, height,
                       stride_bytes, matte_stride_bytes);
    return BIREFNET_OK;
}

/* The photo at the network's size: small uint8 [size.height][size.width][3]. */
static bn_status shrink(const uint8_t *rgb, int width, int height, ptrdiff_t stride_bytes, bn_matte_size size,
                        uint8_t *small, bn_error *err)
{
    return bn_resize_u8(rgb, width, height, 3, stride_bytes, small, size.width, size.height,
                        (ptrdiff_t)3 * size.width, BN_FILTER_BILINEAR, size.threads, size.isa, err);
}

/* The network's mask at the photo's size, unless logits were not numbers. */
static bn_status enlarge(const uint8_t *mask, size_t broken, bn_matte_size size, uint8_t *matte, int width,
                         int height, ptrdiff_t matte_stride_bytes, bn_error *err)
{
    if (broken)
        return bn_fail(err, BIREFNET_ERROR_FORMAT,
                       "the network's result is not a number at %zu of %zu pixels: its weights are broken",
                       broken, (size_t)size.width * (size_t)size.height);
    return bn_resize_u8(mask, size.width, size.height, 1, size.width, matte, width, height,
                        matte_stride_bytes, BN_FILTER_BICUBIC, size.threads, size.isa, err);
}

bn_status bn_matte_prepare(const uint8_t *rgb, int width, int height, ptrdiff_t stride_bytes,
                           bn_matte_size size, float *planes, bn_error *err)
{
    const size_t pixels = (size_t)size.width * (size_t)size.height;
    uint8_t *small = malloc(3 * pixels);
    if (!small) return bn_fail_memory(err, 3 * pixels, "the resized photo");
    convert_call call = {.rgb = small, .planes = planes, .pixels = pixels};
    const bn_status status = shrink(rgb, width, height, stride_bytes, size, small, err);
    if (status == BIREFNET_OK) bn_parallel_for(size.threads, pixels, normalise, &call);
    free(small);
    return status;
}

bn_status bn_matte_finish(const float *logits, bn_matte_size size, uint8_t *matte, int width, int height,
                          ptrdiff_t matte_stride_bytes, bn_error *err)
{
    const size_t pixels = (size_t)size.width * (size_t)size.height;
    uint8_t *mask = malloc(pixels);
    if (!mask) return bn_fail_memory(err, pixels, "the network's mask");
    convert_call call = {.logits = logits, .mask = mask, .pixels = pixels};
    bn_parallel_for(size.threads, pixels, to_mask, &call);
    const bn_status status = enlarge(mask, call.broken, size, matte, width, height, matte_stride_bytes, err);
    free(mask);
    return status;
}

/* ---- a run of a session on a graphics card ---------------------------------------------------------------------------- */

static bn_matte_size size_of(const birefnet_session *session)
{
    birefnet_session_info info;
    birefnet_session_get_info(session, &info);
    return (bn_matte_size){info.width, info.height, info.threads, bn_session_isa(session)};
}

/* Photos of the batch to the bytes that go there. */
static bn_status put(birefnet_session *session, const birefnet_photo *photos, int count, bn_error *err)
{
    const bn_matte_size size = size_of(session);
    uint8_t *small = bn_session_photo(session);
    for (int i = 0; i < count; i++, small += 3 * (size_t)size.width * (size_t)size.height)
        BN_TRY(shrink(photos[i].rgb, photos[i].width, photos[i].height, photos[i].stride_bytes, size, small,
                      err));
    return BIREFNET_OK;
}

static bn_status get(const birefnet_session *session, const birefnet_photo *photos, int count, bn_error *err)
{
    const bn_matte_size size = size_of(session);
    const uint8_t *mask = bn_session_mask(session);
    for (int i = 0; i < count; i++, mask += (size_t)size.width * (size_t)size.height)
        BN_TRY(enlarge(mask, bn_session_broken(session, i), size, photos[i].matte, photos[i].width,
                       photos[i].height, photos[i].matte_stride_bytes, err));
    return BIREFNET_OK;
}

static bn_status run_on_card(birefnet_session *session, const birefnet_photo *photos, int count,
                             bn_error *err)
{
    BN_TRY(put(session, photos, count, err));
    BN_TRY(bn_session_run_photo(session, err));
    return get(session, photos, count, err);
}

birefnet_status birefnet_session_mattes(birefnet_session *session, const birefnet_photo *photos, int count,
                                        birefnet_error *error)
{
    if (!session || !photos || count < 1)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "no session or photos");
    birefnet_session_info info;
    birefnet_session_get_info(session, &info);
    if (count != info.batch)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "%d photos for a session of %d at once", count,
                       info.batch);
    for (int i = 0; i < count; i++)
        BN_TRY(check_arguments(session, photos[i].rgb, photos[i].width, photos[i].height,
                               photos[i].stride_bytes, photos[i].matte, photos[i].matte_stride_bytes, error));
    if (bn_session_photo(session)) return run_on_card(session, photos, count, error);
    return birefnet_session_matte(session, photos->rgb, photos->width, photos->height, photos->stride_bytes,
                                  photos->matte, photos->matte_stride_bytes, error);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

birefnet_status birefnet_session_matte(birefnet_session *session, const uint8_t *rgb, int width, int height,
                                       ptrdiff_t stride_bytes, uint8_t *matte, ptrdiff_t matte_stride_bytes,
                                       birefnet_error *error)
{
    BN_TRY(check_arguments(session, rgb, width, height, stride_bytes, matte, matte_stride_bytes, error));
    birefnet_session_info info;
    birefnet_session_get_info(session, &info);
    const bn_matte_size size = {info.width, info.height, info.threads, bn_session_isa(session)};
    if (info.batch > 1)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "one photo for a session of %d pictures at once",
                       info.batch);
    const birefnet_photo photo = {rgb, width, height, stride_bytes, matte, matte_stride_bytes};
    if (bn_session_photo(session)) return run_on_card(session, &photo, 1, error);
    BN_TRY(bn_matte_prepare(rgb, width, height, stride_bytes, size, bn_session_input(session), error));
    BN_TRY(bn_session_run_inplace(session, error));
    return bn_matte_finish(bn_session_logits(session), size, matte, width, height, matte_stride_bytes, error);
}
