/* gpu_card.h - what the programs that measure a graphics card have in common: --device, --tiny, opening it, saying which. */
#ifndef BN_BENCH_GPU_CARD_H
#define BN_BENCH_GPU_CARD_H

#include "gpu/gpu.h"

typedef struct card_options {
    int device;   /* as birefnet info counts */
    bool is_tiny; /* sizes that a software device can do */
} card_options;

/* Whether argv[*i] is one of these options; then *i is its last word. */
bool card_option(int argc, char **argv, int *i, card_options *options);

/* All words are these options; otherwise says how `program` is called. */
bool card_options_read(int argc, char **argv, const char *program, card_options *options);

/* Prints which it is; standard output is written line by line from here on. */
bn_status card_open(const card_options *options, bn_gpu **gpu, bn_error *err);

#endif
