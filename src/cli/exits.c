/* exits.c - statuses to exit codes, and the table of exit codes. */
#include "cli/exits.h"

#include <stddef.h>

static bn_exit exit_of_store(bn_status status)
{
    switch (status) {
    case BIREFNET_OK:
        return BN_EXIT_OK;
    case BIREFNET_ERROR_ARGUMENT:
        return BN_EXIT_USAGE;
    case BIREFNET_ERROR_FORMAT:
        return BN_EXIT_SCHEMA;
    case BIREFNET_ERROR_MEMORY:
        return BN_EXIT_LIMIT;
    default:
        return BN_EXIT_STORE;
    }
}

bn_exit bn_exit_of(bn_status status, bn_stage stage)
{
    if (stage == BN_STAGE_STORE) return exit_of_store(status);
    if (status != BIREFNET_OK && stage == BN_STAGE_FILES) return BN_EXIT_FILES;
    switch (status) {
    case BIREFNET_OK:
        return BN_EXIT_OK;
    case BIREFNET_ERROR_CANCELLED:
        return BN_EXIT_INTERRUPTED;
    case BIREFNET_ERROR_MEMORY:
    case BIREFNET_ERROR_LIMIT:
        return stage == BN_STAGE_MODEL && status == BIREFNET_ERROR_LIMIT ? BN_EXIT_MODEL : BN_EXIT_LIMIT;
    case BIREFNET_ERROR_NETWORK:
        return BN_EXIT_NETWORK;
    case BIREFNET_ERROR_INTERNAL:
        return BN_EXIT_INTERNAL;
    case BIREFNET_ERROR_DEVICE:
        return BN_EXIT_DEVICE;
    case BIREFNET_ERROR_ARGUMENT:
        return stage == BN_STAGE_MODEL ? BN_EXIT_MODEL : BN_EXIT_USAGE;
    case BIREFNET_ERROR_NOT_FOUND:
    case BIREFNET_ERROR_IO:
        if (stage == BN_STAGE_READ) return BN_EXIT_NOT_READ;
        if (stage == BN_STAGE_LISTEN) return BN_EXIT_PORT;
        break;
    case BIREFNET_ERROR_FORMAT:
    case BIREFNET_ERROR_UNSUPPORTED:
        break;
    }
    if (stage == BN_STAGE_WRITE) return BN_EXIT_NOT_WRITTEN;
    return stage == BN_STAGE_MODEL ? BN_EXIT_MODEL : BN_EXIT_INPUT;
}

const bn_exit_words *bn_exit_table(void)
{
    static const bn_exit_words table[] = {
        {BN_EXIT_OK, "All went well. Pictures of a folder that are of a kind that is not read here (HEIC "
                     "without libheif, raw "
                     "files) were passed over; a line counts them."},
        {BN_EXIT_INPUT, "The input is not an image, is broken or cut off, or is of a kind that is not read."},
        {BN_EXIT_USAGE,
         "The command line makes no sense; this also when the output would overwrite the input."},
        {BN_EXIT_SOME_FAILED, "Of several inputs, some or all failed; the others are done."},
        {BN_EXIT_NOT_READ, "The input is not there or cannot be read."},
        {BN_EXIT_NOT_WRITTEN, "The output cannot be written: permissions, a full disk, a closed pipe."},
        {BN_EXIT_LIMIT, "Over a limit: more pixels than allowed, or more memory than there is."},
        {BN_EXIT_MODEL, "The weights are not there, broken, or not for this machine."},
        {BN_EXIT_NETWORK, "A download failed."},
        {BN_EXIT_INTERNAL, "A fault of this program."},
        {BN_EXIT_NO_SENSE, "models --check: the weights run, but their mask of the known photo is wrong, or "
                           "is wrong in the tile order "
                           "that would be chosen."},
        {BN_EXIT_PORT, "serve, work: the port is in use, or may not be listened at."},
        {BN_EXIT_NO_TOOL, "video: ffmpeg or ffprobe is not installed."},
        {BN_EXIT_STORE,
         "serve, work, keys, queue, migrate: the database of --store cannot be reached, or refuses us."},
        {BN_EXIT_SCHEMA,
         "serve, work, keys, queue, migrate: the tables of --store or of the data folder are of a newer "
         "program, damaged, or older than "
         "this one needs (birefnet migrate; serve and work migrate those of a data folder themselves)."},
        {BN_EXIT_FILES,
         "serve, work: the place of --files does not answer, or refuses what is needed there: bucket, "
         "region, keys, permissions, endpoint."},
        {BN_EXIT_DEVICE, "A graphics card or its driver failed."},
        {BN_EXIT_INTERRUPTED, "Interrupted by Ctrl-C or SIGTERM; nothing half-written stays behind."},
        {0, NULL},
    };
    return table;
}
