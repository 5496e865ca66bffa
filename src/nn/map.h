/* map.h - what flows between layers: feature maps, one picture at a time, channels last.
 *
 * A map is a value: it says where in the arena its numbers will lie, not the numbers themselves. A [h, w, c] map
 * holds pixel (y, x) at element (y * w + x) * stride; `stride` is larger than `c` where the map is a slice of the
 * channels of another. A token sequence is a map, too: row i is pixel i. */
#ifndef BN_NN_MAP_H
#define BN_NN_MAP_H

#include <stddef.h>
#include <stdint.h>

typedef enum bn_type {
    BN_F32 = 0,
    BN_BF16,
    BN_F16, /* on graphics cards only */
} bn_type;

typedef struct bn_map {
    int h, w, c;
    int stride; /* elements from one pixel to the next, >= c */
    bn_type type;
    int buffer;    /* index of the graph's buffer that holds it */
    size_t offset; /* elements from the start of that buffer */
} bn_map;

static inline size_t bn_type_size(bn_type type)
{
    return type == BN_F32 ? 4 : 2;
}

static inline int bn_map_pixels(bn_map map)
{
    return map.h * map.w;
}

/* Channels first .. first + count - 1 of map, sharing its memory. */
static inline bn_map bn_map_channels(bn_map map, int first, int count)
{
    map.offset += (size_t)first;
    map.c = count;
    return map;
}

#endif
