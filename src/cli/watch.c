/* watch.c - `birefnet watch`: photos as they come into a folder, until Ctrl-C. What comes next is found by the plan of
 * `birefnet remove` over the whole folder, so names and what is left alone are the same. */
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/model.h"
#include "cli/run.h"
#include "cli/set.h"
#include "cli/settings.h"
#include "cli/watch_folder.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* A file that was found, not told of, may still be written: it is taken once it has not changed for so long. */
#define SETTLED_MS 1000

typedef struct watch {
    const bn_values *values;
    bn_console *console;
    bn_settings settings;
    birefnet_model *model;
    bn_model_choice choice;
    bn_watched_folder folder;
    bn_set tried;   /* relative names that were taken once: taken again only when they are told of */
    bool postponed; /* a file is not settled yet */
    size_t done, failed;
} watch;

static bool is_settled(const char *path)
{
    struct stat facts;
    struct timespec now;
    if (stat(path, &facts) != 0) return false; /* gone */
    clock_gettime(CLOCK_REALTIME, &now);
    const double age_ms = (double)(now.tv_sec - facts.st_mtim.tv_sec) * 1e3 +
                          (double)(now.tv_nsec - facts.st_mtim.tv_nsec) / 1e6;
    return age_ms >= SETTLED_MS || age_ms < 0; /* a time to come says nothing */
}

/* Whether a photo of the folder is to be cut out now. */
static bool is_wanted(const bn_photo *photo, void *user)
{
    watch *self = user;
    if (photo->skip || !photo->relative) return false;
    if (bn_set_has(&self->folder.told, photo->relative)) return true;
    if (bn_set_has(&self->folder.begun, photo->relative)) return false; /* it will be told of */
    if (bn_set_has(&self->tried, photo->relative) || photo->problem_status == BIREFNET_ERROR_NOT_FOUND)
        return false;
    if (photo->problem || is_settled(photo->source)) return true;
    self->postponed = true;
    return false;
}

static bn_status run_photos(watch *self, const bn_plan *plan, bn_error *err)
{
    bn_run run = bn_settings_run(&self->settings, self->values, plan, &self->choice, self->console);
    run.open = self->model;
    const bn_status status = bn_run_photos(&run, err);
    self->done += run.done;
    self->failed += run.failed;
    bn_run_free(&run);
    return status;
}

/* All that is there and wanted. */
static bn_status take_photos(watch *self, bn_error *err)
{
    bn_plan plan = {0};
    bn_status status;
    self->postponed = false;
    BN_TRY_DONE(bn_plan_make(self->values->operands, 1, &self->settings.plan, &plan, err));
    bn_plan_keep(&plan, is_wanted, self);
    plan.many = false; /* a line for each */
    for (size_t i = 0; i < plan.count; i++)
        BN_TRY_DONE(bn_set_add(&self->tried, plan.photos[i].relative, NULL, err));
    bn_set_free(&self->folder.told);
    if (plan.count > 0) status = run_photos(self, &plan, err);
done:
    bn_plan_free(&plan);
    return status;
}

/* Until a photo comes, or one that was not settled may be. */
static bn_status wait_for_news(watch *self, bn_error *err)
{
    struct pollfd wait[] = {{.fd = self->folder.fd, .events = POLLIN},
                            {.fd = bn_interrupt_fd(), .events = POLLIN}};
    const int ready = poll(wait, 2, self->postponed ? SETTLED_MS : -1);
    if (ready < 0 && errno != EINTR) return bn_fail_errno(err, errno, "cannot watch %s", self->folder.path);
    if (ready <= 0 || !wait[0].revents || bn_interrupted()) return BIREFNET_OK;
    return bn_watched_folder_read(&self->folder, err);
}

static bn_status choose(watch *self, bn_error *err)
{
    struct stat facts;
    const char *folder = self->values->operands[0];
    if (!self->values->text[BN_OPTION_OUTPUT])
        return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "-o OUT is missing");
    if (stat(folder, &facts) != 0) return bn_fail_errno(err, errno, "cannot watch %s", folder);
    if (!S_ISDIR(facts.st_mode)) return bn_fail(err, BIREFNET_ERROR_ARGUMENT, "%s is no folder", folder);
    BN_TRY(bn_settings_choose(self->values, &self->settings, err));
    self->settings.plan.skip_existing = true;
    bn_plan plan = {0}; /* says what is wrong with the names, before any weights are opened */
    const bn_status status = bn_plan_make(self->values->operands, 1, &self->settings.plan, &plan, err);
    bn_plan_free(&plan);
    return status;
}

static bn_status open_model(watch *self, bn_error *err)
{
    BN_TRY(bn_values_choose_model(self->values, self->console, &self->choice, err));
    bn_settings_suit(&self->settings, self->values, &self->choice);
    const birefnet_model_options options = bn_values_model_options(self->values, self->console);
    return birefnet_model_open(self->choice.path, &options, &self->model, err);
}

bn_exit bn_command_watch(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    watch self = {.values = values, .console = console, .choice = {.path = ""}, .folder = {.fd = -1}};
    bn_stage stage = BN_STAGE_USAGE;
    bn_status status;
    BN_TRY_DONE(choose(&self, &err));
    stage = BN_STAGE_MODEL;
    BN_TRY_DONE(open_model(&self, &err));
    stage = BN_STAGE_READ;
    BN_TRY_DONE(
        bn_watched_folder_open(&self.folder, values->operands[0], values->text[BN_OPTION_OUTPUT], &err));
    bn_console_say(console, "watching %s; Ctrl-C ends it", values->operands[0]);
    while (!bn_interrupted()) {
        BN_TRY_DONE(take_photos(&self, &err));
        if (!bn_interrupted()) BN_TRY_DONE(wait_for_news(&self, &err));
    }
done:
    if (status != BIREFNET_OK) bn_console_error(console, "%s", err.message);
    if (stage == BN_STAGE_READ)
        bn_console_say(console, "%zu photo%s done, %zu failed", self.done, bn_plural(self.done), self.failed);
    bn_watched_folder_close(&self.folder);
    bn_set_free(&self.tried);
    birefnet_model_close(&self.model);
    bn_settings_free(&self.settings);
    if (status != BIREFNET_OK && status != BIREFNET_ERROR_CANCELLED) {
        if (stage == BN_STAGE_USAGE && (status == BIREFNET_ERROR_NOT_FOUND || status == BIREFNET_ERROR_IO))
            return BN_EXIT_NOT_READ;
        return bn_exit_of(status, stage);
    }
    return self.failed ? BN_EXIT_SOME_FAILED : BN_EXIT_OK; /* Ctrl-C is how it ends */
}
