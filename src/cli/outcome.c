/* outcome.c - what became of one photo: noted, and said when it is done. */
#include "cli/run.h"

#include <string.h>

void bn_outcome_keep(bn_outcome *outcome, const bn_cutout *cutout)
{
    outcome->format = cutout->format;
    outcome->width = cutout->width;
    outcome->height = cutout->height;
    outcome->network_width = cutout->network_width;
    outcome->network_height = cutout->network_height;
    outcome->result_width = cutout->result_width;
    outcome->result_height = cutout->result_height;
    outcome->empty = cutout->empty;
    outcome->times = cutout->times;
    memcpy(outcome->note, cutout->note, sizeof outcome->note);
}

void bn_outcome_keep_moving(bn_outcome *outcome, const bn_moving *moving)
{
    const bn_frames *frames = &moving->frames;
    outcome->format = bn_format_from_bytes(moving->bytes->data, moving->bytes->size);
    outcome->width = frames->width;
    outcome->height = frames->height;
    outcome->result_width = frames->result_width;
    outcome->result_height = frames->result_height;
    outcome->network_width = frames->network_width;
    outcome->network_height = frames->network_height;
    outcome->frames = outcome->frames_done = moving->total;
    outcome->empty = moving->empty;
    outcome->times = frames->times;
    memcpy(outcome->note, frames->note, sizeof outcome->note);
}

void bn_outcome_tell(const bn_run *run, const bn_photo *photo, const bn_outcome *outcome)
{
    const char *from = strcmp(photo->source, "-") == 0 ? "standard input" : photo->source;
    const bn_cutout_times *times = &outcome->times;
    if (outcome->note[0]) bn_console_say(run->console, "%s: %s", from, outcome->note);
    if (outcome->empty) bn_console_say(run->console, "%s: no subject found", from);
    if (outcome->frames_done < outcome->frames)
        bn_console_say(run->console, "%s: an animation of %u frames, of which only the first is in %s", from,
                       outcome->frames, photo->output);
    const double total = outcome->read_ms + times->decode_ms + times->network_ms + times->refine_ms +
                         times->compose_ms + times->encode_ms + outcome->write_ms;
    if (!run->plan->many && !run->console->verbose && strcmp(photo->output, "-") != 0)
        bn_console_say(run->console, "%s -> %s  (%dx%d, %.2f s)", from, photo->output, outcome->result_width,
                       outcome->result_height, total / 1e3);
    bn_console_detail(run->console,
                      "%s -> %s  %dx%d  read %.0f, decode %.0f, network %.0f, refine %.0f, compose %.0f, "
                      "encode %.0f, write %.0f ms",
                      from, photo->output, outcome->result_width, outcome->result_height, outcome->read_ms,
                      times->decode_ms, times->network_ms, times->refine_ms, times->compose_ms,
                      times->encode_ms, outcome->write_ms);
}
