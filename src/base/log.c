/* log.c - formats a line and passes it to the caller's logger. */
#include "base/log.h"

#include "base/visible.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void bn_log_line(const bn_log *log, birefnet_log_level level, const char *format, ...)
{
    if (!log || !log->write) return;
    char line[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    bn_make_visible(line, strlen(line)); /* names in it are whatever somebody wrote */
    log->write(log->user, level, line);
}
