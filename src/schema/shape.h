/* shape.h - how much a JSON text would become, before it is parsed: a value of two bytes takes a hundred in memory. */
#ifndef BN_SCHEMA_SHAPE_H
#define BN_SCHEMA_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether text holds at most so many values and lists or objects within one another. False: *at is where there are more.
 * Texts that are no JSON are measured as far as they go; whoever parses them stops earlier. Needs no memory. */
bool bn_shape_fits(const char *text, size_t bytes, size_t max_values, size_t max_depth, size_t *at);

#endif
