/* courier.c - threads that deliver webhooks when they are due; what is due stands in the store. Receivers may be slow: one
 * host, one key and second attempts each get a part of the threads only. */
#include "queue/private.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define LATER_TIMEOUT_MS 120000
#define TAKEN_LONGER_MS  5000 /* than an attempt may last */
#define FAILED_WAIT_MS   500  /* until the store is asked again */
#define BODY_MAX_BYTES   (256u << 20)
#define HOST_ERRANDS     2 /* at a time */
#define KEY_ERRANDS      (BN_JOBS_COURIERS / 2)
#define LATER_ERRANDS    (BN_JOBS_COURIERS / 2)

static int timeout_ms(const bn_jobs *jobs, const bn_webhook *webhook)
{
    return webhook->attempts == 0 ? jobs->options.webhook_timeout_ms : LATER_TIMEOUT_MS;
}

static bool is_closing(void *user)
{
    bn_jobs *jobs = user;
    pthread_mutex_lock(&jobs->lock);
    const bool closing = jobs->closing;
    pthread_mutex_unlock(&jobs->lock);
    return closing;
}

/* What receivers get. */
static bn_status write_body(bn_jobs *jobs, const bn_webhook *webhook, const bn_ending *ending,
                            bn_buffer *body, bn_error *err)
{
    bn_buffer result;
    bn_buffer_init(&result, BODY_MAX_BYTES);
    const bn_status read = bn_result_write(jobs, ending, webhook->file_base, &result, err);
    const char *id = webhook->request_id;
    bn_status status =
        bn_buffer_printf(body, err, "{\"request_id\":\"%s\",\"gateway_request_id\":\"%s\",", id, id);
    if (status == BIREFNET_OK && ending->code == 200)
        status = bn_buffer_printf(body, err, "\"status\":\"OK\",\"payload\":");
    else if (status == BIREFNET_OK)
        status = bn_buffer_printf(
            body, err,
            "\"status\":\"ERROR\",\"error\":\"Invalid status code: %d\",\"payload\":", ending->code);
    if (status == BIREFNET_OK && read == BIREFNET_OK)
        status = bn_buffer_append(body, result.data, result.size, err);
    else if (status == BIREFNET_OK)
        status = bn_buffer_printf(body, err, "null,\"payload_error\":\"the result is no longer stored\"");
    if (status == BIREFNET_OK) status = bn_buffer_append(body, "}", 1, err);
    bn_buffer_free(&result);
    return status;
}

static bn_delivery post(bn_jobs *jobs, const bn_webhook *webhook, bn_error *err)
{
    bn_ending ending;
    bn_buffer body;
    bn_status status = bn_store_ending(jobs->store, webhook->request_id, true, false, &ending, err);
    if (status == BIREFNET_ERROR_NOT_FOUND) return BN_DELIVERY_NEVER;
    if (status != BIREFNET_OK) return BN_DELIVERY_AGAIN;
    bn_buffer_init(&body, BODY_MAX_BYTES);
    status = write_body(jobs, webhook, &ending, &body, err);
    bn_delivery delivery = BN_DELIVERY_AGAIN;
    if (status == BIREFNET_OK)
        delivery =
            bn_webhook_post(&jobs->courier.signer, webhook->url, webhook->request_id, bn_jobs_now(jobs),
                            (const char *)body.data, body.size, timeout_ms(jobs, webhook),
                            webhook->public_only || bn_jobs_webhooks_public(jobs), is_closing, jobs, err);
    bn_buffer_free(&body);
    bn_ending_free(&ending);
    return delivery;
}

static void deliver(bn_jobs *jobs, const bn_webhook *webhook, int64_t claim)
{
    bn_error err = {0};
    const bn_delivery delivery = post(jobs, webhook, &err);
    if (is_closing(jobs) && delivery == BN_DELIVERY_AGAIN) return; /* it is due again after its claim */
    const int64_t wait_ms = delivery == BN_DELIVERY_AGAIN ? bn_webhook_backoff_ms(webhook->attempts + 1) : 0;
    if (delivery != BN_DELIVERY_DONE)
        bn_log_line(&jobs->options.log, BIREFNET_LOG_WARNING, "webhook of request %s, attempt %d: %s%s",
                    webhook->request_id, webhook->attempts + 1, err.message,
                    wait_ms > 0 ? "" : "; giving up");
    bn_jobs_now(jobs); /* an injected clock moves the store's */
    bn_store_webhook_tried(jobs->store, webhook->request_id, claim, wait_ms, NULL);
    /* last: who sees the count finds in the store what became of the attempt */
    atomic_fetch_add(
        delivery == BN_DELIVERY_DONE ? &jobs->metrics.webhooks_delivered : &jobs->metrics.webhooks_failed, 1);
}

/* ---- whose turn it is; the lock is held but where it says otherwise ---- */

/* How many errands there are of a host, of a key (NULL: of any), and of second attempts. */
static int count_errands(const bn_jobs *jobs, const char *host, const char *key_id, bool second_only)
{
    int count = 0;
    for (int i = 0; i < BN_JOBS_COURIERS; i++) {
        const bn_errand *errand = &jobs->courier.errands[i];
        count += errand->busy && (!host || strcmp(errand->host, host) == 0) &&
                 (!key_id || strcmp(errand->key_id, key_id) == 0) && (errand->again || !second_only);
    }
    return count;
}

void bn_courier_poke(bn_jobs *jobs, const char *url, const char *key_id)
{
    char host[BN_WEBHOOK_HOST_CHARS] = "";
    if (url) bn_webhook_host(url, host);
    pthread_mutex_lock(&jobs->courier.lock);
    /* else the end of an errand leads to it: webhooks that nobody takes do not keep anybody busy */
    const bool has_place = !url || (count_errands(jobs, host, NULL, false) < HOST_ERRANDS &&
                                    count_errands(jobs, NULL, key_id ? key_id : "", false) < KEY_ERRANDS);
    if (has_place) {
        jobs->courier.pokes++;
        pthread_cond_signal(&jobs->courier.work); /* who finds work tells the next */
    }
    pthread_mutex_unlock(&jobs->courier.lock);
}

static void describe_turn(bn_jobs *jobs, bn_webhook_turn *turn)
{
    turn->busy_host_count = turn->busy_key_count = 0;
    turn->no_second = count_errands(jobs, NULL, NULL, true) >= LATER_ERRANDS;
    for (int i = 0; i < BN_JOBS_COURIERS; i++) {
        const bn_errand *errand = &jobs->courier.errands[i]; /* stays as it is while somebody picks */
        if (!errand->busy) continue;
        if (count_errands(jobs, errand->host, NULL, false) >= HOST_ERRANDS)
            turn->busy_hosts[turn->busy_host_count++] = errand->host;
        if (count_errands(jobs, NULL, errand->key_id, false) >= KEY_ERRANDS)
            turn->busy_keys[turn->busy_key_count++] = errand->key_id;
    }
}

/* Without the lock: the next that is due, so that nobody else gets it while it may be under way. */
static bool claim(bn_jobs *jobs, const bn_webhook_turn *turn, int64_t number, bn_webhook *webhook,
                  int64_t *wait_ms)
{
    const bn_webhook_taker taker = {.process = jobs->held.worker,
                                    .claim = number,
                                    .first_ms = jobs->options.webhook_timeout_ms + TAKEN_LONGER_MS,
                                    .again_ms = LATER_TIMEOUT_MS + TAKEN_LONGER_MS};
    *wait_ms = INT64_MAX;
    bn_jobs_now(jobs); /* an injected clock moves the store's */
    if (bn_store_webhook_take(jobs->store, turn, &taker, wait_ms, webhook, NULL) == BIREFNET_OK)
        return webhook->url != NULL;
    *wait_ms = FAILED_WAIT_MS;
    return false;
}

static bn_errand *begin_errand(bn_jobs *jobs, const bn_webhook *webhook)
{
    bn_errand *errand = jobs->courier.errands; /* as many as threads: one is free */
    while (errand->busy) errand++;
    *errand = (bn_errand){.busy = true, .again = webhook->attempts > 0};
    snprintf(errand->host, sizeof errand->host, "%s", webhook->host);
    snprintf(errand->key_id, sizeof errand->key_id, "%s", webhook->key_id);
    memcpy(jobs->courier.turn.host, errand->host, sizeof errand->host);
    memcpy(jobs->courier.turn.key_id, errand->key_id, sizeof errand->key_id);
    return errand;
}

/* Pick and claim one; NULL where nothing is to be done for *wait_ms. Others wait meanwhile, or go on with errands. */
static bn_errand *pick(bn_jobs *jobs, int64_t number, bn_webhook *webhook, int64_t *wait_ms)
{
    jobs->courier.picks = true;
    describe_turn(jobs, &jobs->courier.turn);
    pthread_mutex_unlock(&jobs->courier.lock);
    const bool found = claim(jobs, &jobs->courier.turn, number, webhook, wait_ms);
    pthread_mutex_lock(&jobs->courier.lock);
    jobs->courier.picks = false;
    return found ? begin_errand(jobs, webhook) : NULL;
}

static void wait_for_work(bn_jobs *jobs, int64_t left_ms)
{
    const int64_t wait_ms = left_ms < 10 ? 10 : left_ms > 5000 ? 5000 : left_ms;
    const struct timespec until = bn_clock_after(wait_ms);
    pthread_cond_timedwait(&jobs->courier.work, &jobs->courier.lock, &until);
}

void *bn_courier_main(void *user)
{
    bn_jobs *jobs = user;
    pthread_mutex_lock(&jobs->courier.lock);
    while (!jobs->courier.stop) {
        bn_webhook webhook;
        int64_t wait_ms = INT64_MAX;
        const int64_t number = bn_claim_make();
        const uint64_t pokes = jobs->courier.pokes;
        bn_errand *errand = jobs->courier.picks ? NULL : pick(jobs, number, &webhook, &wait_ms);
        if (!errand) {
            if (pokes == jobs->courier.pokes && !jobs->courier.stop) wait_for_work(jobs, wait_ms);
            continue;
        }
        pthread_cond_signal(&jobs->courier.work);
        pthread_mutex_unlock(&jobs->courier.lock);
        deliver(jobs, &webhook, number);
        bn_webhook_free(&webhook);
        pthread_mutex_lock(&jobs->courier.lock);
        errand->busy = false;
        jobs->courier.pokes++; /* its host and key may have another now */
    }
    pthread_mutex_unlock(&jobs->courier.lock);
    return NULL;
}
