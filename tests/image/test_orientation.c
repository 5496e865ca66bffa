/* test_orientation.c - every way to say how a photo was held, in every format that can say it. */
#include "tests/image/pictures.h"

#include <libdeflate.h>
#include <webp/mux.h>

/* The image as a camera would store it that was held so that EXIF says `orientation`, after the words of the
 * standard: which side of the scene the stored row 0 and column 0 are. */
static bn_image *store_turned(const bn_image *scene, int orientation)
{
    bn_error err = {0};
    bn_image *stored = NULL;
    const int swaps = orientation >= 5;
    assert_ok(bn_image_create(swaps ? scene->height : scene->width, swaps ? scene->width : scene->height, 3,
                              8, &stored, &err),
              err);
    /* [orientation]: row 0 is at the scene's bottom (right for the last four); column 0 at its right
     * (bottom) */
    static const int row_flips[9] = {0, 0, 0, 1, 1, 0, 1, 1, 0},
                     column_flips[9] = {0, 0, 1, 1, 0, 0, 0, 1, 1};
    for (int row = 0; row < stored->height; row++)
        for (int column = 0; column < stored->width; column++) {
            const int r = row_flips[orientation] ? stored->height - 1 - row : row;
            const int c = column_flips[orientation] ? stored->width - 1 - column : column;
            const int x = swaps ? r : c, y = swaps ? c : r;
            memcpy((uint8_t *)stored->pixels + 3 * (row * stored->width + column),
                   (const uint8_t *)scene->pixels + 3 * (y * scene->width + x), 3);
        }
    return stored;
}

static size_t make_exif(int orientation, uint8_t out[26])
{
    static const uint8_t block[26] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1};
    memcpy(out, block, sizeof block);
    out[19] = (uint8_t)orientation;
    return sizeof block;
}

static void insert(bn_buffer *file, size_t at, const void *bytes, size_t count)
{
    bn_error err = {0};
    assert_ok(bn_buffer_reserve(file, count, &err), err);
    memmove(file->data + at + count, file->data + at, file->size - at);
    memcpy(file->data + at, bytes, count);
    file->size += count;
}

static void tag_jpeg(bn_buffer *file, int orientation)
{
    uint8_t segment[36] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0};
    make_exif(orientation, segment + 10);
    insert(file, 2, segment, sizeof segment);
}

static void tag_png(bn_buffer *file, int orientation)
{
    uint8_t chunk[38] = {0, 0, 0, 26, 'e', 'X', 'I', 'f'};
    make_exif(orientation, chunk + 8);
    const uint32_t crc = libdeflate_crc32(0, chunk + 4, 30);
    for (int i = 0; i < 4; i++) chunk[34 + i] = (uint8_t)(crc >> (24 - 8 * i));
    insert(file, 33, chunk, sizeof chunk); /* behind the signature and IHDR */
}

static void tag_webp(bn_buffer *file, int orientation)
{
    bn_error err = {0};
    uint8_t exif[26];
    const WebPData plain = {file->data, file->size}, data = {exif, make_exif(orientation, exif)};
    WebPData tagged;
    WebPMux *mux = WebPMuxCreate(&plain, 1);
    assert_int_equal(WebPMuxSetChunk(mux, "EXIF", &data, 1), WEBP_MUX_OK);
    assert_int_equal(WebPMuxAssemble(mux, &tagged), WEBP_MUX_OK);
    WebPMuxDelete(mux);
    file->size = 0;
    assert_ok(bn_buffer_append(file, tagged.bytes, tagged.size, &err), err);
    WebPDataClear(&tagged);
}

/* Our TIFFs are little-endian and have the tag, with the value 1. */
static void tag_tiff(bn_buffer *file, int orientation)
{
    static const uint8_t entry[] = {0x12, 0x01, 3, 0, 1, 0, 0, 0, 1, 0};
    for (size_t at = 0; at + sizeof entry <= file->size; at++)
        if (!memcmp(file->data + at, entry, sizeof entry)) {
            file->data[at + 8] = (uint8_t)orientation;
            return;
        }
    fail_msg("the TIFF has no orientation");
}

static void assert_same_picture(const char *what, const bn_image *got, const bn_image *wanted, int tolerance)
{
    if (got->width != wanted->width || got->height != wanted->height)
        fail_msg("%s: %dx%d, should be %dx%d", what, got->width, got->height, wanted->width, wanted->height);
    for (size_t i = 0; i < bn_image_bytes(wanted); i++)
        if (abs(((uint8_t *)got->pixels)[i] - ((uint8_t *)wanted->pixels)[i]) > tolerance)
            fail_msg("%s: byte %zu is %d, should be %d", what, i, ((uint8_t *)got->pixels)[i],
                     ((uint8_t *)wanted->pixels)[i]);
}

static void every_orientation_comes_out_upright(void **state)
{
    (void)state;
    const struct {
        bn_format format;
        void (*tag)(bn_buffer *, int);
        int tolerance;
    } formats[] = {
        {BN_FORMAT_JPEG, tag_jpeg, 12},
        {BN_FORMAT_PNG, tag_png, 0},
        {BN_FORMAT_WEBP, tag_webp, 0},
        {BN_FORMAT_TIFF, tag_tiff, 0},
    };
    bn_image *scene = make_quarters(96, 64);
    for (size_t f = 0; f < BN_COUNT(formats); f++)
        for (int orientation = 1; orientation <= 8; orientation++) {
            char what[64];
            snprintf(what, sizeof what, "%s, orientation %d", bn_format_get_facts(formats[f].format)->name,
                     orientation);
            bn_image *stored = store_turned(scene, orientation);
            bn_buffer file;
            encode(stored, formats[f].format, &file);
            formats[f].tag(&file, orientation);
            int width = 0, height = 0;
            bn_error err = {0};
            assert_ok(bn_image_probe(file.data, file.size, NULL, &width, &height, &err), err);
            assert_int_equal(width, scene->width);
            assert_int_equal(height, scene->height);
            bn_image *back = decode(&file);
            if (back->source_orientation != orientation) fail_msg("%s: not seen", what);
            assert_same_picture(what, back, scene, formats[f].tolerance);
            bn_image_destroy(&back);
            bn_image_destroy(&stored);
            bn_buffer_free(&file);
        }
    bn_image_destroy(&scene);
}

/* Turning by irot (quarters against the clock), then mirroring by imir, of a picture's copy. */
static bn_image *turn_by_boxes(const bn_image *picture, int quarters, int mirror_mode)
{
    bn_error err = {0};
    bn_image *turned = NULL;
    assert_ok(bn_image_create(quarters % 2 ? picture->height : picture->width,
                              quarters % 2 ? picture->width : picture->height, 3, 8, &turned, &err),
              err);
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++) {
            int to_x = x, to_y = y, width = picture->width, height = picture->height;
            for (int q = 0; q < quarters; q++) { /* a quarter against the clock: right becomes top */
                const int old_x = to_x, old_width = width;
                to_x = to_y;
                to_y = old_width - 1 - old_x;
                width = height;
                height = old_width;
            }
            if (mirror_mode == 0) to_y = height - 1 - to_y;
            if (mirror_mode == 1) to_x = width - 1 - to_x;
            memcpy((uint8_t *)turned->pixels + 3 * (to_y * width + to_x),
                   (const uint8_t *)picture->pixels + 3 * (y * picture->width + x), 3);
        }
    return turned;
}

static void avif_rotation_and_mirror_boxes_are_applied(void **state)
{
    (void)state;
    bn_image *picture = make_quarters(24, 16);
    for (int quarters = 0; quarters < 4; quarters++)
        for (int mode = -1; mode < 2; mode++) {
            char what[64];
            snprintf(what, sizeof what, "irot %d, imir %d", quarters, mode);
            bn_buffer file;
            const avifTransformFlags flags =
                (quarters ? AVIF_TRANSFORM_IROT : 0u) | (mode >= 0 ? AVIF_TRANSFORM_IMIR : 0u);
            make_avif(picture, flags, quarters, BN_MAX(mode, 0), &file);
            bn_image *back = decode(&file), *wanted = turn_by_boxes(picture, quarters, mode);
            assert_same_picture(what, back, wanted, 0);
            bn_image_destroy(&back);
            bn_image_destroy(&wanted);
            bn_buffer_free(&file);
        }
    bn_image_destroy(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_orientation_comes_out_upright),
        cmocka_unit_test(avif_rotation_and_mirror_boxes_are_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
