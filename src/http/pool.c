/* pool.c - the few threads that handle complete requests, so that the event loop never waits. */
#include "http/private.h"

static bn_http_request *take(bn_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->stop) pthread_cond_wait(&pool->work, &pool->lock);
    bn_http_request *request = pool->first;
    if (request) {
        pool->first = request->private->next_queued;
        if (!pool->first) pool->last = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    return request;
}

static void *work(void *argument)
{
    bn_pool *pool = argument;
    for (bn_http_request *request; (request = take(pool)) != NULL;) {
        struct bn_http_private *own = request->private;
        pthread_mutex_lock(&own->lock);
        if (own->ending) {
            pthread_mutex_unlock(&own->lock);
            bn_request_end(request);
            continue;
        }
        own->phase = BN_PHASE_RUNNING;
        own->wake_pending = false;
        own->wake_at_ms = 0;
        pthread_mutex_unlock(&own->lock);
        const bn_http_handler *handler = &own->server->handler;
        bn_http_next next = BN_HTTP_REPLY;
        if (own->sourcing)
            bn_source_fill(request);
        else
            next = handler->handle(handler->user, request);
        bn_request_after(request, next);
        bn_http_request_drop(request);
    }
    return NULL;
}

bn_status bn_pool_start(bn_pool *pool, int threads, bn_error *err)
{
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    const int wanted = threads < 1 ? 1 : threads > 64 ? 64 : threads;
    for (; pool->count < wanted; pool->count++)
        if (pthread_create(&pool->threads[pool->count], NULL, work, pool) != 0) break;
    if (pool->count == 0) return bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot start a thread");
    return BIREFNET_OK;
}

void bn_pool_stop(bn_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->count; i++) pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
}

void bn_pool_put(bn_pool *pool, bn_http_request *request)
{
    request->private->next_queued = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->last)
        pool->last->private->next_queued = request;
    else
        pool->first = request;
    pool->last = request;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}
