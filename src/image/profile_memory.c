/* profile_memory.c - see profile_memory.h. */
#include "image/profile_memory.h"

#include "base/size.h"

#include <stdint.h>
#include <stdlib.h>

#include <lcms2_plugin.h>

#define OWN_TABLES                                                                                           \
    ((size_t)8 << 20)  /* the largest that lcms2 makes for ink: 23^4 x 3 x 2 bytes are 1.6 MiB */
#define BYTES_A_BYTE 3 /* 8 bits become 16, and what is read lies beside it */

/* The context's user data is the cap itself. While a context is being made, lcms2 asks with another one that has none. */
static size_t cap_of(cmsContext context)
{
    const uintptr_t cap = (uintptr_t)cmsGetContextUserData(context);
    return cap ? cap : OWN_TABLES;
}

static void *allocate(cmsContext context, cmsUInt32Number bytes)
{
    return bytes <= cap_of(context) ? malloc(bytes) : NULL;
}

static void *reallocate(cmsContext context, void *memory, cmsUInt32Number bytes)
{
    return bytes <= cap_of(context) ? realloc(memory, bytes) : NULL;
}

static void release(cmsContext context, void *memory)
{
    (void)context;
    free(memory);
}

cmsContext bn_profile_context(size_t icc_bytes)
{
    cmsPluginMemHandler memory = {.base = {.Magic = cmsPluginMagicNumber,
                                           .ExpectedVersion = 2060, /* of lcms2 where this came */
                                           .Type = cmsPluginMemHandlerSig},
                                  .MallocPtr = allocate,
                                  .FreePtr = release,
                                  .ReallocPtr = reallocate};
    const size_t own = BN_MIN(icc_bytes, (size_t)UINT32_MAX);
    return cmsCreateContext(&memory, (void *)(uintptr_t)(OWN_TABLES + BYTES_A_BYTE * own));
}
