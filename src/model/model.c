/* model.c - opening a checkpoint or a seeded network: birefnet_model. */
#include "model/model.h"

#include "base/size.h"
#include "base/sized.h"
#include "model/tile_order.h"
#include "nn/cpu/engine.h"
#include "nn/cpu/pack.h"
#include "weights/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *birefnet_version(void)
{
    return BN_VERSION;
}

const char *birefnet_precision_name(birefnet_precision precision)
{
    static const char *const names[] = {"auto", "f32", "bf16", "f16"};
    return (size_t)precision < BN_COUNT(names) ? names[precision] : "unknown";
}

void birefnet_model_options_default_sized(birefnet_model_options *options, size_t size_bytes)
{
    const birefnet_model_options defaults = {.size = size_bytes};
    if (options) bn_sized_write(options, size_bytes, &defaults, sizeof defaults);
}

/* ---- seeded networks ------------------------------------------------------------------------------------------ */

static bn_status add_seeded(void *context, const char *name, int rank, const int64_t *shape, bn_error *err)
{
    return bn_weights_add_seeded(context, name, rank, shape, err);
}

/* "seeded:gen3-swin_v1_t:4" */
static bn_status open_seeded(birefnet_model *model, const char *path, bn_error *err)
{
    char generation[8], backbone[16];
    unsigned long long seed = 0;
    int used = 0;
    if (sscanf(path, "seeded:%7[^-]-%15[^:]:%llu%n", generation, backbone, &seed, &used) != 3 || path[used])
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "'%s' is not seeded:GENERATION-BACKBONE:SEED, for example seeded:gen3-swin_v1_t:4",
                       path);
    BN_TRY(bn_arch_named(generation, backbone, &model->arch, err));
    BN_TRY(bn_weights_create_seeded(seed, &model->weights, err));
    BN_TRY(bn_arch_tensors(&model->arch, add_seeded, model->weights, err));
    /* seeded weights carry no trace of an order: it goes with the generation, and the caller may override it */
    if (model->info.tile_order == BIREFNET_TILES_AUTO) {
        model->info.tile_order =
            strcmp(generation, "gen3") == 0 ? BIREFNET_TILES_CHANNEL : BIREFNET_TILES_GRID;
        model->info.tile_order_chosen_by = 1;
    }
    snprintf(model->info.name, sizeof model->info.name, "%s", path);
    return BIREFNET_OK;
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

static bn_status choose_tile_order(birefnet_model *model, bn_error *err)
{
    birefnet_model_info *info = &model->info;
    if (info->tile_order != BIREFNET_TILES_AUTO) return BIREFNET_OK; /* the caller's choice: 0 */
    const char *said = bn_weights_metadata(model->weights, "birefnet.tile_order");
    if (said && (strcmp(said, "channel") == 0 || strcmp(said, "grid") == 0)) {
        info->tile_order = strcmp(said, "grid") == 0 ? BIREFNET_TILES_GRID : BIREFNET_TILES_CHANNEL;
        info->tile_order_chosen_by = 1;
        return BIREFNET_OK;
    }
    bn_tile_evidence evidence;
    BN_TRY(bn_tile_order_detect(model->weights, &evidence, err));
    info->tile_order = evidence.grid_order ? BIREFNET_TILES_GRID : BIREFNET_TILES_CHANNEL;
    info->tile_order_chosen_by = 2;
    bn_log_line(&model->log, BIREFNET_LOG_INFO,
                "picture tiles in %s order, read off the weights (correlation of colours %.2f in channel "
                "order, %.2f in "
                "grid order)",
                evidence.grid_order ? "grid" : "channel", evidence.channel, evidence.grid);
    return BIREFNET_OK;
}

static bn_status open_file(birefnet_model *model, const char *path, bn_error *err)
{
    BN_TRY(bn_weights_open(path, &model->weights, err));
    bn_status status = bn_arch_read(model->weights, &model->arch, err);
    if (status == BIREFNET_OK) status = choose_tile_order(model, err);
    if (status != BIREFNET_OK) return bn_error_prefix(err, status, "%s", path);
    const char *said = bn_weights_metadata(model->weights, "birefnet.name"), *slash = strrchr(path, '/');
    snprintf(model->info.name, sizeof model->info.name, "%s", said ? said : slash ? slash + 1 : path);
    const char *size = bn_weights_metadata(model->weights, "birefnet.resolution");
    int width = 0, height = 0;
    if (size && sscanf(size, "%dx%d", &width, &height) == 2 && width >= 32 && height >= 32 && width <= 8192 &&
        height <= 8192) {
        model->info.width = width;
        model->info.height = height;
    }
    return BIREFNET_OK;
}

/* ---- both ----------------------------------------------------------------------------------------------------- */

static bn_status count_parameters(void *context, const char *name, int rank, const int64_t *shape,
                                  bn_error *err)
{
    (void)name;
    (void)err;
    uint64_t count = 1;
    for (int i = 0; i < rank; i++) count *= (uint64_t)shape[i];
    *(uint64_t *)context += count;
    return BIREFNET_OK;
}

/* The level of our own kernels; oneDNN is held to it where the CPU can do more. */
static bn_status choose_level(birefnet_model *model, const birefnet_model_options *options, bn_error *err)
{
    const bn_isa cpu = bn_cpu_isa();
    bn_isa level = bn_isa_trusted(cpu);
    if (options->max_isa && !bn_isa_from_name(options->max_isa, &level))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "no level of instructions '%s'", options->max_isa);
    model->isa = BN_MIN(level, cpu);
    if (model->isa == cpu || (!options->max_isa && bn_engine_told_by_user())) return BIREFNET_OK;
    bn_error why = {0};
    const bn_status status = bn_engine_hold(model->isa, &why);
    if (status == BIREFNET_OK) {
        bn_log_line(&model->log, BIREFNET_LOG_INFO, "oneDNN is held to %s in this process; the CPU has %s",
                    bn_isa_name(model->isa), bn_isa_name(cpu));
        return BIREFNET_OK;
    }
    if (options->max_isa) return bn_fail(err, status, "%s", why.message);
    bn_log_line(&model->log, BIREFNET_LOG_WARNING, "%s", why.message);
    return BIREFNET_OK;
}

/* The type that the CPU computes in. */
static bn_status choose_cpu_type(birefnet_model *model, const birefnet_model_options *options,
                                 birefnet_precision precision, bn_error *err)
{
    BN_TRY(choose_level(model, options, err));
    const bn_isa engine = bn_engine_isa(), both = BN_MIN(model->isa, engine);
    /* AMX that nobody asked for, and that could not be left out any more */
    const bool untrusted = engine > BN_MAX(model->isa, bn_isa_trusted(engine)) && !bn_engine_told_by_user();
    if (precision == BIREFNET_PRECISION_F16)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "f16 is for graphics cards; a CPU has f32 and bf16");
    const bool native = both >= BN_ISA_AVX512_BF16 && !untrusted;
    if (precision == BIREFNET_PRECISION_BF16 && !native)
        return bn_fail(
            err, BIREFNET_ERROR_UNSUPPORTED,
            untrusted ? "bf16 was asked for, but oneDNN would run it on AMX, which is not trusted yet, and "
                        "can no longer be held to less (%s)"
                      : "bf16 was asked for, but this CPU (or the level it is held to, %s) does not "
                        "multiply bf16 natively",
            bn_isa_name(untrusted ? engine : both));
    const bool wanted = precision == BIREFNET_PRECISION_BF16 ||
                        (precision == BIREFNET_PRECISION_AUTO && native && bn_isa_bf16_pays(both));
    model->cpu_type = wanted ? BN_BF16 : BN_F32;
    return BIREFNET_OK;
}

/* Graphics cards have no bf16, CPUs no f16: where either may compute, each takes what it has of what was asked for. */
static bn_status choose_device(birefnet_model *model, const birefnet_model_options *options, bn_error *err)
{
    bn_device_kind kind;
    int index;
    birefnet_precision precision = options->precision;
    BN_TRY(bn_device_parse(options->device, &kind, &index, err));
    /* who asks for what is a CPU's means a CPU */
    if (kind == BN_DEVICE_AUTO && (precision == BIREFNET_PRECISION_BF16 || options->max_isa))
        kind = BN_DEVICE_CPU;
    model->type = precision == BIREFNET_PRECISION_F32 ? BN_F32 : BN_F16;
    if (kind == BN_DEVICE_GPU && precision == BIREFNET_PRECISION_BF16)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "bf16 is for CPUs; graphics cards have f16 and f32");
    if (kind != BN_DEVICE_CPU && precision == BIREFNET_PRECISION_F16) precision = BIREFNET_PRECISION_AUTO;
    BN_TRY(choose_cpu_type(model, options, precision, err));
    if (kind == BN_DEVICE_GPU) BN_TRY(bn_device_open(index, &model->device, err));
    model->device.is_auto = kind == BN_DEVICE_AUTO;
    return BIREFNET_OK;
}

/* Under auto, when the model is known: the first card that has the memory for the size it is made for. */
static bn_status choose_auto(birefnet_model *model, bn_error *err)
{
    bn_error why = {0};
    const int count = bn_gpu_may_be_here() ? bn_gpu_count(&why) : 0;
    for (int i = 0; i < count; i++) {
        bn_gpu_facts facts;
        if (bn_gpu_describe(i, &facts, &why) != BIREFNET_OK || facts.kind == BN_GPU_SOFTWARE) continue;
        if (bn_device_open(i, &model->device, &why) == BIREFNET_OK) {
            model->device.is_auto = true;
            size_t bytes = 0;
            birefnet_session_info info;
            BN_TRY(bn_session_estimate(model, NULL, &info, &bytes, err));
            if (bn_device_check_memory(i, bytes, info.arena_bytes, &why) == BIREFNET_OK) return BIREFNET_OK;
            bn_device_close(&model->device);
        }
        bn_log_line(&model->log, BIREFNET_LOG_WARNING, "not on %s: %s", facts.name, why.message);
    }
    return BIREFNET_OK;
}

static void name_device(birefnet_model *model)
{
    static const birefnet_precision precisions[] = {[BN_F32] = BIREFNET_PRECISION_F32,
                                                    [BN_BF16] = BIREFNET_PRECISION_BF16,
                                                    [BN_F16] = BIREFNET_PRECISION_F16};
    const bn_device *device = &model->device;
    if (!device->gpu) model->type = model->cpu_type;
    model->info.precision = precisions[model->type];
    if (device->gpu)
        snprintf(model->info.device, sizeof model->info.device, "gpu:%d %.140s", device->index,
                 bn_gpu_facts_of(device->gpu)->name);
    else
        snprintf(model->info.device, sizeof model->info.device, "cpu");
}

/* Numbers that no name here stands for, of a caller's slip or a newer header. */
static bn_status check_choices(const birefnet_model_options *options, bn_error *err)
{
    if ((unsigned)options->precision > BIREFNET_PRECISION_F16)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "there is no precision %d", (int)options->precision);
    if ((unsigned)options->tile_order > BIREFNET_TILES_GRID)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "there is no tile order %d", (int)options->tile_order);
    return BIREFNET_OK;
}

birefnet_status birefnet_model_open(const char *path, const birefnet_model_options *options,
                                    birefnet_model **model, birefnet_error *err)
{
    birefnet_model_options read;
    birefnet_model_options_default(&read);
    if (!path || !model) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "no path or no place for the model");
    BN_TRY(bn_sized_read(&read, sizeof read, options, BN_SIZED_UNTIL(birefnet_model_options, device), err));
    options = &read;
    BN_TRY(check_choices(options, err));
    birefnet_model *made = calloc(1, sizeof *made);
    if (!made) return bn_fail_memory(err, sizeof *made, "a model");
    bn_status status = BIREFNET_OK;
    made->log = (bn_log){options->log, options->log_user};
    made->info.width = made->info.height = 1024;
    made->info.tile_order = options->tile_order;
    BN_TRY_DONE(choose_device(made, options, err));
    BN_TRY_DONE(strncmp(path, "seeded:", 7) == 0 ? open_seeded(made, path, err) : open_file(made, path, err));
    BN_TRY_DONE(bn_pack_store_create(&made->packs, err));
    if (made->device.is_auto) BN_TRY_DONE(choose_auto(made, err));
    if (made->device.is_auto && !made->device.gpu && options->precision == BIREFNET_PRECISION_F16)
        BN_TRY_DONE(
            bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                    "f16 is for graphics cards, and there is none here to take; a CPU has f32 and bf16"));
    name_device(made);
    BN_TRY_DONE(bn_arch_tensors(&made->arch, count_parameters, &made->info.parameters, err));
    bn_arch_describe(&made->arch, made->info.tile_order == BIREFNET_TILES_GRID, made->info.architecture,
                     sizeof made->info.architecture);
    bn_log_line(&made->log, BIREFNET_LOG_INFO, "model %s: %s, %.1f M parameters, %s on %s", made->info.name,
                made->info.architecture, (double)made->info.parameters * 1e-6,
                birefnet_precision_name(made->info.precision), made->info.device);
done:
    if (status == BIREFNET_OK)
        *model = made;
    else
        birefnet_model_close(&made);
    return status;
}

void birefnet_model_close(birefnet_model **model)
{
    if (!model || !*model) return;
    bn_pack_store_destroy(&(*model)->packs);
    bn_device_close(&(*model)->device);
    bn_weights_close(&(*model)->weights);
    free(*model);
    *model = NULL;
}

void birefnet_model_get_info_sized(const birefnet_model *model, birefnet_model_info *info, size_t info_bytes)
{
    birefnet_model_info ours = model ? model->info : (birefnet_model_info){0};
    if (!info) return;
    if (model) ours.weight_bytes = bn_pack_bytes(model->packs);
    if (model && model->device.packs) ours.weight_bytes += bn_gpu_packs_bytes(model->device.packs);
    bn_sized_write(info, info_bytes, &ours, sizeof ours);
}
