/* moving.c - an animation's reader and writers around bn_frames_run; twice where results are of the subject's box. */
#include "cli/moving.h"

#include "base/part.h"
#include "base/size.h"
#include "cli/source.h"
#include "cli/spool.h"

#include <string.h>

/* One file that is being written. */
typedef struct output {
    bn_part part;
    bool wanted;
    const bn_encode_options *encoding;
    bn_animation_writer *writer; /* from the first frame on */
} output;

typedef struct movie {
    bn_moving *moving;
    bn_animation *animation;
    output cutout, mask;
    bn_spool mattes; /* of a first run */
    bool is_second;  /* run: nothing new is told */
    bool found;      /* a subject, in any frame */
    bn_box subject;  /* holds that of every frame */
} movie;

bool bn_moving_fits(const bn_cutout_options *options)
{
    return (!options->want_cutout || bn_animation_is_written(options->cutout_encoding.format)) &&
           (!options->want_mask || bn_animation_is_written(options->mask_encoding.format));
}

/* ---- files ---- */

static bn_status open_output(const movie *self, output *out, const char *target,
                             const bn_encode_options *encoding, bn_error *err)
{
    out->wanted = true;
    out->encoding = encoding;
    if (self->moving->make_folders && strcmp(target, "-") != 0) BN_TRY(bn_target_make_folder(target, err));
    return bn_part_open(&out->part, target, err);
}

static bn_status open_outputs(movie *self, bn_error *err)
{
    const bn_cutout_options *options = &self->moving->options;
    const bn_photo *photo = self->moving->photo;
    const char *mask = self->moving->mask_only ? photo->output : photo->mask;
    if (options->want_mask) BN_TRY(open_output(self, &self->mask, mask, &options->mask_encoding, err));
    if (!options->want_cutout) return BIREFNET_OK;
    return open_output(self, &self->cutout, photo->output, &options->cutout_encoding, err);
}

static bn_status add_frame(const movie *self, output *out, const bn_image *frame, bn_delay delay,
                           bn_error *err)
{
    if (!out->wanted) return BIREFNET_OK;
    if (!out->writer) {
        bn_animation_info info = *bn_animation_get_info(self->animation);
        info.format = out->encoding->format;
        info.width = frame->width;
        info.height = frame->height;
        BN_TRY(bn_animation_writer_open(&out->part, &info, out->encoding, &out->writer, err));
    }
    return bn_animation_writer_add(out->writer, frame, delay, err);
}

static bn_status commit(output *out, bn_error *err)
{
    if (!out->wanted) return BIREFNET_OK;
    if (!out->writer) return bn_fail(err, BIREFNET_ERROR_FORMAT, "an animation without a frame");
    BN_TRY(bn_animation_writer_finish(out->writer, err));
    return bn_part_commit(&out->part, err);
}

static void close_output(output *out)
{
    bn_animation_writer_close(&out->writer);
    bn_part_discard(&out->part);
}

/* ---- frames ---- */

static bn_status open_animation(movie *self, bn_error *err)
{
    const bn_moving *moving = self->moving;
    bn_animation_close(&self->animation);
    return bn_animation_open(moving->bytes->data, moving->bytes->size, &moving->options.limits,
                             &self->animation, err);
}

static bn_status read_frame(void *user, bn_image **frame, bn_delay *delay, bn_error *err)
{
    movie *self = user;
    return bn_animation_next(self->animation, frame, delay, err);
}

static bn_status write_frame(void *user, const bn_image *result, uint8_t *matte, int width, int height,
                             bn_delay delay, bn_error *err)
{
    movie *self = user;
    const bn_image view = bn_image_view(matte, width, height, 1, 8);
    BN_TRY(add_frame(self, &self->mask, &view, delay, err));
    return add_frame(self, &self->cutout, result, delay, err);
}

static void tell(void *user, uint64_t done)
{
    const movie *self = user;
    if (!self->is_second) self->moving->tell(self->moving->user, done, self->moving->total);
}

static bn_status run(movie *self, const bn_cutout_options *options, bn_frames_io io, bn_error *err)
{
    bn_frames *frames = &self->moving->frames;
    io.read = read_frame;
    io.user = self;
    frames->io = io;
    frames->tell = tell;
    frames->tell_user = self;
    frames->options = options;
    const bn_status status = bn_frames_run(frames, err);
    if (status != BIREFNET_OK && frames->stage == BN_STAGE_READ)
        frames->stage = BN_STAGE_WORK; /* its bytes are here */
    return status;
}

/* ---- one box for all frames ---- */

static bn_box join(bn_box a, bn_box b)
{
    const int x = BN_MIN(a.x, b.x), y = BN_MIN(a.y, b.y);
    return (bn_box){x, y, BN_MAX(a.x + a.width, b.x + b.width) - x,
                    BN_MAX(a.y + a.height, b.y + b.height) - y};
}

static bn_status keep_matte(void *user, const bn_image *result, uint8_t *matte, int width, int height,
                            bn_delay delay, bn_error *err)
{
    (void)result, (void)delay;
    movie *self = user;
    bool found = false;
    bn_box box;
    BN_TRY(bn_cutout_find_subject(&self->moving->options, matte, width, height, &found, &box, err));
    if (found) self->subject = self->found ? join(self->subject, box) : box;
    self->found |= found;
    return bn_spool_add(&self->mattes, matte, width, height, err);
}

static bn_status take_matte(void *user, bn_cutout *cutout, bn_error *err)
{
    movie *self = user;
    return bn_spool_take(&self->mattes, cutout->width, cutout->height, &cutout->matte, err);
}

/* The network's mattes to the disk first, since what is made of the first frame depends on where the subject is in the last. */
static bn_status run_twice(movie *self, bn_error *err)
{
    bn_moving *moving = self->moving;
    bn_cutout_options *options = &moving->options, look = *options;
    look.want_cutout = look.want_mask = look.crop = look.canvas.used = false;
    look.threshold = 0; /* keep_matte does it */
    BN_TRY(bn_spool_open(&self->mattes, moving->photo->output, err));
    BN_TRY(run(self, &look, (bn_frames_io){.write = keep_matte}, err));
    moving->empty = !self->found;
    const bn_box all = {0, 0, moving->frames.width, moving->frames.height};
    options->subject = self->found ? self->subject : all;
    options->has_subject = self->is_second = true;
    BN_TRY(open_animation(self, err));
    return run(self, options, (bn_frames_io){.matte = take_matte, .write = write_frame}, err);
}

bn_status bn_moving_run(bn_moving *moving, bn_error *err)
{
    movie self = {.moving = moving, .cutout.part.fd = -1, .mask.part.fd = -1, .mattes.fd = -1};
    bn_frames *frames = &moving->frames;
    bn_status status;
    frames->stage = BN_STAGE_WORK;
    moving->options.threads = 1; /* a frame is finished beside the network's work on the next */
    BN_TRY_DONE(open_animation(&self, err));
    moving->total = bn_animation_get_info(self.animation)->frames;
    frames->stage = BN_STAGE_WRITE;
    BN_TRY_DONE(open_outputs(&self, err));
    if (moving->options.crop || moving->options.canvas.used)
        BN_TRY_DONE(run_twice(&self, err));
    else
        BN_TRY_DONE(run(&self, &moving->options, (bn_frames_io){.write = write_frame}, err));
    frames->stage = BN_STAGE_WRITE;
    BN_TRY_DONE(commit(&self.mask, err)); /* the cut-out last: where it is, its mask is */
    status = commit(&self.cutout, err);
done:
    close_output(&self.cutout);
    close_output(&self.mask);
    bn_spool_close(&self.mattes);
    bn_animation_close(&self.animation);
    return status;
}
