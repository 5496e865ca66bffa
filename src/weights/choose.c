/* choose.c - the search path of models, and from a --model value to the file that it means. */
#include "weights/presets.h"

#include "base/buffer.h"
#include "base/size.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* ---- the search path ---- */

static bn_status add_folder(bn_models_path *path, const char *root, const char *below, bn_error *err)
{
    if (!root || !root[0]) return BIREFNET_OK;
    char *folder = NULL;
    if (asprintf(&folder, "%s%s", root, below) < 0)
        return bn_fail_memory(err, strlen(root), "a folder's name");
    path->folders[path->count++] = folder;
    return BIREFNET_OK;
}

bn_status bn_models_path_make(const char *folder, bn_models_path *path, bn_error *err)
{
    *path = (bn_models_path){0};
    const char *data = getenv("XDG_DATA_HOME");
    bn_status status = BIREFNET_OK;
    BN_TRY_DONE(add_folder(path, folder, "", err));
    BN_TRY_DONE(add_folder(path, getenv("BIREFNET_MODELS"), "", err));
    if (data && data[0] == '/') /* the XDG rules: a path that is not absolute counts as none */
        BN_TRY_DONE(add_folder(path, data, "/birefnet", err));
    else
        BN_TRY_DONE(add_folder(path, getenv("HOME"), "/.local/share/birefnet", err));
    path->own = path->count;
    BN_TRY_DONE(add_folder(path, getenv("BIREFNET_DATA"), "/models", err));
    BN_TRY_DONE(add_folder(path, BN_DATA_FOLDER, "/models", err));
    BN_TRY_DONE(add_folder(path, BN_BUILD_MODELS, "", err));
done:
    if (status != BIREFNET_OK) bn_models_path_free(path);
    return status;
}

void bn_models_path_free(bn_models_path *path)
{
    for (size_t i = 0; i < path->count; i++) free(path->folders[i]);
    *path = (bn_models_path){0};
}

/* ---- files ---- */

static bool is_file(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode);
}

static bool find_in_folders(const bn_models_path *path, const char *name, const char *ending, char file[4096])
{
    for (size_t i = 0; i < path->count; i++) {
        const int length = snprintf(file, 4096, "%s/%s%s", path->folders[i], name, ending);
        if (length > 0 && length < 4096 && is_file(file)) return true;
    }
    return false;
}

bool bn_preset_locate(const bn_preset *preset, const bn_models_path *path, char file[4096])
{
    return (preset->named_file && find_in_folders(path, preset->named_file, "", file)) ||
           find_in_folders(path, preset->file, "", file);
}

/* ---- choosing ---- */

static bn_status fail_preset(const bn_preset *preset, bn_error *err)
{
    if (preset->repository)
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND,
                       "the model %s is not here; get it with: birefnet pull %s (about %d MB)", preset->name,
                       preset->alias, (int)(preset->about_bytes / 1000000));
    return bn_fail(
        err, BIREFNET_ERROR_NOT_FOUND,
        "the model %s, which comes with the program, is not here: the installation is not complete",
        preset->name);
}

static bn_status fail_name(const char *model, bn_error *err)
{
    bn_buffer names;
    bn_buffer_init(&names, 65536);
    bn_status status = BIREFNET_OK;
    for (size_t i = 0; i < bn_preset_count(); i++)
        BN_TRY_DONE(bn_buffer_printf(&names, err, "%s%s", i > 0 ? ", " : "", bn_preset_at(i)->alias));
    status =
        bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no model %s: it is neither a preset (%s) nor a file",
                model, (char *)names.data);
done:
    bn_buffer_free(&names);
    return status;
}

static bn_status choose_path(const char *model, bn_model_choice *choice, bn_error *err)
{
    if (strlen(model) >= sizeof choice->path)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the path of the model is too long");
    memcpy(choice->path, model, strlen(model) + 1);
    return BIREFNET_OK;
}

/* No model was asked for: the one that suits most photos among those that are there. */
static bn_status choose_default(const bn_models_path *path, bn_model_choice *choice, bn_error *err)
{
    static const char *const order[] = {"light",   "heavy",    "dynamic", "light-2k",
                                        "matting", "portrait", "starter"};
    for (size_t i = 0; i < BN_COUNT(order); i++) {
        choice->preset = bn_preset_find(order[i]);
        choice->is_fallback = i == BN_COUNT(order) - 1;
        if (bn_preset_locate(choice->preset, path, choice->path)) return BIREFNET_OK;
    }
    return fail_preset(choice->preset, err);
}

static bn_status choose(const char *model, const bn_models_path *path, bn_model_choice *choice, bn_error *err)
{
    if (!model || !model[0]) return choose_default(path, choice, err);
    if (strncmp(model, "seeded:", 7) == 0) return choose_path(model, choice, err);
    choice->preset = strchr(model, '/') ? NULL : bn_preset_find(model);
    if (choice->preset) {
        if (bn_preset_locate(choice->preset, path, choice->path)) return BIREFNET_OK;
        return fail_preset(choice->preset, err);
    }
    if (is_file(model)) return choose_path(model, choice, err);
    if (strchr(model, '/')) return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "there is no model file %s", model);
    if (find_in_folders(path, model, "", choice->path) ||
        find_in_folders(path, model, ".safetensors", choice->path))
        return BIREFNET_OK;
    return fail_name(model, err);
}

bn_status bn_model_choose(const char *model, const char *folder, bn_model_choice *choice, bn_error *err)
{
    bn_models_path path;
    bn_model_choice chosen = {.path = ""};
    BN_TRY(bn_models_path_make(folder, &path, err));
    const bn_status status = choose(model, &path, &chosen, err);
    bn_models_path_free(&path);
    if (status == BIREFNET_OK) *choice = chosen;
    return status;
}

static void tell_places(const bn_models_path *path, const char *name, const char *ending, bn_place_fn fn,
                        void *user)
{
    char file[4096];
    for (size_t i = 0; i < path->count; i++) {
        snprintf(file, sizeof file, "%s/%s%s", path->folders[i], name, ending);
        fn(user, file);
    }
}

bn_status bn_model_places(const char *model, const char *folder, bn_place_fn fn, void *user, bn_error *err)
{
    bn_models_path path;
    if (strchr(model, '/')) return BIREFNET_OK; /* itself, and nothing else */
    BN_TRY(bn_models_path_make(folder, &path, err));
    const bn_preset *preset = bn_preset_find(model);
    if (preset) {
        if (preset->named_file) tell_places(&path, preset->named_file, "", fn, user);
        tell_places(&path, preset->file, "", fn, user);
    } else {
        fn(user, model);
        tell_places(&path, model, "", fn, user);
        tell_places(&path, model, ".safetensors", fn, user);
    }
    bn_models_path_free(&path);
    return BIREFNET_OK;
}

const bn_preset *bn_model_choice_starter(const bn_model_choice *choice)
{
    const char *slash = strrchr(choice->path, '/');
    const bn_preset *preset =
        choice->preset ? choice->preset : bn_preset_find(slash ? slash + 1 : choice->path);
    return preset && !preset->repository ? preset : NULL;
}
