/* aspp.c - atrous spatial pyramid pooling with deformable convolutions (reference Aspp, AsppBranch, DeformConv).
 *
 * Branches: a deformable 1x1, then one deformable convolution for each of arch->kernels, and the mean of the whole map.
 * The mean is the same for every pixel, so its share of the 1x1 convolution that joins the branches is a bias. */
#include "model/network.h"

#include <stdio.h>
#include <string.h>

typedef struct branch_list {
    int count;
    int kernel[1 + BN_MAX_BRANCHES];
    char name[1 + BN_MAX_BRANCHES][40]; /* behind the block's prefix */
} branch_list;

static branch_list list_branches(const bn_arch *arch)
{
    branch_list list = {.count = 1 + arch->branches, .kernel = {1}, .name = {"dec_att.aspp1"}};
    for (int i = 0; i < arch->branches; i++) {
        list.kernel[1 + i] = arch->kernels[i];
        snprintf(list.name[1 + i], sizeof list.name[1 + i], "dec_att.aspp_deforms.%d", i);
    }
    return list;
}

/* One convolution gives the offsets and modulators of all branches of this kernel size: float32 [h, w, 3 k^2 each]. */
static void add_offsets(bn_network *net, const char *prefix, bn_map x, const branch_list *list, int kernel,
                        bn_deform_params *deform)
{
    const char *names[1 + BN_MAX_BRANCHES];
    int count = 0;
    for (int i = 0; i < list->count; i++) {
        if (list->kernel[i] != kernel) continue;
        deform->branch[i].offset = count * 3 * kernel * kernel;
        deform->branch[i].modulator = deform->branch[i].offset + 2 * kernel * kernel;
        names[count++] = list->name[i];
    }
    const bn_conv_params conv = {.out = bn_param_offsets_width(kernel, count),
                                 .kernel = kernel,
                                 .stride = 1,
                                 .pad = kernel / 2,
                                 .type = BN_F32,
                                 .useful = 3 * kernel * kernel * count};
    const bn_map offsets =
        bn_layer_conv(net->graph, x, conv, bn_param_offsets(net->params, prefix, names, count));
    for (int i = 0; i < list->count; i++)
        if (list->kernel[i] == kernel) deform->branch[i].offsets = offsets;
}

bn_map bn_aspp(bn_network *net, const char *prefix, bn_map x)
{
    const bn_arch *arch = net->arch;
    bn_params *p = net->params;
    const branch_list list = list_branches(arch);
    const int width = arch->aspp, joined = list.count * width;
    bn_deform_params deform = {.branches = list.count, .width = width, .out = arch->inter};
    for (int i = 0; i < list.count; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s.%s", prefix, list.name[i]);
        deform.branch[i].kernel = list.kernel[i];
        deform.branch[i].source = bn_param_deform(p, name);
        bool first = true;
        for (int j = 0; j < i; j++) first = first && list.kernel[j] != list.kernel[i];
        if (first) add_offsets(net, prefix, x, &list, list.kernel[i], &deform);
    }
    deform.merge_bias = bn_layer_pooled_bias(
        net->graph, x, width, arch->inter,
        bn_param_folded(p, prefix, "dec_att.global_avg_pool.1", "dec_att.global_avg_pool.2"),
        bn_param_inputs(p, prefix, "dec_att.conv1", "dec_att.bn1", joined, width, true));
    deform.merge = bn_param_inputs(p, prefix, "dec_att.conv1", "dec_att.bn1", 0, joined, false);
    return bn_layer_deform(net->graph, x, &deform); /* [h, w, inter] */
}
