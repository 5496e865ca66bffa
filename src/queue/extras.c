/* extras.c - what the queue keeps of a request beside the endpoint's input, as JSON in the store; with it, where a request's
 * photo is, so that a touch-up can name the request instead. */
#include "queue/private.h"

#include "schema/datauri.h"
#include "schema/json.h"

#include <string.h>

#define PHOTO_MAX_BYTES 4096 /* of an address that is remembered */

bool bn_extras_may_keep(const char *image_url)
{
    return !bn_is_data_uri(image_url) && strlen(image_url) <= PHOTO_MAX_BYTES;
}

bn_status bn_extras_write(bn_accepted *accepted, const char *photo, bn_error *err)
{
    const bn_sure_levels *sure = &accepted->sure;
    if (!accepted->background[0] && !accepted->hard_mask && !accepted->touch_up && !sure->used && !photo)
        return BIREFNET_OK;
    json_t *extras =
        json_pack("{s:b, s:b}", "hard_mask", accepted->hard_mask, "touch_up", accepted->touch_up);
    if (sure->used)
        json_object_set_new(extras, "sure",
                            json_pack("[i,i,i]", sure->foreground, sure->background, sure->erode_px));
    if (accepted->background[0]) json_object_set_new(extras, "background", json_string(accepted->background));
    if (photo) json_object_set_new(extras, "photo", json_string(photo));
    accepted->extras = json_dumps(extras, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(extras);
    return accepted->extras ? BIREFNET_OK : bn_fail_memory(err, 0, "a request");
}

void bn_extras_read(bn_accepted *accepted)
{
    if (!accepted->extras) return;
    json_t *extras = bn_json_read(accepted->extras, strlen(accepted->extras), BN_JSON_OURS, NULL);
    const char *background = json_string_value(json_object_get(extras, "background"));
    accepted->hard_mask = json_is_true(json_object_get(extras, "hard_mask"));
    accepted->touch_up = json_is_true(json_object_get(extras, "touch_up"));
    snprintf(accepted->background, sizeof accepted->background, "%s", background ? background : "");
    bn_sure_levels *sure = &accepted->sure;
    sure->used = json_unpack(json_object_get(extras, "sure"), "[i,i,i]", &sure->foreground, &sure->background,
                             &sure->erode_px) == 0;
    json_decref(extras);
}

char *bn_extras_photo(const char *text)
{
    json_t *extras = text ? bn_json_read(text, strlen(text), BN_JSON_OURS, NULL) : NULL;
    const char *photo = json_string_value(json_object_get(extras, "photo"));
    char *copy = photo ? strdup(photo) : NULL;
    json_decref(extras);
    return copy;
}

char *bn_photo_of(bn_jobs *jobs, const char *id, const char *key_id, bn_ending *ending)
{
    char *extras = NULL;
    bn_error err = {0};
    bn_status status = bn_jobs_may_see(jobs, id, key_id, &err);
    if (status == BIREFNET_OK) status = bn_store_extras(jobs->store, id, &extras, &err);
    char *photo = bn_extras_photo(extras);
    free(extras);
    if (photo) return photo;
    if (status != BIREFNET_OK && status != BIREFNET_ERROR_NOT_FOUND) {
        bn_ending_infra(ending, 503, "internal_error", err.message);
        return NULL;
    }
    json_t *detail = json_array();
    json_array_append_new(
        detail,
        bn_detail_entry("request_id", "value_error",
                        status == BIREFNET_OK
                            ? "The photo of that request came inside of it and was not kept: send image_url"
                            : "There is no request of this id that has ended well",
                        NULL, json_string(id)));
    bn_ending_detail(ending, 422, detail);
    return NULL;
}
