/* transition.h - the states of a request, and who may move it from which to which. */
#ifndef BN_QUEUE_TRANSITION_H
#define BN_QUEUE_TRANSITION_H

#include <stdbool.h>

typedef enum bn_state {
    BN_STATE_WAITING = 0, /* nobody works on it */
    BN_STATE_HELD,        /* a worker has claimed it; the client still sees it wait, ahead of those that do */
    BN_STATE_RUNNING,     /* and the client sees that */
    BN_STATE_ENDED,
} bn_state;

typedef enum bn_maker {
    BN_BY_FRONT = 0, /* a front end, for a client that cancels */
    BN_BY_WORKER,    /* the holder */
    BN_BY_SWEEPER,   /* the keeper: too late to start */
} bn_maker;

/* Whether it may. Back to waiting leads no way but the store's, when a worker gives up or has died: bn_store_release,
 * bn_store_rescue. */
bool bn_may_move(bn_state from, bn_state to, bn_maker by);

#endif
