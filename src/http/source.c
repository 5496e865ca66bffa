/* source.c - replies whose bytes come from elsewhere: pool threads read pieces, which may take long, and the event loop sends
 * them. A client is suspended while there is nothing to send; while one piece leaves nothing more is read than the next. */
#include "http/private.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES ((size_t)256 * 1024)

/* The lock is held. The pool reads the next piece, if it does not already. */
static void ask_for_more(bn_http_request *request)
{
    struct bn_http_private *own = request->private;
    if (own->phase != BN_PHASE_READY || own->source_read == request->reply.size) return;
    bn_request_queue(request);
}

/* MHD asks for the next bytes, on the event loop. */
static ssize_t send_piece(void *user, uint64_t position, char *out, size_t max)
{
    bn_http_request *request = user;
    struct bn_http_private *own = request->private;
    (void)position;
    pthread_mutex_lock(&own->lock);
    const size_t left = own->phase == BN_PHASE_READY ? own->piece_bytes - own->piece_read : 0;
    ssize_t got = 0;
    if (left > 0) {
        got = (ssize_t)BN_MIN(left, max);
        memcpy(out, own->piece + own->piece_read, (size_t)got);
        own->piece_read += (size_t)got;
        if ((size_t)got == left) ask_for_more(request);
    } else if (own->source_failed || own->gone || !own->connection) {
        got = MHD_CONTENT_READER_END_WITH_ERROR;
    } else {
        ask_for_more(request);
        own->suspended = true;
        MHD_suspend_connection(own->connection);
    }
    pthread_mutex_unlock(&own->lock);
    return got;
}

static void drop(void *user)
{
    bn_http_request_drop(user);
}

struct MHD_Response *bn_source_response(bn_http_request *request)
{
    request->private->sourcing = true;
    return MHD_create_response_from_callback(request->reply.size, 65536, send_piece, request, drop);
}

void bn_source_fill(bn_http_request *request)
{
    struct bn_http_private *own = request->private;
    const bn_http_reply *reply = &request->reply;
    size_t got = 0;
    if (!own->piece) own->piece = malloc(PIECE_BYTES);
    if (own->piece && !bn_http_gone(request)) {
        const size_t wanted = (size_t)BN_MIN(reply->size - own->source_read, (uint64_t)PIECE_BYTES);
        const uint64_t at = reply->offset + own->source_read;
        if (reply->source.read(reply->source.user, at, own->piece, wanted, &got, NULL) != BIREFNET_OK)
            got = 0;
    }
    pthread_mutex_lock(&own->lock);
    own->piece_bytes = got;
    own->piece_read = 0;
    own->source_read += got;
    own->source_failed = got == 0;
    pthread_mutex_unlock(&own->lock);
}
