/* library.c - see library.h. */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

bool bn_library_load(const char *file, const bn_library_symbol *symbols, size_t count, void *table)
{
    /* some libraries have threads or thread-local data that do not bear being unloaded */
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library) return false;
    bool complete = true;
    for (size_t i = 0; i < count; i++) {
        void *address = dlsym(library, symbols[i].name);
        /* POSIX lets a data pointer of dlsym be taken as a function's */
        memcpy((char *)table + symbols[i].offset, &address, sizeof address);
        if (!address) complete = false;
    }
    dlclose(library);
    return complete;
}
