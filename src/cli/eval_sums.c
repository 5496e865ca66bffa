/* eval_sums.c - from rows to folders: means, worst values, order, and the difference of two models. */
#include "cli/eval.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the folder part of a photo's place: "a/b" of "a/b/c.jpg". */
static size_t folder_length(const bn_eval_pair *pair)
{
    const char *slash = strrchr(pair->photo->relative, '/');
    return slash ? (size_t)(slash - pair->photo->relative) : 0;
}

static bool is_in(const bn_eval_pair *pair, const char *folder)
{
    const size_t length = folder_length(pair);
    return strlen(folder) == length && strncmp(pair->photo->relative, folder, length) == 0;
}

static bn_status add_group(bn_eval_sums *sums, const char *folder, size_t length, bn_error *err)
{
    bn_eval_group *grown = realloc(sums->groups, (sums->count + 1) * sizeof *grown);
    if (!grown) return bn_fail_memory(err, (sums->count + 1) * sizeof *grown, "folders");
    sums->groups = grown;
    sums->groups[sums->count] = (bn_eval_group){0};
    if (folder && !(sums->groups[sums->count].folder = strndup(folder, length)))
        return bn_fail_memory(err, length, "a folder's name");
    sums->count++;
    return BIREFNET_OK;
}

/* Folders in the order of their first photo; pairs come by name. */
static bn_status find_groups(const bn_eval *eval, bn_eval_sums *sums, bn_error *err)
{
    for (size_t i = 0; i < eval->pairs->count; i++) {
        const bn_eval_pair *pair = &eval->pairs->pairs[i];
        size_t g = 0;
        while (g < sums->count && !is_in(pair, sums->groups[g].folder)) g++;
        if (g == sums->count) BN_TRY(add_group(sums, pair->photo->relative, folder_length(pair), err));
    }
    return add_group(sums, NULL, 0, err);
}

static void sum_groups(const bn_eval *eval, bn_eval_sums *sums, const bn_scores **chosen)
{
    for (size_t g = 0; g < sums->count; g++)
        for (int m = 0; m < eval->model_count; m++) {
            const char *folder = sums->groups[g].folder;
            for (size_t i = 0; i < eval->pairs->count; i++) {
                const bool wanted = eval->rows[i].done && (!folder || is_in(&eval->pairs->pairs[i], folder));
                chosen[i] = wanted ? &eval->rows[i].scores[m] : NULL;
            }
            bn_summary_make(chosen, eval->pairs->count, &sums->groups[g].models[m]);
        }
    for (bn_measure m = 0; m < BN_MEASURES; m++)
        sums->has[m] = bn_summary_has(&sums->groups[sums->count - 1].models[0], m);
}

static bn_status compare_models(const bn_eval *eval, bn_eval_sums *sums, bn_error *err)
{
    double *differences = malloc((eval->pairs->count + 1) * sizeof *differences);
    if (!differences) return bn_fail_memory(err, eval->pairs->count * sizeof *differences, "differences");
    bn_status status = BIREFNET_OK;
    for (bn_measure m = 0; m < BN_MEASURES && status == BIREFNET_OK; m++) {
        size_t count = 0;
        for (size_t i = 0; i < eval->pairs->count; i++) {
            const bn_eval_row *row = &eval->rows[i];
            if (!row->done || (m >= BN_MEASURE_FIRST_SOFT && !row->scores[0].is_soft)) continue;
            differences[count++] = row->scores[0].value[m] - row->scores[1].value[m];
        }
        sums->pairs[m] = count;
        status = bn_paired_interval(differences, count, &sums->difference[m], err);
    }
    free(differences);
    return status;
}

static int compare_rows(const void *a, const void *b, void *context)
{
    const bn_eval *eval = context;
    const bn_eval_row *left = &eval->rows[*(const size_t *)a], *right = &eval->rows[*(const size_t *)b];
    if (bn_eval_row_is_worse(left, right)) return -1;
    if (bn_eval_row_is_worse(right, left)) return 1;
    return left < right ? -1 : left > right;
}

static bn_status order_rows(const bn_eval *eval, bn_eval_sums *sums, bn_error *err)
{
    size_t count = 0;
    sums->order = malloc((eval->done + 1) * sizeof *sums->order);
    if (!sums->order) return bn_fail_memory(err, eval->done * sizeof *sums->order, "the order");
    for (size_t i = 0; i < eval->pairs->count; i++)
        if (eval->rows[i].done) sums->order[count++] = i;
    qsort_r(sums->order, count, sizeof *sums->order, compare_rows, (void *)(uintptr_t)eval);
    return BIREFNET_OK;
}

bn_status bn_eval_sum_up(const bn_eval *eval, bn_eval_sums *sums, bn_error *err)
{
    *sums = (bn_eval_sums){0};
    const bn_scores **chosen = malloc((eval->pairs->count + 1) * sizeof *chosen);
    if (!chosen) return bn_fail_memory(err, eval->pairs->count * sizeof *chosen, "the scores");
    bn_status status = find_groups(eval, sums, err);
    if (status == BIREFNET_OK) sum_groups(eval, sums, chosen);
    free(chosen);
    BN_TRY(status);
    if (eval->model_count == 2) BN_TRY(compare_models(eval, sums, err));
    return order_rows(eval, sums, err);
}

void bn_eval_sums_free(bn_eval_sums *sums)
{
    for (size_t g = 0; g < sums->count; g++) free(sums->groups[g].folder);
    free(sums->groups);
    free(sums->order);
    *sums = (bn_eval_sums){0};
}

int bn_eval_verdict(const bn_eval_sums *sums, bn_measure measure)
{
    const bn_paired *paired = &sums->difference[measure];
    const int sign = bn_measure_get_facts(measure)->more_is_better ? 1 : -1;
    if (sums->pairs[measure] < BN_PAIRED_MIN) return 0;
    return paired->low > 0 ? sign : paired->high < 0 ? -sign : 0;
}
