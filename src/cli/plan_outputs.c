/* plan_outputs.c - a path for every output: no two alike, none that is an input. What it is called depends on its input
 * alone (plan_names.c), so inputs whose paths are alike are refused, all of them. */
#include "cli/plan.h"

#include "cli/fetch.h"
#include "cli/set.h"
#include "cli/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct naming {
    const bn_plan_options *options;
    bool into_folder; /* as in the plan */
    bn_set taken;     /* entries of folders (bn_plan_entry) given out to outputs */
    bn_set shared;    /* those that more than one input would write */
    bn_set inputs;    /* "device:inode" of all inputs, the background among them */
    bn_error *err;
} naming;

static bool file_key(const char *path, char *key, size_t size)
{
    struct stat facts;
    if (stat(path, &facts) != 0) return false;
    snprintf(key, size, "%llu:%llu", (unsigned long long)facts.st_dev, (unsigned long long)facts.st_ino);
    return true;
}

static bool is_any_input(const naming *self, const char *path)
{
    char key[64];
    return file_key(path, key, sizeof key) && bn_set_has(&self->inputs, key);
}

static const char *suffix_of(bn_format format)
{
    return bn_format_get_facts(format)->suffixes[0];
}

/* Both paths for a stem. A folder that was asked for repeats the tree; else they lie beside the photo (of a URL: in
 * the working folder) and say in their names what they are. */
static bool make_paths(const naming *self, const bn_photo *photo, const char *stem, char *output, char *mask,
                       size_t size)
{
    const bn_plan_options *options = self->options;
    char folder[4096] = "";
    if (self->into_folder) {
        const size_t length = strlen(options->output);
        const bool has_slash = length > 0 && options->output[length - 1] == '/';
        snprintf(folder, sizeof folder, "%s%s", options->output, has_slash ? "" : "/");
    } else if (!bn_is_url(photo->source)) {
        const size_t source = strlen(photo->source), relative = strlen(photo->relative);
        if (source > relative)
            snprintf(folder, sizeof folder, "%.*s", (int)(source - relative), photo->source);
    }
    const char *kind = self->into_folder ? "" : options->mask_only ? "-mask" : "-cutout";
    const int written = snprintf(output, size, "%s%s%s.%s", folder, stem, kind, suffix_of(options->format));
    const int written_mask = snprintf(mask, size, "%s%s-mask.%s", folder, stem, suffix_of(BN_FORMAT_PNG));
    return written >= 0 && (size_t)written < size && written_mask >= 0 && (size_t)written_mask < size;
}

static bn_status take_path(naming *self, const char *path)
{
    bool is_new = true;
    char *entry = bn_plan_entry(path);
    if (!entry) return bn_fail_memory(self->err, strlen(path) + 1, "a name");
    bn_status status = bn_set_add(&self->taken, entry, &is_new, self->err);
    if (!is_new) status = bn_set_add(&self->shared, entry, NULL, self->err);
    free(entry);
    return status;
}

/* Whether a set of entries has the one that the path leads to; not without memory, which costs a check only. */
static bool set_leads_to(const bn_set *set, const char *path)
{
    char *entry = bn_plan_entry(path);
    const bool has = entry && bn_set_has(set, entry);
    free(entry);
    return has;
}

static bool is_one_entry(const char *path, const char *other)
{
    char *entry = bn_plan_entry(path), *second = bn_plan_entry(other);
    const bool same = entry && second && strcmp(entry, second) == 0;
    free(entry);
    free(second);
    return same;
}

static bn_status keep_paths(naming *self, bn_photo *photo, const char *output, const char *mask)
{
    if (mask && is_one_entry(mask, output)) {
        bn_error problem;
        bn_fail(&problem, BIREFNET_ERROR_ARGUMENT, "the cut-out and its mask would both be %s", output);
        return bn_photo_set_problem(photo, BN_STAGE_USAGE, &problem, self->err);
    }
    photo->output = strdup(output);
    if (mask) photo->mask = strdup(mask);
    if (!photo->output || (mask && !photo->mask))
        return bn_fail_memory(self->err, strlen(output) + 1, "a name");
    BN_TRY(take_path(self, output));
    return mask ? take_path(self, mask) : BIREFNET_OK;
}

static bn_status refuse_overwriting(naming *self, bn_photo *photo, const char *output)
{
    bn_error problem;
    bn_fail(&problem, BIREFNET_ERROR_ARGUMENT, "the output %s would overwrite an input", output);
    return bn_photo_set_problem(photo, BN_STAGE_USAGE, &problem, self->err);
}

/* Names made from the photo's own. */
static bn_status name_after_photo(naming *self, bn_photo *photo)
{
    char stem[4096], output[4096], mask[4096];
    if (!bn_output_stem(photo->relative, stem, sizeof stem) ||
        !make_paths(self, photo, stem, output, mask, sizeof output)) {
        bn_error problem;
        bn_fail(&problem, BIREFNET_ERROR_LIMIT, "the name of its output would be too long");
        return bn_photo_set_problem(photo, BN_STAGE_WRITE, &problem, self->err);
    }
    const char *wanted_mask = NULL;
    if (self->options->want_mask) wanted_mask = self->options->mask_path ? self->options->mask_path : mask;
    if (is_any_input(self, output)) return refuse_overwriting(self, photo, output);
    if (wanted_mask && is_any_input(self, wanted_mask)) return refuse_overwriting(self, photo, wanted_mask);
    return keep_paths(self, photo, output, wanted_mask);
}

/* The one name that was given with -o. */
static bn_status name_as_told(naming *self, bn_photo *photo, const char *output)
{
    char beside[4096];
    const char *mask = self->options->mask_path;
    if (self->options->want_mask && !mask) {
        const size_t length = bn_stem_length(output);
        snprintf(beside, sizeof beside, "%.*s-mask.%s", (int)length, output, suffix_of(BN_FORMAT_PNG));
        mask = beside;
    }
    if (is_any_input(self, output)) return refuse_overwriting(self, photo, output);
    if (self->options->want_mask && is_any_input(self, mask)) return refuse_overwriting(self, photo, mask);
    return keep_paths(self, photo, output, self->options->want_mask ? mask : NULL);
}

/* Of a photo that is not there, reading it tells more. */
static bn_status check_targets(const naming *self, bn_photo *photo)
{
    bn_error problem;
    struct stat facts;
    if (strcmp(photo->source, "-") != 0 && !bn_is_url(photo->source) && stat(photo->source, &facts) != 0)
        return BIREFNET_OK;
    if (bn_target_check(photo->output, self->into_folder, &problem) == BIREFNET_OK &&
        (!photo->mask || bn_target_check(photo->mask, self->into_folder, &problem) == BIREFNET_OK))
        return BIREFNET_OK;
    return bn_photo_set_problem(photo, BN_STAGE_WRITE, &problem, self->err);
}

/* An empty file is none: what filled a disk, or broke off a copy, left it. */
static bool is_written(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && !(S_ISREG(facts.st_mode) && facts.st_size == 0);
}

static bn_status name_photo(naming *self, bn_photo *photo)
{
    const char *output = self->options->output;
    if (photo->problem) return BIREFNET_OK;
    if (!output && strcmp(photo->source, "-") == 0) output = "-";
    if (output && !self->into_folder)
        BN_TRY(name_as_told(self, photo, output));
    else
        BN_TRY(name_after_photo(self, photo));
    if (!photo->output) return BIREFNET_OK;
    if (self->options->skip_existing)
        photo->skip = is_written(photo->output) && (!photo->mask || is_written(photo->mask));
    return photo->skip ? BIREFNET_OK : check_targets(self, photo);
}

/* Neither of two inputs gets what both would write: whichever came first would have the name, and a later run that skips
 * what is there would take one's for the other's. */
static bn_status refuse_shared(naming *self, bn_photo *photo)
{
    const char *path = photo->output && set_leads_to(&self->shared, photo->output) ? photo->output
                       : photo->mask && set_leads_to(&self->shared, photo->mask)   ? photo->mask
                                                                                   : NULL;
    if (photo->problem || !path) return BIREFNET_OK;
    bn_error problem;
    bn_fail(&problem, BIREFNET_ERROR_ARGUMENT,
            "another input would be written to %s, too: give them output folders of their own", path);
    photo->skip = false;
    return bn_photo_set_problem(photo, BN_STAGE_USAGE, &problem, self->err);
}

static bn_status check_report(const naming *self)
{
    const char *report = self->options->report;
    if (!report) return BIREFNET_OK;
    if (is_any_input(self, report))
        return bn_fail(self->err, BIREFNET_ERROR_ARGUMENT, "the report %s would overwrite an input", report);
    if (strcmp(report, "-") != 0 && set_leads_to(&self->taken, report))
        return bn_fail(self->err, BIREFNET_ERROR_ARGUMENT, "the report and a picture would both be %s",
                       report);
    return BIREFNET_OK;
}

static bool is_folder_name(const char *output)
{
    struct stat facts;
    const size_t length = strlen(output);
    return output[length - 1] == '/' || (stat(output, &facts) == 0 && S_ISDIR(facts.st_mode));
}

static bn_status check_streams(const bn_plan *plan, const bn_plan_options *options, bn_error *err)
{
    size_t stdins = 0;
    for (size_t i = 0; i < plan->count; i++) stdins += strcmp(plan->photos[i].source, "-") == 0;
    const bool to_stdout = options->output ? strcmp(options->output, "-") == 0 : stdins == 1 && !plan->many;
    if (stdins > 1) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "- is given %zu times", stdins);
    if (stdins == 1 && plan->many && !options->output)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "- among other inputs needs -o FOLDER");
    if (to_stdout && plan->many)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "standard output (-) holds the result of one input only");
    if (to_stdout && options->want_mask && !options->mask_path)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "with -o - the mask needs a name: --mask=FILE");
    if (plan->many && options->output && !is_folder_name(options->output) &&
        bn_format_from_path(options->output) != BN_FORMAT_NONE)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%s is the name of one file; for a folder write %s/",
                       options->output, options->output);
    if (plan->many && options->want_mask && options->mask_path)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--mask=FILE is for one input; leave =FILE out");
    return BIREFNET_OK;
}

bn_status bn_plan_name_outputs(const bn_plan_options *options, bn_plan *plan, bn_error *err)
{
    naming self = {.options = options, .err = err};
    bn_status status = check_streams(plan, options, err);
    if (status != BIREFNET_OK) return status;
    self.into_folder = options->output && strcmp(options->output, "-") != 0 &&
                       (plan->many || is_folder_name(options->output));
    plan->into_folder = self.into_folder;
    char key[64];
    if (options->backdrop && file_key(options->backdrop, key, sizeof key))
        status = bn_set_add(&self.inputs, key, NULL, err);
    for (size_t i = 0; i < plan->count && status == BIREFNET_OK; i++)
        if (file_key(plan->photos[i].source, key, sizeof key))
            status = bn_set_add(&self.inputs, key, NULL, err);
    for (size_t i = 0; i < plan->count && status == BIREFNET_OK; i++)
        status = name_photo(&self, &plan->photos[i]);
    for (size_t i = 0; i < plan->count && status == BIREFNET_OK; i++)
        status = refuse_shared(&self, &plan->photos[i]);
    if (status == BIREFNET_OK) status = check_report(&self);
    bn_set_free(&self.taken);
    bn_set_free(&self.shared);
    bn_set_free(&self.inputs);
    return status;
}
