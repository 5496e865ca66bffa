/* versions.h - the libraries this program runs on. */
#ifndef BN_CLI_VERSIONS_H
#define BN_CLI_VERSIONS_H

#include <stddef.h>

typedef struct bn_library_version {
    const char *name;
    char version[64];
} bn_library_version;

#define BN_LIBRARIES 19

/* Fill the list; what is loaded, not what was compiled against, where the library tells. */
void bn_versions_get(bn_library_version list[BN_LIBRARIES]);

#endif
