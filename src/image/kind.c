/* kind.c - the table of kinds that are not read here, and the few that a table cannot tell. */
#include "image/kind.h"

#include "base/size.h"
#include "image/format.h"

#include <string.h>
#include <strings.h>

#define RAW "a camera raw file"

static const struct {
    bn_kind kind;
    size_t at;
    const char *mark;
    size_t length;
} marks[] = {
#define MARK(name, is_picture, at, text)                                                                     \
    {                                                                                                        \
        {name, is_picture}, at, text, sizeof text - 1                                                        \
    }
    MARK("Apple CgBI PNG", true, 12, "CgBI"),
    MARK("JPEG 2000", true, 0, "\0\0\0\x0cjP  \r\n\x87\n"),
    MARK("JPEG 2000", true, 0, "\xff\x4f\xff\x51\0"),
    MARK("JPEG XR", true, 0, "II\xbc"),
    MARK("Photoshop PSD", true, 0, "8BPS\0"),
    MARK("GIMP XCF", true, 0, "gimp xcf"),
    MARK("Windows icon", true, 0, "\0\0\1\0"),
    MARK("Windows cursor", true, 0, "\0\0\2\0"),
    MARK("Apple icon", true, 0, "icns"),
    MARK("OpenEXR", true, 0, "\x76\x2f\x31\x01"),
    MARK("Radiance HDR", true, 0, "#?RADIANCE"),
    MARK("Radiance HDR", true, 0, "#?RGBE"),
    MARK("QOI", true, 0, "qoif"),
    MARK("DDS", true, 0, "DDS "),
    MARK("FLIF", true, 0, "FLIF"),
    MARK("BPG", true, 0, "BPG\xfb"),
    MARK("farbfeld", true, 0, "farbfeld"),
    MARK("DICOM", true, 128, "DICM"),
    MARK("FITS", true, 0, "SIMPLE  ="),
    MARK("Windows metafile", true, 0, "\xd7\xcd\xc6\x9a"),
    MARK(RAW, true, 0, "IIRO"),
    MARK(RAW, true, 0, "IIRS"),
    MARK(RAW, true, 0, "MMOR"),
    MARK(RAW, true, 0, "IIU\0"),
    MARK(RAW, true, 0, "FUJIFILMCCD-RAW"),
    MARK(RAW, true, 0, "FOVb"),
    MARK(RAW, true, 0, "\0MRM"),
    MARK(RAW, true, 6, "HEAPCCDR"),
    MARK(RAW, true, 8, "CR\2\0"),
    MARK("PDF", true, 0, "%PDF-"),
    MARK("PostScript", true, 0, "%!PS"),
    MARK("a video", true, 0, "\x1a\x45\xdf\xa3"),
    MARK("a video", true, 8, "AVI LIST"),
    MARK("a video", true, 0, "\0\0\1\xba"),
    MARK("a video", true, 0, "\0\0\1\xb3"),
    MARK("sound", false, 8, "WAVE"),
    MARK("sound", false, 0, "ID3"),
    MARK("gzip", false, 0, "\x1f\x8b\x08"),
    MARK("a ZIP archive", false, 0, "PK\3\4"),
    MARK("a 7z archive", false, 0, "7z\xbc\xaf\x27\x1c"),
    MARK("a RAR archive", false, 0, "Rar!\x1a\7"),
    MARK("xz", false, 0,
         "\xfd"
         "7zXZ"),
    MARK("zstd", false, 0, "\x28\xb5\x2f\xfd"),
    MARK("bzip2", false, 0, "BZh"),
    MARK("a property list", false, 0, "bplist00"),
    MARK("an AppleDouble file (what macOS keeps beside a file)", false, 0, "\0\5\x16\7"),
    MARK("RTF", false, 0, "{\\rtf"),
#undef MARK
};

/* Brands of ISO media files, of the first of them that is known. */
static const struct {
    char brand[5];
    bn_kind kind;
} brands[] = {
    {"crx ", {RAW, true}},       {"jp2 ", {"JPEG 2000", true}}, {"qt  ", {"a video", true}},
    {"isom", {"a video", true}}, {"iso2", {"a video", true}},   {"mp41", {"a video", true}},
    {"mp42", {"a video", true}}, {"M4V ", {"a video", true}},   {"3gp4", {"a video", true}},
    {"3gp5", {"a video", true}}, {"M4A ", {"sound", false}},
};

static const bn_kind *kind_of_media(const uint8_t *bytes, size_t size)
{
    static const bn_kind other = {"a video", true};
    if (size < 16 || memcmp(bytes + 4, "ftyp", 4) != 0) return NULL;
    const size_t box = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    const bn_kind *found = NULL;
    for (size_t at = 8; at + 4 <= BN_MIN(box, size); at += at == 8 ? 8 : 4)
        for (size_t i = 0; i < BN_COUNT(brands); i++)
            if (memcmp(bytes + at, brands[i].brand, 4) == 0 && !found) found = &brands[i].kind;
    return found ? found : &other;
}

/* ---- texts ---- */

static bool holds(const char *text, size_t length, const char *word)
{
    const size_t size = strlen(word);
    for (size_t at = 0; at + size <= length; at++)
        if (strncasecmp(text + at, word, size) == 0) return true;
    return false;
}

typedef struct text {
    const char *at;
    size_t length;
} text;

/* The first kilobyte, behind a byte order mark and blanks. */
static text find_text(const uint8_t *bytes, size_t size)
{
    text found = {(const char *)bytes, BN_MIN(size, (size_t)1024)};
    if (found.length >= 3 && memcmp(found.at, "\xef\xbb\xbf", 3) == 0) found.at += 3, found.length -= 3;
    while (found.length > 0 && *found.at && strchr(" \t\r\n", *found.at)) found.at++, found.length--;
    return found;
}

/* Of what begins with an angle bracket; NULL for other words in such. */
static const bn_kind *kind_of_markup(text t)
{
    static const bn_kind page = {"a web page", false}, svg = {"SVG", true}, xml = {"XML", false};
    static const char *const words[] = {"<html", "<!doctype html", "<head", "<body"};
    for (size_t i = 0; i < BN_COUNT(words); i++)
        if (holds(t.at, t.length, words[i])) return &page;
    if (holds(t.at, t.length, "<svg")) return &svg;
    return holds(t.at, BN_MIN(t.length, (size_t)5), "<?xml") ? &xml : NULL;
}

static bool has_control_bytes(text t)
{
    for (size_t i = 0; i < t.length; i++) {
        const uint8_t byte = (uint8_t)t.at[i];
        if (byte < '\t' || (byte > '\r' && byte < ' ')) return true;
    }
    return false;
}

static const bn_kind *kind_of_text(const uint8_t *bytes, size_t size)
{
    static const bn_kind json = {"JSON", false}, plain = {"text", false};
    const text t = find_text(bytes, size);
    const bn_kind *markup = t.length > 0 && *t.at == '<' ? kind_of_markup(t) : NULL;
    if (markup || t.length == 0) return markup;
    if (has_control_bytes(t)) return NULL;
    if (t.length >= 2 && (*t.at == '{' || *t.at == '[')) return &json;
    return t.length >= 16 ? &plain : NULL;
}

/* ---- TIFF that is a camera's ---- */

typedef struct tiff_bytes {
    const uint8_t *data;
    size_t size;
    bool big_endian;
} tiff_bytes;

static uint32_t read_number(const tiff_bytes *tiff, size_t at, size_t count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | tiff->data[at + (tiff->big_endian ? i : count - 1 - i)];
    return value;
}

/* The first folder is a preview (and the photo lies in one below), or holds what only raw files have. */
static bool is_raw_tiff(const uint8_t *bytes, size_t size)
{
    enum { NEW_SUBFILE_TYPE = 254, PHOTOMETRIC = 262, SUB_IFDS = 330, DNG_VERSION = 50706, CFA = 32803 };
    if (size < 8 || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0)) return false;
    const tiff_bytes tiff = {bytes, size, bytes[0] == 'M'};
    const size_t folder = read_number(&tiff, 4, 4);
    if (folder > size - 2 || folder + 2 > size) return false;
    const size_t entries = read_number(&tiff, folder, 2);
    bool is_preview = false, has_folders = false;
    for (size_t i = 0; i < entries && folder + 14 + 12 * i <= size; i++) {
        const size_t at = folder + 2 + 12 * i;
        const uint32_t tag = read_number(&tiff, at, 2), value = read_number(&tiff, at + 8, 4);
        if (tag == DNG_VERSION || (tag == PHOTOMETRIC && read_number(&tiff, at + 8, 2) == CFA)) return true;
        if (tag == NEW_SUBFILE_TYPE) is_preview = value & 1;
        if (tag == SUB_IFDS) has_folders = true;
    }
    return is_preview && has_folders;
}

/* ---- all of it ---- */

const bn_kind *bn_kind_of(const uint8_t *bytes, size_t size)
{
    static const bn_kind raw = {RAW, true};
    for (size_t i = 0; i < BN_COUNT(marks); i++)
        if (size >= marks[i].at + marks[i].length &&
            memcmp(bytes + marks[i].at, marks[i].mark, marks[i].length) == 0)
            return &marks[i].kind;
    if (is_raw_tiff(bytes, size)) return &raw;
    if (bn_format_from_bytes(bytes, size) != BN_FORMAT_NONE) return NULL;
    const bn_kind *found = kind_of_media(bytes, size);
    return found ? found : kind_of_text(bytes, size);
}

const bn_kind *bn_kind_of_path(const char *path)
{
    static const bn_kind raw = {RAW, true};
    static const char *const suffixes[] = {"nef", "nrw", "arw", "srf", "sr2", "dng", "cr2", "cr3", "pef",
                                           "raf", "orf", "rw2", "3fr", "iiq", "erf", "kdc", "srw", "x3f"};
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; dot && i < BN_COUNT(suffixes); i++)
        if (strcasecmp(dot + 1, suffixes[i]) == 0) return &raw;
    return NULL;
}
