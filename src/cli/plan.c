/* plan.c - the plan's own life. */
#include "cli/plan.h"

#include "base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

size_t bn_stem_length(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *dot = strrchr(base, '.');
    return dot && dot > base ? (size_t)(dot - name) : strlen(name);
}

char *bn_plan_entry(const char *path)
{
    char whole[PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *above = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    const char *folder = above ? realpath(above, whole) : NULL;
    char *entry = NULL;
    if (above && asprintf(&entry, "%s/%s", folder ? folder : above, name) < 0) entry = NULL;
    free(above);
    return entry;
}

bn_status bn_photo_set_problem(bn_photo *photo, bn_stage stage, const bn_error *problem, bn_error *err)
{
    if (photo->problem) return BIREFNET_OK;
    photo->problem = strdup(problem->message);
    if (!photo->problem) return bn_fail_memory(err, strlen(problem->message) + 1, "a message");
    photo->problem_status = problem->status;
    photo->problem_stage = stage;
    return BIREFNET_OK;
}

/* Cut-outs among the photos of a folder would be some of them the next time. */
static bn_status check_folders(char *const *operands, int count, const char *output, bn_error *err)
{
    struct stat facts;
    if (!output || stat(output, &facts) != 0 || !S_ISDIR(facts.st_mode)) return BIREFNET_OK;
    for (int i = 0; i < count; i++)
        if (bn_file_is_same(operands[i], output))
            return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                           "-o names %s itself: cut-outs among its photos would be taken for photos the next "
                           "time; give another folder",
                           operands[i]);
    return BIREFNET_OK;
}

bn_status bn_plan_make(char *const *operands, int count, const bn_plan_options *options, bn_plan *plan,
                       bn_error *err)
{
    *plan = (bn_plan){0};
    BN_TRY(check_folders(operands, count, options->output, err));
    BN_TRY(bn_plan_find_inputs(operands, count, options->output, plan, err));
    return bn_plan_name_outputs(options, plan, err);
}

static void free_photo(bn_photo *photo)
{
    free(photo->source);
    free(photo->relative);
    free(photo->output);
    free(photo->mask);
    free(photo->problem);
}

void bn_plan_keep(bn_plan *plan, bool (*wanted)(const bn_photo *photo, void *user), void *user)
{
    size_t kept = 0;
    for (size_t i = 0; i < plan->count; i++) {
        if (wanted(&plan->photos[i], user))
            plan->photos[kept++] = plan->photos[i];
        else
            free_photo(&plan->photos[i]);
    }
    plan->count = kept;
}

void bn_plan_free(bn_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) free_photo(&plan->photos[i]);
    free(plan->photos);
    *plan = (bn_plan){0};
}
