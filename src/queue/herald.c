/* herald.c - hints between processes that share a store: this one tells others that there is something for them, and looks
 * sooner where others tell it. All is polled as well; while hints come, less often (bn_herald_hears). */
#include "queue/private.h"

#include "base/size.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define GATHER_MS       20    /* what comes within is told together */
#define HEAR_MS         1000  /* how long it listens without looking up */
#define OPEN_AGAIN_MS   5000  /* after the connection was lost */
#define NEVER_AGAIN_MS  60000 /* where hints do not come through */
#define CLIENTS_WAIT_MS 20    /* between two looks because something has ended that clients may wait for */

bn_status bn_herald_open(bn_jobs *jobs, bn_error *err)
{
    bn_herald *herald = &jobs->herald;
    const char *address = jobs->listen_address;
    if (address && strcmp(address, "off") != 0)
        BN_TRY(bn_error_prefix(err, bn_ear_check(jobs->store, address, err), "--store-listen"));
    herald->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return herald->wake_fd >= 0 ? BIREFNET_OK : bn_fail_errno(err, errno, "cannot make an event");
}

void bn_herald_close(bn_jobs *jobs)
{
    bn_ear_close(&jobs->herald.ear);
    if (jobs->herald.wake_fd >= 0) close(jobs->herald.wake_fd);
    jobs->herald.wake_fd = -1;
}

bool bn_herald_hears(const bn_jobs *jobs)
{
    return atomic_load(&jobs->herald.hears);
}

void bn_herald_wake(bn_jobs *jobs)
{
    const uint64_t one = 1;
    const ssize_t wrote = jobs->herald.wake_fd >= 0 ? write(jobs->herald.wake_fd, &one, sizeof one) : 0;
    (void)wrote; /* it is readable already where nothing could be added */
}

void bn_hint_others(bn_jobs *jobs, bn_hint hint)
{
    if (!bn_herald_hears(jobs) || !atomic_load(&jobs->shared)) return;
    if (!(atomic_fetch_or(&jobs->herald.untold, (unsigned)hint) & (unsigned)hint)) bn_herald_wake(jobs);
}

/* ---- what is told us ---- */

static void look_for_endings(bn_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    if (jobs->front.waits_for > 0 && bn_clock_ms() >= jobs->herald.news_ms + CLIENTS_WAIT_MS) {
        jobs->herald.news_ms = bn_clock_ms();
        bn_news_want(jobs);
    }
    pthread_mutex_unlock(&jobs->lock);
}

static void act(bn_jobs *jobs, unsigned hints)
{
    const bool works = jobs->options.role != BN_ROLE_FRONT, answers = jobs->options.role != BN_ROLE_WORK;
    if (hints) atomic_fetch_add(&jobs->metrics.hints_heard, 1);
    if ((hints & BN_HINT_WORK) && works) bn_claim_look(jobs);
    if ((hints & BN_HINT_ENDED) && answers) look_for_endings(jobs);
    if (hints & BN_HINT_CANCEL) bn_pulse_want(jobs, &jobs->pulse.beat_wanted);
    if (hints & BN_HINT_KEYS) bn_pulse_want(jobs, &jobs->pulse.keys_wanted);
    if ((hints & BN_HINT_WEBHOOKS) && answers) bn_courier_poke(jobs, NULL, NULL);
}

/* ---- the thread ---- */

/* Something may have been told while nobody listened. */
static void look_at_all(bn_jobs *jobs)
{
    act(jobs, BN_HINT_WORK | BN_HINT_ENDED | BN_HINT_CANCEL | BN_HINT_KEYS | BN_HINT_WEBHOOKS);
}

static void pause_for(bn_jobs *jobs, int64_t ms)
{
    const struct timespec until = bn_clock_after(ms);
    pthread_mutex_lock(&jobs->lock);
    if (!jobs->closing) pthread_cond_timedwait(&jobs->herald.work, &jobs->lock, &until);
    pthread_mutex_unlock(&jobs->lock);
}

static bool is_closing(bn_jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    const bool closing = jobs->closing;
    pthread_mutex_unlock(&jobs->lock);
    return closing;
}

static void listen_or_wait(bn_jobs *jobs)
{
    bn_error err = {0};
    bn_herald *herald = &jobs->herald;
    const bn_status status = bn_ear_open(jobs->store, herald->address, &herald->ear, &err);
    if (status == BIREFNET_OK) {
        herald->complained = false;
        atomic_store(&herald->hears, true);
        look_at_all(jobs);
        return;
    }
    if (!herald->complained)
        bn_log_line(&jobs->options.log, BIREFNET_LOG_INFO, "no hints from other processes, so polling: %s",
                    err.message);
    herald->complained = true;
    pause_for(jobs, status == BIREFNET_ERROR_UNSUPPORTED ? NEVER_AGAIN_MS : OPEN_AGAIN_MS);
}

static void go_deaf(bn_jobs *jobs)
{
    atomic_store(&jobs->herald.hears, false);
    atomic_fetch_add(&jobs->metrics.hints_lost, 1);
    bn_ear_close(&jobs->herald.ear);
}

static void tell_and_hear(bn_jobs *jobs)
{
    bn_herald *herald = &jobs->herald;
    uint64_t woken;
    unsigned hints = 0;
    bn_status status = BIREFNET_OK;
    if (atomic_load(&herald->untold)) {
        pause_for(jobs, GATHER_MS);
        status = bn_ear_tell(herald->ear, atomic_exchange(&herald->untold, 0), NULL);
    }
    if (status == BIREFNET_OK) status = bn_ear_hear(herald->ear, herald->wake_fd, HEAR_MS, &hints, NULL);
    if (read(herald->wake_fd, &woken, sizeof woken) < 0) woken = 0; /* nobody has */
    if (status == BIREFNET_OK)
        act(jobs, hints);
    else
        go_deaf(jobs);
}

void *bn_herald_main(void *user)
{
    bn_jobs *jobs = user;
    while (!is_closing(jobs)) {
        if (jobs->herald.ear)
            tell_and_hear(jobs);
        else
            listen_or_wait(jobs);
    }
    return NULL;
}
