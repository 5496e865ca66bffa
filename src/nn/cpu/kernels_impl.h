/* kernels_impl.h - the tables of kernels that this build holds. Private to src/nn/cpu and its tests. */
#ifndef BN_NN_CPU_KERNELS_IMPL_H
#define BN_NN_CPU_KERNELS_IMPL_H

#include "nn/cpu/kernels.h"

extern const bn_kernels bn_kernels_plain;
#if defined(__x86_64__)
extern const bn_kernels bn_kernels_avx2;
extern const bn_kernels bn_kernels_avx512;
extern const bn_kernels bn_kernels_avx512_bf16;
void bn_attend_bf16_avx512(const bn_attend_job *job);
bn_peak_loop bn_peak_amx(void); /* run is NULL where the system does not let us */
#elif defined(__aarch64__)
extern const bn_kernels bn_kernels_neon;
#endif

#endif
