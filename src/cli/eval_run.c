/* eval_run.c - every photo through every model, and its masks measured; one after the other. */
#include "cli/eval.h"

#include "base/clock.h"
#include "cli/source.h"

#include <stdlib.h>
#include <string.h>

/* One photo at work. */
typedef struct work {
    bn_eval *eval;
    size_t index;
    bn_cutout cutout;
    uint8_t *truth, *masks[BN_EVAL_MODELS];
} work;

static void free_work(work *job)
{
    bn_cutout_release(&job->cutout);
    free(job->truth);
    for (int m = 0; m < BN_EVAL_MODELS; m++) free(job->masks[m]);
}

static bn_status read_both(work *job, const bn_cutout_options *options, bn_error *err)
{
    const bn_eval_pair *pair = &job->eval->pairs->pairs[job->index];
    int width = 0, height = 0;
    bn_buffer bytes;
    bn_buffer_init(&bytes, BN_SOURCE_MAX_BYTES);
    bn_status status = bn_source_read(pair->photo->source, &bytes, err);
    if (status == BIREFNET_OK) status = bn_cutout_decode(bytes.data, bytes.size, options, &job->cutout, err);
    bn_buffer_free(&bytes);
    BN_TRY(status);
    BN_TRY(bn_eval_read_truth(pair->truth, &job->eval->limits, &job->truth, &width, &height, err));
    if (width == job->cutout.width && height == job->cutout.height) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "the photo has %dx%d pixels, its true mask %s has %dx%d",
                   job->cutout.width, job->cutout.height, pair->truth, width, height);
}

static bn_status make_mask(work *job, const bn_cutout_options *options, int which, bn_error *err)
{
    bn_eval_model *model = &job->eval->models[which];
    birefnet_session *session;
    int width, height;
    bn_resolution_for_photo(&model->resolution, job->cutout.width, job->cutout.height, &width, &height);
    BN_TRY(bn_sessions_get(model->sessions, width, height, &session, err));
    BN_TRY(bn_cutout_matte(session, options, &job->cutout, err));
    job->masks[which] = job->cutout.matte;
    job->cutout.matte = NULL;
    model->network_ms += job->cutout.times.network_ms;
    if (model->width == 0) {
        model->width = job->cutout.network_width;
        model->height = job->cutout.network_height;
    }
    return BIREFNET_OK;
}

static bn_status measure_photo(work *job, bn_error *err)
{
    bn_eval *eval = job->eval;
    bn_eval_row *row = &eval->rows[job->index];
    bn_cutout_options options;
    bn_cutout_options_default(&options);
    options.limits = eval->limits;
    BN_TRY(read_both(job, &options, err));
    row->width = job->cutout.width;
    row->height = job->cutout.height;
    for (int m = 0; m < eval->model_count; m++) {
        BN_TRY(make_mask(job, &options, m, err));
        const bn_mask_pair pair = {job->masks[m], job->truth, row->width, row->height, eval->has_unknown};
        BN_TRY(bn_measure_pair(&pair, &row->scores[m], err));
    }
    row->done = true;
    if (!eval->want_shots) return BIREFNET_OK;
    return bn_eval_keep_shot(eval, job->index, job->cutout.image, job->truth,
                             (const uint8_t *const *)job->masks, err);
}

static void note_failure(bn_eval *eval, size_t index, const char *message)
{
    const char *source = eval->pairs->pairs[index].photo->source;
    eval->rows[index].done = false;
    eval->rows[index].message = strdup(message); /* NULL only costs the report its words */
    eval->failed++;
    if (strstr(message, source)) /* "cannot open PATH: ..." says it already */
        bn_console_error(eval->console, "%s", message);
    else
        bn_console_error(eval->console, "%s: %s", source, message);
}

/* A failure that concerns the run and not this photo ends it: no memory, a network that cannot be built. */
static bn_status run_one(bn_eval *eval, size_t index, bn_error *err)
{
    const bn_eval_pair *pair = &eval->pairs->pairs[index];
    work job = {.eval = eval, .index = index};
    bn_error problem = {0};
    bn_status status = BIREFNET_OK;
    if (pair->problem)
        note_failure(eval, index, pair->problem);
    else
        status = measure_photo(&job, &problem);
    if (!pair->problem && status == BIREFNET_OK) {
        eval->done++;
        const bn_eval_row *row = &eval->rows[index];
        bn_console_detail(eval->console, "%s: IoU %.4f, MAE %.4f", pair->photo->source,
                          row->scores[0].value[BN_MEASURE_IOU], row->scores[0].value[BN_MEASURE_MAE]);
    } else if (!pair->problem && status != BIREFNET_ERROR_MEMORY) {
        note_failure(eval, index, problem.message);
        status = BIREFNET_OK;
    }
    if (status != BIREFNET_OK && err) *err = problem;
    free_work(&job);
    return status;
}

static bn_status open_model(bn_eval *eval, bn_eval_model *model, bn_error *err)
{
    BN_TRY(birefnet_model_open(model->choice.path, &eval->model_options, &model->model, err));
    birefnet_model_get_info(model->model, &model->info);
    return bn_sessions_create(model->model, eval->threads, model->resolution.native ? 2 : 1, NULL, NULL,
                              &model->sessions, err);
}

bn_status bn_eval_run(bn_eval *eval, bn_error *err)
{
    bn_status status = BIREFNET_OK;
    const size_t count = eval->pairs->count;
    eval->rows = calloc(count, sizeof *eval->rows);
    if (!eval->rows) return bn_fail_memory(err, count * sizeof *eval->rows, "the scores");
    for (int m = 0; m < eval->model_count; m++) BN_TRY_DONE(open_model(eval, &eval->models[m], err));
    bn_console_bar_start(eval->console);
    for (size_t i = 0; i < count && status == BIREFNET_OK; i++) {
        bn_console_bar_count(eval->console, "photos", (double)i, count, eval->failed);
        status = run_one(eval, i, err);
    }
    bn_console_bar_end(eval->console);
done:
    for (int m = 0; m < eval->model_count; m++) {
        bn_sessions_destroy(&eval->models[m].sessions);
        birefnet_model_close(&eval->models[m].model);
    }
    return status;
}

void bn_eval_free(bn_eval *eval)
{
    for (size_t i = 0; eval->rows && i < eval->pairs->count; i++) free(eval->rows[i].message);
    free(eval->rows);
    for (int i = 0; i < eval->shot_count; i++) bn_eval_shot_free(&eval->shots[i]);
    eval->rows = NULL;
    eval->shot_count = 0;
}
