/* profile_memory.h - lcms2 with a cap on what it allocates: a profile of a few hundred bytes can claim tables of gigabytes. */
#ifndef BN_IMAGE_PROFILE_MEMORY_H
#define BN_IMAGE_PROFILE_MEMORY_H

#include <stddef.h>

#include <lcms2.h>

/* A context for profiles of `icc_bytes` in all, to be deleted by cmsDeleteContext. lcms2 gets no piece of memory there that is
 * larger than what such profiles can fill (three times their bytes) and the tables that it makes itself want; it then finds the profile
 * unusable. NULL where memory is out. A context is used by one thread at a time until its transforms are made. */
cmsContext bn_profile_context(size_t icc_bytes);

#endif
