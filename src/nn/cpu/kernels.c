/* kernels.c - chooses the table of kernels for a level of instructions. */
#include "nn/cpu/kernels_impl.h"

#include "base/size.h"

const bn_kernels *bn_kernels_for(bn_isa isa)
{
#if defined(__x86_64__)
    if (isa >= BN_ISA_AVX512_BF16) return &bn_kernels_avx512_bf16;
    if (isa >= BN_ISA_AVX512) return &bn_kernels_avx512;
    if (isa >= BN_ISA_AVX2) return &bn_kernels_avx2;
#elif defined(__aarch64__)
    if (isa >= BN_ISA_NEON) return &bn_kernels_neon;
#else
    (void)isa;
#endif
    return &bn_kernels_plain;
}

size_t bn_attend_scratch_bytes(int keys, int dim)
{
    /* keys and values as panels of up to 32 columns, float32 at most, and queries and scores that are done together */
    const size_t padded = bn_size_round_up((size_t)keys, 64), width = bn_size_round_up((size_t)dim, 32);
    return (2 * padded * width + 16 * padded + 16 * width) * sizeof(float);
}
