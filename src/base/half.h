/* half.h - float16 (IEEE 754 binary16) as bits: what graphics cards store. */
#ifndef BN_BASE_HALF_H
#define BN_BASE_HALF_H

#include <stdint.h>
#include <string.h>

/* To the nearest, ties to even; beyond 65504 infinite, NaN stays NaN. */
static inline uint16_t bn_half_round(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
    if (magnitude >= 0x7F800000u) return (uint16_t)(sign | 0x7C00u | (magnitude > 0x7F800000u ? 0x200u : 0u));
    if (magnitude >= 0x477FF000u) return (uint16_t)(sign | 0x7C00u); /* 65520 and more */
    if (magnitude < 0x38800000u) {                                   /* below 2^-14: multiples of 2^-24 */
        float scaled;
        memcpy(&scaled, &magnitude, sizeof scaled);
        scaled += 0.5f; /* floats in [0.5, 1) are multiples of 2^-24: the sum rounds as wanted */
        uint32_t steps;
        memcpy(&steps, &scaled, sizeof steps);
        return (uint16_t)(sign | (steps - 0x3F000000u));
    }
    const uint32_t odd = magnitude >> 13 & 1u;
    return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xFFFu + odd) >> 13));
}

/* Without branches, also none that a compiler could put in, so that the loop around it becomes vector code. A
 * normal half only needs its exponent moved; a subnormal one becomes 2^-14 + value, of which 2^-14 is taken off
 * again: exact, and float32 subnormals are never touched. */
static inline float bn_half_widen(uint16_t half)
{
    const uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t is_tiny = 0u - (magnitude < 0x00800000u), is_infinite = 0u - (magnitude >= 0x0f800000u);
    const uint32_t moved =
        magnitude + (112u << 23) + (is_infinite & (112u << 23)); /* bias 15 to 127; 31 to 255 */
    const uint32_t lifted = magnitude + (113u << 23);
    float small;
    memcpy(&small, &lifted, sizeof small);
    small -= 0x1p-14f;
    uint32_t bits;
    memcpy(&bits, &small, sizeof bits);
    bits = (bits & is_tiny) | (moved & ~is_tiny) | sign;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
