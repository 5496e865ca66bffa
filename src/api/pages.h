/* pages.h - the page's files, part of the program. */
#ifndef BN_API_PAGES_H
#define BN_API_PAGES_H

#include <stddef.h>

typedef struct bn_page {
    const char *name; /* below web/, "index.html" */
    const unsigned char *data;
    size_t size;
    const char *etag; /* with its quotes */
} bn_page;

extern const bn_page bn_pages[]; /* ends with a NULL name; written by embed.cmake */

#endif
