/* store_cycles.c - whole cycles of the queue a second, with nothing computed: accept, claim, start, finish.
 *     scripts/services.sh run postgres build/release/bin/store_cycles [SECONDS] [THREADS]
 * over the database in BN_TEST_STORE, whose tables it makes; without it over SQLite in a temporary folder. Half of the threads
 * accept, the others work, and accepting waits while 1,000 wait. */
#include "base/clock.h"
#include "store/ids.h"
#include "store/store.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_THREADS = 64, MOST_WAITING = 1000 };

typedef struct bench {
    bn_store *store;
    double end_ms;
    _Atomic(long) accepted, finished, faults;
} bench;

static void *accept_all(void *user)
{
    bench *self = user;
    const struct timespec pause = {.tv_nsec = 1000000};
    while (bn_clock_ms() < self->end_ms) {
        if (atomic_load(&self->accepted) - atomic_load(&self->finished) >= MOST_WAITING) {
            nanosleep(&pause, NULL);
            continue;
        }
        bn_accepted one = {.created_ms = 1, .body = "{}", .body_bytes = 2};
        bn_uuid_make(one.id);
        if (bn_store_accept(self->store, &one, NULL, NULL) == BIREFNET_OK)
            atomic_fetch_add(&self->accepted, 1);
        else
            atomic_fetch_add(&self->faults, 1);
    }
    return NULL;
}

static bool work_once(bench *self, int64_t worker)
{
    bool mine = false;
    bn_accepted one;
    const int64_t claim = (int64_t)randombytes_random() + 1;
    const bn_claim_terms terms = {.worker = worker, .claim = claim, .weight = 1};
    const bn_ending ending = {.code = 200, .result = (char *)"{}", .completed_ms = 2};
    if (bn_store_claim_next(self->store, &terms, &one, NULL) != BIREFNET_OK) return false;
    if (!one.id[0]) return true;
    bool good =
        bn_store_start(self->store, one.id, worker, claim, 1, true, &mine, NULL) == BIREFNET_OK && mine;
    good = good &&
           bn_store_finish(self->store, one.id, worker, claim, &ending, NULL, 0, &mine, NULL) == BIREFNET_OK;
    if (good && mine) atomic_fetch_add(&self->finished, 1);
    bn_accepted_free(&one);
    return good && mine;
}

static void *work(void *user)
{
    bench *self = user;
    const int64_t worker = (int64_t)randombytes_random() + 1;
    while (bn_clock_ms() < self->end_ms)
        if (!work_once(self, worker)) atomic_fetch_add(&self->faults, 1);
    return NULL;
}

static bn_status open_store(bn_store **store, char folder[], bn_error *err)
{
    int from, to;
    char address[100];
    const char *given = getenv("BN_TEST_STORE");
    if (given) BN_TRY(bn_store_migrate(given, false, &from, &to, err));
    if (!given && !mkdtemp(folder)) return bn_fail(err, BIREFNET_ERROR_IO, "cannot make a folder");
    snprintf(address, sizeof address, "sqlite:%s/jobs.sqlite", folder);
    return bn_store_open(given ? given : address, store, err);
}

static void run(bench *self, int threads, double seconds)
{
    pthread_t all[MOST_THREADS];
    const double start_ms = bn_clock_ms();
    self->end_ms = start_ms + seconds * 1000;
    for (int i = 0; i < threads; i++)
        if (pthread_create(&all[i], NULL, i % 2 ? work : accept_all, self) != 0) abort();
    for (int i = 0; i < threads; i++) pthread_join(all[i], NULL);
    const double took_s = (bn_clock_ms() - start_ms) / 1000;
    printf("%d threads, %.1f s: %ld accepted, %ld finished, %ld faults: %.0f whole cycles a second\n",
           threads, took_s, atomic_load(&self->accepted), atomic_load(&self->finished),
           atomic_load(&self->faults), (double)atomic_load(&self->finished) / took_s);
}

int main(int argc, char **argv)
{
    bench self = {0};
    bn_error err = {0};
    char folder[] = "/tmp/birefnet-cycles-XXXXXX", command[80];
    const double seconds = argc > 1 ? atof(argv[1]) : 5;
    const int wanted = argc > 2 ? atoi(argv[2]) : 16;
    if (sodium_init() < 0 || open_store(&self.store, folder, &err) != BIREFNET_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    bn_store_set_connections(self.store, MOST_THREADS);
    run(&self, wanted < 2 ? 2 : wanted > MOST_THREADS ? MOST_THREADS : wanted, seconds);
    bn_store_close(&self.store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (!getenv("BN_TEST_STORE") && system(command) != 0) return 1;
    return atomic_load(&self.faults) > 0;
}
