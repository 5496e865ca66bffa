/* video.h - what `birefnet video` knows of its input, and the files that it can make. */
#ifndef BN_CLI_VIDEO_H
#define BN_CLI_VIDEO_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* "file:PATH" for ffmpeg: nothing in a path is then taken for a protocol or an option. */
#define BN_VIDEO_NAME_BYTES 4200

typedef struct bn_video_facts {
    int rate, rate_scale; /* frames in rate_scale seconds; both at least 1 */
    uint64_t frames;      /* about; 0 where it is unknown */
    bool stretched;       /* its pixels are not square */
    char audio[32];       /* codec of the first track of sound; "" for none */
} bn_video_facts;

/* By ffprobe. UNSUPPORTED where that is not installed, NOT_FOUND, FORMAT. */
bn_status bn_video_probe(const char *path, bn_video_facts *facts, bn_error *err);

/* From ffprobe's JSON. FORMAT where there is no picture in it. */
bn_status bn_video_parse_facts(const char *json, size_t size, bn_video_facts *facts, bn_error *err);

/* A kind of file, by the suffix of its name. */
typedef struct bn_video_kind {
    const char *suffix;
    const char *container;     /* ffmpeg's name */
    const char *const *clear;  /* ffmpeg's words for the picture with alpha; NULL: it holds none */
    const char *const *opaque; /* and without */
    const char *const *sound;  /* codecs that are copied; others are encoded as `encoder` */
    const char *encoder;
} bn_video_kind;

/* NULL where the name is of none. */
const bn_video_kind *bn_video_find_kind(const char *path);
bool bn_video_copies_sound(const bn_video_kind *kind, const char *codec);

#endif
