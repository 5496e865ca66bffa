/* presets.c - the table of presets. Names, files and training sizes are those of github.com/ZhengPeng7/BiRefNet and its model
 * cards; sizes in bytes are only shown, and come from lists of third parties. */
#include "weights/presets.h"

#include "base/size.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LARGE  "Swin-L, 221 million parameters"
#define TINY   "Swin-T, 44 million parameters"
#define AUTHOR "Peng Zheng"

/* The endpoint's live page gives Heavy a lighter model than Light; whoever asks for Heavy wants the heavier one, so
 * without the file of the older page it is the general Swin-L model, as for Light. */
static const bn_preset presets[] = {
    {.name = "General Use (Light)",
     .alias = "light",
     .repository = "ZhengPeng7/BiRefNet",
     .file = "BiRefNet.safetensors",
     .named_file = "BiRefNet-DIS_ep580.pth",
     .licence = "MIT",
     .author = AUTHOR,
     .backbone = LARGE,
     .about_bytes = 444000000,
     .trained_width = 1024,
     .trained_height = 1024,
     .width = 1024,
     .height = 1024},
    {.name = "General Use (Light 2K)",
     .alias = "light-2k",
     .repository = "ZhengPeng7/BiRefNet_lite-2K",
     .file = "BiRefNet_lite-2K.safetensors",
     .licence = "MIT",
     .author = AUTHOR,
     .backbone = TINY,
     .about_bytes = 178000000,
     .trained_width = 2560,
     .trained_height = 1440,
     .width = 2048,
     .height = 2048},
    {.name = "General Use (Heavy)",
     .alias = "heavy",
     .repository = "ZhengPeng7/BiRefNet",
     .file = "BiRefNet.safetensors",
     .named_file = "BiRefNet-massive-epoch_240.pth",
     .licence = "MIT",
     .author = AUTHOR,
     .backbone = LARGE,
     .about_bytes = 444000000,
     .trained_width = 1024,
     .trained_height = 1024,
     .width = 1024,
     .height = 1024},
    {.name = "Matting",
     .alias = "matting",
     .repository = "ZhengPeng7/BiRefNet-matting",
     .file = "BiRefNet-matting.safetensors",
     .licence = "MIT",
     .author = AUTHOR,
     .backbone = LARGE,
     .about_bytes = 885000000,
     .trained_width = 1024,
     .trained_height = 1024,
     .width = 1024,
     .height = 1024},
    {.name = "Portrait",
     .alias = "portrait",
     .repository = "ZhengPeng7/BiRefNet-portrait",
     .file = "BiRefNet-portrait.safetensors",
     .named_file = "BiRefNet-portrait-TR_P3M_10k-epoch_120.pth",
     .licence = "MIT",
     .author = AUTHOR,
     .backbone = LARGE,
     .about_bytes = 885000000,
     .trained_width = 1024,
     .trained_height = 1024,
     .width = 1024,
     .height = 1024},
    {.name = "General Use (Dynamic)",
     .alias = "dynamic",
     .repository = "ZhengPeng7/BiRefNet_dynamic",
     .file = "BiRefNet_dynamic.safetensors",
     .licence = "MIT",
     .author = AUTHOR,
     .backbone = LARGE,
     .about_bytes = 444000000,
     .trained_width = 1024,
     .trained_height = 1024,
     .width = 1024,
     .height = 1024,
     .min_px = 256,
     .max_px = 2304},
    /* Sizes are those in the file's metadata; these hold where it says nothing. */
    {.name = "Starter",
     .alias = "starter",
     .file = "starter.safetensors",
     .licence = "MIT",
     .author = "the birefnet project",
     .backbone = "a small network for trying things out",
     .about =
         "small, for trying things out: good at a single product (a garment, a shoe, a hat), fair at cats "
         "and dogs, unsure of people and other subjects",
     .about_bytes = 39000000,
     .trained_width = 384,
     .trained_height = 384,
     .width = 384,
     .height = 384},
};

size_t bn_preset_count(void)
{
    return BN_COUNT(presets);
}

const bn_preset *bn_preset_at(size_t index)
{
    return index < BN_COUNT(presets) ? &presets[index] : NULL;
}

static bool is_file_of(const bn_preset *preset, const char *name)
{
    const size_t stem = strlen(preset->file) - strlen(".safetensors");
    if (strcasecmp(preset->file, name) == 0) return true;
    return strlen(name) == stem && strncasecmp(preset->file, name, stem) == 0;
}

const bn_preset *bn_preset_find(const char *name)
{
    for (size_t i = 0; i < BN_COUNT(presets); i++)
        if (strcasecmp(presets[i].name, name) == 0 || strcasecmp(presets[i].alias, name) == 0)
            return &presets[i];
    for (size_t i = 0; i < BN_COUNT(presets); i++)
        if (is_file_of(&presets[i], name)) return &presets[i];
    return NULL;
}

void bn_preset_get_published(char text[BN_GET_PUBLISHED_BYTES])
{
    const bn_preset *best = &presets[0];
    snprintf(text, BN_GET_PUBLISHED_BYTES,
             "For everything else get the published ones (%s, %d MB): birefnet pull %s", best->licence,
             (int)(best->about_bytes / 1000000), best->alias);
}
