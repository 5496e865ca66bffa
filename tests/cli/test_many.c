/* test_many.c - `birefnet remove` on folders, patterns and URLs: trees, names, reports, failures in between. */
#include "tests/cli/cli.h"

#include "cli/plan.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <pthread.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static cli_result result;

/* shop/a.jpg, shop/a.png (another picture), shop/deep/er/b.jpg, a text, a hidden file, a broken photo */
static void make_shop(void)
{
    cli_shell("rm -rf shop && mkdir -p shop/deep/er && cp " PHOTO " shop/a.jpg && cp " PHOTO
              " shop/deep/er/b.jpg");
    cli_shell("cp " BN_SOURCE_DIR "/examples/photo2.jpg shop/a.jpeg && echo text > shop/notes.txt");
    cli_shell("cp " PHOTO " shop/.hidden.jpg && cp " PHOTO " shop/deep/unnamed && head -c 5000 " PHOTO
              " > shop/cut.jpg");
}

static json_t *report_photo(const json_t *report, const char *input)
{
    size_t i;
    json_t *photo;
    json_array_foreach(json_object_get(report, "photos"), i,
                       photo) if (strcmp(json_string_value(json_object_get(photo, "input")), input) ==
                                  0) return photo;
    fail_msg("%s is not in the report", input);
    return NULL;
}

static const char *text_of(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static void a_folder_keeps_its_tree_and_goes_on_after_a_failure(void **state)
{
    (void)state;
    make_shop();
    cli_expect(&result, 3, "4 of 5 photos done, 1 failed",
               "remove shop -o out --mask --jobs 2 --report r.json " SMALL_MODEL);
    assert_non_null(strstr(result.err, "birefnet: shop/cut.jpg: "));
    assert_true(cli_exists("out/a.png") && cli_exists("out/a-mask.png"));
    assert_true(cli_exists("out/a-jpeg.png"));
    assert_true(cli_exists("out/deep/er/b.png") && cli_exists("out/deep/unnamed-image.png"));
    assert_int_equal(cli_count("out"), 4 * 2 + 2);

    json_t *report = json_load_file("r.json", 0, NULL);
    assert_non_null(report);
    assert_int_equal(json_integer_value(json_object_get(report, "done")), 4);
    assert_int_equal(json_integer_value(json_object_get(report, "failed")), 1);
    const json_t *good = report_photo(report, "shop/deep/er/b.jpg"),
                 *bad = report_photo(report, "shop/cut.jpg");
    assert_string_equal(text_of(good, "state"), "done");
    assert_string_equal(text_of(good, "output"), "out/deep/er/b.png");
    assert_string_equal(text_of(good, "mask"), "out/deep/er/b-mask.png");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(good, "size"), "width")),
                     PHOTO_WIDTH);
    assert_true(json_real_value(json_object_get(json_object_get(good, "times_ms"), "network")) > 0);
    assert_string_equal(text_of(bad, "state"), "failed");
    assert_string_equal(text_of(json_object_get(bad, "error"), "status"), "format");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(bad, "error"), "exit_code")), 1);
    json_decref(report);
}

static void what_is_there_is_skipped(void **state)
{
    (void)state;
    cli_shell("rm shop/cut.jpg out/a.png && stat -c %%Y.%%i out/deep/er/b.png > before");
    cli_expect(&result, 0, "1 of 4 photos done, 3 skipped",
               "remove shop -o out --skip-existing " SMALL_MODEL);
    cli_shell("stat -c %%Y.%%i out/deep/er/b.png | cmp - before");
    assert_true(cli_exists("out/a.png"));
    /* what an interrupted copy or a full disk of others left there is no cut-out */
    cli_shell("rm out/a.png && touch out/a.png");
    cli_expect(&result, 0, "1 of 4 photos done, 3 skipped",
               "remove shop -o out --skip-existing " SMALL_MODEL);
    cli_shell("test -s out/a.png");
    /* the output folder inside of the input folder is not searched */
    cli_expect(&result, 0, "4 of 4", "remove shop -o shop/out " SMALL_MODEL);
    cli_expect(&result, 0, "0 of 4 photos done, 4 skipped", "remove shop -o shop/out -s " SMALL_MODEL);
}

/* Among its photos a cut-out would be one of them the next time: shoe.png gave shoe-png.png, that shoe-png-png.png. */
static void outputs_do_not_lie_among_the_photos_of_a_folder(void **state)
{
    (void)state;
    cli_shell("mkdir -p among/below && cp " PHOTO " among/shoe.jpg && ln -s among other");
    static const char *const ways[] = {"among -o among", "among -o ./among/", "among -o other",
                                       "among/shoe.jpg among -s -o among"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        cli_expect(&result, 2, "would be taken for photos", "remove " SMALL_MODEL " %s", ways[i]);
    assert_int_equal(cli_count("among"), 2);
    cli_expect(&result, 0, "1 of 1", "remove among -o among/below " SMALL_MODEL);
    cli_expect(&result, 0, "", "remove among/shoe.jpg -o among " SMALL_MODEL); /* was named by itself */
}

static void own_outputs_are_not_inputs(void **state)
{
    (void)state;
    make_shop();
    cli_shell("rm shop/cut.jpg");
    cli_expect(&result, 0, "4 of 4", "remove shop --mask " SMALL_MODEL);
    assert_true(cli_exists("shop/a-cutout.png") && cli_exists("shop/a-mask.png"));
    assert_true(cli_exists("shop/a-jpeg-cutout.png") && cli_exists("shop/deep/unnamed-image-cutout.png"));
    const int before = cli_count("shop");
    cli_expect(&result, 0, "4 of 4", "remove shop --mask " SMALL_MODEL);
    assert_int_equal(cli_count("shop"), before);
    /* a photo that is only called so has no photo beside it */
    cli_shell("mkdir lone && cp " PHOTO " lone/x-cutout.jpg");
    cli_expect(&result, 0, "1 of 1", "remove lone " SMALL_MODEL);
}

/* A photo is an entry of a folder: however often and in whatever words it is named, it is done once, and a link to it is
 * another, with an output of its own name. */
static void an_input_is_done_once_and_a_link_is_another(void **state)
{
    (void)state;
    cli_shell("mkdir -p linked/deep && cp " PHOTO " linked/shoe.jpg && ln -s shoe.jpg linked/latest.jpg");
    cli_expect(&result, 0, "2 of 2 photos done", "remove linked -o both " SMALL_MODEL);
    cli_shell("cmp both/shoe.png both/latest.png");
    cli_expect(&result, 0, "1 of 1 photos done",
               "remove linked/shoe.jpg ./linked/deep/../shoe.jpg linked/shoe.jpg -o once/ " SMALL_MODEL);
    cli_expect(&result, 0, "2 of 2 photos done",
               "remove linked/latest.jpg linked linked/shoe.jpg -o all/ " SMALL_MODEL);
    cli_expect(&result, 3, "cannot open lost.jpg: No such file",
               "remove lost.jpg ./lost.jpg -o once/ " SMALL_MODEL);
    assert_non_null(strstr(result.err, "0 of 1 photos done, 1 failed"));
}

/* What a photo's output is called does not depend on what lies beside it, so a run that skips what is there goes on. */
static void names_stay_whatever_is_added(void **state)
{
    (void)state;
    cli_shell("rm -rf shoes cut && mkdir shoes");
    cli_run(&result, "remove %s -o shoes/shoe.png -b white " SMALL_MODEL, PHOTO);
    cli_expect(&result, 0, "1 of 1 photos done", "remove shoes -o cut/ -s " SMALL_MODEL);
    assert_true(cli_exists("cut/shoe-png.png"));
    cli_shell("cp " PHOTO " shoes/shoe.jpg && stat -c %%Y.%%i cut/shoe-png.png > before");
    cli_expect(&result, 0, "1 of 2 photos done, 1 skipped", "remove shoes -o cut/ -s " SMALL_MODEL);
    assert_non_null(strstr(result.err, "shoes/shoe.png: skipped, cut/shoe-png.png is there"));
    cli_shell("stat -c %%Y.%%i cut/shoe-png.png | cmp - before && stat -c %%Y.%%i cut/shoe.png > before");
    assert_int_equal(cli_count("cut"), 2);
    cli_shell("cp shoes/shoe.png shoes/shoe-png.png && cp shoes/shoe.jpg shoes/shoe-png.jpg");
    cli_expect(&result, 0, "2 of 4 photos done, 2 skipped", "remove shoes -o cut/ -s " SMALL_MODEL);
    cli_shell("stat -c %%Y.%%i cut/shoe.png | cmp - before");
    assert_int_equal(cli_count("cut"), 4);
    cli_expect(&result, 0, "shoe.jpg: skipped, cut/shoe.png is there",
               "remove shoes/shoe.jpg -o cut/ -s " SMALL_MODEL);
    /* where nothing is to be done, nothing is opened */
    cli_shell("echo no weights > none.safetensors");
    cli_expect(&result, 0, "0 of 4 photos done, 4 skipped", "remove shoes -o cut/ -s -m none.safetensors");
}

/* All names of three parts: two inputs have one name only where they differ by the letter case of "jpg". */
static void no_two_names_are_alike(void **state)
{
    (void)state;
    static const char *const parts[] = {"",      ".jpg",    "-jpg",  ".png",  "-png",  ".JPG", "-image",
                                        "-mask", "-cutout", ".jpeg", "-jpeg", ".webp", "-x",   ".x"};
    enum { PARTS = sizeof parts / sizeof *parts, NAMES = PARTS * PARTS * PARTS };
    static char inputs[NAMES][64], stems[NAMES][64];
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(inputs[i], sizeof inputs[i], "a%s%s%s", parts[i % PARTS], parts[i / PARTS % PARTS],
                 parts[i / PARTS / PARTS]);
        assert_true(bn_output_stem(inputs[i], stems[i], sizeof stems[i]));
        for (size_t k = 0; k < i; k++)
            if (strcmp(stems[i], stems[k]) == 0 && strcasecmp(inputs[i], inputs[k]) != 0)
                fail_msg("%s and %s are both %s", inputs[i], inputs[k], stems[i]);
    }
}

static void names_never_collide(void **state)
{
    (void)state;
    cli_shell("rm -rf p q two && mkdir p q && cp " PHOTO " p/a.jpg && cp " PHOTO " q/a.jpg && cp " PHOTO
              " q/b.jpg");
    /* neither of two that share a path gets it, whichever comes first; p/a.jpg counts once */
    cli_expect(&result, 3, "1 of 3 photos done, 2 failed",
               "remove p q/a.jpg q/b.jpg p/a.jpg -o two " SMALL_MODEL);
    assert_non_null(strstr(result.err, "q/a.jpg: another input would be written to two/a.png, too"));
    assert_true(cli_exists("two/b.png"));
    assert_int_equal(cli_count("two"), 1);
    cli_shell("cp " PHOTO " q/b.JPG");
    cli_expect(&result, 3, "0 of 2 photos done, 2 failed", "remove q/b.jpg q/b.JPG -o two -s " SMALL_MODEL);
    cli_shell("rm q/b.JPG");
    /* into the folder of the inputs: an input is never replaced */
    cli_shell("rm -rf w && mkdir w && cp " PHOTO " w/a.jpg && cp two/b.png w/a.png && cp w/a.png kept.png");
    cli_expect(&result, 3, "would overwrite", "remove w/a.jpg w/a.png -o w/ " SMALL_MODEL);
    cli_shell("cmp w/a.png kept.png");
    assert_true(cli_exists("w/a-png.png"));
    assert_int_equal(cli_count("w"), 3);
}

static void patterns_and_missing_things(void **state)
{
    (void)state;
    cli_expect(&result, 0, "2 of 2", "remove 'q/*.jpg' -o star/ " SMALL_MODEL);
    assert_true(cli_exists("star/a.png") && cli_exists("star/b.png"));
    cli_expect(&result, 3, "nothing matches none/*.jpg", "remove 'none/*.jpg' " SMALL_MODEL);
    cli_shell("mkdir -p hollow/below && echo text > hollow/below/x.txt");
    cli_expect(&result, 3, "no images in hollow", "remove hollow " SMALL_MODEL);
    cli_expect(&result, 3, "1 of 2 photos done, 1 failed",
               "remove q/b.jpg q/gone.jpg -o star2/ " SMALL_MODEL);
    /* a folder that cannot be made: every photo says so, none is lost */
    cli_expect(&result, 3, "0 of 2 photos done, 2 failed", "remove q -o " PHOTO "/x " SMALL_MODEL);
}

static void what_is_not_read_is_counted_and_named(void **state)
{
    (void)state;
    cli_shell("rm -rf mixed none && mkdir -p mixed/deep none && cp " PHOTO " mixed/a.jpg && "
              "printf '8BPS\\0\\1' | tee mixed/b.psd > mixed/deep/c.psd && "
              "printf '\\0\\0\\0\\014jP  \\r\\n\\207\\n' | tee mixed/d.jp2 > none/e.jpg && echo text > "
              "mixed/x.txt && printf 'IIU\\0' | tee mixed/f.rw2 > mixed/g.rw2 && "
              "printf '\032\105\337\243' > mixed/h.mkv");
    cli_expect(&result, 0, "6 passed over: 2 Photoshop PSD, 2 camera raw files, 1 JPEG 2000, 1 video",
               "remove mixed -o mixed-out " SMALL_MODEL);
    assert_non_null(strstr(result.err, "1 of 1 photos done"));
    assert_int_equal(cli_count("mixed-out"), 1);
    cli_expect(&result, 3, "no images in none that are read here; 1 passed over: 1 JPEG 2000",
               "remove none " SMALL_MODEL);
    /* what was named is not passed over */
    cli_expect(&result, 1, "this is Photoshop PSD, which is not read here",
               "remove mixed/b.psd " SMALL_MODEL);
    cli_shell("gzip -c " PHOTO " > packed.jpg && echo '<!DOCTYPE html><p>no' > page.jpg");
    cli_expect(&result, 1, "this is gzip, not an image", "remove packed.jpg " SMALL_MODEL);
    cli_expect(&result, 1, "this is a web page, not an image", "remove page.jpg " SMALL_MODEL);
}

/* More sessions of fewer threads, and the same bytes; no more of them than there are photos. */
static void jobs_are_sessions_beside_each_other(void **state)
{
    (void)state;
    static const int jobs[] = {1, 2, 9};
    cli_shell("rm -rf beside && mkdir beside && for i in 1 2 3 4; do cp " PHOTO " beside/$i.jpg; done");
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        cli_expect(&result, 0, "4 of 4 photos done",
                   "remove beside -o beside%d -t 8 --jobs %d --report beside.json -v " SMALL_MODEL, jobs[i],
                   jobs[i]);
        json_t *report = json_load_file("beside.json", 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(report, "sessions")), jobs[i] < 4 ? jobs[i] : 4);
        json_decref(report);
    }
    cli_shell("diff -r beside1 beside2 && diff -r beside1 beside9");
}

static void the_network_seldom_waits(void **state)
{
    (void)state;
    cli_shell("rm -rf row && mkdir row && for i in 1 2 3 4 5 6 7 8; do cp " PHOTO " row/$i.jpg; done");
    cli_expect(&result, 0, "8 of 8", "remove row -o rowed -m starter --report row.json");
    json_t *report = json_load_file("row.json", 0, NULL);
    /* counted, not timed: on a busy machine each wait may last; without threads beside the network it waits 8 times */
    const json_int_t waits = json_integer_value(json_object_get(report, "network_waits"));
    if (waits >= 4) fail_msg("the network waited %d times for 8 photos", (int)waits);
    assert_true(json_real_value(json_object_get(report, "network_ms")) > 0);
    json_decref(report);
}

/* ---- a web server of one thread ---- */

typedef struct server {
    int listener;
    int port;
    pthread_t thread;
} server;

static void send_all(int client, const void *bytes, size_t count)
{
    for (const char *at = bytes; count > 0;) {
        const ssize_t sent = send(client, at, count, MSG_NOSIGNAL);
        if (sent <= 0) return;
        at += sent;
        count -= (size_t)sent;
    }
}

static void answer(int client, const char *path)
{
    static const char *const redirects[][2] = {
        {"/moved", "/photo1.jpg"}, {"/file", "file:///etc/passwd"}, {"/round", "/round"}};
    char head[512];
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(path, redirects[i][0]) != 0) continue;
        const int length = snprintf(head, sizeof head,
                                    "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n"
                                    "Connection: close\r\n\r\n",
                                    redirects[i][1]);
        send_all(client, head, (size_t)length);
        return;
    }
    FILE *file = strcmp(path, "/photo1.jpg") == 0 ? fopen(PHOTO, "rbe") : NULL;
    static char body[100000];
    const size_t size = file ? fread(body, 1, sizeof body, file) : 0;
    if (file) fclose(file);
    const int length =
        snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                 file ? "200 OK" : "404 Not Found", size);
    send_all(client, head, (size_t)length);
    send_all(client, body, size);
}

static void *serve(void *user)
{
    const server *self = user;
    for (int client; (client = accept(self->listener, NULL, NULL)) >= 0;) {
        char request[4096], path[256] = "";
        size_t got = 0;
        while (got < sizeof request - 1) {
            const ssize_t count = recv(client, request + got, sizeof request - 1 - got, 0);
            if (count <= 0) break;
            got += (size_t)count;
            request[got] = '\0';
            if (strstr(request, "\r\n\r\n")) break;
        }
        if (sscanf(request, "GET %255[^ ?]", path) == 1) answer(client, path);
        shutdown(client, SHUT_WR);
        close(client);
    }
    return NULL;
}

static void urls_are_fetched(void **state)
{
    (void)state;
    server self = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    assert_int_equal(bind(self.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(self.listener, 8), 0);
    assert_int_equal(getsockname(self.listener, (struct sockaddr *)&address, &length), 0);
    self.port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&self.thread, NULL, serve, &self), 0);

    cli_expect(&result, 0, "-> photo1-cutout.png", "remove 'http://127.0.0.1:%d/photo1.jpg?x=1' " SMALL_MODEL,
               self.port);
    assert_true(cli_exists("photo1-cutout.png"));
    cli_expect(&result, 0, "", "remove http://127.0.0.1:%d/moved -o moved.png " SMALL_MODEL, self.port);
    cli_shell("cmp moved.png photo1-cutout.png");
    cli_expect(
        &result, 0, "1 of 1 photos done",
        "remove http://127.0.0.1:%d/photo1.jpg http://127.0.0.1:%d/photo1.jpg -o fetched/ " SMALL_MODEL,
        self.port, self.port);
    cli_expect(&result, 8, "404", "remove http://127.0.0.1:%d/none.jpg -o n.png " SMALL_MODEL, self.port);
    cli_expect(&result, 8, "", "remove http://127.0.0.1:%d/file -o n.png " SMALL_MODEL, self.port);
    cli_expect(&result, 8, "", "remove http://127.0.0.1:%d/round -o n.png " SMALL_MODEL, self.port);
    assert_false(cli_exists("n.png"));

    shutdown(self.listener, SHUT_RDWR);
    close(self.listener);
    pthread_join(self.thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_keeps_its_tree_and_goes_on_after_a_failure),
        cmocka_unit_test(what_is_there_is_skipped),
        cmocka_unit_test(outputs_do_not_lie_among_the_photos_of_a_folder),
        cmocka_unit_test(own_outputs_are_not_inputs),
        cmocka_unit_test(an_input_is_done_once_and_a_link_is_another),
        cmocka_unit_test(names_stay_whatever_is_added),
        cmocka_unit_test(no_two_names_are_alike),
        cmocka_unit_test(names_never_collide),
        cmocka_unit_test(patterns_and_missing_things),
        cmocka_unit_test(what_is_not_read_is_counted_and_named),
        cmocka_unit_test(jobs_are_sessions_beside_each_other),
        cmocka_unit_test(the_network_seldom_waits),
        cmocka_unit_test(urls_are_fetched),
    };
    return cmocka_run_group_tests(tests, cli_enter, cli_leave);
}
