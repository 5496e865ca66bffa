/* plan.h - what a run of `birefnet remove` will read and write: every input found, every output named, before any
 * work begins. */
#ifndef BN_CLI_PLAN_H
#define BN_CLI_PLAN_H

#include "cli/exits.h"
#include "image/format.h"
#include "image/kind.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct bn_photo {
    char *source; /* a path, a URL, or "-" */
    char *
        relative; /* where it lies below the folder that was given, with its name: what an output folder repeats */
    char *output;  /* the cut-out (the mask with --mask-only), or "-"; NULL where there is a problem */
    char *mask;    /* the mask beside a cut-out; NULL where none is wanted */
    bool skip;     /* its outputs are there already */
    char *problem; /* one line; the photo is not worked on; NULL where all is well */
    bn_status problem_status;
    bn_stage problem_stage;
} bn_photo;

/* Pictures of one kind that folders hold and that are not read. */
typedef struct bn_passed_over {
    const char *kind;
    size_t count;
} bn_passed_over;

#define BN_PASSED_KINDS 24

typedef struct bn_plan {
    bn_photo *photos; /* in the order of the operands; inside a folder by name */
    size_t count, capacity;
    bn_passed_over passed[BN_PASSED_KINDS]; /* the commonest first; the last takes all further kinds */
    size_t passed_kinds;
    bool many;        /* several operands, a folder or a pattern: go on after a failure and sum up */
    bool into_folder; /* -o names a folder, which is made where it is not there */
} bn_plan;

typedef struct bn_plan_options {
    const char *output;    /* as given; NULL: beside each photo */
    const char *mask_path; /* as given; NULL: beside each cut-out */
    const char *report;    /* as given; NULL: none */
    const char *backdrop;  /* a picture that is read besides the inputs; NULL: none */
    bn_format format;      /* of the output */
    bool mask_only;
    bool want_mask; /* besides the cut-out */
    bool skip_existing;
} bn_plan_options;

/* Errors are those of the command line as a whole; what is wrong with single inputs is in their `problem`. */
bn_status bn_plan_make(char *const *operands, int count, const bn_plan_options *options, bn_plan *plan,
                       bn_error *err);
void bn_plan_free(bn_plan *plan);

/* "3 passed over: 2 HEIC, 1 BMP", in a text of `size`; empty where there is nothing to say. */
void bn_plan_tell_passed(const bn_plan *plan, char *text, size_t size);

/* Drop all photos but those wanted. */
void bn_plan_keep(bn_plan *plan, bool (*wanted)(const bn_photo *photo, void *user), void *user);

/* The two halves of it, in plan_inputs.c and plan_outputs.c. */
bn_status bn_plan_find_inputs(char *const *operands, int count, const char *output, bn_plan *plan,
                              bn_error *err);
bn_status bn_plan_name_outputs(const bn_plan_options *options, bn_plan *plan, bn_error *err);

/* Note what is wrong with one photo; the first problem stays. */
bn_status bn_photo_set_problem(bn_photo *photo, bn_stage stage, const bn_error *problem, bn_error *err);

/* The name of an output, without its suffix and without "-cutout" or "-mask", made of its input's `relative` alone: see
 * plan_names.c. False where it does not fit. */
bool bn_output_stem(const char *relative, char *stem, size_t size);

/* The entry of a folder that a path leads to, in one way of writing; a link stays a link, with a name of its own, and a
 * file need not be there. The caller frees it; NULL without memory. */
char *bn_plan_entry(const char *path);

/* Bytes of a path without its suffix: up to the last dot of its last part, unless that part begins with it. */
size_t bn_stem_length(const char *name);

#endif
