/* queue.h - a bounded queue of pointers between threads. */
#ifndef BN_CLI_QUEUE_H
#define BN_CLI_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define BN_QUEUE_MAX 68

typedef struct bn_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void *items[BN_QUEUE_MAX];
    size_t first, count, capacity;
    bool closed;
    size_t pop_waits, push_waits; /* items that were waited for, and those that waited for room */
} bn_queue;

void bn_queue_init(bn_queue *queue, size_t capacity); /* 1 to BN_QUEUE_MAX */
void bn_queue_destroy(bn_queue *queue);               /* empty, and no thread in it */

void bn_queue_push(bn_queue *queue, void *item); /* waits while it is full */
void *bn_queue_pop(bn_queue *queue);  /* waits while it is empty; NULL once it is closed and empty */
void *bn_queue_take(bn_queue *queue); /* without waiting: NULL where it is empty */
void bn_queue_widen(bn_queue *queue, size_t capacity); /* at least that many fit from now on */
void bn_queue_close(bn_queue *queue);                  /* nothing will be pushed any more */

#endif
