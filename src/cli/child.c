/* child.c - posix_spawn, three pipes, and a thread that listens to standard error. */
#include "cli/child.h"

#include "base/size.h"
#include "base/visible.h"
#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void close_end(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* Keeps the last line that is not empty. A program that says much must not wait for us, nor fill our memory. */
static void *listen_to(void *user)
{
    bn_child *child = user;
    char line[sizeof child->said], bytes[4096];
    size_t length = 0;
    for (;;) {
        const ssize_t got = read(child->err, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        for (ssize_t i = 0; i < got; i++) {
            if (bytes[i] != '\n' && bytes[i] != '\r') {
                if (length < sizeof line - 1) line[length++] = bytes[i];
                continue;
            }
            if (length > 0) memcpy(child->said, line, length), child->said[length] = '\0';
            length = 0;
        }
        if (got > 0) continue;
        if (length > 0) memcpy(child->said, line, length), child->said[length] = '\0';
        bn_make_visible(child->said, strlen(child->said));
        return NULL;
    }
}

/* pipes[i] are both ends for standard input, output and error; the child gets 0 of the first and 1 of the others. */
static bn_status spawn(bn_child *child, const char *const *arguments, int pipes[3][2], bn_error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults, none;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE); /* we ignore them */
    sigaddset(&defaults, SIGXFSZ);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int i = 0; i < 3; i++) {
        const int end = pipes[i][i == 0 ? 0 : 1];
        if (end >= 0)
            posix_spawn_file_actions_adddup2(&actions, end, i);
        else
            posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0);
    }
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    /* what is pointed to is not changed: POSIX */
    char *const *argv = (char *const *)(uintptr_t)arguments;
    const int code = posix_spawnp(&child->pid, arguments[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (code == 0) return BIREFNET_OK;
    child->pid = 0;
    if (code == ENOENT || code == EACCES)
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                       "%s is not installed, which videos need (Debian: apt-get install ffmpeg)",
                       arguments[0]);
    return bn_fail_errno(err, code, "cannot start %s", arguments[0]);
}

bn_status bn_child_start(bn_child *child, const char *const *arguments, bool has_in, bool has_out,
                         bn_error *err)
{
    int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    const bool wanted[3] = {has_in, has_out, true};
    bn_status status = BIREFNET_OK;
    *child = (bn_child){.name = arguments[0], .in = -1, .out = -1, .err = -1, .handle = -1};
    for (int i = 0; i < 3 && status == BIREFNET_OK; i++)
        if (wanted[i] && pipe2(pipes[i], O_CLOEXEC) != 0)
            status = bn_fail_errno(err, errno, "cannot make a pipe");
    if (status == BIREFNET_OK) status = spawn(child, arguments, pipes, err);
    child->in = pipes[0][1];
    child->out = pipes[1][0];
    child->err = pipes[2][0];
    close_end(&pipes[0][0]);
    close_end(&pipes[1][1]);
    close_end(&pipes[2][1]);
    if (child->in >= 0) fcntl(child->in, F_SETFL, O_NONBLOCK);
    if (status != BIREFNET_OK) return status;
    child->handle = pidfd_open(child->pid, 0);
    if (child->handle < 0) return bn_fail_errno(err, errno, "cannot watch %s", child->name);
    child->listens = pthread_create(&child->listener, NULL, listen_to, child) == 0;
    return child->listens ? BIREFNET_OK : bn_fail(err, BIREFNET_ERROR_MEMORY, "cannot start a thread");
}

/* Until something can be done with fd; CANCELLED by an interrupt. */
static bn_status await(int fd, short events, bn_error *err)
{
    for (;;) {
        struct pollfd wait[] = {{.fd = fd, .events = events}, {.fd = bn_interrupt_fd(), .events = POLLIN}};
        const int ready = poll(wait, 2, -1);
        if (bn_interrupted()) return bn_fail(err, BIREFNET_ERROR_CANCELLED, "interrupted");
        if (ready < 0 && errno != EINTR) return bn_fail_errno(err, errno, "cannot wait for a program");
        if (ready > 0 && wait[0].revents) return BIREFNET_OK;
    }
}

bn_status bn_child_read(bn_child *child, void *bytes, size_t count, size_t *got, bn_error *err)
{
    for (*got = 0; *got < count;) {
        BN_TRY(await(child->out, POLLIN, err));
        const ssize_t answer = read(child->out, (uint8_t *)bytes + *got, count - *got);
        if (answer < 0 && errno == EINTR) continue;
        if (answer < 0) return bn_fail_errno(err, errno, "cannot read from %s", child->name);
        if (answer == 0) break;
        *got += (size_t)answer;
    }
    return BIREFNET_OK;
}

bn_status bn_child_write(bn_child *child, const void *bytes, size_t count, bn_error *err)
{
    const uint8_t *from = bytes;
    while (count > 0) {
        BN_TRY(await(child->in, POLLOUT, err));
        const ssize_t written = write(child->in, from, count);
        if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (written < 0) return bn_fail_errno(err, errno, "cannot write to %s", child->name);
        from += written;
        count -= (size_t)written;
    }
    return BIREFNET_OK;
}

void bn_child_kill(bn_child *child)
{
    if (child->handle >= 0) pidfd_send_signal(child->handle, SIGKILL, NULL, 0);
}

/* Reap it, and hear what it said last. */
static int reap(bn_child *child)
{
    int code = 0;
    while (waitpid(child->pid, &code, 0) < 0 && errno == EINTR) continue;
    child->pid = 0;
    if (child->listens) pthread_join(child->listener, NULL);
    child->listens = false;
    return code;
}

bn_status bn_child_wait(bn_child *child, bn_error *err)
{
    close_end(&child->in);
    if (child->pid == 0) return bn_fail(err, BIREFNET_ERROR_INTERNAL, "%s has ended already", child->name);
    BN_TRY(await(child->handle, POLLIN, err));
    const int code = reap(child);
    if (WIFEXITED(code) && WEXITSTATUS(code) == 0) return BIREFNET_OK;
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "%s failed: %s", child->name,
                   child->said[0] ? child->said : "it does not say why");
}

void bn_child_end(bn_child *child)
{
    if (!child->name) return;
    bn_child_kill(child);
    if (child->pid > 0 && child->handle < 0) kill(child->pid, SIGKILL);
    if (child->pid > 0) reap(child);
    close_end(&child->handle);
    close_end(&child->in);
    close_end(&child->out);
    close_end(&child->err);
    *child = (bn_child){0};
}
