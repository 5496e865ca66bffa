/* s3_place.h - where a bucket is: "s3://BUCKET/PREFIX?endpoint=URL&region=NAME&style=path|host". Pure. */
#ifndef BN_BLOBS_S3_PLACE_H
#define BN_BLOBS_S3_PLACE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct bn_s3_place {
    char bucket[64];
    char prefix[400];   /* of all names, with a slash at its end; or empty */
    char endpoint[300]; /* "https://HOST:PORT", with the bucket in front of the host where style is host */
    char host[300];     /* the same without its scheme, as the Host field says it */
    char region[64];
    bool path_style; /* the bucket stands in the path */
} bn_s3_place;

/* What stands behind "s3:". Without an endpoint it is AWS's of the region (us-east-1), style host; with one, style path. */
bn_status bn_s3_place_parse(const char *address, bn_s3_place *place, bn_error *err);
/* The path of an object, NULL: of the bucket; not escaped. */
void bn_s3_place_path(const bn_s3_place *place, const char *object, char *path, size_t size);

#endif
