/* bf16.h - bfloat16: the upper half of a float32. */
#ifndef BN_NN_CPU_BF16_H
#define BN_NN_CPU_BF16_H

#include <stdint.h>
#include <string.h>

static inline float bn_bf16_widen(uint16_t value)
{
    const uint32_t bits = (uint32_t)value << 16;
    float wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

/* To nearest, ties to even; NaN stays a NaN. */
static inline uint16_t bn_bf16_round(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded);
}

#endif
