/* part.c - a temporary file beside the target, or one without a name where the target is a pipe or a device. */
#include "base/part.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bn_status open_nameless(bn_part *part, bn_error *err)
{
    const char *folder = getenv("TMPDIR");
    part->copies = true;
    part->fd = bn_file_open_nameless(folder && *folder ? folder : "/tmp");
    if (part->fd >= 0) return BIREFNET_OK;
    return bn_fail_errno(err, errno, "cannot make a temporary file");
}

bn_status bn_part_open(bn_part *part, const char *target, bn_error *err)
{
    struct stat facts;
    *part = (bn_part){.fd = -1};
    if (strlen(target) >= sizeof part->target)
        return bn_fail_errno(err, ENAMETOOLONG, "cannot write %s", target);
    memcpy(part->target, target, strlen(target) + 1);
    const bool is_link = lstat(target, &facts) == 0 && S_ISLNK(facts.st_mode);
    const bool is_there = stat(target, &facts) == 0;
    if (strcmp(target, "-") == 0 || (is_there ? !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode) : is_link))
        return open_nameless(part, err);
    if (is_link && !realpath(target, part->target))
        return bn_fail_errno(err, errno, "cannot write %s", target);
    part->fd = bn_file_open_beside(part->target, part->path);
    if (part->fd >= 0) return BIREFNET_OK;
    part->path[0] = '\0';
    return bn_fail_errno(err, errno, "cannot write %s", target);
}

bn_status bn_part_append(bn_part *part, const void *bytes, size_t count, bn_error *err)
{
    BN_TRY(bn_part_patch(part, part->bytes, bytes, count, err));
    part->bytes += count;
    return BIREFNET_OK;
}

bn_status bn_part_patch(bn_part *part, uint64_t at, const void *bytes, size_t count, bn_error *err)
{
    const uint8_t *from = bytes;
    while (count > 0) {
        const ssize_t written = pwrite(part->fd, from, count, (off_t)at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return bn_fail_errno(err, errno, "cannot write %s", part->target);
        from += written;
        at += (uint64_t)written;
        count -= (size_t)written;
    }
    return BIREFNET_OK;
}

static bn_status copy_all(const bn_part *part, int to, bn_error *err)
{
    uint8_t bytes[65536];
    for (uint64_t at = 0; at < part->bytes;) {
        const ssize_t got = pread(part->fd, bytes, sizeof bytes, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return bn_fail_errno(err, got < 0 ? errno : EIO, "cannot read a temporary file");
        for (ssize_t done = 0; done < got;) {
            const ssize_t written = write(to, bytes + done, (size_t)(got - done));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0)
                return bn_fail_errno(err, errno, "cannot write %s",
                                     strcmp(part->target, "-") == 0 ? "standard output" : part->target);
            done += written;
        }
        at += (uint64_t)got;
    }
    return BIREFNET_OK;
}

static bn_status copy_into_target(const bn_part *part, bn_error *err)
{
    if (strcmp(part->target, "-") == 0) return copy_all(part, STDOUT_FILENO, err);
    const int to = open(part->target, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (to < 0) return bn_fail_errno(err, errno, "cannot write %s", part->target);
    bn_status status = copy_all(part, to, err);
    if (close(to) != 0 && status == BIREFNET_OK)
        status = bn_fail_errno(err, errno, "cannot write %s", part->target);
    return status;
}

bn_status bn_part_commit(bn_part *part, bn_error *err)
{
    if (part->copies) return copy_into_target(part, err);
    if (fsync(part->fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        return bn_fail_errno(err, errno, "cannot write %s", part->target);
    if (rename(part->path, part->target) != 0)
        return bn_fail_errno(err, errno, "cannot write %s", part->target);
    part->path[0] = '\0';
    return BIREFNET_OK;
}

void bn_part_discard(bn_part *part)
{
    if (part->fd >= 0) close(part->fd);
    if (part->path[0]) unlink(part->path);
    *part = (bn_part){.fd = -1};
}
