/* attend.h - the queries of an attention that anybody wants: a window at the picture's edge is padded, and what attention makes
 * of padding is thrown away. Private to the kernels. */
#ifndef BN_NN_CPU_ATTEND_H
#define BN_NN_CPU_ATTEND_H

#include "nn/cpu/kernels.h"

#include <stdbool.h>

static inline bool bn_attend_wants(const bn_attend_job *job, int query)
{
    return !job->rows || job->rows[query] >= 0;
}

static inline int bn_attend_wanted(const bn_attend_job *job)
{
    int count = 0;
    for (int i = 0; i < job->queries; i++) count += bn_attend_wants(job, i);
    return count;
}

/* Up to `most` wanted queries from *next on; *next goes behind the last. Returns how many. */
static inline int bn_attend_next(const bn_attend_job *job, int *next, int most, int *queries)
{
    int count = 0;
    for (; *next < job->queries && count < most; ++*next)
        if (bn_attend_wants(job, *next)) queries[count++] = *next;
    return count;
}

#endif
