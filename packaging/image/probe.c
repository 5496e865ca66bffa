/* probe.c - the image's health check: GET /healthz of the server in this container; 0 where it answers 200. A program, since
 * the image has no shell. probe [PORT], else the port of Containerfile. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const char request[] = "GET /healthz HTTP/1.0\r\n\r\n";
    const struct timeval limit = {.tv_sec = 4}; /* the check has 5 s */
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server.sin_port = htons((in_port_t)strtol(argc > 1 ? argv[1] : "8000", NULL, 10));
    char answer[16] = "";
    size_t have = 0;
    ssize_t came = 0;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) ||
        write(fd, request, sizeof request - 1) != (ssize_t)sizeof request - 1)
        return 1;
    while (have < sizeof answer - 1 && (came = read(fd, answer + have, sizeof answer - 1 - have)) > 0)
        have += (size_t)came;
    close(fd);
    return strncmp(answer, "HTTP/1.", 7) != 0 || strncmp(answer + 8, " 200", 4) != 0;
}
