/* sized.h - public structs that callers of other versions may have shorter or longer than we do ("Versions" in birefnet.h). */
#ifndef BN_BASE_SIZED_H
#define BN_BASE_SIZED_H

#include "base/error.h"

/* Bytes of a struct up to the end of a member: what its first version had. */
#define BN_SIZED_UNTIL(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

/* The caller's options, which begin with their size (0: first_bytes), over `to`, which holds our defaults; NULL changes nothing.
 * ARGUMENT: no size that can be. UNSUPPORTED: what we do not have of it is not zero. */
bn_status bn_sized_read(void *to, size_t to_bytes, const void *from, size_t first_bytes, bn_error *err);

/* Our struct to a caller who has `to_bytes` of it; what we do not have of that becomes zero. */
void bn_sized_write(void *to, size_t to_bytes, const void *from, size_t from_bytes);

#endif
