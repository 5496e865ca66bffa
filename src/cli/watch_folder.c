/* watch_folder.c - inotify: a watch for each folder, since it does not look below. */
#include "cli/watch_folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 64 /* as in plan_inputs.c */

typedef struct bn_watched_part {
    int descriptor;
    char *relative; /* "" for the folder itself */
} bn_watched_part;

/* "a" and "b" to "a/b"; "" and "b" to "b". False where that is too long. */
static bool join(char out[PATH_MAX], const char *a, const char *b)
{
    const char *slash = *a && *b && a[strlen(a) - 1] != '/' ? "/" : "";
    return (size_t)snprintf(out, PATH_MAX, "%s%s%s", a, slash, b) < PATH_MAX;
}

static bn_status add_part(bn_watched_folder *folder, int descriptor, const char *relative, bn_error *err)
{
    for (size_t i = 0; i < folder->part_count; i++) {
        if (folder->parts[i].descriptor != descriptor) continue;
        char *name = strdup(relative); /* it was moved */
        if (!name) return bn_fail_memory(err, strlen(relative) + 1, "a name");
        free(folder->parts[i].relative);
        folder->parts[i].relative = name;
        return BIREFNET_OK;
    }
    bn_watched_part *grown = realloc(folder->parts, (folder->part_count + 1) * sizeof *grown);
    if (!grown) return bn_fail_memory(err, (folder->part_count + 1) * sizeof *grown, "a list of folders");
    folder->parts = grown;
    grown[folder->part_count] = (bn_watched_part){descriptor, strdup(relative)};
    if (!grown[folder->part_count].relative) return bn_fail_memory(err, strlen(relative) + 1, "a name");
    folder->part_count++;
    return BIREFNET_OK;
}

static bool is_output(const bn_watched_folder *folder, const struct stat *facts)
{
    return folder->has_output && facts->st_dev == folder->output_device &&
           facts->st_ino == folder->output_inode;
}

/* This folder and those below it. One that is gone meanwhile is no error. */
static bn_status add_folder(bn_watched_folder *folder, const char *relative, int depth, bn_error *err)
{
    const uint32_t events =
        IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    char path[PATH_MAX], below[PATH_MAX];
    struct stat facts;
    if (depth > MAX_DEPTH || !join(path, folder->path, relative)) return BIREFNET_OK;
    if (stat(path, &facts) != 0 || is_output(folder, &facts)) return BIREFNET_OK;
    const int descriptor = inotify_add_watch(folder->fd, path, events);
    if (descriptor < 0 && (errno == ENOENT || errno == ENOTDIR)) return BIREFNET_OK;
    if (descriptor < 0) return bn_fail_errno(err, errno, "cannot watch %s", path);
    BN_TRY(add_part(folder, descriptor, relative, err));
    DIR *dir = opendir(path);
    bn_status status = BIREFNET_OK;
    for (const struct dirent *entry; dir && status == BIREFNET_OK && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' || !join(below, relative, entry->d_name)) continue;
        if (!join(path, folder->path, below) || lstat(path, &facts) != 0 || !S_ISDIR(facts.st_mode)) continue;
        status = add_folder(folder, below, depth + 1, err);
    }
    if (dir) closedir(dir);
    return status;
}

bn_status bn_watched_folder_open(bn_watched_folder *folder, const char *path, const char *output,
                                 bn_error *err)
{
    struct stat facts;
    *folder = (bn_watched_folder){.path = path};
    folder->has_output = stat(output, &facts) == 0;
    if (folder->has_output) folder->output_device = facts.st_dev, folder->output_inode = facts.st_ino;
    folder->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (folder->fd < 0) return bn_fail_errno(err, errno, "cannot watch %s", path);
    return add_folder(folder, "", 0, err);
}

static const char *part_name(const bn_watched_folder *folder, int descriptor)
{
    for (size_t i = 0; i < folder->part_count; i++)
        if (folder->parts[i].descriptor == descriptor) return folder->parts[i].relative;
    return NULL;
}

static bn_status take(bn_watched_folder *folder, const struct inotify_event *event, bn_error *err)
{
    char relative[PATH_MAX];
    const char *part = part_name(folder, event->wd);
    if (event->mask & IN_Q_OVERFLOW || !part) return BIREFNET_OK; /* the next look finds what was missed */
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT) && !*part)
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "%s is gone", folder->path);
    if (event->len == 0 || event->name[0] == '.' || !join(relative, part, event->name)) return BIREFNET_OK;
    if (event->mask & IN_ISDIR) return add_folder(folder, relative, 0, err);
    if (event->mask & IN_CREATE) return bn_set_add(&folder->begun, relative, NULL, err);
    if (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) return bn_set_add(&folder->told, relative, NULL, err);
    return BIREFNET_OK;
}

bn_status bn_watched_folder_read(bn_watched_folder *folder, bn_error *err)
{
    _Alignas(struct inotify_event) char bytes[65536];
    for (;;) {
        const ssize_t got = read(folder->fd, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return BIREFNET_OK;
        if (got <= 0) return bn_fail_errno(err, errno, "cannot watch %s", folder->path);
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)(bytes + at);
            BN_TRY(take(folder, event, err));
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}

void bn_watched_folder_close(bn_watched_folder *folder)
{
    if (folder->fd >= 0) close(folder->fd);
    for (size_t i = 0; i < folder->part_count; i++) free(folder->parts[i].relative);
    free(folder->parts);
    bn_set_free(&folder->told);
    bn_set_free(&folder->begun);
    *folder = (bn_watched_folder){.fd = -1};
}
