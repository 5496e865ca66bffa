/* cpu.h - what the CPU can do and how much of the machine we may use. */
#ifndef BN_BASE_CPU_H
#define BN_BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>

/* Levels of instructions, each containing those before it; but NEON is aarch64's only one, which x86 has not. */
typedef enum bn_isa {
    BN_ISA_PLAIN = 0,   /* portable C */
    BN_ISA_NEON,        /* aarch64: part of every CPU */
    BN_ISA_AVX2,        /* x86-64-v3: AVX2 and FMA */
    BN_ISA_AVX512,      /* x86-64-v4: AVX-512 F, BW, DQ, VL */
    BN_ISA_AVX512_BF16, /* and AVX512-BF16 */
    BN_ISA_AMX, /* and AMX-BF16 tiles: oneDNN's products only, own kernels are those of the level before */
} bn_isa;

bn_isa bn_cpu_isa(void); /* the highest level of this CPU */

/* What a CPU of this level runs at unless told otherwise: AMX is left out until every golden case has passed on it. */
bn_isa bn_isa_trusted(bn_isa cpu);

/* Whether products in bf16 are faster than in float32 at this level on this CPU: not by AVX512-BF16 where the CPU has AMX
 * (docs/SPEED.md). */
bool bn_isa_bf16_pays(bn_isa level);

const char *bn_isa_name(bn_isa isa);                  /* "plain", "neon", "avx2", ... */
bool bn_isa_from_name(const char *name, bn_isa *isa); /* false if there is no such name */

/* Threads worth starting: the affinity mask, less where a cgroup CPU quota allows less; at least 1. */
int bn_cpu_threads(void);

/* CPUs that the quotas of our control group and of those above it pay for; 0 where there is none. root: where the file
 * system of control groups is mounted; membership: the file that names our group. */
double bn_cgroup_cpus(const char *root, const char *membership);

/* The CPU's model name as the system tells it; "unknown" if it does not. */
void bn_cpu_name(char *name, size_t size);

/* Largest resident memory that this process has had so far, bytes; 0 if unknown. */
size_t bn_peak_rss_bytes(void);

#endif
