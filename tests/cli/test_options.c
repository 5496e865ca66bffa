/* test_options.c - help, man page and completion list the same options; wrong command lines are refused in one line. */
#include "tests/cli/cli.h"

#include "api/service.h"
#include "base/size.h"
#include "cli/bench_load.h"
#include "cli/options.h"
#include "cutout/shops.h"
#include "nn/cpu/engine.h"
#include "queue/jobs.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static cli_result result;

static void help_of_every_command_lists_its_options(void **state)
{
    (void)state;
    for (bn_command command = 0; command < BN_COMMANDS; command++) {
        cli_expect(&result, 0, "", "%s --help", bn_command_get_spec(command)->name);
        assert_non_null(strstr(result.out, "Examples:"));
        for (bn_option id = 0; id < BN_OPTIONS; id++) {
            char name[64];
            snprintf(name, sizeof name, " --%s", bn_option_get_spec(id)->name);
            const char *found = strstr(result.out, "Options:");
            assert_non_null(found);
            found = strstr(found, name);
            if (bn_option_applies(id, command)) assert_non_null(found);
        }
    }
}

/* birefnet help remove, as of other programs with commands. */
static void help_takes_a_command(void **state)
{
    (void)state;
    for (bn_command command = 0; command < BN_COMMANDS; command++) {
        const char *name = bn_command_get_spec(command)->name;
        cli_expect(&result, 0, "", "%s --help", name);
        char *wanted = strdup(result.out);
        assert_non_null(wanted);
        cli_expect(&result, 0, "", "help %s", name);
        assert_string_equal(result.out, wanted);
        free(wanted);
    }
    cli_expect(&result, 2, "there is no command 'removal'", "help removal");
}

/* What help says is what is taken, and what those take who use the rooms without the program. */
static void defaults_are_those_of_the_rooms(void **state)
{
    (void)state;
    char word[] = "serve", *argv[] = {word, NULL};
    bn_values values;
    bn_error err = {0};
    bn_jobs_options jobs;
    bn_service_options service;
    bn_jobs_options_default(&jobs);
    bn_service_options_default(&service);
    assert_ok(bn_values_parse(BN_COMMAND_SERVE, 1, argv, &values, &err), err);
    const struct {
        bn_option option;
        double unit, room;
    } pairs[] = {
        {BN_OPTION_MAX_MODELS, 1, jobs.max_models},
        {BN_OPTION_THREADS, 1, jobs.threads},
        {BN_OPTION_BATCH, 1, jobs.batch},
        {BN_OPTION_FETCHES, 1, jobs.fetch_threads},
        {BN_OPTION_MAX_PIXELS, 1e6, (double)jobs.max_pixels},
        {BN_OPTION_MAX_DECODE_MEMORY, 1e6, (double)jobs.max_decode_bytes},
        {BN_OPTION_MAX_STORED, 1 << 30, (double)jobs.max_stored_bytes},
        {BN_OPTION_RETENTION, 3600, (double)jobs.retention_s},
        {BN_OPTION_LEASE, 1000, jobs.lease_ms},
        {BN_OPTION_MAX_WAITING, 1, jobs.max_waiting},
        {BN_OPTION_MAX_RUNNING, 1, jobs.limits.running},
        {BN_OPTION_KEY_WAITING, 1, jobs.limits.waiting},
        {BN_OPTION_PER_MINUTE, 1, jobs.limits.per_minute},
        {BN_OPTION_MAX_BODY, 1 << 20, (double)service.max_body_bytes},
    };
    for (size_t i = 0; i < BN_COUNT(pairs); i++)
        if (values.number[pairs[i].option] * pairs[i].unit != pairs[i].room)
            fail_msg("--%s: %g", bn_option_get_spec(pairs[i].option)->name, pairs[i].room / pairs[i].unit);
    assert_string_equal(bn_values_text(&values, BN_OPTION_LISTEN), "127.0.0.1:8000");
    assert_null(values.text[BN_OPTION_LISTEN]);
}

static void an_option_without_its_argument_has_a_meaning(void **state)
{
    (void)state;
    char word[] = "remove", smooth[] = "--smooth", strength[] = "--smooth=0.25", photo[] = "photo.jpg";
    bn_values values;
    bn_error err = {0};
    const double want[] = {0, 0.6, 0.25};
    for (int i = 0; i < 3; i++) {
        char *argv[] = {word, photo, i == 1 ? smooth : strength, NULL};
        assert_ok(bn_values_parse(BN_COMMAND_REMOVE, i == 0 ? 2 : 3, argv, &values, &err), err);
        assert_true(values.number[BN_OPTION_SMOOTH] == want[i]);
        assert_int_equal(values.given[BN_OPTION_SMOOTH], i > 0);
    }
}

static void lines_of_help_fit_a_terminal(void **state)
{
    (void)state;
    for (bn_command command = 0; command < BN_COMMANDS; command++) {
        cli_expect(&result, 0, "", "%s --help", bn_command_get_spec(command)->name);
        for (const char *line = result.out; *line; line += strcspn(line, "\n") + 1)
            if (strcspn(line, "\n") > 80) fail_msg("%.*s", (int)strcspn(line, "\n"), line);
    }
}

/* "--name" as man writes it: hyphens as \- */
static void escape_option(const char *name, char escaped[96])
{
    size_t at = (size_t)sprintf(escaped, "\\-\\-");
    for (size_t i = 0; name[i]; i++) {
        if (name[i] == '-') escaped[at++] = '\\';
        escaped[at++] = name[i];
    }
    escaped[at] = '\0';
}

static void man_page_and_completion_list_every_option(void **state)
{
    (void)state;
    static cli_result completion;
    cli_expect(&result, 0, "", "--man");
    cli_expect(&completion, 0, "", "--completion");
    for (bn_option id = 0; id < BN_OPTIONS; id++) {
        char plain[64], escaped[96];
        const char *name = bn_option_get_spec(id)->name;
        snprintf(plain, sizeof plain, "--%s ", name);
        escape_option(name, escaped);
        if (!strstr(result.out, escaped)) fail_msg("the man page lacks %s", escaped);
        if (!strstr(completion.out, plain)) fail_msg("the completion lacks %s", plain);
    }
    assert_non_null(strstr(result.out, ".SH EXIT STATUS"));
}

static void man_page_is_clean(void **state)
{
    (void)state;
    if (system("command -v man >/dev/null") != 0) skip();
    cli_expect(&result, 0, "", "--man > page.1");
    cli_shell("LC_ALL=C.UTF-8 MANROFFSEQ= MANWIDTH=80 man --warnings -E UTF-8 -l page.1 > rendered 2> "
              "complaints");
    cli_shell("test ! -s complaints || { cat complaints; false; }");
    cli_shell("grep -q 'birefnet remove' rendered");
}

static void every_command_has_a_page_that_lists_its_options(void **state)
{
    (void)state;
    for (bn_command command = 0; command < BN_COMMANDS; command++) {
        const char *name = bn_command_get_spec(command)->name;
        char installed[4096], line[64];
        cli_expect(&result, 0, "", "--man %s", name);
        snprintf(line, sizeof line, "birefnet\\-%s \\- ", name);
        assert_non_null(strstr(result.out, line));
        for (bn_option id = 0; id < BN_OPTIONS; id++) {
            char escaped[96];
            escape_option(bn_option_get_spec(id)->name, escaped);
            if (bn_option_applies(id, command) && !strstr(result.out, escaped))
                fail_msg("the page of %s lacks %s", name, escaped);
        }
        snprintf(installed, sizeof installed, "%.*s/../pages/birefnet-%s.1",
                 (int)(strrchr(BN_PROGRAM, '/') - BN_PROGRAM), BN_PROGRAM, name);
        if (access(installed, F_OK) != 0) fail_msg("src/cli/CMakeLists.txt makes no page of %s", name);
        if (system("command -v man >/dev/null") != 0) continue;
        cli_expect(&result, 0, "", "--man %s > page.1", name);
        cli_shell("LC_ALL=C.UTF-8 MANROFFSEQ= MANWIDTH=80 man --warnings -E UTF-8 -l page.1 > rendered 2> "
                  "complaints; test ! -s complaints || { cat complaints; false; }");
    }
    cli_expect(&result, 2, "", "--man nothing");
}

static void other_shells_list_every_option(void **state)
{
    (void)state;
    static cli_result fish;
    cli_expect(&result, 0, "", "--completion zsh");
    cli_expect(&fish, 0, "", "--completion fish");
    for (bn_option id = 0; id < BN_OPTIONS; id++) {
        char in_zsh[64], in_fish[64];
        snprintf(in_zsh, sizeof in_zsh, "--%s", bn_option_get_spec(id)->name);
        snprintf(in_fish, sizeof in_fish, " -l %s ", bn_option_get_spec(id)->name);
        if (!strstr(result.out, in_zsh) || !strstr(fish.out, in_fish)) fail_msg("no %s", in_zsh);
    }
    cli_expect(&result, 2, "", "--completion tcsh");
}

static void completions_are_read_by_their_shells(void **state)
{
    (void)state;
    cli_expect(&result, 0, "", "--completion zsh > _birefnet");
    cli_expect(&result, 0, "", "--completion fish > birefnet.fish");
    if (system("command -v zsh >/dev/null") == 0) cli_shell("zsh -n _birefnet");
    if (system("command -v fish >/dev/null") != 0) return;
    cli_shell("HOME=$PWD fish -c 'source birefnet.fish; complete -C \"birefnet re\"' | grep -q '^remove'");
    cli_shell("HOME=$PWD fish -c 'source birefnet.fish; complete -C \"birefnet remove --format w\"' | grep "
              "-q '^webp'");
}

static void completion_offers_choices(void **state)
{
    (void)state;
    cli_expect(&result, 0, "", "--completion > complete.bash");
    if (system("command -v bash >/dev/null") != 0) skip();
    cli_shell("bash -c '. ./complete.bash; COMP_WORDS=(birefnet remove --format w); COMP_CWORD=3; _birefnet; "
              "[ \"${COMPREPLY[*]}\" = webp ]'");
    cli_shell("bash -c '. ./complete.bash; COMP_WORDS=(birefnet re); COMP_CWORD=1; _birefnet; "
              "[ \"${COMPREPLY[*]}\" = remove ]'");
    cli_shell(
        "bash -c '. ./complete.bash; COMP_WORDS=(birefnet remove --thr); COMP_CWORD=2; _birefnet; "
        "[ \"${COMPREPLY[*]}\" = \"--threshold --threads\" ] || [ \"${COMPREPLY[*]}\" = \"--threshold\" ]'");
    cli_shell("bash -c '. ./complete.bash; COMP_WORDS=(birefnet keys r); COMP_CWORD=2; _birefnet; "
              "[ \"${COMPREPLY[*]}\" = revoke ]'");
    cli_shell("bash -c '. ./complete.bash; COMP_WORDS=(birefnet keys --data x a); COMP_CWORD=4; _birefnet; "
              "[ \"${COMPREPLY[*]}\" = add ]'");
    cli_shell("bash -c '. ./complete.bash; COMP_WORDS=(birefnet keys revoke r); COMP_CWORD=3; _birefnet; "
              "[ \"${COMPREPLY[*]}\" != revoke ]'");
    cli_shell("bash -c '. ./complete.bash; COMP_WORDS=(birefnet pull mat); COMP_CWORD=2; _birefnet; "
              "[ \"${COMPREPLY[*]}\" = matting ]'");
    cli_shell(
        "bash -c '. ./complete.bash; COMP_WORDS=(birefnet remove --format = w); COMP_CWORD=4; _birefnet; "
        "[ \"${COMPREPLY[*]}\" = webp ]'");
    cli_shell("bash -c '. ./complete.bash; COMP_WORDS=(birefnet remove --align =); COMP_CWORD=3; _birefnet; "
              "[ \"${COMPREPLY[*]}\" = \"center bottom\" ]'");
    /* a name with a space is one */
    cli_shell("touch 'my photo.jpg'");
    cli_shell("bash -c '. ./complete.bash; COMP_WORDS=(birefnet remove my); COMP_CWORD=2; _birefnet; "
              "[ \"${COMPREPLY[0]}\" = \"my photo.jpg\" ]'");
    cli_shell("bash -c '. ./complete.bash; COMP_WORDS=(birefnet remove -b my); COMP_CWORD=3; _birefnet; "
              "[ \"${COMPREPLY[0]}\" = \"my photo.jpg\" ]'");
}

static void wrong_command_lines_give_one_line_and_a_hint(void **state)
{
    (void)state;
    static const struct {
        const char *words, *message;
    } cases[] = {
        {"", "no command"},
        {"fly", "no command 'fly'"},
        {"remov", "did you mean remove?"},
        {"remove", "INPUT... is missing"},
        {"remove x.jpg --bogus", "no option --bogus"},
        {"remove x.jpg --treshold 1", "did you mean --threshold?"},
        {"remove x.jpg --th 0.5", "--th may be --threshold or --threads"},
        {"remove x.jpg --m=1",
         "--m may be --model, --mask, --mask-only, --metadata, --max-pixels or --models-dir"},
        {"remove x.jpg -Z", "no option -Z"},
        {"remove x.jpg --quality", "--quality needs an argument"},
        {"remove x.jpg -o", "-o needs an argument"},
        {"remove x.jpg --no-refine=1", "--no-refine takes no argument"},
        {"remove x.jpg --quality 101 -f jpeg", "from 1 to 100"},
        {"remove x.jpg --quality 5.5 -f jpeg", "whole number"},
        {"remove x.jpg --quality abc", "not 'abc'"},
        {"remove x.jpg --threshold 2", "--threshold takes a number"},
        {"remove x.jpg --format bmp", "png|webp|gif|tiff|jpeg"},
        {"remove x.jpg --format jpeg", "transparency"},
        {"remove x.jpg --format jpeg -b '#0008'", "transparency"},
        {"remove x.jpg --quality 80", "for jpeg and webp"},
        {"remove x.jpg -o a.webp -f png", "name of a webp file"},
        {"remove x.jpg -o a.avif", "not written"},
        {"remove x.jpg --resolution 10x10", "WIDTHxHEIGHT"},
        {"remove x.jpg --resolution 100x", "WIDTHxHEIGHT"},
        {"remove x.jpg --crop=-3", "margin"},
        {"remove x.jpg --crop=101%", "margin"},
        {"remove x.jpg --background chartreusish", "neither a colour"},
        {"remove x.jpg --mask --mask-only", "exclude"},
        {"remove x.jpg -o ''", "must not be empty"},
        {"remove - -", "given 2 times"},
        {"remove - x.jpg", "needs -o FOLDER"},
        {"remove a.jpg b.jpg -o -", "one input only"},
        {"remove a.jpg b.jpg -o c.png", "name of one file"},
        {"remove - --mask", "--mask=FILE"},
        {"remove a.jpg b.jpg --mask=m.png", "one input"},
        {"models x", "too many words"},
        {"models -r 128x128", "goes with --check"},
        {"models --check starter -r native", "WIDTHxHEIGHT"},
        {"models --check starter -r 63x64", "each from 64 to 4096"},
        {"bench -r 64x5000", "each from 64 to 4096"},
        {"pull", "NAME... is missing"},
        {"pull nothing-like-this", "no preset"},
        {"serve --data nothing -l no:port --public-url your.name", "--public-url takes"},
        {"serve --data nothing -l no:port --public-url https:///x", "--public-url takes"},
        {"serve --data nothing -l no:port --public-url 'https://a b'", "--public-url takes"},
        {"keys add '' --data nothing", "1 to 100 bytes"},
        {"keys add \"$(printf '%0101d' 0)\" --data nothing", "1 to 100 bytes"},
        {"keys add \"$(printf 'a\\nb')\" --data nothing", "1 to 100 bytes"},
        {"keys add \"$(printf 'a\\377')\" --data nothing", "1 to 100 bytes"},
        {"--man nothing", "no command 'nothing'"},
        {"--completion tcsh", "bash, zsh or fish"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_run(&result, "%s", cases[i].words);
        if (result.code != 2 || !strstr(result.err, cases[i].message))
            fail_msg("birefnet %s: code %d, %s", cases[i].words, result.code, result.err);
        const char *end = strchr(result.err, '\n');
        if (!end || end[1]) fail_msg("birefnet %s: not one line: %s", cases[i].words, result.err);
        assert_int_equal(result.out_size, 0);
    }
}

static void a_file_in_place_of_a_command_is_explained(void **state)
{
    (void)state;
    cli_expect(&result, 2, "birefnet remove " PHOTO, PHOTO);
}

static void a_port_in_use_has_its_own_code(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    cli_expect(&result, 11, "Address already in use", "serve --data taken -l 127.0.0.1:%d",
               ntohs(address.sin_port));
    close(fd);
    cli_expect(&result, 2, "no address", "serve --data taken -l '[::1'");
}

static void facts_are_told(void **state)
{
    (void)state;
    cli_expect(&result, 0, "", "--version");
    assert_non_null(strstr(result.out, BN_VERSION));
    cli_expect(&result, 0, "", "--version --verbose");
    assert_non_null(strstr(result.out, BN_VERSION));
    assert_non_null(strstr(result.out, "\ninstructions  "));
    assert_non_null(strstr(result.out, "\ngraphics      "));
    static const char *const libraries[] = {"oneDNN",     "libjpeg-turbo", "libwebp", "libcurl",
                                            "libdeflate", "SQLite",        "libpq",   "libmicrohttpd"};
    for (size_t i = 0; i < BN_COUNT(libraries); i++) assert_non_null(strstr(result.out, libraries[i]));
    cli_expect(&result, 0, "", "info");
    assert_non_null(strstr(result.out, "\ngraphics      ")); /* the cards, or what is missing for one */
    assert_non_null(strstr(result.out, "oneDNN"));
    assert_non_null(strstr(result.out, "threads"));
    cli_expect(&result, 0, "", "info " SMALL_MODEL " --precision f32");
    assert_non_null(strstr(result.out, "runs at       128x128"));
    assert_non_null(strstr(result.out, "f32"));
    assert_non_null(strstr(result.out, "graphics "));
    assert_non_null(strstr(result.out, ", cpu, "));
    cli_expect(&result, 0, "", "info --json");
    assert_non_null(strstr(result.out, "\"devices\": ["));
    cli_expect(&result, 2, "'gpu:x' is no device", "info " SMALL_MODEL " --device gpu:x");
    cli_expect(&result, 2, "'card' is no device", "serve --data nothing --device cpu,card");
    cli_expect(&result, 2, "an empty device", "serve --data nothing --device cpu,");
    cli_expect(&result, 0, "", "models");
    assert_non_null(strstr(result.out, "General Use (Heavy)"));
    assert_non_null(strstr(result.out, "not here"));
    assert_non_null(strstr(result.out, "MIT"));
    assert_non_null(strstr(result.out, "good at a single product"));
    assert_non_null(strstr(result.out, "unsure of people"));
    assert_non_null(strstr(result.out, "birefnet pull light"));
    cli_expect(&result, 0, "", "models --json");
    assert_non_null(strstr(result.out, "\"alias\": \"light-2k\""));
    cli_expect(&result, 5, "standard output", "info > /dev/full");
}

/* As an object, like those of its list, with the key itself: this is the only time that it is shown. */
static void a_new_key_is_told_to_programs(void **state)
{
    (void)state;
    cli_expect(&result, 0, "", "keys add alice --data keys --per-minute 7 --json");
    json_t *made = json_loads(result.out, 0, NULL), *list;
    assert_non_null(made);
    assert_string_equal(json_string_value(json_object_get(made, "name")), "alice");
    assert_int_equal(json_integer_value(json_object_get(made, "per_minute")), 7);
    const char *id = json_string_value(json_object_get(made, "id"));
    assert_int_equal(strncmp(json_string_value(json_object_get(made, "key")), id, strlen(id)), 0);
    cli_expect(&result, 0, "", "keys list --data keys --json");
    list = json_loads(result.out, 0, NULL);
    json_object_del(made, "key");
    assert_true(json_equal(json_array_get(list, 0), made));
    json_decref(list);
    json_decref(made);
}

/* A name mistyped must not read as "there are no keys"; the usual folder may not be there yet. */
static void keys_are_looked_for_in_a_folder_that_is_there(void **state)
{
    (void)state;
    cli_expect(&result, 4, "cannot open the data folder typo: No such file", "keys list --data typo");
    assert_string_equal(result.out, "");
    cli_expect(&result, 4, "cannot open the data folder typo: No such file", "keys revoke alice --data typo");
    assert_false(cli_exists("typo"));
    cli_expect(&result, 0, "", "keys add alice --data new && \"$BIREFNET\" keys list --data new");
    assert_non_null(strstr(result.out, "  alice\n"));
    cli_script(&result, "XDG_DATA_HOME=$PWD/none \"$BIREFNET\" keys list");
    assert_string_equal(result.out, "No keys: the server answers its own machine only.\n");
}

/* Loading oneDNN takes 210 pages where it is version 2, and 1150 where it is version 3. */
#define HELP_PAGES        1500
#define HELP_PAGES_DNNL_3 2450

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* Help comes at once: nothing heavy is loaded or started for it. Pages touched tell that on a busy machine, too; time does
 * not (4 ms on an idle one). */
static void help_needs_little(void **state)
{
    (void)state;
    pid_t child;
    int status;
    struct rusage used;
    char *argv[] = {"birefnet", "--help", NULL}, *environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    assert_int_equal(posix_spawn(&child, BN_PROGRAM, &actions, NULL, argv, environment), 0);
    assert_int_equal(wait4(child, &status, 0, &used), child);
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(status, 0);
    print_message("birefnet --help: %ld pages\n", used.ru_minflt);
    char version[32];
    bn_engine_version(version, sizeof version);
    assert_true(used.ru_minflt < (atoi(version) >= 3 ? HELP_PAGES_DNNL_3 : HELP_PAGES));
}
#endif

/* Text ends in a newline: a prompt stands on its own line, and a shell's `read` gets the last one, too. */
static void json_ends_its_last_line(void **state)
{
    (void)state;
    static const char *const commands[] = {
        "info --json",      "info --json -m starter -r 64x64",
        "models --json",    "models --json --check starter -r 64x64",
        "keys list --json", "bench --json -n 1 " SMALL_MODEL " --photo " PHOTO};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        cli_run(&result, "%s", commands[i]);
        if (result.out_size < 3 || strcmp(result.out + result.out_size - 1, "\n") != 0)
            fail_msg("birefnet %s: %s", commands[i], result.out);
        json_t *json = json_loads(result.out, 0, NULL);
        assert_non_null(json);
        json_decref(json);
    }
    cli_expect(&result, 0, "", "remove " PHOTO " -o j.png --report j.json " SMALL_MODEL);
    cli_shell("test \"$(tail -c 1 j.json | wc -l)\" = 1");
}

/* The keys that programs read, and every stage of a photo's way. */
static void bench_tells_all_stages(void **state)
{
    (void)state;
    static const char *const words[] = {
        "\"median_ms\"", "\"floor_ms\"",    "\"peak_gflops\"", "\"product_gflops\"", "\"peak_rss_bytes\"",
        "\"stages\"",    "\"decode\"",      "\"resize\"",      "\"backbone full\"",  "\"backbone half\"",
        "\"squeeze\"",   "\"decoder 4\"",   "\"decoder 1\"",   "\"mask\"",           "\"refine\"",
        "\"encode\"",    "\"against_f32\"", "\"balance\""};
    cli_expect(&result, 0, "", "bench " SMALL_MODEL " -n 1 --json --compare-precision --photo " PHOTO);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strstr(result.out, words[i])) fail_msg("%s is not in: %s", words[i], result.out);
}

/* On standard error, as it goes; as many runs as were asked for. */
static void bench_counts_pictures_of_sessions_beside_each_other(void **state)
{
    (void)state;
    cli_expect(&result, 0, "3 sessions beside each other, 2 runs each",
               "bench " SMALL_MODEL " -t 7 -n 2 --jobs 3 --json --photo " PHOTO);
    assert_non_null(strstr(result.out, "\"sessions\": 3"));
    assert_non_null(strstr(result.out, "\"threads\": 2"));
    const char *first = strstr(result.out, "\"pictures_a_minute\": ");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "\"pictures_a_minute\": "));
    assert_true(atof(strchr(first, ':') + 1) > 0 &&
                atof(strchr(strstr(first + 1, "\"pictures"), ':') + 1) > 0);
    cli_expect(&result, 0, "", "bench " SMALL_MODEL " -t 2 -n 1 --jobs 2 --photo " PHOTO);
    assert_non_null(strstr(result.out, "by 2 beside each other of 1"));
}

static void bench_tells_how_far_it_is(void **state)
{
    (void)state;
    cli_expect(&result, 0, "run 17 of 17: ", "bench " SMALL_MODEL " -n 17 --json --photo " PHOTO);
    if (!strstr(result.out, "\"runs\": 17")) fail_msg("not 17 runs: %s", result.out);
    assert_non_null(strstr(result.err, "opened: "));
    assert_non_null(strstr(result.err, "warming up: "));
    assert_true(strstr(result.err, "run 1 of 17: ") < strstr(result.err, "run 2 of 17: "));
    assert_non_null(strstr(result.out, "\"others\""));
}

static void a_busy_machine_is_seen(void **state)
{
    (void)state;
    bn_load before, behind;
    assert_false(bn_load_parse("cpu0 1 2", 100, &before));
    assert_false(bn_load_parse("", 100, &before));
    assert_true(bn_load_parse("cpu  1000 0 500 8000 100 10 20 30 0 0\n", 100, &before));
    assert_true(
        bn_load_parse("cpu  1500 0 700 8200 100 10 20 130 0 0\n", 100, &behind)); /* 10 s of all CPUs */
    before.own_s = 3;
    behind.own_s = 8;
    const bn_load_shares shares = bn_load_between(&before, &behind); /* 7 s busy, 5 of them ours, 1 stolen */
    assert_true(shares.others > 0.199 && shares.others < 0.201);
    assert_true(shares.stolen > 0.099 && shares.stolen < 0.101);
    const bn_load unknown = {0};
    assert_true(bn_load_between(&unknown, &behind).others == 0);
    bn_load_now(&before);
    assert_true(before.all_s > 0 && before.own_s > 0);
}

/* JBIG-KIT comes with libtiff, x265 with libheif. */
static void no_gpl_is_linked(void **state)
{
    (void)state;
    cli_shell("ldd \"$BIREFNET\" > linked.txt && grep -q libc.so linked.txt && ! grep -E "
              "'jbig|x26|tiff|heif' linked.txt");
}

/* The names of --for are the rows of the table. */
static void every_shop_can_be_named(void **state)
{
    (void)state;
    char names[200] = "";
    for (size_t i = 0; bn_shop_at(i); i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? "|" : "",
                 bn_shop_at(i)->name);
    assert_string_equal(names, bn_option_get_spec(BN_OPTION_FOR)->choices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_gpl_is_linked),
        cmocka_unit_test(help_of_every_command_lists_its_options),
        cmocka_unit_test(help_takes_a_command),
        cmocka_unit_test(defaults_are_those_of_the_rooms),
        cmocka_unit_test(an_option_without_its_argument_has_a_meaning),
        cmocka_unit_test(lines_of_help_fit_a_terminal),
        cmocka_unit_test(man_page_and_completion_list_every_option),
        cmocka_unit_test(man_page_is_clean),
        cmocka_unit_test(completion_offers_choices),
        cmocka_unit_test(every_command_has_a_page_that_lists_its_options),
        cmocka_unit_test(other_shells_list_every_option),
        cmocka_unit_test(completions_are_read_by_their_shells),
        cmocka_unit_test(wrong_command_lines_give_one_line_and_a_hint),
        cmocka_unit_test(a_file_in_place_of_a_command_is_explained),
        cmocka_unit_test(a_port_in_use_has_its_own_code),
        cmocka_unit_test(facts_are_told),
        cmocka_unit_test(a_new_key_is_told_to_programs),
        cmocka_unit_test(keys_are_looked_for_in_a_folder_that_is_there),
        cmocka_unit_test(json_ends_its_last_line),
        cmocka_unit_test(bench_tells_all_stages),
        cmocka_unit_test(bench_counts_pictures_of_sessions_beside_each_other),
        cmocka_unit_test(bench_tells_how_far_it_is),
        cmocka_unit_test(a_busy_machine_is_seen),
        cmocka_unit_test(every_shop_can_be_named),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(help_needs_little),
#endif
    };
    return cmocka_run_group_tests(tests, cli_enter, cli_leave);
}
