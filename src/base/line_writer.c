/* line_writer.c - a ring of bytes between those who have lines and the one thread that writes them. */
#include "base/line_writer.h"

#include "base/clock.h"
#include "base/size.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES  4096 /* PIPE_BUF: lines of several processes do not mix in a pipe */
#define NOTICE_BYTES 256

struct bn_line_writer {
    int fd;
    bn_lost_lines_fn lost;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t filled, over; /* over: by CLOCK_MONOTONIC */
    char *ring;
    size_t size, start, used; /* bytes */
    uint64_t lost_count;
    bool unsaid; /* lines are missing behind the last one in the ring */
    bool stop, ended;
};

/* ---- the ring; the lock is held */

static bool append(bn_line_writer *self, const char *text, size_t length)
{
    if (length > self->size - self->used) return false;
    const size_t at = (self->start + self->used) % self->size;
    const size_t first = BN_MIN(length, self->size - at);
    memcpy(self->ring + at, text, first);
    memcpy(self->ring, text + first, length - first);
    self->used += length;
    return true;
}

static void count_lost(bn_line_writer *self, uint64_t lines)
{
    self->lost_count += lines;
    self->unsaid = self->unsaid || lines > 0;
}

/* Before the next line that is kept, so that it stands where the others are missing. */
static void say_lost(bn_line_writer *self)
{
    char line[NOTICE_BYTES];
    if (!self->unsaid) return;
    const int length = self->lost(line, sizeof line, self->lost_count);
    self->unsaid = length < 0 || (size_t)length >= sizeof line || !append(self, line, (size_t)length);
}

/* The next whole lines, or a part of one that is longer than a piece. */
static size_t take(bn_line_writer *self, char piece[PIECE_BYTES])
{
    const size_t count = BN_MIN(self->used, PIECE_BYTES);
    const size_t first = BN_MIN(count, self->size - self->start);
    memcpy(piece, self->ring + self->start, first);
    memcpy(piece + first, self->ring, count - first);
    const char *end = memrchr(piece, '\n', count);
    const size_t whole = end ? (size_t)(end - piece) + 1 : count;
    self->start = (self->start + whole) % self->size;
    self->used -= whole;
    return whole;
}

/* ---- the thread */

static uint64_t count_lines(const char *text, size_t length)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < length; i++) lines += text[i] == '\n';
    return lines;
}

/* The lines that were not written: the disk is full, or nobody can read them any more. The thread may be cancelled here
 * and nowhere else. */
static uint64_t write_piece(int fd, const char *text, size_t length)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
    while (length > 0) {
        const ssize_t written = write(fd, text, length);
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        } else if (errno == EAGAIN) { /* somebody made it so; we share it with others and leave it */
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            break;
        }
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return count_lines(text, length);
}

static void *work(void *argument)
{
    bn_line_writer *self = argument;
    char piece[PIECE_BYTES];
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    pthread_mutex_lock(&self->lock);
    while (self->used > 0 || !self->stop) {
        if (self->used == 0) {
            pthread_cond_wait(&self->filled, &self->lock);
            continue;
        }
        const size_t length = take(self, piece);
        pthread_mutex_unlock(&self->lock);
        const uint64_t failed = write_piece(self->fd, piece, length);
        pthread_mutex_lock(&self->lock);
        count_lost(self, failed);
        if (failed == 0) say_lost(self); /* else it would be said to nobody, for ever */
    }
    self->ended = true;
    pthread_cond_signal(&self->over);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- for everybody else */

bn_status bn_line_writer_open(int fd, size_t bytes, bn_lost_lines_fn lost, bn_line_writer **writer,
                              bn_error *err)
{
    bn_line_writer *self = calloc(1, sizeof *self);
    char *ring = malloc(bytes);
    if (!self || !ring) {
        free(self);
        free(ring);
        return bn_fail_memory(err, bytes, "a log");
    }
    *self = (bn_line_writer){.fd = fd, .lost = lost, .ring = ring, .size = bytes};
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->filled, NULL);
    pthread_cond_init(&self->over, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&self->thread, NULL, work, self) != 0) {
        free(ring);
        free(self);
        return bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot start a thread");
    }
    *writer = self;
    return BIREFNET_OK;
}

void bn_line_writer_put(bn_line_writer *writer, const char *line, size_t length)
{
    pthread_mutex_lock(&writer->lock);
    const bool gap = writer->unsaid;
    if (length + (gap ? NOTICE_BYTES : 0) > writer->size - writer->used) {
        count_lost(writer, 1);
    } else {
        say_lost(writer);
        append(writer, line, length);
    }
    pthread_cond_signal(&writer->filled);
    pthread_mutex_unlock(&writer->lock);
}

uint64_t bn_line_writer_lost(bn_line_writer *writer)
{
    if (!writer) return 0;
    pthread_mutex_lock(&writer->lock);
    const uint64_t lost = writer->lost_count;
    pthread_mutex_unlock(&writer->lock);
    return lost;
}

void bn_line_writer_close(bn_line_writer **writer, int grace_ms)
{
    bn_line_writer *self = *writer;
    if (!self) return;
    const struct timespec until = bn_clock_after(grace_ms);
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_cond_signal(&self->filled);
    int waited = 0;
    while (!self->ended && waited == 0) waited = pthread_cond_timedwait(&self->over, &self->lock, &until);
    const bool stuck = !self->ended;
    pthread_mutex_unlock(&self->lock);
    if (stuck) pthread_cancel(self->thread);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->over);
    pthread_cond_destroy(&self->filled);
    pthread_mutex_destroy(&self->lock);
    free(self->ring);
    free(self);
    *writer = NULL;
}
