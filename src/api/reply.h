/* reply.h - the forms of reply that the routes share: JSON, the service's two kinds of error, the fields that every
 * reply carries. */
#ifndef BN_API_REPLY_H
#define BN_API_REPLY_H

#include "http/http.h"

#include <jansson.h>

/* Takes `body` (NULL: memory ran out, a plain 500 is sent). ASCII only: clients decode piece by piece. */
bn_http_next bn_reply_json(bn_http_request *request, int status, json_t *body);

/* As bn_reply_json, for JSON text that is there already. */
bn_http_next bn_reply_json_text(bn_http_request *request, int status, const char *text);

bn_http_next bn_reply_bytes(bn_http_request *request, int status, const char *type, const void *bytes,
                            size_t size);

/* {"detail": "..."} */
bn_http_next bn_reply_detail(bn_http_request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* {"detail": "...", "error_type": "..."} and the field that repeats the type: faults of the service, not of the input. */
bn_http_next bn_reply_fault(bn_http_request *request, int status, const char *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* x-fal-request-id, for errors whether trying again may help, and CORS where pages of others may read the reply. Added to
 * every reply, once. */
void bn_reply_finish(bn_http_request *request, bool for_pages);

/* The answer to a preflight: everything is allowed to every page; the key decides. */
bn_http_next bn_reply_preflight(bn_http_request *request);

#endif
