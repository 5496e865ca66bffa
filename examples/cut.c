/* cut.c - the library in a hundred lines: a JPEG in, its matte out as a PGM file.
 *
 *     cc cut.c -o cut $(pkg-config --cflags --libs birefnet) -ljpeg
 *     ./cut models/starter.safetensors photo.jpg matte.pgm
 *
 * The library itself takes pixels, from wherever they come; libjpeg is only this example's way to them. */
#include <birefnet.h>

#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

typedef struct picture {
    unsigned char *rgb; /* [height][width][3], rows tight */
    int width, height;
} picture;

/* libjpeg's own error handler ends the program, which is all that an example needs. */
static int read_jpeg(const char *path, picture *photo)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    struct jpeg_error_mgr errors;
    struct jpeg_decompress_struct jpeg = {.err = jpeg_std_error(&errors)};
    jpeg_create_decompress(&jpeg);
    jpeg_stdio_src(&jpeg, file);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = JCS_RGB;
    jpeg_start_decompress(&jpeg);
    photo->width = (int)jpeg.output_width;
    photo->height = (int)jpeg.output_height;
    photo->rgb = malloc((size_t)3 * jpeg.output_width * jpeg.output_height);
    while (photo->rgb && jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = photo->rgb + (size_t)3 * jpeg.output_width * jpeg.output_scanline;
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_destroy_decompress(&jpeg);
    fclose(file);
    return photo->rgb ? 0 : 1;
}

static int write_pgm(const char *path, const unsigned char *matte, int width, int height)
{
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        return 1;
    }
    fprintf(file, "P5\n%d %d\n255\n", width, height);
    fwrite(matte, 1, (size_t)width * (size_t)height, file);
    const int failed = ferror(file);
    if (fclose(file) != 0 || failed) {
        perror(path);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s WEIGHTS PHOTO.jpg MATTE.pgm\n", argv[0]);
        return 2;
    }
    picture photo;
    if (read_jpeg(argv[2], &photo) != 0) return 1;

    birefnet_model *model = NULL;
    birefnet_session *session = NULL;
    birefnet_error error = {0};
    int failed = 1;
    unsigned char *matte = malloc((size_t)photo.width * (size_t)photo.height);
    if (matte && birefnet_model_open(argv[1], NULL, &model, &error) == BIREFNET_OK &&
        birefnet_session_open(model, NULL, &session, &error) == BIREFNET_OK &&
        birefnet_session_matte(session, photo.rgb, photo.width, photo.height, (ptrdiff_t)3 * photo.width,
                               matte, photo.width, &error) == BIREFNET_OK)
        failed = write_pgm(argv[3], matte, photo.width, photo.height);
    if (error.status != BIREFNET_OK) fprintf(stderr, "%s\n", error.message);

    birefnet_session_close(&session);
    birefnet_model_close(&model);
    free(matte);
    free(photo.rgb);
    return failed;
}
