/* frames.c - the threads of a run of frames and the two queues between them; see frames.h. */
#include "cli/frames.h"

#include "base/clock.h"
#include "base/size.h"
#include "cli/interrupt.h"
#include "cli/queue.h"
#include "cutout/smooth.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_JOBS = 64 };

/* A frame between two threads. */
typedef struct work {
    bn_cutout cutout;
    bn_delay delay;
    uint64_t index;
} work;

typedef struct line {
    bn_frames *frames;
    bn_queue decoded, matted;
    bn_smooth smooth;
    atomic_bool stop; /* nothing more is to be begun */
    pthread_mutex_t lock;
    pthread_cond_t written; /* frames->done has changed, or stop */
    bn_status status;       /* the first failure, with its error; under the lock */
    bn_error err;
} line;

static bool stopping(line *self)
{
    return atomic_load(&self->stop) || bn_interrupted();
}

/* What was read before an input broke off still goes its way; any other failure ends all at once. */
static void fail(line *self, bn_status status, bn_stage stage, const bn_error *err)
{
    const bool at_once = stage != BN_STAGE_READ;
    pthread_mutex_lock(&self->lock);
    const bool first = self->status == BIREFNET_OK;
    if (first) {
        self->status = status;
        self->frames->stage = stage;
        self->err = *err;
    }
    if (at_once) atomic_store(&self->stop, true);
    pthread_cond_broadcast(&self->written);
    pthread_mutex_unlock(&self->lock);
    if (at_once && first && self->frames->io.stop) self->frames->io.stop(self->frames->io.user);
}

/* Frames are dropped: who waits for their turn waits in vain. */
static void halt(line *self)
{
    pthread_mutex_lock(&self->lock);
    atomic_store(&self->stop, true);
    pthread_cond_broadcast(&self->written);
    pthread_mutex_unlock(&self->lock);
}

static void release(work *job)
{
    bn_cutout_release(&job->cutout);
    free(job);
}

/* ---- reading ---- */

/* *made is NULL at the end. */
static bn_status read_frame(line *self, uint64_t index, work **made, bn_error *err)
{
    bn_frames *frames = self->frames;
    bn_image *image = NULL;
    bn_delay delay = {0, 1};
    const double start = bn_clock_ms();
    *made = NULL;
    BN_TRY(frames->io.read(frames->io.user, &image, &delay, err));
    if (!image) return BIREFNET_OK;
    work *job = calloc(1, sizeof *job);
    if (!job) {
        bn_image_destroy(&image);
        return bn_fail_memory(err, sizeof *job, "a frame");
    }
    job->index = index;
    job->delay = delay;
    const bn_status status = bn_cutout_take(&image, frames->options, &job->cutout, err);
    job->cutout.times.decode_ms = bn_clock_ms() - start;
    if (status == BIREFNET_OK)
        *made = job;
    else
        release(job);
    return status;
}

static void *read_frames(void *user)
{
    line *self = user;
    for (uint64_t index = 0; !stopping(self); index++) {
        bn_error err = {0};
        work *job = NULL;
        const bn_status status = read_frame(self, index, &job, &err);
        if (status != BIREFNET_OK) fail(self, status, BN_STAGE_READ, &err); /* job is NULL */
        if (!job) break;
        bn_queue_push(&self->decoded, job);
    }
    bn_queue_close(&self->decoded);
    return NULL;
}

/* ---- finishing ---- */

static void add_times(bn_frames *frames, const work *job)
{
    const bn_cutout_times *from = &job->cutout.times;
    frames->times.decode_ms += from->decode_ms;
    frames->times.network_ms += from->network_ms;
    frames->times.card_ms += from->card_ms;
    frames->times.refine_ms += from->refine_ms;
    frames->times.compose_ms += from->compose_ms;
    frames->times.encode_ms += from->encode_ms;
    if (job->index > 0) return;
    frames->width = job->cutout.width;
    frames->height = job->cutout.height;
    frames->result_width = job->cutout.result_width;
    frames->result_height = job->cutout.result_height;
    if (!frames->io.matte) {
        frames->network_width = job->cutout.network_width;
        frames->network_height = job->cutout.network_height;
    }
    if (!frames->note[0]) memcpy(frames->note, job->cutout.note, sizeof frames->note);
}

/* Frames leave the queue in their order: the one whose turn it is never waits. */
static bool await_turn(line *self, uint64_t index)
{
    pthread_mutex_lock(&self->lock);
    while (self->frames->done != index && !stopping(self)) pthread_cond_wait(&self->written, &self->lock);
    const bool go = self->frames->done == index && !stopping(self);
    pthread_mutex_unlock(&self->lock);
    return go;
}

static void finish(line *self, work *job)
{
    bn_frames *frames = self->frames;
    bn_error err = {0};
    bn_image *result = NULL;
    bn_cutout *cutout = &job->cutout;
    bn_status status = bn_cutout_render(frames->options, cutout, &result, &err);
    bn_image_destroy(&cutout->image);
    bn_stage stage = BN_STAGE_WORK;
    if (status == BIREFNET_OK && !await_turn(self, job->index)) {
        halt(self);
    } else if (status == BIREFNET_OK) {
        const double start = bn_clock_ms();
        stage = BN_STAGE_WRITE;
        status = frames->io.write(frames->io.user, result, cutout->matte, cutout->result_width,
                                  cutout->result_height, job->delay, &err);
        cutout->times.encode_ms = bn_clock_ms() - start;
        if (status == BIREFNET_OK) {
            pthread_mutex_lock(&self->lock);
            add_times(frames, job);
            frames->done++;
            pthread_cond_broadcast(&self->written);
            pthread_mutex_unlock(&self->lock);
        }
    }
    if (status != BIREFNET_OK) fail(self, status, stage, &err);
    bn_image_destroy(&result);
}

static void *finish_frames(void *user)
{
    line *self = user;
    for (work *job; (job = bn_queue_pop(&self->matted));) {
        if (!stopping(self))
            finish(self, job);
        else
            halt(self);
        release(job);
    }
    return NULL;
}

/* ---- the network ---- */

static bn_status matte(line *self, work *job, bn_error *err)
{
    bn_frames *frames = self->frames;
    birefnet_session *session;
    int width, height;
    if (frames->io.matte) return frames->io.matte(frames->io.user, &job->cutout, err);
    bn_resolution_for_photo(frames->resolution, job->cutout.width, job->cutout.height, &width, &height);
    BN_TRY(bn_sessions_get(frames->sessions, width, height, &session, err));
    BN_TRY(bn_cutout_matte(session, frames->options, &job->cutout, err));
    return bn_smooth_apply(&self->smooth, job->cutout.image, job->cutout.matte, err);
}

/* The queue is emptied in any case, so that the reader ends. */
static void matte_frames(line *self)
{
    const bn_frames *frames = self->frames;
    for (work *job; (job = bn_queue_pop(&self->decoded));) {
        bn_error err = {0};
        if (!stopping(self)) {
            const bn_status status = matte(self, job, &err);
            if (status == BIREFNET_OK) {
                frames->tell(frames->tell_user, job->index + 1);
                bn_queue_push(&self->matted, job);
                continue;
            }
            fail(self, status, BN_STAGE_WORK, &err);
        }
        release(job);
    }
}

bn_status bn_frames_run(bn_frames *frames, bn_error *err)
{
    line self = {.frames = frames, .smooth = {.strength = frames->smooth}};
    pthread_t reader, finishers[MAX_JOBS];
    const int jobs = BN_MIN(BN_MAX(frames->jobs, 1), (int)MAX_JOBS);
    const bn_error no_thread = {BIREFNET_ERROR_MEMORY, "cannot start a thread"};
    int started = 0;
    frames->done = 0;
    bn_queue_init(&self.decoded, 1);
    bn_queue_init(&self.matted, (size_t)jobs);
    pthread_mutex_init(&self.lock, NULL);
    pthread_cond_init(&self.written, NULL);
    atomic_init(&self.stop, false);
    while (started < jobs && pthread_create(&finishers[started], NULL, finish_frames, &self) == 0) started++;
    const bool reading = started == jobs && pthread_create(&reader, NULL, read_frames, &self) == 0;
    if (reading)
        matte_frames(&self);
    else
        fail(&self, BIREFNET_ERROR_MEMORY, BN_STAGE_WORK, &no_thread);
    if (reading) pthread_join(reader, NULL);
    bn_queue_close(&self.matted);
    for (int i = 0; i < started; i++) pthread_join(finishers[i], NULL);
    bn_smooth_release(&self.smooth);
    bn_queue_destroy(&self.decoded);
    bn_queue_destroy(&self.matted);
    pthread_cond_destroy(&self.written);
    pthread_mutex_destroy(&self.lock);
    if (bn_interrupted()) return bn_fail(err, BIREFNET_ERROR_CANCELLED, "interrupted");
    if (self.status != BIREFNET_OK && err) *err = self.err;
    return self.status;
}
