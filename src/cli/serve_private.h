/* serve_private.h - what serve.c and serve_say.c share. */
#ifndef BN_CLI_SERVE_PRIVATE_H
#define BN_CLI_SERVE_PRIVATE_H

#include "cli/address.h"
#include "cli/commands.h"
#include "cli/computing.h"
#include "cli/descriptors.h"
#include "cli/exits.h"
#include "api/service.h"
#include "api/target.h"
#include "http/tls.h"
#include "http/tunnel.h"

/* Everything that is open while the server runs. */
typedef struct bn_server {
    const bn_values *values;
    bn_console *console;
    bn_stage stage; /* for the exit code, should it fail */
    char data_folder[1024];
    bn_address listen, tls_listen, proxy_listen;
    bool tls;
    char bundle[1024]; /* of --tls-self-signed; else empty */
    bn_certificate certificate;
    bn_computing computing;
    char fallback[4096];
    int access_log_fd;
    bn_line_writer *access_log;
    uint64_t max_stored_bytes;
    bn_descriptor_plan descriptors;
    bn_jobs *jobs;
    bn_service *service;
    bn_http_server *plain, *secure;
    bn_tunnel *proxy;
} bn_server;

/* serve_say.c: where it answers, with which weights, for whom, and what clients need in their environment. */
void bn_serve_say_start(bn_server *own);

#endif
