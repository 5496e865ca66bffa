/* sample.h - the small files of every format in fuzz/corpus/image, by name. */
#ifndef BN_TESTS_IMAGE_SAMPLE_H
#define BN_TESTS_IMAGE_SAMPLE_H

#include "tests/test.h"

#include "base/file.h"

static inline void read_sample(const char *name, bn_buffer *file)
{
    bn_error err = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s/fuzz/corpus/image/%s", BN_SOURCE_DIR, name);
    bn_buffer_init(file, 1 << 20);
    assert_ok(bn_file_read(path, file, &err), err);
}

#endif
