/* find.c - birefnet_model_find: from a model's name to its file; the rules are those of src/weights/choose.c. And
 * birefnet_struct_bytes, by which bindings check that they were made for this library. */
#include "birefnet.h"

#include "base/size.h"
#include "weights/presets.h"

#include <string.h>

birefnet_status birefnet_model_find(const char *model, const char *folder, birefnet_model_place *place,
                                    birefnet_error *error)
{
    if (!place) return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "no place for the result");
    bn_model_choice choice = {.path = ""};
    BN_TRY(bn_model_choose(model, folder, &choice, error));
    *place = (birefnet_model_place){.is_starter = bn_model_choice_starter(&choice) != NULL};
    memcpy(place->path, choice.path, sizeof place->path);
    if (choice.preset && choice.preset->repository) {
        place->width = choice.preset->width;
        place->height = choice.preset->height;
    }
    return BIREFNET_OK;
}

#define SIZE_OF(type)                                                                                        \
    {                                                                                                        \
#        type, sizeof(type)                                                                                  \
    }

size_t birefnet_struct_bytes(const char *name)
{
    static const struct {
        const char *name;
        size_t bytes;
    } structs[] = {
        SIZE_OF(birefnet_error),       SIZE_OF(birefnet_model_options), SIZE_OF(birefnet_model_info),
        SIZE_OF(birefnet_model_place), SIZE_OF(birefnet_session_info),  SIZE_OF(birefnet_session_options),
        SIZE_OF(birefnet_cut_options), SIZE_OF(birefnet_image),         SIZE_OF(birefnet_device),
    };
    for (size_t i = 0; name && i < BN_COUNT(structs); i++)
        if (strcmp(name, structs[i].name) == 0) return structs[i].bytes;
    return 0;
}
