/* recover.c - what the last server and its workers left behind, when nobody else lives; else what others do just now. */
#include "queue/private.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define OWNER_BYTES 16

static bn_object_standing is_known(void *user, const char *object)
{
    bool known;
    bn_jobs *jobs = user;
    if (bn_store_object_known(jobs->store, object, &known, NULL) != BIREFNET_OK) return BN_OBJECT_IN_DOUBT;
    return known ? BN_OBJECT_KNOWN : BN_OBJECT_UNKNOWN;
}

/* A store that is not the one of before, by mistake or as others move to it, must not cost what that one knows. */
static void remove_unknown(bn_jobs *jobs)
{
    uint8_t value[OWNER_BYTES];
    char owner[2 * OWNER_BYTES + 1];
    randombytes_buf(value, sizeof value);
    if (bn_store_secret(jobs->store, "files", value, sizeof value, NULL) != BIREFNET_OK) return;
    sodium_bin2hex(owner, sizeof owner, value, sizeof value);
    const size_t kept = bn_blobs_remove_unknown(jobs->blobs, owner, is_known, jobs);
    if (kept > 0)
        bn_log_line(&jobs->options.log, BIREFNET_LOG_WARNING,
                    "%zu stored files are of another store than this one, and stay: is --store right? "
                    "Where they may go, remove files.owner beside them",
                    kept);
}

typedef struct recovery {
    bn_jobs *jobs;
    bn_process *living;
    size_t living_count;
} recovery;

static bool is_living(const recovery *self, int64_t process)
{
    for (size_t i = 0; i < self->living_count; i++)
        if (self->living[i].id == process) return true;
    return false;
}

/* One that had not ended: its client waits no more, or it brings the program down, or it is done now. */
static bn_status recover(void *user, bn_accepted *accepted, bn_error *err)
{
    recovery *self = user;
    bn_jobs *jobs = self->jobs;
    const bool gone = accepted->sync && !is_living(self, accepted->front),
               deadly = accepted->attempts >= BN_ATTEMPT_LIMIT;
    char id[BN_REQUEST_ID_CHARS];
    memcpy(id, accepted->id, sizeof id);
    if (gone || deadly) {
        bn_ending ending = {.completed_ms = bn_jobs_now(jobs)};
        if (gone)
            bn_ending_infra(&ending, 499, "client_disconnected", "The server was started again");
        else
            bn_ending_infra(&ending, 500, "runner_server_error",
                            "The request broke the server, again and again");
        bn_accepted_free(accepted);
        bool mine;
        const bn_status status =
            bn_store_finish(jobs->store, id, jobs->held.worker, 0, &ending, NULL, 0, &mine, err);
        bn_ending_free(&ending);
        return status;
    }
    const int limit = bn_front_limits(jobs, accepted->key_id).running;
    bn_extras_read(accepted);
    BN_TRY(bn_front_add(jobs, accepted, NULL, err));
    pthread_mutex_lock(&jobs->lock);
    bn_front_find(jobs, id)->use->busy_limit = limit;
    pthread_mutex_unlock(&jobs->lock);
    return BIREFNET_OK;
}

/* Nobody else lives: what the last server and its workers held or wrote is taken now. That is certain by the locks of a data
 * folder; over a store that others may come to at the same moment, the lease has the last word. */
static bn_status recover_all(bn_jobs *jobs, bn_error *err)
{
    bn_rescued *rescued;
    size_t count;
    const int64_t lease_ms = jobs->store_address ? jobs->options.lease_ms : 0;
    bn_status rescue = bn_store_rescue(jobs->store, jobs->held.worker, lease_ms, &rescued, &count, err);
    if (rescue == BIREFNET_ERROR_IO && bn_keeper_make_room(jobs))
        rescue = bn_store_rescue(jobs->store, jobs->held.worker, lease_ms, &rescued, &count, err);
    BN_TRY(rescue);
    free(rescued);
    atomic_fetch_add(&jobs->metrics.rescued, count);
    bn_keeper_remove_astray(jobs, 0);
    remove_unknown(jobs);
    bn_keeper_sweep(jobs);
    if (count > 0)
        bn_log_line(&jobs->options.log, BIREFNET_LOG_INFO, "%zu requests were held when the last server died",
                    count);
    recovery self = {.jobs = jobs};
    BN_TRY(bn_store_processes(jobs->store, &self.living, &self.living_count, err));
    const bn_status status = bn_store_each_open(jobs->store, recover, &self, err);
    free(self.living);
    return status;
}

bn_status bn_recover_or_join(bn_jobs *jobs, bn_error *err)
{
    uint64_t bytes = 0;
    BN_TRY(bn_store_bytes(jobs->store, &bytes, err));
    bn_blobs_set_bytes(jobs->blobs, bytes);
    if (jobs->alone) BN_TRY(recover_all(jobs, err));
    flock(jobs->workers_fd,
          jobs->options.role == BN_ROLE_WORK ? LOCK_SH : LOCK_UN); /* workers may come now */
    if (!jobs->alone && jobs->options.role != BN_ROLE_WORK) bn_news_take(jobs);
    return BIREFNET_OK;
}
