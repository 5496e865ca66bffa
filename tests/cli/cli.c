/* cli.c - spawning the program and looking at what it left. */
#include "tests/cli/cli.h"

#include "base/file.h"
#include "image/codec.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch[] = "/tmp/bn-cli-XXXXXX";

int cli_enter(void **state)
{
    (void)state;
    if (!mkdtemp(scratch) || chdir(scratch) != 0) return 1;
    setenv("HOME", scratch, 1);
    setenv("BIREFNET", BN_PROGRAM, 1);
    unsetenv("XDG_DATA_HOME");
    unsetenv("BIREFNET_MODELS");
    unsetenv("BIREFNET_MIRROR");
    unsetenv("HF_ENDPOINT");
    setenv("no_proxy", "127.0.0.1", 1);
    return 0;
}

int cli_leave(void **state)
{
    (void)state;
    if (chdir("/") != 0) return 1;
    cli_shell("rm -r '%s'", scratch);
    return 0;
}

static size_t read_back(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "rbe");
    assert_non_null(file);
    const size_t got = fread(text, 1, size - 1, file);
    text[got] = '\0';
    fclose(file);
    unlink(path);
    return got;
}

void cli_run(cli_result *result, const char *format, ...)
{
    char command[8192], script[9000];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(script, sizeof script, "\"$BIREFNET\" %s", command);
    cli_script(result, script);
}

void cli_script(cli_result *result, const char *script)
{
    char whole[9200];
    snprintf(whole, sizeof whole, "{ %s ; } > .out 2> .err", script);
    const int status = system(whole);
    result->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result->out_size = read_back(".out", result->out, sizeof result->out);
    read_back(".err", result->err, sizeof result->err);
    if (strstr(result->err, "Sanitizer")) fail_msg("%s", result->err);
}

void cli_shell(const char *format, ...)
{
    char command[8192];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (system(command) != 0) fail_msg("failed: %s", command);
}

bool cli_exists(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0;
}

static int counted;

static int count_entry(const char *path, const struct stat *facts, int type, struct FTW *place)
{
    (void)path, (void)facts, (void)type, (void)place;
    counted++;
    return 0;
}

int cli_count(const char *folder)
{
    counted = 0;
    assert_int_equal(nftw(folder, count_entry, 16, FTW_PHYS), 0);
    return counted - 1;
}

bn_image *cli_image(const char *path)
{
    bn_error err = {0};
    bn_buffer bytes;
    bn_image *image = NULL;
    bn_buffer_init(&bytes, 1 << 26);
    assert_ok(bn_file_read(path, &bytes, &err), err);
    assert_ok(bn_image_decode(bytes.data, bytes.size, NULL, &image, &err), err);
    bn_buffer_free(&bytes);
    return image;
}
