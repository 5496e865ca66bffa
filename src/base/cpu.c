/* cpu.c - instruction sets by cpuid, threads by affinity and cgroup quota. */
#include "base/cpu.h"

#include "base/size.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#    include <cpuid.h>
#endif

static const char *const isa_names[] = {"plain", "neon", "avx2", "avx512", "avx512_bf16", "amx"};

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

#if defined(__x86_64__)
static bool has_amx_bf16(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & (1u << 22)) && (d & (1u << 24));
}
#endif

static bn_isa ask_cpu(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return BN_ISA_PLAIN;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return BN_ISA_AVX2;
    unsigned a = 0, b = 0, c = 0, d = 0;
    const bool bf16 = __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 5));
    if (!bf16) return BN_ISA_AVX512;
    return has_amx_bf16() ? BN_ISA_AMX : BN_ISA_AVX512_BF16;
#elif defined(__aarch64__)
    return BN_ISA_NEON;
#else
    return BN_ISA_PLAIN;
#endif
}

/* CPUID leaves a virtual machine for its host: some 20 us each time, and a submit asks. */
bn_isa bn_cpu_isa(void)
{
    static _Atomic(int) known; /* one more than the level; 0 = not asked yet */
    int level = atomic_load_explicit(&known, memory_order_relaxed);
    if (level == 0) {
        level = (int)ask_cpu() + 1;
        atomic_store_explicit(&known, level, memory_order_relaxed);
    }
    return (bn_isa)(level - 1);
}

bn_isa bn_isa_trusted(bn_isa cpu)
{
    return BN_MIN(cpu, BN_ISA_AVX512_BF16);
}

bool bn_isa_bf16_pays(bn_isa level)
{
    return level >= BN_ISA_AVX512_BF16 && (level >= BN_ISA_AMX || bn_cpu_isa() < BN_ISA_AMX);
}

static bool read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    if (!file) return false;
    const bool read = fgets(line, size, file) != NULL;
    fclose(file);
    return read;
}

/* The least of two quotas, 0 standing for none. */
static double lesser(double a, double b)
{
    return a <= 0 ? b : b <= 0 ? a : BN_MIN(a, b);
}

/* Version 2: "max 100000" or "150000 100000" in cpu.max. */
static double quota_v2(const char *folder)
{
    char path[1200], line[128];
    long long quota = 0, period = 0;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (!read_line(path, line, sizeof line) || sscanf(line, "%lld %lld", &quota, &period) != 2) return 0;
    return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

static double quota_v1(const char *root)
{
    char path[1200], line[128];
    long long quota = 0, period = 0;
    snprintf(path, sizeof path, "%s/cpu/cpu.cfs_quota_us", root);
    if (read_line(path, line, sizeof line)) quota = atoll(line);
    snprintf(path, sizeof path, "%s/cpu/cpu.cfs_period_us", root);
    if (read_line(path, line, sizeof line)) period = atoll(line);
    return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

double bn_cgroup_cpus(const char *root, const char *membership)
{
    char group[512] = "", folder[1024], line[600];
    FILE *file = fopen(membership, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "0::%511[^\n]", group) == 1) break;
    if (file) fclose(file);
    double least = lesser(quota_v1(root), quota_v2(root));
    while (group[0] == '/' && group[1]) { /* our group and those above it */
        snprintf(folder, sizeof folder, "%s%s", root, group);
        least = lesser(least, quota_v2(folder));
        *strrchr(group, '/') = '\0';
    }
    return least;
}

int bn_cpu_threads(void)
{
    cpu_set_t set;
    int threads = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    const double quota = bn_cgroup_cpus("/sys/fs/cgroup", "/proc/self/cgroup");
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
