/* size.h - arithmetic on sizes that come from outside: every product is checked before it is used. */
#ifndef BN_BASE_SIZE_H
#define BN_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>

/* *product = a * b; false on overflow, *product then undefined. */
static inline bool bn_size_mul(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

static inline bool bn_size_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

static inline size_t bn_size_round_up(size_t value, size_t multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

#define BN_MIN(a, b)   ((a) < (b) ? (a) : (b))
#define BN_MAX(a, b)   ((a) > (b) ? (a) : (b))
#define BN_COUNT(list) (sizeof(list) / sizeof *(list))

#endif
