/*
 * From exec to the first healthy answer: starts a server again and again and asks it GET /ping
 * until the answer is 200, as an orchestrator does, only more often (every 100 us).
 *
 *     start_time PORT TIMES COMMAND [ARGUMENT...]
 *
 * The command has to listen on PORT. Prints a line of JSON a start: milliseconds from exec to the
 * answer, and the process's resident memory then and half a second later, in kilobytes. The server
 * is ended by SIGTERM, and what it exits with is told too.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "benchmarks/latency.h"
#include "benchmarks/process_cpu.h"

#define PATIENCE_NS UINT64_C(60000000000)

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* Whether the server answers 200 to GET /ping now. */
static bool ping(int port)
{
    static const char request[] = "GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool healthy = false;
    char answer[512];
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        die("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1 &&
        recv(fd, answer, sizeof(answer), 0) > 12)
        healthy = memcmp(answer, "HTTP/1.", 7) == 0 && memcmp(answer + 8, " 200", 4) == 0;
    close(fd);
    return healthy;
}

static pid_t start(char **command)
{
    pid_t pid = fork();
    int null;

    if (pid < 0)
        die("fork");
    if (pid > 0)
        return pid;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execvp(command[0], command);
    _exit(127);
}

static int stop(pid_t pid)
{
    int status = 0;

    kill(pid, SIGTERM);
    if (waitpid(pid, &status, 0) != pid)
        die("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int main(int argc, char **argv)
{
    int port = argc > 3 ? atoi(argv[1]) : 0;
    int times = argc > 3 ? atoi(argv[2]) : 0;

    if (port < 1 || times < 1) {
        fprintf(stderr, "usage: start_time PORT TIMES COMMAND [ARGUMENT...]\n");
        return 2;
    }
    for (int i = 0; i < times; i++) {
        uint64_t began = latency_now();
        pid_t pid = start(argv + 3);
        long first, rested;
        double took;

        while (!ping(port)) {
            if (waitpid(pid, NULL, WNOHANG) == pid || latency_now() - began > PATIENCE_NS) {
                fprintf(stderr, "start_time: %s ended, or does not answer\n", argv[3]);
                return 1;
            }
            usleep(100);
        }
        took = (double)(latency_now() - began) / 1e6;
        first = process_kilobytes(pid, "VmRSS");
        usleep(500000);
        rested = process_kilobytes(pid, "VmRSS");
        printf("{\"start_ms\": %.3f, \"rss_kb\": %ld, \"rested_kb\": %ld, \"exit\": %d}\n", took,
               first, rested, stop(pid));
        fflush(stdout);
    }
    return 0;
}
