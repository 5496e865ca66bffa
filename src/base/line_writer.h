/* line_writer.h - lines for a file, a pipe or a terminal, written by a thread of its own: whoever has something to say never
 * waits for whoever reads it. What does not fit is dropped, counted, and said at the place where it is missing. */
#ifndef BN_BASE_LINE_WRITER_H
#define BN_BASE_LINE_WRITER_H

#include "base/error.h"

#include <stdint.h>

typedef struct bn_line_writer bn_line_writer;

/* Writes the line that stands where others are missing, `lost` of them since the start; with its line break, as snprintf. */
typedef int (*bn_lost_lines_fn)(char *line, size_t size, uint64_t lost);

/* Keeps up to `bytes` that are not written yet. The descriptor stays the caller's. */
bn_status bn_line_writer_open(int fd, size_t bytes, bn_lost_lines_fn lost, bn_line_writer **writer,
                              bn_error *err);

/* A whole line, its line break included. Any thread; never waits for the descriptor. */
void bn_line_writer_put(bn_line_writer *writer, const char *line, size_t length);

/* Lines lost so far: there was no room, or the descriptor took them no more. NULL: none. */
uint64_t bn_line_writer_lost(bn_line_writer *writer);

/* Writes what is there for grace_ms at most, and ends; whoever does not read does not keep it from ending. */
void bn_line_writer_close(bn_line_writer **writer, int grace_ms);

#endif
