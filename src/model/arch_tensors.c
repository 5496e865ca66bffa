/* arch_tensors.c - the tensors of a BiRefNet by name and shape: one function a part, as in the parts' own files. */
#include "model/arch.h"

#include <stdarg.h>
#include <stdio.h>

/* Walks with a sticky status, so that the lists below read as lists. */
typedef struct walk {
    bn_tensor_visit visit;
    void *context;
    bn_error *err;
    bn_status status;
} walk;

static void tensor(walk *w, int rank, const int64_t *shape, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void tensor(walk *w, int rank, const int64_t *shape, const char *format, ...)
{
    if (w->status != BIREFNET_OK) return;
    char name[192];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    w->status = w->visit(w->context, name, rank, shape, w->err);
}

static void vector(walk *w, const char *prefix, const char *leaf, int n)
{
    tensor(w, 1, (int64_t[]){n}, "%s.%s", prefix, leaf);
}

static void norm(walk *w, const char *prefix, int c)
{
    vector(w, prefix, "weight", c);
    vector(w, prefix, "bias", c);
}

static void linear(walk *w, const char *prefix, int out, int in, bool bias)
{
    tensor(w, 2, (int64_t[]){out, in}, "%s.weight", prefix);
    if (bias) vector(w, prefix, "bias", out);
}

static void conv(walk *w, const char *prefix, int out, int in, int kernel, bool bias)
{
    tensor(w, 4, (int64_t[]){out, in, kernel, kernel}, "%s.weight", prefix);
    if (bias) vector(w, prefix, "bias", out);
}

static void batch_norm(walk *w, const char *prefix, int c)
{
    norm(w, prefix, c);
    vector(w, prefix, "running_mean", c);
    vector(w, prefix, "running_var", c);
}

/* "PREFIX.LEAF" in a buffer of the caller. */
static const char *join(char *text, size_t size, const char *prefix, const char *leaf)
{
    snprintf(text, size, "%s.%s", prefix, leaf);
    return text;
}

#define NAME(prefix, leaf) join((char[192]){0}, 192, prefix, leaf)

static void swin_block(walk *w, const bn_arch *a, int stage, const char *prefix)
{
    const int c = a->dims[stage], span = 2 * a->window - 1;
    norm(w, NAME(prefix, "norm1"), c);
    tensor(w, 2, (int64_t[]){span * span, a->heads[stage]}, "%s.attn.relative_position_bias_table", prefix);
    linear(w, NAME(prefix, "attn.qkv"), 3 * c, c, true);
    linear(w, NAME(prefix, "attn.proj"), c, c, true);
    norm(w, NAME(prefix, "norm2"), c);
    linear(w, NAME(prefix, "mlp.fc1"), a->hidden[stage], c, true);
    linear(w, NAME(prefix, "mlp.fc2"), c, a->hidden[stage], true);
}

static void swin(walk *w, const bn_arch *a)
{
    char prefix[64];
    conv(w, "bb.patch_embed.proj", a->dims[0], 3, 4, true);
    norm(w, "bb.patch_embed.norm", a->dims[0]);
    for (int i = 0; i < BN_STAGES; i++) {
        for (int j = 0; j < a->depths[i]; j++) {
            snprintf(prefix, sizeof prefix, "bb.layers.%d.blocks.%d", i, j);
            swin_block(w, a, i, prefix);
        }
        snprintf(prefix, sizeof prefix, "bb.layers.%d.downsample", i);
        if (i + 1 < BN_STAGES) {
            norm(w, NAME(prefix, "norm"), 4 * a->dims[i]);
            linear(w, NAME(prefix, "reduction"), a->dims[i + 1], 4 * a->dims[i], false);
        }
        snprintf(prefix, sizeof prefix, "bb.norm%d", i);
        norm(w, prefix, a->dims[i]);
    }
}

static void pvt_block(walk *w, const bn_arch *a, int stage, const char *prefix)
{
    const int c = a->dims[stage], hidden = a->hidden[stage], sr = a->reduction[stage];
    norm(w, NAME(prefix, "norm1"), c);
    linear(w, NAME(prefix, "attn.q"), c, c, true);
    linear(w, NAME(prefix, "attn.kv"), 2 * c, c, true);
    linear(w, NAME(prefix, "attn.proj"), c, c, true);
    if (sr > 1) {
        conv(w, NAME(prefix, "attn.sr"), c, c, sr, true);
        norm(w, NAME(prefix, "attn.norm"), c);
    }
    norm(w, NAME(prefix, "norm2"), c);
    linear(w, NAME(prefix, "mlp.fc1"), hidden, c, true);
    conv(w, NAME(prefix, "mlp.dwconv.dwconv"), hidden, 1, 3, true);
    linear(w, NAME(prefix, "mlp.fc2"), c, hidden, true);
}

static void pvt(walk *w, const bn_arch *a)
{
    char prefix[64];
    for (int i = 0; i < BN_STAGES; i++) {
        snprintf(prefix, sizeof prefix, "bb.patch_embed%d", i + 1);
        conv(w, NAME(prefix, "proj"), a->dims[i], i ? a->dims[i - 1] : 3, i ? 3 : 7, true);
        norm(w, NAME(prefix, "norm"), a->dims[i]);
        for (int j = 0; j < a->depths[i]; j++) {
            snprintf(prefix, sizeof prefix, "bb.block%d.%d", i + 1, j);
            pvt_block(w, a, i, prefix);
        }
        snprintf(prefix, sizeof prefix, "bb.norm%d", i + 1);
        norm(w, prefix, a->dims[i]);
    }
}

static void aspp_branch(walk *w, const bn_arch *a, const char *prefix, int kernel)
{
    conv(w, NAME(prefix, "atrous_conv.offset_conv"), 2 * kernel * kernel, a->inter, kernel, true);
    conv(w, NAME(prefix, "atrous_conv.modulator_conv"), kernel * kernel, a->inter, kernel, true);
    conv(w, NAME(prefix, "atrous_conv.regular_conv"), a->aspp, a->inter, kernel, false);
    batch_norm(w, NAME(prefix, "bn"), a->aspp);
}

static void decoder_block(walk *w, const bn_arch *a, const char *prefix, int in, int out)
{
    char branch[128];
    conv(w, NAME(prefix, "conv_in"), a->inter, in, 3, true);
    batch_norm(w, NAME(prefix, "bn_in"), a->inter);
    aspp_branch(w, a, NAME(prefix, "dec_att.aspp1"), 1);
    for (int i = 0; i < a->branches; i++) {
        snprintf(branch, sizeof branch, "%s.dec_att.aspp_deforms.%d", prefix, i);
        aspp_branch(w, a, branch, a->kernels[i]);
    }
    conv(w, NAME(prefix, "dec_att.global_avg_pool.1"), a->aspp, a->inter, 1, false);
    batch_norm(w, NAME(prefix, "dec_att.global_avg_pool.2"), a->aspp);
    conv(w, NAME(prefix, "dec_att.conv1"), a->inter, a->aspp * (2 + a->branches), 1, false);
    batch_norm(w, NAME(prefix, "dec_att.bn1"), a->inter);
    conv(w, NAME(prefix, "conv_out"), out, a->inter, 3, true);
    batch_norm(w, NAME(prefix, "bn_out"), out);
}

/* Blocks and levels are numbered as the tensors are: decoder block 4 is the deepest, level 0. */
static void decoder(walk *w, const bn_arch *a)
{
    char prefix[64];
    for (int n = 5; n >= 1; n--) { /* picture blocks: 3 * 4^n channels of tiles, 3 for the last */
        if (n == 5 && !a->picture5) continue;
        const int level = n == 5 ? 0 : 4 - n;
        snprintf(prefix, sizeof prefix, "decoder.ipt_blk%d", n);
        conv(w, NAME(prefix, "conv1"), a->picture_mid, n > 1 ? 3 << (2 * n) : 3, 3, true);
        conv(w, NAME(prefix, "conv_out"), bn_arch_channels(a, level) / 8, a->picture_mid, 3, true);
    }
    for (int n = 4; n >= 1; n--) {
        const int level = 4 - n, in = bn_arch_channels(a, level);
        const int picture = n == 4 ? (a->picture5 ? in / 8 : 0) : bn_arch_channels(a, level - 1) / 8;
        const int out = n > 1 ? bn_arch_channels(a, level + 1) : in / 2;
        snprintf(prefix, sizeof prefix, "decoder.decoder_block%d", n);
        decoder_block(w, a, prefix, in + picture, out);
        if (n == 1) break;
        snprintf(prefix, sizeof prefix, "decoder.lateral_block%d.conv", n);
        conv(w, prefix, out, out, 1, true);
        if (n == 4 && !a->gate4) continue;
        snprintf(prefix, sizeof prefix, "decoder.gdt_convs_%d", n);
        conv(w, NAME(prefix, "0"), 16, out, 3, true);
        batch_norm(w, NAME(prefix, "1"), 16);
        snprintf(prefix, sizeof prefix, "decoder.gdt_convs_attn_%d.0", n);
        conv(w, prefix, 1, 16, 1, true);
    }
    const int last = bn_arch_channels(a, 3);
    conv(w, "decoder.conv_out1.0", 1, last / 2 + last / 8, 1, true);
}

bn_status bn_arch_tensors(const bn_arch *arch, bn_tensor_visit visit, void *context, bn_error *err)
{
    walk w = {visit, context, err, BIREFNET_OK};
    if (arch->backbone == BN_SWIN)
        swin(&w, arch);
    else
        pvt(&w, arch);
    int all = 0;
    for (int i = 0; i < BN_STAGES; i++) all += 2 * arch->dims[i];
    decoder_block(&w, arch, "squeeze_module.0", all, bn_arch_channels(arch, 0));
    decoder(&w, arch);
    return w.status;
}
