/* bench_jobs.c - how many pictures several sessions of one model do beside each other. */
#include "cli/bench_network.h"

#include "base/clock.h"
#include "base/seeded.h"
#include "base/size.h"
#include "model/model.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

/* All sessions warm up, then begin at the same time. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int warm;
    bool open;
} gate;

typedef struct work {
    pthread_t thread;
    birefnet_session *session;
    const bn_bench_options *options;
    gate *gate;
    double end_ms;
    bn_status status;
    bn_error err;
} work;

static int asked_to_stop(void *user, const char *part, double done)
{
    (void)part;
    (void)done;
    return ((const bn_bench_options *)user)->stop();
}

/* One picture; the input's memory is used for other things during a run. */
static void run_picture(work *self)
{
    birefnet_session_info info;
    if (self->status != BIREFNET_OK) return;
    birefnet_session_get_info(self->session, &info);
    const size_t pixels = (size_t)info.width * (size_t)info.height;
    bn_seeded_fill("bench", 1, 0, 2, 0, bn_session_input(self->session), 3 * pixels);
    self->status = bn_session_run_inplace(self->session, &self->err);
}

static void *work_through(void *user)
{
    work *self = user;
    gate *g = self->gate;
    run_picture(self);
    pthread_mutex_lock(&g->lock);
    g->warm++;
    pthread_cond_broadcast(&g->changed);
    while (!g->open) pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
    for (int i = 0; i < self->options->runs; i++) run_picture(self);
    self->end_ms = bn_clock_ms();
    return NULL;
}

/* Wait until `count` sessions are warm, let them go, and say when that was. */
static double open_gate(gate *g, int count)
{
    pthread_mutex_lock(&g->lock);
    while (g->warm < count) pthread_cond_wait(&g->changed, &g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    return bn_clock_ms();
}

static bn_status run_all(work *works, int sessions, double *wall_ms, bn_error *err)
{
    gate g = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    int started = 0;
    bn_status status = BIREFNET_OK;
    for (; started < sessions && status == BIREFNET_OK; started++) {
        works[started].gate = &g;
        if (pthread_create(&works[started].thread, NULL, work_through, &works[started]) == 0) continue;
        status = bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot start a thread");
        break;
    }
    const double begin_ms = open_gate(&g, started);
    for (int i = 0; i < started; i++) {
        pthread_join(works[i].thread, NULL);
        *wall_ms = BN_MAX(*wall_ms, works[i].end_ms - begin_ms);
        if (status == BIREFNET_OK && works[i].status != BIREFNET_OK) {
            status = works[i].status;
            *err = works[i].err;
        }
    }
    pthread_mutex_destroy(&g.lock);
    pthread_cond_destroy(&g.changed);
    return status;
}

bn_status bn_bench_run_jobs(const bn_bench_options *options, int sessions, bn_bench_jobs *result,
                            bn_error *err)
{
    birefnet_model *model = NULL;
    bn_status status = BIREFNET_OK;
    *result = (bn_bench_jobs){.sessions = sessions, .threads = BN_MAX(options->threads / sessions, 1)};
    const birefnet_session_options size = {
        .width = options->width, .height = options->height, .threads = result->threads};
    work *works = calloc((size_t)sessions, sizeof *works);
    if (!works) return bn_fail_memory(err, (size_t)sessions * sizeof *works, "sessions");
    BN_TRY_DONE(birefnet_model_open(options->model_path, &options->model, &model, err));
    for (int i = 0; i < sessions; i++) {
        works[i].options = options;
        BN_TRY_DONE(birefnet_session_open(model, &size, &works[i].session, err));
        if (options->stop)
            birefnet_session_set_progress(works[i].session, asked_to_stop, (void *)(uintptr_t)options);
    }
    double wall_ms = 0;
    BN_TRY_DONE(run_all(works, sessions, &wall_ms, err));
    result->pictures_a_minute = sessions * options->runs / wall_ms * 60e3;
done:
    for (int i = 0; i < sessions; i++) birefnet_session_close(&works[i].session);
    birefnet_model_close(&model);
    free(works);
    return status;
}
