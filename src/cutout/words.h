/* words.h - settings of a picture as people write them, on the command line and in requests. */
#ifndef BN_CUTOUT_WORDS_H
#define BN_CUTOUT_WORDS_H

#include "cutout/cutout.h"

#define BN_CANVAS_MIN_PX 16
#define BN_CANVAS_MAX_PX 30000

/* Each is false, and changes nothing, where the text is none of its own. */
bool bn_placement_parse(const char *text,
                        bn_placement *canvas); /* "2000x1500" or "2000", each BN_CANVAS_MIN_PX to _MAX_PX */
bool bn_fit_parse(const char *text, bn_placement *canvas);        /* "90%" or "90", 1 to 100 */
bool bn_align_parse(const char *text, bn_placement *canvas);      /* "center" or "bottom" */
bool bn_shadow_parse(const char *text, bn_shadow_kind *shadow);   /* "none", "soft" or "contact" */
bool bn_crop_parse(const char *text, bn_cutout_options *options); /* "20", "20px" or "5%"; NULL: no margin */

#endif
