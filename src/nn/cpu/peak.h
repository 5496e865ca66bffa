/* peak.h - the rate that the machine's multiply-adds set: what no product can pass. */
#ifndef BN_NN_CPU_PEAK_H
#define BN_NN_CPU_PEAK_H

#include "base/cpu.h"
#include "nn/map.h"

/* GFLOP/s of a short loop of the multiply-adds that products in this type use at this level (FMA, bf16 dot, AMX tile) on
 * so many threads at the same time: the best of several tries, some 0.1 s. A machine that is busy, or hot, says less. */
double bn_peak_gflops(bn_isa isa, bn_type type, int threads);

#endif
