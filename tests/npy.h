/* npy.h - read a NumPy .npy file of float32 or uint8, one to three dimensions, C order. */
#ifndef BN_TESTS_NPY_H
#define BN_TESTS_NPY_H

#include "base/buffer.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

typedef struct npy {
    bn_buffer file;
    int dims;
    size_t shape[3]; /* 1 where there is no such dimension */
    size_t count;    /* elements */
    const float *f32;
    const uint8_t *u8; /* one of the two is NULL */
} npy;

static inline bn_status npy_fail(bn_error *err, const char *path, const char *why)
{
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "%s: %s", path, why);
}

/* The caller frees with npy_free, also after a failure. */
static inline bn_status npy_read(const char *path, npy *array, bn_error *err)
{
    *array = (npy){.shape = {1, 1, 1}, .count = 1};
    bn_buffer_init(&array->file, (size_t)1 << 30);
    BN_TRY(bn_file_read(path, &array->file, err));
    const uint8_t *data = array->file.data;
    if (array->file.size < 12 || memcmp(data, "\x93NUMPY\x01", 7) != 0)
        return npy_fail(err, path, "not version 1");
    const size_t body = 10u + data[8] + 256u * data[9];
    if (body > array->file.size) return npy_fail(err, path, "cut off");
    char header[512] = {0};
    if (body - 10 >= sizeof header) return npy_fail(err, path, "a long header");
    memcpy(header, data + 10, body - 10);
    if (!strstr(header, "'fortran_order': False")) return npy_fail(err, path, "not in C order");
    const char *shape = strstr(header, "'shape': (");
    if (!shape) return npy_fail(err, path, "no shape");
    shape += strlen("'shape': (");
    while (*shape != ')' && array->dims < 3) {
        char *end = NULL;
        const size_t length = strtoull(shape, &end, 10);
        if (end == shape) return npy_fail(err, path, "a strange shape");
        array->shape[array->dims++] = length;
        array->count *= length;
        shape = end + strspn(end, ", ");
    }
    const int is_float = strstr(header, "'<f4'") != NULL;
    if (!is_float && !strstr(header, "'|u1'")) return npy_fail(err, path, "not float32 or uint8");
    if (array->file.size - body < array->count * (is_float ? 4 : 1)) return npy_fail(err, path, "cut off");
    /* version 1 pads the header so that the body is aligned to 64 bytes (16 in old files) within the file */
    if (is_float)
        array->f32 = (const float *)(const void *)(data + body);
    else
        array->u8 = data + body;
    return BIREFNET_OK;
}

static inline void npy_free(npy *array)
{
    bn_buffer_free(&array->file);
}

#endif
