/* jxl_boxes.c - see jxl_boxes.h. A decoder of its own that is asked for boxes alone decodes no pixels, and sees what stands
 * behind them. */
#include "image/jxl_boxes.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BOX_BYTES = 1 << 20, MAX_BOXES = 1000 };

typedef struct box_reading {
    const bn_jxl_api *api;
    JxlDecoder *decoder;
    bool unpacks;
    JxlBoxType type; /* of the box that is being read into content; zeros: none */
    uint8_t *content;
} box_reading;

static bool is_wanted(const char *type)
{
    return memcmp(type, "Exif", 4) == 0 || memcmp(type, "xml ", 4) == 0;
}

static void begin_box(box_reading *r)
{
    JxlBoxType type;
    if (r->api->JxlDecoderGetBoxType(r->decoder, type, r->unpacks ? JXL_TRUE : JXL_FALSE) !=
            JXL_DEC_SUCCESS ||
        !is_wanted(type) ||
        r->api->JxlDecoderSetBoxBuffer(r->decoder, r->content, MAX_BOX_BYTES) != JXL_DEC_SUCCESS)
        return;
    memcpy(r->type, type, sizeof r->type);
}

static bn_status end_box(box_reading *r, bn_image *image, bn_error *err)
{
    if (r->type[0] == '\0') return BIREFNET_OK;
    const size_t size = MAX_BOX_BYTES - r->api->JxlDecoderReleaseBoxBuffer(r->decoder);
    const bool is_exif = memcmp(r->type, "Exif", 4) == 0;
    memset(r->type, 0, sizeof r->type);
    return is_exif ? bn_image_adopt_exif_item(image, r->content, size, err)
                   : bn_image_adopt_xmp(image, r->content, size, err);
}

static bn_status read_boxes(box_reading *r, bn_image *image, bn_error *err)
{
    for (int i = 0; i < MAX_BOXES; i++) {
        const JxlDecoderStatus status = r->api->JxlDecoderProcessInput(r->decoder);
        if (status != JXL_DEC_BOX && status != JXL_DEC_SUCCESS) return BIREFNET_OK; /* damaged or too large */
        BN_TRY(end_box(r, image, err));
        if (status == JXL_DEC_SUCCESS) return BIREFNET_OK;
        begin_box(r);
    }
    return BIREFNET_OK;
}

bn_status bn_jxl_adopt_boxes(const bn_jxl_api *api, const JxlMemoryManager *memory, const uint8_t *bytes,
                             size_t size, bn_image *image, bn_error *err)
{
    static const uint8_t container[12] = {0, 0, 0, 12, 'J', 'X', 'L', ' ', '\r', '\n', 0x87, '\n'};
    if (size < sizeof container || memcmp(bytes, container, sizeof container) != 0) return BIREFNET_OK;
    box_reading r = {.api = api, .decoder = api->JxlDecoderCreate(memory), .content = malloc(MAX_BOX_BYTES)};
    bn_status status;
    if (!r.decoder || !r.content) {
        status = bn_fail_memory(err, MAX_BOX_BYTES, "what a JPEG XL says of its photo");
        goto done;
    }
    r.unpacks = api->JxlDecoderSetDecompressBoxes(r.decoder, JXL_TRUE) == JXL_DEC_SUCCESS;
    status = BIREFNET_OK;
    if (api->JxlDecoderSubscribeEvents(r.decoder, JXL_DEC_BOX) != JXL_DEC_SUCCESS ||
        api->JxlDecoderSetInput(r.decoder, bytes, size) != JXL_DEC_SUCCESS)
        goto done;
    api->JxlDecoderCloseInput(r.decoder);
    status = read_boxes(&r, image, err);
done:
    if (r.decoder) api->JxlDecoderDestroy(r.decoder);
    free(r.content);
    return status;
}
