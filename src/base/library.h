/* library.h - shared libraries that are opened when something of their kind comes, and never linked: most processes do
 * not need them, and some hold GPL code. */
#ifndef BN_BASE_LIBRARY_H
#define BN_BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

/* Where the address of a function goes in the caller's table of pointers. */
typedef struct bn_library_symbol {
    const char *name;
    size_t offset;
} bn_library_symbol;

/* Open `file` ("libtiff.so.6": the version that the headers are of) and fill the table. False where it is not installed
 * or lacks one of the functions. Opening it again costs some microseconds; it stays in the process. */
bool bn_library_load(const char *file, const bn_library_symbol *symbols, size_t count, void *table);

#endif
