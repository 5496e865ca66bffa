/* eval.h - the parts of `birefnet eval`: pairs of photos and true masks, the run over them, what is shown of it. */
#ifndef BN_CLI_EVAL_H
#define BN_CLI_EVAL_H

#include "cli/console.h"
#include "cli/plan.h"
#include "cutout/cutout.h"
#include "cutout/sessions.h"
#include "measure/paired.h"
#include "measure/summary.h"
#include "weights/presets.h"

#define BN_EVAL_MODELS 2 /* at most: --model and --against */
#define BN_EVAL_WORST  20

/* ---- eval_pairs.c ---- */

typedef struct bn_eval_pair {
    const bn_photo *photo; /* of the plan */
    const char *truth;     /* path; NULL where there is a problem */
    char *problem;         /* one line; owned; NULL where all is well */
} bn_eval_pair;

typedef struct bn_eval_pairs {
    bn_plan photos, truths;
    bn_eval_pair *pairs; /* by name */
    size_t count;
} bn_eval_pairs;

/* Photos of a folder and all below it, each with the picture of the same place and stem below `truths`. truths == NULL:
 * in the same folders, as STEM.png beside a photo that is no PNG. NOT_FOUND where a folder is not there or holds no
 * photo, or no photo has a truth; what concerns single photos is in their `problem`. */
bn_status bn_eval_pairs_find(const char *photos, const char *truths, bn_eval_pairs *pairs, bn_error *err);
void bn_eval_pairs_free(bn_eval_pairs *pairs);

/* bytes [height][width]: a grey picture, or the alpha of one that is transparent somewhere. The caller frees them. FORMAT
 * for a picture in colours and for one that never reaches half and is not black. */
bn_status bn_eval_read_truth(const char *path, const bn_decode_limits *limits, uint8_t **bytes, int *width,
                             int *height, bn_error *err);

/* ---- eval_run.c ---- */

typedef struct bn_eval_model {
    bn_model_choice choice;
    bn_resolution resolution;
    birefnet_model_info info;
    int width, height; /* what the network saw of the first photo */
    double network_ms; /* of all photos together */
    birefnet_model *model;
    bn_sessions *sessions;
} bn_eval_model;

typedef struct bn_eval_row {
    bool done;
    char *message; /* why not; owned */
    int width, height;
    bn_scores scores[BN_EVAL_MODELS];
} bn_eval_row;

/* Small pictures of one photo for the page: WebP. */
typedef struct bn_eval_shot {
    size_t row;
    bn_buffer photo, truth, mask[BN_EVAL_MODELS], difference[BN_EVAL_MODELS];
} bn_eval_shot;

typedef struct bn_eval {
    /* filled by the caller */
    const bn_eval_pairs *pairs;
    bn_eval_model models[BN_EVAL_MODELS];
    int model_count;
    birefnet_model_options model_options;
    bn_decode_limits limits;
    int threads;      /* of the network; 0 = all */
    bool has_unknown; /* truth of 128 is not known */
    bool want_shots;
    bn_console *console;
    /* results */
    bn_eval_row *rows; /* one a pair; owned */
    size_t done, failed;
    bn_eval_shot shots[BN_EVAL_WORST + 1]; /* worst first, by IoU of the first model; owned */
    int shot_count;
} bn_eval;

/* Failures of single photos are in their rows; what is returned concerns the run: MODEL is the stage then. */
bn_status bn_eval_run(bn_eval *eval, bn_error *err);
void bn_eval_free(bn_eval *eval);

/* ---- eval_shots.c ---- */

/* Keep small pictures of this photo if it is among the worst so far. masks: one a model. */
bn_status bn_eval_keep_shot(bn_eval *eval, size_t row, const bn_image *photo, const uint8_t *truth,
                            const uint8_t *const masks[BN_EVAL_MODELS], bn_error *err);
void bn_eval_shot_free(bn_eval_shot *shot);

/* ---- eval_sums.c ---- */

/* All photos of one folder, or all of them. */
typedef struct bn_eval_group {
    char *folder; /* below the photos' folder; "" for itself; owned; NULL: all */
    bn_summary models[BN_EVAL_MODELS];
} bn_eval_group;

typedef struct bn_eval_sums {
    bn_eval_group *groups; /* folders by name; the last one is of all */
    size_t count;
    bool has[BN_MEASURES];             /* measures that were taken of some photo */
    bn_paired difference[BN_MEASURES]; /* first model less second */
    size_t pairs[BN_MEASURES];         /* differences that went into it */
    size_t *order; /* rows that were measured, worst first by IoU of the first model; owned */
} bn_eval_sums;

bn_status bn_eval_sum_up(const bn_eval *eval, bn_eval_sums *sums, bn_error *err);
void bn_eval_sums_free(bn_eval_sums *sums);

/* What the interval of a difference says: 1 the first model is better, -1 the second, 0 it does not tell. */
int bn_eval_verdict(const bn_eval_sums *sums, bn_measure measure);

/* Whether row a is worse than row b: by IoU of the first model, then by its mean error. */
bool bn_eval_row_is_worse(const bn_eval_row *a, const bn_eval_row *b);

/* ---- eval_report.c, eval_html.c ---- */

void bn_eval_print(const bn_eval *eval, const bn_eval_sums *sums);
bn_status bn_eval_print_json(const bn_eval *eval, const bn_eval_sums *sums, bn_error *err);
bn_status bn_eval_write_page(const bn_eval *eval, const bn_eval_sums *sums, const char *path, bn_error *err);

/* A folder's name as it is shown: "all", "." for the photos' own. */
const char *bn_eval_show_folder(const bn_eval_group *group);

/* "starter, 256x256, f32, channel order": what was measured. */
void bn_eval_describe(const bn_eval_model *model, char *text, size_t size);

#endif
