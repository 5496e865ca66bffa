/* cutout.h - the way of a photo, in three steps that may run on different threads:
 *     decode  bytes of a file -> upright pixels, limits checked
 *     matte   pixels -> matte, by the network
 *     finish  pixels and matte -> the bytes of the cut-out and of the mask
 * Knows neither files nor requests; the command line and the server both go this way. */
#ifndef BN_CUTOUT_CUTOUT_H
#define BN_CUTOUT_CUTOUT_H

#include "cutout/background.h"
#include "image/codec.h"
#include "image/compose.h"
#include "image/shadow.h"
#include "image/stage.h"

/* An encoded result is never larger than this; the largest photo allowed by default is 100 MP, 800 MB at 16 bits. */
#define BN_ENCODED_MAX_BYTES ((size_t)4 << 30)

/* Where the subject is put instead of staying in the photo's frame. */
typedef struct bn_placement {
    bool used;
    int width, height;  /* 0x0: as large as the photo */
    double fit_percent; /* of the canvas's width and height that the subject may take, 1 to 100; default 90 */
    bn_align align;
} bn_placement;

typedef struct bn_cutout_options {
    bn_decode_limits limits;
    bool to_srgb;  /* convert the photo to sRGB; default false: its own profile is kept */
    bool refine;   /* estimate the foreground's own colours; default true */
    int threshold; /* 1 to 255: matte values from here on become 255, the rest 0; default 0: soft */
    bn_sure sure;  /* what is sure of the matte becomes fully so before anything else; default: not used */
    bn_background background; /* borrowed parts must outlive the options; default none: transparent */
    bool crop;                /* only the box around the subject, default false */
    int crop_margin_px;
    double crop_margin_percent; /* of the box's longer side; adds to the pixels */
    bool has_subject; /* `subject` is the box, and none is looked for: one for all frames of an animation,
                                 * whose mattes bn_cutout_find_subject has seen */
    bn_box subject;   /* within the upright photo */
    bn_placement
        canvas; /* default none. The result has 8 bits; a crop's margin stays around the subject; pieces of
                            * less than 0.5 % of the largest one are left out */
    bn_shadow_kind shadow;             /* default none */
    bool want_cutout;                  /* default true */
    bool want_mask;                    /* default false */
    bn_encode_options cutout_encoding; /* default PNG */
    bn_encode_options mask_encoding;   /* default PNG */
    int threads;                       /* of decode and finish; the network has its session's. Default 1 */
    bn_isa isa; /* highest level of instructions of finish; matte has its model's. Default the CPU's */
} bn_cutout_options;

void bn_cutout_options_default(bn_cutout_options *options);

/* ARGUMENT where they contradict each other: a format that cannot be written, or one without transparency for a
 * result that has some. Asked once, before any photo is read. */
bn_status bn_cutout_options_check(const bn_cutout_options *options, bn_error *err);

typedef struct bn_cutout_times {
    double decode_ms;
    double network_ms; /* colours to sRGB, resizing, the network, the matte back at the photo's size */
    double card_ms;    /* of which a graphics card computed, as its clock says; 0 on a CPU */
    double refine_ms;
    double compose_ms; /* threshold, crop, background */
    double encode_ms;  /* cut-out and mask */
} bn_cutout_times;

/* One photo on its way. All zero before the first step; bn_cutout_release after the last, or after a failure. */
typedef struct bn_cutout {
    bn_format format;                  /* of the file it came from */
    int width, height;                 /* of the upright photo */
    int network_width, network_height; /* pixels that the network saw */
    uint32_t frames;                   /* bn_image's source_frames */
    int result_width, result_height;   /* of the cut-out and the mask: smaller than the photo after a crop */
    bool empty;        /* the matte holds no subject: a crop or a canvas was asked for in vain */
    int side_limit_px; /* not 0: a step said LIMIT since the result's format holds no longer sides than this */
    char note[200];    /* empty, or one line for the user, about the colour profile */
    bn_cutout_times times;
    bn_density density; /* of the photo, and so of what is made of it */
    bn_image *image;    /* from decode until finish has composed */
    uint8_t *matte;     /* [height][width], rows tight; from matte on; of the canvas once that is made */
    bn_buffer cutout, mask;
} bn_cutout;

/* LIMIT, too, where the result would be too large for its format: nothing is computed in vain. After a crop that is known
 * only when the subject is, and finish says it. */
bn_status bn_cutout_decode(const void *bytes, size_t size, const bn_cutout_options *options,
                           bn_cutout *cutout, bn_error *err);
bn_status bn_cutout_matte(birefnet_session *session, const bn_cutout_options *options, bn_cutout *cutout,
                          bn_error *err);
/* The second step for several photos in one run, of a session on a graphics card whose batch they are. After a failure none
 * of them has a matte. */
typedef struct bn_cutout_member {
    const bn_cutout_options *options;
    bn_cutout *cutout;
} bn_cutout_member;
bn_status bn_cutout_matte_batch(birefnet_session *session, const bn_cutout_member *members, int count,
                                bn_error *err);
bn_status bn_cutout_finish(const bn_cutout_options *options, bn_cutout *cutout, bn_error *err);

/* The first step for pixels that were decoded elsewhere (a frame); *image is taken over, after a failure, too. */
bn_status bn_cutout_take(bn_image **image, const bn_cutout_options *options, bn_cutout *cutout,
                         bn_error *err);
/* The last step without encoding: *result is the cut-out, NULL where none is wanted; the mask is cutout->matte, of the same
 * size. */
bn_status bn_cutout_render(const bn_cutout_options *options, bn_cutout *cutout, bn_image **result,
                           bn_error *err);

/* The box of the subject in a matte, uint8 [height][width], which a crop or a canvas goes by; *found is false where there is
 * none. The threshold is applied to the matte, and for a canvas crumbs leave it. */
bn_status bn_cutout_find_subject(const bn_cutout_options *options, uint8_t *matte, int width, int height,
                                 bool *found, bn_box *box, bn_error *err);

/* All three. */
bn_status bn_cutout_run(const void *bytes, size_t size, birefnet_session *session,
                        const bn_cutout_options *options, bn_cutout *cutout, bn_error *err);

void bn_cutout_release(bn_cutout *cutout);

#endif
