/* run_network.c - decoded photos through the network: one by one, several of one size in one run of a card, animations whole. */
#include "cli/run_line.h"

#include "base/clock.h"
#include "base/size.h"
#include "cli/moving.h"

#include <stdatomic.h>
#include <string.h>

bool bn_run_on_card(const bn_run *run)
{
    return strncmp(run->model.device, "gpu", 3) == 0;
}

/* A session is about to work: opening one is no waiting. */
static void note_begin(bn_line *self)
{
    pthread_mutex_lock(&self->lock);
    if (self->first_ms == 0) self->first_ms = bn_clock_ms();
    pthread_mutex_unlock(&self->lock);
}

static void note_end(bn_line *self, const bn_cutout_times *times)
{
    pthread_mutex_lock(&self->lock);
    self->run->network_ms += times->network_ms;
    self->run->card_ms += times->card_ms;
    self->run->wall_ms = bn_clock_ms() - self->first_ms;
    pthread_mutex_unlock(&self->lock);
}

static bn_status matte(bn_line *self, bn_sessions *sessions, bn_work *job, bn_error *err)
{
    bn_run *run = self->run;
    birefnet_session *session;
    int width, height;
    bn_resolution_for_photo(&run->resolution, job->cutout.width, job->cutout.height, &width, &height);
    BN_TRY(bn_sessions_get(sessions, width, height, &session, err));
    note_begin(self);
    const bn_status status = bn_cutout_matte(session, &run->options, &job->cutout, err);
    note_end(self, &job->cutout.times);
    return status;
}

static void tell_frames(void *user, uint64_t done, uint64_t total)
{
    bn_line *self = user;
    if (self->run->sessions > 1) return; /* other photos move at the same time: the bar counts whole ones */
    self->frame = (double)done;
    self->frames = (double)total;
    bn_line_draw_bar(self, 0);
}

/* A whole animation, from its bytes to what is written. */
static void move(bn_line *self, bn_sessions *sessions, bn_work *job)
{
    bn_run *run = self->run;
    bn_error err = {0};
    bn_moving moving = {
        .photo = job->photo,
        .bytes = &job->bytes,
        .options = run->options,
        .mask_only = run->mask_only,
        .make_folders = run->plan->into_folder,
        .tell = tell_frames,
        .user = self,
        .frames = {.resolution = &run->resolution,
                   .sessions = sessions,
                   .smooth = run->smooth,
                   .jobs = run->jobs},
    };
    note_begin(self);
    const bn_status status = bn_moving_run(&moving, &err);
    if (run->sessions == 1) self->frame = self->frames = 0;
    bn_outcome_keep_moving(job->outcome, &moving);
    note_end(self, &moving.frames.times);
    if (status != BIREFNET_OK) {
        bn_line_note_failure(self, job->photo, job->outcome, status, moving.frames.stage, err.message);
        return;
    }
    bn_line_note_done(self, job);
}

/* Behind the network: on to the finishers, or failed. */
static void pass_on(bn_line *self, bn_work *job, bn_status status, const bn_error *err)
{
    if (status != BIREFNET_OK)
        bn_line_note_failure(self, job->photo, job->outcome, status, BN_STAGE_WORK, err->message);
    bn_line_count_passed(self);
    if (status == BIREFNET_OK)
        bn_queue_push(&self->matted, job);
    else
        bn_line_release(job);
}

static void matte_one(bn_line *self, bn_sessions *sessions, bn_work *job)
{
    bn_error err = {0};
    if (!sessions || bn_line_stopping(self)) {
        bn_line_release(job);
    } else if (job->bytes.data) {
        move(self, sessions, job);
        bn_line_count_passed(self);
        bn_line_release(job);
    } else {
        const bn_status status = matte(self, sessions, job, &err);
        pass_on(self, job, status, &err);
    }
}

/* ---- several photos in one run ---- */

static bool fit_together(const bn_run *run, bn_work *const *jobs, int count, int *width, int *height)
{
    for (int i = 0; i < count; i++) {
        int w, h;
        if (jobs[i]->bytes.data) return false; /* an animation */
        bn_resolution_for_photo(&run->resolution, jobs[i]->cutout.width, jobs[i]->cutout.height, &w, &h);
        if (i > 0 && (w != *width || h != *height)) return false;
        *width = w;
        *height = h;
    }
    return true;
}

/* False where that fails, and each is to go by itself. */
static bool matte_together(bn_line *self, bn_sessions *sessions, bn_work *const *jobs, int count)
{
    const bn_run *run = self->run;
    bn_cutout_member members[BN_RUN_MAX_JOBS];
    birefnet_session *session;
    bn_error err = {0};
    int width, height;
    if (bn_line_stopping(self) || atomic_load(&self->one_by_one) ||
        !fit_together(run, jobs, count, &width, &height))
        return false;
    for (int i = 0; i < count; i++) members[i] = (bn_cutout_member){&run->options, &jobs[i]->cutout};
    if (bn_sessions_get_batch(sessions, width, height, count, &session, &err) != BIREFNET_OK) {
        if (!atomic_exchange(&self->one_by_one, true))
            bn_console_say(run->console, "one photo a run, not %d: %s", count, err.message);
        return false;
    }
    note_begin(self);
    if (bn_cutout_matte_batch(session, members, count, &err) != BIREFNET_OK) return false;
    pthread_mutex_lock(&self->lock);
    self->run->together += (size_t)count;
    pthread_mutex_unlock(&self->lock);
    for (int i = 0; i < count; i++) {
        note_end(self, &jobs[i]->cutout.times);
        pass_on(self, jobs[i], BIREFNET_OK, &err);
    }
    return true;
}

/* The first of the queue, and with it what is decoded already, up to a batch. */
static int gather(bn_line *self, bn_work **jobs, int most)
{
    int count = 1;
    if (!(jobs[0] = bn_queue_pop(&self->decoded))) return 0;
    while (count < most && (jobs[count] = bn_queue_take(&self->decoded))) count++;
    return count;
}

void bn_line_matte(bn_line *self, bn_sessions *sessions)
{
    const bn_run *run = self->run;
    const int batch = sessions && bn_run_on_card(run) ? BN_MIN(BN_MAX(run->batch, 1), BN_RUN_MAX_JOBS) : 1;
    bn_work *jobs[BN_RUN_MAX_JOBS];
    for (int count; (count = gather(self, jobs, batch)) > 0;) {
        if (count > 1 && count == batch && matte_together(self, sessions, jobs, count)) continue;
        for (int i = 0; i < count; i++) matte_one(self, sessions, jobs[i]);
    }
}
