/* background.c - colours by name and number, blur, and a backdrop in the photo's own colours. */
#include "cutout/background.h"

#include "base/number.h"
#include "base/size.h"
#include "image/colour.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    uint8_t rgb[3];
} basic_colours[] = {
    {"aqua", {0, 255, 255}},    {"black", {0, 0, 0}},       {"blue", {0, 0, 255}},
    {"fuchsia", {255, 0, 255}}, {"gray", {128, 128, 128}},  {"green", {0, 128, 0}},
    {"grey", {128, 128, 128}},  {"lime", {0, 255, 0}},      {"maroon", {128, 0, 0}},
    {"navy", {0, 0, 128}},      {"olive", {128, 128, 0}},   {"orange", {255, 165, 0}},
    {"purple", {128, 0, 128}},  {"red", {255, 0, 0}},       {"silver", {192, 192, 192}},
    {"teal", {0, 128, 128}},    {"white", {255, 255, 255}}, {"yellow", {255, 255, 0}},
};

static uint8_t hex_digit(char digit)
{
    return (uint8_t)(isdigit((unsigned char)digit) ? digit - '0' : tolower((unsigned char)digit) - 'a' + 10);
}

static bool parse_hex(const char *digits, uint8_t colour[4])
{
    const size_t count = strspn(digits, "0123456789abcdefABCDEF");
    if (digits[count] || (count != 3 && count != 4 && count != 6 && count != 8)) return false;
    const bool is_short = count <= 4;
    colour[3] = 255;
    for (size_t i = 0; i < (is_short ? count : count / 2); i++)
        colour[i] = is_short ? (uint8_t)(hex_digit(digits[i]) * 17)
                             : (uint8_t)(hex_digit(digits[2 * i]) * 16 + hex_digit(digits[2 * i + 1]));
    return true;
}

static bool parse_blur(const char *text, double *percent)
{
    if (strcasecmp(text, "blur") == 0) {
        *percent = BN_BLUR_USUAL_PERCENT;
        return true;
    }
    if (strncasecmp(text, "blur:", 5) != 0 || !isdigit((unsigned char)text[5])) return false;
    char *end;
    *percent = bn_number_read(text + 5, &end);
    if (*end == '%') end++;
    return *end == '\0' && *percent >= 0 && *percent <= 100;
}

bool bn_background_parse(const char *text, bn_background *background)
{
    bn_background parsed = {.kind = BN_BACKGROUND_COLOUR, .colour = {0, 0, 0, 255}};
    if (strcasecmp(text, "none") == 0 || strcasecmp(text, "transparent") == 0) {
        *background = (bn_background){0};
        return true;
    }
    if (parse_blur(text, &parsed.blur_percent)) {
        parsed.kind = BN_BACKGROUND_BLUR;
        *background = parsed;
        return true;
    }
    bool known = text[0] == '#' && parse_hex(text + 1, parsed.colour);
    for (size_t i = 0; i < BN_COUNT(basic_colours) && !known; i++) {
        known = strcasecmp(text, basic_colours[i].name) == 0;
        if (known) memcpy(parsed.colour, basic_colours[i].rgb, 3);
    }
    if (known) *background = parsed;
    return known;
}

static bn_status copy_image(const bn_image *image, bn_image **copy, bn_error *err)
{
    BN_TRY(bn_image_create(image->width, image->height, image->channels, image->depth, copy, err));
    memcpy((*copy)->pixels, image->pixels, bn_image_bytes(image));
    return BIREFNET_OK;
}

bn_status bn_background_prepare(const bn_background *background, const bn_image *photo, int threads,
                                bn_compose_options *how, bn_image **copy, bn_error *err)
{
    how->background = background->kind;
    memcpy(how->colour, background->colour, sizeof how->colour);
    how->blur_percent = background->blur_percent;
    how->image = background->image;
    if (background->kind != BN_BACKGROUND_IMAGE || !photo->icc) return BIREFNET_OK;
    BN_TRY(copy_image(background->image, copy, err));
    BN_TRY(bn_image_match_profile(*copy, photo, threads, err));
    how->image = *copy;
    return BIREFNET_OK;
}
