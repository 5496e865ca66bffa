/* arch.c - reads the architecture off tensor names and shapes; knows the published ones by name. */
#include "model/arch.h"

#include "base/size.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Size of a tensor's dimension, 0 if there is no such tensor or dimension, or it is beyond what networks have. */
static int dim_of(const bn_weights *weights, const char *name, int dim)
{
    const bn_weight *weight = bn_weights_find(weights, name);
    if (!weight || dim >= weight->rank || weight->shape[dim] > 1 << 20) return 0;
    return (int)weight->shape[dim];
}

/* Blocks of a stage: how many n there are with tensor FORMAT(stage, n). */
static int count_blocks(const bn_weights *weights, const char *format, int stage)
{
    char name[128];
    for (int n = 0;; n++) {
        int length = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        length = snprintf(name, sizeof name, format, stage, n);
#pragma GCC diagnostic pop
        if (length < 0 || n > 1000 || !bn_weights_find(weights, name)) return n;
    }
}

static void read_swin(const bn_weights *weights, bn_arch *arch)
{
    char name[128];
    for (int i = 0; i < BN_STAGES; i++) {
        snprintf(name, sizeof name, "bb.norm%d.weight", i);
        arch->dims[i] = dim_of(weights, name, 0);
        arch->depths[i] = count_blocks(weights, "bb.layers.%d.blocks.%d.norm1.weight", i);
        snprintf(name, sizeof name, "bb.layers.%d.blocks.0.attn.relative_position_bias_table", i);
        arch->heads[i] = dim_of(weights, name, 1);
        const int rows = dim_of(weights, name, 0);
        if (i == 0) arch->window = ((int)lround(sqrt(rows)) + 1) / 2;
        snprintf(name, sizeof name, "bb.layers.%d.blocks.0.mlp.fc1.weight", i);
        arch->hidden[i] = dim_of(weights, name, 0);
    }
}

static void read_pvt(const bn_weights *weights, bn_arch *arch)
{
    char name[128];
    for (int i = 0; i < BN_STAGES; i++) {
        snprintf(name, sizeof name, "bb.norm%d.weight", i + 1);
        arch->dims[i] = dim_of(weights, name, 0);
        arch->depths[i] = count_blocks(weights, "bb.block%d.%d.norm1.weight", i + 1);
        snprintf(name, sizeof name, "bb.block%d.0.attn.sr.weight", i + 1);
        arch->reduction[i] = BN_MAX(dim_of(weights, name, 2), 1);
        snprintf(name, sizeof name, "bb.block%d.0.mlp.fc1.weight", i + 1);
        arch->hidden[i] = dim_of(weights, name, 0);
        /* heads leave no trace in the shapes; in all of b0 to b5 the first stage has one, and all are equally wide */
        arch->heads[i] = arch->dims[0] > 0 ? arch->dims[i] / arch->dims[0] : 0;
    }
}

static void read_decoder(const bn_weights *weights, bn_arch *arch)
{
    char name[128];
    const char *const block = "squeeze_module.0.dec_att.";
    arch->inter = dim_of(weights, "squeeze_module.0.conv_in.weight", 0);
    snprintf(name, sizeof name, "%saspp1.atrous_conv.regular_conv.weight", block);
    arch->aspp = dim_of(weights, name, 0);
    for (arch->branches = 0; arch->branches < BN_MAX_BRANCHES; arch->branches++) {
        snprintf(name, sizeof name, "%saspp_deforms.%d.atrous_conv.regular_conv.weight", block,
                 arch->branches);
        const int kernel = dim_of(weights, name, 2);
        if (kernel == 0) break;
        arch->kernels[arch->branches] = kernel;
    }
    arch->picture5 = bn_weights_find(weights, "decoder.ipt_blk5.conv1.weight") != NULL;
    arch->gate4 = bn_weights_find(weights, "decoder.gdt_convs_4.0.weight") != NULL;
    arch->picture_mid = dim_of(weights, "decoder.ipt_blk1.conv1.weight", 0);
}

/* Numbers that the layers can work with. What is wrong here would only confuse as a list of wrong shapes. */
static bn_status check_numbers(const bn_arch *arch, bn_error *err)
{
    for (int i = 0; i < BN_STAGES; i++) {
        if (arch->dims[i] < 8 || arch->dims[i] % 4 || arch->depths[i] < 1 || arch->hidden[i] < 1 ||
            arch->heads[i] < 1 || arch->dims[i] % arch->heads[i])
            return bn_fail(
                err, BIREFNET_ERROR_FORMAT,
                "stage %d of the backbone cannot be read off the tensors (%d channels, %d blocks, %d heads)",
                i + 1, arch->dims[i], arch->depths[i], arch->heads[i]);
        if (arch->reduction[i] > 64)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "spatial reduction by %d", arch->reduction[i]);
    }
    if (arch->backbone == BN_SWIN && (arch->window < 2 || arch->window > 32))
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "attention windows of %d tokens cannot be", arch->window);
    if (arch->inter < 1 || arch->aspp < 1 || arch->branches < 1 || arch->picture_mid < 1)
        return bn_fail(
            err, BIREFNET_ERROR_FORMAT,
            "the decoder cannot be read off the tensors (inner width %d, ASPP width %d with %d branches)",
            arch->inter, arch->aspp, arch->branches);
    for (int i = 0; i < arch->branches; i++)
        if (arch->kernels[i] % 2 == 0 || arch->kernels[i] > 15)
            return bn_fail(err, BIREFNET_ERROR_FORMAT, "deformable kernels of %d x %d cannot be",
                           arch->kernels[i], arch->kernels[i]);
    return BIREFNET_OK;
}

/* ---- comparing --------------------------------------------------------------------------------------------- */

#define LISTED 12 /* faults that are written out */

typedef struct comparison {
    const bn_weights *weights;
    int faults;
    char list[1600];
} comparison;

static void print_shape(char *text, size_t size, int rank, const int64_t *shape)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "", (long long)shape[i]);
    if (used < size) snprintf(text + used, size - used, "]");
}

static bn_status compare(void *context, const char *name, int rank, const int64_t *shape, bn_error *err)
{
    (void)err;
    comparison *all = context;
    const bn_weight *weight = bn_weights_find(all->weights, name);
    const bool same =
        weight && weight->rank == rank && memcmp(weight->shape, shape, (size_t)rank * sizeof *shape) == 0;
    const bool readable = weight && weight->dtype <= BN_DTYPE_BF16;
    if (same && readable) return BIREFNET_OK;
    if (all->faults++ >= LISTED) return BIREFNET_OK;
    char wanted[96], found[96];
    const size_t used = strlen(all->list);
    print_shape(wanted, sizeof wanted, rank, shape);
    if (weight) print_shape(found, sizeof found, weight->rank, weight->shape);
    snprintf(all->list + used, sizeof all->list - used, "%s%s %s%s%s", used ? "; " : "", name,
             !weight ? "is missing"
             : !same ? "is "
                     : "has type ",
             !weight ? ""
             : !same ? found
                     : bn_dtype_name(weight->dtype),
             "");
    if (weight && !same) {
        const size_t more = strlen(all->list);
        snprintf(all->list + more, sizeof all->list - more, ", not %s", wanted);
    }
    return BIREFNET_OK;
}

bn_status bn_arch_read(const bn_weights *weights, bn_arch *arch, bn_error *err)
{
    *arch = (bn_arch){0};
    if (bn_weights_find(weights, "bb.patch_embed.proj.weight")) {
        arch->backbone = BN_SWIN;
        read_swin(weights, arch);
    } else if (bn_weights_find(weights, "bb.patch_embed1.proj.weight")) {
        arch->backbone = BN_PVT;
        read_pvt(weights, arch);
    } else {
        return bn_fail(
            err, BIREFNET_ERROR_FORMAT,
            "not a BiRefNet: neither bb.patch_embed.proj.weight (Swin) nor bb.patch_embed1.proj.weight (PVT) "
            "is among its %zu tensors",
            bn_weights_count(weights));
    }
    read_decoder(weights, arch);
    BN_TRY(check_numbers(arch, err));
    comparison all = {.weights = weights};
    BN_TRY(bn_arch_tensors(arch, compare, &all, err));
    if (all.faults == 0) return BIREFNET_OK;
    const int more = all.faults - LISTED;
    char rest[48] = "";
    if (more > 0) snprintf(rest, sizeof rest, "; and %d more", more);
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "%d tensors do not fit: %s%s", all.faults, all.list, rest);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

typedef struct named {
    const char *name;
    bn_backbone backbone;
    int dims[BN_STAGES], depths[BN_STAGES], window, ratios[BN_STAGES]; /* ratios: hidden to plain width */
} named;

static const named backbones[] = {
    {"swin_v1_t", BN_SWIN, {96, 192, 384, 768}, {2, 2, 6, 2}, 7, {4, 4, 4, 4}},
    {"swin_v1_s", BN_SWIN, {96, 192, 384, 768}, {2, 2, 18, 2}, 7, {4, 4, 4, 4}},
    {"swin_v1_b", BN_SWIN, {128, 256, 512, 1024}, {2, 2, 18, 2}, 12, {4, 4, 4, 4}},
    {"swin_v1_l", BN_SWIN, {192, 384, 768, 1536}, {2, 2, 18, 2}, 12, {4, 4, 4, 4}},
    {"pvt_v2_b0", BN_PVT, {32, 64, 160, 256}, {2, 2, 2, 2}, 0, {8, 8, 4, 4}},
    {"pvt_v2_b1", BN_PVT, {64, 128, 320, 512}, {2, 2, 2, 2}, 0, {8, 8, 4, 4}},
    {"pvt_v2_b2", BN_PVT, {64, 128, 320, 512}, {3, 4, 6, 3}, 0, {8, 8, 4, 4}},
    {"pvt_v2_b3", BN_PVT, {64, 128, 320, 512}, {3, 4, 18, 3}, 0, {8, 8, 4, 4}},
    {"pvt_v2_b4", BN_PVT, {64, 128, 320, 512}, {3, 8, 27, 3}, 0, {8, 8, 4, 4}},
    {"pvt_v2_b5", BN_PVT, {64, 128, 320, 512}, {3, 6, 40, 3}, 0, {4, 4, 4, 4}},
};

static void fill_named(const named *one, bool first_generation, bn_arch *arch)
{
    static const int reduction[BN_STAGES] = {8, 4, 2, 1}, pvt_heads[BN_STAGES] = {1, 2, 5, 8};
    *arch = (bn_arch){.backbone = one->backbone,
                      .window = one->window,
                      .inter = 64,
                      .aspp = 256,
                      .picture_mid = 64,
                      .picture5 = !first_generation,
                      .gate4 = !first_generation};
    for (int i = 0; i < BN_STAGES; i++) {
        arch->dims[i] = one->dims[i];
        arch->depths[i] = one->depths[i];
        arch->hidden[i] = one->dims[i] * one->ratios[i];
        arch->heads[i] = one->backbone == BN_SWIN ? one->dims[i] / 32 : pvt_heads[i];
        arch->reduction[i] = one->backbone == BN_SWIN ? 0 : reduction[i];
    }
    arch->branches = first_generation ? 1 : 3;
    memcpy(arch->kernels, first_generation ? (int[]){3, 0, 0} : (int[]){1, 3, 7}, 3 * sizeof(int));
}

bn_status bn_arch_named(const char *generation, const char *backbone, bn_arch *arch, bn_error *err)
{
    if (strcmp(generation, "gen1") != 0 && strcmp(generation, "gen2") != 0 && strcmp(generation, "gen3") != 0)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "no generation '%s': gen1, gen2 or gen3", generation);
    for (size_t i = 0; i < BN_COUNT(backbones); i++) {
        if (strcmp(backbone, backbones[i].name) != 0) continue;
        fill_named(&backbones[i], strcmp(generation, "gen1") == 0, arch);
        return BIREFNET_OK;
    }
    return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                   "no backbone '%s': swin_v1_t, _s, _b, _l or pvt_v2_b0 to _b5", backbone);
}

void bn_arch_describe(const bn_arch *arch, bool grid_order, char *text, size_t size)
{
    char window[24] = "";
    if (arch->backbone == BN_SWIN) snprintf(window, sizeof window, ", window %d", arch->window);
    snprintf(text, size, "%s %s, dims %d %d %d %d, depths %d %d %d %d%s",
             !arch->picture5 ? "gen1"
             : grid_order    ? "gen2"
                             : "gen3",
             arch->backbone == BN_SWIN ? "swin" : "pvt", arch->dims[0], arch->dims[1], arch->dims[2],
             arch->dims[3], arch->depths[0], arch->depths[1], arch->depths[2], arch->depths[3], window);
}
