/* seeded.h - pseudo-random floats that have the same bits on every machine (docs/MODEL.md, "Seeded networks"). */
#ifndef BN_BASE_SEEDED_H
#define BN_BASE_SEEDED_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a, 64 bits. */
uint64_t bn_fnv1a64(const void *bytes, size_t count);

/* out[i] = u(name, seed, first + i) * scale + offset for i < count, u in [-1, 1) and a multiple of 2^-23;
 * every step in float32. */
void bn_seeded_fill(const char *name, uint64_t seed, uint64_t first, float scale, float offset, float *out,
                    size_t count);

#endif
