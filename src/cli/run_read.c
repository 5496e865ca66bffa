/* run_read.c - the threads of a run that read and decode photos. */
#include "cli/run_line.h"

#include "base/clock.h"
#include "base/size.h"
#include "cli/source.h"
#include "image/animation.h"

#include <stdlib.h>
#include <string.h>

static void begin(bn_line *self, size_t index)
{
    bn_run *run = self->run;
    const bn_photo *photo = &run->plan->photos[index];
    bn_outcome *outcome = &run->outcomes[index];
    bn_error err = {0};
    bn_buffer bytes;
    bn_buffer_init(&bytes, BN_SOURCE_MAX_BYTES);
    bn_work *job = calloc(1, sizeof *job);
    bn_stage stage = BN_STAGE_READ;
    bn_status status = job ? BIREFNET_OK : bn_fail_memory(&err, sizeof *job, "a photo");
    const double start = bn_clock_ms();
    if (status == BIREFNET_OK) status = bn_source_read(photo->source, &bytes, &err);
    outcome->read_ms = bn_clock_ms() - start;
    if (status == BIREFNET_OK) {
        stage = BN_STAGE_WORK;
        *job = (bn_work){.photo = photo, .outcome = outcome};
        outcome->frames = bn_animation_count(bytes.data, bytes.size);
        outcome->frames_done = 1;
        if (outcome->frames > 1 && !run->first_frame && bn_moving_fits(&run->options))
            job->bytes = bytes;
        else
            status = bn_cutout_decode(bytes.data, bytes.size, &run->options, &job->cutout, &err);
        outcome->frames = BN_MAX(outcome->frames, job->cutout.frames);
    }
    if (!job || !job->bytes.data) bn_buffer_free(&bytes);
    if (status == BIREFNET_OK) {
        bn_queue_push(&self->decoded, job);
        return;
    }
    bn_line_note_failure(self, photo, outcome, status, stage, err.message);
    bn_line_count_passed(self);
    if (job) bn_cutout_release(&job->cutout);
    free(job);
}

/* The first few by name; of more, the sum at the end says how many. */
static void tell_skipped(const bn_run *run, const bn_photo *photo)
{
    enum { NAMED = 10 };
    if (run->skipped <= NAMED || run->console->verbose)
        bn_console_say(run->console, "%s: skipped, %s is there", photo->source, photo->output);
    else if (run->skipped == NAMED + 1)
        bn_console_say(run->console, "more are skipped; --verbose or --report names them");
}

static void skip(bn_line *self, size_t index)
{
    const bn_photo *photo = &self->run->plan->photos[index];
    pthread_mutex_lock(&self->lock);
    self->run->outcomes[index].state = BN_OUTCOME_SKIPPED;
    self->run->skipped++;
    pthread_mutex_unlock(&self->lock);
    tell_skipped(self->run, photo);
}

/* The next photo that nobody else reads. */
static bool take_next(bn_line *self, size_t *index)
{
    pthread_mutex_lock(&self->lock);
    *index = self->next;
    const bool found = *index < self->run->plan->count;
    if (found) self->next++;
    pthread_mutex_unlock(&self->lock);
    return found;
}

void *bn_line_read(void *user)
{
    bn_line *self = user;
    size_t i;
    while (!bn_line_stopping(self) && take_next(self, &i)) {
        const bn_photo *photo = &self->run->plan->photos[i];
        if (photo->problem)
            bn_line_note_failure(self, photo, &self->run->outcomes[i], photo->problem_status,
                                 photo->problem_stage, photo->problem);
        else if (photo->skip)
            skip(self, i);
        else
            begin(self, i);
    }
    pthread_mutex_lock(&self->lock);
    const bool last = --self->readers == 0;
    pthread_mutex_unlock(&self->lock);
    if (last) bn_queue_close(&self->decoded);
    return NULL;
}
