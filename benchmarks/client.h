#pragma once
/*
 * What the programs that measure latency share: a blocking client on this machine, samples and
 * their quantiles. A failure ends the program.
 */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES_MAX 1000000
#define PAUSE_NS    1000000 /* a request is sent every millisecond at most */

static int port;

static inline uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void fail(const char *what)
{
    perror(what);
    exit(1);
}

static inline int connect_to_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

/* Sends and reads one answer whole; its status. */
static inline int exchange(int fd, const char *request, size_t size)
{
    char answer[65536];
    size_t have = 0;

    if (send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size)
        fail("send");
    for (;;) {
        ssize_t n = recv(fd, answer + have, sizeof(answer) - 1 - have, 0);
        const char *end;
        const char *length;

        if (n <= 0)
            fail("recv");
        have += (size_t)n;
        answer[have] = '\0';
        end = strstr(answer, "\r\n\r\n");
        length = end ? strcasestr(answer, "content-length:") : NULL;
        if (length && have >= (size_t)(end + 4 - answer) + strtoul(length + 15, NULL, 10))
            return atoi(answer + 9);
        if (have == sizeof(answer) - 1)
            fail("an answer that is too large");
    }
}

struct samples {
    uint32_t *ns;
    size_t count;
};

static inline void measure(int fd, const char *request, size_t size, struct samples *samples)
{
    uint64_t end = now_ns() + 1000000000u;
    uint64_t next = now_ns();

    while (next < end) {
        uint64_t began = now_ns();
        uint64_t took;

        if (exchange(fd, request, size) != 200)
            fail("an invocation did not succeed");
        took = now_ns() - began;
        if (samples->count < SAMPLES_MAX)
            samples->ns[samples->count++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
        next += PAUSE_NS;
        if (now_ns() < next) {
            struct timespec until = {(time_t)(next / 1000000000u), (long)(next % 1000000000u)};

            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        } else {
            next = now_ns();
        }
    }
}

static inline int by_size(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a;
    uint32_t two = *(const uint32_t *)b;

    return one < two ? -1 : one > two;
}

static inline double quantile(const struct samples *samples, double q)
{
    return samples->ns[(size_t)((double)(samples->count - 1) * q)] / 1e3;
}

static inline void report(const char *what, struct samples *samples)
{
    qsort(samples->ns, samples->count, sizeof(*samples->ns), by_size);
    printf("%-22s %7zu requests  p50 %8.1f us  p99 %8.1f us  p99.9 %8.1f us  most %8.1f us\n", what,
           samples->count, quantile(samples, 0.5), quantile(samples, 0.99),
           quantile(samples, 0.999), quantile(samples, 1));
}
