/* jobs.c - opening, recovering, draining and closing; and what operators ask. */
#include "queue/private.h"

#include "base/cpu.h"
#include "base/file.h"
#include "base/size.h"
#include "net/curl.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

void bn_jobs_options_default(bn_jobs_options *options)
{
    *options = (bn_jobs_options){
        .max_models = 2,
        .fetch_threads = 16,
        .sessions = 1,
        .batch = 1,
        .prepare_threads = 2,
        .finish_threads = 1,
        .max_waiting = 10000,
        .max_waiting_bytes = 4ull << 30,
        .max_webhooks = 20000,
        .max_key_webhooks = 5000,
        .max_input_bytes = 50u << 20,
        .max_pixels = BN_DECODE_MAX_PIXELS,
        .max_decode_bytes = 3000000000,
        .max_file_bytes = 2ull << 30,
        .max_stored_bytes = 20ull << 30,
        .retention_s = 24 * 3600,
        .file_retention_s = 24 * 3600,
        .fetch_timeout_ms = 30000,
        .webhook_timeout_ms = 15000,
        .fetch_redirects = 5,
        .lease_ms = 15000,
    };
}

static int network_threads(const bn_jobs_options *options)
{
    return options->threads > 0 ? options->threads : bn_cpu_threads();
}

static bn_engine_options engine_options(bn_jobs *jobs)
{
    bn_engine_options options = {
        .models_folder = jobs->models_folder,
        .fallback_model = jobs->fallback_model,
        .max_models = jobs->options.max_models,
        .seats = jobs->options.sessions,
        .threads = BN_MAX(network_threads(&jobs->options) / jobs->options.sessions, 1),
        .width = jobs->options.network_width,
        .height = jobs->options.network_height,
        .log = jobs->options.log,
        .progress = bn_compute_progress,
        .opening = bn_compute_opening,
    };
    for (int i = 0; i < options.seats; i++) {
        options.seat_users[i] = &jobs->held.seats[i];
        memcpy(options.device[i], jobs->devices[i % jobs->device_count], sizeof options.device[i]);
    }
    return options;
}

/* "gpu:0,gpu:1" */
static bn_status read_devices(bn_jobs *jobs, const char *text, bn_error *err)
{
    for (const char *at = text ? text : "";; at += 1) {
        const size_t length = strcspn(at, ",");
        if (jobs->device_count == BN_ENGINE_MAX_SEATS || length >= sizeof jobs->devices[0])
            return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "'%s' is no list of at most %d devices", text,
                           BN_ENGINE_MAX_SEATS);
        snprintf(jobs->devices[jobs->device_count++], sizeof jobs->devices[0], "%.*s", (int)length, at);
        at += length;
        if (!*at) return BIREFNET_OK;
    }
}

/* ---- opening ---- */

static bn_status copy_options(bn_jobs *jobs, const bn_jobs_options *options, bn_error *err)
{
    jobs->options = *options;
    bn_jobs_options *mine = &jobs->options;
    mine->fetch_threads = BN_MIN(BN_MAX(mine->fetch_threads, 1), BN_JOBS_MAX_FETCHES);
    BN_TRY(read_devices(jobs, options->devices, err));
    mine->devices = NULL; /* the caller's */
    int least =
        0; /* a card's sessions hand photos over and wait: two of them need no two threads of the CPU */
    for (int i = 0; i < jobs->device_count; i++) least += strncmp(jobs->devices[i], "gpu", 3) == 0 ? 2 : 1;
    const int most = BN_MIN(BN_MAX(network_threads(mine), least), BN_ENGINE_MAX_SEATS);
    mine->sessions = BN_MIN(BN_MAX(mine->sessions, jobs->device_count), BN_MAX(most, 1));
    mine->batch = BN_MIN(BN_MAX(mine->batch, 1), BN_JOBS_MAX_BATCH);
    mine->prepare_threads = BN_MAX(mine->prepare_threads, mine->sessions + mine->batch);
    mine->finish_threads = BN_MAX(mine->finish_threads, mine->sessions);
    mine->prepare_threads = BN_MIN(BN_MAX(mine->prepare_threads, 1), BN_JOBS_MAX_THREADS);
    mine->finish_threads = BN_MIN(BN_MAX(mine->finish_threads, 1), BN_JOBS_MAX_THREADS);
    if (!options->data_folder || strlen(options->data_folder) >= sizeof jobs->data_folder)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "no data folder, or its path is too long");
    snprintf(jobs->data_folder, sizeof jobs->data_folder, "%s", options->data_folder);
    mine->data_folder = jobs->data_folder;
    size_t count = 0;
    while (options->preload && options->preload[count]) count++;
    jobs->held.preload = calloc(count + 1, sizeof *jobs->held.preload);
    bool good = jobs->held.preload != NULL;
    for (size_t i = 0; good && i < count; i++)
        good = (jobs->held.preload[i] = strdup(options->preload[i])) != NULL;
    jobs->fallback_model = strdup(options->fallback_model ? options->fallback_model : "starter");
    jobs->models_folder = options->models_folder ? strdup(options->models_folder) : NULL;
    jobs->public_url = options->public_url ? strdup(options->public_url) : NULL;
    jobs->store_address = options->store ? strdup(options->store) : NULL;
    jobs->listen_address = options->store_listen ? strdup(options->store_listen) : NULL;
    jobs->held.preloading = count > 0 && options->role != BN_ROLE_FRONT;
    mine->preload = NULL;
    mine->opening = NULL; /* the caller's, for opening only */
    mine->store_listen = jobs->listen_address;
    mine->files = mine->files_credentials = mine->spool = NULL; /* the same */
    if (good && jobs->fallback_model && (jobs->models_folder || !options->models_folder) &&
        (jobs->public_url || !options->public_url) && (jobs->store_address || !options->store) &&
        (jobs->listen_address || !options->store_listen))
        return BIREFNET_OK;
    return bn_fail_memory(err, 0, "options");
}

static bn_status open_lock(const char *folder, const char *name, int *fd, bn_error *err)
{
    char path[3200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return *fd >= 0 ? BIREFNET_OK : bn_fail_errno(err, errno, "cannot open %s", path);
}

/* A server has the folder's lock; workers share another, by which a server that starts sees whether it is alone. */
static bn_status lock_folder(bn_jobs *jobs, bn_error *err)
{
    const bool works = jobs->options.role == BN_ROLE_WORK;
    BN_TRY(bn_folder_make(jobs->data_folder, err));
    BN_TRY(open_lock(jobs->data_folder, "workers.lock", &jobs->workers_fd, err));
    jobs->alone = !works && flock(jobs->workers_fd, LOCK_EX | LOCK_NB) == 0;
    if (works && flock(jobs->workers_fd, LOCK_SH) != 0)
        return bn_fail_errno(err, errno, "cannot lock %s/workers.lock", jobs->data_folder);
    if (works) return BIREFNET_OK;
    BN_TRY(open_lock(jobs->data_folder, "lock", &jobs->lock_fd, err));
    if (flock(jobs->lock_fd, LOCK_EX | LOCK_NB) == 0) return BIREFNET_OK;
    if (errno == EWOULDBLOCK)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "another server uses the data folder %s",
                       jobs->data_folder);
    return bn_fail_errno(err, errno, "cannot lock %s/lock", jobs->data_folder);
}

/* A store that is shared shows by its beats who lives; the data folder of SQLite's by its locks. */
static bn_status open_store(bn_jobs *jobs, bn_error *err)
{
    char path[3200];
    snprintf(path, sizeof path, "sqlite:%s/jobs.sqlite", jobs->data_folder);
    BN_TRY(bn_store_open(jobs->store_address ? jobs->store_address : path, &jobs->store, err));
    if (jobs->options.store_connections > 0)
        bn_store_set_connections(jobs->store, jobs->options.store_connections);
    bn_jobs_now(jobs); /* an injected clock moves the store's */
    bn_presence_open(jobs);
    const bool told = bn_pulse_beat(jobs); /* else there may be others */
    if (jobs->store_address) jobs->alone = told && !atomic_load(&jobs->shared);
    if (!jobs->alone) atomic_store(&jobs->shared, true);
    return BIREFNET_OK;
}

/* A server that used a file before brings its keys along. */
static bn_status open_keys(bn_jobs *jobs, bn_error *err)
{
    bool moved = false;
    const bn_keys_home home = bn_jobs_keys_home(jobs);
    if (jobs->options.role != BN_ROLE_WORK) BN_TRY(bn_keys_move(&home, &moved, err));
    if (moved)
        bn_log_line(&jobs->options.log, BIREFNET_LOG_INFO,
                    "the keys of %s/keys.json are in the database now, for all servers", jobs->data_folder);
    return bn_keys_open(&home, &jobs->keys, err);
}

static bn_status start_thread(bn_jobs *jobs, void *(*main)(void *), void *user, bn_error *err)
{
    if (pthread_create(&jobs->threads[jobs->thread_count], NULL, main, user) != 0)
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot start a thread");
    jobs->thread_count++;
    return BIREFNET_OK;
}

static bn_status start_workers(bn_jobs *jobs, bn_error *err)
{
    for (int i = 0; i < jobs->options.sessions; i++)
        BN_TRY(start_thread(jobs, bn_compute_main, &jobs->held.seats[i], err));
    for (int i = 0; i < jobs->options.fetch_threads; i++)
        BN_TRY(start_thread(jobs, bn_fetch_main, jobs, err));
    for (int i = 0; i < jobs->options.prepare_threads; i++)
        BN_TRY(start_thread(jobs, bn_prepare_main, jobs, err));
    for (int i = 0; i < jobs->options.finish_threads; i++)
        BN_TRY(start_thread(jobs, bn_finish_main, jobs, err));
    return BIREFNET_OK;
}

/* To other processes, which only a store of several machines can bring hints of. */
static bool listens(bn_jobs *jobs)
{
    if (!jobs->store_address || !bn_store_has_hints(jobs->store)) return false;
    if (!jobs->listen_address) return true;
    if (strcmp(jobs->listen_address, "off") == 0) return false;
    jobs->herald.address = jobs->listen_address;
    return true;
}

static bn_status start_threads(bn_jobs *jobs, bn_error *err)
{
    BN_TRY(start_thread(jobs, bn_pulse_main, jobs, err));
    BN_TRY(start_thread(jobs, bn_keeper_main, jobs, err));
    if (listens(jobs)) BN_TRY(start_thread(jobs, bn_herald_main, jobs, err));
    if (jobs->options.role != BN_ROLE_FRONT) BN_TRY(start_workers(jobs, err));
    for (int i = 0; jobs->options.role != BN_ROLE_WORK && i < BN_JOBS_COURIERS; i++)
        BN_TRY(start_thread(jobs, bn_courier_main, jobs, err));
    return BIREFNET_OK;
}

static void init_locks(bn_jobs *jobs)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_mutex_init(&jobs->front.watches.lock, NULL);
    pthread_mutex_init(&jobs->courier.lock, NULL);
    pthread_mutex_init(&jobs->endings.lock, NULL);
    pthread_mutex_init(&jobs->looks.lock, NULL);
    bn_failures_init(&jobs->failures);
    pthread_cond_init(&jobs->held.changed, &monotonic);
    pthread_cond_init(&jobs->held.fetch_work, &monotonic);
    pthread_cond_init(&jobs->keeper.work, &monotonic);
    pthread_cond_init(&jobs->pulse.work, &monotonic);
    pthread_cond_init(&jobs->courier.work, &monotonic);
    pthread_cond_init(&jobs->herald.work, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void say_part(const bn_jobs_options *options, bn_jobs_part part)
{
    if (options->opening) *options->opening = part;
}

static bn_status open_all(bn_jobs *jobs, const bn_jobs_options *options, bn_error *err)
{
    say_part(options, BN_JOBS_FOLDER);
    if (sodium_init() < 0) return bn_fail(err, BIREFNET_ERROR_INTERNAL, "cannot start libsodium");
    if (!bn_curl_open(err)) return BIREFNET_ERROR_NETWORK;
    BN_TRY(copy_options(jobs, options, err));
    BN_TRY(lock_folder(jobs, err));
    jobs->held.worker = bn_claim_make();
    for (int i = 0; i < BN_ENGINE_MAX_SEATS; i++) jobs->held.seats[i] = (bn_seat){.jobs = jobs, .number = i};
    const bn_engine_options engine = engine_options(jobs);
    BN_TRY(bn_engine_create(&engine, &jobs->held.engine, err));
    say_part(options, BN_JOBS_STORE);
    BN_TRY(open_store(jobs, err));
    BN_TRY(open_keys(jobs, err));
    BN_TRY(bn_herald_open(jobs, err));
    BN_TRY(bn_secrets_open(jobs, err));
    say_part(options, BN_JOBS_FILES);
    BN_TRY(bn_files_open(jobs, options, err));
    say_part(options, BN_JOBS_STORE);
    BN_TRY(bn_recover_or_join(jobs, err));
    return start_threads(jobs, err);
}

bn_status bn_jobs_open(const bn_jobs_options *options, bn_jobs **jobs, bn_error *err)
{
    bn_jobs *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "the server's state");
    made->lock_fd = made->workers_fd = made->presence_fd = made->herald.wake_fd = -1;
    init_locks(made);
    bn_budget_init(&made->held.decoding, options->max_decode_bytes);
    const bn_status status = open_all(made, options, err);
    if (status != BIREFNET_OK)
        bn_jobs_close(&made);
    else
        *jobs = made;
    return status;
}

/* ---- ending ---- */

bool bn_jobs_drain(bn_jobs *jobs, int grace_ms)
{
    const double end_ms = bn_clock_ms() + grace_ms;
    pthread_mutex_lock(&jobs->lock);
    jobs->draining = true;
    for (;;) {
        const bool idle = jobs->held.busy == 0 && jobs->front.waits_for == 0 && !jobs->held.unsaved &&
                          jobs->front.promised == 0;
        const double left_ms = end_ms - bn_clock_ms();
        if (idle || left_ms <= 0) {
            pthread_mutex_unlock(&jobs->lock);
            bn_blobs_stop(jobs->blobs);
            return idle;
        }
        const struct timespec until = bn_clock_after((int64_t)BN_MIN(left_ms, 200) + 1);
        pthread_cond_timedwait(&jobs->held.changed, &jobs->lock, &until);
    }
}

static void stop_threads(bn_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->draining = jobs->closing = true;
    for (bn_job *job = jobs->held.first_busy; job; job = job->next_busy) atomic_store(&job->stop, true);
    if (jobs->blobs) bn_blobs_stop(jobs->blobs);
    pthread_cond_broadcast(&jobs->held.changed);
    pthread_cond_broadcast(&jobs->held.fetch_work);
    pthread_cond_broadcast(&jobs->keeper.work);
    pthread_cond_broadcast(&jobs->pulse.work);
    pthread_cond_broadcast(&jobs->herald.work);
    bn_herald_wake(jobs);
    pthread_mutex_unlock(&jobs->lock);
    bn_budget_wake(&jobs->held.decoding);
    pthread_mutex_lock(&jobs->courier.lock);
    jobs->courier.stop = true;
    pthread_cond_broadcast(&jobs->courier.work);
    pthread_mutex_unlock(&jobs->courier.lock);
    for (int i = 0; i < jobs->thread_count; i++) pthread_join(jobs->threads[i], NULL);
}

/* Those that were cancelled too late for their threads to see it. No thread runs any more. */
static void end_cancelled(bn_jobs *jobs)
{
    for (bn_job *job = jobs->held.first_busy, *next; job; job = next) {
        bn_ending ending = {0};
        next = job->next_busy;
        if (job->phase == BN_JOB_ENDED || !atomic_load(&job->cancelled)) continue;
        job->holds++;
        bn_ending_cancelled(&ending, job->disconnected, true);
        bn_job_end(jobs, job, BN_BY_WORKER, &ending, NULL, 0);
    }
}

/* What it has begun and does not end; else the next start takes it. */
static void hand_over(bn_jobs *jobs)
{
    const bool told = bn_store_release(jobs->store, jobs->held.worker, NULL) == BIREFNET_OK;
    bn_presence_close(jobs, told);
    if (!told) return;
    for (const bn_job *job = jobs->held.first_busy; job; job = job->next_busy)
        bn_log_line(&jobs->options.log, BIREFNET_LOG_INFO,
                    "request %s was handed over to others: this process ends", job->accepted.id);
}

void bn_jobs_close(bn_jobs **jobs)
{
    bn_jobs *ended = *jobs;
    if (!ended) return;
    stop_threads(ended);
    if (ended->store) {
        end_cancelled(ended);
        bn_jobs_save_unsaved(ended);
        hand_over(ended);
    }
    bn_front_free_all(ended);
    bn_engine_destroy(&ended->held.engine);
    bn_herald_close(ended);
    bn_keys_close(&ended->keys);
    bn_store_close(&ended->store);
    bn_blobs_close(&ended->blobs);
    if (ended->lock_fd >= 0) close(ended->lock_fd);
    if (ended->workers_fd >= 0) close(ended->workers_fd);
    for (char **name = ended->held.preload; name && *name; name++) free(*name);
    free(ended->held.preload);
    free(ended->models_folder);
    free(ended->fallback_model);
    free(ended->public_url);
    free(ended->store_address);
    free(ended->listen_address);
    sodium_memzero(&ended->courier.signer, sizeof ended->courier.signer);
    sodium_memzero(ended->token_key, sizeof ended->token_key);
    free(ended);
    *jobs = NULL;
}

/* ---- for operators ---- */

/* What cannot be written to, in words; or NULL. A database of others is on no disk of this machine. */
static const char *say_stuck(const bn_jobs *jobs)
{
    const bool store_fails = bn_store_failing(jobs->store), is_shared = bn_store_has_hints(jobs->store);
    if (store_fails && is_shared) return "the database does not answer, or takes nothing in";
    if (jobs->held.unsaved) return "results cannot be saved: is the disk full?";
    if (store_fails || (bn_blobs_failing(jobs->blobs) && !bn_blobs_are_remote(jobs->blobs)))
        return "the data folder cannot be written: is the disk full?";
    return bn_blobs_is_roomy(jobs->blobs) ? NULL : "no room for results: the stored files take all they may";
}

bool bn_jobs_ready(bn_jobs *jobs, char *why_not, size_t size)
{
    bn_error err = {0};
    why_not[0] = '\0';
    pthread_mutex_lock(&jobs->lock);
    const char *stuck = say_stuck(jobs);
    if (jobs->draining)
        snprintf(why_not, size, "shutting down");
    else if (jobs->held.preloading)
        snprintf(why_not, size, "loading models");
    else if (jobs->held.preload_error[0])
        snprintf(why_not, size, "%s", jobs->held.preload_error);
    else if (stuck)
        snprintf(why_not, size, "%s", stuck);
    pthread_mutex_unlock(&jobs->lock);
    const bn_engine_options options = engine_options(jobs);
    if (!why_not[0] && jobs->options.role != BN_ROLE_FRONT && !bn_engine_usable(&options, &err))
        snprintf(why_not, size, "no weights: %s", err.message);
    return !why_not[0];
}

void bn_jobs_write_failed(bn_jobs *jobs)
{
    bn_blobs_fail(jobs->blobs);
}

bn_status bn_jobs_jwks(bn_jobs *jobs, bn_buffer *out, bn_error *err)
{
    return bn_signer_jwks(&jobs->courier.signer, out, err);
}

bn_status bn_jobs_models(bn_jobs *jobs, bn_buffer *out, bn_error *err)
{
    const bn_engine_options options = engine_options(jobs);
    return bn_engine_describe(&options, out, err);
}
