/* file.c - reading under a cap, atomic writing, mapping. */
#include "base/file.h"

#include "base/size.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static bn_status read_all(int fd, const char *name, bn_buffer *buffer, bn_error *err)
{
    for (;;) {
        const size_t left = buffer->max_bytes - buffer->size;
        if (left > 0) BN_TRY(bn_buffer_reserve(buffer, left < 65536 ? left : 65536, err));
        char beyond;
        const ssize_t got = left > 0 ? read(fd, buffer->data + buffer->size, buffer->capacity - buffer->size)
                                     : read(fd, &beyond, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return bn_fail_errno(err, errno, "cannot read %s", name);
        if (got == 0) return BIREFNET_OK;
        if (left == 0)
            return bn_fail(err, BIREFNET_ERROR_LIMIT, "%s is larger than the allowed %zu bytes", name,
                           buffer->max_bytes);
        buffer->size += (size_t)got;
        buffer->data[buffer->size] = 0;
    }
}

bn_status bn_file_read(const char *path, bn_buffer *buffer, bn_error *err)
{
    if (strcmp(path, "-") == 0) return read_all(STDIN_FILENO, "standard input", buffer, err);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return bn_fail_errno(err, errno, "cannot open %s", path);
    struct stat facts;
    bn_status status = BIREFNET_OK;
    if (fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode))
        status = bn_fail_errno(err, EISDIR, "cannot read %s", path);
    else if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size > 0 &&
             (uintmax_t)facts.st_size <= buffer->max_bytes - buffer->size)
        status = bn_buffer_reserve(buffer, (size_t)facts.st_size,
                                   err); /* one allocation where the size is known */
    if (status == BIREFNET_OK) status = read_all(fd, path, buffer, err);
    close(fd);
    return status;
}

static bn_status write_all(int fd, const uint8_t *bytes, size_t count, const char *path, bn_error *err)
{
    while (count > 0) {
        const ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return bn_fail_errno(err, errno, "cannot write %s", path);
        bytes += written;
        count -= (size_t)written;
    }
    return BIREFNET_OK;
}

bool bn_file_is_same(const char *path, const char *other)
{
    struct stat a, b;
    return stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

#define MARK_CHARS 9    /* ".%08x" */
#define PRIVATE    0600 /* of secrets */

/* Bytes of path that its temporary file's name begins with: all, unless the mark makes a name too long that is not. In UTF-8 no
 * letter is cut in two: some file systems take no such names. */
static int kept_length(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name);
    if (length > NAME_MAX - MARK_CHARS && length <= NAME_MAX) {
        length = NAME_MAX - MARK_CHARS;
        while (length > 1 && ((unsigned char)name[length] & 0xC0) == 0x80) length--;
    }
    return (int)((size_t)(name - path) + length);
}

/* A new file beside path, with the mode that the process makes of this one (mkstemp's are the owner's alone, and to read
 * the umask is to change it, for all threads). -1 with errno. */
static int open_beside(const char *path, mode_t mode, char temporary[PATH_MAX])
{
    int fd = -1;
    for (int attempt = 0; fd < 0 && attempt < 100; attempt++) {
        uint64_t random = 0;
        if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) return -1;
        const int length =
            snprintf(temporary, PATH_MAX, "%.*s.%08x", kept_length(path), path, (unsigned)random);
        if (length < 0 || length >= PATH_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0 && errno != EEXIST) return -1;
    }
    return fd;
}

int bn_file_open_beside(const char *path, char *temporary)
{
    return open_beside(path, 0666, temporary);
}

/* The folder that path lies in. False where its name is too long. */
static bool folder_of(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    const int length = slash ? (int)BN_MAX(slash - path, 1) : 1;
    if (length >= PATH_MAX) return false;
    snprintf(folder, PATH_MAX, "%.*s", length, slash ? path : ".");
    return true;
}

void bn_file_give_to_folder(int fd, const char *path)
{
    char folder[PATH_MAX];
    struct stat facts;
    if (geteuid() != 0 || !folder_of(path, folder)) return;
    if (stat(folder, &facts) != 0 || facts.st_uid == 0) return;
    const int given = fchown(fd, facts.st_uid, facts.st_gid);
    (void)given;
}

static bn_status write_atomic(const char *path, mode_t mode, const void *bytes, size_t count, bn_error *err)
{
    char temporary[PATH_MAX];
    const int fd = open_beside(path, mode, temporary);
    if (fd < 0) return bn_fail_errno(err, errno, "cannot write %s", path);
    if (mode == PRIVATE) bn_file_give_to_folder(fd, path);
    bn_status status = write_all(fd, bytes, count, path, err);
    if (status == BIREFNET_OK && fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        status = bn_fail_errno(err, errno, "cannot write %s", path);
    if (close(fd) != 0 && status == BIREFNET_OK) status = bn_fail_errno(err, errno, "cannot write %s", path);
    if (status == BIREFNET_OK && rename(temporary, path) != 0)
        status = bn_fail_errno(err, errno, "cannot write %s", path);
    if (status != BIREFNET_OK) unlink(temporary);
    return status;
}

bn_status bn_file_write_atomic(const char *path, const void *bytes, size_t count, bn_error *err)
{
    return write_atomic(path, 0666, bytes, count, err);
}

void bn_file_sync_folder(const char *path)
{
    char folder[PATH_MAX];
    if (!folder_of(path, folder)) return;
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

bn_status bn_file_write_private(const char *path, const void *bytes, size_t count, bn_error *err)
{
    BN_TRY(write_atomic(path, PRIVATE, bytes, count, err));
    bn_file_sync_folder(path);
    return BIREFNET_OK;
}

int bn_file_open_nameless(const char *folder)
{
    const int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s/body-XXXXXX", folder);
    if (length < 0 || length >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    const int named = mkostemp(path, O_CLOEXEC);
    if (named >= 0) unlink(path);
    return named;
}

static bn_status write_into(const char *path, const void *bytes, size_t count, bn_error *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return bn_fail_errno(err, errno, "cannot write %s", path);
    bn_status status = write_all(fd, bytes, count, path, err);
    if (close(fd) != 0 && status == BIREFNET_OK) status = bn_fail_errno(err, errno, "cannot write %s", path);
    return status;
}

bn_status bn_file_write(const char *path, const void *bytes, size_t count, bn_error *err)
{
    char target[PATH_MAX];
    struct stat facts, link;
    const bool is_link = lstat(path, &link) == 0 && S_ISLNK(link.st_mode);
    const bool is_there = stat(path, &facts) == 0;
    if (is_there ? !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode) : is_link)
        return write_into(path, bytes, count, err);
    if (!is_link) return bn_file_write_atomic(path, bytes, count, err);
    if (!realpath(path, target)) return bn_fail_errno(err, errno, "cannot write %s", path);
    return bn_file_write_atomic(target, bytes, count, err);
}

bn_status bn_file_map(const char *path, bn_mapping *mapping, bn_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe's would wait for who writes */
    if (fd < 0) return bn_fail_errno(err, errno, "cannot open %s", path);
    bn_status status = BIREFNET_OK;
    struct stat facts;
    if (fstat(fd, &facts) != 0) {
        status = bn_fail_errno(err, errno, "cannot read %s", path);
    } else if (!S_ISREG(facts.st_mode)) {
        status = bn_fail(err, BIREFNET_ERROR_IO, "cannot read %s: not a regular file", path);
    } else if (facts.st_size == 0) {
        *mapping = (bn_mapping){0};
    } else {
        void *data = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = bn_fail_errno(err, errno, "cannot map %s", path);
        else
            *mapping = (bn_mapping){data, (size_t)facts.st_size};
    }
    close(fd);
    return status;
}

void bn_file_unmap(bn_mapping *mapping)
{
    if (mapping->data) munmap((void *)(uintptr_t)mapping->data, mapping->size);
    *mapping = (bn_mapping){0};
}

void bn_mapping_forget(const void *data, size_t bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = ((uintptr_t)data + page - 1) / page * page,
                    last = ((uintptr_t)data + bytes) / page * page;
    if (last > first) madvise((void *)first, last - first, MADV_DONTNEED);
}

bn_status bn_folder_make(const char *path, bn_error *err)
{
    char part[PATH_MAX];
    const size_t length = strlen(path);
    if (length >= sizeof part) return bn_fail_errno(err, ENAMETOOLONG, "cannot make folder %s", path);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != '\0') continue;
        const char kept = part[i];
        part[i] = '\0';
        struct stat facts;
        if (mkdir(part, 0777) != 0 && !(errno == EEXIST && stat(part, &facts) == 0 && S_ISDIR(facts.st_mode)))
            return bn_fail_errno(err, errno == EEXIST ? ENOTDIR : errno, "cannot make folder %s", part);
        part[i] = kept;
    }
    return BIREFNET_OK;
}
