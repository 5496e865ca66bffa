/* stream.c - `birefnet stream`: frames of raw RGB on standard input, of raw RGBA on standard output. */
#include "cli/commands.h"

#include "base/size.h"
#include "cli/footage.h"
#include "cli/interrupt.h"
#include "image/codec_table.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_SIDE_PX 65535

typedef struct stream {
    int width, height;
    int stop_fd; /* readable once the other end of the run has failed */
    uint64_t frames;
    uint8_t *row; /* RGBA [width], where the result is RGB */
} stream;

/* "1920x1080" */
static bool parse_size(const char *text, int *width, int *height)
{
    int *const sides[] = {width, height};
    for (int i = 0; i < 2; i++) {
        char *end;
        if (!isdigit((unsigned char)*text)) return false;
        const long side = strtol(text, &end, 10);
        if (side < 1 || side > MAX_SIDE_PX || *end != "x"[i]) return false;
        *sides[i] = (int)side;
        text = end + 1;
    }
    return true;
}

/* Some bytes of standard input; *got 0 at its end. */
static bn_status read_some(const stream *self, uint8_t *bytes, size_t count, size_t *got, bn_error *err)
{
    for (;;) {
        struct pollfd wait[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                {.fd = bn_interrupt_fd(), .events = POLLIN},
                                {.fd = self->stop_fd, .events = POLLIN}};
        if (poll(wait, 3, -1) < 0 && errno != EINTR)
            return bn_fail_errno(err, errno, "cannot read standard input");
        if (bn_interrupted() || wait[2].revents) return bn_fail(err, BIREFNET_ERROR_CANCELLED, "interrupted");
        if (!wait[0].revents) continue;
        const ssize_t answer = read(STDIN_FILENO, bytes, count);
        if (answer < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (answer < 0) return bn_fail_errno(err, errno, "cannot read standard input");
        *got = (size_t)answer;
        return BIREFNET_OK;
    }
}

static bn_status read_frame(void *user, bn_image **frame, bn_delay *delay, bn_error *err)
{
    stream *self = user;
    bn_image *made = NULL;
    *delay = (bn_delay){0, 1};
    BN_TRY(bn_image_create(self->width, self->height, 3, 8, &made, err));
    const size_t bytes = bn_image_bytes(made);
    bn_status status = BIREFNET_OK;
    size_t done = 0;
    for (size_t got = 1; done < bytes && got > 0 && status == BIREFNET_OK; done += got) {
        got = 0;
        status = read_some(self, (uint8_t *)made->pixels + done, bytes - done, &got, err);
    }
    if (status == BIREFNET_OK && done > 0 && done < bytes)
        status = bn_fail(err, BIREFNET_ERROR_FORMAT,
                         "standard input ends inside frame %llu, after %zu of its %zu bytes",
                         (unsigned long long)self->frames + 1, done, bytes);
    if (status == BIREFNET_OK && done == bytes) {
        self->frames++;
        *frame = made;
        return BIREFNET_OK;
    }
    bn_image_destroy(&made);
    return status;
}

static bn_status write_all(const uint8_t *bytes, size_t count, bn_error *err)
{
    while (count > 0) {
        const ssize_t written = write(STDOUT_FILENO, bytes, count);
        if (written < 0 && errno == EINTR && !bn_interrupted()) continue;
        if (written < 0) return bn_fail_errno(err, errno, "cannot write standard output");
        bytes += written;
        count -= (size_t)written;
    }
    return BIREFNET_OK;
}

static bn_status write_frame(void *user, const bn_image *result, uint8_t *matte, int width, int height,
                             bn_delay delay, bn_error *err)
{
    (void)matte, (void)delay;
    const stream *self = user;
    if (result->channels == 4) return write_all(result->pixels, bn_image_bytes(result), err);
    for (int y = 0; y < height; y++) {
        bn_image_copy_row_8(result, y, 4, self->row);
        BN_TRY(write_all(self->row, (size_t)width * 4, err));
    }
    return BIREFNET_OK;
}

static void stop_reading(void *user)
{
    const stream *self = user;
    const uint64_t one = 1;
    const ssize_t written = write(self->stop_fd, &one, sizeof one);
    (void)written;
}

static bn_status choose(const bn_values *values, bn_footage *footage, stream *self, bn_error *err)
{
    const char *size = values->text[BN_OPTION_SIZE];
    if (!size) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--size WIDTHxHEIGHT is missing");
    if (!parse_size(size, &self->width, &self->height))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "--size takes WIDTHxHEIGHT, each from 1 to %d, not '%s'",
                       MAX_SIDE_PX, size);
    BN_TRY(bn_footage_choose(footage, err));
    if ((uint64_t)self->width * (uint64_t)self->height > footage->options.limits.max_pixels)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "frames of %dx%d have more than %.4g megapixels",
                       self->width, self->height, (double)footage->options.limits.max_pixels / 1e6);
    if (isatty(STDOUT_FILENO))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "not writing frames to a terminal: redirect");
    return BIREFNET_OK;
}

bn_exit bn_command_stream(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    stream self = {.stop_fd = -1};
    bn_footage footage = {.values = values, .console = console};
    bn_stage stage = BN_STAGE_USAGE;
    bn_status status;
    BN_TRY_DONE(choose(values, &footage, &self, &err));
    stage = BN_STAGE_MODEL;
    BN_TRY_DONE(bn_footage_open(&footage, &err));
    self.stop_fd = eventfd(0, EFD_CLOEXEC);
    self.row = malloc((size_t)self.width * 4);
    if (self.stop_fd < 0 || !self.row) BN_TRY_DONE(bn_fail_memory(&err, 0, "a stream"));
    footage.frames.io =
        (bn_frames_io){.read = read_frame, .write = write_frame, .stop = stop_reading, .user = &self};
    status = bn_footage_run(&footage, &err);
    stage = footage.frames.stage;
done:
    if (status != BIREFNET_OK) bn_console_error(console, "%s", err.message);
    if (stage != BN_STAGE_USAGE && stage != BN_STAGE_MODEL)
        bn_console_say(console, "%llu frame%s done", (unsigned long long)footage.frames.done,
                       bn_plural(footage.frames.done));
    if (self.stop_fd >= 0) close(self.stop_fd);
    free(self.row);
    bn_footage_close(&footage);
    return bn_exit_of(status, stage);
}
