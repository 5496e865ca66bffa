/* words.c - see words.h. */
#include "cutout/words.h"

#include "base/number.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_side(long side)
{
    return side >= BN_CANVAS_MIN_PX && side <= BN_CANVAS_MAX_PX;
}

bool bn_placement_parse(const char *text, bn_placement *canvas)
{
    char *end;
    if (!isdigit((unsigned char)*text)) return false;
    const long width = strtol(text, &end, 10);
    long height = width;
    if (*end == 'x' || *end == 'X') {
        if (!isdigit((unsigned char)end[1])) return false;
        height = strtol(end + 1, &end, 10);
    }
    if (*end || !is_side(width) || !is_side(height)) return false;
    canvas->used = true;
    canvas->width = (int)width;
    canvas->height = (int)height;
    return true;
}

bool bn_fit_parse(const char *text, bn_placement *canvas)
{
    char *end;
    if (!isdigit((unsigned char)*text)) return false;
    const double percent = bn_number_read(text, &end);
    if (*end == '%') end++;
    if (*end || !(percent >= 1 && percent <= 100)) return false;
    canvas->used = true;
    canvas->fit_percent = percent;
    return true;
}

bool bn_align_parse(const char *text, bn_placement *canvas)
{
    const bool bottom = strcmp(text, "bottom") == 0;
    if (!bottom && strcmp(text, "center") != 0) return false;
    canvas->used = true;
    canvas->align = bottom ? BN_ALIGN_BOTTOM : BN_ALIGN_CENTER;
    return true;
}

bool bn_shadow_parse(const char *text, bn_shadow_kind *shadow)
{
    static const char *const names[] = {
        [BN_SHADOW_NONE] = "none", [BN_SHADOW_SOFT] = "soft", [BN_SHADOW_CONTACT] = "contact"};
    for (bn_shadow_kind kind = BN_SHADOW_NONE; kind <= BN_SHADOW_CONTACT; kind++)
        if (strcmp(text, names[kind]) == 0) {
            *shadow = kind;
            return true;
        }
    return false;
}

bool bn_crop_parse(const char *text, bn_cutout_options *options)
{
    options->crop = true;
    if (!text) return true;
    char *end;
    const double value = bn_number_read(text, &end);
    const bool percent = strcmp(end, "%") == 0;
    if (end == text || !(value >= 0 && value <= (percent ? 100 : 100000)) ||
        (*end && !percent && strcmp(end, "px") != 0))
        return false;
    if (percent)
        options->crop_margin_percent = value;
    else
        options->crop_margin_px = (int)value;
    return true;
}
