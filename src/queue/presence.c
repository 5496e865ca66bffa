/* presence.c - a file of the data folder that this process keeps locked for as long as it lives, named after its number in the
 * store. Who starts in the same folder and finds such a file unlocked knows before any lease is over that its process has ended
 * without a word, and takes what it held.
 *
 * A lock is free only when every process that had the file open has gone: the kernel closes files after it has ended all
 * threads. That says something of processes of this very kernel alone, and of this very file: one of another boot may be of
 * another machine, one in a copy of the folder is nobody's, and on file systems that other machines reach, a lock may be
 * lost while its holder lives. All of these wait for the lease. */
#include "queue/private.h"

#include "base/file.h"
#include "base/size.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MARK_CHARS 100 /* boot, device and inode */
#define NAME_CHARS 20  /* 16 hexadecimal digits; hidden by a dot as long as it is not locked */
#define ZFS_MAGIC  0x2fc12fc1

/* Of this kernel alone. */
static bool is_local(int fd)
{
    static const uint32_t kinds[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
                                     F2FS_SUPER_MAGIC, TMPFS_MAGIC,     OVERLAYFS_SUPER_MAGIC,
                                     ZFS_MAGIC};
    struct statfs facts;
    if (fstatfs(fd, &facts) != 0) return false;
    for (size_t i = 0; i < BN_COUNT(kinds); i++)
        if ((uint32_t)facts.f_type == kinds[i]) return true;
    return false;
}

/* What the file holds if it was made under this boot, and is no copy. False where that cannot be said. */
static bool describe(int fd, char mark[MARK_CHARS])
{
    char boot[40];
    struct stat facts;
    const int from = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    const ssize_t count = from >= 0 ? read(from, boot, sizeof boot - 1) : 0;
    if (from >= 0) close(from);
    if (count < 36 || fstat(fd, &facts) != 0 || !is_local(fd)) return false;
    snprintf(mark, MARK_CHARS, "%.36s %llx %llx\n", boot, (unsigned long long)facts.st_dev,
             (unsigned long long)facts.st_ino);
    return true;
}

static int open_folder(const bn_jobs *jobs)
{
    char path[3200];
    snprintf(path, sizeof path, "%s/alive", jobs->data_folder);
    if (bn_folder_make(path, NULL) != BIREFNET_OK) return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* ---- this process ---- */

static void name_mark(const bn_jobs *jobs, char name[NAME_CHARS])
{
    snprintf(name, NAME_CHARS, "%016llx", (unsigned long long)jobs->held.worker);
}

/* Under its name when it is locked: before, others would find it free. */
static void make_mark(bn_jobs *jobs, int folder)
{
    char name[NAME_CHARS], hidden[NAME_CHARS + 1], mark[MARK_CHARS];
    name_mark(jobs, name);
    snprintf(hidden, sizeof hidden, ".%s", name);
    const int fd = openat(folder, hidden, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && describe(fd, mark) &&
        write(fd, mark, strlen(mark)) == (ssize_t)strlen(mark) &&
        renameat(folder, hidden, folder, name) == 0) {
        jobs->presence_fd = fd;
        return;
    }
    unlinkat(folder, hidden, 0);
    close(fd);
}

void bn_presence_close(bn_jobs *jobs, bool said_so)
{
    char path[3200], name[NAME_CHARS];
    if (jobs->presence_fd < 0) return;
    name_mark(jobs, name);
    snprintf(path, sizeof path, "%s/alive/%s", jobs->data_folder, name);
    if (said_so) unlink(path);
    close(jobs->presence_fd);
    jobs->presence_fd = -1;
}

/* ---- others ---- */

/* 0: it is no mark's. */
static int64_t read_name(const char *name)
{
    if (strlen(name) != 16 || strspn(name, "0123456789abcdef") != 16) return 0;
    return (int64_t)strtoull(name, NULL, 16);
}

static bool is_certain(int fd)
{
    char mark[MARK_CHARS], found[MARK_CHARS];
    const ssize_t count = pread(fd, found, sizeof found, 0);
    return count > 0 && describe(fd, mark) && (size_t)count == strlen(mark) &&
           memcmp(found, mark, (size_t)count) == 0;
}

/* False where the store could not take it: the mark has to stay. */
static bool bury(bn_jobs *jobs, int64_t process)
{
    bn_rescued *rescued = NULL;
    size_t count = 0;
    if (bn_store_bury(jobs->store, process, &rescued, &count, NULL) != BIREFNET_OK) return false;
    for (size_t i = 0; i < count; i++)
        bn_log_line(&jobs->options.log, BIREFNET_LOG_WARNING,
                    "request %s was rescued from process %llx, which has died here: attempts weigh %d",
                    rescued[i].id, (unsigned long long)process, rescued[i].attempts);
    free(rescued);
    atomic_fetch_add(&jobs->metrics.rescued, count);
    if (count > 0)
        atomic_fetch_or(&jobs->herald.untold, (unsigned)BN_HINT_WORK); /* told when there is an ear */
    return true;
}

static void look_at(bn_jobs *jobs, int folder, const char *name)
{
    const int64_t process = read_name(name);
    const int fd = process ? openat(folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0) return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && (!is_certain(fd) || bury(jobs, process)))
        unlinkat(folder, name, 0);
    close(fd);
}

static void look_for_dead(bn_jobs *jobs, int folder)
{
    const int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    if (!list) {
        if (copy >= 0) close(copy);
        return;
    }
    for (struct dirent *entry; (entry = readdir(list));) look_at(jobs, folder, entry->d_name);
    closedir(list);
}

void bn_presence_open(bn_jobs *jobs)
{
    const int folder = open_folder(jobs);
    if (folder < 0) return;
    look_for_dead(jobs, folder);
    make_mark(jobs, folder);
    close(folder);
}
