/* video_facts.c - ffprobe's answer, and the table of video files. */
#include "cli/video.h"

#include "base/buffer.h"
#include "base/size.h"
#include "cli/child.h"
#include "schema/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ANSWER_BYTES = 1 << 20, MAX_VALUES = 20000, MAX_RATE = 1000 };

/* ---- kinds of files ---- */

static const char *const vp9_clear[] = {
    "-c:v",      "libvpx-vp9", "-pix_fmt",  "yuva420p", "-auto-alt-ref", "0", "-crf", "24", "-b:v", "0",
    "-deadline", "good",       "-cpu-used", "4",        "-row-mt",       "1", NULL};
static const char *const vp9_opaque[] = {"-c:v",      "libvpx-vp9", "-pix_fmt", "yuv420p",   "-crf",
                                         "24",        "-b:v",       "0",        "-deadline", "good",
                                         "-cpu-used", "4",          "-row-mt",  "1",         NULL};
static const char *const prores_clear[] = {"-c:v",     "prores_ks",    "-profile:v",  "4444",
                                           "-pix_fmt", "yuva444p10le", "-alpha_bits", "16",
                                           "-vendor",  "apl0",         NULL};
static const char *const prores_opaque[] = {"-c:v",        "prores_ks", "-profile:v", "3", "-pix_fmt",
                                            "yuv422p10le", "-vendor",   "apl0",       NULL};
static const char *const h264_opaque[] = {"-c:v",    "libx264", "-pix_fmt",  "yuv420p",    "-crf", "18",
                                          "-preset", "medium",  "-movflags", "+faststart", NULL};
static const char *const webm_sound[] = {"opus", "vorbis", NULL};
static const char *const mov_sound[] = {"aac",       "mp3",       "alac",      "ac3",
                                        "pcm_s16le", "pcm_s24le", "pcm_s16be", NULL};
static const char *const mp4_sound[] = {"aac", "mp3", "alac", "ac3", "opus", NULL};

static const bn_video_kind kinds[] = {
    {"webm", "webm", vp9_clear, vp9_opaque, webm_sound, "libopus"},
    {"mov", "mov", prores_clear, prores_opaque, mov_sound, "aac"},
    {"mp4", "mp4", NULL, h264_opaque, mp4_sound, "aac"},
};

const bn_video_kind *bn_video_find_kind(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; dot && i < BN_COUNT(kinds); i++)
        if (strcasecmp(dot + 1, kinds[i].suffix) == 0) return &kinds[i];
    return NULL;
}

bool bn_video_copies_sound(const bn_video_kind *kind, const char *codec)
{
    for (const char *const *word = kind->sound; *word; word++)
        if (strcmp(*word, codec) == 0) return true;
    return false;
}

/* ---- ffprobe ---- */

static const char *text_of(const json_t *stream, const char *key)
{
    const char *text = json_string_value(json_object_get(stream, key));
    return text ? text : "";
}

/* "30000/1001"; false for what makes no sense. */
static bool parse_rate(const char *text, int *rate, int *scale)
{
    return sscanf(text, "%9d/%9d", rate, scale) == 2 && *rate >= 1 && *scale >= 1 &&
           *rate / *scale <= MAX_RATE;
}

/* The nominal rate, unless it is only a clock's: videos of changing rate are brought to their average. */
static void choose_rate(const json_t *stream, bn_video_facts *facts)
{
    int average, average_scale;
    facts->rate = 25, facts->rate_scale = 1;
    const bool has_average = parse_rate(text_of(stream, "avg_frame_rate"), &average, &average_scale);
    const bool has_nominal = parse_rate(text_of(stream, "r_frame_rate"), &facts->rate, &facts->rate_scale);
    if (!has_nominal) facts->rate = 25, facts->rate_scale = 1;
    if (!has_average) return;
    const double nominal = (double)facts->rate / facts->rate_scale, mean = (double)average / average_scale;
    if (has_nominal && nominal <= 1.2 * mean) return;
    facts->rate = average, facts->rate_scale = average_scale;
}

/* "16:15", say. What is within 1 % of a square nobody sees, and is left as it is. */
static bool is_stretched(const char *aspect)
{
    int across, down;
    if (sscanf(aspect, "%9d:%9d", &across, &down) != 2 || across < 1 || down < 1) return false;
    return abs(across - down) > BN_MAX(across, down) / 100;
}

static void count_frames(const json_t *root, const json_t *stream, bn_video_facts *facts)
{
    double seconds = strtod(text_of(stream, "duration"), NULL);
    if (!(seconds > 0)) seconds = strtod(text_of(json_object_get(root, "format"), "duration"), NULL);
    const double frames = seconds * facts->rate / facts->rate_scale;
    if (frames >= 1 && frames < 1e12) facts->frames = (uint64_t)(frames + 0.5);
}

bn_status bn_video_parse_facts(const char *json, size_t size, bn_video_facts *facts, bn_error *err)
{
    json_t *root = bn_json_read(json, size, MAX_VALUES, NULL);
    const json_t *stream, *picture = NULL;
    size_t i;
    *facts = (bn_video_facts){0};
    json_array_foreach(json_object_get(root, "streams"), i, stream)
    {
        const char *type = text_of(stream, "codec_type");
        const bool cover =
            json_integer_value(json_object_get(json_object_get(stream, "disposition"), "attached_pic")) != 0;
        if (strcmp(type, "video") == 0 && !cover && !picture) picture = stream;
        if (strcmp(type, "audio") == 0 && !facts->audio[0])
            snprintf(facts->audio, sizeof facts->audio, "%s", text_of(stream, "codec_name"));
    }
    if (picture) {
        choose_rate(picture, facts);
        facts->stretched = is_stretched(text_of(picture, "sample_aspect_ratio"));
        count_frames(root, picture, facts);
    }
    json_decref(root);
    return picture ? BIREFNET_OK : bn_fail(err, BIREFNET_ERROR_FORMAT, "there is no moving picture in it");
}

bn_status bn_video_probe(const char *path, bn_video_facts *facts, bn_error *err)
{
    char name[BN_VIDEO_NAME_BYTES];
    bn_child child = {0};
    bn_buffer answer;
    bn_status status;
    size_t got = 0;
    snprintf(name, sizeof name, "file:%s", path);
    const char *const arguments[] = {"ffprobe",      "-v",  "error", "-protocol_whitelist",
                                     "file,pipe",    "-of", "json",  "-show_streams",
                                     "-show_format", name,  NULL};
    bn_buffer_init(&answer, ANSWER_BYTES);
    BN_TRY_DONE(bn_buffer_reserve(&answer, ANSWER_BYTES, err));
    BN_TRY_DONE(bn_child_start(&child, arguments, false, true, err));
    BN_TRY_DONE(bn_child_read(&child, answer.data, ANSWER_BYTES, &got, err));
    if (got == ANSWER_BYTES) bn_child_kill(&child);
    BN_TRY_DONE(bn_child_wait(&child, err));
    status = bn_video_parse_facts((const char *)answer.data, got, facts, err);
done:
    bn_child_end(&child);
    bn_buffer_free(&answer);
    return status;
}
