/* run.c - three kinds of threads and two queues; see run.h. The caller's thread is one of the network's. */
#include "cli/run.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/size.h"
#include "cli/interrupt.h"
#include "cli/moving.h"
#include "cli/queue.h"
#include "cli/source.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAX_JOBS 64

/* A photo between two threads. */
typedef struct work {
    const bn_photo *photo;
    bn_outcome *outcome;
    bn_cutout cutout;
    bn_buffer bytes; /* of an animation that stays one; empty for a still */
} work;

typedef struct line {
    bn_run *run;
    bn_queue decoded;     /* work for the network; short: a decoded photo may be large */
    bn_queue matted;      /* work for the finishers */
    pthread_mutex_t lock; /* outcomes' states and the counts of the run */
    atomic_bool stop;     /* nothing more is to be begun */
    double first_ms;      /* when the network began; 0 before */
    size_t to_do;         /* photos that are neither skipped nor a problem from the start */
    size_t passed;        /* of those, behind the network or failed; only the bar reads it, under the lock */
    double frame,
        frames; /* of an animation under way: behind the network, and all; only the network's thread */
} line;

static bool stopping(line *self)
{
    return atomic_load(&self->stop) || bn_interrupted();
}

static void draw_bar(line *self, double share)
{
    bn_run *run = self->run;
    pthread_mutex_lock(&self->lock);
    const double inside = self->frames > 0 ? (self->frame + share) / self->frames : share;
    const double done = (double)self->passed + inside;
    const size_t failed = run->failed;
    pthread_mutex_unlock(&self->lock);
    if (self->frames > 0 && !run->plan->many)
        bn_console_bar_count(run->console, "frames", self->frame + share, (uint64_t)self->frames, 0);
    else
        bn_console_bar_count(run->console, "photos", BN_MIN(done, (double)self->to_do), self->to_do, failed);
}

static int on_progress(void *user, const char *part, double share)
{
    (void)part;
    line *self = user;
    if (stopping(self)) return 1;
    draw_bar(self, self->run->sessions > 1 ? 0 : share); /* of several photos at a time, whole ones */
    return 0;
}

static void count_passed(line *self)
{
    pthread_mutex_lock(&self->lock);
    self->passed++;
    pthread_mutex_unlock(&self->lock);
    draw_bar(self, 0);
}

static void note_failure(line *self, const bn_photo *photo, bn_outcome *outcome, bn_status status,
                         bn_stage stage, const char *message)
{
    bn_run *run = self->run;
    if (status == BIREFNET_ERROR_CANCELLED) return; /* it stays "not reached" */
    outcome->status = status;
    outcome->stage = stage;
    outcome->message = strdup(message); /* NULL only costs the report its words */
    pthread_mutex_lock(&self->lock);
    outcome->state = BN_OUTCOME_FAILED;
    run->failed++;
    pthread_mutex_unlock(&self->lock);
    const char *source = strcmp(photo->source, "-") == 0 ? "standard input" : photo->source;
    if (strstr(message, source)) /* "cannot open PATH: ..." says it already */
        bn_console_error(run->console, "%s", message);
    else
        bn_console_error(run->console, "%s: %s", source, message);
}

static void note_done(line *self, const work *job)
{
    pthread_mutex_lock(&self->lock);
    job->outcome->state = BN_OUTCOME_DONE;
    self->run->done++;
    pthread_mutex_unlock(&self->lock);
    bn_outcome_tell(self->run, job->photo, job->outcome);
}

/* ---- reading and decoding ---- */

static void begin(line *self, size_t index)
{
    bn_run *run = self->run;
    const bn_photo *photo = &run->plan->photos[index];
    bn_outcome *outcome = &run->outcomes[index];
    bn_error err = {0};
    bn_buffer bytes;
    bn_buffer_init(&bytes, BN_SOURCE_MAX_BYTES);
    work *job = calloc(1, sizeof *job);
    bn_stage stage = BN_STAGE_READ;
    bn_status status = job ? BIREFNET_OK : bn_fail_memory(&err, sizeof *job, "a photo");
    const double start = bn_clock_ms();
    if (status == BIREFNET_OK) status = bn_source_read(photo->source, &bytes, &err);
    outcome->read_ms = bn_clock_ms() - start;
    if (status == BIREFNET_OK) {
        stage = BN_STAGE_WORK;
        *job = (work){.photo = photo, .outcome = outcome};
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
    note_failure(self, photo, outcome, status, stage, err.message);
    count_passed(self);
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

static void *read_photos(void *user)
{
    line *self = user;
    for (size_t i = 0; i < self->run->plan->count && !stopping(self); i++) {
        const bn_photo *photo = &self->run->plan->photos[i];
        bn_outcome *outcome = &self->run->outcomes[i];
        if (photo->problem) {
            note_failure(self, photo, outcome, photo->problem_status, photo->problem_stage, photo->problem);
        } else if (photo->skip) {
            pthread_mutex_lock(&self->lock);
            outcome->state = BN_OUTCOME_SKIPPED;
            self->run->skipped++;
            pthread_mutex_unlock(&self->lock);
            tell_skipped(self->run, photo);
        } else {
            begin(self, i);
        }
    }
    bn_queue_close(&self->decoded);
    return NULL;
}

/* ---- finishing and writing ---- */

static bn_status write_results(const bn_run *run, const work *job, bn_error *err)
{
    const bn_cutout *cutout = &job->cutout;
    const bool folders = run->plan->into_folder;
    if (run->mask_only) return bn_target_write(job->photo->output, &cutout->mask, folders, err);
    /* the cut-out last: where it is, its mask is */
    if (job->photo->mask) BN_TRY(bn_target_write(job->photo->mask, &cutout->mask, folders, err));
    return bn_target_write(job->photo->output, &cutout->cutout, folders, err);
}

static void finish(line *self, work *job)
{
    bn_run *run = self->run;
    bn_error err = {0};
    bn_stage stage = BN_STAGE_WORK;
    bn_status status = bn_cutout_finish(&run->options, &job->cutout, &err);
    bn_outcome_keep(job->outcome, &job->cutout);
    if (status == BIREFNET_OK) {
        stage = BN_STAGE_WRITE;
        const double start = bn_clock_ms();
        status = write_results(run, job, &err);
        job->outcome->write_ms = bn_clock_ms() - start;
    }
    if (status != BIREFNET_OK) {
        note_failure(self, job->photo, job->outcome, status, stage, err.message);
        return;
    }
    note_done(self, job);
}

static void release(work *job)
{
    bn_buffer_free(&job->bytes);
    bn_cutout_release(&job->cutout);
    free(job);
}

static void *finish_photos(void *user)
{
    line *self = user;
    for (work *job; (job = bn_queue_pop(&self->matted));) {
        if (!stopping(self)) finish(self, job);
        release(job);
    }
    return NULL;
}

/* ---- the network ---- */

/* A session is about to work: opening one is no waiting. */
static void note_begin(line *self)
{
    pthread_mutex_lock(&self->lock);
    if (self->first_ms == 0) self->first_ms = bn_clock_ms();
    pthread_mutex_unlock(&self->lock);
}

static void note_end(line *self, double network_ms)
{
    pthread_mutex_lock(&self->lock);
    self->run->network_ms += network_ms;
    self->run->wall_ms = bn_clock_ms() - self->first_ms;
    pthread_mutex_unlock(&self->lock);
}

static bn_status matte(line *self, bn_sessions *sessions, work *job, bn_error *err)
{
    bn_run *run = self->run;
    birefnet_session *session;
    int width, height;
    bn_resolution_for_photo(&run->resolution, job->cutout.width, job->cutout.height, &width, &height);
    BN_TRY(bn_sessions_get(sessions, width, height, &session, err));
    note_begin(self);
    const bn_status status = bn_cutout_matte(session, &run->options, &job->cutout, err);
    note_end(self, job->cutout.times.network_ms);
    return status;
}

static void tell_frames(void *user, uint64_t done, uint64_t total)
{
    line *self = user;
    if (self->run->sessions > 1) return; /* other photos move at the same time: the bar counts whole ones */
    self->frame = (double)done;
    self->frames = (double)total;
    draw_bar(self, 0);
}

/* A whole animation, from its bytes to what is written. */
static void move(line *self, bn_sessions *sessions, work *job)
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
    note_end(self, moving.frames.times.network_ms);
    if (status != BIREFNET_OK) {
        note_failure(self, job->photo, job->outcome, status, moving.frames.stage, err.message);
        return;
    }
    note_done(self, job);
}

static void matte_photos(line *self, bn_sessions *sessions)
{
    for (work *job; (job = bn_queue_pop(&self->decoded));) {
        bn_error err = {0};
        bn_status status = BIREFNET_ERROR_CANCELLED;
        if (sessions && !stopping(self) && job->bytes.data) {
            move(self, sessions, job);
            count_passed(self);
        } else if (sessions && !stopping(self)) {
            status = matte(self, sessions, job, &err);
            if (status != BIREFNET_OK)
                note_failure(self, job->photo, job->outcome, status, BN_STAGE_WORK, err.message);
            count_passed(self);
        }
        if (status == BIREFNET_OK)
            bn_queue_push(&self->matted, job);
        else
            release(job);
    }
}

static bn_status open_model(bn_run *run, birefnet_model **model, bn_error *err)
{
    const double start = bn_clock_ms();
    *model = run->open;
    if (!run->open) BN_TRY(birefnet_model_open(run->model_path, &run->model_options, model, err));
    birefnet_model_get_info(*model, &run->model);
    run->model_is_open = true;
    run->open_ms = bn_clock_ms() - start;
    return BIREFNET_OK;
}

/* One of several that take photos from the same queue. */
typedef struct network {
    line *line;
    bn_sessions *sessions;
    pthread_t thread;
} network;

static void *run_network(void *user)
{
    network *self = user;
    matte_photos(self->line, self->sessions);
    return NULL;
}

/* Several sessions of fewer threads do more photos a minute than one of all threads (docs/SPEED.md). */
static bn_status create_networks(line *self, birefnet_model *model, network *networks, bn_error *err)
{
    bn_run *run = self->run;
    const int threads = run->threads > 0 ? run->threads : BN_MIN(bn_cpu_threads(), MAX_JOBS);
    run->sessions = BN_MIN(BN_MIN(run->jobs, threads), (int)BN_MIN(self->to_do, MAX_JOBS));
    run->sessions = BN_MAX(run->sessions, 1);
    for (int i = 0; i < run->sessions; i++) {
        networks[i].line = self;
        BN_TRY(bn_sessions_create(model, threads / run->sessions, run->resolution.native ? 2 : 1, on_progress,
                                  self, &networks[i].sessions, err));
    }
    return BIREFNET_OK;
}

/* The model, then every decoded photo through it. The queue is emptied in any case, so that the reader ends. */
static bn_status work_network(line *self, bn_error *err)
{
    network networks[MAX_JOBS] = {0};
    birefnet_model *model = NULL;
    int started = 1;        /* the first is the caller's thread */
    if (self->to_do == 0) { /* all of it is there already: no need for weights */
        matte_photos(self, NULL);
        return BIREFNET_OK;
    }
    bn_status status = open_model(self->run, &model, err);
    if (status == BIREFNET_OK) status = create_networks(self, model, networks, err);
    if (status != BIREFNET_OK) atomic_store(&self->stop, true);
    draw_bar(self, 0);
    while (status == BIREFNET_OK && started < self->run->sessions &&
           pthread_create(&networks[started].thread, NULL, run_network, &networks[started]) == 0)
        started++; /* where one cannot be started, the others do its work */
    matte_photos(self, networks[0].sessions);
    for (int i = 1; i < started; i++) pthread_join(networks[i].thread, NULL);
    for (int i = 0; i < MAX_JOBS; i++) bn_sessions_destroy(&networks[i].sessions);
    if (!self->run->open) birefnet_model_close(&model);
    return status;
}

static void line_init(line *self, bn_run *run)
{
    *self = (line){.run = run};
    bn_queue_init(&self->decoded, 1);
    bn_queue_init(&self->matted, (size_t)run->jobs);
    pthread_mutex_init(&self->lock, NULL);
    atomic_init(&self->stop, false);
    for (size_t i = 0; i < run->plan->count; i++)
        self->to_do += !run->plan->photos[i].skip && !run->plan->photos[i].problem;
}

bn_status bn_run_photos(bn_run *run, bn_error *err)
{
    line self;
    pthread_t reader, finishers[MAX_JOBS];
    int started = 0;
    bool reading = false;
    bn_status status = BIREFNET_OK;
    run->jobs = BN_MIN(BN_MAX(run->jobs, 1), MAX_JOBS);
    /* one photo has all threads to itself; of many, each is finished beside the network's work on the next */
    const int all_threads = run->threads > 0 ? run->threads : bn_cpu_threads();
    if (run->options.threads < 1) run->options.threads = run->plan->many ? 1 : all_threads;
    run->outcomes = calloc(run->plan->count + 1, sizeof *run->outcomes);
    if (!run->outcomes) return bn_fail_memory(err, run->plan->count * sizeof *run->outcomes, "the outcomes");

    line_init(&self, run);
    bn_console_bar_start(run->console);
    reading = pthread_create(&reader, NULL, read_photos, &self) == 0;
    while (reading && started < run->jobs &&
           pthread_create(&finishers[started], NULL, finish_photos, &self) == 0)
        started++;
    if (!reading) bn_queue_close(&self.decoded);
    if (started < run->jobs) {
        status = bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot start a thread");
        atomic_store(&self.stop, true);
        matte_photos(&self, NULL);
    } else {
        status = work_network(&self, err);
    }
    bn_queue_close(&self.matted);
    if (reading) pthread_join(reader, NULL);
    for (int i = 0; i < started; i++) pthread_join(finishers[i], NULL);
    run->network_waits = self.decoded.pop_waits + self.matted.push_waits;
    bn_console_bar_end(run->console);

    bn_queue_destroy(&self.decoded);
    bn_queue_destroy(&self.matted);
    pthread_mutex_destroy(&self.lock);
    return status;
}

void bn_run_free(bn_run *run)
{
    for (size_t i = 0; run->outcomes && i < run->plan->count; i++) free(run->outcomes[i].message);
    free(run->outcomes);
    run->outcomes = NULL;
}
