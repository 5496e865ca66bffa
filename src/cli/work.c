/* work.c - `birefnet work`: works on the requests of a server's queue, until it is told to stop. */
#include "cli/commands.h"

#include "cli/computing.h"
#include "cli/descriptors.h"
#include "cli/health.h"
#include "cli/interrupt.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_HEALTH_PORT 8001

typedef struct worker {
    const bn_values *values;
    bn_console *console;
    bn_stage stage; /* for the exit code, should it fail */
    char data_folder[1024];
    bn_computing computing;
    bn_jobs *jobs;
    bn_http_server *health;
} worker;

static bn_status open_worker(worker *own, bn_error *err)
{
    bn_jobs_options options;
    BN_TRY(bn_console_write_behind(own->console, err));
    BN_TRY(bn_data_folder(own->values, own->data_folder, err));
    BN_TRY(bn_computing_check_store(own->values, own->console, own->data_folder, &own->stage, err));
    umask(077); /* photos of others */
    BN_TRY(bn_computing_read(own->values, own->console, own->data_folder, &own->computing, &options,
                             &own->stage, err));
    options.role = BN_ROLE_WORK;
    return bn_computing_open(&options, &own->jobs, &own->stage, err);
}

static bn_status open_health(worker *own, bn_error *err)
{
    const char *text = own->values->text[BN_OPTION_LISTEN];
    bn_address where;
    if (!text) return BIREFNET_OK;
    BN_TRY(bn_address_parse(text, DEFAULT_HEALTH_PORT, &where, err));
    own->stage = BN_STAGE_LISTEN;
    BN_TRY(bn_health_open(own->jobs, &where, &own->health, err));
    bn_console_say(own->console, "Health and metrics: http://%s:%u/readyz",
                   *where.host ? where.host : "0.0.0.0", (unsigned)bn_http_server_port(own->health));
    return BIREFNET_OK;
}

static void drain(worker *own)
{
    const int seconds = (int)own->values->number[BN_OPTION_DRAIN];
    bn_console_say(own->console, "Stopping: what runs is finished, the rest is left to others");
    if (!bn_jobs_drain(own->jobs, seconds * 1000))
        bn_console_say(own->console, "Not finished after %d s: left to others", seconds);
}

bn_exit bn_command_work(const bn_values *values, bn_console *console)
{
    worker own = {.values = values, .console = console, .stage = BN_STAGE_READ};
    bn_error err = {0};
    if (sodium_init() < 0) return BN_EXIT_INTERNAL;
    bn_limit_heaps();
    bn_descriptors_raise();
    bn_status status = open_worker(&own, &err);
    if (status == BIREFNET_OK) status = open_health(&own, &err);
    if (status == BIREFNET_OK) {
        bn_console_say(console, "Working on the requests of %s",
                       bn_store_address(values) ? "the database" : own.data_folder);
        bn_interrupt_wait();
        drain(&own);
    } else {
        bn_console_error(console, "%s", err.message);
    }
    bn_http_server_close(&own.health);
    if (own.jobs) bn_jobs_close(&own.jobs);
    free(own.computing.preload_text);
    const bool usage =
        status == BIREFNET_ERROR_ARGUMENT && own.stage != BN_STAGE_MODEL && own.stage != BN_STAGE_FILES;
    return bn_exit_of(status, usage ? BN_STAGE_USAGE : own.stage);
}
