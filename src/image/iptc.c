/* iptc.c - see iptc.h. */
#include "image/iptc.h"

#include "base/size.h"

#include <string.h>

enum { NEVER = BN_METADATA_ALL + 1 };
enum { RECORD_ENVELOPE = 1, RECORD_PHOTO = 2, HEAD_BYTES = 5, RESOURCE_IPTC = 0x0404 };

/* Of record 2: times, author and his position, credit, copyright. */
static const uint8_t safe[] = {55, 60, 62, 63, 80, 85, 110, 116};
/* A caption as a picture, orientation, previews. */
static const uint8_t never[] = {125, 131, 200, 201, 202};

static bool holds(const uint8_t *list, size_t count, unsigned dataset)
{
    return memchr(list, (int)dataset, count) != NULL;
}

/* Version numbers and the charset go with whatever else goes. */
static bool is_frame(unsigned record, unsigned dataset)
{
    return (record == RECORD_ENVELOPE && (dataset == 0 || dataset == 90)) ||
           (record == RECORD_PHOTO && dataset == 0);
}

/* Records 3 and up are of pictures and of objects in them. */
static int level_of(unsigned record, unsigned dataset)
{
    if (is_frame(record, dataset)) return BN_METADATA_SAFE;
    if (record != RECORD_PHOTO || holds(never, BN_COUNT(never), dataset)) return NEVER;
    return holds(safe, BN_COUNT(safe), dataset) ? BN_METADATA_SAFE : BN_METADATA_ALL;
}

bn_status bn_iptc_filter(const uint8_t *iptc, size_t size, bn_metadata level, bn_buffer *out, bn_error *err)
{
    const size_t begin = out->size;
    bool speaks = false;
    if (level == BN_METADATA_NONE) return BIREFNET_OK;
    for (size_t at = 0; size - at >= HEAD_BYTES && iptc[at] == 0x1C;) {
        const unsigned record = iptc[at + 1], dataset = iptc[at + 2];
        const size_t bytes = HEAD_BYTES + (size_t)(iptc[at + 3] << 8 | iptc[at + 4]);
        /* datasets of 32 KB and more say their size otherwise, and hold pictures */
        if (bytes >= HEAD_BYTES + 0x8000 || bytes > size - at) break;
        if (level_of(record, dataset) <= (int)level && bytes <= out->max_bytes - out->size) {
            BN_TRY(bn_buffer_append(out, iptc + at, bytes, err));
            speaks = speaks || !is_frame(record, dataset);
        }
        at += bytes;
    }
    if (!speaks) out->size = begin;
    return BIREFNET_OK;
}

bool bn_iptc_find(const uint8_t *resources, size_t size, const uint8_t **iptc, size_t *iptc_bytes)
{
    for (size_t at = 0; size - at >= 12 && memcmp(resources + at, "8BIM", 4) == 0;) {
        const unsigned id = (unsigned)(resources[at + 4] << 8 | resources[at + 5]);
        const size_t name_bytes = 1u + resources[at + 6], head = 6 + name_bytes + name_bytes % 2 + 4;
        if (head > size - at) return false;
        const uint8_t *number = resources + at + head - 4;
        const size_t bytes =
            (size_t)number[0] << 24 | (size_t)number[1] << 16 | (size_t)number[2] << 8 | number[3];
        if (bytes > size - at - head) return false;
        *iptc = resources + at + head;
        *iptc_bytes = bytes;
        if (id == RESOURCE_IPTC) return true;
        at += BN_MIN(head + bytes + bytes % 2, size - at);
    }
    return false;
}

bn_status bn_iptc_wrap(const bn_buffer *iptc, bn_buffer *out, bn_error *err)
{
    uint8_t head[12] = {'8', 'B', 'I', 'M', RESOURCE_IPTC >> 8, RESOURCE_IPTC & 255};
    for (int i = 0; i < 4; i++) head[8 + i] = (uint8_t)(iptc->size >> (24 - 8 * i));
    BN_TRY(bn_buffer_append(out, head, sizeof head, err));
    BN_TRY(bn_buffer_append(out, iptc->data, iptc->size, err));
    return iptc->size % 2 ? bn_buffer_append(out, "", 1, err) : BIREFNET_OK;
}
