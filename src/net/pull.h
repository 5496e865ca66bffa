/* pull.h - getting the file of a preset: from where, to where, and whether it is still the file first seen. */
#ifndef BN_NET_PULL_H
#define BN_NET_PULL_H

#include "net/download.h"
#include "weights/presets.h"

typedef struct bn_pulled {
    char path[4096];
    char url[2048];
    char sha256[BN_SHA256_CHARS];
    uint64_t bytes;
    bool was_there; /* nothing was downloaded: the file lay there and its SHA-256 is the pinned one */
} bn_pulled;

/* The preset's address: $BIREFNET_MIRROR, else $HF_ENDPOINT, else the author's host, then
 * /OWNER/NAME/resolve/main/model.safetensors. ARGUMENT for Starter, which has none. */
bn_status bn_preset_url(const bn_preset *preset, char url[2048], bn_error *err);

/* Where the preset's file goes in `folder` (NULL: the first of the search path), which is made. */
bn_status bn_preset_place(const bn_preset *preset, const char *folder, char path[4096], bn_error *err);

/* Download the preset's file to `folder` (NULL: the first of the search path), pin its SHA-256 in FILE.sha256. A file
 * that is there and matches its pin is left alone; one that is damaged is fetched again. A download that differs from
 * the pin is refused: the message says how to accept it. options->expected_sha256 is ignored where a pin exists. */
bn_status bn_preset_pull(const bn_preset *preset, const char *folder, const bn_download_options *options,
                         bn_pulled *pulled, bn_error *err);

#endif
