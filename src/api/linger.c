/* linger.c - how many connections one key may hold by what is answered late: status streams, and runs whose client waits.
 * Such connections never make room for others, as the server owes the answer, not the client. */
#include "api/call.h"

#include <limits.h>

static bool is_late(bn_route_kind kind)
{
    return kind == BN_ROUTE_RUN || kind == BN_ROUTE_STATUS_STREAM || kind == BN_ROUTE_TOUCH_UP ||
           kind == BN_ROUTE_REMBG_GET || kind == BN_ROUTE_REMBG_POST;
}

/* Half of a port's, on all ports together: fewer than those where others begin to be cut. */
static int most_of_a_key(const bn_service *service)
{
    const int connections = service->options.max_connections;
    return connections > 0 ? connections / 2 : INT_MAX;
}

bool bn_call_linger(bn_call *call, bn_http_request *request)
{
    bn_answer refusal;
    bn_service *service = call->service;
    if (!is_late(call->route.kind)) return true;
    call->lingers = bn_jobs_linger(service->jobs, call->key_id, most_of_a_key(service), &refusal);
    if (!call->lingers) bn_reply_answer(request, &refusal);
    return call->lingers;
}

void bn_call_leave(bn_call *call)
{
    if (call->lingers) bn_jobs_leave(call->service->jobs, call->key_id);
    call->lingers = false;
}
