/* pth.c - torch's two file formats: where the pickle is, and where each storage's bytes are.
 *
 * Since 1.6: a zip archive NAME/data.pkl, NAME/data/KEY, stored uncompressed. Before: five pickles (a magic number,
 * the protocol, facts of the machine, the object, the list of keys), then for each key a count of elements (u64) and
 * the elements. */
#include "weights/torch.h"
#include "weights/zip.h"

#include "base/size.h"

#include <stdio.h>
#include <string.h>

/* ---- zip ---- */

static const bn_zip_file *find_pickle(const bn_zip *zip)
{
    static const char leaf[] = "/data.pkl";
    const size_t length = sizeof leaf - 1;
    for (size_t i = 0; i < zip->count; i++) {
        const bn_zip_file *file = &zip->files[i];
        if (file->name_length >= length && memcmp(file->name + file->name_length - length, leaf, length) == 0)
            return file;
    }
    return NULL;
}

/* The file ROOT/name, where ROOT is the folder that the pickle lies in. */
static const bn_zip_file *find_beside(const bn_zip *zip, const bn_zip_file *pickle, const char *folder,
                                      const char *name, size_t name_length)
{
    char path[1024];
    const size_t root = pickle->name_length - strlen("data.pkl"), between = strlen(folder);
    if (root + between + name_length > sizeof path) return NULL;
    memcpy(path, pickle->name, root);
    memcpy(path + root, folder, between);
    memcpy(path + root + between, name, name_length);
    return bn_zip_find(zip, path, root + between + name_length);
}

static bn_status place_zip_storages(const bn_zip *zip, const bn_zip_file *pickle, bn_storages *storages,
                                    bn_error *err)
{
    for (size_t i = 0; i < storages->count; i++) {
        bn_storage *storage = &storages->items[i];
        const bn_shown key = bn_show(storage->key, storage->key_length);
        const bn_zip_file *file = find_beside(zip, pickle, "data/", storage->key, storage->key_length);
        size_t bytes = 0;
        if (!file)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "its storage data/%s is not in the archive", key.text);
        if (!bn_size_mul(storage->count, storage->element_bytes, &bytes) || bytes > file->size)
            return bn_fail(err, BIREFNET_ERROR_FORMAT,
                           "its storage data/%s has %zu bytes, fewer than it claims", key.text, file->size);
        storage->data = file->data;
    }
    return BIREFNET_OK;
}

static bn_status check_byte_order(const bn_zip *zip, const bn_zip_file *pickle, bn_error *err)
{
    const bn_zip_file *order = find_beside(zip, pickle, "", "byteorder", strlen("byteorder"));
    if (!order || (order->size >= 6 && memcmp(order->data, "little", 6) == 0)) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "was written on a big-endian machine");
}

bn_status bn_pth_read_zip(const uint8_t *bytes, size_t size, bn_weights *weights, bn_error *err)
{
    bn_zip zip = {0};
    bn_pickle tree = {0};
    bn_storages storages = {0};
    bn_status status = BIREFNET_OK;
    BN_TRY_DONE(bn_zip_open(bytes, size, &zip, err));
    const bn_zip_file *pickle = find_pickle(&zip);
    if (!pickle) {
        status =
            bn_fail(err, BIREFNET_ERROR_FORMAT, "is a zip archive, but not one of torch: it has no data.pkl");
        goto done;
    }
    BN_TRY_DONE(check_byte_order(&zip, pickle, err));
    BN_TRY_DONE(bn_torch_unpickle(pickle->data, pickle->size, &tree, NULL, err));
    BN_TRY_DONE(bn_storages_collect(&tree, &storages, err));
    BN_TRY_DONE(place_zip_storages(&zip, pickle, &storages, err));
    status = bn_torch_read_table(&tree, &storages, weights, err);
done:
    bn_storages_free(&storages);
    bn_pickle_free(&tree);
    bn_zip_close(&zip);
    return status;
}

/* ---- before 1.6 ---- */

static bn_status skip_pickle(const uint8_t **at, const uint8_t *end, bn_error *err)
{
    bn_pickle skipped = {0};
    size_t used = 0;
    BN_TRY(bn_torch_unpickle(*at, (size_t)(end - *at), &skipped, &used, err));
    bn_pickle_free(&skipped);
    *at += used;
    return BIREFNET_OK;
}

/* The elements stand behind the list of keys, in its order. */
static bn_status place_legacy_storages(const bn_pickle_node *keys, const uint8_t *at, const uint8_t *end,
                                       bn_storages *storages, bn_error *err)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        const bn_pickle_value *key = &keys->items[i];
        bn_storage *storage =
            key->kind == BN_PICKLE_TEXT ? bn_storages_find(storages, key->text, key->length) : NULL;
        if (!storage)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "has a storage that none of its tensors mentions");
        uint64_t count = 0;
        size_t bytes = 0;
        if (end - at < 8)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "ends before its last storage: it is truncated");
        for (int byte = 7; byte >= 0; byte--) count = count << 8 | at[byte];
        at += 8;
        if (count != storage->count || !bn_size_mul(storage->count, storage->element_bytes, &bytes))
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "a storage has another size than its tensors say");
        if (bytes > (size_t)(end - at))
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "ends in the middle of a storage: it is truncated");
        storage->data = at;
        at += bytes;
    }
    return BIREFNET_OK;
}

bn_status bn_pth_read_legacy(const uint8_t *bytes, size_t size, bn_weights *weights, bn_error *err)
{
    static const uint8_t magic[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                    0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e};
    if (size < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "is a pickle, but not a checkpoint of torch");
    const uint8_t *at = bytes + sizeof magic, *const end = bytes + size;
    bn_pickle tree = {0}, keys = {0};
    bn_storages storages = {0};
    bn_status status = BIREFNET_OK;
    size_t used = 0;
    BN_TRY_DONE(skip_pickle(&at, end, err)); /* the protocol, 1001 */
    BN_TRY_DONE(skip_pickle(&at, end, err)); /* sizes of the writer's C types */
    BN_TRY_DONE(bn_torch_unpickle(at, (size_t)(end - at), &tree, &used, err));
    at += used;
    BN_TRY_DONE(bn_torch_unpickle(at, (size_t)(end - at), &keys, &used, err));
    at += used;
    BN_TRY_DONE(bn_storages_collect(&tree, &storages, err));
    if (keys.root.kind == BN_PICKLE_LIST)
        status = place_legacy_storages(keys.root.node, at, end, &storages, err);
    if (status == BIREFNET_OK) status = bn_torch_read_table(&tree, &storages, weights, err);
done:
    bn_storages_free(&storages);
    bn_pickle_free(&keys);
    bn_pickle_free(&tree);
    return status;
}
