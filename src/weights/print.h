/* print.h - one line for each tensor, for people and for comparing readers. */
#ifndef BN_WEIGHTS_PRINT_H
#define BN_WEIGHTS_PRINT_H

#include "weights/weights.h"

#include <stdio.h>

/* Lines "NAME TYPE [3,5] HASH" in the file's order: HASH is FNV-1a, 64 bits, of the float32 values as little-endian
 * bytes in row-major order, in hexadecimal, or "-" where the type is not read as float. */
bn_status bn_weights_print(const bn_weights *weights, FILE *out, bn_error *err);

#endif
