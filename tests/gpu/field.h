/* field.h - what the tests of kernels on a graphics card share: numbers of a type on the device between guard zones, a call,
 * comparing. A field is `pictures` pictures of `pixels` pixels of `stride` elements, of which the first `c` count: what lies
 * between and around them may neither be read (it is not a number) nor written. */
#ifndef BN_TESTS_GPU_FIELD_H
#define BN_TESTS_GPU_FIELD_H

#include "base/half.h"
#include "base/seeded.h"
#include "base/size.h"
#include "gpu/gpu.h"
#include "nn/map.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/gpu/device.h"

#define FIELD_GUARD 128 /* elements before and behind */

/* What the inputs look like: all kernels are tried with each. */
typedef enum fill {
    FILL_RANDOM = 0,
    FILL_ZERO,
    FILL_LARGE,  /* up to 1e4: sums and exponentials overflow where they are careless */
    FILL_SPIKES, /* nearly all zero, a few large */
    FILL_COUNT,
} fill;

typedef struct field {
    size_t pictures, pixels, c, stride;
    bn_type type;
    float *numbers; /* the whole field without guards, rounded to its type; NaN in gaps */
    bn_gpu_buffer *buffer;
} field;

/* Setup and teardown of a group of tests; field_device skips where there is no device. */
static inline int field_setup(void **state)
{
    *state = test_device_index() >= 0 ? test_device_open() : NULL;
    return 0;
}

static inline int field_teardown(void **state)
{
    bn_gpu_close((bn_gpu **)state);
    return 0;
}

static inline bn_gpu *field_device(void **state)
{
    if (!*state) skip();
    return *state;
}

static inline void field_ok(bn_status status, const bn_error *err)
{
    if (status != BIREFNET_OK) fail_msg("%s", err->message);
}

static inline float rounded(float value, bn_type type)
{
    const float most = 65504.0f, within = value > most ? most : value < -most ? -most : value;
    return type == BN_F16 ? bn_half_widen(bn_half_round(within)) : value;
}

static inline size_t field_count(const field *f)
{
    return f->pictures * f->pixels * f->stride;
}

static inline float *field_at(const field *f, size_t picture, size_t pixel)
{
    return f->numbers + (picture * f->pixels + pixel) * f->stride;
}

static inline bn_gpu_span field_span(const field *f)
{
    return (bn_gpu_span){f->buffer, FIELD_GUARD * bn_type_size(f->type)};
}

static inline uint32_t field_step(const field *f)
{
    return (uint32_t)(f->pixels * f->stride);
}

/* The numbers with guards in the field's type, all of it NaN to begin with: what is uploaded and comes back. */
static inline void *field_bytes(const field *f, size_t *bytes)
{
    const size_t count = field_count(f) + 2 * FIELD_GUARD;
    *bytes = count * bn_type_size(f->type);
    void *all = malloc(*bytes);
    assert_non_null(all);
    for (size_t i = 0; i < count; i++) {
        const bool inside = i >= FIELD_GUARD && i < count - FIELD_GUARD;
        const float value = inside ? f->numbers[i - FIELD_GUARD] : NAN;
        if (f->type == BN_F16)
            ((uint16_t *)all)[i] = bn_half_round(value);
        else
            ((float *)all)[i] = value;
    }
    return all;
}

static inline void field_upload(field *f)
{
    bn_error err = {0};
    size_t bytes;
    void *all = field_bytes(f, &bytes);
    field_ok(bn_gpu_upload(f->buffer, 0, all, bytes, &err), &err);
    free(all);
}

/* A field that holds NaN only, on the device, too. */
static inline field field_make(bn_gpu *gpu, size_t pictures, size_t pixels, size_t c, size_t stride,
                               bn_type type)
{
    bn_error err = {0};
    field f = {pictures, pixels, c, stride, type, NULL, NULL};
    f.numbers = malloc(field_count(&f) * sizeof(float));
    assert_non_null(f.numbers);
    for (size_t i = 0; i < field_count(&f); i++) f.numbers[i] = NAN;
    field_ok(
        bn_gpu_buffer_create(gpu, (field_count(&f) + 2 * FIELD_GUARD) * bn_type_size(type), &f.buffer, &err),
        &err);
    field_upload(&f);
    return f;
}

static inline void field_free(field *f)
{
    free(f->numbers);
    bn_gpu_buffer_destroy(&f->buffer);
}

/* Numbers from a seed, here and on the device. */
static inline void field_fill(field *f, const char *name, float scale, fill kind)
{
    float *row = malloc(f->c * sizeof *row);
    assert_non_null(row);
    for (size_t i = 0; i < f->pictures * f->pixels; i++) {
        bn_seeded_fill(name, 1, i * f->c, kind == FILL_LARGE ? 1e4f * scale : scale, 0, row, f->c);
        for (size_t k = 0; k < f->c; k++) {
            if (kind == FILL_ZERO) row[k] = 0;
            if (kind == FILL_SPIKES) row[k] = (i * f->c + k) % 97 == 5 ? 100 * row[k] : 0;
            f->numbers[i * f->stride + k] = rounded(row[k], f->type);
        }
    }
    free(row);
    field_upload(f);
}

/* Run the call alone. */
static inline void field_run(bn_gpu *gpu, const bn_gpu_call *call)
{
    bn_error err = {0};
    bn_gpu_list *list = NULL;
    field_ok(bn_gpu_list_create(gpu, &list, &err), &err);
    field_ok(bn_gpu_list_part(list, "test", &err), &err);
    field_ok(bn_gpu_list_call(list, call, &err), &err);
    field_ok(bn_gpu_list_end(list, &err), &err);
    field_ok(bn_gpu_list_run(list, NULL, NULL, &err), &err);
    bn_gpu_list_destroy(&list);
}

static inline void *field_download(const field *f, size_t *bytes)
{
    bn_error err = {0};
    void *all = field_bytes(f, bytes);
    memset(all, 0, *bytes);
    field_ok(bn_gpu_download(f->buffer, 0, all, *bytes, &err), &err);
    return all;
}

/* What is on the device is what the field says, within `relative` of the largest number; NaN only where NaN is meant. */
static inline void field_compare(const char *what, const field *wanted, double relative)
{
    size_t bytes;
    void *all = field_download(wanted, &bytes);
    const size_t count = field_count(wanted) + 2 * FIELD_GUARD;
    double largest = 1e-7;
    for (size_t i = 0; i < field_count(wanted); i++)
        if (fabs((double)wanted->numbers[i]) > largest) largest = fabs((double)wanted->numbers[i]);
    for (size_t i = 0; i < count; i++) {
        const bool inside = i >= FIELD_GUARD && i < count - FIELD_GUARD;
        const double w = inside ? (double)wanted->numbers[i - FIELD_GUARD] : NAN;
        const double g =
            wanted->type == BN_F16 ? (double)bn_half_widen(((uint16_t *)all)[i]) : (double)((float *)all)[i];
        if (isnan(w) ? !isnan(g) : !(fabs(g - w) <= relative * largest))
            fail_msg("%s: number %zd is %.9g, plain C gives %.9g (largest %.4g)", what,
                     (ptrdiff_t)i - FIELD_GUARD, g, w, largest);
    }
    free(all);
}

/* Run the call on `out`, whose numbers are what is wanted, twice: right both times, and the same bytes. */
static inline void field_check(bn_gpu *gpu, const bn_gpu_call *call, const field *out, const field *before,
                               const char *what, double relative)
{
    size_t bytes;
    void *first = NULL;
    for (int round = 0; round < 2; round++) {
        field start = before ? *before : *out;
        float *nothing = NULL;
        if (!before) {
            nothing = malloc(field_count(out) * sizeof *nothing);
            assert_non_null(nothing);
            for (size_t i = 0; i < field_count(out); i++) nothing[i] = NAN;
            start.numbers = nothing;
        }
        start.buffer = out->buffer;
        field_upload(&start);
        free(nothing);
        field_run(gpu, call);
        field_compare(what, out, relative);
        void *got = field_download(out, &bytes);
        if (first) assert_memory_equal(first, got, bytes);
        free(first);
        first = got;
    }
    free(first);
}

#endif
