/* receiver.h - a loopback server that takes webhooks, and answers the first ones as it is told. */
#ifndef BN_TESTS_QUEUE_RECEIVER_H
#define BN_TESTS_QUEUE_RECEIVER_H

#include <pthread.h>
#include <stddef.h>

#define RECEIVER_MAX 4096

typedef struct received {
    char request_id[64], user_id[64], timestamp[32], signature[160];
    char *body; /* owned */
    size_t body_bytes;
} received;

typedef struct receiver {
    int listener, port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int codes[8]; /* of the first answers; 200 after them */
    size_t code_count, count;
    size_t reply_bytes; /* of each answer's body */
    received list[RECEIVER_MAX];
} receiver;

void receiver_start(receiver *self, const int *codes, size_t code_count);
void receiver_wait(receiver *self, size_t count);          /* for so many, whatever they were answered */
void receiver_wait_distinct(receiver *self, size_t count); /* for so many request ids */
size_t receiver_distinct(receiver *self);                  /* request ids so far */
void receiver_stop(receiver *self);

#endif
