/* rembg_wish.h - what a call of rembg's API asks for: its parameters, in our words. */
#ifndef BN_API_REMBG_WISH_H
#define BN_API_REMBG_WISH_H

#include "api/call.h"
#include "http/form.h"

typedef struct bn_rembg_wish {
    const char *preset;
    bool only_mask, hard_mask;
    bn_sure_levels sure; /* a, af, ab, ae */
    char colour[10];     /* bgc as "#rrggbbaa"; "" for none */
    char *
        background; /* ours besides: as the endpoint's field; owned; NULL for none, and where the form has a file of it */
} bn_rembg_wish;

/* NULL, or what is wrong with the request. form may be NULL. The caller frees the wish in either case. */
const char *bn_rembg_wish_read(const bn_call *call, const bn_form *form, bn_rembg_wish *wish);
void bn_rembg_wish_free(bn_rembg_wish *wish);

#endif
