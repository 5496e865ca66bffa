/* moving.c - an animation's reader and writers around bn_frames_run. */
#include "cli/moving.h"

#include "base/part.h"
#include "base/size.h"
#include "cli/source.h"

#include <string.h>

/* One file that is being written; writer NULL where it is not wanted. */
typedef struct output {
    bn_part part;
    bn_animation_writer *writer;
} output;

typedef struct movie {
    bn_moving *moving;
    bn_animation *animation;
    output cutout, mask;
} movie;

bool bn_moving_fits(const bn_cutout_options *options)
{
    return (!options->want_cutout || bn_animation_is_written(options->cutout_encoding.format)) &&
           (!options->want_mask || bn_animation_is_written(options->mask_encoding.format));
}

static bn_status read_frame(void *user, bn_image **frame, bn_delay *delay, bn_error *err)
{
    movie *self = user;
    return bn_animation_next(self->animation, frame, delay, err);
}

static bn_status write_frame(void *user, const bn_image *result, const uint8_t *matte, int width, int height,
                             bn_delay delay, bn_error *err)
{
    movie *self = user;
    if (self->mask.writer) {
        const bn_image view = bn_image_view(matte, width, height, 1, 8);
        BN_TRY(bn_animation_writer_add(self->mask.writer, &view, delay, err));
    }
    return self->cutout.writer ? bn_animation_writer_add(self->cutout.writer, result, delay, err)
                               : BIREFNET_OK;
}

static void tell(void *user, uint64_t done)
{
    const movie *self = user;
    self->moving->tell(self->moving->user, done, self->moving->total);
}

static bn_status open_output(const movie *self, output *out, const char *target,
                             const bn_encode_options *encoding, bn_error *err)
{
    bn_animation_info info = *bn_animation_get_info(self->animation);
    info.format = encoding->format;
    if (self->moving->make_folders && strcmp(target, "-") != 0) BN_TRY(bn_target_make_folder(target, err));
    BN_TRY(bn_part_open(&out->part, target, err));
    return bn_animation_writer_open(&out->part, &info, encoding, &out->writer, err);
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

static bn_status commit(output *out, bn_error *err)
{
    if (!out->writer) return BIREFNET_OK;
    BN_TRY(bn_animation_writer_finish(out->writer, err));
    return bn_part_commit(&out->part, err);
}

static void close_output(output *out)
{
    bn_animation_writer_close(&out->writer);
    bn_part_discard(&out->part);
}

bn_status bn_moving_run(bn_moving *moving, bn_error *err)
{
    movie self = {.moving = moving, .cutout.part.fd = -1, .mask.part.fd = -1};
    bn_frames *frames = &moving->frames;
    bn_status status;
    frames->stage = BN_STAGE_WORK;
    moving->options.crop = false;
    moving->options.threads = 1; /* a frame is finished beside the network's work on the next */
    BN_TRY_DONE(bn_animation_open(moving->bytes->data, moving->bytes->size, &moving->options.limits,
                                  &self.animation, err));
    moving->total = bn_animation_get_info(self.animation)->frames;
    frames->stage = BN_STAGE_WRITE;
    BN_TRY_DONE(open_outputs(&self, err));
    frames->io = (bn_frames_io){.read = read_frame, .write = write_frame, .user = &self};
    frames->tell = tell;
    frames->tell_user = &self;
    frames->options = &moving->options;
    status = bn_frames_run(frames, err);
    if (status != BIREFNET_OK && frames->stage == BN_STAGE_READ)
        frames->stage = BN_STAGE_WORK; /* its bytes are here */
    if (status != BIREFNET_OK) goto done;
    frames->stage = BN_STAGE_WRITE;
    BN_TRY_DONE(commit(&self.mask, err)); /* the cut-out last: where it is, its mask is */
    status = commit(&self.cutout, err);
done:
    close_output(&self.cutout);
    close_output(&self.mask);
    bn_animation_close(&self.animation);
    return status;
}
