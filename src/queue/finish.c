/* finish.c - threads that make files of photos and mattes, store them and end the request. */
#include "queue/private.h"

#include "base/cpu.h"

#include <stdlib.h>
#include <string.h>

/* Another machine that does not answer comes back: until then a result waits, and with it all that would be computed. True
 * after a pause, where it is to be asked again. */
static bool wait_for_others(bn_jobs *jobs, bn_status status)
{
    const struct timespec pause = {.tv_sec = 1}; /* a refusal comes at once */
    if (status != BIREFNET_ERROR_IO || !bn_blobs_are_remote(jobs->blobs) || bn_blobs_stopped(jobs->blobs))
        return false;
    nanosleep(&pause, NULL);
    return true;
}

static bn_status write_result(bn_jobs *jobs, const char *object, const bn_buffer *bytes, bn_blob *blob,
                              bn_error *err)
{
    bn_status status;
    do status = bn_blobs_write(jobs->blobs, object, bytes->data, bytes->size, blob, err);
    while (wait_for_others(jobs, status));
    return status;
}

/* No bytes go to another machine without a row that says so. Of a folder the next start finds them by looking. */
static bn_status promise_object(bn_jobs *jobs, char object[BN_OBJECT_CHARS], bn_error *err)
{
    bn_status status;
    do status = bn_object_make(jobs, object, err);
    while (wait_for_others(jobs, status));
    return bn_blobs_are_remote(jobs->blobs) ? status : BIREFNET_OK;
}

static bn_status store_file(bn_jobs *jobs, const bn_job *job, const bn_buffer *bytes,
                            const bn_lifecycle *lifecycle, bn_file_facts *facts, bn_error *err)
{
    bn_blob blob;
    *facts = (bn_file_facts){.access = lifecycle->access, .created_ms = bn_jobs_now(jobs)};
    const int64_t kept_s = lifecycle->has_expiry ? lifecycle->expires_s : jobs->options.file_retention_s;
    facts->expires_ms = kept_s > 0 ? facts->created_ms + kept_s * 1000 : 0;
    if (job->input.sync_mode) { /* nobody but the result reads it */
        facts->access = BN_FILE_HIDE;
        facts->expires_ms = facts->created_ms + jobs->options.retention_s * 1000;
    }
    bn_id_make(facts->id);
    bn_type_clean(bn_format_get_facts(job->input.format)->mime, facts->type);
    bn_name_clean(NULL, facts->type, facts->id, facts->name);
    BN_TRY(promise_object(jobs, facts->object, err));
    const bn_status status = write_result(jobs, facts->object, bytes, &blob, err);
    if (status != BIREFNET_OK) {
        bn_object_drop(jobs, facts->object);
        return status;
    }
    facts->size = blob.size;
    snprintf(facts->etag, sizeof facts->etag, "\"%.32s\"", blob.etag);
    return BIREFNET_OK;
}

static void name_output(const bn_job *job, const bn_file_facts *facts, char url[300], bn_output_file *output)
{
    snprintf(url, 300, "/files/b/%s/%s", facts->id, facts->name);
    *output = (bn_output_file){.url = url,
                               .type = facts->type,
                               .name = facts->name,
                               .size = facts->size,
                               .width = job->cutout.result_width,
                               .height = job->cutout.result_height};
}

/* The mask alone, asked for both as image and as mask, is one file. */
static bn_status describe(const bn_job *job, const bn_file_facts *files, size_t count, bn_ending *ending,
                          bn_error *err)
{
    char urls[2][300];
    bn_output_file outputs[2];
    json_t *output;
    for (size_t i = 0; i < count; i++) name_output(job, &files[i], urls[i], &outputs[i]);
    const bn_output_file *mask = count == 2                                       ? &outputs[1]
                                 : job->input.mask_only && job->input.output_mask ? &outputs[0]
                                                                                  : NULL;
    BN_TRY(bn_output_make(&outputs[0], mask, &output, err));
    ending->code = 200;
    ending->inline_images = job->input.sync_mode;
    ending->result = json_dumps(output, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(output);
    memcpy(ending->image_id, files[0].id, sizeof ending->image_id);
    return ending->result ? BIREFNET_OK : bn_fail_memory(err, 0, "a result");
}

static bn_status make_files(bn_jobs *jobs, bn_job *job, bn_file_facts files[2], size_t *count, bn_error *err)
{
    bn_lifecycle lifecycle;
    bn_lifecycle_parse(job->accepted.lifecycle, &lifecycle);
    bn_cutout *cutout = &job->cutout;
    const double start = bn_clock_ms();
    *count = 0;
    if (job->options.want_cutout) {
        BN_TRY(store_file(jobs, job, &cutout->cutout, &lifecycle, &files[*count], err));
        *count += 1;
    }
    if (job->options.want_mask) {
        BN_TRY(store_file(jobs, job, &cutout->mask, &lifecycle, &files[*count], err));
        *count += 1;
    }
    bn_metrics_time(&jobs->metrics, BN_WORK_STORE, bn_clock_ms() - start);
    return BIREFNET_OK;
}

static void finish(bn_jobs *jobs, bn_job *job)
{
    bn_error err = {0};
    bn_ending ending = {0};
    bn_file_facts files[2];
    size_t count = 0;
    bn_job_log(jobs, job, BIREFNET_LOG_INFO, "%s, encoding %s: 80 %%",
               job->options.refine ? "Refining colours" : "Composing",
               bn_format_get_facts(job->input.format)->name);
    bn_job_weigh(jobs, job, BN_WEIGHT_NETWORK + BN_WEIGHT_CODECS);
    const double start = bn_clock_ms();
    bn_status status = bn_cutout_finish(&job->options, &job->cutout, &err);
    job->compute_ms += bn_clock_ms() - start;
    if (job->options.refine) bn_metrics_time(&jobs->metrics, BN_WORK_REFINE, job->cutout.times.refine_ms);
    bn_metrics_time(&jobs->metrics, BN_WORK_ENCODE, job->cutout.times.encode_ms);
    if (status == BIREFNET_OK) status = make_files(jobs, job, files, &count, &err);
    if (status == BIREFNET_OK) status = describe(job, files, count, &ending, &err);
    if (status == BIREFNET_OK) {
        bn_job_log(jobs, job, BIREFNET_LOG_INFO, "Done: 100 %%");
    } else if (bn_blobs_stopped(
                   jobs->blobs)) { /* the result could not be stored before the end: it is made again */
        for (size_t i = 0; i < count; i++) bn_object_drop(jobs, files[i].object);
        bn_cutout_release(&job->cutout);
        bn_job_drop(jobs, job);
        return;
    } else {
        const bool fits = bn_blobs_has_room(jobs->blobs, job->cutout.cutout.size + job->cutout.mask.size);
        for (size_t i = 0; i < count; i++) bn_object_drop(jobs, files[i].object);
        count = 0;
        bn_job_log(jobs, job, BIREFNET_LOG_ERROR, "%.150s", err.message);
        if (status == BIREFNET_ERROR_LIMIT && job->cutout.side_limit_px)
            bn_fail_result_size(job, &err, &ending);
        else if (status == BIREFNET_ERROR_LIMIT && !fits)
            bn_ending_infra(&ending, 503, "runner_scheduling_failure", BN_NO_ROOM);
        else
            bn_ending_infra(&ending, 500, "internal_error", "The result could not be made or stored");
        bn_log_line(&jobs->options.log, BIREFNET_LOG_ERROR, "request %s: %s", job->accepted.id, err.message);
    }
    ending.inference_s = (bn_clock_ms() - job->started_ms) / 1e3;
    ending.billable_s = ending.code == 200 ? job->compute_ms / 1e3 : 0;
    memcpy(ending.weights, job->weights, sizeof ending.weights);
    bn_image_destroy(&job->backdrop);
    bn_cutout_release(&job->cutout); /* before it waits for a database, perhaps */
    bn_job_end(jobs, job, BN_BY_WORKER, &ending, files, count);
}

void *bn_finish_main(void *user)
{
    bn_jobs *jobs = user;
    bn_thread_be_nice();
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->closing) {
        bn_job *job = bn_held_pick_matted(jobs);
        if (!job) {
            pthread_cond_wait(&jobs->held.changed, &jobs->lock);
            continue;
        }
        bn_held_enter(jobs, job, BN_JOB_FINISHING);
        job->progress = 0.8;
        job->options.threads = 1;
        if (jobs->held.busy == 1) /* alone: nobody else needs them */
            job->options.threads = jobs->options.threads > 0 ? jobs->options.threads : bn_cpu_threads();
        job->holds++;
        pthread_mutex_unlock(&jobs->lock);
        finish(jobs, job);
        pthread_mutex_lock(&jobs->lock);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}
