/* main.c - the program `birefnet`: finds the command, parses its options, runs it. */
#include "cli/commands.h"
#include "cli/descriptors.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/patience.h"
#include "model/device.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A FILE may hold the text back until it is closed: a full disk must not go unnoticed. */
static bn_exit finish_stdout(bn_exit code)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || code != BN_EXIT_OK) return code;
    perror("birefnet: cannot write standard output");
    return BN_EXIT_NOT_WRITTEN;
}

static bn_exit usage(const char *command, const char *message)
{
    fprintf(stderr, "birefnet%s%s: %s (try: birefnet%s%s --help)\n", command ? " " : "",
            command ? command : "", message, command ? " " : "", command ? command : "");
    return BN_EXIT_USAGE;
}

static bn_exit no_such_command(const char *word)
{
    char message[512];
    struct stat facts;
    if (stat(word, &facts) == 0)
        snprintf(message, sizeof message, "to cut out %.200s say: birefnet remove %.200s", word, word);
    else if (bn_command_suggest(word) < BN_COMMANDS)
        snprintf(message, sizeof message, "there is no command '%.400s'; did you mean %s?", word,
                 bn_command_get_spec(bn_command_suggest(word))->name);
    else
        snprintf(message, sizeof message, "there is no command '%.400s'", word);
    return usage(NULL, message);
}

/* Of help, --man and --completion it is the word behind them that is not known. */
static bn_exit no_such_words(const char *first, const char *second)
{
    char message[512];
    if (strcmp(first, "--completion") == 0) {
        snprintf(message, sizeof message, "there is no completion for '%.400s': bash, zsh or fish", second);
        return usage(NULL, message);
    }
    const bool is_asked = strcmp(first, "--man") == 0 || strcmp(first, "help") == 0;
    return no_such_command(is_asked ? second : first);
}

static bool is_verbose(const char *word)
{
    return word && (strcmp(word, "--verbose") == 0 || strcmp(word, "-v") == 0);
}

/* Of the command of that name, or of the whole program where there is none. */
static bool answer_about(const char *name, void (*whole)(FILE *out),
                         void (*one)(bn_command command, FILE *out))
{
    const bn_command command = name ? bn_command_find(name) : BN_COMMANDS;
    if (!name)
        whole(stdout);
    else if (command < BN_COMMANDS)
        one(command, stdout);
    return !name || command < BN_COMMANDS;
}

static bool answer_completion(const char *shell)
{
    if (!shell || strcmp(shell, "bash") == 0)
        bn_help_completion(stdout);
    else if (strcmp(shell, "zsh") == 0)
        bn_help_completion_zsh(stdout);
    else if (strcmp(shell, "fish") == 0)
        bn_help_completion_fish(stdout);
    else
        return false;
    return true;
}

/* Options that stand in place of a command, and the word behind (may be NULL); false where the words are none of them. */
static bool answer_program_option(const char *word, const char *next)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        bn_help_program(stdout);
    else if (strcmp(word, "help") == 0)
        return answer_about(next, bn_help_program, bn_help_command);
    else if ((strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) && is_verbose(next))
        bn_info_print_version();
    else if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        printf("birefnet %s\n", birefnet_version());
    else if (strcmp(word, "--man") == 0)
        return answer_about(next, bn_help_man, bn_help_man_command);
    else if (strcmp(word, "--completion") == 0)
        return answer_completion(next);
    else
        return false;
    return true;
}

static bn_exit run_command(bn_command command, const bn_values *values)
{
    bn_console console;
    bn_console_init(&console, values->given[BN_OPTION_QUIET], values->given[BN_OPTION_VERBOSE],
                    values->given[BN_OPTION_NO_PROGRESS]);
    if (command == BN_COMMAND_REMOVE || command == BN_COMMAND_WATCH || command == BN_COMMAND_STREAM ||
        command == BN_COMMAND_VIDEO || command == BN_COMMAND_PULL || command == BN_COMMAND_SERVE ||
        command == BN_COMMAND_WORK)
        bn_interrupt_install(); /* others just end */
    bn_exit code = BN_EXIT_INTERNAL;
    switch (command) {
    case BN_COMMAND_REMOVE:
        code = bn_command_remove(values, &console);
        break;
    case BN_COMMAND_WATCH:
        code = bn_command_watch(values, &console);
        break;
    case BN_COMMAND_STREAM:
        code = bn_command_stream(values, &console);
        break;
    case BN_COMMAND_VIDEO:
        code = bn_command_video(values, &console);
        break;
    case BN_COMMAND_MODELS:
        code = bn_command_models(values, &console);
        break;
    case BN_COMMAND_PULL:
        code = bn_command_pull(values, &console);
        break;
    case BN_COMMAND_INFO:
        code = bn_command_info(values, &console);
        break;
    case BN_COMMAND_BENCH:
        code = bn_command_bench(values, &console);
        break;
    case BN_COMMAND_EVAL:
        code = bn_command_eval(values, &console);
        break;
    case BN_COMMAND_SERVE:
        code = bn_command_serve(values, &console);
        break;
    case BN_COMMAND_WORK:
        code = bn_command_work(values, &console);
        break;
    case BN_COMMAND_KEYS:
        code = bn_command_keys(values, &console);
        break;
    case BN_COMMAND_MIGRATE:
        code = bn_command_migrate(values, &console);
        break;
    case BN_COMMAND_QUEUE:
        code = bn_command_queue(values, &console);
        break;
    case BN_COMMANDS:
        break;
    }
    bn_console_destroy(&console);
    return code;
}

/* One device, well said; lists are for serve and work, which look at them. */
static bn_status check_device(const char *text, bn_error *err)
{
    bn_device_kind kind;
    int index;
    return !text || strchr(text, ',') ? BIREFNET_OK : bn_device_parse(text, &kind, &index, err);
}

static bn_exit program(int argc, char **argv)
{
    if (argc < 2) return usage(NULL, "no command given");
    const bn_command command = bn_command_find(argv[1]);
    if (command == BN_COMMANDS)
        return answer_program_option(argv[1], argv[2]) ? finish_stdout(BN_EXIT_OK)
                                                       : no_such_words(argv[1], argv[2]);
    bn_values values;
    bn_error err = {0};
    if (bn_values_parse(command, argc - 1, argv + 1, &values, &err) != BIREFNET_OK)
        return usage(argv[1], err.message);
    if (check_device(values.text[BN_OPTION_DEVICE], &err) != BIREFNET_OK) return usage(argv[1], err.message);
    if (values.given[BN_OPTION_HELP]) {
        bn_help_command(command, stdout);
        return finish_stdout(BN_EXIT_OK);
    }
    bn_patience_limit(argv); /* getopt has moved the options to the front, which means the same */
    return finish_stdout(run_command(command, &values));
}

int main(int argc, char **argv)
{
    bn_descriptors_hold_standard();
    return (int)program(argc, argv);
}
