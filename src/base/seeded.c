/* seeded.c - splitmix64 keyed by a name: one stream of floats per tensor name and seed. */
#include "base/seeded.h"

#include <string.h>

uint64_t bn_fnv1a64(const void *bytes, size_t count)
{
    const uint8_t *byte = bytes;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < count; i++) hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

void bn_seeded_fill(const char *name, uint64_t seed, uint64_t first, float scale, float offset, float *out,
                    size_t count)
{
    const uint64_t step = 0x9e3779b97f4a7c15u, base = bn_fnv1a64(name, strlen(name)) ^ (seed * step);
    for (size_t i = 0; i < count; i++) {
        uint64_t z = base + (first + i + 1) * step;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        const float u = (float)((int64_t)(z >> 40) - (1 << 23)) * 0x1p-23f;
        const float scaled = u * scale; /* two roundings, as the reference does: -ffp-contract=off */
        out[i] = scaled + offset;
    }
}
