/* patience.c - starts the program again with GNU OpenMP told to spin less. */
#include "cli/patience.h"

#include <stdlib.h>
#include <unistd.h>

void bn_patience_limit(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY")) return;
    if (setenv("GOMP_SPINCOUNT", "1000", 1) == 0)
        execv("/proc/self/exe", argv); /* if not, we only wait worse */
}
