/* eval_report.c - what was measured, as a table for people and as JSON for programs. */
#include "cli/eval.h"

#include "base/size.h"
#include "base/visible.h"
#include "cli/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORST_NAMED 5

void bn_eval_describe(const bn_eval_model *model, char *text, size_t size)
{
    char seen[32] = "native";
    if (!model->resolution.native) snprintf(seen, sizeof seen, "%dx%d", model->width, model->height);
    snprintf(text, size, "%s, %s, %s, tiles in %s order", model->info.name, seen,
             birefnet_precision_name(model->info.precision),
             model->info.tile_order == BIREFNET_TILES_GRID ? "grid" : "channel");
}

const char *bn_eval_show_folder(const bn_eval_group *group)
{
    return !group->folder ? "all" : group->folder[0] ? group->folder : ".";
}

/* ---- the table ---- */

static int folder_column(const bn_eval_sums *sums)
{
    size_t widest = strlen("  worst");
    for (size_t g = 0; g < sums->count; g++)
        widest = BN_MAX(widest, strlen(bn_eval_show_folder(&sums->groups[g])));
    return (int)widest;
}

/* "0.9512": four digits that count, for sums of thousands too. */
static void print_value(double value)
{
    const double size = value < 0 ? -value : value;
    printf(" %9.*f", size < 10 ? 4 : size < 100 ? 3 : 1, value);
}

static void print_values(const bn_eval_sums *sums, const bn_summary *summary, const double *values)
{
    for (bn_measure m = 0; m < BN_MEASURES; m++) {
        if (!sums->has[m]) continue;
        if (bn_summary_has(summary, m))
            print_value(values[m]);
        else
            printf(" %9s", "-");
    }
    putchar('\n');
}

static void print_group(const bn_eval_sums *sums, const bn_eval_group *group, int which, int column)
{
    const bn_summary *summary = &group->models[which];
    char *folder = strdup(bn_eval_show_folder(group)); /* NULL only costs its name */
    if (folder) bn_make_visible(folder, strlen(folder));
    printf("%-*s %6zu", column, folder ? folder : "", summary->count);
    free(folder);
    print_values(sums, summary, summary->mean);
    printf("%-*s %6s", column, "  worst", "");
    print_values(sums, summary, summary->worst);
}

static void print_model(const bn_eval *eval, const bn_eval_sums *sums, int which)
{
    char text[256];
    const int column = folder_column(sums);
    const bn_summary *all = &sums->groups[sums->count - 1].models[which];
    bn_eval_describe(&eval->models[which], text, sizeof text);
    bn_console_print("%s", text);
    printf("%-*s %6s", column, "FOLDER", "PHOTOS");
    for (bn_measure m = 0; m < BN_MEASURES; m++)
        if (sums->has[m]) printf(" %9s", bn_measure_get_facts(m)->title);
    putchar('\n');
    const size_t first = sums->count == 2 ? 1 : 0; /* one folder is all */
    for (size_t g = first; g < sums->count; g++) print_group(sums, &sums->groups[g], which, column);
    printf("maxF at threshold %.3f; %.2f s a photo\n\n", all->best_threshold / 255.0,
           eval->models[which].network_ms / 1e3 / (double)BN_MAX(all->count, (size_t)1));
}

static void print_difference(const bn_eval *eval, const bn_eval_sums *sums)
{
    static const char *const verdicts[] = {"the second is better", "cannot be told apart",
                                           "the first is better"};
    bn_console_print("%s less %s (95 %% interval of the mean, paired bootstrap)", eval->models[0].info.name,
                     eval->models[1].info.name);
    for (bn_measure m = 0; m < BN_MEASURES; m++) {
        if (!sums->has[m]) continue;
        const bn_paired *paired = &sums->difference[m];
        printf("%-6s %+9.4f", bn_measure_get_facts(m)->title, paired->mean);
        if (sums->pairs[m] < BN_PAIRED_MIN)
            printf("   too few photos for an interval\n");
        else
            printf("   %+.4f to %+.4f   %s\n", paired->low, paired->high,
                   verdicts[bn_eval_verdict(sums, m) + 1]);
    }
    putchar('\n');
}

void bn_eval_print(const bn_eval *eval, const bn_eval_sums *sums)
{
    for (int m = 0; m < eval->model_count; m++) print_model(eval, sums, m);
    if (eval->model_count == 2) print_difference(eval, sums);
    printf("worst by IoU\n");
    for (size_t i = 0; i < BN_MIN(eval->done, (size_t)WORST_NAMED); i++) {
        const size_t row = sums->order[i];
        bn_console_print("%9.4f  %s", eval->rows[row].scores[0].value[BN_MEASURE_IOU],
                         eval->pairs->pairs[row].photo->relative);
    }
}

/* ---- JSON ---- */

static bool has_value(const bn_scores *scores, bn_measure measure)
{
    return measure < BN_MEASURE_FIRST_SOFT || scores->is_soft;
}

static json_t *scores_json(const bn_scores *scores)
{
    json_t *json = json_object();
    for (bn_measure m = 0; m < BN_MEASURES; m++)
        if (has_value(scores, m))
            json_object_set_new(json, bn_measure_get_facts(m)->key, json_real(scores->value[m]));
    return json;
}

static json_t *summary_json(const bn_eval *eval, const bn_summary *summary)
{
    json_t *mean = json_object(), *worst = json_object();
    for (bn_measure m = 0; m < BN_MEASURES; m++) {
        if (!bn_summary_has(summary, m)) continue;
        const char *key = bn_measure_get_facts(m)->key;
        json_object_set_new(mean, key, json_real(summary->mean[m]));
        json_object_set_new(
            worst, key,
            json_pack("{s:f, s:o}", "value", summary->worst[m], "photo",
                      bn_json_text(eval->pairs->pairs[summary->worst_at[m]].photo->relative)));
    }
    return json_pack("{s:I, s:I, s:o, s:f, s:o}", "photos", (json_int_t)summary->count, "soft",
                     (json_int_t)summary->soft, "mean", mean, "max_f_threshold",
                     summary->best_threshold / 255.0, "worst", worst);
}

static json_t *model_json(const bn_eval *eval, const bn_eval_sums *sums, int which)
{
    const bn_eval_model *model = &eval->models[which];
    json_t *folders = json_array();
    for (size_t g = 0; g + 1 < sums->count; g++) {
        json_t *folder = summary_json(eval, &sums->groups[g].models[which]);
        json_object_set_new(folder, "folder", bn_json_text(bn_eval_show_folder(&sums->groups[g])));
        json_array_append_new(folders, folder);
    }
    return json_pack("{s:o, s:o, s:s, s:s, s:s, s:[ii], s:b, s:f, s:o, s:o}", "name",
                     bn_json_text(model->info.name), "path", bn_json_text(model->choice.path), "architecture",
                     model->info.architecture, "precision", birefnet_precision_name(model->info.precision),
                     "tile_order", model->info.tile_order == BIREFNET_TILES_GRID ? "grid" : "channel",
                     "network_size", model->width, model->height, "native", model->resolution.native,
                     "network_ms", model->network_ms, "all",
                     summary_json(eval, &sums->groups[sums->count - 1].models[which]), "folders", folders);
}

static json_t *difference_json(const bn_eval_sums *sums)
{
    static const char *const better[] = {"second", "none", "first"};
    json_t *json = json_object();
    for (bn_measure m = 0; m < BN_MEASURES; m++) {
        const bn_paired *paired = &sums->difference[m];
        if (!sums->has[m]) continue;
        json_t *one = json_pack("{s:I, s:f}", "photos", (json_int_t)sums->pairs[m], "mean", paired->mean);
        if (sums->pairs[m] >= BN_PAIRED_MIN) {
            json_object_set_new(one, "low", json_real(paired->low));
            json_object_set_new(one, "high", json_real(paired->high));
        }
        json_object_set_new(one, "better", json_string(better[bn_eval_verdict(sums, m) + 1]));
        json_object_set_new(json, bn_measure_get_facts(m)->key, one);
    }
    return json;
}

static json_t *row_json(const bn_eval *eval, size_t index)
{
    const bn_eval_pair *pair = &eval->pairs->pairs[index];
    const bn_eval_row *row = &eval->rows[index];
    json_t *json = json_pack("{s:o}", "photo", bn_json_text(pair->photo->relative));
    if (pair->truth) json_object_set_new(json, "truth", bn_json_text(pair->truth));
    if (!row->done) {
        json_object_set_new(json, "error", bn_json_text(row->message ? row->message : "no memory"));
        return json;
    }
    json_object_set_new(json, "size", json_pack("[ii]", row->width, row->height));
    json_t *scores = json_array();
    for (int m = 0; m < eval->model_count; m++) json_array_append_new(scores, scores_json(&row->scores[m]));
    json_object_set_new(json, "scores", scores); /* one a model */
    return json;
}

bn_status bn_eval_print_json(const bn_eval *eval, const bn_eval_sums *sums, bn_error *err)
{
    json_t *models = json_array(), *rows = json_array();
    for (int m = 0; m < eval->model_count; m++) json_array_append_new(models, model_json(eval, sums, m));
    for (size_t i = 0; i < eval->pairs->count; i++) json_array_append_new(rows, row_json(eval, i));
    json_t *json = json_pack("{s:s, s:I, s:I, s:b, s:o, s:o}", "version", birefnet_version(), "measured",
                             (json_int_t)eval->done, "failed", (json_int_t)eval->failed, "unknown_128",
                             eval->has_unknown, "models", models, "photos", rows);
    if (!json) return bn_fail_memory(err, 0, "the figures");
    if (eval->model_count == 2) json_object_set_new(json, "difference", difference_json(sums));
    const int failed = json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(json);
    return failed ? bn_fail(err, BIREFNET_ERROR_IO, "cannot write the figures") : BIREFNET_OK;
}
