/* worst.h - for each codec the legal files that take it the most memory, made when the test runs. */
#ifndef BN_TESTS_IMAGE_WORST_H
#define BN_TESTS_IMAGE_WORST_H

#include "tests/image/pictures.h"

#include "base/file.h"

#include <jpeglib.h>
#include <libdeflate.h>
#include <tiffio.h>
#include <unistd.h>
#include <webp/mux.h>

/* An EXIF block that says "turn by a quarter". */
static const uint8_t worst_exif[] = {'E',  'x', 'i', 'f', 0, 0, 'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0,
                                     0x12, 1,   3,   0,   1, 0, 0,   0,   6,   0, 0, 0, 0, 0, 0, 0};

enum { WORST_PROFILE_BYTES = 16 << 20 };

/* A profile's header and nothing behind it: as large as one may be. The caller frees it. */
static inline uint8_t *worst_profile(void)
{
    uint8_t *icc = calloc(1, WORST_PROFILE_BYTES);
    memcpy(icc + 16, "RGB ", 4);
    return icc;
}

/* ---- JPEG ---------------------------------------------------------------------------------------------- */

/* A profile of ink as large as one may be: a table of 47 x 47 x 47 x 47 colours of 8 bits. The caller frees it. */
static inline uint8_t *worst_ink_profile(cmsUInt32Number *size)
{
    cmsHPROFILE profile = cmsCreateProfilePlaceholder(NULL);
    cmsSetProfileVersion(profile, 2.1);
    cmsSetDeviceClass(profile, cmsSigOutputClass);
    cmsSetColorSpace(profile, cmsSigCmykData);
    cmsSetPCS(profile, cmsSigLabData);
    cmsPipeline *table = cmsPipelineAlloc(NULL, 4, 3);
    cmsPipelineInsertStage(table, cmsAT_END, cmsStageAllocCLut16bit(NULL, 47, 4, 3, NULL));
    cmsPipelineSetSaveAs8bitsFlag(table, TRUE);
    assert_true(cmsWriteTag(profile, cmsSigAToB0Tag, table));
    cmsPipelineFree(table);
    assert_true(cmsSaveProfileToMem(profile, NULL, size));
    uint8_t *icc = malloc(*size);
    assert_true(cmsSaveProfileToMem(profile, icc, size));
    cmsCloseProfile(profile);
    return icc;
}

/* Progressive, four components of full size, the largest profile, turned. */
static inline void worst_jpeg(int side, bn_buffer *out)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    bn_error err = {0};
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &size);
    info.image_width = info.image_height = (JDIMENSION)side;
    info.input_components = 4;
    info.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&info);
    jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    jpeg_write_marker(&info, JPEG_APP0 + 1, worst_exif, sizeof worst_exif);
    cmsUInt32Number icc_bytes;
    uint8_t *icc = worst_ink_profile(&icc_bytes);
    jpeg_write_icc_profile(&info, icc, icc_bytes);
    free(icc);
    uint8_t *row = calloc(4, (size_t)side);
    while (info.next_scanline < info.image_height) jpeg_write_scanlines(&info, &row, 1);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    free(row);
    bn_buffer_init(out, size);
    assert_ok(bn_buffer_append(out, bytes, size, &err), err);
    free(bytes);
}

/* ---- PNG ----------------------------------------------------------------------------------------------- */

static inline void put_be32(uint8_t *at, size_t value)
{
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static inline void png_chunk(bn_buffer *out, const char *name, const void *bytes, size_t count)
{
    bn_error err = {0};
    uint8_t number[4];
    put_be32(number, count);
    assert_ok(bn_buffer_append(out, number, 4, &err), err);
    assert_ok(bn_buffer_append(out, name, 4, &err), err);
    assert_ok(bn_buffer_append(out, bytes, count, &err), err);
    put_be32(number, libdeflate_crc32(0, out->data + out->size - count - 4, count + 4));
    assert_ok(bn_buffer_append(out, number, 4, &err), err);
}

/* `prefix`, and `count` bytes deflated; bytes NULL: zeros. */
static inline void png_deflated(bn_buffer *out, const char *name, const char *prefix, size_t prefix_bytes,
                                const void *bytes, size_t count)
{
    void *zeros = bytes ? NULL : calloc(1, count); /* the same page again and again: takes no memory */
    struct libdeflate_compressor *deflate = libdeflate_alloc_compressor(1);
    const size_t room = libdeflate_zlib_compress_bound(deflate, count);
    uint8_t *packed = malloc(prefix_bytes + room);
    memcpy(packed, prefix, prefix_bytes);
    const size_t got =
        libdeflate_zlib_compress(deflate, bytes ? bytes : zeros, count, packed + prefix_bytes, room);
    png_chunk(out, name, packed, prefix_bytes + got);
    libdeflate_free_compressor(deflate);
    free(packed);
    free(zeros);
}

/* RGBA of 16 bits, interlaced, turned; the largest profile and as much text as is kept. */
static inline void worst_png(int width, int height, bn_buffer *out)
{
    static const int first_x[] = {0, 4, 0, 2, 0, 1, 0}, first_y[] = {0, 0, 4, 0, 2, 0, 1};
    static const int step_x[] = {8, 8, 4, 4, 2, 2, 1}, step_y[] = {8, 8, 8, 4, 4, 2, 2};
    bn_error err = {0};
    uint8_t header[13] = {[8] = 16, [9] = 6, [12] = 1};
    bn_buffer_init(out, 1 << 28);
    assert_ok(bn_buffer_append(out, "\x89PNG\r\n\x1a\n", 8, &err), err);
    put_be32(header, (size_t)width);
    put_be32(header + 4, (size_t)height);
    png_chunk(out, "IHDR", header, sizeof header);
    uint8_t *icc = worst_profile();
    png_deflated(out, "iCCP", "big\0", 5, icc, WORST_PROFILE_BYTES);
    png_deflated(out, "zTXt", "big\0", 5, NULL, 7 << 20);
    png_chunk(out, "eXIf", worst_exif + 6, sizeof worst_exif - 6);
    size_t bytes = 0;
    for (int p = 0; p < 7; p++) {
        const size_t columns = (size_t)BN_MAX(0, (width - first_x[p] + step_x[p] - 1) / step_x[p]);
        const size_t rows = (size_t)BN_MAX(0, (height - first_y[p] + step_y[p] - 1) / step_y[p]);
        if (columns) bytes += rows * (1 + 8 * columns);
    }
    png_deflated(out, "IDAT", "", 0, NULL, bytes);
    png_chunk(out, "IEND", "", 0);
    free(icc);
}

/* ---- WebP ---------------------------------------------------------------------------------------------- */

/* Lossless noise with alpha, the largest profile, turned. */
static inline void worst_webp(int side, bool lossless, bn_buffer *out)
{
    bn_error err = {0};
    bn_buffer plain;
    bn_image *image = make_noise(side, side, 4, 8, 5);
    bn_encode_options options;
    bn_encode_options_default(&options, BN_FORMAT_WEBP);
    options.lossless = lossless;
    bn_buffer_init(&plain, 1 << 28);
    assert_ok(bn_image_encode(image, &options, &plain, &err), err);
    bn_image_destroy(&image);
    uint8_t *icc = worst_profile();
    const WebPData picture = {plain.data, plain.size}, profile = {icc, WORST_PROFILE_BYTES},
                   exif = {worst_exif, sizeof worst_exif};
    WebPData whole = {0};
    WebPMux *mux = WebPMuxNew();
    assert_int_equal(WebPMuxSetImage(mux, &picture, 0), WEBP_MUX_OK);
    assert_int_equal(WebPMuxSetChunk(mux, "ICCP", &profile, 0), WEBP_MUX_OK);
    assert_int_equal(WebPMuxSetChunk(mux, "EXIF", &exif, 0), WEBP_MUX_OK);
    assert_int_equal(WebPMuxAssemble(mux, &whole), WEBP_MUX_OK);
    WebPMuxDelete(mux);
    bn_buffer_init(out, 1 << 28);
    assert_ok(bn_buffer_append(out, whole.bytes, whole.size, &err), err);
    WebPDataClear(&whole);
    bn_buffer_free(&plain);
    free(icc);
}

/* Bits of lossless data, lowest first. */
typedef struct worst_bits {
    uint8_t *bytes;
    size_t count;
} worst_bits;

static inline void put_bits(worst_bits *bits, unsigned value, unsigned count)
{
    for (unsigned i = 0; i < count; i++, bits->count++)
        if (value >> i & 1) bits->bytes[bits->count / 8] |= (uint8_t)(1u << bits->count % 8);
}

/* A code of 256 symbols of 8 bits each, of an alphabet that may be larger. */
static inline void put_full_code(worst_bits *bits, int symbols)
{
    static const uint8_t order[] = {17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8};
    put_bits(bits, 0, 1);
    put_bits(bits, BN_COUNT(order) - 4, 4);
    for (size_t i = 0; i < BN_COUNT(order); i++) put_bits(bits, order[i] == 0 || order[i] == 8, 3);
    put_bits(bits, 0, 1);
    for (int i = 0; i < symbols; i++) put_bits(bits, i < 256, 1);
}

/* A black picture in which every block of 4 x 4 pixels has a group of codes of its own, up to 65,536. */
static inline void worst_webp_groups(int side, bn_buffer *out)
{
    bn_error err = {0};
    const unsigned all = (unsigned)(side / 4 * (side / 4)), groups = BN_MIN(all, 65536u), empty_code = 1;
    worst_bits bits = {.bytes = calloc(1, 256 + 2 * (size_t)all + 3 * (size_t)groups)};
    put_bits(&bits, 0x2f, 8);
    put_bits(&bits, (unsigned)side - 1, 14);
    put_bits(&bits, (unsigned)side - 1, 14);
    put_bits(&bits, 0, 4 + 1 + 1); /* no alpha, version; no transform; no cache */
    put_bits(&bits, 1, 1 + 3 + 1); /* groups by blocks of 4; no cache */
    put_full_code(&bits, 280);
    put_full_code(&bits, 256);
    for (int i = 0; i < 3; i++) put_bits(&bits, empty_code, 4);
    for (unsigned i = 0; i < all; i++) /* green and red; codes begin with their highest bit */
        for (unsigned b = 0; b < 16; b++) put_bits(&bits, i % 65536 >> (b < 8 ? 7 - b : 23 - b) & 1, 1);
    for (unsigned i = 0; i < 5 * groups; i++) put_bits(&bits, empty_code, 4);
    const size_t bytes = bits.count / 8 + 1, padded = bytes + bytes % 2;
    uint8_t head[20] = "RIFF....WEBPVP8L....";
    for (int i = 0; i < 4; i++)
        head[4 + i] = (uint8_t)((12 + padded) >> 8 * i), head[16 + i] = (uint8_t)(bytes >> 8 * i);
    bn_buffer_init(out, 1 << 28);
    assert_ok(bn_buffer_append(out, head, sizeof head, &err), err);
    assert_ok(bn_buffer_append(out, bits.bytes, padded, &err), err);
    free(bits.bytes);
}

/* ---- AVIF ---------------------------------------------------------------------------------------------- */

/* 12 bits, alpha, no chroma subsampling, turned; in cells x cells pictures where cells > 1. */
static inline void worst_avif(int side, int cells, bn_buffer *out)
{
    bn_error err = {0};
    const avifImage *grid[256];
    const uint32_t cell = (uint32_t)(side / cells);
    avifImage *image = avifImageCreate(cell, cell, 12, AVIF_PIXEL_FORMAT_YUV444);
    image->transformFlags = AVIF_TRANSFORM_IROT;
    image->irot.angle = 1;
    assert_int_equal(avifImageAllocatePlanes(image, AVIF_PLANES_ALL), AVIF_RESULT_OK);
    for (uint32_t y = 0; y < cell; y++) {
        for (int plane = 0; plane < 3; plane++)
            memset(image->yuvPlanes[plane] + y * image->yuvRowBytes[plane], plane, image->yuvRowBytes[plane]);
        memset(image->alphaPlane + y * image->alphaRowBytes, 3, image->alphaRowBytes);
    }
    for (int i = 0; i < cells * cells; i++) grid[i] = image;
    avifEncoder *encoder = avifEncoderCreate();
    encoder->speed = 10;
    avifRWData written = AVIF_DATA_EMPTY;
    if (cells == 1)
        assert_int_equal(avifEncoderWrite(encoder, image, &written), AVIF_RESULT_OK);
    else {
        assert_int_equal(avifEncoderAddImageGrid(encoder, (uint32_t)cells, (uint32_t)cells, grid,
                                                 AVIF_ADD_IMAGE_FLAG_SINGLE),
                         AVIF_RESULT_OK);
        assert_int_equal(avifEncoderFinish(encoder, &written), AVIF_RESULT_OK);
    }
    bn_buffer_init(out, 1 << 28);
    assert_ok(bn_buffer_append(out, written.data, written.size, &err), err);
    avifRWDataFree(&written);
    avifEncoderDestroy(encoder);
    avifImageDestroy(image);
}

/* Noise of 12 bits, full colour, with alpha: each frame another. */
static inline void worst_avif_sequence(int side, int frames, bn_buffer *out)
{
    bn_error err = {0};
    avifImage *image = avifImageCreate((uint32_t)side, (uint32_t)side, 12, AVIF_PIXEL_FORMAT_YUV444);
    assert_int_equal(avifImageAllocatePlanes(image, AVIF_PLANES_ALL), AVIF_RESULT_OK);
    avifEncoder *encoder = avifEncoderCreate();
    encoder->speed = 10;
    encoder->minQuantizer = encoder->minQuantizerAlpha = 30;
    encoder->maxQuantizer = encoder->maxQuantizerAlpha = 63;
    uint32_t random = 1;
    for (int n = 0; n < frames; n++) {
        for (uint32_t y = 0; y < image->height; y++)
            for (uint32_t x = 0; x < image->width; x++)
                for (int plane = 0; plane < 4; plane++) {
                    uint8_t *row = plane < 3 ? image->yuvPlanes[plane] + y * image->yuvRowBytes[plane]
                                             : image->alphaPlane + y * image->alphaRowBytes;
                    random = random * 1664525 + 1013904223;
                    ((uint16_t *)(void *)row)[x] =
                        (uint16_t)((x / 8 + y / 8 + (uint32_t)(n * 3 + plane)) * 97 % 4096 + (random >> 28)) %
                        4096;
                }
        assert_int_equal(avifEncoderAddImage(encoder, image, 1, AVIF_ADD_IMAGE_FLAG_NONE), AVIF_RESULT_OK);
    }
    avifRWData written = AVIF_DATA_EMPTY;
    assert_int_equal(avifEncoderFinish(encoder, &written), AVIF_RESULT_OK);
    bn_buffer_init(out, 1 << 28);
    assert_ok(bn_buffer_append(out, written.data, written.size, &err), err);
    avifRWDataFree(&written);
    avifEncoderDestroy(encoder);
    avifImageDestroy(image);
}

/* A single picture without alpha whose one sample holds `frames` frames, of which readers show the first. */
static inline void worst_avif_frames(int side, int frames, bn_buffer *out)
{
    bn_error err = {0};
    bn_buffer plain;
    bn_image *image = make_quarters(side, side);
    make_avif(image, 0, 0, 0, &plain);
    bn_image_destroy(&image);
    uint8_t *mdat = memmem(plain.data, plain.size, "mdat", 4),
            *iloc = memmem(plain.data, plain.size, "iloc", 4);
    uint8_t length[4], longer[4], *frame = mdat + 4;
    const size_t sample_bytes = (size_t)(plain.data + plain.size - frame);
    put_be32(length, sample_bytes);
    uint8_t *named = memmem(iloc, (size_t)(mdat - iloc), length, 4);
    /* OBUs with a size each; 6 is a frame, which stands last */
    while (frame[0] >> 3 != 6) {
        size_t bytes = frame[1] & 127, at = 2;
        while (frame[at - 1] & 128) bytes |= (size_t)(frame[at] & 127) << 7 * (at - 1), at++;
        frame += at + bytes;
    }
    const size_t frame_bytes = (size_t)(plain.data + plain.size - frame);
    put_be32(longer, sample_bytes + (size_t)(frames - 1) * frame_bytes);
    memcpy(named, longer, 4);
    put_be32(mdat - 4, 8 + sample_bytes + (size_t)(frames - 1) * frame_bytes);
    bn_buffer_init(out, 1 << 28);
    assert_ok(bn_buffer_append(out, plain.data, plain.size, &err), err);
    for (int i = 1; i < frames; i++) assert_ok(bn_buffer_append(out, frame, frame_bytes, &err), err);
    bn_buffer_free(&plain);
}

/* ---- TIFF ---------------------------------------------------------------------------------------------- */

typedef struct worst_tiff {
    int samples, bits, photometric, planar;
    bool tiled; /* one tile; else one strip */
} worst_tiff_kind;

static inline void worst_tiff(int side, worst_tiff_kind kind, bn_buffer *out)
{
    bn_error err = {0};
    char path[] = "/tmp/birefnet-worst-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    TIFF *tiff = TIFFFdOpen(fd, path, "w");
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, side);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, side);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, kind.bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, kind.samples);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, kind.photometric);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, kind.planar);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_RIGHTTOP);
    const int colours = kind.photometric == PHOTOMETRIC_RGB ? 3 : 1;
    uint16_t extra[16] = {EXTRASAMPLE_UNASSALPHA};
    if (kind.samples > colours) TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, kind.samples - colours, extra);
    uint16_t map[3][256] = {{0}};
    if (kind.photometric == PHOTOMETRIC_PALETTE) TIFFSetField(tiff, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
    if (kind.tiled) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, side);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, side);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, side);
    }
    const int planes = kind.planar == PLANARCONFIG_SEPARATE ? kind.samples : 1;
    void *zeros = calloc(1, (size_t)(kind.tiled ? TIFFTileSize(tiff) : TIFFScanlineSize(tiff)));
    for (int plane = 0; plane < planes; plane++)
        for (int y = 0; y < (kind.tiled ? 1 : side); y++)
            assert_true(kind.tiled ? TIFFWriteTile(tiff, zeros, 0, 0, 0, (uint16_t)plane) > 0
                                   : TIFFWriteScanline(tiff, zeros, (uint32_t)y, (uint16_t)plane) > 0);
    TIFFClose(tiff);
    free(zeros);
    bn_buffer_init(out, 1 << 28);
    assert_ok(bn_file_read(path, out, &err), err);
    unlink(path);
}

/* A small picture whose folder shows the same bytes under very many tags that nobody knows. */
static inline void worst_tiff_tags(bn_buffer *out)
{
    enum { ENTRIES = 1000, SHOWN_BYTES = 3 << 20, FOLDER = 8, PIXEL = FOLDER + 2 + 12 * ENTRIES + 4 };
    static const uint32_t known[][3] = {/* tag, type, value */
                                        {256, 3, 1},     {257, 3, 1}, {258, 3, 8}, {259, 3, 1}, {262, 3, 1},
                                        {273, 4, PIXEL}, {277, 3, 1}, {278, 3, 1}, {279, 4, 1}};
    uint8_t *bytes = calloc(1, PIXEL + SHOWN_BYTES);
    bn_error err = {0};
    memcpy(bytes, "II*\0\x08\0\0\0", 8);
    bytes[FOLDER] = ENTRIES & 255, bytes[FOLDER + 1] = ENTRIES >> 8;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        const bool plain = i < BN_COUNT(known);
        const uint32_t values[4] = {plain ? known[i][0] : 40000 + i, plain ? known[i][1] : 7,
                                    plain ? 1 : SHOWN_BYTES, plain ? known[i][2] : PIXEL};
        uint8_t *entry = bytes + FOLDER + 2 + 12 * i;
        for (int b = 0; b < 2; b++) entry[b] = (uint8_t)(values[0] >> 8 * b);
        for (int b = 0; b < 2; b++) entry[2 + b] = (uint8_t)(values[1] >> 8 * b);
        for (int b = 0; b < 4; b++) entry[4 + b] = (uint8_t)(values[2] >> 8 * b);
        for (int b = 0; b < 4; b++) entry[8 + b] = (uint8_t)(values[3] >> 8 * b);
    }
    bn_buffer_init(out, 1 << 28);
    assert_ok(bn_buffer_append(out, bytes, PIXEL + SHOWN_BYTES, &err), err);
    free(bytes);
}

#endif
