/* source.c - reading inputs and writing outputs. */
#include "cli/source.h"

#include "base/file.h"
#include "cli/fetch.h"
#include "cli/interrupt.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Standard input may never end: Ctrl-C must get through. */
static bn_status read_stdin(bn_buffer *buffer, bn_error *err)
{
    for (;;) {
        struct pollfd wait[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                {.fd = bn_interrupt_fd(), .events = POLLIN}};
        if (poll(wait, 2, -1) < 0 && errno != EINTR)
            return bn_fail_errno(err, errno, "cannot read standard input");
        if (bn_interrupted()) return bn_fail(err, BIREFNET_ERROR_CANCELLED, "interrupted");
        if (!wait[0].revents) continue;
        uint8_t bytes[65536];
        const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return bn_fail_errno(err, errno, "cannot read standard input");
        if (got == 0) return BIREFNET_OK;
        BN_TRY(bn_buffer_append(buffer, bytes, (size_t)got, err));
    }
}

bn_status bn_source_read(const char *source, bn_buffer *buffer, bn_error *err)
{
    if (strcmp(source, "-") == 0) return read_stdin(buffer, err);
    if (bn_is_url(source)) return bn_fetch(source, bn_interrupted, buffer, err);
    return bn_file_read(source, buffer, err);
}

static bn_status write_stdout(const bn_buffer *bytes, bn_error *err)
{
    for (size_t done = 0; done < bytes->size;) {
        const ssize_t written = write(STDOUT_FILENO, bytes->data + done, bytes->size - done);
        if (written < 0 && errno == EINTR && !bn_interrupted()) continue;
        if (written < 0) return bn_fail_errno(err, errno, "cannot write standard output");
        done += (size_t)written;
    }
    return BIREFNET_OK;
}

bn_status bn_target_make_folder(const char *target, bn_error *err)
{
    char folder[4096];
    const char *slash = strrchr(target, '/');
    if (!slash || slash == target) return BIREFNET_OK;
    if ((size_t)snprintf(folder, sizeof folder, "%.*s", (int)(slash - target), target) >= sizeof folder)
        return bn_fail_errno(err, ENAMETOOLONG, "cannot write %s", target);
    return bn_folder_make(folder, err);
}

/* Whether the folder above path takes a new file; of one that is not there yet, the nearest above it that is. */
static int folder_errno(char *path, bool make_folders)
{
    for (;;) {
        struct stat facts;
        char *slash = strrchr(path, '/');
        const char *folder = !slash ? "." : slash == path ? "/" : path;
        if (slash) *slash = '\0';
        if (stat(folder, &facts) == 0 && !S_ISDIR(facts.st_mode)) return ENOTDIR;
        if (access(folder, W_OK | X_OK) == 0) return 0;
        if (errno != ENOENT || !make_folders || folder != path) return errno;
    }
}

bn_status bn_target_check(const char *target, bool make_folders, bn_error *err)
{
    char path[PATH_MAX];
    struct stat facts, link;
    int problem = 0;
    if (strcmp(target, "-") == 0) return BIREFNET_OK;
    const bool is_there = stat(target, &facts) == 0;
    if (!is_there && errno == ENAMETOOLONG) return bn_fail_errno(err, errno, "cannot write %s", target);
    if (!is_there && lstat(target, &link) == 0 && S_ISLNK(link.st_mode))
        return BIREFNET_OK; /* to a file to be */
    if (is_there && S_ISDIR(facts.st_mode))
        problem = EISDIR;
    else if (is_there && !S_ISREG(facts.st_mode)) /* a pipe, a device */
        problem = access(target, W_OK) == 0 ? 0 : errno;
    else if (is_there ? !realpath(target, path) : snprintf(path, sizeof path, "%s", target) >= PATH_MAX)
        problem = is_there ? errno : ENAMETOOLONG;
    else
        problem = folder_errno(path, make_folders);
    return problem ? bn_fail_errno(err, problem, "cannot write %s", target) : BIREFNET_OK;
}

bn_status bn_target_write(const char *target, const bn_buffer *bytes, bool make_folders, bn_error *err)
{
    if (strcmp(target, "-") == 0) return write_stdout(bytes, err);
    if (make_folders) BN_TRY(bn_target_make_folder(target, err));
    return bn_file_write(target, bytes->data, bytes->size, err);
}
