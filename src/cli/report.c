/* report.c - what a run did, as JSON. */
#include "cli/run.h"

#include "base/cpu.h"
#include "base/file.h"
#include "cli/json.h"
#include "cli/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *state_name(bn_outcome_state state)
{
    switch (state) {
    case BN_OUTCOME_NOT_REACHED:
        break;
    case BN_OUTCOME_DONE:
        return "done";
    case BN_OUTCOME_SKIPPED:
        return "skipped";
    case BN_OUTCOME_FAILED:
        return "failed";
    }
    return "not_reached";
}

static json_t *size(int width, int height)
{
    return json_pack("{s:i, s:i}", "width", width, "height", height);
}

static json_t *photo_json(const bn_photo *photo, const bn_outcome *outcome)
{
    const bn_cutout_times *times = &outcome->times;
    json_t *json =
        json_pack("{s:o, s:s}", "input", bn_json_text(photo->source), "state", state_name(outcome->state));
    if (!json) return NULL;
    if (outcome->state == BN_OUTCOME_FAILED) {
        json_object_set_new(json, "error",
                            json_pack("{s:s, s:o, s:i}", "status", birefnet_status_name(outcome->status),
                                      "message", bn_json_text(outcome->message), "exit_code",
                                      (int)bn_exit_of(outcome->status, outcome->stage)));
        return json;
    }
    if (photo->output) json_object_set_new(json, "output", bn_json_text(photo->output));
    if (photo->mask) json_object_set_new(json, "mask", bn_json_text(photo->mask));
    if (outcome->state != BN_OUTCOME_DONE) return json;
    json_object_set_new(json, "format", json_string(bn_format_get_facts(outcome->format)->name));
    json_object_set_new(json, "size", size(outcome->width, outcome->height));
    json_object_set_new(json, "result_size", size(outcome->result_width, outcome->result_height));
    json_object_set_new(json, "network_size", size(outcome->network_width, outcome->network_height));
    if (outcome->note[0]) json_object_set_new(json, "note", bn_json_text(outcome->note));
    if (outcome->frames > 1) {
        json_object_set_new(json, "frames", json_integer(outcome->frames));
        json_object_set_new(json, "frames_done", json_integer(outcome->frames_done));
    }
    if (outcome->empty) json_object_set_new(json, "empty", json_true());
    json_object_set_new(json, "times_ms",
                        json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "read", outcome->read_ms, "decode",
                                  times->decode_ms, "network", times->network_ms, "refine", times->refine_ms,
                                  "compose", times->compose_ms, "encode", times->encode_ms, "write",
                                  outcome->write_ms));
    return json;
}

static json_t *model_json(const bn_run *run)
{
    const birefnet_model_info *model = &run->model;
    if (!run->model_is_open) return json_pack("{s:o}", "path", bn_json_text(run->model_path));
    return json_pack("{s:o, s:o, s:o, s:s, s:f}", "path", bn_json_text(run->model_path), "name",
                     bn_json_text(model->name), "architecture", bn_json_text(model->architecture),
                     "precision", birefnet_precision_name(model->precision), "open_ms", run->open_ms);
}

bn_status bn_run_report(const bn_run *run, const char *path, bn_error *err)
{
    json_t *json = json_pack("{s:s, s:o, s:I, s:I, s:I, s:i, s:f, s:f, s:I, s:I, s:[]}", "version",
                             birefnet_version(), "model", model_json(run), "done", (json_int_t)run->done,
                             "skipped", (json_int_t)run->skipped, "failed", (json_int_t)run->failed,
                             "sessions", run->sessions, "wall_ms", run->wall_ms, "network_ms",
                             run->network_ms, "network_waits", (json_int_t)run->network_waits,
                             "peak_rss_bytes", (json_int_t)bn_peak_rss_bytes(), "photos");
    if (!json) return bn_fail_memory(err, 0, "the report");
    if (run->card_ms > 0) json_object_set_new(json, "card_ms", json_real(run->card_ms));
    json_t *photos = json_object_get(json, "photos");
    bool whole = true;
    for (size_t i = 0; i < run->plan->count; i++)
        if (json_array_append_new(photos, photo_json(&run->plan->photos[i], &run->outcomes[i])) != 0)
            whole = false;
    char *text = whole ? json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL, *bytes = NULL;
    json_decref(json);
    if (text && asprintf(&bytes, "%s\n", text) < 0) bytes = NULL;
    free(text);
    if (!bytes) return bn_fail_memory(err, 0, "the report");
    bn_status status = BIREFNET_OK;
    if (strcmp(path, "-") == 0) {
        if (fputs(bytes, stdout) < 0) status = bn_fail(err, BIREFNET_ERROR_IO, "cannot write the report");
    } else {
        if (run->plan->into_folder)
            status = bn_target_make_folder(path, err); /* where all failed, none is made */
        if (status == BIREFNET_OK) status = bn_file_write(path, bytes, strlen(bytes), err);
    }
    free(bytes);
    return status;
}
