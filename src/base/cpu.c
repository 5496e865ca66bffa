/* cpu.c - instruction sets by cpuid, threads by affinity and cgroup quota. */
#include "base/cpu.h"

#include "base/size.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#    include <cpuid.h>
#endif

static const char *const isa_names[] = {"plain", "avx2", "avx512", "avx512_bf16"};

const char *bn_isa_name(bn_isa isa)
{
    return isa_names[isa];
}

bool bn_isa_from_name(const char *name, bn_isa *isa)
{
    for (size_t i = 0; i < BN_COUNT(isa_names); i++) {
        if (strcmp(name, isa_names[i]) != 0) continue;
        *isa = (bn_isa)i;
        return true;
    }
    return false;
}

bn_isa bn_cpu_isa(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return BN_ISA_PLAIN;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return BN_ISA_AVX2;
    unsigned a = 0, b = 0, c = 0, d = 0;
    const bool bf16 = __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 5));
    return bf16 ? BN_ISA_AVX512_BF16 : BN_ISA_AVX512;
#else
    return BN_ISA_PLAIN;
#endif
}

bool bn_cpu_has_amx_bf16(void)
{
#if defined(__x86_64__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & (1u << 22)) && (d & (1u << 24));
#else
    return false;
#endif
}

static bool read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    if (!file) return false;
    const bool read = fgets(line, size, file) != NULL;
    fclose(file);
    return read;
}

/* CPUs that the quota of our control group pays for; 0 where there is no quota. Only the group that the process
 * sees as its root is read: in a container that is the container's own. */
static double cgroup_cpus(void)
{
    char line[128];
    long long quota = 0, period = 0;
    if (read_line("/sys/fs/cgroup/cpu.max", line,
                  sizeof line)) { /* version 2: "max 100000" or "150000 100000" */
        if (sscanf(line, "%lld %lld", &quota, &period) == 2 && period > 0)
            return (double)quota / (double)period;
        return 0;
    }
    if (read_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", line, sizeof line)) quota = atoll(line);
    if (read_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us", line, sizeof line)) period = atoll(line);
    return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

int bn_cpu_threads(void)
{
    cpu_set_t set;
    int threads = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    const double quota = cgroup_cpus();
    if (quota > 0 && quota < threads) threads = (int)(quota + 0.5);
    return BN_MAX(threads, 1);
}

void bn_cpu_name(char *name, size_t size)
{
    snprintf(name, size, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (!file) return;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        snprintf(name, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    fclose(file);
}

size_t bn_peak_rss_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    if (!file) return 0;
    char line[128];
    size_t kib = 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %zu kB", &kib) == 1) break;
    fclose(file);
    return kib * 1024;
}
