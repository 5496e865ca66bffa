/* transfer.h - one HTTP request that appends to a partial file. */
#ifndef BN_NET_TRANSFER_H
#define BN_NET_TRANSFER_H

#include "net/download.h"

#define BN_VALIDATOR_BYTES 256

typedef struct bn_transfer {
    const char *url;
    const bn_download_options *options;
    int fd;                             /* of the partial file, opened for appending; not owned */
    const char *part_path;              /* for messages, and for the disk that it lies on */
    uint64_t size;                      /* bytes in the partial file, before and after */
    uint64_t total;                     /* bytes of the whole file as the server says; 0 if it does not */
    char validator[BN_VALIDATOR_BYTES]; /* ETag or date of the partial file's version; "" if unknown */
} bn_transfer;

typedef enum bn_transfer_outcome {
    BN_TRANSFER_DONE = 0, /* the partial file is whole */
    BN_TRANSFER_FAILED,   /* trying again would not help; err says why */
    BN_TRANSFER_AGAIN,    /* try again later, going on where it stopped; err says why */
    BN_TRANSFER_RESTART,  /* the partial file was of no use and is empty now: try again at once */
} bn_transfer_outcome;

/* *wait_ms: how long the server asks to wait before the next try; 0 if it does not. */
bn_transfer_outcome bn_transfer_run(bn_transfer *transfer, int *wait_ms, bn_error *err);

#endif
