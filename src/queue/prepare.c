/* prepare.c - threads that fetch photos, and threads that decode them ahead of the network. Fetching takes as long as
 * other hosts like, so photos that came with their request or lie here go straight to decoding. */
#include "queue/private.h"

#include "base/cpu.h"
#include "base/size.h"
#include "cutout/touch_up.h"
#include "image/animation.h"
#include "image/colour.h"
#include "schema/datauri.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FETCH_SLOW_MS 10000

void bn_thread_be_nice(void)
{
    setpriority(PRIO_PROCESS, (id_t)gettid(), 10); /* Linux: of this thread, and of those it starts */
}

/* ---- what can be wrong with a photo, or with the image behind it ---- */

/* The images of a request: which field names each, what people call it, where it comes from, and its bytes until they are
 * decoded. */
typedef enum image_kind { PHOTO = 0, BACKDROP, MASK } image_kind;

typedef struct source {
    image_kind kind;
    const char *field, *word, *address;
    bn_buffer *bytes;
} source;

static source source_of(bn_job *job, image_kind kind)
{
    const source all[] = {
        {PHOTO, job->input.request_id ? "request_id" : "image_url", "image", job->input.image_url,
         &job->bytes},
        {BACKDROP, "background", "background", job->input.background_url, &job->backdrop_bytes},
        {MASK, "mask_url", "mask", job->input.mask_url, &job->mask_bytes},
    };
    return all[kind];
}

static void fail_image(const source *image, bn_ending *ending, const char *type, const char *msg, json_t *ctx)
{
    json_t *detail = json_array();
    json_array_append_new(detail, bn_detail_entry(image->field, type, msg, ctx, json_string(image->address)));
    bn_ending_detail(ending, 422, detail);
}

static void fail_fetch(const bn_jobs *jobs, const source *image, bn_status status, const bn_error *err,
                       bn_ending *ending)
{
    if (status == BIREFNET_ERROR_MEMORY) {
        bn_ending_infra(ending, 503, "internal_error", err->message);
    } else if (status == BIREFNET_ERROR_LIMIT) {
        json_t *ctx = json_pack("{s:I}", "max_size", (json_int_t)jobs->options.max_input_bytes);
        fail_image(image, ending, "file_too_large", "The file is too large", ctx);
    } else if (status == BIREFNET_ERROR_IO) { /* a file of ours */
        bn_ending_infra(ending, 503, "internal_error", "The server's storage failed; try again later");
    } else {
        fail_image(image, ending, "file_download_error",
                   "Failed to download the file. Please check if the URL is accessible and try again.", NULL);
    }
}

void bn_fail_result_size(bn_job *job, const bn_error *err, bn_ending *ending)
{
    const source photo = source_of(job, PHOTO);
    const int side = job->cutout.side_limit_px;
    fail_image(&photo, ending, "image_too_large", err->message,
               json_pack("{s:i, s:i}", "max_height", side, "max_width", side));
}

/* Without those whose library is not installed. */
static json_t *readable_formats(void)
{
    json_t *list = json_array();
    for (bn_format format = BN_FORMAT_JPEG; format < BN_FORMATS; format++)
        if (!bn_format_missing(format))
            json_array_append_new(list, json_string(bn_format_get_facts(format)->name));
    return list;
}

static void fail_decode(const bn_jobs *jobs, bn_job *job, image_kind kind, bn_status status,
                        const bn_error *err, bn_ending *ending)
{
    const source made = source_of(job, kind), *image = &made;
    if (job->cutout.side_limit_px) {
        bn_fail_result_size(job, err, ending);
        return;
    }
    char msg[300];
    snprintf(msg, sizeof msg, "Could not load the image: %.200s", err->message);
    if (status == BIREFNET_ERROR_MEMORY) {
        bn_ending_infra(ending, 503, "internal_error", err->message);
    } else if (status == BIREFNET_ERROR_LIMIT) {
        const int side = (int)sqrt((double)jobs->options.max_pixels);
        fail_image(image, ending, "image_too_large", msg,
                   json_pack("{s:i, s:i}", "max_height", side, "max_width", side));
    } else if (status == BIREFNET_ERROR_UNSUPPORTED) {
        fail_image(image, ending, "unsupported_image_format", msg,
                   json_pack("{s:o}", "supported_formats",
                             kind == MASK ? json_pack("[s]", "png") : readable_formats()));
    } else {
        fail_image(image, ending, "image_load_error", msg, NULL);
    }
}

/* ---- the steps ---- */

typedef struct step {
    bn_jobs *jobs;
    bn_job *job;
} step;

/* Somebody has ended it, or the program ends. */
static bool is_over(void *user)
{
    const step *self = user;
    return atomic_load(&self->job->stop);
}

/* A decoding thread never waits for another host, whatever became of a file of ours meanwhile. */
static bn_status fetch(bn_jobs *jobs, bn_job *job, const char *url, bn_buffer *bytes, bn_error *err)
{
    char id[BN_FILE_ID_CHARS];
    if (bn_is_data_uri(url)) return bn_data_uri_read(url, bytes, err);
    if (bn_file_id_of_url(url, id)) {
        const bn_status status = bn_jobs_input_read(jobs, id, job->accepted.key_id, bytes, err);
        if (status != BIREFNET_ERROR_NOT_FOUND || !job->accepted.fetches) return status;
    }
    step self = {jobs, job};
    const bn_web_options options = {.allow_private =
                                        jobs->options.allow_private && !job->accepted.public_only,
                                    .timeout_ms = jobs->options.fetch_timeout_ms,
                                    .slow_ms = FETCH_SLOW_MS,
                                    .redirects = jobs->options.fetch_redirects,
                                    .cancelled = is_over,
                                    .user = &self};
    return bn_web_exchange(url, &options, bytes, NULL, err);
}

static bn_status load_input(bn_jobs *jobs, bn_job *job, bn_ending *ending, bn_error *err)
{
    char *body;
    size_t body_bytes;
    json_t *detail = NULL;
    BN_TRY(bn_store_body(jobs->store, job->accepted.id, &body, &body_bytes, err));
    const bn_status status = (job->accepted.touch_up ? bn_input_parse_touch_up : bn_input_parse)(
        body, body_bytes, &job->input, &detail, NULL, err);
    free(body);
    if (detail) bn_ending_detail(ending, 422, detail);
    if (status != BIREFNET_OK || job->input.image_url) return status;
    job->input.image_url = bn_extras_photo(job->accepted.extras); /* by request_id, as it was accepted */
    return job->input.image_url ? BIREFNET_OK : bn_fail_memory(err, 0, "a request");
}

/* A canvas is a few bytes of a request and hundreds of megabytes of ours: no shop wants more. */
#define CANVAS_MAX_PIXELS 25000000

/* False where the picture that was asked for cannot be made; an ending says why. */
static bool choose_options(bn_jobs *jobs, bn_job *job, bn_ending *ending)
{
    const bn_input *input = &job->input;
    bn_cutout_options *options = &job->options;
    bn_error err = {0};
    *options = input->picture;
    const bn_metadata metadata = options->cutout_encoding.metadata;
    options->limits.max_pixels = jobs->options.max_pixels;
    options->refine = input->refine_foreground && !input->mask_only;
    options->want_cutout = !input->mask_only;
    options->want_mask = input->mask_only || input->output_mask;
    options->threshold = job->accepted.hard_mask ? 128 : 0;
    const bn_sure_levels *sure = &job->accepted.sure;
    options->sure = (bn_sure){sure->used, sure->foreground, sure->background, sure->erode_px};
    if (job->accepted.background[0]) bn_background_parse(job->accepted.background, &options->background);
    bn_encode_options_default(&options->cutout_encoding, input->format);
    bn_encode_options_default(&options->mask_encoding, input->format);
    options->cutout_encoding.metadata = metadata;
    const uint64_t pixels = (uint64_t)options->canvas.width * (uint64_t)options->canvas.height;
    const bn_status status =
        pixels > CANVAS_MAX_PIXELS
            ? bn_fail(&err, BIREFNET_ERROR_LIMIT, "a canvas has at most %d pixels here", CANVAS_MAX_PIXELS)
            : bn_cutout_options_check(options, &err);
    if (status == BIREFNET_OK) return true;
    json_t *detail = json_array();
    json_array_append_new(detail, bn_detail_entry("canvas", "value_error", err.message, NULL, NULL));
    bn_ending_detail(ending, 422, detail);
    return false;
}

/* Whether an image lies behind the subject that is to be fetched. */
static bool has_backdrop(const bn_job *job)
{
    return job->input.background_url && job->options.want_cutout;
}

/* One image's bytes are here, or an ending says why not. */
static bn_status load_image(bn_jobs *jobs, bn_job *job, image_kind kind, bn_ending *ending, bn_error *err)
{
    const source image = source_of(job, kind);
    bn_job_log(jobs, job, BIREFNET_LOG_INFO, "Fetching the %s", image.word);
    bn_buffer_init(image.bytes, jobs->options.max_input_bytes);
    const double start = bn_clock_ms();
    const bn_status status = fetch(jobs, job, image.address, image.bytes, err);
    bn_metrics_time(&jobs->metrics, BN_WORK_FETCH, bn_clock_ms() - start);
    if (status != BIREFNET_OK) fail_fetch(jobs, &image, status, err, ending);
    return status;
}

/* The photo's bytes and those of its background are here, or an ending says why not. */
static bool load(bn_jobs *jobs, bn_job *job, bn_ending *ending)
{
    bn_error err = {0};
    bn_status status = load_input(jobs, job, ending, &err);
    bn_job_weigh(jobs, job, BN_WEIGHT_NONE);
    if (status != BIREFNET_OK && ending->code == 0)
        bn_ending_infra(ending, 500, "internal_error", err.message);
    if (status == BIREFNET_OK && !choose_options(jobs, job, ending))
        status = bn_fail(&err, BIREFNET_ERROR_LIMIT, "the canvas is too large");
    if (status == BIREFNET_OK) status = load_image(jobs, job, PHOTO, ending, &err);
    if (status == BIREFNET_OK && has_backdrop(job)) status = load_image(jobs, job, BACKDROP, ending, &err);
    if (status == BIREFNET_OK && job->accepted.touch_up) status = load_image(jobs, job, MASK, ending, &err);
    if (status == BIREFNET_OK) return true;
    bn_buffer_free(&job->bytes);
    bn_buffer_free(&job->backdrop_bytes);
    bn_buffer_free(&job->mask_bytes);
    bn_job_log(jobs, job, BIREFNET_LOG_ERROR, "%.150s", err.message);
    return false;
}

/* Waits until there is memory to decode these bytes; the caller gives *need back. CANCELLED where the request ended meanwhile. */
static bn_status take_memory(bn_jobs *jobs, bn_job *job, const bn_buffer *bytes, uint64_t *need,
                             bn_error *err)
{
    step self = {jobs, job};
    BN_TRY(bn_image_decode_bytes(bytes->data, bytes->size, &job->options.limits, need, err));
    if (bn_budget_take(&jobs->held.decoding, *need, is_over, &self)) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_CANCELLED, "cancelled");
}

static bn_status decode_photo(bn_jobs *jobs, bn_job *job, bn_error *err)
{
    uint64_t need = 0;
    const bn_buffer *bytes = &job->bytes;
    BN_TRY(take_memory(jobs, job, bytes, &need, err));
    const bn_status status = bn_cutout_decode(bytes->data, bytes->size, &job->options, &job->cutout, err);
    bn_budget_give_back(&jobs->held.decoding, need);
    return status;
}

/* The image behind the subject, as far as there is one, under the same limits. */
static bn_status decode_backdrop(bn_jobs *jobs, bn_job *job, bn_error *err)
{
    uint64_t need = 0;
    bn_buffer *bytes = &job->backdrop_bytes;
    if (!has_backdrop(job)) return BIREFNET_OK;
    BN_TRY(take_memory(jobs, job, bytes, &need, err));
    bn_status status = bn_image_decode(bytes->data, bytes->size, &job->options.limits, &job->backdrop, err);
    if (status == BIREFNET_OK) status = bn_image_make_srgb(job->backdrop, 1, NULL, err);
    bn_budget_give_back(&jobs->held.decoding, need);
    job->options.background.image = job->backdrop;
    bn_buffer_free(bytes);
    return status;
}

/* The mask of a touch-up becomes the matte, under the same limits. */
static bn_status decode_mask(bn_jobs *jobs, bn_job *job, bn_error *err)
{
    uint64_t need = 0;
    bn_buffer *bytes = &job->mask_bytes;
    if (!job->accepted.touch_up) return BIREFNET_OK;
    BN_TRY(bn_touch_up_check(bytes->data, bytes->size, &job->cutout, err));
    BN_TRY(take_memory(jobs, job, bytes, &need, err));
    const bn_status status = bn_touch_up_decode(bytes->data, bytes->size, &job->options, &job->cutout, err);
    bn_budget_give_back(&jobs->held.decoding, need);
    bn_buffer_free(bytes);
    return status;
}

/* The photo is decoded, or an ending says why not. */
static bool decode(bn_jobs *jobs, bn_job *job, bn_ending *ending)
{
    bn_error err = {0};
    bn_job_weigh(jobs, job, BN_WEIGHT_CODECS);
    image_kind kind = PHOTO;
    bn_status status = decode_photo(jobs, job, &err);
    bn_metrics_time(&jobs->metrics, BN_WORK_DECODE, job->cutout.times.decode_ms);
    if (status == BIREFNET_OK) {
        kind = BACKDROP;
        status = decode_backdrop(jobs, job, &err);
    }
    if (status == BIREFNET_OK) {
        kind = MASK;
        status = decode_mask(jobs, job, &err);
    }
    const uint32_t frames = BN_MAX(bn_animation_count(job->bytes.data, job->bytes.size), job->cutout.frames);
    bn_job_weigh(jobs, job, BN_WEIGHT_NETWORK);
    job->compute_ms += job->cutout.times.decode_ms;
    bn_buffer_free(&job->bytes);
    if (status == BIREFNET_OK) {
        if (frames > 1)
            bn_job_log(jobs, job, BIREFNET_LOG_WARNING,
                       "An animation of %u frames: the first one is cut out, %u are left out", frames,
                       frames - 1);
        bn_job_log(jobs, job, BIREFNET_LOG_INFO, "Decoded %s, %d x %d pixels",
                   bn_format_get_facts(job->cutout.format)->name, job->cutout.width, job->cutout.height);
        return true;
    }
    fail_decode(jobs, job, kind, status, &err, ending);
    bn_job_log(jobs, job, BIREFNET_LOG_ERROR, "%.150s", err.message);
    return false;
}

/* A queued request that was cancelled meanwhile has been ended by the one who cancelled it; a running one is ended here.
 * False where there is nothing more to do; else nobody but the caller will end it. */
static bool settle(bn_jobs *jobs, bn_job *job, bool good, bn_phase_of_job next, bn_ending *ending)
{
    pthread_mutex_lock(&jobs->lock);
    const bool nothing = job->phase == BN_JOB_ENDED || jobs->closing;
    const bool stopped = atomic_load(&job->stop) && !nothing;
    const bool ends = !nothing && (stopped || !good);
    if (ends)
        bn_held_end(jobs, job, BN_BY_WORKER);
    else if (!nothing)
        bn_held_enter(jobs, job, next);
    bn_held_promote(jobs);
    pthread_mutex_unlock(&jobs->lock);
    if (stopped) {
        bn_ending_free(ending);
        bn_ending_cancelled(ending, job->disconnected, true);
    }
    return ends;
}

/* From `phase`, which it has entered, to the next; called with the lock and returns with it. */
static void work(bn_jobs *jobs, bn_job *job, bn_phase_of_job phase)
{
    bn_ending ending = {0};
    char id[BN_REQUEST_ID_CHARS];
    const bool loaded = job->phase == BN_JOB_FETCHED;
    memcpy(id, job->accepted.id, sizeof id); /* the job may be gone at the end */
    bn_held_enter(jobs, job, phase);
    bn_held_promote(jobs);
    job->holds++;
    pthread_mutex_unlock(&jobs->lock);
    bn_watches_news(jobs, id);
    bool good = loaded || load(jobs, job, &ending);
    if (good && phase == BN_JOB_PREPARING) good = decode(jobs, job, &ending);
    const bn_phase_of_job next = phase == BN_JOB_PREPARING ? BN_JOB_READY : BN_JOB_FETCHED;
    if (settle(jobs, job, good, next, &ending))
        bn_job_end(jobs, job, BN_BY_WORKER, &ending, NULL, 0); /* and drops our hold */
    else
        bn_job_drop(jobs, job);
    bn_ending_free(&ending);
    bn_watches_news(jobs, id);
    pthread_mutex_lock(&jobs->lock);
}

void *bn_fetch_main(void *user)
{
    bn_jobs *jobs = user;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->closing) {
        bn_job *job = bn_held_pick_unfetched(jobs);
        if (job)
            work(jobs, job, BN_JOB_FETCHING);
        else
            bn_claim_wait(jobs, &jobs->held.fetch_work);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

void *bn_prepare_main(void *user)
{
    bn_jobs *jobs = user;
    bn_thread_be_nice();
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->closing) {
        bn_job *job = bn_held_pick_undecoded(jobs);
        if (job)
            work(jobs, job, BN_JOB_PREPARING);
        else
            bn_claim_wait(jobs, &jobs->held.changed);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}
