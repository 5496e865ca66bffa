/* remove.c - `birefnet remove`: the run, the summary, the exit code. */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/size.h"
#include "cli/interrupt.h"
#include "cli/settings.h"
#include "cli/source.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bn_status check_stdout(const bn_values *values, const bn_plan *plan, bn_error *err)
{
    const char *report = values->text[BN_OPTION_REPORT];
    const bool to_stdout =
        plan->count == 1 && plan->photos[0].output && strcmp(plan->photos[0].output, "-") == 0;
    if (to_stdout && report && strcmp(report, "-") == 0)
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "standard output cannot take both the photo and the report");
    if (to_stdout && isatty(STDOUT_FILENO))
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT,
                       "not writing an image to a terminal: give -o FILE or redirect");
    return BIREFNET_OK;
}

static void sum_up(const bn_run *run, double seconds)
{
    const size_t reached = run->done + run->skipped + run->failed;
    char skipped[48] = "", failed[48] = "", left[48] = "";
    if (run->skipped) snprintf(skipped, sizeof skipped, ", %zu skipped", run->skipped);
    if (run->failed) snprintf(failed, sizeof failed, ", %zu failed", run->failed);
    if (reached < run->plan->count)
        snprintf(left, sizeof left, ", %zu not reached", run->plan->count - reached);
    bn_console_say(run->console, "%zu of %zu photos done%s%s%s in %.1f s", run->done, run->plan->count,
                   skipped, failed, left, seconds);
    char passed[1024];
    bn_plan_tell_passed(run->plan, passed, sizeof passed);
    if (*passed) bn_console_say(run->console, "%s", passed);
    if (run->wall_ms > 0)
        bn_console_detail(run->console, "%d session%s of the network, at work %.1f %% of the time",
                          run->sessions, bn_plural((uint64_t)run->sessions),
                          100 * run->network_ms / run->wall_ms / run->sessions);
    if (run->together > 0)
        bn_console_detail(run->console, "%zu photos in runs of %d", run->together, run->batch);
    if (run->wall_ms > 0 && run->card_ms > 0)
        bn_console_detail(run->console, "the card was busy %.1f %% of %.2f s, %.2f ms a photo",
                          100 * run->card_ms / run->wall_ms, run->wall_ms / 1e3,
                          run->card_ms / (double)BN_MAX(run->done, (size_t)1));
}

static bn_exit exit_code(const bn_run *run)
{
    if (bn_interrupted()) return BN_EXIT_INTERRUPTED;
    if (run->failed == 0) return BN_EXIT_OK;
    return run->plan->many ? BN_EXIT_SOME_FAILED
                           : bn_exit_of(run->outcomes[0].status, run->outcomes[0].stage);
}

/* Before the run, whose work a report that cannot be written would not tell of. */
static bn_exit check_report(const bn_values *values, const bn_plan *plan, bn_console *console)
{
    bn_error err = {0};
    const char *report = values->text[BN_OPTION_REPORT];
    if (!report || bn_target_check(report, plan->into_folder, &err) == BIREFNET_OK) return BN_EXIT_OK;
    bn_console_error(console, "report: %s", err.message);
    return bn_exit_of(err.status, BN_STAGE_WRITE);
}

/* The run itself, once everything about the command line is clear. */
static bn_exit run_plan(const bn_values *values, const bn_settings *chosen, const bn_plan *plan,
                        const bn_model_choice *model, bn_console *console)
{
    bn_error err = {0};
    bn_run run = bn_settings_run(chosen, values, plan, model, console);
    const double start = bn_clock_ms();
    bn_exit code = bn_exit_of(bn_run_photos(&run, &err), BN_STAGE_MODEL);
    if (code != BN_EXIT_OK)
        bn_console_error(console, "%s", err.message);
    else
        code = exit_code(&run);
    if (code == BN_EXIT_INTERRUPTED) bn_console_error(console, "interrupted");
    if (run.outcomes && (plan->many || code == BN_EXIT_INTERRUPTED))
        sum_up(&run, (bn_clock_ms() - start) / 1e3);
    const char *report = values->text[BN_OPTION_REPORT];
    if (report && run.outcomes && bn_run_report(&run, report, &err) != BIREFNET_OK) {
        bn_console_error(console, "report: %s", err.message);
        if (code == BN_EXIT_OK) code = BN_EXIT_NOT_WRITTEN;
    }
    bn_run_free(&run);
    return code;
}

bn_exit bn_command_remove(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    bn_settings chosen = {0};
    bn_plan plan = {0};
    bn_model_choice model = {.path = ""};
    bn_exit code = BN_EXIT_OK;
    bn_status status = bn_settings_choose(values, &chosen, &err);
    if (status == BIREFNET_OK)
        status = bn_plan_make(values->operands, values->operand_count, &chosen.plan, &plan, &err);
    if (status == BIREFNET_OK) status = check_stdout(values, &plan, &err);
    if (status != BIREFNET_OK) {
        code = status == BIREFNET_ERROR_MEMORY ? BN_EXIT_LIMIT : BN_EXIT_USAGE;
    } else {
        status = bn_values_choose_model(values, console, &model, &err);
        if (status != BIREFNET_OK) code = bn_exit_of(status, BN_STAGE_MODEL);
        bn_settings_suit(&chosen, values, &model);
    }
    if (status == BIREFNET_OK) code = check_report(values, &plan, console);
    if (status == BIREFNET_OK && code == BN_EXIT_OK)
        code = run_plan(values, &chosen, &plan, &model, console);
    else if (status != BIREFNET_OK)
        bn_console_error(console, "%s", err.message);
    bn_plan_free(&plan);
    bn_settings_free(&chosen);
    return code;
}
