#pragma once
/*
 * A client for the tests of what listens on this machine: raw sockets, blocking, which gives up
 * after 8 s. `port` is the server's.
 */

#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint16_t port;

static inline double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline int connect_fd(int fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval timeout = {.tv_sec = 8};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static inline int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect_fd(fd), 0);
    return fd;
}

static inline char *memory(size_t size)
{
    char *bytes = calloc(1, size);

    if (!bytes)
        abort();
    return bytes;
}

static inline bool try_put(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static inline void put(int fd, const char *text)
{
    assert_true(try_put(fd, text, strlen(text)));
}

static inline void put_post(int fd, const char *path, const char *body)
{
    char text[1000];

    snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
             path, strlen(body), body);
    put(fd, text);
}

struct reply {
    int status;
    char head[2000];
    char *body; /* NUL terminated */
    size_t size;
    bool close;
};

static inline bool read_byte(int fd, char *ret)
{
    return recv(fd, ret, 1, 0) == 1;
}

static inline bool try_get(int fd, bool head_only, struct reply *ret)
{
    const char *length;
    size_t n = 0;

    memset(ret, 0, sizeof(*ret));
    while (n < 4 || memcmp(ret->head + n - 4, "\r\n\r\n", 4) != 0) {
        if (n + 1 == sizeof(ret->head) || !read_byte(fd, ret->head + n))
            return false;
        n++;
    }
    if (sscanf(ret->head, "HTTP/1.1 %d ", &ret->status) != 1)
        return false;
    length = strstr(ret->head, "\r\nContent-Length: ");
    ret->size = length ? (size_t)atol(length + 18) : 0;
    ret->close = strstr(ret->head, "\r\nConnection: close\r\n") != NULL;
    if (head_only)
        return true;
    ret->body = memory(ret->size + 1);
    for (n = 0; n < ret->size;) {
        ssize_t got = recv(fd, ret->body + n, ret->size - n, 0);

        if (got <= 0) {
            free(ret->body);
            return false;
        }
        n += (size_t)got;
    }
    return true;
}

/* Reads one answer and checks it; body NULL: any. */
static inline void expect(int fd, int status, const char *body, bool close)
{
    struct reply reply;

    if (!try_get(fd, false, &reply))
        fail_msg("no answer where %d was expected", status);
    if (reply.status != status || (body && strcmp(reply.body, body) != 0) || reply.close != close)
        fail_msg("expected %d '%s' close=%d, got: %s%s", status, body ? body : "(any)", close,
                 reply.head, reply.body);
    free(reply.body);
}

/* The server closed in good order: no reset, and nothing before the end. */
static inline void expect_end(int fd)
{
    char byte;

    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

static inline void close_with_reset(int fd)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

static inline void expect_silence(int fd, int milliseconds)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&poller, 1, milliseconds), 0);
}
