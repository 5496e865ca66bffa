/* video.c - `birefnet video`: one ffmpeg decodes into a pipe, another encodes what comes back. */
#include "cli/video.h"

#include "base/file.h"
#include "base/part.h"
#include "base/size.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/footage.h"
#include "cli/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_WORDS = 64, PNG_BYTES = 1 << 30 };

typedef struct video {
    const char *input, *output;
    const bn_video_kind *kind; /* NULL: a folder of PNG files */
    bool opaque;
    bn_footage *footage;
    bn_video_facts facts;
    bn_child decoder, encoder;
    bn_part part; /* the file that the encoder writes; it has a name */
    char rate[32];
} video;

static bool is_folder(const char *path)
{
    struct stat facts;
    return path[strlen(path) - 1] == '/' || (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode));
}

/* ---- decoding: PPM pictures one behind the other ---- */

static bn_status start_decoder(video *self, bn_error *err)
{
    char name[BN_VIDEO_NAME_BYTES], filter[128];
    snprintf(name, sizeof name, "file:%s", self->input);
    snprintf(filter, sizeof filter, "fps=%s:start_time=0%s", self->rate,
             self->facts.stretched ? ",scale='max(iw,iw*sar)':'max(ih,ih/sar)'" : "");
    const char *const words[] = {"ffmpeg",    "-nostdin", "-v",    "error",      "-protocol_whitelist",
                                 "file,pipe", "-i",       name,    "-map",       "0:V:0",
                                 "-vf",       filter,     "-f",    "image2pipe", "-c:v",
                                 "ppm",       "-pix_fmt", "rgb24", "-",          NULL};
    return bn_child_start(&self->decoder, words, false, true, err);
}

/* "P6\nWIDTH HEIGHT\n255\n"; *width 0 at the end of the data. */
static bn_status read_head(video *self, int *width, int *height, bn_error *err)
{
    char head[64];
    size_t length = 0, got = 0;
    int lines = 0;
    *width = 0;
    while (lines < 3 && length < sizeof head - 1) {
        BN_TRY(bn_child_read(&self->decoder, head + length, 1, &got, err));
        if (got == 0) break;
        lines += head[length++] == '\n';
    }
    head[length] = '\0';
    if (length == 0) return BIREFNET_OK;
    if (lines == 3 && sscanf(head, "P6 %7d %7d 255", width, height) == 2 && *width > 0 && *height > 0)
        return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "ffmpeg sent no picture");
}

static bn_status read_frame(void *user, bn_image **frame, bn_delay *delay, bn_error *err)
{
    video *self = user;
    int width, height;
    size_t got = 0;
    bn_image *made = NULL;
    *delay = (bn_delay){(uint32_t)self->facts.rate_scale, (uint32_t)self->facts.rate};
    BN_TRY(read_head(self, &width, &height, err));
    if (width == 0) return bn_child_wait(&self->decoder, err);
    const uint64_t most = self->footage->options.limits.max_pixels;
    if ((uint64_t)width * (uint64_t)height > most)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "frames have %dx%d pixels, the limit is %.4g megapixels",
                       width, height, (double)most / 1e6);
    BN_TRY(bn_image_create(width, height, 3, 8, &made, err));
    bn_status status = bn_child_read(&self->decoder, made->pixels, bn_image_bytes(made), &got, err);
    if (status == BIREFNET_OK && got < bn_image_bytes(made)) {
        status = bn_child_wait(&self->decoder, err);
        if (status == BIREFNET_OK) status = bn_fail(err, BIREFNET_ERROR_FORMAT, "ffmpeg sent half a picture");
    }
    if (status == BIREFNET_OK)
        *frame = made;
    else
        bn_image_destroy(&made);
    return status;
}

/* ---- encoding ---- */

typedef struct words {
    const char *list[MAX_WORDS];
    size_t count;
} words;

static void add(words *to, const char *const *list)
{
    for (; *list && to->count < MAX_WORDS - 1; list++) to->list[to->count++] = *list;
    to->list[to->count] = NULL;
}

#define ADD(to, ...) add(to, (const char *const[]){__VA_ARGS__, NULL})

/* Sides are even where the codec needs it: a row or a column goes. Colours are those of HD television, and named. */
static bn_status start_encoder(video *self, int width, int height, int channels, bn_error *err)
{
    char size[32], input[BN_VIDEO_NAME_BYTES], output[BN_VIDEO_NAME_BYTES];
    words to = {.count = 0};
    const bool alpha = channels == 4;
    snprintf(size, sizeof size, "%dx%d", width, height);
    snprintf(input, sizeof input, "file:%s", self->input);
    snprintf(output, sizeof output, "file:%s", self->part.path);
    ADD(&to, "ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt",
        alpha ? "rgba" : "rgb24", "-s", size, "-framerate", self->rate, "-i", "pipe:0");
    if (self->facts.audio[0]) {
        ADD(&to, "-protocol_whitelist", "file,pipe", "-i", input, "-map", "0:v:0", "-map", "1:a:0", "-c:a");
        ADD(&to, bn_video_copies_sound(self->kind, self->facts.audio) ? "copy" : self->kind->encoder);
    }
    ADD(&to, "-vf",
        alpha ? "scale=out_color_matrix=bt709:out_range=tv"
              : "crop=trunc(iw/2)*2:trunc(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv");
    add(&to, alpha ? self->kind->clear : self->kind->opaque);
    ADD(&to, "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
        "-f", self->kind->container, output);
    return bn_child_start(&self->encoder, to.list, true, false, err);
}

static bn_status write_png(const video *self, const bn_image *result, bn_error *err)
{
    char path[BN_VIDEO_NAME_BYTES];
    const bool slash = self->output[strlen(self->output) - 1] == '/';
    bn_encode_options options;
    bn_buffer png;
    snprintf(path, sizeof path, "%s%s%06llu.png", self->output, slash ? "" : "/",
             (unsigned long long)self->footage->frames.done + 1);
    bn_encode_options_default(&options, BN_FORMAT_PNG);
    bn_buffer_init(&png, PNG_BYTES);
    bn_status status = bn_image_encode(result, &options, &png, err);
    if (status == BIREFNET_OK) status = bn_target_write(path, &png, true, err);
    bn_buffer_free(&png);
    return status;
}

static bn_status write_frame(void *user, const bn_image *result, uint8_t *matte, int width, int height,
                             bn_delay delay, bn_error *err)
{
    (void)matte, (void)delay;
    video *self = user;
    if (!self->kind) return write_png(self, result, err);
    if (!self->encoder.name) BN_TRY(start_encoder(self, width, height, result->channels, err));
    const bn_status status = bn_child_write(&self->encoder, result->pixels, bn_image_bytes(result), err);
    if (status != BIREFNET_ERROR_IO) return status;
    const bn_status why = bn_child_wait(&self->encoder, err); /* its own words say more than a closed pipe */
    return why == BIREFNET_OK ? status : why;
}

static void stop(void *user)
{
    video *self = user;
    bn_child_kill(&self->decoder);
}

/* ---- the command ---- */

static bn_status choose(const bn_values *values, video *self, bn_error *err)
{
    const char *output = values->text[BN_OPTION_OUTPUT];
    self->input = values->operands[0];
    if (!output) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "-o OUT is missing");
    self->output = output;
    BN_TRY(bn_footage_choose(self->footage, err));
    const bn_background *back = &self->footage->options.background;
    self->opaque =
        back->kind != BN_BACKGROUND_NONE && (back->kind != BN_BACKGROUND_COLOUR || back->colour[3] == 255);
    if (strlen(self->input) > 4000 || strlen(output) > 4000)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the name of a file is too long");
    if (is_folder(output)) return BIREFNET_OK;
    self->kind = bn_video_find_kind(output);
    if (!self->kind)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "%s: write .webm, .mov, .mp4, or a folder (a name that ends in /) of PNG files",
                       output);
    if (!self->kind->clear && !self->opaque)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "%s holds no transparency: choose webm or mov, or an opaque --background",
                       self->kind->suffix);
    if (bn_file_is_same(self->input, output))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "the output %s would overwrite the input", output);
    return BIREFNET_OK;
}

static bn_status look_at(video *self, bn_error *err)
{
    struct stat facts;
    if (stat(self->input, &facts) != 0) return bn_fail_errno(err, errno, "cannot open %s", self->input);
    BN_TRY(bn_video_probe(self->input, &self->facts, err));
    snprintf(self->rate, sizeof self->rate, "%d/%d", self->facts.rate, self->facts.rate_scale);
    self->footage->total = self->facts.frames;
    if (self->kind && self->facts.audio[0] && !bn_video_copies_sound(self->kind, self->facts.audio))
        bn_console_say(self->footage->console, "%s: %s holds no %s sound, it becomes %s", self->input,
                       self->kind->suffix, self->facts.audio, self->kind->encoder);
    return BIREFNET_OK;
}

static bn_status run(video *self, bn_stage *stage, bn_error *err)
{
    *stage = BN_STAGE_WRITE;
    if (self->kind) BN_TRY(bn_part_open(&self->part, self->output, err));
    if (self->kind && self->part.copies)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%s is no regular file", self->output);
    *stage = BN_STAGE_READ;
    BN_TRY(start_decoder(self, err));
    self->footage->frames.io =
        (bn_frames_io){.read = read_frame, .write = write_frame, .stop = stop, .user = self};
    const bn_status status = bn_footage_run(self->footage, err);
    *stage = self->footage->frames.stage;
    BN_TRY(status);
    *stage = BN_STAGE_READ;
    if (self->footage->frames.done == 0)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "there is no frame in it");
    if (!self->kind) return BIREFNET_OK;
    *stage = BN_STAGE_WRITE;
    BN_TRY(bn_child_wait(&self->encoder, err));
    return bn_part_commit(&self->part, err);
}

bn_exit bn_command_video(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    bn_footage footage = {.values = values, .console = console};
    video self = {.footage = &footage, .part.fd = -1};
    bn_stage stage = BN_STAGE_USAGE;
    bn_status status;
    BN_TRY_DONE(choose(values, &self, &err));
    stage = BN_STAGE_READ;
    BN_TRY_DONE(look_at(&self, &err));
    stage = BN_STAGE_MODEL;
    BN_TRY_DONE(bn_footage_open(&footage, &err));
    status = run(&self, &stage, &err);
done:
    bn_child_end(&self.decoder);
    bn_child_end(&self.encoder);
    bn_part_discard(&self.part);
    bn_footage_close(&footage);
    if (status == BIREFNET_OK)
        bn_console_say(console, "%s -> %s  (%llu frame%s)", self.input, self.output,
                       (unsigned long long)footage.frames.done, bn_plural(footage.frames.done));
    else if (stage == BN_STAGE_READ && !strstr(err.message, self.input))
        bn_console_error(console, "%s: %s", self.input, err.message);
    else
        bn_console_error(console, "%s", err.message);
    if (status == BIREFNET_ERROR_UNSUPPORTED && stage != BN_STAGE_MODEL) return BN_EXIT_NO_TOOL;
    return bn_exit_of(status, stage);
}
