/* source.h - where photos come from and go to: files, standard streams, URLs. */
#ifndef BN_CLI_SOURCE_H
#define BN_CLI_SOURCE_H

#include "base/buffer.h"

#include <stdbool.h>

/* A file larger than this is not read: no photo of 100 MP comes near. */
#define BN_SOURCE_MAX_BYTES ((size_t)1 << 30)

/* Append the whole of a path, a URL or "-" to buffer. CANCELLED once the run is interrupted. */
bn_status bn_source_read(const char *source, bn_buffer *buffer, bn_error *err);

/* Write to a path, whole or not at all, or to "-"; make_folders: and the folders above it. */
bn_status bn_target_write(const char *target, const bn_buffer *bytes, bool make_folders, bn_error *err);

/* Whether bn_target_write could begin, as far as can be told without writing: asked before work that would be lost. */
bn_status bn_target_check(const char *target, bool make_folders, bn_error *err);

/* The folder above a path, and those above it. */
bn_status bn_target_make_folder(const char *target, bn_error *err);

#endif
