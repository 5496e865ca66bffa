/* foreground_gpu.c - the two rounds of blur fusion as kernels (gpu/shaders/fusion*.comp), a band of rows after the other. */
#include "matte/foreground_gpu.h"

#include "base/size.h"
#include "pixels/foreground_kernels.h"

#include <stdlib.h>
#include <string.h>

#define GROUP_ROWS   64 /* a group goes down: the boxes' 90 rows are summed once for them */
#define WIDE_COLUMNS 167
#define THIN_COLUMNS 248
#define ESTIMATE     12 /* bytes a pixel */
#define LEAST_ROWS   8  /* of a band, so that rows mirrored at its edge are in it */

typedef struct estimating {
    bn_gpu *gpu;
    const uint8_t *rgb, *matte;
    int width, height;
    size_t stride, matte_stride, made_stride; /* bytes */
    int band;                                 /* rows */
    bn_gpu_buffer *photo, *alpha, *estimates, *made;
    bn_gpu_list *list;
} estimating;

static uint32_t groups_of(int count, int size)
{
    return (uint32_t)((count + size - 1) / size);
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* What sums over a box are multiplied by, made as the CPU's kernels make it. */
static void set_scales(bn_gpu_call *call, int side, float one)
{
    call->number[9] = bits_of(1.0f / (float)(255 * side * side));
    call->number[10] = bits_of(1.0f / (one * (float)(side * side)));
}

/* Rows begin .. end - 1 of the colours: their estimates, then they. */
static bn_status add_band(estimating *e, int begin, int end, bn_error *err)
{
    const int first = BN_MAX(begin - BN_NARROW_BEFORE, 0), last = BN_MIN(end + BN_NARROW_AFTER, e->height);
    bn_gpu_call call = {.kernel = BN_GPU_FUSION_WIDE,
                        .groups = {groups_of(e->width, WIDE_COLUMNS), groups_of(last - first, GROUP_ROWS), 1},
                        .span = {{e->photo, 0}, {e->alpha, 0}, {e->estimates, 0}},
                        .number = {(uint32_t)e->width, (uint32_t)e->height, (uint32_t)first,
                                   (uint32_t)(last - first), (uint32_t)e->stride, (uint32_t)e->matte_stride,
                                   GROUP_ROWS}};
    set_scales(&call, BN_WIDE_BEFORE + 1 + BN_WIDE_AFTER, 65025.0f);
    bn_gpu_list_barrier(e->list);
    BN_TRY(bn_gpu_list_call(e->list, &call, err));
    bn_gpu_list_barrier(e->list);
    set_scales(&call, BN_NARROW_BEFORE + 1 + BN_NARROW_AFTER, 65535.0f * 255.0f);
    call.kernel = BN_GPU_FUSION_NARROW;
    call.groups[0] = groups_of(e->width, THIN_COLUMNS);
    call.groups[1] = groups_of(end - begin, GROUP_ROWS);
    call.span[3] = (bn_gpu_span){e->made, (size_t)begin * e->made_stride};
    call.number[2] = (uint32_t)begin;
    call.number[3] = (uint32_t)(end - begin);
    call.number[7] = (uint32_t)first;
    call.number[8] = (uint32_t)(e->made_stride / 4);
    return bn_gpu_list_call(e->list, &call, err);
}

static bn_status record(estimating *e, bn_error *err)
{
    BN_TRY(bn_gpu_list_create(e->gpu, &e->list, err));
    BN_TRY(bn_gpu_list_part(e->list, "foreground", err));
    for (int begin = 0; begin < e->height; begin += e->band)
        BN_TRY(add_band(e, begin, BN_MIN(begin + e->band, e->height), err));
    return bn_gpu_list_end(e->list, err);
}

static bn_status send(bn_gpu *gpu, bn_gpu_buffer **buffer, const uint8_t *rows, size_t stride, size_t row,
                      int height, bn_error *err)
{
    const size_t bytes = (size_t)(height - 1) * stride + row;
    BN_TRY(bn_gpu_buffer_create(gpu, bn_size_round_up(bytes, 4), buffer, err)); /* kernels read words */
    return bn_gpu_upload(*buffer, 0, rows, bytes, err);
}

static bn_status fetch(const estimating *e, uint8_t *foreground, bn_error *err)
{
    const size_t row = 3 * (size_t)e->width;
    if (e->stride == e->made_stride && row == e->stride)
        return bn_gpu_download(e->made, 0, foreground, row * (size_t)e->height, err);
    uint8_t *rows = malloc(e->made_stride * (size_t)e->height);
    if (!rows) return bn_fail_memory(err, e->made_stride * (size_t)e->height, "foreground colours");
    const bn_status status = bn_gpu_download(e->made, 0, rows, e->made_stride * (size_t)e->height, err);
    for (size_t y = 0; status == BIREFNET_OK && y < (size_t)e->height; y++)
        memcpy(foreground + y * e->stride, rows + y * e->made_stride, row);
    free(rows);
    return status;
}

static bn_status compute(estimating *e, uint8_t *foreground, bn_error *err)
{
    const size_t width = (size_t)e->width, band = (size_t)(e->band + BN_NARROW_BEFORE + BN_NARROW_AFTER);
    BN_TRY(send(e->gpu, &e->photo, e->rgb, e->stride, 3 * width, e->height, err));
    BN_TRY(send(e->gpu, &e->alpha, e->matte, e->matte_stride, width, e->height, err));
    BN_TRY(bn_gpu_buffer_create(e->gpu, ESTIMATE * width * band, &e->estimates, err));
    BN_TRY(bn_gpu_buffer_create(e->gpu, e->made_stride * (size_t)e->height, &e->made, err));
    BN_TRY(record(e, err));
    BN_TRY(bn_gpu_list_run(e->list, NULL, NULL, err));
    return fetch(e, foreground, err);
}

bn_status bn_foreground_estimate_gpu(bn_gpu *gpu, const uint8_t *rgb, const uint8_t *matte, int width,
                                     int height, ptrdiff_t stride_bytes, ptrdiff_t matte_stride_bytes,
                                     uint8_t *foreground, size_t room_bytes, bn_error *err)
{
    if (!rgb || !matte || !foreground || width < 1 || width > INT32_MAX / 4 || height < 1 ||
        stride_bytes < (ptrdiff_t)3 * width || matte_stride_bytes < width)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "foreground colours: %dx%d pixels, rows of %td and %td bytes", width, height,
                       stride_bytes, matte_stride_bytes);
    estimating e = {.gpu = gpu,
                    .rgb = rgb,
                    .matte = matte,
                    .width = width,
                    .height = height,
                    .stride = (size_t)stride_bytes,
                    .matte_stride = (size_t)matte_stride_bytes,
                    .made_stride = bn_size_round_up(3 * (size_t)width, 4)};
    size_t largest = 0;
    if (!bn_size_mul(BN_MAX(BN_MAX(e.stride, e.matte_stride), e.made_stride), (size_t)height, &largest) ||
        largest > UINT32_MAX - 3)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "a photo of 4 GiB or more on a graphics card");
    const size_t rows = BN_MAX(room_bytes / (ESTIMATE * (size_t)width), LEAST_ROWS);
    e.band = (int)BN_MIN(rows, (size_t)height);
    if (3 * (size_t)width * (size_t)(e.band + BN_NARROW_BEFORE + BN_NARROW_AFTER) > UINT32_MAX)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "rows of %d pixels on a graphics card", width);
    const bn_status status = compute(&e, foreground, err);
    bn_gpu_list_destroy(&e.list);
    bn_gpu_buffer_destroy(&e.made);
    bn_gpu_buffer_destroy(&e.estimates);
    bn_gpu_buffer_destroy(&e.alpha);
    bn_gpu_buffer_destroy(&e.photo);
    return status;
}
