/* tiff_memory.c - libtiff over memory instead of a file. */
#include "image/tiff.h"

#include "base/size.h"

#include <stdio.h>
#include <string.h>

static tmsize_t read_bytes(thandle_t handle, void *out, tmsize_t count)
{
    bn_tiff_memory *m = handle;
    const uint8_t *bytes = m->out ? m->out->data + m->first : m->bytes;
    const size_t size = m->out ? m->out->size - m->first : m->size;
    if (m->at >= size || count <= 0) return 0;
    const size_t given = BN_MIN((size_t)count, size - m->at);
    memcpy(out, bytes + m->at, given);
    m->at += given;
    return (tmsize_t)given;
}

static tmsize_t write_bytes(thandle_t handle, void *in, tmsize_t count)
{
    bn_tiff_memory *m = handle;
    size_t end = 0;
    if (!m->out || count < 0 || !bn_size_add(m->at, (size_t)count, &end)) return -1;
    const size_t size = m->out->size - m->first;
    if (end > size) {
        if (bn_buffer_reserve(m->out, end - size, NULL) != BIREFNET_OK) return -1;
        memset(m->out->data + m->out->size, 0, end - size + 1);
        m->out->size += end - size;
    }
    memcpy(m->out->data + m->first + m->at, in, (size_t)count);
    m->at = end;
    return count;
}

static uint64_t size_of(thandle_t handle)
{
    const bn_tiff_memory *m = handle;
    return m->out ? m->out->size - m->first : m->size;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence)
{
    bn_tiff_memory *m = handle;
    const uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m->at : size_of(handle);
    m->at = base + offset;
    return m->at;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments)
{
    (void)tiff, (void)module;
    bn_tiff_memory *m = user;
    if (m->message[0] == '\0') vsnprintf(m->message, sizeof m->message, format, arguments);
    return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments)
{
    (void)tiff, (void)user, (void)module, (void)format, (void)arguments;
    return 1;
}

bn_status bn_tiff_open(bn_tiff_memory *memory, const char *mode, uint64_t max_bytes, bn_error *err)
{
    bn_tiff_api *api = &memory->api;
    BN_TRY(bn_tiff_api_load(api, err));
    TIFFOpenOptions *options = api->TIFFOpenOptionsAlloc();
    if (!options) return bn_fail(err, BIREFNET_ERROR_MEMORY, "no memory for a TIFF");
    api->TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)BN_MIN(max_bytes, (uint64_t)PTRDIFF_MAX));
    api->TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, memory);
    api->TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, memory);
    memory->tiff = api->TIFFClientOpenExt("image", mode, memory, read_bytes, write_bytes, seek, close_nothing,
                                          size_of, NULL, NULL, options);
    api->TIFFOpenOptionsFree(options);
    if (memory->tiff) return BIREFNET_OK;
    if (memory->out) return bn_fail(err, BIREFNET_ERROR_LIMIT, "no room to write a TIFF");
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "damaged or truncated TIFF: %s",
                   memory->message[0] ? memory->message : "no directory");
}

void bn_tiff_close(bn_tiff_memory *memory)
{
    if (memory->tiff) memory->api.TIFFClose(memory->tiff);
    memory->tiff = NULL;
}
