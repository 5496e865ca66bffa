/* plan_names.c - what an output is called. The name depends on its input's alone, and no two inputs of a folder share one:
 *     shoe.jpg             shoe          the suffix jpg, in any letter case, goes
 *     shoe.png, shoe.webp  shoe-png, shoe-webp        any other stays, as it was spelled
 *     shoe                 shoe-image    where there is no suffix of an image
 *     shoe-png.jpg         shoe-png-jpg  and jpg stays where the name without it would look like one of these
 * Only shoe.jpg beside shoe.JPG share a name; plan_outputs.c refuses both. */
#include "cli/plan.h"

#include "base/size.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NO_SUFFIX "image"

/* Whether the name (of this length) ends in what is put behind names here: "-png", "-image", "-mask", "-cutout". */
static bool ends_as_output(const char *name, size_t length)
{
    static const char *const endings[] = {NO_SUFFIX, "mask", "cutout"};
    char last[16];
    size_t start = length;
    while (start > 0 && name[start - 1] != '-' && name[start - 1] != '/') start--;
    if (start == 0 || name[start - 1] != '-' || length - start >= sizeof last) return false;
    snprintf(last, sizeof last, "%.*s", (int)(length - start), name + start);
    for (size_t i = 0; i < BN_COUNT(endings); i++)
        if (strcasecmp(last, endings[i]) == 0) return true;
    return bn_format_from_name(last) != BN_FORMAT_NONE;
}

bool bn_output_stem(const char *relative, char *stem, size_t size)
{
    const size_t length = bn_stem_length(relative);
    const char *suffix = relative[length] ? relative + length + 1 : "";
    int written;
    if (bn_format_from_name(suffix) == BN_FORMAT_NONE)
        written = snprintf(stem, size, "%s-" NO_SUFFIX, relative);
    else if (strcasecmp(suffix, "jpg") == 0 && !ends_as_output(relative, length))
        written = snprintf(stem, size, "%.*s", (int)length, relative);
    else
        written = snprintf(stem, size, "%.*s-%s", (int)length, relative, suffix);
    return written >= 0 && (size_t)written < size;
}
