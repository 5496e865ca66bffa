/* interrupt.c - the signal handlers, a flag and a pipe. */
#include "cli/interrupt.h"

#include <poll.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

/* Process-wide, as signals are. */
static volatile sig_atomic_t interrupted;
static int wake_pipe[2] = {-1, -1};

static void on_signal(int signal_number)
{
    (void)signal_number;
    if (interrupted) _exit(130);
    interrupted = 1;
    const ssize_t written = write(wake_pipe[1], "", 1);
    (void)written;
}

/* nohup has it ignored: whoever starts us so wants us to outlive his terminal. */
static bool is_ignored(int signal_number)
{
    struct sigaction at_start;
    return sigaction(signal_number, NULL, &at_start) == 0 && at_start.sa_handler == SIG_IGN;
}

void bn_interrupt_install(void)
{
    if (pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0) wake_pipe[0] = wake_pipe[1] = -1;
    const struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    if (!is_ignored(SIGHUP)) sigaction(SIGHUP, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL); /* writing to a closed pipe is an ordinary error */
    sigaction(SIGXFSZ, &ignore, NULL); /* so is a file-size limit */
}

bool bn_interrupted(void)
{
    return interrupted != 0;
}

int bn_interrupt_fd(void)
{
    return wake_pipe[0];
}

void bn_interrupt_wait(void)
{
    while (!bn_interrupted()) {
        struct pollfd wait = {.fd = bn_interrupt_fd(), .events = POLLIN};
        poll(&wait, 1, -1);
    }
}
