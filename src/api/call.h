/* call.h - one request inside the service, and the functions that answer it, one file a family. */
#ifndef BN_API_CALL_H
#define BN_API_CALL_H

#include "api/reply.h"
#include "api/route.h"
#include "api/service.h"

#include <stdatomic.h>

#define BN_SERVERS_MAX 4

struct bn_service {
    bn_service_options options;
    bn_jobs *jobs;
    bn_http_server *servers[BN_SERVERS_MAX];
    _Atomic(int) server_count;
    _Atomic(uint64_t) answered[6]; /* by the status's first digit; 0: the client had gone */
};

typedef struct bn_call {
    bn_service *service;
    bn_target target;
    bn_route route;
    bool proxied; /* x-fal-target-url chose the target */
    bool foreign; /* a page that is not ours has sent it: it must not lead into the network that we are in */
    char key_id[BN_KEY_ID_CHARS];
    char job_id[BN_REQUEST_ID_CHARS]; /* of a sync run; empty before it is accepted */
    bool lingers;                     /* see linger.c */
    bool job_done;                    /* its result was fetched: nothing to cancel */
    bn_watch *watch;
    bool want_logs;
    bool told; /* status stream: something was sent */
    bn_request_state told_state;
    int told_position;
    int64_t told_log;
    double told_ms; /* bn_clock_ms */
} bn_call;

typedef bn_http_next (*bn_call_fn)(bn_call *call, bn_http_request *request);

/* fal_run.c: run, and what run and submit have in common */
bn_http_next bn_call_run(bn_call *call, bn_http_request *request);
bn_http_next bn_call_submit(bn_call *call, bn_http_request *request);
/* A run whose matte comes with it: its client has made it. */
bn_http_next bn_call_touch_up(bn_call *call, bn_http_request *request);
bn_http_next bn_reply_answer(bn_http_request *request, bn_answer *answer); /* frees answer */
/* Wait for call->job_id: BN_HTTP_PARK, or REPLY once *done is true, and then the caller makes the reply. */
bn_http_next bn_call_wait(bn_call *call, bn_http_request *request, bool *done);

/* linger.c */
/* Where the answer may come late, from before the body on, which may come slowly. False with the reply made where as many
 * clients of this key wait as may. */
bool bn_call_linger(bn_call *call, bn_http_request *request);
void bn_call_leave(bn_call *call); /* nothing where it did not linger */

/* fal_queue.c */
bn_http_next bn_call_status(bn_call *call, bn_http_request *request);
bn_http_next bn_call_result(bn_call *call, bn_http_request *request);
bn_http_next bn_call_cancel(bn_call *call, bn_http_request *request);
/* Whether the request of route.id is the caller's to know of; else it is answered as one that is not there. */
bn_status bn_call_may_see(const bn_call *call, bn_error *err); /* as bn_jobs_may_see */
/* The status object as JSON text, without a closing zero; raw_logs: JSON array or NULL. */
bn_status bn_status_write(const bn_call *call, const char *id, const bn_request_status *status,
                          bn_buffer *out, bn_error *err);

/* fal_stream.c */
bn_http_next bn_call_status_stream(bn_call *call, bn_http_request *request);

/* storage.c: uploads and tokens */
bn_http_next bn_call_upload_initiate(bn_call *call, bn_http_request *request);
bn_http_next bn_call_upload_token(bn_call *call, bn_http_request *request);
bn_http_next bn_call_tokens(bn_call *call, bn_http_request *request);
bn_http_next bn_call_put_file(bn_call *call, bn_http_request *request);
bn_http_next bn_call_put_part(bn_call *call, bn_http_request *request);
bn_http_next bn_call_put_complete(bn_call *call, bn_http_request *request);
bn_http_next bn_call_cdn_upload(bn_call *call, bn_http_request *request);
bn_http_next bn_call_cdn_multipart(bn_call *call, bn_http_request *request);
bn_http_next bn_reply_error(bn_http_request *request, bn_status status, const bn_error *err);

/* files.c */
/* The bytes of a file from reply.offset on, reply.size of them; facts are of bn_jobs_file_find. False: err says why not. */
bn_status bn_reply_file(bn_call *call, bn_http_request *request, const bn_file_facts *facts, bn_error *err);
bn_http_next bn_call_file(bn_call *call, bn_http_request *request);

/* pages.c: the page, documents, health */
bn_http_next bn_call_page(bn_call *call, bn_http_request *request);
bn_http_next bn_call_openapi(bn_call *call, bn_http_request *request);
bn_http_next bn_call_presets(bn_call *call, bn_http_request *request);
bn_http_next bn_call_jwks(bn_call *call, bn_http_request *request);
bn_http_next bn_call_health(bn_call *call, bn_http_request *request);
bn_http_next bn_call_ready(bn_call *call, bn_http_request *request);
bn_http_next bn_call_metrics(bn_call *call, bn_http_request *request);

/* rembg.c */
bn_http_next bn_call_rembg(bn_call *call, bn_http_request *request);

/* admin.c */
/* A proxy says that it stands between: whoever is behind one on this machine looks like this machine, and is not. */
bool bn_is_passed_on(const bn_http_request *request);
/* Where no keys are configured: a client of this machine that no proxy stands before. ours: it asks by our own name. */
bool bn_admin_may_without_key(const bn_call *call, const bn_http_request *request, bool ours);
bn_http_next bn_call_admin_overview(bn_call *call, bn_http_request *request);
bn_http_next bn_call_admin_key_make(bn_call *call, bn_http_request *request);
bn_http_next bn_call_admin_key_revoke(bn_call *call, bn_http_request *request);

/* access_log.c */
void bn_access_log_write(const bn_call *call, const bn_http_request *request, int status, bool complete);

#endif
