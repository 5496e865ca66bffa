/* exif_rules.c - see exif_rules.h. Tags are named in Exif 2.32 (CIPA DC-008). Of the first folder, which in a TIFF says how
 * its pixels lie, only what is named here goes; of the others, all but what would be wrong or cannot be moved. */
#include "image/exif_rules.h"

#include "base/size.h"

enum { NEVER = BN_METADATA_ALL + 1 };

static const uint16_t safe_image[] = {
    0x010F, 0x0110,         /* make, model */
    0x0132,                 /* time of change */
    0x013B, 0x8298, 0x9C9D, /* artist, copyright, author as Windows writes it */
};

static const uint16_t all_image[] = {
    0x010E, 0x0131, 0x013C,         /* description, software, computer */
    0x4746, 0x4749,                 /* rating */
    0x9C9B, 0x9C9C, 0x9C9E, 0x9C9F, /* title, comment, keywords, subject as Windows writes them */
};

static const uint16_t safe_photo[] = {
    0x829A, 0x829D, 0x8822, 0x8827, 0x8830, 0x8832, /* exposure, aperture, programme, sensitivity */
    0x9000,                                         /* version of the block */
    0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292, /* times, their zones and parts of a second */
    0x9201, 0x9202, 0x9203, 0x9204, 0x9205, 0x9206, 0x9207, 0x9208, 0x9209,
    0x920A,                                 /* shutter to focal length */
    0xA402, 0xA403, 0xA404, 0xA405, 0xA406, /* modes, zoom, focal length on 35 mm */
    0xA432, 0xA433, 0xA434,                 /* lens: range, make, model */
};

/* Maker's note; how pixels are stored, their number, colour space, pointers: of the photo's file, not of a result's. */
static const uint16_t never_photo[] = {0x014A, 0x0201, 0x0202, 0x8769, 0x8825, 0x927C, 0x9101,
                                       0x9102, 0xA001, 0xA002, 0xA003, 0xA005, 0xA20B, 0xA20C};

static bool holds(const uint16_t *list, size_t count, unsigned tag)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == tag) return true;
    return false;
}

int bn_exif_level(bn_exif_folder folder, unsigned tag)
{
    switch (folder) {
    case BN_EXIF_IMAGE:
        if (holds(safe_image, BN_COUNT(safe_image), tag)) return BN_METADATA_SAFE;
        return holds(all_image, BN_COUNT(all_image), tag) ? (int)BN_METADATA_ALL : NEVER;
    case BN_EXIF_PHOTO:
        if (holds(safe_photo, BN_COUNT(safe_photo), tag)) return BN_METADATA_SAFE;
        return holds(never_photo, BN_COUNT(never_photo), tag) ? NEVER : (int)BN_METADATA_ALL;
    case BN_EXIF_PLACE:
        return BN_METADATA_ALL;
    case BN_EXIF_FOLDERS:
        break;
    }
    return NEVER;
}
