/* file.h - reading files whole under a cap, writing them so that nobody ever sees half of one. */
#ifndef BN_BASE_FILE_H
#define BN_BASE_FILE_H

#include "base/buffer.h"

#include <stdbool.h>

/* Append the whole file (path "-" is standard input) to buffer, up to the buffer's maximum. */
bn_status bn_file_read(const char *path, bn_buffer *buffer, bn_error *err);

/* Write bytes to a temporary file beside path, flush it to the disk, rename it to path. On failure path is as
 * it was and the temporary file is gone. */
bn_status bn_file_write_atomic(const char *path, const void *bytes, size_t count, bn_error *err);

/* The same, for secrets: nobody but the owner may read it, at no moment. What root writes is the folder's owner's. When it returns the
 * new one is there whatever happens: what was revoked in it is not back after a power failure. */
bn_status bn_file_write_private(const char *path, const void *bytes, size_t count, bn_error *err);

/* A new name is on the disk when the folder that path lies in is. Not every file system can say so. */
void bn_file_sync_folder(const char *path);

/* path, which this process has just made (fd), becomes its folder's owner's, where this is root: a command of an
 * administrator leaves nothing that the service cannot read. Where that fails it stays root's. */
void bn_file_give_to_folder(int fd, const char *path);

/* A file without a name in that folder, for reading and writing, the owner's alone; -1 with errno. Where the file system has
 * no such files (O_TMPFILE) it has a name for a moment. */
int bn_file_open_nameless(const char *folder);

/* A new, empty file for writing beside path, with the mode that the process makes of 0666; its name goes to `temporary`
 * (PATH_MAX bytes). -1 with errno. */
int bn_file_open_beside(const char *path, char *temporary);

/* Whether both names are of one file that is there, by links or however they are spelt. */
bool bn_file_is_same(const char *path, const char *other);

/* What a person names as an output: what is there already and is no regular file (a device, a pipe) is written into; a
 * link is followed; anything else is written as by bn_file_write_atomic. */
bn_status bn_file_write(const char *path, const void *bytes, size_t count, bn_error *err);

/* A file mapped for reading only. */
typedef struct bn_mapping {
    const uint8_t *data; /* NULL where size is 0 */
    size_t size;
} bn_mapping;

bn_status bn_file_map(const char *path, bn_mapping *mapping, bn_error *err);
void bn_file_unmap(bn_mapping *mapping);

/* Tell the kernel that these bytes of the mapping will not be read again soon, so that they leave resident
 * memory (the page cache keeps them). */
void bn_mapping_forget(const void *data, size_t bytes);

/* mkdir -p: make the folder and those above it; fine if they are there. */
bn_status bn_folder_make(const char *path, bn_error *err);

#endif
