/* sanity.c - the known photo (examples/photo2.jpg) through a model, and what its masks say about the weights. */
#include "measure/sanity.h"

#include "cutout/cutout.h"
#include "measure/sanity_files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const bn_sanity_file *find_file(const char *name)
{
    const bn_sanity_file *file = bn_sanity_files;
    while (file->name && strcmp(file->name, name) != 0) file++;
    return file;
}

static bn_status decode_truth(uint8_t **truth, bn_error *err)
{
    bn_image *image = NULL;
    const bn_sanity_file *file = find_file("truth/photo2.png");
    BN_TRY(bn_image_decode(file->data, file->size, NULL, &image, err));
    const size_t pixels = (size_t)image->width * (size_t)image->height;
    bn_status status = BIREFNET_OK;
    *truth = malloc(pixels);
    if (!*truth) BN_TRY_DONE(bn_fail_memory(err, pixels, "the known mask"));
    const uint8_t *bytes = image->pixels; /* grey, expanded by the decoder */
    for (size_t i = 0; i < pixels; i++) (*truth)[i] = bytes[i * (size_t)image->channels];
done:
    bn_image_destroy(&image);
    return status;
}

static bn_status measure_known(birefnet_session *session, bn_scores *scores, bn_error *err)
{
    bn_cutout cutout = {.width = 0};
    bn_cutout_options options;
    uint8_t *truth = NULL;
    bn_status status;
    const bn_sanity_file *photo = find_file("photo2.jpg");
    bn_cutout_options_default(&options);
    BN_TRY_DONE(decode_truth(&truth, err));
    BN_TRY_DONE(bn_cutout_decode(photo->data, photo->size, &options, &cutout, err));
    BN_TRY_DONE(bn_cutout_matte(session, &options, &cutout, err));
    const bn_mask_pair pair = {cutout.matte, truth, cutout.width, cutout.height, true};
    BN_TRY_DONE(bn_measure_pair(&pair, scores, err));
done:
    free(truth);
    bn_cutout_release(&cutout);
    return status;
}

static bn_status try_order(const char *path, birefnet_model_options options, birefnet_tile_order order,
                           const bn_resolution *size, int threads, bn_sanity *sanity, bn_error *err)
{
    birefnet_model *model = NULL;
    birefnet_session *session = NULL;
    birefnet_session_info info;
    bn_status status;
    options.tile_order = order;
    const birefnet_session_options how = {.width = size->width, .height = size->height, .threads = threads};
    BN_TRY_DONE(birefnet_model_open(path, &options, &model, err));
    BN_TRY_DONE(birefnet_session_open(model, &how, &session, err));
    birefnet_session_get_info(session, &info);
    sanity->width = info.width;
    sanity->height = info.height;
    status = measure_known(session, order == BIREFNET_TILES_GRID ? &sanity->grid : &sanity->channel, err);
done:
    birefnet_session_close(&session);
    birefnet_model_close(&model);
    return status;
}

static bool makes_sense(const bn_scores *scores)
{
    return scores->value[BN_MEASURE_IOU] >= BN_SANITY_IOU && scores->value[BN_MEASURE_MAE] <= BN_SANITY_MAE;
}

void bn_sanity_judge(bn_sanity *sanity)
{
    const double ahead =
        sanity->channel.value[BN_MEASURE_WEIGHTED_F] - sanity->grid.value[BN_MEASURE_WEIGHTED_F];
    sanity->better = !(fabs(ahead) >= BN_SANITY_MARGIN) ? BIREFNET_TILES_AUTO
                     : ahead > 0                        ? BIREFNET_TILES_CHANNEL
                                                        : BIREFNET_TILES_GRID;
    const bool chosen_grid = sanity->info.tile_order == BIREFNET_TILES_GRID;
    const bool chosen_sense = makes_sense(chosen_grid ? &sanity->grid : &sanity->channel);
    const bool other_sense = makes_sense(chosen_grid ? &sanity->channel : &sanity->grid);
    const bool other_better =
        sanity->better != BIREFNET_TILES_AUTO && sanity->better != sanity->info.tile_order;
    sanity->verdict = chosen_sense && !other_better ? BN_SANITY_GOOD
                      : other_sense                 ? BN_SANITY_OTHER_ORDER
                                                    : BN_SANITY_BAD;
}

bn_status bn_sanity_check(const char *path, const birefnet_model_options *options, const bn_resolution *size,
                          int threads, bn_sanity *sanity, bn_error *err)
{
    birefnet_model *model = NULL;
    *sanity = (bn_sanity){.width = 0};
    BN_TRY(birefnet_model_open(path, options, &model, err));
    birefnet_model_get_info(model, &sanity->info);
    birefnet_model_close(&model);
    BN_TRY(try_order(path, *options, BIREFNET_TILES_CHANNEL, size, threads, sanity, err));
    BN_TRY(try_order(path, *options, BIREFNET_TILES_GRID, size, threads, sanity, err));
    bn_sanity_judge(sanity);
    return BIREFNET_OK;
}
