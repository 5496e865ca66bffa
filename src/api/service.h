/* service.h - the server's behaviour: from requests (http.h) to calls of the queue (queue/jobs.h) and back. */
#ifndef BN_API_SERVICE_H
#define BN_API_SERVICE_H

#include "base/line_writer.h"
#include "http/http.h"
#include "queue/jobs.h"

typedef struct bn_service bn_service;

typedef struct bn_service_options {
    bn_jobs *jobs;          /* borrowed */
    const char *public_url; /* what clients reach us at, where it is not what they say; or NULL */
    bool anyone;            /* without keys: answer other machines, too */
    bn_line_writer *access_log,
        *server_log;          /* one JSON line a request; what /metrics tells of; NULL = none; borrowed */
    uint64_t max_body_bytes;  /* of run and submit: photos may come as data URIs */
    uint64_t max_file_bytes;  /* of an upload */
    size_t max_waiting_bytes; /* of all bodies in memory together */
    int max_connections;      /* of each server; 0: not known, and clients of one key may hold any number */
    int sync_timeout_ms;      /* a run that takes longer is given up: clients do not wait longer either */
} bn_service_options;

void bn_service_options_default(bn_service_options *options);
/* What stands in the access log where lines of it are missing: see line_writer.h. */
int bn_access_log_lost(char *line, size_t size, uint64_t lost);

bn_status bn_service_open(const bn_service_options *options, bn_service **service, bn_error *err);
void bn_service_close(bn_service **service); /* after the servers that it handles */

/* What a server is opened with; any number of servers may share one service. */
bn_http_handler bn_service_handler(bn_service *service);
/* The servers whose facts /metrics tells; at most 4. */
void bn_service_add_server(bn_service *service, bn_http_server *server);

#endif
