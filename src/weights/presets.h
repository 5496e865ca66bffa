/* presets.h - the published models that have names, and which file a --model value means. */
#ifndef BN_WEIGHTS_PRESETS_H
#define BN_WEIGHTS_PRESETS_H

#include "base/error.h"

#include <stdbool.h>

typedef struct bn_preset {
    const char *name;       /* as the endpoint writes it */
    const char *alias;      /* for command lines */
    const char *repository; /* OWNER/NAME of today's file; NULL for Starter, which comes with the program */
    const char *file;       /* today's file in a models folder: NAME.safetensors */
    const char
        *named_file; /* the file that the endpoint's older page names, preferred where it lies; or NULL */
    const char *licence, *author;
    const char *backbone;
    const char *about;                 /* Starter: what it is for and what it cannot do; else NULL */
    uint64_t about_bytes;              /* size of today's file; a few per cent off at most */
    int trained_width, trained_height; /* pixels */
    int width, height;                 /* to run at unless told otherwise, pixels */
    int min_px, max_px;                /* sides that it was trained for, where that is a range; else 0 */
} bn_preset;

size_t bn_preset_count(void);
const bn_preset *bn_preset_at(size_t index); /* best known first; NULL beyond the end */

/* By name, alias or file name with or without .safetensors, in any case; NULL if there is none. */
const bn_preset *bn_preset_find(const char *name);

/* "For everything else get the published ones ...": what follows a word about Starter. */
#define BN_GET_PUBLISHED_BYTES 120
void bn_preset_get_published(char text[BN_GET_PUBLISHED_BYTES]);

/* Folders in which models are looked for, first to last: `folder` (may be NULL), $BIREFNET_MODELS,
 * $XDG_DATA_HOME/birefnet or ~/.local/share/birefnet, $BIREFNET_DATA/models (a tree that was moved says so), the installed
 * data, the source tree of a development build. */
#define BN_MODELS_FOLDERS 6
typedef struct bn_models_path {
    char *folders[BN_MODELS_FOLDERS]; /* owned */
    size_t count;
    size_t own; /* the first `own` belong to the user; a download goes to the first of all */
} bn_models_path;

bn_status bn_models_path_make(const char *folder, bn_models_path *path, bn_error *err);
void bn_models_path_free(bn_models_path *path);

typedef struct bn_model_choice {
    char path[4096];         /* of a file that exists, or "seeded:..." as it was given */
    const bn_preset *preset; /* NULL for a file that no preset names */
    bool is_fallback;        /* no model was asked for and none is there: path is Starter's */
} bn_model_choice;

/* Which file `model` means: a preset's name, a path, "seeded:...", or the name of a file in a models folder. NULL or ""
 * means what is best for general use among the published models that are there, else Starter. NOT_FOUND says how to
 * get the file. */
bn_status bn_model_choose(const char *model, const char *folder, bn_model_choice *choice, bn_error *err);

/* Every path at which bn_model_choose looks for `model`, in order, one call each. */
typedef void (*bn_place_fn)(void *user, const char *path);
bn_status bn_model_places(const char *model, const char *folder, bn_place_fn fn, void *user, bn_error *err);

/* Starter's preset if the choice is its file, by whatever name it was asked for; else NULL. */
const bn_preset *bn_model_choice_starter(const bn_model_choice *choice);

/* Whether the preset's file is there, and where. */
bool bn_preset_locate(const bn_preset *preset, const bn_models_path *path, char file[4096]);

#endif
