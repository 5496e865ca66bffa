/* format.c - the table of formats, and looking things up in it. */
#include "image/format.h"

#include "base/size.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* libjpeg-turbo writes 65500 pixels a side, though the format holds 65535. */
static const bn_format_facts table[BN_FORMATS] = {
    [BN_FORMAT_NONE] = {"none", {NULL}, "application/octet-stream", false, false, 0},
    [BN_FORMAT_JPEG] = {"jpeg", {"jpg", "jpeg", "jpe", NULL}, "image/jpeg", true, false, 65500},
    [BN_FORMAT_PNG] = {"png", {"png", NULL}, "image/png", true, true, 0},
    [BN_FORMAT_WEBP] = {"webp", {"webp", NULL}, "image/webp", true, true, 16383},
    [BN_FORMAT_GIF] = {"gif", {"gif", NULL}, "image/gif", true, true, 65535},
    [BN_FORMAT_AVIF] = {"avif", {"avif", NULL}, "image/avif", false, true, 0},
    [BN_FORMAT_TIFF] = {"tiff", {"tif", "tiff", NULL}, "image/tiff", true, true, 0},
    [BN_FORMAT_HEIF] = {"heic", {"heic", "heif", "hif"}, "image/heic", false, true, 0},
    [BN_FORMAT_BMP] = {"bmp", {"bmp", "dib"}, "image/bmp", false, true, 0},
    [BN_FORMAT_PNM] = {"pnm", {"ppm", "pgm", "pbm", "pnm", "pam"}, "image/x-portable-anymap", false, true, 0},
    [BN_FORMAT_JXL] = {"jxl", {"jxl"}, "image/jxl", false, true, 0},
};

const bn_format_facts *bn_format_get_facts(bn_format format)
{
    return &table[format];
}

static bool equal_span(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

bn_format bn_format_from_name(const char *name)
{
    const size_t length = strlen(name);
    for (bn_format format = BN_FORMAT_NONE + 1; format < BN_FORMATS; format++) {
        if (equal_span(name, length, table[format].name)) return format;
        for (const char *const *suffix = table[format].suffixes; *suffix; suffix++)
            if (equal_span(name, length, *suffix)) return format;
    }
    return BN_FORMAT_NONE;
}

bn_format bn_format_from_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    return dot ? bn_format_from_name(dot + 1) : BN_FORMAT_NONE;
}

bn_format bn_format_from_mime(const char *mime)
{
    const size_t length = strcspn(mime, "; \t");
    for (bn_format format = BN_FORMAT_NONE + 1; format < BN_FORMATS; format++)
        if (equal_span(mime, length, table[format].mime)) return format;
    if (equal_span(mime, length, "image/heif")) return BN_FORMAT_HEIF;
    return equal_span(mime, length, "image/jpg") ? BN_FORMAT_JPEG : BN_FORMAT_NONE;
}

/* Whether an ISO media file has one of these brands, as its first one or among the compatible ones. */
static bool has_brand(const uint8_t *bytes, size_t size, const char brands[][5], size_t count)
{
    if (size < 16 || memcmp(bytes + 4, "ftyp", 4) != 0) return false;
    const size_t box = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    for (size_t at = 8; at + 4 <= BN_MIN(box, size); at += 4)
        for (size_t i = 0; at != 12 && i < count; i++)
            if (memcmp(bytes + at, brands[i], 4) == 0) return true;
    return false;
}

/* AVIF, a still or a sequence; HEIF, whose own brand is AVIF's, too. */
static bn_format format_of_media(const uint8_t *bytes, size_t size)
{
    static const char avif[][5] = {"avif", "avis"};
    static const char heif[][5] = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"};
    if (has_brand(bytes, size, avif, BN_COUNT(avif))) return BN_FORMAT_AVIF;
    return has_brand(bytes, size, heif, BN_COUNT(heif)) ? BN_FORMAT_HEIF : BN_FORMAT_NONE;
}

/* Two letters are little: the size of a header that there is, too. */
static bool is_bmp(const uint8_t *bytes, size_t size)
{
    return size >= 26 && !memcmp(bytes, "BM", 2) && bytes[14] >= 12 && bytes[14] <= 124 && bytes[15] == 0 &&
           bytes[16] == 0 && bytes[17] == 0;
}

static bool is_pnm(const uint8_t *bytes, size_t size)
{
    return size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' &&
           (isspace(bytes[2]) || bytes[2] == '#');
}

static bool is_webp(const uint8_t *bytes, size_t size)
{
    return size >= 12 && !memcmp(bytes, "RIFF", 4) && !memcmp(bytes + 8, "WEBP", 4);
}

/* What files begin with. */
static const struct {
    bn_format format;
    size_t length;
    char text[13];
} marks[] = {
    {BN_FORMAT_JPEG, 3, "\xff\xd8\xff"},
    {BN_FORMAT_PNG, 8, "\x89PNG\r\n\x1a\n"},
    {BN_FORMAT_GIF, 6, "GIF87a"},
    {BN_FORMAT_GIF, 6, "GIF89a"},
    {BN_FORMAT_TIFF, 4, "II*\0"},
    {BN_FORMAT_TIFF, 4, "MM\0*"},
    {BN_FORMAT_TIFF, 4, "II+\0"}, /* BigTIFF */
    {BN_FORMAT_TIFF, 4, "MM\0+"},
    {BN_FORMAT_JXL, 2, "\xff\x0a"},
    {BN_FORMAT_JXL, 12, "\0\0\0\x0cJXL \r\n\x87\n"},
};

bn_format bn_format_from_bytes(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < BN_COUNT(marks); i++)
        if (size >= marks[i].length && memcmp(bytes, marks[i].text, marks[i].length) == 0)
            return marks[i].format;
    if (is_webp(bytes, size)) return BN_FORMAT_WEBP;
    if (is_bmp(bytes, size)) return BN_FORMAT_BMP;
    if (is_pnm(bytes, size)) return BN_FORMAT_PNM;
    return format_of_media(bytes, size);
}
