/* folder.c - see files.h. */
#include "blobs/blobs.h"

#include "base/file.h"
#include "store/ids.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES  3300
#define PIECE_BYTES 65536

/* ---- where things lie ---- */

static void file_path(const bn_files *files, const char *id, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/files/%.2s/%s", files->folder, id, id);
}

static void part_path(const bn_files *files, const char *upload_id, int number, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/parts/%s.%d", files->folder, upload_id, number);
}

static void empty_folder(const char *folder)
{
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing) closedir(listing);
}

bn_status bn_files_open(bn_files *files, const char *data_folder, bn_error *err)
{
    char path[PATH_BYTES];
    if (strlen(data_folder) >= sizeof files->folder)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the path of the data folder is too long");
    snprintf(files->folder, sizeof files->folder, "%s", data_folder);
    snprintf(files->incoming, sizeof files->incoming, "%s/incoming", data_folder);
    snprintf(path, sizeof path, "%s/parts", data_folder);
    BN_TRY(bn_folder_make(files->incoming, err));
    BN_TRY(bn_folder_make(path, err));
    empty_folder(files->incoming);
    for (int i = 0; i < 256; i++) {
        snprintf(path, sizeof path, "%s/files/%02x", data_folder, (unsigned)i);
        BN_TRY(bn_folder_make(path, err));
    }
    return BIREFNET_OK;
}

/* ---- writing ---- */

/* A new file in the incoming folder, written and hashed as it grows. */
typedef struct writer {
    bn_files *files;
    char path[PATH_BYTES];
    int fd;
    uint64_t size, max_total_bytes;
    crypto_generichash_state hash;
} writer;

static bool has_room(const bn_files *files, uint64_t bytes, uint64_t max_total_bytes)
{
    const uint64_t total = atomic_load(&files->total_bytes);
    return total <= max_total_bytes && bytes <= max_total_bytes - total;
}

bool bn_files_has_room(const bn_files *files, uint64_t bytes)
{
    return has_room(files, bytes, files->max_total_bytes);
}

static bn_status check_room(const bn_files *files, uint64_t size, uint64_t max_total_bytes, bn_error *err)
{
    if (size > files->max_file_bytes)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "the file is larger than the allowed %llu bytes",
                       (unsigned long long)files->max_file_bytes);
    if (!has_room(files, size, max_total_bytes))
        return bn_fail(err, BIREFNET_ERROR_LIMIT,
                       "the stored files would take more than the allowed %llu bytes",
                       (unsigned long long)max_total_bytes);
    return BIREFNET_OK;
}

static void hash_end(crypto_generichash_state *hash, bn_blob *blob)
{
    uint8_t digest[16];
    crypto_generichash_final(hash, digest, sizeof digest);
    sodium_bin2hex(blob->etag, sizeof blob->etag, digest, sizeof digest);
}

static bn_status writer_open(writer *self, bn_files *files, uint64_t max_total_bytes, bn_error *err)
{
    char id[BN_FILE_ID_CHARS];
    bn_id_make(id);
    self->files = files;
    self->size = 0;
    self->max_total_bytes = max_total_bytes;
    snprintf(self->path, sizeof self->path, "%s/%s", files->incoming, id);
    self->fd = open(self->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (self->fd < 0) return bn_fail_errno(err, errno, "cannot make %s", self->path);
    crypto_generichash_init(&self->hash, NULL, 0, 16);
    return BIREFNET_OK;
}

static bn_status writer_put(writer *self, const uint8_t *bytes, size_t count, bn_error *err)
{
    crypto_generichash_update(&self->hash, bytes, count);
    self->size += count;
    BN_TRY(check_room(self->files, self->size, self->max_total_bytes, err));
    while (count > 0) {
        const ssize_t written = write(self->fd, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return bn_fail_errno(err, errno, "cannot write %s", self->path);
        bytes += written;
        count -= (size_t)written;
    }
    return BIREFNET_OK;
}

static void sync_folder_of(const char *path)
{
    char folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

/* Give a flushed file its place, and count its bytes instead of those that lay there. */
static bn_status put_in_place(bn_files *files, const char *temporary, const char *path, uint64_t size,
                              bn_error *err)
{
    struct stat before;
    const uint64_t replaced = stat(path, &before) == 0 ? (uint64_t)before.st_size : 0;
    if (rename(temporary, path) != 0) return bn_fail_errno(err, errno, "cannot rename to %s", path);
    atomic_fetch_add(&files->total_bytes, size - replaced);
    sync_folder_of(path);
    return BIREFNET_OK;
}

/* Closes the file in any case; removes it after a failure. */
static bn_status writer_end(writer *self, bn_status status, const char *path, bn_blob *blob, bn_error *err)
{
    if (status == BIREFNET_OK && fsync(self->fd) != 0)
        status = bn_fail_errno(err, errno, "cannot write %s", self->path);
    if (close(self->fd) != 0 && status == BIREFNET_OK)
        status = bn_fail_errno(err, errno, "cannot write %s", self->path);
    if (status == BIREFNET_OK) status = put_in_place(self->files, self->path, path, self->size, err);
    if (status != BIREFNET_OK) {
        unlink(self->path);
        return status;
    }
    blob->size = self->size;
    hash_end(&self->hash, blob);
    return BIREFNET_OK;
}

static bn_status note(bn_files *files, bn_status status)
{
    if (status == BIREFNET_OK || status == BIREFNET_ERROR_IO)
        atomic_store(&files->failing, status != BIREFNET_OK);
    return status;
}

void bn_files_probe(bn_files *files)
{
    writer self;
    static const uint8_t nothing[65536];
    bn_status status = writer_open(&self, files, UINT64_MAX, NULL);
    if (status == BIREFNET_OK) {
        const bool written = write(self.fd, nothing, sizeof nothing) == (ssize_t)sizeof nothing;
        status = written && fsync(self.fd) == 0 ? BIREFNET_OK : BIREFNET_ERROR_IO;
        close(self.fd);
        unlink(self.path);
    }
    note(files, status);
}

bn_status bn_files_write(bn_files *files, const char *id, const void *bytes, size_t size, bn_blob *blob,
                         bn_error *err)
{
    writer self;
    char path[PATH_BYTES];
    file_path(files, id, path);
    bn_status status = writer_open(&self, files, files->max_total_bytes, err);
    if (status != BIREFNET_OK) return note(files, status);
    status = writer_put(&self, bytes, size, err);
    return note(files, writer_end(&self, status, path, blob, err));
}

/* ---- taking over files that arrived ---- */

typedef bn_status (*piece_fn)(void *user, const uint8_t *bytes, size_t count, bn_error *err);

static bn_status each_piece(int fd, piece_fn fn, void *user, bn_error *err)
{
    uint8_t *piece = malloc(PIECE_BYTES);
    if (!piece) return bn_fail_memory(err, PIECE_BYTES, "a piece of a file");
    bn_status status = BIREFNET_OK;
    for (off_t at = 0; status == BIREFNET_OK;) {
        const ssize_t got = pread(fd, piece, PIECE_BYTES, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = bn_fail_errno(err, errno, "cannot read what arrived");
        if (got <= 0) break;
        at += got;
        status = fn(user, piece, (size_t)got, err);
    }
    free(piece);
    return status;
}

static bn_status copy_piece(void *user, const uint8_t *bytes, size_t count, bn_error *err)
{
    return writer_put(user, bytes, count, err);
}

typedef struct digester {
    crypto_generichash_state hash;
    uint64_t size;
} digester;

static bn_status digest_piece(void *user, const uint8_t *bytes, size_t count, bn_error *err)
{
    (void)err;
    digester *self = user;
    self->size += count;
    crypto_generichash_update(&self->hash, bytes, count);
    return BIREFNET_OK;
}

bn_status bn_files_digest(int fd, bn_blob *blob, bn_error *err)
{
    digester self = {.size = 0};
    crypto_generichash_init(&self.hash, NULL, 0, 16);
    BN_TRY(each_piece(fd, digest_piece, &self, err));
    blob->size = self.size;
    hash_end(&self.hash, blob);
    return BIREFNET_OK;
}

/* False where fd cannot be linked: it has had a name, or lies on another disk. */
static bool link_incoming(bn_files *files, int fd, char path[PATH_BYTES])
{
    char id[BN_FILE_ID_CHARS], source[64];
    bn_id_make(id);
    snprintf(path, PATH_BYTES, "%s/%s", files->incoming, id);
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

static bn_status adopt(bn_files *files, const char *path, int fd, bn_blob *blob, bn_error *err)
{
    char temporary[PATH_BYTES];
    struct stat facts;
    if (fstat(fd, &facts) != 0) return bn_fail_errno(err, errno, "cannot read what arrived");
    BN_TRY(check_room(files, (uint64_t)facts.st_size, files->max_upload_bytes, err));
    if (facts.st_nlink == 0 && link_incoming(files, fd, temporary)) {
        bn_status status = bn_files_digest(fd, blob, err);
        if (status == BIREFNET_OK && fsync(fd) != 0)
            status = bn_fail_errno(err, errno, "cannot write what arrived");
        if (status == BIREFNET_OK) status = put_in_place(files, temporary, path, blob->size, err);
        if (status != BIREFNET_OK) unlink(temporary);
        return status;
    }
    writer self;
    BN_TRY(writer_open(&self, files, files->max_upload_bytes, err));
    const bn_status status = each_piece(fd, copy_piece, &self, err);
    return writer_end(&self, status, path, blob, err);
}

bn_status bn_files_adopt(bn_files *files, const char *id, int fd, bn_blob *blob, bn_error *err)
{
    char path[PATH_BYTES];
    file_path(files, id, path);
    return note(files, adopt(files, path, fd, blob, err));
}

bn_status bn_files_adopt_part(bn_files *files, const char *upload_id, int number, int fd, bn_blob *blob,
                              bn_error *err)
{
    char path[PATH_BYTES];
    part_path(files, upload_id, number, path);
    return note(files, adopt(files, path, fd, blob, err));
}

bn_status bn_files_join(bn_files *files, const char *id, const char *upload_id, const int *numbers,
                        size_t count, bn_blob *blob, bn_error *err)
{
    writer self;
    char path[PATH_BYTES];
    bn_status status = writer_open(&self, files, files->max_upload_bytes, err);
    if (status != BIREFNET_OK) return note(files, status);
    for (size_t i = 0; status == BIREFNET_OK && i < count; i++) {
        part_path(files, upload_id, numbers[i], path);
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            status = bn_fail_errno(err, errno, "cannot read part %d", numbers[i]);
            break;
        }
        status = each_piece(fd, copy_piece, &self, err);
        close(fd);
    }
    file_path(files, id, path);
    return note(files, writer_end(&self, status, path, blob, err));
}

/* ---- reading and removing ---- */

bn_status bn_files_open_read(const bn_files *files, const char *id, int *fd, bn_error *err)
{
    char path[PATH_BYTES];
    file_path(files, id, path);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd < 0 ? bn_fail_errno(err, errno, "cannot open the file %s", id) : BIREFNET_OK;
}

static void remove_counted(bn_files *files, const char *path)
{
    struct stat facts;
    if (stat(path, &facts) == 0 && unlink(path) == 0)
        atomic_fetch_sub(&files->total_bytes, (uint64_t)facts.st_size);
}

void bn_files_remove(bn_files *files, const char *id)
{
    char path[PATH_BYTES];
    file_path(files, id, path);
    remove_counted(files, path);
}

void bn_files_remove_part(bn_files *files, const char *upload_id, int number)
{
    char path[PATH_BYTES];
    part_path(files, upload_id, number, path);
    remove_counted(files, path);
}

static void remove_parts_if(bn_files *files, bool (*unwanted)(void *user, const char *upload_id), void *user)
{
    char path[PATH_BYTES], folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "%s/parts", files->folder);
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        char id[BN_FILE_ID_CHARS];
        snprintf(id, sizeof id, "%s", entry->d_name);
        if (!bn_id_valid(id) || !unwanted(user, id)) continue;
        snprintf(path, sizeof path, "%s/parts/%s", files->folder, entry->d_name);
        remove_counted(files, path);
    }
    if (listing) closedir(listing);
}

static bool is_this(void *user, const char *upload_id)
{
    return strcmp(user, upload_id) == 0;
}

void bn_files_remove_parts(bn_files *files, const char *upload_id)
{
    char id[BN_FILE_ID_CHARS];
    snprintf(id, sizeof id, "%s", upload_id);
    remove_parts_if(files, is_this, id);
}

typedef struct census {
    bn_files_known_fn known;
    void *user;
} census;

static bool is_unknown_upload(void *user, const char *upload_id)
{
    const census *self = user;
    return !self->known(self->user, upload_id, true);
}

void bn_files_remove_orphans(bn_files *files, bn_files_known_fn known, void *user)
{
    census self = {known, user};
    remove_parts_if(files, is_unknown_upload, &self);
    for (int i = 0; i < 256; i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/files/%02x", files->folder, (unsigned)i);
        DIR *listing = opendir(path);
        for (struct dirent *entry; listing && (entry = readdir(listing));)
            if (bn_id_valid(entry->d_name) && !known(user, entry->d_name, false))
                bn_files_remove(files, entry->d_name);
        if (listing) closedir(listing);
    }
}
