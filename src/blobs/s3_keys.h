/* s3_keys.h - the keys that requests to S3 are signed with: of the environment, or of a file that is read again when it has
 * changed. They are written nowhere. Any thread. */
#ifndef BN_BLOBS_S3_KEYS_H
#define BN_BLOBS_S3_KEYS_H

#include "blobs/s3_sign.h"

typedef struct bn_s3_keys bn_s3_keys;

/* path NULL: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where keys are temporary, AWS_SESSION_TOKEN. A file has lines
 * NAME=VALUE with these names in any case, as AWS's own tools write them; lines that begin with # or [ are passed over. */
bn_status bn_s3_keys_open(const char *path, bn_s3_keys **keys, bn_error *err);
void bn_s3_keys_close(bn_s3_keys **keys);
/* Those of now. A file that became unreadable leaves the last good ones. */
void bn_s3_keys_get(bn_s3_keys *keys, bn_s3_credentials *out);

#endif
