/* rembg_wish.c - see rembg_wish.h. Ranges and words are those that rembg's server takes. */
#include "api/rembg_wish.h"

#include "base/size.h"
#include "schema/json.h"
#include "schema/schema.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All of rembg's names, so that none of its users is turned away. NULL: what it means there is not to be had here, and
 * the general preset does it. */
static const struct {
    const char *name, *preset;
} model_names[] = {
    {"birefnet-general", NULL},
    {"birefnet-general-lite", "General Use (Light 2K)"},
    {"birefnet-portrait", "Portrait"},
    {"birefnet-massive", "General Use (Heavy)"},
    {"birefnet-dis", NULL},
    {"birefnet-hrsod", NULL},
    {"birefnet-cod", NULL},
    {"u2net", NULL},
    {"u2netp", NULL},
    {"u2net_human_seg", "Portrait"},
    {"u2net_cloth_seg", NULL},
    {"u2net_custom", NULL},
    {"silueta", NULL},
    {"isnet-general-use", NULL},
    {"isnet-anime", NULL},
    {"dis_custom", NULL},
    {"sam", NULL},
    {"bria-rmbg", NULL},
    {"ben_custom", NULL},
    {"withoutbg", NULL},
};

/* A parameter of the query, else of the form: rembg takes some from here and some from there, its users from both. The text
 * is the caller's to free; NULL where it was not given. */
static char *parameter(const bn_call *call, const bn_form *form, const char *name)
{
    const char *query = bn_target_query(&call->target, name);
    if (query) return strdup(query);
    const bn_form_part *part = form ? bn_form_find(form, name) : NULL;
    return part ? strndup((const char *)part->data, part->size) : NULL;
}

/* rembg's bgc, "R,G,B" or "R,G,B,A", as "#rrggbbaa". False for anything else. */
static bool read_colour(const char *text, char colour[10])
{
    unsigned part[4] = {0, 0, 0, 255};
    int read = 0;
    const int count =
        sscanf(text, " %3u , %3u , %3u%n , %3u%n", &part[0], &part[1], &part[2], &read, &part[3], &read);
    if (count < 3 || text[read + (int)strspn(text + read, " ")] != '\0') return false;
    for (int i = 0; i < 4; i++)
        if (part[i] > 255) return false;
    snprintf(colour, 10, "#%02x%02x%02x%02x", part[0], part[1], part[2], part[3]);
    return true;
}

/* NULL for a name that is not rembg's. None was given: rembg's default. */
static const char *preset_of(const char *model)
{
    static const char general[] = "General Use (Light)";
    if (!model || !*model) return general;
    for (size_t i = 0; i < BN_COUNT(model_names); i++)
        if (strcmp(model, model_names[i].name) == 0)
            return model_names[i].preset ? model_names[i].preset : general;
    return NULL;
}

/* ---- one parameter each: false where its value is none. What was not given, or is empty, stays as it is. ---- */

static bool read_bool(const bn_call *call, const bn_form *form, const char *name, bool *value)
{
    char *text = parameter(call, form, name);
    const bool good = !text || !*text || bn_input_read_bool(text, value);
    free(text);
    return good;
}

static bool read_number(const bn_call *call, const bn_form *form, const char *name, long most, int *value)
{
    char *text = parameter(call, form, name), *end = text;
    bool good = true;
    if (text && *text) {
        errno = 0;
        const long number = strtol(text, &end, 10);
        end += strspn(end, " ");
        good = end > text && *end == '\0' && number >= 0 && (errno == ERANGE || number <= most);
        if (good) *value = (int)BN_MIN(number, INT_MAX);
    }
    free(text);
    return good;
}

/* rembg passes over extras that are no JSON, and what a network does not know. These two choose what is cut out, or the network that
 * does it: without them it would be something else. */
static bool asks_for_other_network(const char *extras)
{
    json_t *given = extras ? bn_json_read(extras, strlen(extras), 10000, NULL) : NULL;
    const bool asks = json_object_get(given, "sam_prompt") || json_object_get(given, "model_path");
    json_decref(given);
    return asks;
}

static const char *read_flags(const bn_call *call, const bn_form *form, bn_rembg_wish *wish)
{
    wish->sure = (bn_sure_levels){.foreground = 240, .background = 10, .erode_px = 10};
    if (!read_bool(call, form, "om", &wish->only_mask)) return "om is neither true nor false";
    if (!read_bool(call, form, "ppm", &wish->hard_mask)) return "ppm is neither true nor false";
    if (!read_bool(call, form, "a", &wish->sure.used)) return "a is neither true nor false";
    if (!read_number(call, form, "af", 255, &wish->sure.foreground)) return "af is a number from 0 to 255";
    if (!read_number(call, form, "ab", 255, &wish->sure.background)) return "ab is a number from 0 to 255";
    if (!read_number(call, form, "ae", LONG_MAX, &wish->sure.erode_px)) return "ae is a number from 0 on";
    if (wish->only_mask) wish->sure.used = false; /* of masks rembg does no alpha matting */
    return NULL;
}

const char *bn_rembg_wish_read(const bn_call *call, const bn_form *form, bn_rembg_wish *wish)
{
    *wish = (bn_rembg_wish){.preset = NULL};
    char *model = parameter(call, form, "model"), *colour = parameter(call, form, "bgc"),
         *extras = parameter(call, form, "extras");
    const bn_form_part *backdrop = form ? bn_form_find(form, "background") : NULL;
    const bool has_file = backdrop && *backdrop->file_name;
    wish->background = has_file ? NULL : parameter(call, form, "background");
    wish->preset = preset_of(model);
    const char *fault = read_flags(call, form, wish);
    if (colour && *colour && !read_colour(colour, wish->colour))
        fault = "bgc is not a colour: R,G,B or R,G,B,A, each 0 to 255";
    json_t *text = wish->background ? json_string(wish->background) : NULL;
    if (wish->background && !text) fault = "background is not UTF-8";
    json_decref(text);
    if (*wish->colour && (has_file || (wish->background && *wish->background)))
        fault = "bgc and background exclude each other";
    if (asks_for_other_network(extras))
        fault = "extras: sam_prompt and model_path are for networks that are not here";
    if (!wish->preset)
        fault = "model is none of rembg's names: birefnet-general, birefnet-portrait, u2net ...";
    free(model);
    free(colour);
    free(extras);
    return fault;
}

void bn_rembg_wish_free(bn_rembg_wish *wish)
{
    free(wish->background);
    *wish = (bn_rembg_wish){.preset = NULL};
}
