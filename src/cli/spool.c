/* spool.c - see spool.h. Each matte is a PNG behind its size in bytes. */
#include "cli/spool.h"

#include "base/file.h"
#include "image/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_BYTES ((size_t)1 << 30)

static int open_beside(const char *target)
{
    const char *folder = getenv("TMPDIR"), *slash = strrchr(target, '/');
    char path[4096] = ".";
    if (strcmp(target, "-") == 0) return bn_file_open_nameless(folder && *folder ? folder : "/tmp");
    const size_t length = slash ? (size_t)(slash - target) + 1 : 1;
    if (length >= sizeof path) return -1;
    if (slash) memcpy(path, target, length);
    return bn_file_open_nameless(path);
}

bn_status bn_spool_open(bn_spool *spool, const char *target, bn_error *err)
{
    *spool = (bn_spool){.fd = open_beside(target)};
    bn_buffer_init(&spool->packed, MOST_BYTES);
    return spool->fd >= 0 ? BIREFNET_OK : bn_fail_errno(err, errno, "cannot make a temporary file");
}

static bn_status transfer(const bn_spool *spool, bool writes, void *bytes, size_t count, uint64_t at,
                          bn_error *err)
{
    for (uint8_t *next = bytes; count > 0;) {
        const ssize_t moved =
            writes ? pwrite(spool->fd, next, count, (off_t)at) : pread(spool->fd, next, count, (off_t)at);
        if (moved < 0 && errno == EINTR) continue;
        if (moved <= 0)
            return bn_fail_errno(err, moved < 0 ? errno : EIO, "cannot %s a temporary file",
                                 writes ? "write" : "read");
        next += moved;
        at += (uint64_t)moved;
        count -= (size_t)moved;
    }
    return BIREFNET_OK;
}

bn_status bn_spool_add(bn_spool *spool, const uint8_t *matte, int width, int height, bn_error *err)
{
    const bn_image view = bn_image_view(matte, width, height, 1, 8);
    bn_encode_options options;
    bn_encode_options_default(&options, BN_FORMAT_PNG);
    spool->packed.size = 0;
    BN_TRY(bn_image_encode(&view, &options, &spool->packed, err));
    uint64_t size = spool->packed.size;
    BN_TRY(transfer(spool, true, &size, sizeof size, spool->end, err));
    BN_TRY(transfer(spool, true, spool->packed.data, spool->packed.size, spool->end + sizeof size, err));
    spool->end += sizeof size + size;
    return BIREFNET_OK;
}

/* Grey comes as RGB. */
static bn_status unpack(const bn_spool *spool, int width, int height, uint8_t **matte, bn_error *err)
{
    const size_t pixels = (size_t)width * (size_t)height;
    const bn_decode_limits limits = {.max_pixels = pixels};
    bn_image *image = NULL;
    bn_status status;
    uint8_t *made = malloc(pixels);
    if (!made) return bn_fail_memory(err, pixels, "a matte");
    BN_TRY_DONE(bn_image_decode(spool->packed.data, spool->packed.size, &limits, &image, err));
    if (image->width != width || image->height != height) {
        status = bn_fail(err, BIREFNET_ERROR_INTERNAL, "a matte of another size");
        goto done;
    }
    const uint8_t *from = image->pixels;
    for (size_t i = 0; i < pixels; i++) made[i] = from[i * (size_t)image->channels];
    *matte = made;
    made = NULL;
done:
    bn_image_destroy(&image);
    free(made);
    return status;
}

bn_status bn_spool_take(bn_spool *spool, int width, int height, uint8_t **matte, bn_error *err)
{
    uint64_t size = 0;
    spool->packed.size = 0;
    BN_TRY(transfer(spool, false, &size, sizeof size, spool->next, err));
    BN_TRY(bn_buffer_reserve(&spool->packed, (size_t)size, err));
    BN_TRY(transfer(spool, false, spool->packed.data, (size_t)size, spool->next + sizeof size, err));
    spool->packed.size = (size_t)size;
    spool->next += sizeof size + size;
    return unpack(spool, width, height, matte, err);
}

void bn_spool_close(bn_spool *spool)
{
    if (spool->fd >= 0) close(spool->fd);
    bn_buffer_free(&spool->packed);
    *spool = (bn_spool){.fd = -1};
}
