/* footage.c - what `stream` and `video` share; see footage.h. */
#include "cli/footage.h"

#include "base/cpu.h"
#include "cli/interrupt.h"
#include "cli/look.h"
#include "cli/model.h"

bn_status bn_footage_choose(bn_footage *footage, bn_error *err)
{
    const bn_values *values = footage->values;
    bn_cutout_options_default(&footage->options);
    BN_TRY(bn_values_choose_look(values, &footage->options, &footage->resolution, err));
    BN_TRY(bn_values_choose_background(values, &footage->options, &footage->backdrop, err));
    footage->frames.smooth = values->number[BN_OPTION_SMOOTH];
    footage->frames.jobs = 1 + bn_cpu_threads() / 8; /* finishing is less work than the network */
    return BIREFNET_OK;
}

bn_status bn_footage_open(bn_footage *footage, bn_error *err)
{
    const bn_values *values = footage->values;
    bn_model_choice choice = {.path = ""};
    BN_TRY(bn_values_choose_model(values, footage->console, &choice, err));
    if (!values->given[BN_OPTION_RESOLUTION] && choice.preset && choice.preset->repository)
        footage->resolution = (bn_resolution){.width = choice.preset->width, .height = choice.preset->height};
    const birefnet_model_options options = bn_values_model_options(values, footage->console);
    return birefnet_model_open(choice.path, &options, &footage->model, err);
}

static void draw_bar(const bn_footage *footage, double share)
{
    double done = (double)footage->passed + share;
    if (footage->total > 0 && done > (double)footage->total) done = (double)footage->total;
    bn_console_bar_count(footage->console, "frames", done, footage->total, 0);
}

static int on_progress(void *user, const char *part, double share)
{
    (void)part;
    if (bn_interrupted()) return 1;
    draw_bar(user, share);
    return 0;
}

/* io.user belongs to the command; the count is all that is wanted here. */
static void on_frame(void *user, uint64_t done)
{
    bn_footage *footage = user;
    footage->passed = done;
    draw_bar(footage, 0);
}

bn_status bn_footage_run(bn_footage *footage, bn_error *err)
{
    bn_frames *frames = &footage->frames;
    frames->options = &footage->options;
    frames->resolution = &footage->resolution;
    frames->tell = on_frame;
    frames->tell_user = footage;
    frames->stage = BN_STAGE_WORK;
    BN_TRY(bn_sessions_create(footage->model, (int)footage->values->number[BN_OPTION_THREADS], 1, on_progress,
                              footage, &frames->sessions, err));
    bn_console_bar_start(footage->console);
    const bn_status status = bn_frames_run(frames, err);
    bn_console_bar_end(footage->console);
    bn_sessions_destroy(&frames->sessions);
    return status;
}

void bn_footage_close(bn_footage *footage)
{
    birefnet_model_close(&footage->model);
    bn_image_destroy(&footage->backdrop);
}
