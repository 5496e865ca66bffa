/* transition.c - the one table of who may move a request on. */
#include "queue/transition.h"

#include "base/size.h"

static const struct {
    bn_state from, to;
    bn_maker by;
} transitions[] = {
    {BN_STATE_WAITING, BN_STATE_HELD, BN_BY_WORKER}, /* claimed, to be fetched or decoded */
    {BN_STATE_HELD, BN_STATE_RUNNING, BN_BY_WORKER}, /* the network is next */
    {BN_STATE_WAITING, BN_STATE_ENDED,
     BN_BY_FRONT}, /* cancelled; a held one, too: its worker is in this process */
    {BN_STATE_HELD, BN_STATE_ENDED, BN_BY_FRONT},
    {BN_STATE_WAITING, BN_STATE_ENDED, BN_BY_SWEEPER}, /* its start timeout has passed */
    {BN_STATE_HELD, BN_STATE_ENDED, BN_BY_SWEEPER},
    {BN_STATE_HELD, BN_STATE_ENDED, BN_BY_WORKER}, /* it cannot be fetched or decoded */
    {BN_STATE_RUNNING, BN_STATE_ENDED,
     BN_BY_WORKER}, /* a result, a failure, or cancelled between two stages */
};

bool bn_may_move(bn_state from, bn_state to, bn_maker by)
{
    for (size_t i = 0; i < BN_COUNT(transitions); i++)
        if (transitions[i].from == from && transitions[i].to == to && transitions[i].by == by) return true;
    return false;
}
