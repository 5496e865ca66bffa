/* find.c - birefnet_model_find: from a model's name to its file; the rules are those of src/weights/choose.c. */
#include "birefnet.h"

#include "base/sized.h"
#include "weights/presets.h"

#include <string.h>

birefnet_status birefnet_model_find_sized(const char *model, const char *folder, birefnet_model_place *place,
                                          size_t place_bytes, birefnet_error *error)
{
    if (!place) return bn_fail(error, BIREFNET_ERROR_ARGUMENT, "no place for the result");
    bn_model_choice choice = {.path = ""};
    BN_TRY(bn_model_choose(model, folder, &choice, error));
    birefnet_model_place found = {.is_starter = bn_model_choice_starter(&choice) != NULL};
    memcpy(found.path, choice.path, sizeof found.path);
    if (choice.preset && choice.preset->repository) {
        found.width = choice.preset->width;
        found.height = choice.preset->height;
    }
    bn_sized_write(place, place_bytes, &found, sizeof found);
    return BIREFNET_OK;
}
