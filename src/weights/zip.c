/* zip.c - walks a zip archive's central directory; every offset and size is checked before it is used. */
#include "weights/zip.h"

#include "base/size.h"
#include "weights/table.h"

#include <stdlib.h>
#include <string.h>

/* Sizes of the fixed parts of the format's records, bytes (PKWARE's APPNOTE, 4.3). */
enum { LOCAL_BYTES = 30, CENTRAL_BYTES = 46, END_BYTES = 22, END64_BYTES = 56, LOCATOR64_BYTES = 20 };

static uint64_t read_le(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

static bool is_record(const uint8_t *bytes, const char *tag)
{
    return memcmp(bytes, "PK", 2) == 0 && memcmp(bytes + 2, tag, 2) == 0;
}

typedef struct directory {
    const uint8_t *at;
    size_t size, count;
} directory;

/* The end record is followed by a comment of up to 65535 bytes, so it is searched for from behind. */
static const uint8_t *find_end(const uint8_t *bytes, size_t size)
{
    for (size_t back = END_BYTES; back <= size && back <= END_BYTES + 65535; back++) {
        const uint8_t *end = bytes + size - back;
        if (is_record(end, "\5\6") && read_le(end + 20, 2) == back - END_BYTES) return end;
    }
    return NULL;
}

static bn_status find_directory(const uint8_t *bytes, size_t size, directory *found, bn_error *err)
{
    const uint8_t *end = find_end(bytes, size);
    if (!end)
        return bn_fail(err, BIREFNET_ERROR_FORMAT,
                       "the zip archive has no directory at its end: the file is truncated");
    uint64_t count = read_le(end + 10, 2), length = read_le(end + 12, 4), offset = read_le(end + 16, 4);
    const size_t before = (size_t)(end - bytes);
    if (before >= LOCATOR64_BYTES && is_record(end - LOCATOR64_BYTES, "\6\7")) {
        const uint64_t end64 = read_le(end - LOCATOR64_BYTES + 8, 8);
        if (before < LOCATOR64_BYTES + END64_BYTES || end64 > before - LOCATOR64_BYTES - END64_BYTES ||
            !is_record(bytes + end64, "\6\6"))
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "the zip archive's zip64 directory is broken");
        count = read_le(bytes + end64 + 32, 8);
        length = read_le(bytes + end64 + 40, 8);
        offset = read_le(bytes + end64 + 48, 8);
    }
    if (offset > size || length > size - offset || count > length / CENTRAL_BYTES)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "the zip archive's directory lies outside of the file");
    *found = (directory){bytes + offset, (size_t)length, (size_t)count};
    return BIREFNET_OK;
}

/* Sizes and offset that do not fit 32 bits stand in the extra field 1, only those, in this order. */
static bool read_zip64(const uint8_t *extra, size_t length, uint64_t *full, uint64_t *stored,
                       uint64_t *offset)
{
    uint64_t *const wide[] = {full, stored, offset};
    while (length >= 4) {
        const size_t tag = (size_t)read_le(extra, 2), size = (size_t)read_le(extra + 2, 2);
        if (size > length - 4) return false;
        const uint8_t *at = extra + 4, *const end = at + size;
        for (size_t i = 0; tag == 1 && i < BN_COUNT(wide); i++) {
            if (*wide[i] != UINT32_MAX) continue;
            if (end - at < 8) return false;
            *wide[i] = read_le(at, 8);
            at += 8;
        }
        if (tag == 1) return true;
        extra = end;
        length -= 4 + size;
    }
    return true;
}

/* The data begins behind the local header, whose name and extra field have lengths of their own. */
static bool find_data(const uint8_t *bytes, size_t size, uint64_t offset, uint64_t length,
                      const uint8_t **data)
{
    if (size < LOCAL_BYTES || offset > size - LOCAL_BYTES || !is_record(bytes + offset, "\3\4")) return false;
    const size_t start = (size_t)offset + LOCAL_BYTES + (size_t)read_le(bytes + offset + 26, 2) +
                         (size_t)read_le(bytes + offset + 28, 2);
    if (start > size || length > size - start) return false;
    *data = bytes + start;
    return true;
}

/* One record of the directory; *used is its length. */
static bn_status read_file(const uint8_t *bytes, size_t size, const directory *left, bn_zip_file *file,
                           size_t *used, bn_error *err)
{
    const uint8_t *at = left->at;
    if (left->size < CENTRAL_BYTES || !is_record(at, "\1\2"))
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "the zip archive's directory is broken");
    const size_t name = (size_t)read_le(at + 28, 2), extra = (size_t)read_le(at + 30, 2);
    *used = CENTRAL_BYTES + name + extra + (size_t)read_le(at + 32, 2);
    if (*used > left->size)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "the zip archive's directory is broken");
    const bn_shown shown = bn_show((const char *)at + CENTRAL_BYTES, name);
    uint64_t stored = read_le(at + 20, 4), full = read_le(at + 24, 4), offset = read_le(at + 42, 4);
    if (read_le(at + 8, 2) & 1)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "%s in the zip archive is encrypted", shown.text);
    if (read_le(at + 10, 2) != 0)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                       "%s in the zip archive is compressed, which torch never does", shown.text);
    if (!read_zip64(at + CENTRAL_BYTES + name, extra, &full, &stored, &offset) || full != stored ||
        !find_data(bytes, size, offset, full, &file->data))
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "%s lies outside of the zip archive or is broken",
                       shown.text);
    file->name = (const char *)at + CENTRAL_BYTES;
    file->name_length = name;
    file->size = (size_t)full;
    return BIREFNET_OK;
}

static int compare_names(const char *a, size_t a_length, const char *b, size_t b_length)
{
    const int order = memcmp(a, b, BN_MIN(a_length, b_length));
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_files(const void *left, const void *right)
{
    const bn_zip_file *a = left, *b = right;
    return compare_names(a->name, a->name_length, b->name, b->name_length);
}

bn_status bn_zip_open(const uint8_t *bytes, size_t size, bn_zip *zip, bn_error *err)
{
    directory left = {0};
    *zip = (bn_zip){0};
    BN_TRY(find_directory(bytes, size, &left, err));
    if (left.count == 0) return bn_fail(err, BIREFNET_ERROR_FORMAT, "the zip archive is empty");
    zip->files = calloc(left.count, sizeof *zip->files);
    if (!zip->files) return bn_fail_memory(err, left.count * sizeof *zip->files, "the archive's directory");
    bn_status status = BIREFNET_OK;
    for (; zip->count < left.count; zip->count++) {
        size_t used = 0;
        BN_TRY_DONE(read_file(bytes, size, &left, &zip->files[zip->count], &used, err));
        left.at += used;
        left.size -= used;
    }
    qsort(zip->files, zip->count, sizeof *zip->files, compare_files);
    for (size_t i = 1; i < zip->count && status == BIREFNET_OK; i++)
        if (compare_files(&zip->files[i - 1], &zip->files[i]) == 0)
            status = bn_fail(err, BIREFNET_ERROR_FORMAT, "%s is in the zip archive twice",
                             bn_show(zip->files[i].name, zip->files[i].name_length).text);
done:
    if (status != BIREFNET_OK) bn_zip_close(zip);
    return status;
}

void bn_zip_close(bn_zip *zip)
{
    free(zip->files);
    *zip = (bn_zip){0};
}

const bn_zip_file *bn_zip_find(const bn_zip *zip, const char *name, size_t length)
{
    size_t low = 0, high = zip->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const bn_zip_file *file = &zip->files[middle];
        const int order = compare_names(file->name, file->name_length, name, length);
        if (order == 0) return file;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
