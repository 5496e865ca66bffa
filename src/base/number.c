/* number.c - see number.h. */
#include "base/number.h"

#include <locale.h>
#include <stdlib.h>

double bn_number_read(const char *text, char **end)
{
    /* glibc's is static: nothing is allocated, and nothing to be freed */
    return strtod_l(text, end, newlocale(LC_ALL_MASK, "C", (locale_t)0));
}
