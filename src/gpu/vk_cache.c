/* vk_cache.c - what the driver made of our kernels, kept in the user's cache folder for this device, driver and version.
 * Whatever is wrong with the file or the folder costs time only. */
#include "base/file.h"
#include "base/seeded.h"
#include "gpu/vk.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 256 << 20, HEAD_BYTES = 16 };
static const char MAGIC[8] = "bnvkpc1"; /* then a hash of what follows, then the driver's bytes */

/* The first bytes of a driver's cache (VkPipelineCacheHeaderVersionOne), which drivers should look at, and not all do. */
typedef struct driver_head {
    uint32_t bytes, version, vendor, device;
    uint8_t id[VK_UUID_SIZE];
} driver_head;

bool bn_gpu_cache_path(const bn_gpu *gpu, const char *kind, char *path, size_t room)
{
    const bn_vk_identity *identity = &gpu->physical.identity;
    const uint64_t key = bn_fnv1a64(identity, sizeof *identity);
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const bool given =
        cache && cache[0] == '/'; /* the XDG rules: a path that is not absolute counts as none */
    if (!given && (!home || home[0] != '/')) return false;
    const int length = snprintf(path, room, "%s%s/birefnet/gpu-%s-%016llx.%s", given ? cache : home,
                                given ? "" : "/.cache", BN_VERSION, (unsigned long long)key, kind);
    return length > 0 && (size_t)length < room;
}

/* The driver's part of a file that is whole and of this device; NULL if it is not. */
static const uint8_t *check_file(const bn_gpu *gpu, const bn_buffer *file)
{
    uint64_t hash;
    driver_head head;
    if (file->size < HEAD_BYTES + sizeof head || memcmp(file->data, MAGIC, sizeof MAGIC) != 0) return NULL;
    const uint8_t *bytes = file->data + HEAD_BYTES;
    memcpy(&hash, file->data + sizeof MAGIC, sizeof hash);
    memcpy(&head, bytes, sizeof head);
    const bn_vk_identity *identity = &gpu->physical.identity;
    const bool ours = head.vendor == identity->vendor && head.device == identity->device &&
                      memcmp(head.id, identity->cache_id, sizeof head.id) == 0;
    return ours && hash == bn_fnv1a64(bytes, file->size - HEAD_BYTES) ? bytes : NULL;
}

bn_status bn_vk_cache_create(bn_gpu *gpu, bn_error *err)
{
    char path[PATH_MAX];
    bn_buffer file;
    bn_buffer_init(&file, MOST_BYTES);
    const uint8_t *kept = NULL;
    if (bn_gpu_cache_path(gpu, "pipelines", path, sizeof path) &&
        bn_file_read(path, &file, NULL) == BIREFNET_OK)
        kept = check_file(gpu, &file);
    const VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                            .initialDataSize = kept ? file.size - HEAD_BYTES : 0,
                                            .pInitialData = kept};
    const VkResult result = gpu->fn.CreatePipelineCache(gpu->device, &info, NULL, &gpu->cache);
    bn_buffer_free(&file);
    return bn_vk_check(gpu, result, "open it", err);
}

static bool get_bytes(bn_gpu *gpu, bn_buffer *file)
{
    size_t bytes = 0;
    if (gpu->fn.GetPipelineCacheData(gpu->device, gpu->cache, &bytes, NULL) != VK_SUCCESS) return false;
    if (bytes > MOST_BYTES - HEAD_BYTES || bn_buffer_reserve(file, HEAD_BYTES + bytes, NULL) != BIREFNET_OK)
        return false;
    uint8_t *data = file->data + HEAD_BYTES;
    if (gpu->fn.GetPipelineCacheData(gpu->device, gpu->cache, &bytes, data) != VK_SUCCESS) return false;
    const uint64_t hash = bn_fnv1a64(data, bytes);
    memcpy(file->data, MAGIC, sizeof MAGIC);
    memcpy(file->data + sizeof MAGIC, &hash, sizeof hash);
    file->size = HEAD_BYTES + bytes;
    return true;
}

void bn_vk_cache_save(bn_gpu *gpu)
{
    char path[PATH_MAX];
    if (!bn_gpu_cache_path(gpu, "pipelines", path, sizeof path)) return;
    bn_buffer file;
    bn_buffer_init(&file, MOST_BYTES);
    char *name = strrchr(path, '/');
    if (get_bytes(gpu, &file)) {
        *name = '\0';
        const bn_status made = bn_folder_make(path, NULL);
        *name = '/';
        if (made == BIREFNET_OK) bn_file_write_private(path, file.data, file.size, NULL);
    }
    bn_buffer_free(&file);
}
