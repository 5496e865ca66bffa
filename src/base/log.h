/* log.h - handing one line to whoever listens: the library itself never prints. */
#ifndef BN_BASE_LOG_H
#define BN_BASE_LOG_H

#include "birefnet.h"

typedef struct bn_log {
    birefnet_log_fn write; /* NULL: silent */
    void *user;
} bn_log;

void bn_log_line(const bn_log *log, birefnet_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
