/* session.c - a model made ready for one size: birefnet_session. */
#include "model/model.h"

#include "base/parallel.h"
#include "base/size.h"
#include "nn/cpu/pack.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SIDE 16384 /* pixels */

struct birefnet_session {
    birefnet_model *model;
    bn_graph *graph;
    bn_planes input;
    bn_map logits;
    birefnet_session_info info;
    birefnet_progress_fn progress;
    void *progress_user;
};

void birefnet_session_options_default(birefnet_session_options *options)
{
    if (options) *options = (birefnet_session_options){0};
}

static bn_status build(birefnet_session *session, bn_pack_store *packs, bn_error *err)
{
    birefnet_model *model = session->model;
    bn_status status = BIREFNET_OK;
    bn_params *params = NULL;
    const bn_graph_options options = {.type =
                                          model->info.precision == BIREFNET_PRECISION_BF16 ? BN_BF16 : BN_F32,
                                      .isa = model->isa,
                                      .threads = session->info.threads,
                                      .packs = packs};
    BN_TRY_DONE(bn_graph_create(&options, &session->graph, err));
    BN_TRY_DONE(bn_params_create(model->weights, &model->arch, session->graph, &params, err));
    bn_network net = {.graph = session->graph,
                      .arch = &model->arch,
                      .params = params,
                      .grid_order = model->info.tile_order == BIREFNET_TILES_GRID};
    bn_network_build(&net, session->info.height, session->info.width, &session->input, &session->logits);
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
    birefnet_session_options defaults;
    birefnet_session_options_default(&defaults);
    if (!options) options = &defaults;
    if (!model || !session)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "no model or no place for the session");
    const int width = options->width ? options->width : model->info.width;
    const int height = options->height ? options->height : model->info.height;
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE || options->threads < 0 ||
        options->threads > BN_MAX_THREADS)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT,
                       "a session of %d x %d pixels with %d threads (sides up to %d)", width, height,
                       options->threads, MAX_SIDE);
    birefnet_session *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(error, sizeof *made, "a session");
    made->model = model;
    made->info.width = (int)bn_size_round_up((size_t)width, 32);
    made->info.height = (int)bn_size_round_up((size_t)height, 32);
    made->info.threads = options->threads ? options->threads : BN_MIN(bn_cpu_threads(), BN_MAX_THREADS);
    if (made->info.width != width || made->info.height != height)
        bn_log_line(&model->log, BIREFNET_LOG_INFO,
                    "%d x %d rounded up to %d x %d: the network takes multiples of 32", width, height,
                    made->info.width, made->info.height);
    *session = made;
    return BIREFNET_OK;
}

/* Build with oneDNN laying primitives out for the session's threads. */
static bn_status build_for_threads(birefnet_session *session, bn_pack_store *packs, bn_error *err)
{
    const int threads = bn_parallel_set_threads(session->info.threads);
    const bn_status status = build(session, packs, err);
    bn_parallel_set_threads(threads);
    return status;
}

birefnet_status birefnet_session_open(birefnet_model *model, const birefnet_session_options *options,
                                      birefnet_session **session, birefnet_error *error)
{
    birefnet_session *made = NULL;
    if (!session) return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "no place for the session");
    BN_TRY(make_session(model, options, &made, error));
    const bn_status status = build_for_threads(made, model->packs, error);
    if (status == BIREFNET_OK)
        *session = made;
    else
        birefnet_session_close(&made);
    return status;
}

bn_status bn_session_estimate(birefnet_model *model, const birefnet_session_options *options,
                              birefnet_session_info *info, size_t *weight_bytes, bn_error *err)
{
    birefnet_session *made = NULL;
    bn_pack_store *packs = NULL;
    bn_status status = BIREFNET_OK;
    BN_TRY_DONE(make_session(model, options, &made, err));
    BN_TRY_DONE(bn_pack_store_create_counting(&packs, err));
    BN_TRY_DONE(build_for_threads(made, packs, err));
    *info = made->info;
    *weight_bytes = bn_pack_bytes(packs);
done:
    birefnet_session_close(&made);
    bn_pack_store_destroy(&packs);
    return status;
}

void birefnet_session_close(birefnet_session **session)
{
    if (!session || !*session) return;
    bn_graph_destroy(&(*session)->graph);
    free(*session);
    *session = NULL;
}

void birefnet_session_get_info(const birefnet_session *session, birefnet_session_info *info)
{
    if (info) *info = session ? session->info : (birefnet_session_info){0};
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

bn_isa bn_session_isa(const birefnet_session *session)
{
    return session->model->isa;
}

const bn_graph *bn_session_graph(const birefnet_session *session)
{
    return session->graph;
}

bn_status bn_session_run_inplace(birefnet_session *session, bn_error *err)
{
    return bn_graph_run(session->graph, session->progress, session->progress_user, err);
}

birefnet_status birefnet_session_run(birefnet_session *session, const float *input, float *logits,
                                     birefnet_error *error)
{
    if (!session || !input || !logits)
        return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "no session, input or place for the logits");
    const size_t pixels = (size_t)session->info.width * (size_t)session->info.height;
    memcpy(bn_session_input(session), input, 3 * pixels * sizeof *input);
    BN_TRY(bn_session_run_inplace(session, error));
    memcpy(logits, bn_session_logits(session), pixels * sizeof *logits);
    return BIREFNET_OK;
}
