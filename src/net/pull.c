/* pull.c - mirrors, the folder for downloads, pins. */
#include "net/pull.h"

#include "base/file.h"
#include "weights/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define AUTHORS_HOST "https://huggingface.co"

static const char *base_address(void)
{
    const char *mirror = getenv("BIREFNET_MIRROR"), *endpoint = getenv("HF_ENDPOINT");
    if (mirror && mirror[0]) return mirror;
    return endpoint && endpoint[0] ? endpoint : AUTHORS_HOST;
}

bn_status bn_preset_url(const bn_preset *preset, char url[2048], bn_error *err)
{
    if (!preset->repository)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "%s comes with the program: there is nothing to download", preset->name);
    const char *base = base_address();
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/') length--;
    if (length > 1500) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the mirror's address is too long");
    snprintf(url, 2048, "%.*s/%s/resolve/main/model.safetensors", (int)length, base, preset->repository);
    return BIREFNET_OK;
}

/* The first folder of the search path belongs to the user: --models, $BIREFNET_MODELS, or the XDG data folder. */
bn_status bn_preset_place(const bn_preset *preset, const char *folder, char path[4096], bn_error *err)
{
    bn_models_path folders;
    BN_TRY(bn_models_path_make(folder, &folders, err));
    bn_status status = BIREFNET_OK;
    if (folders.own == 0) {
        status = bn_fail(
            err, BIREFNET_ERROR_ARGUMENT,
            "there is no folder to download to: give one with --models, or set BIREFNET_MODELS or HOME");
        goto done;
    }
    BN_TRY_DONE(bn_folder_make(folders.folders[0], err));
    const int length = snprintf(path, 4096, "%s/%s", folders.folders[0], preset->file);
    if (length < 0 || length >= 4096)
        status = bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the path of the models folder is too long");
done:
    bn_models_path_free(&folders);
    return status;
}

/* A file that is there: pinned now if it was not, kept if it matches. *keep is false if it must be fetched. */
static bn_status look_at(bn_pulled *pulled, const char *pin, bool pinned, bool *keep, bn_error *err)
{
    struct stat facts;
    *keep = false;
    if (stat(pulled->path, &facts) != 0) return BIREFNET_OK;
    BN_TRY(bn_sha256_file(pulled->path, pulled->sha256, err));
    pulled->bytes = (uint64_t)facts.st_size;
    *keep = pinned && strcmp(pin, pulled->sha256) == 0;
    if (pinned) return BIREFNET_OK;
    /* put there by hand: take it as it is if it is a checkpoint at all */
    bn_weights *weights = NULL;
    if (bn_weights_open(pulled->path, &weights, NULL) != BIREFNET_OK) return BIREFNET_OK;
    bn_weights_close(&weights);
    *keep = true;
    return bn_pin_write(pulled->path, pulled->sha256, err);
}

bn_status bn_preset_pull(const bn_preset *preset, const char *folder, const bn_download_options *options,
                         bn_pulled *pulled, bn_error *err)
{
    bn_pulled made = {.path = ""};
    char pin[BN_SHA256_CHARS];
    bool pinned = false;
    BN_TRY(bn_preset_url(preset, made.url, err));
    BN_TRY(bn_preset_place(preset, folder, made.path, err));
    BN_TRY(bn_pin_read(made.path, pin, &pinned, err));
    BN_TRY(look_at(&made, pin, pinned, &made.was_there, err));
    if (!made.was_there) {
        bn_download_options with_pin;
        bn_download_options_default(&with_pin);
        if (options) with_pin = *options;
        if (pinned) with_pin.expected_sha256 = pin;
        bn_download_result result = {0};
        const bn_status status = bn_download(made.url, made.path, &with_pin, &result, err);
        if (status == BIREFNET_ERROR_FORMAT && pinned && err && strstr(err->message, pin)) {
            const size_t used = strlen(err->message);
            snprintf(err->message + used, sizeof err->message - used,
                     ", the one of the first download; if the author has a new version, remove %s.sha256 and "
                     "pull again",
                     made.path);
        }
        BN_TRY(status);
        memcpy(made.sha256, result.sha256, sizeof made.sha256);
        made.bytes = result.bytes;
        BN_TRY(bn_pin_write(made.path, made.sha256, err));
    }
    *pulled = made;
    return BIREFNET_OK;
}
