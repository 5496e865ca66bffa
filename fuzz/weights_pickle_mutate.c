/* weights_pickle_mutate.c - mutations that keep a pickle a row of operations: they change, come, go, trade places and
 * arguments; half of the time plain bytes do. */
#include "fuzz/mutate.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_OPERATIONS = 4096, SPARE_BYTES = 64 };

/* Bytes behind the operation: fixed, or by a length that stands there, or up to a line's end (as often as said). */
typedef struct shape {
    char code;
    signed char fixed; /* -1, -4, -8: a length of so many bytes; -20, -40: one or two lines */
} shape;

static const shape shapes[] = {
    {'K', 1},     {'M', 2},     {'J', 4},     {'G', 8},     {'h', 1},   {'j', 4},   {'q', 1},   {'r', 4},
    {'\x80', 1},  {'\x95', 8},  {'U', -1},    {'X', -4},    {'T', -4},  {'B', -4},  {'C', -1},  {'\x8c', -1},
    {'\x8a', -1}, {'\x8b', -4}, {'\x8d', -8}, {'\x8e', -8}, {'I', -20}, {'L', -20}, {'F', -20}, {'S', -20},
    {'V', -20},   {'g', -20},   {'p', -20},   {'P', -20},   {'c', -40}, {'i', -40},
};

static const char operations[] =
    "(.0125FIJKLMNPQRSTUVXabcde}]lgijhopqrstu)\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a"
    "\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95GBC";

static size_t argument_bytes(const uint8_t *at, size_t left)
{
    int how = 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if ((uint8_t)shapes[i].code == at[0]) how = shapes[i].fixed;
    if (how >= 0) return (size_t)how;
    if (how > -20) {
        const size_t count = (size_t)-how;
        uint64_t length = 0;
        for (size_t i = 0; i < count && 1 + i < left; i++) length |= (uint64_t)at[1 + i] << 8 * i;
        return length > left ? left : count + (size_t)length;
    }
    size_t bytes = 0;
    for (int lines = how / -20; lines > 0; lines--) {
        const uint8_t *end = 1 + bytes < left ? memchr(at + 1 + bytes, '\n', left - 1 - bytes) : NULL;
        if (!end) return left;
        bytes = (size_t)(end - at);
    }
    return bytes;
}

/* Where each operation begins; the last place is the end. */
static size_t split(const uint8_t *data, size_t size, size_t *places)
{
    size_t count = 0;
    for (size_t at = 0; at < size && count < MAX_OPERATIONS; count++) {
        places[count] = at;
        at += 1 + argument_bytes(data + at, size - at);
    }
    places[count] = size;
    return count;
}

/* Put `count` bytes of `from` (may lie in data) where `cut` bytes are. */
static size_t replace(uint8_t *data, size_t size, size_t max_size, size_t at, size_t cut, const uint8_t *from,
                      size_t count)
{
    uint8_t copy[SPARE_BYTES * 16];
    if (count > sizeof copy || size - cut + count > max_size) return size;
    memcpy(copy, from, count);
    memmove(data + at + count, data + at + cut, size - at - cut);
    memcpy(data + at, copy, count);
    return size - cut + count;
}

static size_t mutate(uint8_t *data, size_t size, size_t max_size, uint32_t *random)
{
    static size_t places[MAX_OPERATIONS + 1];
    const size_t count = split(data, size, places);
    if (count < 2) return size;
    const size_t one = bn_next_random(random) % count, other = bn_next_random(random) % count;
    const size_t at = places[one], bytes = places[one + 1] - at;
    const uint8_t fresh = (uint8_t)operations[bn_next_random(random) % (sizeof operations - 1)];
    switch (bn_next_random(random) % 6) {
    case 0: /* goes */
        return replace(data, size, max_size, at, bytes, data, 0);
    case 1: /* twice */
        return replace(data, size, max_size, at, 0, data + at, bytes);
    case 2: /* another's copy, in its place */
        return replace(data, size, max_size, at, bytes, data + places[other],
                       places[other + 1] - places[other]);
    case 3: /* another's copy, before it */
        return replace(data, size, max_size, at, 0, data + places[other], places[other + 1] - places[other]);
    case 4: /* one without argument, before it */
        return replace(data, size, max_size, at, 0, &fresh, 1);
    default: /* its argument */
        if (bytes > 1) {
            LLVMFuzzerMutate(data + at + 1, bytes - 1, bytes - 1);
            return size;
        }
        data[at] = fresh;
        return size;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint32_t random = seed;
    if (bn_next_random(&random) % 2 || size == 0) return LLVMFuzzerMutate(data, size, max_size);
    for (uint32_t i = 1 + bn_next_random(&random) % 4; i > 0; i--)
        size = mutate(data, size, max_size, &random);
    return size;
}
