/* help_man.c - the manual pages in man's own language. */
#include "cli/help.h"

#include "cli/exits.h"

#include <string.h>

/* What the program reads there; the only words of the page that no other table holds. */
static const char *const environment[][2] = {
    {"BIREFNET_MODELS", "A folder with weights, before the user's own data folder."},
    {"BIREFNET_DATA",
     "What was installed as share/birefnet, where it was moved since; looked into after the user's "
     "own folders."},
    {"XDG_DATA_HOME", "Weights are pulled to birefnet/ in this folder; ~/.local/share where it is not set."},
    {"XDG_CACHE_HOME", "Kernels compiled for a graphics card are kept in birefnet/ in this folder; ~/.cache "
                       "where it is not set."},
    {"BIREFNET_MIRROR, HF_ENDPOINT", "Another address to pull published weights from."},
    {"https_proxy, http_proxy, no_proxy", "Proxies, as for curl."},
    {"BIREFNET_STORE", "What --store says, where it is not given."},
    {"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN",
     "Keys of S3, where --files-credentials is not given."},
    {"TMPDIR", "Animations for standard output lie here until they are whole; /tmp where it is not set."},
    {"BIREFNET_GPU_MATRIX", "none: leave a graphics card's matrix cores alone."},
    {"ONEDNN_MAX_CPU_ISA", "oneDNN's own: the instructions that it may use; AVX512_CORE_AMX takes AMX, too."},
};

/* Text as man wants it: hyphens that may be copied, no line that starts with a control character. */
static void print_text(FILE *out, const char *text, size_t length)
{
    bool line_start = true;
    for (size_t i = 0; i < length; i++) {
        if (line_start && (text[i] == '.' || text[i] == '\'')) fputs("\\&", out);
        line_start = text[i] == '\n';
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else
            fputc(text[i], out);
    }
}

static void print_string(FILE *out, const char *text)
{
    print_text(out, text, strlen(text));
}

static void print_option(FILE *out, const bn_option_spec *spec)
{
    fputs(".TP\n", out);
    if (spec->letter) fprintf(out, "\\fB\\-%c\\fR, ", spec->letter);
    fputs("\\fB\\-\\-", out);
    print_string(out, spec->name);
    fputs("\\fR", out);
    if (spec->argument)
        fprintf(out, "%s\\fI%s\\fR%s", spec->argument_may_lack ? "[=" : " ", spec->argument,
                spec->argument_may_lack ? "]" : "");
    fputc('\n', out);
    print_string(out, spec->help);
    if (spec->choices) {
        fputs("\nOne of ", out);
        print_string(out, spec->choices);
        fputc('.', out);
    }
    const char *usual = bn_option_default_words(spec);
    if (usual) {
        fputs("\nDefault: ", out);
        print_string(out, usual);
        fputc('.', out);
    }
    fputc('\n', out);
}

static void print_paragraphs(FILE *out, const char *text)
{
    while (*text) {
        const size_t length = strcspn(text, "\n");
        fputs(".PP\n", out);
        print_text(out, text, length);
        fputc('\n', out);
        text += length + (text[length] == '\n');
    }
}

static void print_examples(FILE *out, const char *examples)
{
    while (*examples) {
        const size_t command = strcspn(examples, "\t"), words = strcspn(examples + command + 1, "\n");
        fputs(".TP\n\\fB", out);
        print_text(out, examples, command);
        fputs("\\fR\n", out);
        print_text(out, examples + command + 1, words);
        fputc('\n', out);
        examples += command + 1 + words + 1;
    }
}

static void print_command(FILE *out, bn_command command)
{
    const bn_command_spec *spec = bn_command_get_spec(command);
    fprintf(out, ".SS birefnet %s [OPTION...] %s\n", spec->name, spec->operands);
    fprintf(out, "%s.\n", spec->summary);
    print_paragraphs(out, spec->describe);
    for (bn_option id = 0; id < BN_OPTIONS; id++)
        if (bn_option_applies(id, command)) print_option(out, bn_option_get_spec(id));
}

static void print_exits(FILE *out)
{
    fputs(".SH EXIT STATUS\n", out);
    for (const bn_exit_words *words = bn_exit_table(); words->meaning; words++) {
        fprintf(out, ".TP\n\\fB%d\\fR\n", words->code);
        print_string(out, words->meaning);
        fputc('\n', out);
    }
}

void bn_help_man_command(bn_command command, FILE *out)
{
    const bn_command_spec *spec = bn_command_get_spec(command);
    fprintf(out, ".TH BIREFNET\\-%s 1 \"\" \"birefnet %s\" \"User Commands\"\n", spec->name,
            birefnet_version());
    fprintf(out, ".SH NAME\nbirefnet\\-%s \\- ", spec->name);
    print_string(out, spec->summary);
    fprintf(out, "\n.SH SYNOPSIS\n\\fBbirefnet %s\\fR [\\fIOPTION\\fR...] \\fI%s\\fR\n.SH DESCRIPTION\n",
            spec->name, spec->operands);
    print_paragraphs(out, spec->describe);
    fputs(".SH OPTIONS\n", out);
    for (bn_option id = 0; id < BN_OPTIONS; id++)
        if (bn_option_applies(id, command)) print_option(out, bn_option_get_spec(id));
    fputs(".SH EXAMPLES\n", out);
    print_examples(out, spec->examples);
    print_exits(out);
    fputs(".SH SEE ALSO\n\\fBbirefnet\\fR(1), \\fBlibbirefnet\\fR(3)\n", out);
}

void bn_help_man(FILE *out)
{
    fprintf(out, ".TH BIREFNET 1 \"\" \"birefnet %s\" \"User Commands\"\n", birefnet_version());
    fputs(".SH NAME\nbirefnet \\- remove the background of photos with the BiRefNet network\n.SH SYNOPSIS\n",
          out);
    for (bn_command command = 0; command < BN_COMMANDS; command++)
        fprintf(out, "%s\\fBbirefnet %s\\fR [\\fIOPTION\\fR...] \\fI%s\\fR\n", command ? ".br\n" : "",
                bn_command_get_spec(command)->name, bn_command_get_spec(command)->operands);
    fputs(".SH DESCRIPTION\nCuts the subject out of photos on this machine's own CPU: no account, no upload. "
          "It comes with small starter weights; \\fBbirefnet pull light\\fR fetches the published ones.\n"
          ".SH COMMANDS\n",
          out);
    for (bn_command command = 0; command < BN_COMMANDS; command++) print_command(out, command);
    print_exits(out);
    fputs(".SH ENVIRONMENT\n", out);
    for (size_t i = 0; i < sizeof environment / sizeof *environment; i++) {
        fprintf(out, ".TP\n\\fB%s\\fR\n", environment[i][0]);
        print_string(out, environment[i][1]);
        fputc('\n', out);
    }
    fputs(".SH EXAMPLES\n", out);
    for (bn_command command = 0; command < BN_COMMANDS; command++)
        print_examples(out, bn_command_get_spec(command)->examples);
    fputs(".SH SEE ALSO\n\\fBlibbirefnet\\fR(3), and a page for each command:", out);
    for (bn_command command = 0; command < BN_COMMANDS; command++)
        fprintf(out, "%s\n\\fBbirefnet\\-%s\\fR(1)", command ? "," : "", bn_command_get_spec(command)->name);
    fputc('\n', out);
}
