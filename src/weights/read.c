/* read.c - a tensor's elements as plain row-major float32, whatever type and strides the file has. */
#include "weights/table.h"

#include "base/half.h"
#include "base/seeded.h"
#include "base/size.h"

#include <math.h>
#include <string.h>

size_t bn_dtype_bytes(bn_dtype dtype)
{
    switch (dtype) {
    case BN_DTYPE_F32:
        return 4;
    case BN_DTYPE_F16:
    case BN_DTYPE_BF16:
        return 2;
    case BN_DTYPE_I64:
        return 8;
    case BN_DTYPE_OTHER:
        break;
    }
    return 0;
}

const char *bn_dtype_name(bn_dtype dtype)
{
    static const char *const names[] = {"f32", "f16", "bf16", "i64", "other"};
    return (size_t)dtype < BN_COUNT(names) ? names[dtype] : "other";
}

/* `step` elements from one to the next; the compiler makes a fast copy of each loop for step == 1. */
static inline void convert_f16(const uint8_t *data, ptrdiff_t step, float *restrict out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, data + 2 * (ptrdiff_t)i * step, sizeof half);
        out[i] = bn_half_widen(half);
    }
}

static inline void convert_bf16(const uint8_t *data, ptrdiff_t step, float *restrict out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t high;
        memcpy(&high, data + 2 * (ptrdiff_t)i * step, sizeof high);
        const uint32_t bits = (uint32_t)high << 16;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

static void convert_f32(const uint8_t *data, ptrdiff_t step, float *restrict out, size_t count)
{
    if (step == 1 && count > 0)
        memcpy(out, data, 4 * count);
    else
        for (size_t i = 0; i < count; i++) memcpy(&out[i], data + 4 * (ptrdiff_t)i * step, 4);
}

static void convert(bn_dtype dtype, const uint8_t *data, ptrdiff_t step, float *restrict out, size_t count)
{
    if (dtype == BN_DTYPE_F32)
        convert_f32(data, step, out, count);
    else if (dtype == BN_DTYPE_F16 && step == 1)
        convert_f16(data, 1, out, count);
    else if (dtype == BN_DTYPE_F16)
        convert_f16(data, step, out, count);
    else if (step == 1)
        convert_bf16(data, 1, out, count);
    else
        convert_bf16(data, step, out, count);
}

static bool is_row_major(const bn_weight *weight)
{
    int64_t plain[BN_WEIGHT_MAX_RANK];
    bn_shape_strides(weight->rank, weight->shape, plain);
    for (int i = 0; i < weight->rank; i++)
        if (weight->shape[i] != 1 && weight->stride[i] != plain[i]) return false;
    return true;
}

/* A view: the last dimension is the inner loop, `at` counts through those before it. */
static void convert_view(const bn_weight *weight, float *out)
{
    const int last = weight->rank - 1;
    const size_t row = (size_t)weight->shape[last], bytes = bn_dtype_bytes(weight->dtype);
    int64_t at[BN_WEIGHT_MAX_RANK] = {0};
    for (size_t done = 0; done < weight->count; done += row) {
        int64_t offset = 0;
        for (int i = 0; i < last; i++) offset += at[i] * weight->stride[i];
        convert(weight->dtype, weight->data + offset * (int64_t)bytes, (ptrdiff_t)weight->stride[last],
                out + done, row);
        for (int i = last - 1; i >= 0 && ++at[i] == weight->shape[i]; i--) at[i] = 0;
    }
}

/* Exponents of ones only are infinity and NaN. Without a way out of the loop, so that it becomes vector code. */
static bool all_finite(const float *numbers, size_t count)
{
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &numbers[i], sizeof bits);
        found |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !found;
}

bn_status bn_weight_read_f32(const bn_weight *weight, float *out, bn_error *err)
{
    if (!weight->data && weight->count > 0) {
        bn_seeded_fill(weight->name, weight->seed, 0, weight->scale, weight->offset, out, weight->count);
        return BIREFNET_OK;
    }
    if (weight->dtype == BN_DTYPE_I64 || weight->dtype == BN_DTYPE_OTHER)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                       "tensor %s is of type %s, not float32, float16 or bfloat16",
                       bn_show(weight->name, strlen(weight->name)).text, bn_dtype_name(weight->dtype));
    if (weight->count == 0) return BIREFNET_OK;
    if (is_row_major(weight))
        convert(weight->dtype, weight->data, 1, out, weight->count);
    else
        convert_view(weight, out);
    return BIREFNET_OK;
}

bn_status bn_weight_read_finite(const bn_weight *weight, float *out, bn_error *err)
{
    BN_TRY(bn_weight_read_f32(weight, out, err));
    if (all_finite(out, weight->count)) return BIREFNET_OK;
    size_t first = 0;
    while (isfinite(out[first])) first++;
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "tensor %s is broken: element %zu of %zu is %f",
                   bn_show(weight->name, strlen(weight->name)).text, first, weight->count,
                   (double)out[first]);
}

const float *bn_weight_borrow_f32(const bn_weight *weight)
{
    if (!weight->data || weight->dtype != BN_DTYPE_F32 || (uintptr_t)weight->data % _Alignof(float) != 0 ||
        !is_row_major(weight))
        return NULL;
    const float *numbers = (const float *)(const void *)weight->data;
    return all_finite(numbers, weight->count) ? numbers : NULL;
}

void bn_weight_forget(const bn_weight *weight)
{
    if (!weight->mapped || weight->count == 0) return;
    size_t last = 0; /* index of the last element that the strides reach */
    for (int i = 0; i < weight->rank; i++) last += (size_t)(weight->shape[i] - 1) * (size_t)weight->stride[i];
    bn_mapping_forget(weight->data, (last + 1) * bn_dtype_bytes(weight->dtype));
}
