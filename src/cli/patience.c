/* patience.c - starts the program again with GNU OpenMP told to spin less. */
#include "cli/patience.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

void bn_patience_limit(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY")) {
        prctl(PR_SET_NAME,
              "birefnet"); /* for ps and pkill: who was started as /proc/self/exe is called "exe" */
        return;
    }
    if (setenv("GOMP_SPINCOUNT", "1000", 1) == 0)
        execv("/proc/self/exe", argv); /* if not, we only wait worse */
}
