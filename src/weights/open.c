/* open.c - tells the kinds of files apart by their content and names what is no checkpoint at all. */
#include "weights/table.h"

#include <string.h>

static bool starts_with(const uint8_t *bytes, size_t size, const char *text, size_t length)
{
    return size >= length && memcmp(bytes, text, length) == 0;
}

/* Downloads that went wrong leave these; say so instead of calling them broken checkpoints. */
static const char *impostor(const uint8_t *bytes, size_t size)
{
    size_t at = starts_with(bytes, size, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (at < size && at < 1000 && strchr(" \t\r\n", bytes[at]) && bytes[at]) at++;
    if (at < size && bytes[at] == '<') return "is a web page (HTML or XML), not a checkpoint";
    if (starts_with(bytes, size, "version https://git-lfs", 23))
        return "is a git-lfs pointer, not the checkpoint itself: fetch it with git lfs pull or download the "
               "file";
    return NULL;
}

static bn_status read_bytes(const uint8_t *bytes, size_t size, bn_weights *weights, bn_error *err)
{
    if (size == 0) return bn_fail(err, BIREFNET_ERROR_FORMAT, "is empty");
    const char *fault = impostor(bytes, size);
    if (fault) return bn_fail(err, BIREFNET_ERROR_FORMAT, "%s", fault);
    bn_status status;
    if (starts_with(bytes, size, "PK", 2))
        status = bn_pth_read_zip(bytes, size, weights, err);
    else if (bytes[0] == 0x80 && !(size > 8 && bytes[8] == '{')) /* a pickle; 0x80 may also begin a length */
        status = bn_pth_read_legacy(bytes, size, weights, err);
    else if (size > 8 && bytes[8] == '{')
        status = bn_safetensors_read(bytes, size, weights, err);
    else
        status = bn_fail(err, BIREFNET_ERROR_FORMAT, "is neither a .safetensors nor a .pth file");
    return status == BIREFNET_OK ? bn_weights_index(weights, err) : status;
}

static bn_status open_bytes(const char *name, const uint8_t *bytes, size_t size, bn_weights **weights,
                            bn_error *err)
{
    const bn_status status = read_bytes(bytes, size, *weights, err);
    if (status == BIREFNET_OK) return status;
    bn_weights_close(weights);
    return bn_error_prefix(err, status, "%s", name);
}

bn_status bn_weights_open(const char *path, bn_weights **weights, bn_error *err)
{
    bn_mapping mapping = {0};
    bn_weights *opened = NULL;
    BN_TRY(bn_file_map(path, &mapping, err));
    bn_status status = bn_weights_create(&opened, err);
    if (status != BIREFNET_OK) {
        bn_file_unmap(&mapping);
        return status;
    }
    opened->mapping = mapping;
    BN_TRY(open_bytes(path, mapping.data, mapping.size, &opened, err));
    *weights = opened;
    return BIREFNET_OK;
}

bn_status bn_weights_open_memory(const char *name, const void *bytes, size_t size, bn_weights **weights,
                                 bn_error *err)
{
    bn_weights *opened = NULL;
    BN_TRY(bn_weights_create(&opened, err));
    BN_TRY(open_bytes(name, bytes, size, &opened, err));
    *weights = opened;
    return BIREFNET_OK;
}
