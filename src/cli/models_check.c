/* models_check.c - `birefnet models --check FILE`: a known photo through given weights, and a verdict. */
#include "cli/models_check.h"

#include "cli/json.h"
#include "cli/look.h"
#include "cli/model.h"
#include "measure/sanity.h"

#include <stdio.h>

static const char *const verdict_keys[] = {"good", "other_order", "bad"};

static const char *order_name(birefnet_tile_order order)
{
    return order == BIREFNET_TILES_GRID ? "grid" : order == BIREFNET_TILES_CHANNEL ? "channel" : "either";
}

static const char *chosen_by(const birefnet_model_info *info)
{
    static const char *const words[] = {"the caller", "the file's metadata", "the weights"};
    return words[info->tile_order_chosen_by >= 0 && info->tile_order_chosen_by <= 2
                     ? info->tile_order_chosen_by
                     : 2];
}

/* ---- for people ---- */

static void print_scores(const bn_sanity *sanity, birefnet_tile_order order, const bn_scores *scores)
{
    printf("%-13s IoU %.4f, MAE %.4f, weighted F %.4f", order_name(order), scores->value[BN_MEASURE_IOU],
           scores->value[BN_MEASURE_MAE], scores->value[BN_MEASURE_WEIGHTED_F]);
    if (order == sanity->info.tile_order) printf("  (chosen, by %s)", chosen_by(&sanity->info));
    putchar('\n');
}

static void print_verdict(const bn_sanity *sanity)
{
    const birefnet_tile_order chosen = sanity->info.tile_order;
    const birefnet_tile_order other =
        chosen == BIREFNET_TILES_GRID ? BIREFNET_TILES_CHANNEL : BIREFNET_TILES_GRID;
    switch (sanity->verdict) {
    case BN_SANITY_GOOD:
        printf("verdict       good: the mask is that of the known photo. Tile order: %s\n",
               sanity->better == BIREFNET_TILES_AUTO ? "both do, this photo does not tell them apart"
                                                     : "the chosen one is the better");
        return;
    case BN_SANITY_OTHER_ORDER:
        printf("verdict       tiles in %s order give the better mask, not the chosen ones: use these weights "
               "with "
               "--tile-order %s\n",
               order_name(other), order_name(other));
        return;
    case BN_SANITY_BAD:
        printf("verdict       bad: in neither order is the mask that of the known photo. These weights were "
               "trained "
               "for something else, or are not trained\n");
        return;
    }
}

static void print_text(const bn_model_choice *choice, const bn_sanity *sanity)
{
    bn_console_print("file          %s", choice->path);
    printf("architecture  %s\nruns at       %dx%d, %s\n", sanity->info.architecture, sanity->width,
           sanity->height, birefnet_precision_name(sanity->info.precision));
    print_scores(sanity, BIREFNET_TILES_CHANNEL, &sanity->channel);
    print_scores(sanity, BIREFNET_TILES_GRID, &sanity->grid);
    print_verdict(sanity);
}

/* ---- for programs ---- */

static json_t *scores_json(const bn_scores *scores)
{
    return json_pack("{s:f, s:f, s:f}", "iou", scores->value[BN_MEASURE_IOU], "mae",
                     scores->value[BN_MEASURE_MAE], "weighted_f", scores->value[BN_MEASURE_WEIGHTED_F]);
}

static void print_json(const bn_model_choice *choice, const bn_sanity *sanity)
{
    json_t *json =
        json_pack("{s:o, s:s, s:[ii], s:s, s:s, s:s, s:o, s:o, s:s, s:s}", "path", bn_json_text(choice->path),
                  "architecture", sanity->info.architecture, "network_size", sanity->width, sanity->height,
                  "precision", birefnet_precision_name(sanity->info.precision), "tile_order",
                  order_name(sanity->info.tile_order), "tile_order_chosen_by", chosen_by(&sanity->info),
                  "channel", scores_json(&sanity->channel), "grid", scores_json(&sanity->grid),
                  "better_order", order_name(sanity->better), "verdict", verdict_keys[sanity->verdict]);
    bn_json_print(json);
    json_decref(json);
}

/* ---- both ---- */

static bn_status choose(const bn_values *values, bn_console *console, bn_model_choice *choice,
                        bn_resolution *size, bn_error *err)
{
    BN_TRY(bn_values_choose_size(values, size, err));
    bn_values asked = *values;
    asked.given[BN_OPTION_MODEL] = true;
    asked.text[BN_OPTION_MODEL] = values->text[BN_OPTION_CHECK];
    BN_TRY(bn_values_choose_model(&asked, console, choice, err));
    if (!values->text[BN_OPTION_RESOLUTION] && choice->preset && choice->preset->repository)
        *size = (bn_resolution){.width = choice->preset->width, .height = choice->preset->height};
    return BIREFNET_OK;
}

bn_exit bn_models_check(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    bn_model_choice choice = {.path = ""};
    bn_resolution size = {0};
    bn_sanity sanity;
    bn_stage stage = BN_STAGE_MODEL;
    bn_status status = choose(values, console, &choice, &size, &err);
    if (status == BIREFNET_ERROR_ARGUMENT) stage = BN_STAGE_USAGE;
    if (status == BIREFNET_OK) {
        const birefnet_model_options options = bn_values_model_options(values, console);
        status = bn_sanity_check(choice.path, &options, &size, (int)values->number[BN_OPTION_THREADS],
                                 &sanity, &err);
    }
    if (status != BIREFNET_OK) {
        bn_console_error(console, "%s", err.message);
        return bn_exit_of(status, stage);
    }
    if (values->given[BN_OPTION_JSON])
        print_json(&choice, &sanity);
    else
        print_text(&choice, &sanity);
    return sanity.verdict == BN_SANITY_GOOD ? BN_EXIT_OK : BN_EXIT_NO_SENSE;
}
