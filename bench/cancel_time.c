/* cancel_time.c - how long a run of the network goes on at most after somebody has said that it is to stop: the longest time
 * between two questions of the progress function, and where that was. For comparison, the longest layer.
 *     build/release/bin/cancel_time MODEL SIDE THREADS [f32|bf16]     # seeded:gen3-swin_v1_l:3 2048 2 */
#include "base/clock.h"

#include <birefnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct gap {
    double ms;
    const char *part; /* in which it was */
} gap;

typedef struct watch {
    gap question, layer; /* the longest */
    const char *part;
    double done, asked_ms, began_ms; /* of the last question, and of the layer */
} watch;

static void look(gap *longest, double ms, const char *part)
{
    if (ms > longest->ms) *longest = (gap){.ms = ms, .part = part};
}

/* Within a layer the share does not change. */
static int ask(void *user, const char *part, double done)
{
    watch *self = user;
    const double now_ms = bn_clock_ms();
    if (self->part) look(&self->question, now_ms - self->asked_ms, self->part);
    if (!self->part || done > self->done || part != self->part) {
        if (self->part) look(&self->layer, now_ms - self->began_ms, self->part);
        self->began_ms = now_ms;
    }
    self->part = part;
    self->done = done;
    self->asked_ms = now_ms;
    return 0;
}

static birefnet_status run(birefnet_session *session, size_t pixels, watch *self, birefnet_error *error)
{
    float *input = calloc(4 * pixels, sizeof *input);
    if (!input) return BIREFNET_ERROR_MEMORY;
    birefnet_session_set_progress(session, ask, self);
    const double began_ms = bn_clock_ms();
    const birefnet_status status = birefnet_session_run(session, input, input + 3 * pixels, error);
    if (status == BIREFNET_OK) ask(self, "the end", 2);
    printf("run: %.2f s\nlongest layer: %.2f s, in %s\nlongest without a question: %.2f s, in %s\n",
           (bn_clock_ms() - began_ms) / 1e3, self->layer.ms / 1e3, self->layer.part, self->question.ms / 1e3,
           self->question.part);
    free(input);
    return status;
}

int main(int argc, char **argv)
{
    birefnet_error error = {0};
    birefnet_model *model = NULL;
    birefnet_session *session = NULL;
    birefnet_model_options options;
    birefnet_session_options size;
    watch self = {0};
    if (argc < 4) {
        fprintf(stderr, "cancel_time MODEL SIDE THREADS [f32|bf16]\n");
        return 2;
    }
    birefnet_model_options_default(&options);
    options.precision =
        argc > 4 && strcmp(argv[4], "bf16") == 0 ? BIREFNET_PRECISION_BF16 : BIREFNET_PRECISION_F32;
    birefnet_session_options_default(&size);
    size.width = size.height = atoi(argv[2]);
    size.threads = atoi(argv[3]);
    birefnet_status status = birefnet_model_open(argv[1], &options, &model, &error);
    if (status == BIREFNET_OK) status = birefnet_session_open(model, &size, &session, &error);
    if (status == BIREFNET_OK) status = run(session, (size_t)size.width * (size_t)size.height, &self, &error);
    if (status != BIREFNET_OK) fprintf(stderr, "%s\n", error.message);
    birefnet_session_close(&session);
    birefnet_model_close(&model);
    return status != BIREFNET_OK;
}
