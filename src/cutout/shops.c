/* shops.c - the table of shops; docs/SHOPS.md shows it to users. */
#include "cutout/shops.h"

#include "base/size.h"

#include <string.h>

/* 90 % leaves room for the matte's error above the 85 % that a rule asks for. */
static const bn_shop shops[] = {
    {"amazon", 2000, 2000, 90,
     "main image: pure white (255, 255, 255), the product alone and whole, at least 85 % of the frame; 1000 "
     "px or "
     "more on the longer side for the zoom, 1600 and more advised, 10000 at most; JPEG, sRGB",
     "sellercentral.amazon.com, product image guide (G1881)"},
    {"ebay", 1600, 1600, 90,
     "500 px or more on the longest side, 1000 and more advised; no added borders, text, artwork or "
     "watermarks; "
     "JPEG of quality 90 or more",
     "ebay.com/help/policies/listing-policies/picture-policy?id=4370, "
     "developer.ebay.com/support/kb-article?KBid=1489"},
    {"etsy", 2700, 2025, 90,
     "2000 px or more on the shortest side; 4:3, as search results show the first photo",
     "help.etsy.com, requirements and best practices for images in your shop"},
    {"shopify", 2048, 2048, 90, "square, 2048 x 2048 px shows best; 4472 x 4472 px (20 megapixels) at most",
     "shopify.dev/docs/apps/online-store/media/products"},
    {"square", 2000, 2000, 90, "none: white, square, enough for every shop above", "this project"},
};

const bn_shop *bn_shop_at(size_t index)
{
    return index < BN_COUNT(shops) ? &shops[index] : NULL;
}

const bn_shop *bn_shop_find(const char *name)
{
    for (size_t i = 0; i < BN_COUNT(shops); i++)
        if (strcmp(shops[i].name, name) == 0) return &shops[i];
    return NULL;
}

void bn_shop_apply(const bn_shop *shop, bn_cutout_options *options)
{
    options->canvas = (bn_placement){.used = true,
                                     .width = shop->width,
                                     .height = shop->height,
                                     .fit_percent = shop->fit_percent,
                                     .align = BN_ALIGN_CENTER};
    options->background = (bn_background){.kind = BN_BACKGROUND_COLOUR, .colour = {255, 255, 255, 255}};
    options->to_srgb = true;
}
