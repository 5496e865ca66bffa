/* gpu_card.c - see gpu_card.h. */
#include "bench/gpu_card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool card_option(int argc, char **argv, int *i, card_options *options)
{
    if (strcmp(argv[*i], "--tiny") == 0) {
        options->is_tiny = true;
        return true;
    }
    if (strcmp(argv[*i], "--device") != 0 || *i + 1 >= argc) return false;
    options->device = atoi(argv[++*i]);
    return true;
}

bool card_options_read(int argc, char **argv, const char *program, card_options *options)
{
    *options = (card_options){0};
    for (int i = 1; i < argc; i++) {
        if (card_option(argc, argv, &i, options)) continue;
        fprintf(stderr, "%s [--device N] [--tiny]\n", program);
        return false;
    }
    return true;
}

bn_status card_open(const card_options *options, bn_gpu **gpu, bn_error *err)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    BN_TRY(bn_gpu_open(options->device, gpu, err));
    printf("%s, %s\n", bn_gpu_facts_of(*gpu)->name, bn_gpu_facts_of(*gpu)->driver);
    return BIREFNET_OK;
}
