/* census.c - what lies in a folder and no row knows. It is removed only where the folder is this store's, as a file in it says: a store
 * that was given by mistake, or one that others move to, knows nothing of what lies there. */
#include "blobs/kind.h"

#include "base/file.h"
#include "store/ids.h"

#include <stdio.h>
#include <string.h>

#define OWNER_BYTES 100
#define NOBODY      "several"

typedef struct census {
    bn_blobs *blobs;
    bn_object_known_fn known;
    void *user;
    bool removes, doubt;
    size_t known_count, kept;
} census;

static void look(void *user, const char *object)
{
    census *self = user;
    char id[BN_FILE_ID_CHARS];
    snprintf(id, sizeof id, "%s", object);
    int64_t bytes;
    if (!bn_id_valid(id)) return;
    const bn_object_standing standing = self->known(self->user, object);
    if (standing == BN_OBJECT_IN_DOUBT)
        self->doubt = true;
    else if (standing == BN_OBJECT_KNOWN)
        self->known_count++;
    else if (!self->removes || !self->blobs->kind->remove(self->blobs, object, &bytes))
        self->kept++;
}

/* Once two stores have files there it is nobody's, until one of them knows all that is left. Where nobody has said whose it is (an
 * older program did not), it is his who knows any. */
static bool is_owner(census *self, const char *owner)
{
    char path[BN_BLOBS_PATH_BYTES];
    bn_buffer said;
    self->blobs->kind->owner_file(self->blobs, path);
    bn_buffer_init(&said, OWNER_BYTES);
    const bn_status status = bn_file_read(path, &said, NULL);
    const bool same =
        status == BIREFNET_OK && said.size == strlen(owner) && memcmp(said.data, owner, said.size) == 0;
    bn_buffer_free(&said);
    if (same) return true;
    self->blobs->kind->each(self->blobs, look, self);
    if (self->doubt) return false;
    const bool mine = self->kept == 0 || (status == BIREFNET_ERROR_NOT_FOUND && self->known_count > 0);
    const char *whose = mine ? owner : NOBODY;
    return bn_file_write_atomic(path, whose, strlen(whose), NULL) == BIREFNET_OK && mine;
}

size_t bn_blobs_remove_unknown(bn_blobs *blobs, const char *owner, bn_object_known_fn known, void *user)
{
    census self = {.blobs = blobs, .known = known, .user = user};
    if (!blobs->kind->each) return 0;
    if (!is_owner(&self, owner)) return self.kept;
    self.removes = true;
    blobs->kind->each(blobs, look, &self);
    return 0;
}
