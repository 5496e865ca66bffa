/* queue.c - a ring under a mutex. */
#include "cli/queue.h"

void bn_queue_init(bn_queue *queue, size_t capacity)
{
    *queue = (bn_queue){.capacity = capacity < BN_QUEUE_MAX ? capacity : BN_QUEUE_MAX};
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->changed, NULL);
}

void bn_queue_destroy(bn_queue *queue)
{
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
}

void bn_queue_push(bn_queue *queue, void *item)
{
    pthread_mutex_lock(&queue->lock);
    queue->push_waits += queue->count == queue->capacity;
    while (queue->count == queue->capacity) pthread_cond_wait(&queue->changed, &queue->lock);
    queue->items[(queue->first + queue->count++) % BN_QUEUE_MAX] = item;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

/* Under the lock, and not from an empty queue. */
static void *take_first(bn_queue *queue)
{
    void *item = queue->items[queue->first];
    queue->first = (queue->first + 1) % BN_QUEUE_MAX;
    queue->count--;
    pthread_cond_broadcast(&queue->changed);
    return item;
}

void *bn_queue_pop(bn_queue *queue)
{
    void *item = NULL;
    pthread_mutex_lock(&queue->lock);
    const bool waits = queue->count == 0;
    while (queue->count == 0 && !queue->closed) pthread_cond_wait(&queue->changed, &queue->lock);
    if (queue->count > 0) {
        queue->pop_waits += waits;
        item = take_first(queue);
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void *bn_queue_take(bn_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    void *item = queue->count > 0 ? take_first(queue) : NULL;
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void bn_queue_widen(bn_queue *queue, size_t capacity)
{
    pthread_mutex_lock(&queue->lock);
    if (capacity > queue->capacity) queue->capacity = capacity < BN_QUEUE_MAX ? capacity : BN_QUEUE_MAX;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void bn_queue_close(bn_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}
