/* descriptors.c - see descriptors.h. */
#include "cli/descriptors.h"

#include "base/size.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define USEFUL          32768 /* 4,096 connections of two ports with a file each, and the rest */
#define MAX_CONNECTIONS 4096
#define MAX_PASSAGES    512
#define MIN_CONNECTIONS 4
#define OTHERS          64 /* checkpoints, keys, the database, listeners, logs */
#define OF_A_HELPER     4  /* a socket, its wake-up pair, asking for a name */
#define OF_A_THREAD     2  /* a file and its folder, while it is stored */
#define OF_A_CONNECTION 2  /* the socket, and the file that is coming or going */
#define OF_A_PASSAGE    2

void bn_descriptors_hold_standard(void)
{
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
        if (fcntl(i, F_GETFD) >= 0) continue;
        /* the lowest number that is free is this one; not close-on-exec, as the program starts itself again */
        if (open("/dev/null", i == STDIN_FILENO ? O_WRONLY : O_RDONLY) != i) return;
    }
}

void bn_descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= USEFUL) return;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? USEFUL : BN_MIN(limit.rlim_max, (rlim_t)USEFUL);
    setrlimit(RLIMIT_NOFILE, &limit);
}

static uint64_t count_open(void)
{
    DIR *listing = opendir("/proc/self/fd");
    if (!listing) return OTHERS;
    uint64_t count = 0;
    for (struct dirent *entry; (entry = readdir(listing));) count += entry->d_name[0] != '.';
    closedir(listing);
    return count - 1; /* but the folder itself */
}

bn_status bn_descriptors_share(int ports, bool proxy, int helpers, int pool_threads, bn_descriptor_plan *plan,
                               bn_error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT32_MAX) limit.rlim_cur = INT32_MAX;
    const uint64_t open = count_open(), left = limit.rlim_cur > open ? limit.rlim_cur - open : 0;
    const uint64_t needed =
        OTHERS + (uint64_t)helpers * OF_A_HELPER + (uint64_t)(ports * pool_threads) * OF_A_THREAD;
    uint64_t rest = left - BN_MIN(left / 2, needed);
    *plan = (bn_descriptor_plan){.limit = limit.rlim_cur};
    if (proxy) {
        plan->max_passages = (int)BN_MIN(rest / 3 / OF_A_PASSAGE, (uint64_t)MAX_PASSAGES);
        rest -= (uint64_t)plan->max_passages * OF_A_PASSAGE;
    }
    plan->max_connections = (int)BN_MIN(rest / OF_A_CONNECTION / (uint64_t)ports, (uint64_t)MAX_CONNECTIONS);
    if (plan->max_connections >= MIN_CONNECTIONS && (!proxy || plan->max_passages > 0)) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_LIMIT,
                   "this process may have %llu files open, too few for a server: see ulimit -n",
                   (unsigned long long)plan->limit);
}
