/* paired.c - bootstrap of a mean with a fixed seed. */
#include "measure/paired.h"

#include <stdlib.h>

#define SAMPLES 10000
#define SEED    0x6269726566ull

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static double sample_mean(const double *differences, size_t count, uint64_t *state)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        /* the upper 32 bits, scaled: counts are far below 2^32 */
        const uint64_t draw = next_random(state) >> 32;
        sum += differences[(size_t)(draw * count >> 32)];
    }
    return sum / (double)count;
}

static int ascending(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

bn_status bn_paired_interval(const double *differences, size_t count, bn_paired *paired, bn_error *err)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += differences[i];
    const double mean = count > 0 ? sum / (double)count : 0;
    *paired = (bn_paired){mean, mean, mean};
    if (count < BN_PAIRED_MIN) return BIREFNET_OK;
    double *means = malloc(SAMPLES * sizeof *means);
    if (!means) return bn_fail_memory(err, SAMPLES * sizeof *means, "samples");
    uint64_t state = SEED;
    for (int i = 0; i < SAMPLES; i++) means[i] = sample_mean(differences, count, &state);
    qsort(means, SAMPLES, sizeof *means, ascending);
    paired->low = means[SAMPLES / 40 - 1];
    paired->high = means[SAMPLES - SAMPLES / 40];
    free(means);
    return BIREFNET_OK;
}
