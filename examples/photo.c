/* photo.c - one photo, from its file to the file of its cut-out.
 *
 *     cc photo.c -o photo $(pkg-config --cflags --libs birefnet-image)
 *     ./photo models/starter.safetensors photo.jpg cut.png */
#include <birefnet-image.h>

#include <stdio.h>
#include <stdlib.h>

static void *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    void *bytes = NULL;
    if (file && fseek(file, 0, SEEK_END) == 0 && ftell(file) > 0) {
        *size = (size_t)ftell(file);
        rewind(file);
        bytes = malloc(*size);
        if (bytes && fread(bytes, 1, *size, file) != *size) {
            free(bytes);
            bytes = NULL;
        }
    }
    if (!bytes) perror(path);
    if (file) fclose(file);
    return bytes;
}

static int write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    const int written = file && fwrite(bytes, 1, size, file) == size;
    const int closed = file && fclose(file) == 0;
    if (!written || !closed) perror(path);
    return written && closed ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s WEIGHTS PHOTO CUT.png\n", argv[0]);
        return 2;
    }
    size_t photo_bytes = 0, cut_bytes = 0;
    void *photo = read_file(argv[2], &photo_bytes), *cut = NULL;
    if (!photo) return 1;

    birefnet_model *model = NULL;
    birefnet_session *session = NULL;
    birefnet_error error = {0};
    birefnet_cut_options options;
    birefnet_cut_options_default(&options); /* then, for example: options.background = "white"; */

    int failed = 1;
    if (birefnet_model_open(argv[1], NULL, &model, &error) == BIREFNET_OK &&
        birefnet_session_open(model, NULL, &session, &error) == BIREFNET_OK &&
        birefnet_cut(session, photo, photo_bytes, &options, &cut, &cut_bytes, &error) == BIREFNET_OK)
        failed = write_file(argv[3], cut, cut_bytes);
    if (error.status != BIREFNET_OK)
        fprintf(stderr, "%s: %s\n", birefnet_status_name(error.status), error.message);

    birefnet_free(cut);
    birefnet_session_close(&session);
    birefnet_model_close(&model);
    free(photo);
    return failed;
}
