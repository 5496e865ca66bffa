/* islands.c - leaving out the crumbs that a network puts beside its subject. They are looked for at a small size; what lies
 * around a piece that stays, stays too, so that soft edges are not touched. */
#include "image/compose.h"

#include "base/size.h"
#include "pixels/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_SIDE_PX 512 /* the longer side at which pieces are told apart, at most */
#define REACH_PX      2   /* small pixels around a piece that stay with it */

typedef struct map {
    uint8_t *matte;  /* [height][width]; becomes 0 or 1 where a piece was seen */
    uint32_t *piece; /* [height][width]: 0 = none, else the number of the piece */
    uint32_t *stack; /* of pixels to look at */
    size_t *area;    /* by number */
    int width, height;
} map;

/* Number the piece that pixel `first` belongs to; returns its pixels. */
static size_t flood(map *m, size_t first, uint32_t number, int level)
{
    size_t count = 0, waiting = 0;
    const size_t width = (size_t)m->width;
    m->piece[first] = number;
    m->stack[waiting++] = (uint32_t)first;
    while (waiting > 0) {
        const size_t at = m->stack[--waiting];
        const int x = (int)(at % width), y = (int)(at / width);
        count++;
        for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++) {
                if (x + dx < 0 || x + dx >= m->width || y + dy < 0 || y + dy >= m->height) continue;
                const size_t next = (size_t)(y + dy) * width + (size_t)(x + dx);
                if (m->piece[next] || m->matte[next] < level) continue;
                m->piece[next] = number;
                m->stack[waiting++] = (uint32_t)next;
            }
    }
    return count;
}

/* matte becomes 1 at and around every piece that is large enough, else 0. */
static void choose(map *m, int level, double least_share)
{
    const size_t pixels = (size_t)m->width * (size_t)m->height;
    uint32_t numbers = 0;
    size_t largest = 0;
    for (size_t i = 0; i < pixels; i++) {
        if (m->piece[i] || m->matte[i] < level) continue;
        numbers++;
        m->area[numbers] = flood(m, i, numbers, level);
        largest = BN_MAX(largest, m->area[numbers]);
    }
    memset(m->matte, 0, pixels);
    for (int y = 0; y < m->height; y++)
        for (int x = 0; x < m->width; x++) {
            const uint32_t piece = m->piece[(size_t)y * (size_t)m->width + (size_t)x];
            if (!piece || (double)m->area[piece] < least_share * (double)largest) continue;
            const int left = BN_MAX(x - REACH_PX, 0), right = BN_MIN(x + REACH_PX, m->width - 1);
            for (int row = BN_MAX(y - REACH_PX, 0); row <= BN_MIN(y + REACH_PX, m->height - 1); row++)
                memset(m->matte + (size_t)row * (size_t)m->width + (size_t)left, 1,
                       (size_t)(right - left + 1));
        }
}

bn_status bn_matte_drop_islands(uint8_t *matte, int width, int height, int level, double least_share,
                                int threads, bn_isa isa, bn_error *err)
{
    const double shrink = fmax(1, (double)BN_MAX(width, height) / SMALL_SIDE_PX);
    map m = {.width = (int)fmax(1, round(width / shrink)), .height = (int)fmax(1, round(height / shrink))};
    const size_t pixels = (size_t)m.width * (size_t)m.height;
    bn_status status = BIREFNET_OK;
    m.matte = malloc(pixels);
    m.piece = calloc(pixels, sizeof *m.piece);
    m.stack = malloc(pixels * sizeof *m.stack);
    m.area = malloc((pixels + 1) * sizeof *m.area);
    if (!m.matte || !m.piece || !m.stack || !m.area) BN_TRY_DONE(bn_fail_memory(err, pixels * 17, "a matte"));
    BN_TRY_DONE(bn_resize_u8(matte, width, height, 1, width, m.matte, m.width, m.height, m.width,
                             BN_FILTER_BILINEAR, threads, isa, err));
    choose(&m, level, least_share);
    for (int y = 0; y < height; y++) {
        const uint8_t *kept = m.matte + (size_t)((int64_t)y * m.height / height) * (size_t)m.width;
        uint8_t *row = matte + (size_t)y * (size_t)width;
        for (int x = 0; x < width; x++)
            if (!kept[(int64_t)x * m.width / width]) row[x] = 0;
    }
done:
    free(m.matte);
    free(m.piece);
    free(m.stack);
    free(m.area);
    return status;
}
