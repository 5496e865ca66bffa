/* compute.c - the threads that run the network, each in a seat of its own. */
#include "queue/private.h"
#include "weights/presets.h"

#include <string.h>

/* Asked between layers, and within. */
int bn_compute_progress(void *user, const char *part, double done)
{
    bn_seat *seat = user;
    bn_jobs *jobs = seat->jobs;
    (void)part;
    bn_job *job = seat->job; /* set by this thread */
    if (!job) return 0;
    if (atomic_load(&job->stop)) return 1;
    if (done < job->told + 0.05 && done < 1) return 0;
    const int percent = (int)(done * 100);
    const bool quarter = percent / 25 > (int)(job->told * 100) / 25;
    job->told = done;
    pthread_mutex_lock(&jobs->lock);
    job->progress = 0.1 + 0.7 * done;
    pthread_mutex_unlock(&jobs->lock);
    if (quarter && percent < 100)
        bn_job_log(jobs, job, BIREFNET_LOG_INFO, "Network: %d %%", percent / 25 * 25);
    else
        bn_watches_tell(jobs, job->accepted.id);
    return 0;
}

void bn_compute_opening(void *user, const char *weights)
{
    bn_seat *seat = user;
    bn_job *job = seat->job; /* NULL: a model is opened before there is a request */
    if (job) bn_job_log(seat->jobs, job, BIREFNET_LOG_INFO, "Opening the weights of %s", weights);
}

/* What the job is told of the session it got, beside others in its run or alone. */
static void tell_session(bn_jobs *jobs, bn_job *job, const bn_engine_answer *answer)
{
    birefnet_session_info info;
    birefnet_session_get_info(answer->session, &info);
    memcpy(job->weights, answer->weights, sizeof job->weights);
    if (answer->is_fallback) {
        const bn_preset *asked = bn_preset_find(job->input.model);
        bn_job_log(jobs, job, BIREFNET_LOG_WARNING,
                   "The weights of %s are not here: %s answers (to get them: birefnet pull %s)",
                   job->input.model, answer->weights, asked ? asked->alias : job->input.model);
    }
    char others[40] = "";
    if (info.batch > 1) snprintf(others, sizeof others, ", %d photos in one run", info.batch);
    bn_job_log(jobs, job, BIREFNET_LOG_INFO, "Network: %s at %d x %d%s", answer->weights, info.width,
               info.height, others);
}

static void count_network(bn_jobs *jobs, bn_job *job)
{
    bn_metrics_time(&jobs->metrics, BN_WORK_NETWORK, job->cutout.times.network_ms);
    job->compute_ms += job->cutout.times.network_ms;
}

/* A session for the job, what it is told about it, and its matte. */
static bn_status run_network(bn_seat *seat, bn_job *job, bn_error *err)
{
    bn_jobs *jobs = seat->jobs;
    bn_engine_answer answer = {.weights = ""};
    BN_TRY(bn_engine_get(jobs->held.engine, seat->number, job->input.model, job->input.width,
                         job->input.height, &answer, err));
    tell_session(jobs, job, &answer);
    const bn_status status = bn_cutout_matte(answer.session, &job->options, &job->cutout, err);
    count_network(jobs, job);
    return status;
}

/* From now on: trying again would close sessions in vain. */
static void go_alone(bn_jobs *jobs, const bn_error *err)
{
    bn_log_line(&jobs->options.log, BIREFNET_LOG_WARNING, "one photo a run from now on: %s", err->message);
    pthread_mutex_lock(&jobs->lock);
    jobs->options.batch = 1;
    pthread_mutex_unlock(&jobs->lock);
}

/* Mattes for several photos in one run; what fails is left for each of them alone, which says why. */
static void run_together(bn_seat *seat, bn_job *const *batch, int count)
{
    bn_jobs *jobs = seat->jobs;
    const bn_input *input = &batch[0]->input;
    bn_engine_answer answer = {.weights = ""};
    bn_cutout_member members[BN_JOBS_MAX_BATCH];
    bn_error err = {0};
    for (int i = 0; i < count; i++) members[i] = (bn_cutout_member){&batch[i]->options, &batch[i]->cutout};
    bn_status status = bn_engine_get_batch(jobs->held.engine, seat->number, input->model, input->width,
                                           input->height, count, &answer, &err);
    if (status == BIREFNET_OK) status = bn_cutout_matte_batch(answer.session, members, count, &err);
    if (status == BIREFNET_ERROR_DEVICE) bn_engine_lost(jobs->held.engine, seat->number);
    if (status == BIREFNET_ERROR_MEMORY || status == BIREFNET_ERROR_ARGUMENT) go_alone(jobs, &err);
    for (int i = 0; i < count && status == BIREFNET_OK; i++) {
        tell_session(jobs, batch[i], &answer);
        count_network(jobs, batch[i]);
    }
}

/* Where the device was lost, once more on the device opened anew. */
static bn_status compute(bn_seat *seat, bn_job *job, bn_error *err)
{
    bn_jobs *jobs = seat->jobs;
    if (job->cutout.matte) return BIREFNET_OK; /* a touch-up's, which its client has made, or a batch's */
    const bn_status status = run_network(seat, job, err);
    if (status != BIREFNET_ERROR_DEVICE) return status;
    bn_log_line(&jobs->options.log, BIREFNET_LOG_WARNING, "opening the device anew: %s", err->message);
    bn_engine_lost(jobs->held.engine, seat->number);
    job->told = 0;
    return run_network(seat, job, err);
}

/* A byte a pixel is what results of photos take, about: no work for one that could not be stored. */
static bool has_room(const bn_jobs *jobs, const bn_job *job)
{
    return bn_blobs_has_room(jobs->blobs, (uint64_t)job->cutout.width * (uint64_t)job->cutout.height);
}

/* What is wrong with weights or with a card names files of this machine: the log has it, clients need not. */
#define NOT_RUN "The network could not be run here: the server's log says why"

static void describe_failure(const bn_job *job, bn_status status, const bn_error *err, bn_ending *ending)
{
    if (status == BIREFNET_ERROR_CANCELLED)
        bn_ending_cancelled(ending, job->disconnected, true);
    else if (status == BIREFNET_ERROR_NOT_FOUND)
        bn_ending_infra(ending, 503, "runner_scheduling_failure", err->message);
    else if (status == BIREFNET_ERROR_MEMORY)
        bn_ending_infra(ending, 503, "internal_error", err->message);
    else
        bn_ending_infra(ending, 500, "runner_server_error", NOT_RUN);
}

static void work(bn_seat *seat, bn_job *job)
{
    bn_jobs *jobs = seat->jobs;
    bn_error err = {0};
    job->told = 0;
    job->started_ms = bn_clock_ms();
    seat->job = job;
    if (atomic_load(&jobs->shared)) bn_job_weigh(jobs, job, BN_WEIGHT_NETWORK); /* others see it running */
    const bool fits = has_room(jobs, job);
    const bn_status status = atomic_load(&job->stop) ? bn_fail(&err, BIREFNET_ERROR_CANCELLED, "cancelled")
                             : !fits                 ? bn_fail(&err, BIREFNET_ERROR_LIMIT, BN_NO_ROOM)
                                                     : compute(seat, job, &err);
    bn_engine_leave(jobs->held.engine, seat->number);
    seat->job = NULL;
    pthread_mutex_lock(&jobs->lock);
    const bool closing = jobs->closing;
    if (status == BIREFNET_OK) bn_held_enter(jobs, job, BN_JOB_MATTED);
    bn_held_promote(jobs);
    pthread_mutex_unlock(&jobs->lock);
    if (status == BIREFNET_OK || (closing && status == BIREFNET_ERROR_CANCELLED)) {
        bn_watches_news(jobs, job->accepted.id);
        bn_job_drop(jobs, job);
        return;
    }
    bn_ending ending = {0};
    if (status == BIREFNET_ERROR_LIMIT && !fits)
        bn_ending_infra(&ending, 503, "runner_scheduling_failure", err.message);
    else
        describe_failure(job, status, &err, &ending);
    bn_job_log(jobs, job, BIREFNET_LOG_ERROR, "%.150s", ending.error);
    if (status != BIREFNET_ERROR_CANCELLED)
        bn_log_line(&jobs->options.log, BIREFNET_LOG_ERROR, "request %s: %s", job->accepted.id, err.message);
    bn_job_end(jobs, job, BN_BY_WORKER, &ending, NULL, 0);
}

/* The first seat does it. */
static void preload(const bn_seat *seat)
{
    bn_jobs *jobs = seat->jobs;
    if (seat->number > 0) return;
    bn_error err = {0};
    const char *failed = NULL;
    for (char **name = jobs->held.preload; !failed && name && *name; name++)
        if (bn_engine_preload(jobs->held.engine, seat->number, *name, &err) != BIREFNET_OK) failed = *name;
    pthread_mutex_lock(&jobs->lock);
    jobs->held.preloading = false;
    if (failed) /* everybody may ask for it: nothing of this machine */
        snprintf(jobs->held.preload_error, sizeof jobs->held.preload_error,
                 "the model %.100s cannot be opened: the server's log says why", failed);
    pthread_mutex_unlock(&jobs->lock);
    if (failed) bn_log_line(&jobs->options.log, BIREFNET_LOG_ERROR, "cannot preload: %s", err.message);
}

/* "auto" may be a CPU, whose engine refuses batches: then each goes alone, and nothing was computed for it. */
static bool seat_may_be_card(const bn_seat *seat)
{
    const bn_jobs *jobs = seat->jobs;
    const char *device = jobs->devices[seat->number % jobs->device_count];
    return strncmp(device, "gpu", 3) == 0 || strcmp(device, "auto") == 0;
}

/* The seat's from now on: the job, and with it those that can share its run, where that makes a whole batch. */
static int take(bn_seat *seat, bn_job *first, bn_job **batch)
{
    bn_jobs *jobs = seat->jobs;
    const bool together = seat_may_be_card(seat) && jobs->options.batch > 1 &&
                          bn_held_count_alike(jobs, first) >= jobs->options.batch - 1;
    int count = 0;
    for (bn_job *job = first; job;) {
        bn_held_enter(jobs, job, BN_JOB_COMPUTING);
        job->progress = 0.1;
        job->holds++;
        batch[count++] = job;
        job = together && count < jobs->options.batch ? bn_held_pick_alike(jobs, first) : NULL;
    }
    return count;
}

void *bn_compute_main(void *user)
{
    bn_seat *seat = user;
    bn_jobs *jobs = seat->jobs;
    bn_thread_be_nice();
    preload(seat);
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->closing) {
        bn_job *job = bn_held_pick_ready(jobs);
        if (!job) {
            pthread_cond_wait(&jobs->held.changed, &jobs->lock);
            continue;
        }
        bn_job *batch[BN_JOBS_MAX_BATCH];
        const int count = take(seat, job, batch);
        pthread_mutex_unlock(&jobs->lock);
        for (int i = 0; i < count; i++) bn_watches_news(jobs, batch[i]->accepted.id);
        if (count > 1) run_together(seat, batch, count);
        for (int i = 0; i < count; i++) work(seat, batch[i]);
        pthread_mutex_lock(&jobs->lock);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}
