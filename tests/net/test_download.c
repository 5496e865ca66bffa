/* test_download.c - downloads from a server on the loopback that drops, stalls, lies, redirects and changes its mind. */
#include "tests/test.h"

#include "base/file.h"
#include "base/seeded.h"
#include "base/size.h"
#include "tests/net/server.h"
#include "net/pull.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALUES 150000

/* A checkpoint of one float32 tensor; `seed` makes versions of it. */
static size_t make_model(uint8_t **bytes, uint64_t seed)
{
    char header[128];
    const int length =
        snprintf(header, sizeof header, "{\"w\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[0,%d]}}",
                 VALUES, 4 * VALUES);
    const size_t size = 8 + (size_t)length + 4 * VALUES;
    *bytes = calloc(1, size);
    (*bytes)[0] = (uint8_t)length;
    memcpy(*bytes + 8, header, (size_t)length);
    float *values = malloc(4 * VALUES);
    bn_seeded_fill("w", seed, 0, 1, 0, values, VALUES);
    memcpy(*bytes + 8 + length, values, 4 * VALUES);
    free(values);
    return size;
}

typedef struct scene {
    server server;
    char folder[64], url[96], path[96], part[96];
    uint8_t *body, *other;
    size_t size;
    bn_download_options options;
} scene;

static int set_up(void **state)
{
    scene *s = calloc(1, sizeof *s);
    if (!s) return -1;
    s->size = make_model(&s->body, 1);
    make_model(&s->other, 2);
    s->server.body = s->body;
    s->server.size = s->size;
    s->server.etag = "\"first\"";
    snprintf(s->folder, sizeof s->folder, "/tmp/bn-download-XXXXXX");
    if (!mkdtemp(s->folder) || !server_start(&s->server)) return -1;
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d/model", s->server.port);
    snprintf(s->path, sizeof s->path, "%s/m.safetensors", s->folder);
    snprintf(s->part, sizeof s->part, "%s/m.safetensors.part", s->folder);
    bn_download_options_default(&s->options);
    s->options.backoff_ms = 1;
    setenv("NO_PROXY", "*", 1);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    scene *s = *state;
    char command[128];
    server_stop(&s->server);
    snprintf(command, sizeof command, "rm -r %s", s->folder);
    const int left = system(command);
    free(s->body);
    free(s->other);
    free(s);
    return left;
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void expect_content(const char *path, const uint8_t *bytes, size_t size)
{
    bn_error err = {0};
    bn_mapping file = {0};
    assert_ok(bn_file_map(path, &file, &err), err);
    assert_int_equal(file.size, size);
    assert_memory_equal(file.data, bytes, size);
    bn_file_unmap(&file);
}

static void expect_download(scene *s, const uint8_t *bytes, int requests)
{
    bn_error err = {0};
    bn_download_result result = {0};
    char tag[128], digest[BN_SHA256_CHARS];
    assert_ok(bn_download(s->url, s->path, &s->options, &result, &err), err);
    assert_int_equal(atomic_load(&s->server.requests), requests);
    expect_content(s->path, bytes, s->size);
    assert_int_equal(result.bytes, s->size);
    assert_ok(bn_sha256_file(s->path, digest, &err), err);
    assert_string_equal(result.sha256, digest);
    snprintf(tag, sizeof tag, "%s.etag", s->part);
    assert_false(is_there(s->part) || is_there(tag));
}

static void expect_failure(scene *s, bn_status status, const char *words)
{
    bn_error err = {0};
    assert_int_equal(bn_download(s->url, s->path, &s->options, NULL, &err), status);
    if (!strstr(err.message, words)) fail_msg("'%s' does not say '%s'", err.message, words);
    assert_false(is_there(s->path));
}

static void a_file_is_fetched_and_hashed(void **state)
{
    expect_download(*state, ((scene *)*state)->body, 1);
}

static void redirects_are_followed(void **state)
{
    scene *s = *state;
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d/moved", s->server.port);
    expect_download(s, s->body, 2);
    assert_string_equal(s->server.paths[1], "/model");
}

/* SHA-256 of "abc": FIPS 180-4's own example. */
static void the_hash_is_sha256(void **state)
{
    scene *s = *state;
    bn_error err = {0};
    char digest[BN_SHA256_CHARS];
    assert_ok(bn_file_write_atomic(s->path, "abc", 3, &err), err);
    assert_ok(bn_sha256_file(s->path, digest, &err), err);
    assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void dropped_lines_are_resumed(void **state)
{
    scene *s = *state;
    s->server.faults[0] = s->server.faults[1] = s->server.faults[2] = FAULT_DROP;
    expect_download(s, s->body, 4);
    assert_int_equal(s->server.from[0], 0);
    assert_int_equal(s->server.from[1], s->size / 2);
    assert_true(s->server.from[2] > s->server.from[1] && s->server.from[3] > s->server.from[2]);
}

static void a_later_call_goes_on_where_the_first_stopped(void **state)
{
    scene *s = *state;
    s->options.retries = 0;
    s->server.faults[0] = FAULT_DROP;
    expect_failure(s, BIREFNET_ERROR_NETWORK, "the next try goes on from there");
    struct stat facts;
    assert_int_equal(stat(s->part, &facts), 0);
    assert_int_equal(facts.st_size, s->size / 2);
    expect_download(s, s->body, 2);
    assert_int_equal(s->server.from[1], s->size / 2);
}

static void a_changed_file_is_fetched_anew(void **state)
{
    scene *s = *state;
    s->options.retries = 0;
    s->server.faults[0] = FAULT_DROP;
    expect_failure(s, BIREFNET_ERROR_NETWORK, "kept");
    s->server.body = s->other;
    s->server.etag = "\"second\"";
    expect_download(s, s->other, 2); /* If-Range does not match: 200 */
}

static void a_server_that_mixes_versions_does_not_fool_us(void **state)
{
    scene *s = *state;
    s->options.retries = 0;
    s->server.faults[0] = FAULT_DROP;
    expect_failure(s, BIREFNET_ERROR_NETWORK, "kept");
    s->server.body = s->other;
    s->server.etag = "\"second\"";
    s->server.faults[1] = FAULT_IGNORE_IF;
    expect_download(s, s->other, 3);
    assert_int_equal(s->server.from[2], 0);
}

static void servers_without_ranges_or_versions_start_over(void **state)
{
    scene *s = *state;
    s->server.faults[0] = FAULT_DROP;
    s->server.faults[1] = FAULT_IGNORE_RANGE;
    expect_download(s, s->body, 2);
    unlink(s->path);
    s->server.faults[2] = FAULT_NO_VALIDATOR;
    expect_download(s, s->body, 4);
    assert_int_equal(s->server.from[3], 0);
}

static void a_whole_partial_file_is_only_checked(void **state)
{
    scene *s = *state;
    bn_error err = {0};
    char tag[128];
    snprintf(tag, sizeof tag, "%s.etag", s->part);
    assert_ok(bn_file_write_atomic(s->part, s->body, s->size, &err), err);
    assert_ok(bn_file_write_atomic(tag, "\"first\"", 7, &err), err);
    expect_download(s, s->body, 1);
    assert_int_equal(s->server.from[0], s->size); /* answered with 416 */
}

static void busy_servers_are_asked_again(void **state)
{
    scene *s = *state;
    s->server.faults[0] = FAULT_BUSY;
    s->server.faults[1] = FAULT_TOO_MANY;
    s->server.faults[2] = FAULT_ENDLESS_ERROR;
    expect_download(s, s->body, 4);
}

static void a_server_that_stays_busy_is_given_up(void **state)
{
    scene *s = *state;
    for (int i = 0; i < SERVER_LOG; i++) s->server.faults[i] = FAULT_BUSY;
    s->options.retries = 2;
    expect_failure(s, BIREFNET_ERROR_NETWORK, "the server has a fault (503)");
    assert_int_equal(atomic_load(&s->server.requests), 3);
    assert_false(is_there(s->part));
}

static void silence_ends_an_attempt(void **state)
{
    scene *s = *state;
    s->options.stall_timeout_ms = 1500; /* longer than a busy machine pauses */
    s->server.faults[0] = FAULT_STALL;
    expect_download(s, s->body, 2);
    assert_int_equal(s->server.from[1], s->size / 2);
}

static void what_is_not_there_or_not_allowed_is_not_retried(void **state)
{
    scene *s = *state;
    s->server.faults[0] = FAULT_REFUSE;
    expect_failure(s, BIREFNET_ERROR_NETWORK, "does not give access (403)");
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d/gone", s->server.port);
    expect_failure(s, BIREFNET_ERROR_NOT_FOUND, "no such file (404)");
    assert_int_equal(atomic_load(&s->server.requests), 2);
}

static void only_http_is_spoken(void **state)
{
    scene *s = *state;
    s->server.faults[0] = FAULT_TO_FILE;
    expect_failure(s, BIREFNET_ERROR_NETWORK, "file");
    assert_int_equal(atomic_load(&s->server.requests), 1);
    snprintf(s->url, sizeof s->url, "file:///etc/passwd");
    expect_failure(s, BIREFNET_ERROR_ARGUMENT, "file:///etc/passwd");
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:1/model"); /* nobody listens */
    expect_failure(s, BIREFNET_ERROR_NETWORK, "127.0.0.1:1");
}

static void lies_about_the_length_are_noticed(void **state)
{
    scene *s = *state;
    s->server.faults[0] = FAULT_SHORT;
    expect_failure(s, BIREFNET_ERROR_FORMAT, "truncated");
    assert_false(is_there(s->part));
    s->options.retries = 0;
    s->server.faults[1] = s->server.faults[2] = FAULT_LONG;
    expect_failure(s, BIREFNET_ERROR_NETWORK, "cannot download");
    assert_true(is_there(s->part));
}

static void limits_and_the_disk_are_checked_before_the_first_byte(void **state)
{
    scene *s = *state;
    s->server.faults[0] = s->server.faults[1] = FAULT_HUGE;
    expect_failure(s, BIREFNET_ERROR_LIMIT, "larger than the allowed 4294967296 bytes");
    s->options.max_bytes = UINT64_MAX;
    expect_failure(s, BIREFNET_ERROR_IO, "MB are needed");
    assert_false(is_there(s->part));
    s->options.expected_bytes = s->size - 1;
    expect_failure(s, BIREFNET_ERROR_FORMAT, "but has more");
    s->options.expected_bytes = s->size + 1;
    expect_failure(s, BIREFNET_ERROR_FORMAT, "instead of");
}

static void what_is_no_checkpoint_is_named(void **state)
{
    scene *s = *state;
    s->server.faults[0] = FAULT_HTML;
    s->server.faults[1] = FAULT_POINTER;
    expect_failure(s, BIREFNET_ERROR_FORMAT, "is a web page");
    expect_failure(s, BIREFNET_ERROR_FORMAT, "git-lfs pointer");
    s->server.faults[2] = FAULT_EMPTY;
    expect_failure(s, BIREFNET_ERROR_FORMAT, "is empty");
    assert_false(is_there(s->part));
}

static void another_hash_is_refused(void **state)
{
    scene *s = *state;
    s->options.expected_sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect_failure(s, BIREFNET_ERROR_FORMAT, "instead of ba7816bf");
    assert_false(is_there(s->part));
}

typedef struct watcher {
    uint64_t last, total;
    uint64_t stop_at;
} watcher;

static int watch(void *user, uint64_t done, uint64_t total)
{
    watcher *w = user;
    w->last = done;
    w->total = total;
    return w->stop_at > 0 && done >= w->stop_at;
}

static void progress_is_told_and_can_stop(void **state)
{
    scene *s = *state;
    watcher w = {.stop_at = 1};
    s->options.progress = watch;
    s->options.progress_user = &w;
    s->options.stall_timeout_ms = 100000;
    s->server.faults[0] = FAULT_STALL; /* it could not end otherwise */
    expect_failure(s, BIREFNET_ERROR_CANCELLED, "stopped");
    assert_true(w.last > 0);
    assert_int_equal(w.total, s->size);
    w.stop_at = 0;
    expect_download(s, s->body, 2);
    assert_int_equal(w.total, s->size);
}

static void two_downloads_of_one_file_do_not_meet(void **state)
{
    scene *s = *state;
    const int other = open(s->part, O_RDWR | O_CREAT, 0666);
    assert_int_equal(flock(other, LOCK_EX), 0);
    expect_failure(s, BIREFNET_ERROR_IO, "by another process");
    assert_true(is_there(s->part));
    close(other);
    expect_download(s, s->body, 1);
}

/* ---- presets ---- */

static void point_at_server(const scene *s, const char *variable)
{
    char base[64];
    snprintf(base, sizeof base, "http://127.0.0.1:%d//", s->server.port);
    unsetenv("BIREFNET_MIRROR");
    unsetenv("HF_ENDPOINT");
    setenv(variable, base, 1);
}

static void addresses_follow_the_mirror(void **state)
{
    (void)state;
    bn_error err = {0};
    char url[2048];
    unsetenv("BIREFNET_MIRROR");
    unsetenv("HF_ENDPOINT");
    assert_ok(bn_preset_url(bn_preset_find("light-2k"), url, &err), err);
    assert_string_equal(url,
                        "https://huggingface.co/ZhengPeng7/BiRefNet_lite-2K/resolve/main/model.safetensors");
    setenv("HF_ENDPOINT", "https://mirror.example", 1);
    assert_ok(bn_preset_url(bn_preset_find("light"), url, &err), err);
    assert_string_equal(url, "https://mirror.example/ZhengPeng7/BiRefNet/resolve/main/model.safetensors");
    setenv("BIREFNET_MIRROR", "https://nearer.example/models/", 1);
    assert_ok(bn_preset_url(bn_preset_find("light"), url, &err), err);
    assert_string_equal(url,
                        "https://nearer.example/models/ZhengPeng7/BiRefNet/resolve/main/model.safetensors");
    assert_int_equal(bn_preset_url(bn_preset_find("starter"), url, &err), BIREFNET_ERROR_ARGUMENT);
}

static void a_pulled_preset_is_found_and_pinned(void **state)
{
    scene *s = *state;
    bn_error err = {0};
    bn_pulled pulled;
    bn_model_choice choice;
    char folder[96];
    point_at_server(s, "BIREFNET_MIRROR");
    snprintf(folder, sizeof folder, "%s/deep/models", s->folder);
    const bn_preset *portrait = bn_preset_find("portrait");
    assert_ok(bn_preset_pull(portrait, folder, &s->options, &pulled, &err), err);
    assert_false(pulled.was_there);
    assert_string_equal(s->server.paths[0], "/ZhengPeng7/BiRefNet-portrait/resolve/main/model.safetensors");
    assert_ok(bn_model_choose("portrait", folder, &choice, &err), err);
    assert_string_equal(choice.path, pulled.path);
    assert_ok(bn_pin_verify(pulled.path, &err), err);

    assert_ok(bn_preset_pull(portrait, folder, &s->options, &pulled, &err), err);
    assert_true(pulled.was_there);
    assert_int_equal(atomic_load(&s->server.requests), 1);
    assert_int_equal(pulled.bytes, s->size);

    /* damaged on the disk: noticed, and fetched again */
    assert_ok(bn_file_write_atomic(pulled.path, s->other, s->size, &err), err);
    assert_int_equal(bn_pin_verify(pulled.path, &err), BIREFNET_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "is damaged"));
    assert_ok(bn_preset_pull(portrait, folder, &s->options, &pulled, &err), err);
    assert_false(pulled.was_there);
    expect_content(pulled.path, s->body, s->size);
}

static void a_new_version_needs_consent(void **state)
{
    scene *s = *state;
    bn_error err = {0};
    bn_pulled pulled;
    point_at_server(s, "HF_ENDPOINT");
    const bn_preset *light = bn_preset_find("light");
    assert_ok(bn_preset_pull(light, s->folder, &s->options, &pulled, &err), err);
    assert_int_equal(unlink(pulled.path), 0);
    s->server.body = s->other;
    s->server.etag = "\"second\"";
    assert_int_equal(bn_preset_pull(light, s->folder, &s->options, &pulled, &err), BIREFNET_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "BiRefNet.safetensors.sha256 and pull again"));
    assert_false(is_there(pulled.path));
    char pin[4200];
    snprintf(pin, sizeof pin, "%s.sha256", pulled.path);
    assert_int_equal(unlink(pin), 0);
    assert_int_equal(bn_pin_verify(pulled.path, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_ok(bn_preset_pull(light, s->folder, &s->options, &pulled, &err), err);
    expect_content(pulled.path, s->other, s->size);
}

/* A file that was put there by hand is pinned as it is; what is no checkpoint is replaced. */
static void files_put_there_by_hand_are_taken_in(void **state)
{
    scene *s = *state;
    bn_error err = {0};
    bn_pulled pulled;
    char path[128];
    point_at_server(s, "BIREFNET_MIRROR");
    snprintf(path, sizeof path, "%s/BiRefNet-matting.safetensors", s->folder);
    assert_ok(bn_file_write_atomic(path, s->other, s->size, &err), err);
    assert_ok(bn_preset_pull(bn_preset_find("matting"), s->folder, &s->options, &pulled, &err), err);
    assert_true(pulled.was_there);
    assert_int_equal(atomic_load(&s->server.requests), 0);
    assert_ok(bn_pin_verify(path, &err), err);

    snprintf(path, sizeof path, "%s/BiRefNet_dynamic.safetensors", s->folder);
    assert_ok(bn_file_write_atomic(path, "<html>", 6, &err), err);
    assert_ok(bn_preset_pull(bn_preset_find("dynamic"), s->folder, &s->options, &pulled, &err), err);
    assert_false(pulled.was_there);
    expect_content(path, s->body, s->size);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(a_file_is_fetched_and_hashed),
        WITH_SERVER(redirects_are_followed),
        WITH_SERVER(the_hash_is_sha256),
        WITH_SERVER(dropped_lines_are_resumed),
        WITH_SERVER(a_later_call_goes_on_where_the_first_stopped),
        WITH_SERVER(a_changed_file_is_fetched_anew),
        WITH_SERVER(a_server_that_mixes_versions_does_not_fool_us),
        WITH_SERVER(servers_without_ranges_or_versions_start_over),
        WITH_SERVER(a_whole_partial_file_is_only_checked),
        WITH_SERVER(busy_servers_are_asked_again),
        WITH_SERVER(a_server_that_stays_busy_is_given_up),
        WITH_SERVER(silence_ends_an_attempt),
        WITH_SERVER(what_is_not_there_or_not_allowed_is_not_retried),
        WITH_SERVER(only_http_is_spoken),
        WITH_SERVER(lies_about_the_length_are_noticed),
        WITH_SERVER(limits_and_the_disk_are_checked_before_the_first_byte),
        WITH_SERVER(what_is_no_checkpoint_is_named),
        WITH_SERVER(another_hash_is_refused),
        WITH_SERVER(progress_is_told_and_can_stop),
        WITH_SERVER(two_downloads_of_one_file_do_not_meet),
        cmocka_unit_test(addresses_follow_the_mirror),
        WITH_SERVER(a_pulled_preset_is_found_and_pinned),
        WITH_SERVER(a_new_version_needs_consent),
        WITH_SERVER(files_put_there_by_hand_are_taken_in),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed;
}
