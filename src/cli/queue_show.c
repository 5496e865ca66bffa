/* queue_show.c - `birefnet queue`: what waits, what runs where, and who is alive, from the store alone. */
#include "cli/commands.h"

#include "cli/json.h"
#include "store/store.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS_SHOWN 40 /* of requests, for people */

typedef struct sums {
    size_t waiting, running, living;
    int64_t oldest_ms; /* that waits; 0: none */
} sums;

static int64_t age_ms(const bn_snapshot *seen, int64_t since_ms)
{
    return seen->now_ms > since_ms ? seen->now_ms - since_ms : 0;
}

static bool is_alive(const bn_snapshot *seen, const bn_process *process, double lease_s)
{
    return (double)age_ms(seen, process->seen_ms) < lease_s * 1000;
}

static sums add_up(const bn_snapshot *seen, double lease_s)
{
    sums all = {.waiting = seen->count - seen->held};
    for (size_t i = 0; i < seen->count; i++) {
        const int64_t waits_ms = age_ms(seen, seen->rows[i].created_ms);
        all.running += seen->rows[i].running;
        if (seen->rows[i].worker == 0 && waits_ms > all.oldest_ms) all.oldest_ms = waits_ms;
    }
    for (size_t i = 0; i < seen->process_count; i++)
        all.living += is_alive(seen, &seen->processes[i], lease_s);
    return all;
}

static const char *state_of(const bn_seen *row)
{
    if (row->cancelled) return "cancelled";
    return row->running ? "running" : row->worker != 0 ? "held" : "waiting";
}

/* Where it is, as people know it: the host of its process. */
static const char *place_of(const bn_snapshot *seen, const bn_seen *row)
{
    for (size_t i = 0; i < seen->process_count; i++)
        if (seen->processes[i].id == row->worker) return seen->processes[i].host;
    return row->worker != 0 ? "gone" : "";
}

static size_t held_by(const bn_snapshot *seen, int64_t process)
{
    size_t count = 0;
    for (size_t i = 0; i < seen->held; i++) count += seen->rows[i].worker == process;
    return count;
}

/* ---- for people ---- */

static void print_requests(const bn_snapshot *seen)
{
    if (seen->count == 0) return;
    bn_console_print("%-36s  %-9s  %8s  %5s  %-20s  %s", "request", "state", "age s", "done", "key", "where");
    for (size_t i = 0; i < seen->count && i < ROWS_SHOWN; i++) {
        const bn_seen *row = &seen->rows[i];
        char done[8] = "";
        if (row->worker != 0) snprintf(done, sizeof done, "%.0f%%", row->progress * 100);
        bn_console_print("%-36s  %-9s  %8.1f  %5s  %-20.20s  %s%s%s", row->id, state_of(row),
                         (double)age_ms(seen, row->created_ms) / 1e3, done, row->key_id, place_of(seen, row),
                         row->sync ? " (its client waits)" : "", row->low_priority ? " (low priority)" : "");
    }
    if (seen->count > ROWS_SHOWN)
        bn_console_print("and %zu more that wait (--json shows all)", seen->count - ROWS_SHOWN);
}

static void print_processes(const bn_snapshot *seen, double lease_s)
{
    if (seen->process_count == 0) return;
    bn_console_print("%-16s  %-6s  %-10s  %8s  %9s  %5s  %s", "process", "role", "version", "up s",
                     "seen s ago", "holds", "host");
    for (size_t i = 0; i < seen->process_count; i++) {
        const bn_process *process = &seen->processes[i];
        bn_console_print("%016" PRIx64 "  %-6s  %-10s  %8.0f  %10.1f  %5zu  %s%s", (uint64_t)process->id,
                         process->role, process->version, (double)age_ms(seen, process->started_ms) / 1e3,
                         (double)age_ms(seen, process->seen_ms) / 1e3, held_by(seen, process->id),
                         process->host,
                         !is_alive(seen, process, lease_s) ? " (gone)"
                         : process->idle                   ? " (idle)"
                                                           : "");
    }
}

static void print_all(const bn_snapshot *seen, double lease_s)
{
    const sums all = add_up(seen, lease_s);
    bn_console_print("%zu waiting (the oldest for %.1f s), %zu held, of which %zu running; %zu %s alive",
                     all.waiting, (double)all.oldest_ms / 1e3, seen->held, all.running, all.living,
                     all.living == 1 ? "process" : "processes");
    print_requests(seen);
    print_processes(seen, lease_s);
}

/* ---- for programs ---- */

static json_t *name_process(int64_t id)
{
    char name[20];
    if (id == 0) return json_null();
    snprintf(name, sizeof name, "%016" PRIx64, (uint64_t)id);
    return json_string(name);
}

static json_t *list_requests(const bn_snapshot *seen)
{
    json_t *list = json_array();
    for (size_t i = 0; i < seen->count; i++) {
        const bn_seen *row = &seen->rows[i];
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:f, s:f, s:s, s:b, s:b, s:I, s:o}", "id", row->id, "state", state_of(row),
                      "age_seconds", (double)age_ms(seen, row->created_ms) / 1e3, "progress", row->progress,
                      "key", row->key_id, "sync", row->sync, "low_priority", row->low_priority, "body_bytes",
                      (json_int_t)row->body_bytes, "process", name_process(row->worker)));
    }
    return list;
}

static json_t *list_processes(const bn_snapshot *seen, double lease_s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < seen->process_count; i++) {
        const bn_process *process = &seen->processes[i];
        json_array_append_new(
            list, json_pack("{s:o, s:s, s:s, s:s, s:b, s:b, s:I, s:f, s:f}", "id", name_process(process->id),
                            "role", process->role, "host", process->host, "version", process->version,
                            "alive", is_alive(seen, process, lease_s), "idle", process->idle, "holds",
                            (json_int_t)held_by(seen, process->id), "up_seconds",
                            (double)age_ms(seen, process->started_ms) / 1e3, "seen_seconds_ago",
                            (double)age_ms(seen, process->seen_ms) / 1e3));
    }
    return list;
}

static bn_status print_json(const bn_snapshot *seen, double lease_s, bn_error *err)
{
    const sums all = add_up(seen, lease_s);
    json_t *root =
        json_pack("{s:I, s:f, s:I, s:I, s:I, s:o, s:o}", "waiting", (json_int_t)all.waiting,
                  "oldest_waiting_seconds", (double)all.oldest_ms / 1e3, "held", (json_int_t)seen->held,
                  "running", (json_int_t)all.running, "alive", (json_int_t)all.living, "requests",
                  list_requests(seen), "processes", list_processes(seen, lease_s));
    if (!root) return bn_fail_memory(err, 0, "the queue");
    bn_json_print(root);
    json_decref(root);
    return BIREFNET_OK;
}

/* ---- the command ---- */

/* The data folder's store only where there is one: looking makes none. */
static bn_status open_store(const bn_values *values, bn_store **store, bn_error *err)
{
    char folder[1024], address[1100];
    const char *shared = bn_store_address(values);
    if (shared) return bn_store_open_to_look(shared, store, err);
    BN_TRY(bn_data_folder(values, folder, err));
    snprintf(address, sizeof address, "sqlite:%s/jobs.sqlite", folder);
    if (access(address + strlen("sqlite:"), F_OK) != 0)
        return bn_fail(err, BIREFNET_ERROR_IO, "no server has used the data folder %s", folder);
    return bn_store_open_to_look(address, store, err);
}

bn_exit bn_command_queue(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    bn_store *store = NULL;
    bn_snapshot seen = {0};
    const double lease_s = values->number[BN_OPTION_LEASE];
    if (sodium_init() < 0) return BN_EXIT_INTERNAL;
    bn_status status = open_store(values, &store, &err);
    if (status == BIREFNET_OK) status = bn_store_snapshot(store, false, &seen, &err);
    if (status == BIREFNET_OK && values->given[BN_OPTION_JSON])
        status = print_json(&seen, lease_s, &err);
    else if (status == BIREFNET_OK)
        print_all(&seen, lease_s);
    bn_snapshot_free(&seen);
    bn_store_close(&store);
    if (status != BIREFNET_OK) bn_console_error(console, "%s", err.message);
    return bn_exit_of(status, BN_STAGE_STORE);
}
