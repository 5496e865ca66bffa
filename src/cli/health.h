/* health.h - what `birefnet work --listen` answers: /healthz, /readyz, /metrics, and nothing else. */
#ifndef BN_CLI_HEALTH_H
#define BN_CLI_HEALTH_H

#include "cli/address.h"
#include "http/http.h"
#include "queue/jobs.h"

/* jobs must outlive the server, which the caller closes. */
bn_status bn_health_open(bn_jobs *jobs, const bn_address *where, bn_http_server **server, bn_error *err);

#endif
