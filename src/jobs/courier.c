/* courier.c - threads that deliver webhooks when they are due; what is due stands in the store. Receivers may be slow: one
 * host, one key and second attempts each get a part of the threads only. */
#include "jobs/private.h"

#include "base/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_TIMEOUT_MS 15000
#define LATER_TIMEOUT_MS 120000
#define BODY_MAX_BYTES   (256u << 20)
#define HOST_ERRANDS     2 /* at a time */
#define KEY_ERRANDS      (BN_JOBS_COURIERS / 2)
#define LATER_ERRANDS    (BN_JOBS_COURIERS / 2)

void bn_courier_poke(bn_jobs *jobs)
{
    pthread_mutex_lock(&jobs->courier_lock);
    jobs->courier_pokes++;
    pthread_cond_signal(&jobs->courier_work); /* who finds work tells the next */
    pthread_mutex_unlock(&jobs->courier_lock);
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
        delivery = bn_webhook_post(&jobs->signer, webhook->url, webhook->request_id, bn_jobs_now(jobs),
                                   (const char *)body.data, body.size,
                                   webhook->attempts == 0 ? FIRST_TIMEOUT_MS : LATER_TIMEOUT_MS,
                                   bn_jobs_webhooks_public(jobs), is_closing, jobs, err);
    bn_buffer_free(&body);
    bn_ending_free(&ending);
    return delivery;
}

static void deliver(bn_jobs *jobs, const bn_webhook *webhook)
{
    bn_error err = {0};
    const bn_delivery delivery = post(jobs, webhook, &err);
    if (is_closing(jobs) && delivery == BN_DELIVERY_AGAIN) return; /* it is due again after its claim */
    const int64_t wait_ms = delivery == BN_DELIVERY_AGAIN ? bn_webhook_backoff_ms(webhook->attempts + 1) : 0;
    if (delivery == BN_DELIVERY_DONE)
        atomic_fetch_add(&jobs->metrics.webhooks_delivered, 1);
    else
        atomic_fetch_add(&jobs->metrics.webhooks_failed, 1);
    if (delivery != BN_DELIVERY_DONE)
        bn_log_line(&jobs->options.log, BIREFNET_LOG_WARNING, "webhook of request %s, attempt %d: %s%s",
                    webhook->request_id, webhook->attempts + 1, err.message,
                    wait_ms > 0 ? "" : "; giving up");
    bn_store_webhook_tried(jobs->store, webhook->request_id, wait_ms > 0 ? bn_jobs_now(jobs) + wait_ms : 0,
                           NULL);
}

/* ---- whose turn it is; the lock is held ---- */

/* Host and port, without the name and password that an address may carry. */
static void host_of(const char *url, char *host, size_t size)
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    const char *end = start + strcspn(start, "/?#\\");
    for (const char *c = start; c < end; c++)
        if (*c == '@') start = c + 1;
    snprintf(host, size, "%.*s", (int)(end - start), start);
    for (; *host; host++) *host = (char)tolower((unsigned char)*host);
}

static void describe(const bn_webhook *webhook, bn_errand *errand)
{
    *errand = (bn_errand){.busy = true, .again = webhook->attempts > 0};
    host_of(webhook->url, errand->host, sizeof errand->host);
    snprintf(errand->key_id, sizeof errand->key_id, "%s", webhook->key_id ? webhook->key_id : "");
}

static bool may_deliver(void *user, const bn_webhook *webhook)
{
    const bn_jobs *jobs = user;
    int host = 0, key = 0, later = 0;
    bn_errand wanted;
    describe(webhook, &wanted);
    for (int i = 0; i < BN_JOBS_COURIERS; i++) {
        const bn_errand *errand = &jobs->errands[i];
        if (!errand->busy) continue;
        host += strcmp(errand->host, wanted.host) == 0;
        key += strcmp(errand->key_id, wanted.key_id) == 0;
        later += errand->again;
    }
    return host < HOST_ERRANDS && key < KEY_ERRANDS && (!wanted.again || later < LATER_ERRANDS);
}

/* Take the next that is due, so that no other thread does; it is on its way until the errand is given back. */
static bool claim(bn_jobs *jobs, bn_webhook *webhook, bn_errand **errand, int64_t *due_ms)
{
    const int64_t now_ms = bn_jobs_now(jobs);
    *due_ms = INT64_MAX;
    if (bn_store_webhook_next(jobs->store, now_ms, may_deliver, jobs, due_ms, webhook, NULL) != BIREFNET_OK ||
        !webhook->url) {
        bn_webhook_free(webhook);
        return false;
    }
    const int64_t timeout_ms = webhook->attempts == 0 ? FIRST_TIMEOUT_MS : LATER_TIMEOUT_MS;
    if (bn_store_webhook_claim(jobs->store, webhook->request_id, now_ms + timeout_ms + 5000, NULL) !=
        BIREFNET_OK) {
        bn_webhook_free(webhook);
        return false;
    }
    *errand = jobs->errands; /* as many as threads: one is free */
    while ((*errand)->busy) (*errand)++;
    describe(webhook, *errand);
    return true;
}

static void wait_for_work(bn_jobs *jobs, uint64_t *pokes, int64_t due_ms)
{
    const int64_t left_ms = due_ms == INT64_MAX ? 5000 : due_ms - bn_jobs_now(jobs);
    const int64_t wait_ms = left_ms < 10 ? 10 : left_ms > 5000 ? 5000 : left_ms;
    const struct timespec until = bn_clock_after(wait_ms);
    if (*pokes == jobs->courier_pokes)
        pthread_cond_timedwait(&jobs->courier_work, &jobs->courier_lock, &until);
    *pokes = jobs->courier_pokes;
}

void *bn_courier_main(void *user)
{
    bn_jobs *jobs = user;
    uint64_t pokes = 0;
    pthread_mutex_lock(&jobs->courier_lock);
    while (!jobs->courier_stop) {
        bn_webhook webhook;
        bn_errand *errand;
        int64_t due_ms;
        if (!claim(jobs, &webhook, &errand, &due_ms)) {
            wait_for_work(jobs, &pokes, due_ms);
            continue;
        }
        pthread_cond_signal(&jobs->courier_work);
        pthread_mutex_unlock(&jobs->courier_lock);
        deliver(jobs, &webhook);
        bn_webhook_free(&webhook);
        pthread_mutex_lock(&jobs->courier_lock);
        errand->busy = false;
    }
    pthread_mutex_unlock(&jobs->courier_lock);
    return NULL;
}
