/* session.c - a model made ready for one size: birefnet_session. */
#include "model/model.h"

#include "base/parallel.h"
#include "base/size.h"
#include "base/sized.h"
#include "model/normalise.h"
#include "nn/cpu/pack.h"
#include "nn/gpu/photo.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 16384 /* pixels */

struct birefnet_session {
    birefnet_model *model;
    bn_graph *graph;
    bn_planes input;
    bn_map logits;
    bool on_card; /* and there photos and masks may be bytes, too */
    bn_gpu_photo photo;
    bn_gpu_mask mask;
    birefnet_session_info info;
    birefnet_progress_fn progress;
    void *progress_user;
};

void birefnet_session_options_default_sized(birefnet_session_options *options, size_t size_bytes)
{
    const birefnet_session_options defaults = {.size = size_bytes};
    if (options) bn_sized_write(options, size_bytes, &defaults, sizeof defaults);
}

/* Which packs a session is built over: the CPU's, or where gpu is not NULL those of a graphics card. */
typedef struct stores {
    bn_pack_store *cpu;
    bn_gpu_packs *gpu;
} stores;

static bn_graph_options graph_options(const birefnet_session *session, const stores *packs)
{
    const birefnet_model *model = session->model;
    if (packs->gpu)
        return (bn_graph_options){
            .backend = &bn_gpu_backend, .type = model->type, .gpu = packs->gpu, .batch = session->info.batch};
    return (bn_graph_options){.type = model->cpu_type,
                              .isa = model->isa,
                              .threads = session->info.threads,
                              .packs = packs->cpu,
                              .batch = session->info.batch};
}

static bn_status load_table(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)source, (void)bias, (void)err;
    for (int i = 0; i < 768; i++) weight[i] = bn_normalise(i / 256, (uint8_t)(i % 256));
    return BIREFNET_OK;
}

/* Append all that a session computes. */
static void build_network(birefnet_session *session, bn_network *net)
{
    const int h = session->info.height, w = session->info.width;
    bn_graph *graph = session->graph;
    if (!session->on_card) {
        session->input = bn_layer_input(graph, h, w);
        session->logits = bn_network_build(net, session->input);
        return;
    }
    const bn_source table = {.key = "normalised bytes", .load = load_table};
    bn_graph_part(graph, "photo");
    session->photo = bn_gpu_photo_input(graph, h, w, &table);
    session->input = session->photo.planes;
    session->logits = bn_network_build(net, session->input);
    bn_graph_part(graph, "mask");
    session->mask = bn_gpu_mask_of(graph, session->logits);
    bn_graph_keep(graph, session->mask.bytes);
    bn_graph_keep(graph, session->mask.broken);
}

static bn_status build(birefnet_session *session, const stores *packs, bn_error *err)
{
    birefnet_model *model = session->model;
    bn_status status = BIREFNET_OK;
    bn_params *params = NULL;
    const bn_graph_options options = graph_options(session, packs);
    BN_TRY_DONE(bn_graph_create(&options, &session->graph, err));
    BN_TRY_DONE(bn_params_create(model->weights, &model->arch, session->graph, &params, err));
    bn_network net = {.graph = session->graph,
                      .arch = &model->arch,
                      .params = params,
                      .grid_order = model->info.tile_order == BIREFNET_TILES_GRID};
    session->on_card = packs->gpu != NULL;
    build_network(session, &net);
    BN_TRY_DONE(bn_graph_finish(session->graph, err));
    session->info.arena_bytes = bn_graph_arena_bytes(session->graph);
    session->info.giga_macs = bn_graph_giga_macs(session->graph);
done:
    bn_params_destroy(&params);
    return status;
}

/* A session that knows its size and threads, but has no network yet. */
static bn_status make_session(birefnet_model *model, const birefnet_session_options *options,
                              birefnet_session **session, bn_error *error)
{
    birefnet_session_options read;
    birefnet_session_options_default(&read);
    if (!model || !session)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "no model or no place for the session");
    BN_TRY(
        bn_sized_read(&read, sizeof read, options, BN_SIZED_UNTIL(birefnet_session_options, batch), error));
    options = &read;
    const int width = options->width ? options->width : model->info.width;
    const int height = options->height ? options->height : model->info.height;
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE || options->threads < 0 ||
        options->batch < 0 || options->batch > 64 || options->threads > BN_MAX_THREADS)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT,
                       "a session of %d x %d pixels with %d threads (sides up to %d)", width, height,
                       options->threads, MAX_SIDE);
    birefnet_session *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(error, sizeof *made, "a session");
    made->model = model;
    made->info.width = (int)bn_size_round_up((size_t)width, 32);
    made->info.height = (int)bn_size_round_up((size_t)height, 32);
    made->info.batch = BN_MAX(options->batch, 1);
    made->info.threads = options->threads ? options->threads : BN_MIN(bn_cpu_threads(), BN_MAX_THREADS);
    if (made->info.width != width || made->info.height != height)
        bn_log_line(&model->log, BIREFNET_LOG_INFO,
                    "%d x %d rounded up to %d x %d: the network takes multiples of 32", width, height,
                    made->info.width, made->info.height);
    *session = made;
    return BIREFNET_OK;
}

/* Build with oneDNN laying primitives out for the session's threads. */
static bn_status build_for_threads(birefnet_session *session, const stores *packs, bn_error *err)
{
    const int threads = bn_parallel_set_threads(session->info.threads);
    const bn_status status = build(session, packs, err);
    bn_parallel_set_threads(threads);
    return status;
}

/* On the model's device, whose memory is asked for before any of it is taken. */
static bn_status build_on_device(birefnet_session *session, bn_error *err)
{
    const bn_device *device = &session->model->device;
    const birefnet_session_options size = {
        .width = session->info.width, .height = session->info.height, .batch = session->info.batch};
    birefnet_session_info info;
    size_t bytes = 0;
    BN_TRY(bn_session_estimate(session->model, &size, &info, &bytes, err));
    const size_t there = bn_gpu_packs_bytes(device->packs), shared = bn_gpu_packs_arena_bytes(device->packs);
    const size_t arena = info.arena_bytes > shared ? info.arena_bytes : 0;
    BN_TRY(bn_device_check_memory(device->index, bytes - BN_MIN(there, bytes), arena, err));
    return build_for_threads(session, &(stores){.gpu = device->packs}, err);
}

static bn_status build_where_it_fits(birefnet_session *session, bn_error *err)
{
    const birefnet_model *model = session->model;
    const stores cpu = {.cpu = model->packs};
    if (!model->device.gpu) return build_for_threads(session, &cpu, err);
    bn_error why = {0};
    const bn_status status = build_on_device(session, &why);
    if (status != BIREFNET_ERROR_MEMORY || !model->device.is_auto) {
        if (status != BIREFNET_OK && err) *err = why;
        return status;
    }
    bn_log_line(&model->log, BIREFNET_LOG_WARNING, "%d x %d on the CPU: %s", session->info.width,
                session->info.height, why.message);
    bn_graph_destroy(&session->graph);
    return build_for_threads(session, &cpu, err);
}

birefnet_status birefnet_session_open(birefnet_model *model, const birefnet_session_options *options,
                                      birefnet_session **session, birefnet_error *error)
{
    birefnet_session *made = NULL;
    if (!session) return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "no place for the session");
    BN_TRY(make_session(model, options, &made, error));
    const bn_status status = build_where_it_fits(made, error);
    if (status == BIREFNET_OK)
        *session = made;
    else
        birefnet_session_close(&made);
    return status;
}

static bn_status create_counting(const birefnet_model *model, stores *packs, bn_error *err)
{
    if (!model->device.gpu) return bn_pack_store_create_counting(&packs->cpu, err);
    return bn_gpu_packs_create_counting(bn_gpu_facts_of(model->device.gpu), &packs->gpu, err);
}

bn_status bn_session_estimate(birefnet_model *model, const birefnet_session_options *options,
                              birefnet_session_info *info, size_t *weight_bytes, bn_error *err)
{
    birefnet_session *made = NULL;
    stores packs = {0};
    bn_status status = BIREFNET_OK;
    BN_TRY_DONE(make_session(model, options, &made, err));
    BN_TRY_DONE(create_counting(model, &packs, err));
    BN_TRY_DONE(build_for_threads(made, &packs, err));
    *info = made->info;
    *weight_bytes = packs.gpu ? bn_gpu_packs_bytes(packs.gpu) : bn_pack_bytes(packs.cpu);
done:
    birefnet_session_close(&made);
    bn_gpu_packs_destroy(&packs.gpu);
    bn_pack_store_destroy(&packs.cpu);
    return status;
}

void birefnet_session_close(birefnet_session **session)
{
    if (!session || !*session) return;
    bn_graph_destroy(&(*session)->graph);
    free(*session);
    *session = NULL;
}

void birefnet_session_get_info_sized(const birefnet_session *session, birefnet_session_info *info,
                                     size_t info_bytes)
{
    birefnet_session_info ours = session ? session->info : (birefnet_session_info){0};
    if (session) ours.card_ms = bn_session_card_ms(session);
    if (info) bn_sized_write(info, info_bytes, &ours, sizeof ours);
}

void birefnet_session_set_progress(birefnet_session *session, birefnet_progress_fn progress, void *user)
{
    if (!session) return;
    session->progress = progress;
    session->progress_user = user;
}

float *bn_session_input(const birefnet_session *session)
{
    return bn_graph_data(session->graph, session->input.memory);
}

const float *bn_session_logits(const birefnet_session *session)
{
    return bn_graph_data(session->graph, session->logits);
}

/* Photos and masks as bytes, or planes and logits: what is not used does not travel. */
static void take_photos(birefnet_session *session, bool photos)
{
    if (!session->on_card) return;
    bn_graph *graph = session->graph;
    uint32_t *wanted = bn_graph_data(graph, session->photo.wanted);
    for (int i = 0; i < session->info.batch; i++) wanted[i] = photos;
    bn_graph_transfer(graph, session->photo.bytes, photos);
    bn_graph_transfer(graph, session->input.memory, !photos);
    bn_graph_transfer(graph, session->mask.bytes, photos);
    bn_graph_transfer(graph, session->mask.broken, photos);
    bn_graph_transfer(graph, session->logits, !photos);
}

uint8_t *bn_session_photo(const birefnet_session *session)
{
    return session->on_card ? bn_graph_data(session->graph, session->photo.bytes) : NULL;
}

const uint8_t *bn_session_mask(const birefnet_session *session)
{
    return bn_graph_data(session->graph, session->mask.bytes);
}

size_t bn_session_broken(const birefnet_session *session, int picture)
{
    const uint32_t *counts = bn_graph_data(session->graph, session->mask.broken);
    size_t sum = 0;
    counts += picture * session->mask.broken.w;
    for (int i = 0; i < session->mask.broken.w; i++) sum += counts[i];
    return sum;
}

double bn_session_card_ms(const birefnet_session *session)
{
    double sum = 0;
    for (int i = 0; session->on_card && i < bn_graph_parts(session->graph); i++)
        sum += bn_graph_part_stats(session->graph, i).last_ms;
    return sum;
}

bn_isa bn_session_isa(const birefnet_session *session)
{
    return session->model->isa;
}

const bn_graph *bn_session_graph(const birefnet_session *session)
{
    return session->graph;
}

bn_status bn_session_run_photo(birefnet_session *session, bn_error *err)
{
    take_photos(session, true);
    return bn_graph_run(session->graph, session->progress, session->progress_user, err);
}

bn_status bn_session_run_inplace(birefnet_session *session, bn_error *err)
{
    take_photos(session, false);
    return bn_graph_run(session->graph, session->progress, session->progress_user, err);
}

birefnet_status birefnet_session_run(birefnet_session *session, const float *input, float *logits,
                                     birefnet_error *error)
{
    if (!session || !input || !logits)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "no session, input or place for the logits");
    const size_t pixels =
        (size_t)session->info.width * (size_t)session->info.height * (size_t)session->info.batch;
    memcpy(bn_session_input(session), input, 3 * pixels * sizeof *input);
    BN_TRY(bn_session_run_inplace(session, error));
    memcpy(logits, bn_session_logits(session), pixels * sizeof *logits);
    return BIREFNET_OK;
}
