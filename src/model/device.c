/* device.c - which graphics cards there are, and taking the one that a model is to run on. */
#include "model/device.h"

#include "base/size.h"
#include "base/sized.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- listing --------------------------------------------------------------------------------------------------- */

static void fill_device(int index, const bn_gpu_facts *facts, birefnet_device *device)
{
    static const birefnet_device_kind kinds[] = {[BN_GPU_DISCRETE] = BIREFNET_DEVICE_DISCRETE,
                                                 [BN_GPU_INTEGRATED] = BIREFNET_DEVICE_INTEGRATED,
                                                 [BN_GPU_SOFTWARE] = BIREFNET_DEVICE_SOFTWARE};
    *device = (birefnet_device){.kind = kinds[facts->kind],
                                .memory_bytes = facts->memory_bytes,
                                .free_bytes = facts->free_bytes,
                                .has_matrix = facts->matrix};
    snprintf(device->id, sizeof device->id, "gpu:%d", index);
    snprintf(device->name, sizeof device->name, "%s", facts->name);
    snprintf(device->driver, sizeof device->driver, "%s", facts->driver);
}

birefnet_status birefnet_devices_sized(birefnet_device *devices, size_t device_bytes, int room, int *count,
                                       birefnet_error *error)
{
    if (!count || room < 0 || (room > 0 && (!devices || device_bytes == 0)))
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "no place for the devices");
    bn_error why = {0};
    bn_gpu_facts facts[16];
    const int described = BN_MIN(room, (int)BN_COUNT(facts)), found = bn_gpu_find(facts, described, &why);
    for (int i = 0; i < BN_MIN(found, described); i++) {
        birefnet_device device;
        fill_device(i, &facts[i], &device);
        bn_sized_write((char *)devices + (size_t)i * device_bytes, device_bytes, &device, sizeof device);
    }
    *count = found;
    if (found == 0 && error) *error = why;
    return BIREFNET_OK;
}

/* ---- choosing --------------------------------------------------------------------------------------------------- */

bn_status bn_device_parse(const char *text, bn_device_kind *kind, int *index, bn_error *err)
{
    int used = 0;
    *index = 0;
    *kind = BN_DEVICE_GPU;
    if (!text || !*text || strcmp(text, "cpu") == 0)
        *kind = BN_DEVICE_CPU;
    else if (strcmp(text, "auto") == 0)
        *kind = BN_DEVICE_AUTO;
    else if (strcmp(text, "gpu") != 0 &&
             (strlen(text) > 6 || sscanf(text, "gpu:%d%n", index, &used) != 1 || text[used] || *index < 0))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "'%s' is no device: cpu, gpu, gpu:NUMBER or auto", text);
    return BIREFNET_OK;
}

static bn_status check_index(int index, bn_error *err)
{
    bn_error why = {0};
    const int count = bn_gpu_count(&why);
    if (count == 0) return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "no graphics card: %s", why.message);
    if (index >= count)
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "no device gpu:%d: there %s %d, from gpu:0 on", index,
                       count == 1 ? "is" : "are", count);
    return BIREFNET_OK;
}

bn_status bn_device_check(const char *text, bn_error *err)
{
    bn_device_kind kind;
    int index;
    BN_TRY(bn_device_parse(text, &kind, &index, err));
    return kind == BN_DEVICE_GPU ? check_index(index, err) : BIREFNET_OK;
}

static bool any_card(void)
{
    bn_gpu_facts facts[16];
    bn_error why = {0};
    const int count = bn_gpu_may_be_here() ? bn_gpu_find(facts, (int)BN_COUNT(facts), &why) : 0;
    return count > 0 && facts[0].kind != BN_GPU_SOFTWARE; /* the best comes first */
}

bool bn_device_is_card(const char *text)
{
    bn_device_kind kind;
    int index;
    if (bn_device_parse(text, &kind, &index, NULL) != BIREFNET_OK) return false;
    return kind == BN_DEVICE_GPU || (kind == BN_DEVICE_AUTO && any_card());
}

bn_status bn_device_open(int index, bn_device *device, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    *device = (bn_device){.index = index};
    BN_TRY_DONE(check_index(index, err));
    BN_TRY_DONE(bn_gpu_open(index, &device->gpu, err));
    BN_TRY_DONE(bn_gpu_packs_create(device->gpu, &device->packs, err));
done:
    if (status != BIREFNET_OK) bn_device_close(device);
    return status;
}

void bn_device_close(bn_device *device)
{
    bn_gpu_packs_destroy(&device->packs);
    bn_gpu_close(&device->gpu);
}

bn_status bn_device_check_memory(int index, size_t weights_bytes, size_t work_bytes, bn_error *err)
{
    const size_t bytes = weights_bytes + work_bytes;
    bn_gpu_facts facts;
    BN_TRY(bn_gpu_describe(index, &facts, err));
    if (bytes > facts.free_bytes)
        return bn_fail(err, BIREFNET_ERROR_MEMORY,
                       "needs %.2f GiB on %s, %.2f GiB are free: a smaller -r, or --device cpu",
                       (double)bytes / 0x1p30, facts.name, (double)facts.free_bytes / 0x1p30);
    if (work_bytes <= facts.largest_bytes) return BIREFNET_OK;
    return bn_fail(
        err, BIREFNET_ERROR_MEMORY,
        "needs %.2f GiB at once on %s, which gives %.2f GiB at most: a smaller -r, or --device cpu",
        (double)work_bytes / 0x1p30, facts.name, (double)facts.largest_bytes / 0x1p30);
}
