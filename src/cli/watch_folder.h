/* watch_folder.h - a folder and all below it under inotify: which files were closed after writing, or moved there. */
#ifndef BN_CLI_WATCH_FOLDER_H
#define BN_CLI_WATCH_FOLDER_H

#include "cli/set.h"

#include <stdint.h>
#include <sys/types.h>

typedef struct bn_watched_folder {
    int fd;           /* of inotify; -1: none */
    const char *path; /* borrowed */
    bn_set begun;     /* names of files that were made and may still be written, or are told by now */
    bn_set told;      /* names of settled files, relative to path; emptied by who has taken them */
    struct bn_watched_part *parts; /* by watch descriptor */
    size_t part_count;
    bool has_output; /* the output folder is not watched where it lies below */
    dev_t output_device;
    ino_t output_inode;
} bn_watched_folder;

/* output may not be there yet. */
bn_status bn_watched_folder_open(bn_watched_folder *folder, const char *path, const char *output,
                                 bn_error *err);

/* Take in what has happened: into `told`. New folders are watched, too; what lies in them already is found by the next
 * look at the whole. NOT_FOUND once the folder is gone. */
bn_status bn_watched_folder_read(bn_watched_folder *folder, bn_error *err);
void bn_watched_folder_close(bn_watched_folder *folder);

#endif
