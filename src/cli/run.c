/* run.c - three kinds of threads and two queues; see run.h. The caller's thread is one of the network's. Reading is in
 * run_read.c, the network in run_network.c. */
#include "cli/run_line.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/size.h"
#include "cli/interrupt.h"
#include "cli/queue.h"
#include "cli/source.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

bool bn_line_stopping(bn_line *self)
{
    return atomic_load(&self->stop) || bn_interrupted();
}

void bn_line_draw_bar(bn_line *self, double share)
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
    bn_line *self = user;
    if (bn_line_stopping(self)) return 1;
    bn_line_draw_bar(self, self->run->sessions > 1 ? 0 : share); /* of several photos at a time, whole ones */
    return 0;
}

void bn_line_count_passed(bn_line *self)
{
    pthread_mutex_lock(&self->lock);
    self->passed++;
    pthread_mutex_unlock(&self->lock);
    bn_line_draw_bar(self, 0);
}

void bn_line_note_failure(bn_line *self, const bn_photo *photo, bn_outcome *outcome, bn_status status,
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

void bn_line_note_done(bn_line *self, const bn_work *job)
{
    pthread_mutex_lock(&self->lock);
    job->outcome->state = BN_OUTCOME_DONE;
    self->run->done++;
    pthread_mutex_unlock(&self->lock);
    bn_outcome_tell(self->run, job->photo, job->outcome);
}

/* ---- finishing and writing ---- */

static bn_status write_results(const bn_run *run, const bn_work *job, bn_error *err)
{
    const bn_cutout *cutout = &job->cutout;
    const bool folders = run->plan->into_folder;
    if (run->mask_only) return bn_target_write(job->photo->output, &cutout->mask, folders, err);
    /* the cut-out last: where it is, its mask is */
    if (job->photo->mask) BN_TRY(bn_target_write(job->photo->mask, &cutout->mask, folders, err));
    return bn_target_write(job->photo->output, &cutout->cutout, folders, err);
}

static void finish(bn_line *self, bn_work *job)
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
        bn_line_note_failure(self, job->photo, job->outcome, status, stage, err.message);
        return;
    }
    bn_line_note_done(self, job);
}

void bn_line_release(bn_work *job)
{
    bn_buffer_free(&job->bytes);
    bn_cutout_release(&job->cutout);
    free(job);
}

static void *finish_photos(void *user)
{
    bn_line *self = user;
    for (bn_work *job; (job = bn_queue_pop(&self->matted));) {
        if (!bn_line_stopping(self)) finish(self, job);
        bn_line_release(job);
    }
    return NULL;
}

/* ---- the network: run_network.c ---- */

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
    bn_line *line;
    bn_sessions *sessions;
    pthread_t thread;
} network;

static void *run_network(void *user)
{
    network *self = user;
    bn_line_matte(self->line, self->sessions);
    return NULL;
}

/* ---- a graphics card: the CPU has to keep up with it ---- */

#define CARD_SESSIONS 3 /* one computes, one is handed over, one is prepared or read */
#define CARD_READERS  4
#define CARD_HANDS    10 /* that finish: refining colours and encoding are most of the work */

static int all_threads(const bn_run *run)
{
    return run->threads > 0 ? run->threads : BN_MIN(bn_cpu_threads(), BN_RUN_MAX_JOBS);
}

static void add_reader(bn_line *self)
{
    pthread_mutex_lock(&self->lock);
    const bool reads = self->readers > 0; /* else the queue may be closed already */
    self->readers += reads;
    pthread_mutex_unlock(&self->lock);
    if (!reads) return;
    if (pthread_create(&self->more[self->more_readers + self->more_finishers], NULL, bn_line_read, self) ==
        0) {
        self->more_readers++;
        return;
    }
    pthread_mutex_lock(&self->lock);
    const bool last = --self->readers == 0;
    pthread_mutex_unlock(&self->lock);
    if (last) bn_queue_close(&self->decoded);
}

/* Threads that read and finish beside the first of each, where nobody said how many photos at a time: as many as there are
 * cores, but only so many that their photos fit into an ordinary machine's memory. */
static void add_hands(bn_line *self)
{
    const int threads = BN_MIN(all_threads(self->run), (int)BN_MIN(self->to_do, BN_RUN_MAX_JOBS));
    const int readers = BN_MIN(threads / 4, CARD_READERS), finishers = BN_MIN(threads * 5 / 8, CARD_HANDS);
    bn_queue_widen(&self->decoded, CARD_SESSIONS);
    bn_queue_widen(&self->matted, 2);
    for (int i = 1; i < readers; i++) add_reader(self);
    for (int i = 1; i < finishers; i++)
        if (pthread_create(&self->more[self->more_readers + self->more_finishers], NULL, finish_photos,
                           self) == 0)
            self->more_finishers++;
}

static void choose_sessions(bn_line *self)
{
    bn_run *run = self->run;
    const int photos = (int)BN_MIN(self->to_do, BN_RUN_MAX_JOBS);
    const bool chosen = !run->jobs_given && bn_run_on_card(run) && run->plan->many;
    const int jobs = chosen ? CARD_SESSIONS : run->jobs;
    run->sessions = BN_MAX(BN_MIN(BN_MIN(jobs, chosen ? jobs : all_threads(run)), photos), 1);
    if (bn_run_on_card(run) && run->batch > 1)
        bn_queue_widen(&self->decoded, (size_t)(run->batch + run->sessions));
    if (chosen) add_hands(self);
}

/* Several sessions of fewer threads do more photos a minute than one of all threads (docs/SPEED.md). */
static bn_status create_networks(bn_line *self, birefnet_model *model, network *networks, bn_error *err)
{
    bn_run *run = self->run;
    choose_sessions(self);
    const int threads = BN_MAX(all_threads(run) / run->sessions, 1);
    const int sizes = (run->resolution.native ? 2 : 1) * (run->batch > 1 ? 2 : 1); /* that stay open */
    for (int i = 0; i < run->sessions; i++) {
        networks[i].line = self;
        BN_TRY(bn_sessions_create(model, threads, sizes, on_progress, self, &networks[i].sessions, err));
    }
    return BIREFNET_OK;
}

/* The model, then every decoded photo through it. The queue is emptied in any case, so that the reader ends. */
static bn_status work_network(bn_line *self, bn_error *err)
{
    network networks[BN_RUN_MAX_JOBS] = {0};
    birefnet_model *model = NULL;
    int started = 1;        /* the first is the caller's thread */
    if (self->to_do == 0) { /* all of it is there already: no need for weights */
        bn_line_matte(self, NULL);
        return BIREFNET_OK;
    }
    bn_status status = open_model(self->run, &model, err);
    if (status == BIREFNET_OK) status = create_networks(self, model, networks, err);
    if (status != BIREFNET_OK) atomic_store(&self->stop, true);
    bn_line_draw_bar(self, 0);
    while (status == BIREFNET_OK && started < self->run->sessions &&
           pthread_create(&networks[started].thread, NULL, run_network, &networks[started]) == 0)
        started++; /* where one cannot be started, the others do its work */
    bn_line_matte(self, networks[0].sessions);
    for (int i = 1; i < started; i++) pthread_join(networks[i].thread, NULL);
    for (int i = 0; i < BN_RUN_MAX_JOBS; i++) bn_sessions_destroy(&networks[i].sessions);
    if (!self->run->open) birefnet_model_close(&model);
    return status;
}

static void line_init(bn_line *self, bn_run *run)
{
    *self = (bn_line){.run = run};
    bn_queue_init(&self->decoded, 1);
    bn_queue_init(&self->matted, (size_t)run->jobs);
    pthread_mutex_init(&self->lock, NULL);
    atomic_init(&self->stop, false);
    for (size_t i = 0; i < run->plan->count; i++)
        self->to_do += !run->plan->photos[i].skip && !run->plan->photos[i].problem;
}

bn_status bn_run_photos(bn_run *run, bn_error *err)
{
    bn_line self;
    pthread_t reader, finishers[BN_RUN_MAX_JOBS];
    int started = 0;
    bool reading = false;
    bn_status status = BIREFNET_OK;
    run->jobs_given = run->jobs > 0;
    run->jobs = BN_MIN(BN_MAX(run->jobs, 1), BN_RUN_MAX_JOBS);
    /* one photo has all threads to itself; of many, each is finished beside the network's work on the next */
    const int threads = run->threads > 0 ? run->threads : bn_cpu_threads();
    if (run->options.threads < 1) run->options.threads = run->plan->many ? 1 : threads;
    run->outcomes = calloc(run->plan->count + 1, sizeof *run->outcomes);
    if (!run->outcomes) return bn_fail_memory(err, run->plan->count * sizeof *run->outcomes, "the outcomes");

    line_init(&self, run);
    bn_console_bar_start(run->console);
    self.readers = 1;
    reading = pthread_create(&reader, NULL, bn_line_read, &self) == 0;
    while (reading && started < run->jobs &&
           pthread_create(&finishers[started], NULL, finish_photos, &self) == 0)
        started++;
    if (!reading) bn_queue_close(&self.decoded);
    if (started < run->jobs) {
        status = bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot start a thread");
        atomic_store(&self.stop, true);
        bn_line_matte(&self, NULL);
    } else {
        status = work_network(&self, err);
    }
    bn_queue_close(&self.matted);
    if (reading) pthread_join(reader, NULL);
    for (int i = 0; i < started; i++) pthread_join(finishers[i], NULL);
    for (int i = 0; i < self.more_readers + self.more_finishers; i++) pthread_join(self.more[i], NULL);
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
