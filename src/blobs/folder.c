/* folder.c - objects as files of a folder:
 *
 *     FOLDER/files/ab/abcd...   by the first two digits of the name
 *     FOLDER/files.owner        whose they are: census.c
 *     FOLDER/parts/ID.NUMBER    parts of uploads as an older program named them
 *     FOLDER/incoming/          being written, under the names that they will have; emptied at the start */
#include "blobs/kind.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES BN_BLOBS_PATH_BYTES

typedef struct folder {
    bn_blobs base;
    char path[3072], incoming[3200], spool[3200];
} folder;

static const folder *folder_of(const bn_blobs *blobs)
{
    return (const folder *)blobs;
}

/* ---- where things lie ---- */

static void object_path(const bn_blobs *blobs, const char *object, char path[PATH_BYTES])
{
    if (strchr(object, '.'))
        snprintf(path, PATH_BYTES, "%s/parts/%s", folder_of(blobs)->path, object);
    else
        snprintf(path, PATH_BYTES, "%s/files/%.2s/%s", folder_of(blobs)->path, object, object);
}

static void incoming_path(const bn_blobs *blobs, const char *object, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s", folder_of(blobs)->incoming, object);
}

static void empty_folder(const char *path)
{
    DIR *listing = opendir(path);
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing) closedir(listing);
}

static bn_status make_folders(folder *self, bool others, bn_error *err)
{
    char path[PATH_BYTES];
    snprintf(self->incoming, sizeof self->incoming, "%s/incoming", self->path);
    snprintf(path, sizeof path, "%s/parts", self->path);
    BN_TRY(bn_folder_make(self->incoming, err));
    BN_TRY(bn_folder_make(path, err));
    if (!others) empty_folder(self->incoming);
    for (int i = 0; i < 256; i++) {
        snprintf(path, sizeof path, "%s/files/%02x", self->path, (unsigned)i);
        BN_TRY(bn_folder_make(path, err));
    }
    return BIREFNET_OK;
}

/* A spool elsewhere: what arrives there is copied, and the room there is its own. */
static bn_status choose_spool(folder *self, const char *wanted, bn_error *err)
{
    if (wanted && strlen(wanted) >= sizeof self->spool)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the path of the spool is too long");
    snprintf(self->spool, sizeof self->spool, "%s", wanted ? wanted : self->incoming);
    return wanted ? bn_folder_make(wanted, err) : BIREFNET_OK;
}

static void close_folder(bn_blobs *blobs)
{
    free(blobs);
}

static bn_status open_folder(const char *path, const bn_blobs_options *options, bn_blobs **blobs,
                             bn_error *err)
{
    folder *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "a folder of files");
    bn_status status = BIREFNET_OK;
    if (strlen(path) >= sizeof made->path)
        status = bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the path of the data folder is too long");
    snprintf(made->path, sizeof made->path, "%s", path);
    if (status == BIREFNET_OK) status = make_folders(made, options->others, err);
    if (status == BIREFNET_OK) status = choose_spool(made, options->spool, err);
    if (status == BIREFNET_OK)
        *blobs = &made->base;
    else
        close_folder(&made->base);
    return status;
}

static const char *spool(const bn_blobs *blobs)
{
    return folder_of(blobs)->spool;
}

/* ---- writing ---- */

static bn_status create(bn_blobs *blobs, const char *object, intptr_t *handle, bn_error *err)
{
    char path[PATH_BYTES];
    incoming_path(blobs, object, path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    *handle = fd;
    return fd < 0 ? bn_fail_errno(err, errno, "cannot make %s", path) : BIREFNET_OK;
}

static bn_status append(bn_blobs *blobs, intptr_t handle, const void *bytes, size_t count, bn_error *err)
{
    const uint8_t *at = bytes;
    while (count > 0) {
        const ssize_t written = write((int)handle, at, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return bn_fail_errno(err, errno, "cannot write in %s", folder_of(blobs)->incoming);
        at += written;
        count -= (size_t)written;
    }
    return BIREFNET_OK;
}

static bn_status seal(bn_blobs *blobs, const char *object, intptr_t handle, bn_error *err)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    bn_status status = BIREFNET_OK;
    incoming_path(blobs, object, from);
    object_path(blobs, object, to);
    if (fsync((int)handle) != 0) status = bn_fail_errno(err, errno, "cannot write %s", from);
    if (close((int)handle) != 0 && status == BIREFNET_OK)
        status = bn_fail_errno(err, errno, "cannot write %s", from);
    if (status == BIREFNET_OK && rename(from, to) != 0)
        status = bn_fail_errno(err, errno, "cannot rename to %s", to);
    if (status == BIREFNET_OK)
        bn_file_sync_folder(to);
    else
        unlink(from);
    return status;
}

static void abandon(bn_blobs *blobs, const char *object, intptr_t handle)
{
    char path[PATH_BYTES];
    incoming_path(blobs, object, path);
    close((int)handle);
    unlink(path);
}

/* Only a file without a name can be linked, and only on the same disk. */
static bn_status adopt(bn_blobs *blobs, const char *object, int fd, bool *taken, bn_error *err)
{
    char to[PATH_BYTES], source[64];
    struct stat facts;
    *taken = false;
    if (fstat(fd, &facts) != 0 || facts.st_nlink != 0) return BIREFNET_OK;
    if (fsync(fd) != 0) return bn_fail_errno(err, errno, "cannot write what arrived");
    object_path(blobs, object, to);
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    *taken = linkat(AT_FDCWD, source, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0;
    if (*taken) bn_file_sync_folder(to);
    return BIREFNET_OK;
}

/* ---- reading and removing ---- */

static bn_status open_object(bn_blobs *blobs, const char *object, intptr_t *handle, bn_error *err)
{
    char path[PATH_BYTES];
    object_path(blobs, object, path);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    *handle = fd;
    return fd < 0 ? bn_fail_errno(err, errno, "cannot open the file %s", object) : BIREFNET_OK;
}

static bn_status read_object(bn_blobs *blobs, intptr_t handle, uint64_t offset, void *bytes, size_t count,
                             size_t *got, bn_error *err)
{
    (void)blobs;
    for (*got = 0; *got < count;) {
        const ssize_t more =
            pread((int)handle, (uint8_t *)bytes + *got, count - *got, (off_t)(offset + *got));
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return bn_fail_errno(err, errno, "cannot read a stored file");
        if (more == 0) break;
        *got += (size_t)more;
    }
    return BIREFNET_OK;
}

static int take_fd(bn_blobs *blobs, intptr_t handle)
{
    (void)blobs;
    return (int)handle;
}

static void close_object(bn_blobs *blobs, intptr_t handle)
{
    (void)blobs;
    close((int)handle);
}

static bool remove_object(bn_blobs *blobs, const char *object, int64_t *bytes)
{
    char path[PATH_BYTES];
    struct stat facts;
    object_path(blobs, object, path);
    const bool gone = stat(path, &facts) == 0 && unlink(path) == 0;
    *bytes = gone ? (int64_t)facts.st_size : -1;
    return gone || errno == ENOENT;
}

static void each_in(bn_blobs *blobs, const char *name, void (*look)(void *user, const char *object),
                    void *user)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", folder_of(blobs)->path, name);
    DIR *listing = opendir(path);
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < BN_OBJECT_CHARS) look(user, entry->d_name);
    if (listing) closedir(listing);
}

static void each(bn_blobs *blobs, void (*look)(void *user, const char *object), void *user)
{
    char name[32];
    each_in(blobs, "parts", look, user);
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "files/%02x", (unsigned)i);
        each_in(blobs, name, look, user);
    }
}

static void owner_file(const bn_blobs *blobs, char path[BN_BLOBS_PATH_BYTES])
{
    snprintf(path, BN_BLOBS_PATH_BYTES, "%s/files.owner", folder_of(blobs)->path);
}

const bn_blobs_kind bn_blobs_folder = {
    .scheme = "folder",
    .open = open_folder,
    .close = close_folder,
    .create = create,
    .append = append,
    .seal = seal,
    .abandon = abandon,
    .adopt = adopt,
    .open_object = open_object,
    .read = read_object,
    .take_fd = take_fd,
    .close_object = close_object,
    .remove = remove_object,
    .each = each,
    .owner_file = owner_file,
    .spool = spool,
};
