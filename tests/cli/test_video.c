/* test_video.c - `birefnet video` with the installed ffmpeg; without it only what is said then is tested. */
#include "tests/cli/terminal.h"

#include "cli/video.h"

#include <unistd.h>

#define TINY_MODEL "-m starter -r 64x64"

static cli_result result;
static terminal screen;

static bool has_ffmpeg(void)
{
    cli_script(&result, "command -v ffmpeg && command -v ffprobe");
    if (result.code == 0) return true;
    print_message("ffmpeg is not installed: skipped\n");
    return false;
}

/* 12 frames of 80x46 at 30000/1001 in half a second, with sound. */
static void make_video(const char *path, const char *sound)
{
    cli_shell(
        "ffmpeg -v error -y -f lavfi -i testsrc=size=80x46:rate=30000/1001 -f lavfi -i sine=duration=0.4 "
        "-frames:v 12 -c:v mpeg4 -c:a %s -shortest %s",
        sound, path);
}

/* "width,height,r_frame_rate,frames" of the picture. */
static void assert_picture(const char *path, const char *expected)
{
    char script[512];
    snprintf(script, sizeof script,
             "ffprobe -v error -count_frames -select_streams v:0 -show_entries "
             "stream=width,height,r_frame_rate,nb_read_frames -of csv=p=0 %s",
             path);
    cli_script(&result, script);
    if (strncmp(result.out, expected, strlen(expected)) != 0) fail_msg("%s: %s", path, result.out);
}

static void assert_says(const char *script, const char *expected)
{
    cli_script(&result, script);
    if (result.code != 0 || !strstr(result.out, expected))
        fail_msg("%s: %s%s", script, result.out, result.err);
}

#define PROBE "ffprobe -v error -show_streams -of default "

static void videos_keep_rate_frames_and_sound(void **state)
{
    (void)state;
    if (!has_ffmpeg()) skip();
    make_video("in.mp4", "aac");
    make_video("opus.mkv", "libopus");
    cli_expect(&result, 0, "opus.mkv -> out.webm  (12 frames)",
               "video opus.mkv -o out.webm --smooth " TINY_MODEL);
    assert_picture("out.webm", "80,46,30000/1001,12");
    assert_says(PROBE "out.webm", "TAG:alpha_mode=1"); /* libvpx reads it, ffmpeg's own decoder drops it */
    assert_says(PROBE "out.webm", "codec_name=opus");
    cli_expect(&result, 0, "webm holds no aac sound, it becomes libopus",
               "video in.mp4 -o out.webm " TINY_MODEL);
    cli_expect(&result, 0, "12 frames", "video in.mp4 -o out.mov " TINY_MODEL);
    assert_picture("out.mov", "80,46,30000/1001,12");
    assert_says(PROBE "out.mov", "pix_fmt=yuva444p");
    assert_says(PROBE "out.mov", "codec_name=aac");
    cli_expect(&result, 0, "12 frames", "video in.mp4 -o out.mp4 -b '#00ff00' " TINY_MODEL);
    assert_picture("out.mp4", "80,46,30000/1001,12");
    assert_says(PROBE "out.mp4", "codec_name=h264");
    cli_expect(&result, 0, "12 frames", "video in.mp4 -o frames/ " TINY_MODEL);
    assert_int_equal(cli_count("frames"), 12);
    assert_true(cli_exists("frames/000001.png") && cli_exists("frames/000012.png"));
}

/* DVDs and camcorders store pixels that are not square; turned ones are stretched along the other side. */
static void a_stretched_video_keeps_its_shape(void **state)
{
    (void)state;
    if (!has_ffmpeg()) skip();
    cli_shell(
        "ffmpeg -v error -y -f lavfi -i testsrc=size=40x60 -frames:v 2 -vf setsar=2/1 -c:v mpeg4 wide.mp4");
    cli_shell(
        "ffmpeg -v error -y -f lavfi -i testsrc=size=80x46 -frames:v 2 -vf setsar=1/2 -c:v mpeg4 high.mp4");
    cli_shell(
        "ffmpeg -v error -y -f lavfi -i testsrc=size=80x46 -frames:v 2 -vf setsar=199/200 -c:v mpeg4 as.mp4");
    cli_shell(
        "ffmpeg -v quiet -y -display_rotation 90 -i wide.mp4 -c copy turned.mp4 || " /* from ffmpeg 6 on */
        "ffmpeg -v error -y -i wide.mp4 -c copy -metadata:s:v rotate=90 turned.mp4");
    static const char *const shapes[][2] = {
        {"wide", "80,60,"}, {"high", "80,92,"}, {"as", "80,46,"}, {"turned", "60,80,"}};
    for (size_t i = 0; i < 4; i++) {
        char output[32];
        snprintf(output, sizeof output, "%s.webm", shapes[i][0]);
        cli_expect(&result, 0, "2 frames", "video %s.mp4 -o %s " TINY_MODEL, shapes[i][0], output);
        assert_picture(output, shapes[i][1]);
    }
}

static void one_frame_is_one(void **state)
{
    (void)state;
    if (!has_ffmpeg()) skip();
    cli_shell("ffmpeg -v error -y -f lavfi -i testsrc=size=80x46 -frames:v 1 -c:v mpeg4 one.mp4");
    cli_shell("head -c 12288 /dev/zero > one.rgb");
    cli_expect(&result, 0, "one.mp4 -> one.webm  (1 frame)\n", "video one.mp4 -o one.webm " TINY_MODEL);
    assert_picture("one.webm", "80,46,25/1,1");
    cli_expect(&result, 0, "1 frame done\n", "stream --size 64x64 " TINY_MODEL " < one.rgb > one.rgba");
}

/* The copied sound is the same, packet by packet; alpha is what the cut-out of the frame has. */
static void sound_is_copied(void **state)
{
    (void)state;
    if (!has_ffmpeg()) skip();
    make_video("in.mp4", "aac");
    cli_expect(&result, 0, "", "video in.mp4 -o out.mov " TINY_MODEL);
    assert_says(
        "for f in in.mp4 out.mov; do ffmpeg -v error -i $f -map 0:a -c copy -f md5 -; done | uniq | wc -l",
        "1\n");
}

static void what_goes_wrong_is_one_line(void **state)
{
    (void)state;
    cli_expect(&result, 2, "-o OUT is missing", "video in.mp4");
    cli_expect(&result, 2, "holds no transparency", "video in.mp4 -o out.mp4");
    cli_expect(&result, 2, "write .webm, .mov, .mp4", "video in.mp4 -o out.avi");
    cli_expect(&result, 4, "cannot open nothing.mp4", "video nothing.mp4 -o out.webm");
    cli_shell("mkdir -p bare && echo x > x.mp4");
    cli_script(&result, "PATH=$PWD/bare \"$BIREFNET\" video x.mp4 -o out2.webm");
    assert_int_equal(result.code, 12);
    assert_non_null(strstr(result.err, "ffprobe is not installed"));
    if (!has_ffmpeg()) skip();
    make_video("in.mp4", "aac");
    cli_shell("rm -rf broken && mkdir broken && head -c 3000 in.mp4 > broken/cut.mp4 && cp x.mp4 broken");
    cli_expect(&result, 1, "ffprobe failed: file:broken/cut.mp4: ",
               "video broken/cut.mp4 -o broken/out.webm " TINY_MODEL);
    cli_expect(&result, 1,
               "ffprobe failed: file:broken/x.mp4: ", "video broken/x.mp4 -o broken/out.webm " TINY_MODEL);
    cli_expect(&result, 6, "megapixels", "video in.mp4 -o broken/out.webm --max-pixels 0.002 " TINY_MODEL);
    cli_shell("ffmpeg -v error -y -f lavfi -i sine=duration=0.2 broken/only.wav");
    cli_expect(&result, 1, "no moving picture", "video broken/only.wav -o broken/out.webm " TINY_MODEL);
    assert_int_equal(cli_count("broken"), 3);
}

static void ctrl_c_ends_the_children_and_leaves_no_part(void **state)
{
    (void)state;
    if (!has_ffmpeg()) skip();
    cli_shell("ffmpeg -v error -y -f lavfi -i testsrc=size=320x240:rate=25 -t 40 -c:v mpeg4 long.mp4");
    cli_shell("rm -rf here && mkdir here");
    terminal_start(&screen, "video long.mp4 -o here/out.webm -m starter");
    assert_true(terminal_await(&screen, "/1000 frames, "));
    assert_true(terminal_await(&screen, " left"));
    char script[128];
    snprintf(script, sizeof script, "pgrep -P %d > children; wc -l < children", (int)screen.child);
    cli_script(&result, script);
    assert_true(atoi(result.out) >= 1);
    kill(screen.child, SIGINT);
    assert_int_equal(terminal_finish(&screen), 130);
    assert_int_equal(cli_count("here"), 0);
    cli_shell("for p in $(cat children); do test ! -d /proc/$p || exit 1; done");
}

static void facts_are_read_from_what_ffprobe_says(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bn_status status;
        int rate, scale;
        uint64_t frames;
    } cases[] = {
        {"{\"streams\":[{\"codec_type\":\"video\",\"r_frame_rate\":\"30000/1001\",\"avg_frame_rate\":\"30000/"
         "1001\","
         "\"duration\":\"10.01\"}]}",
         BIREFNET_OK, 30000, 1001, 300},
        {"{\"streams\":[{\"codec_type\":\"video\",\"r_frame_rate\":\"90000/1\",\"avg_frame_rate\":\"2997/"
         "100\"}],"
         "\"format\":{\"duration\":\"2\"}}",
         BIREFNET_OK, 2997, 100, 60},
        {"{\"streams\":[{\"codec_type\":\"video\",\"r_frame_rate\":\"0/0\"}]}", BIREFNET_OK, 25, 1, 0},
        {"{\"streams\":[{\"codec_type\":\"video\",\"disposition\":{\"attached_pic\":1}},{\"codec_type\":"
         "\"audio\"}]}",
         BIREFNET_ERROR_FORMAT, 0, 0, 0},
        {"{\"streams\":7}", BIREFNET_ERROR_FORMAT, 0, 0, 0},
        {"[", BIREFNET_ERROR_FORMAT, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bn_error err = {0};
        bn_video_facts facts;
        assert_int_equal(bn_video_parse_facts(cases[i].json, strlen(cases[i].json), &facts, &err),
                         cases[i].status);
        if (cases[i].status != BIREFNET_OK) continue;
        assert_int_equal(facts.rate, cases[i].rate);
        assert_int_equal(facts.rate_scale, cases[i].scale);
        assert_int_equal(facts.frames, cases[i].frames);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_read_from_what_ffprobe_says),
        cmocka_unit_test(what_goes_wrong_is_one_line),
        cmocka_unit_test(videos_keep_rate_frames_and_sound),
        cmocka_unit_test(a_stretched_video_keeps_its_shape),
        cmocka_unit_test(one_frame_is_one),
        cmocka_unit_test(sound_is_copied),
        cmocka_unit_test(ctrl_c_ends_the_children_and_leaves_no_part),
    };
    return cmocka_run_group_tests(tests, cli_enter, cli_leave);
}
