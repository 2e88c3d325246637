#include "benchmarks/load_connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BROKEN_MAX 100

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void refuse(const char *what, const struct load_connection *connection)
{
    fprintf(stderr, "%s: %.300s\n", what, connection->head);
    exit(1);
}

static void watch(struct load *load, struct load_connection *connection, int how)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    if (connection->writing)
        event.events |= EPOLLOUT;
    if (epoll_ctl(load->epoll, how, connection->fd, &event))
        die("epoll_ctl");
}

void load_connect(struct load *load, struct load_connection *connection)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load->port)};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&address, sizeof(address)))
        die("connect");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    connection->writing = false;
    watch(load, connection, EPOLL_CTL_ADD);
}

static void reconnect(struct load *load, struct load_connection *connection)
{
    close(connection->fd);
    load_connect(load, connection);
    load->totals.reconnects++;
}

static void send_more(struct load *load, struct load_connection *connection)
{
    const struct load_request *request = connection->request;
    size_t left = request->size - connection->sent;
    ssize_t n = send(connection->fd, request->data + connection->sent,
                     left < load->write_max ? left : load->write_max, MSG_NOSIGNAL);
    bool writing;

    /* a connection that was closed is seen when it is read */
    if (n < 0 && errno != EAGAIN && errno != EPIPE && errno != ECONNRESET)
        die("send");
    writing = n >= 0 || errno == EAGAIN;
    connection->sent += n > 0 ? (size_t)n : 0;
    writing = writing && connection->sent < request->size;
    if (connection->writing != writing) {
        connection->writing = writing;
        watch(load, connection, EPOLL_CTL_MOD);
    }
}

void load_begin(struct load *load, struct load_connection *connection, uint64_t when)
{
    connection->request = load_requests_next(connection->beside ? &load->beside : &load->requests);
    connection->began = when;
    connection->sent = 0;
    connection->head_size = 0;
    connection->head_done = false;
    send_more(load, connection);
}

static void end_request(struct load *load, struct load_connection *connection)
{
    connection->request = NULL;
    load->done(load, connection);
}

static void count_answer(struct load *load, const struct load_connection *connection)
{
    struct load_totals *totals = &load->totals;

    if (connection->beside) {
        if (connection->status != 200)
            refuse("beside, not a 200", connection);
        totals->beside++;
        totals->beside_bytes += connection->request->size;
    } else if (connection->began < load->measured_from) {
        return;
    } else if (connection->status == 200) {
        totals->answers++;
        latency_add(&totals->latency, latency_now() - connection->began);
    } else {
        totals->others++;
        totals->other_status = connection->status;
    }
}

/* Takes off what belongs to the head; false where the head is not whole yet. */
static bool read_head(struct load_connection *connection, const char **data, size_t *size)
{
    size_t before = connection->head_size;
    size_t n = *size < LOAD_HEAD_MAX - before ? *size : LOAD_HEAD_MAX - before;
    const char *length;
    char *end;

    memcpy(connection->head + before, *data, n);
    connection->head_size += n;
    connection->head[connection->head_size] = '\0';
    end = memmem(connection->head, connection->head_size, "\r\n\r\n", 4);
    if (!end) {
        if (connection->head_size == LOAD_HEAD_MAX)
            refuse("an answer with too large a head", connection);
        return false;
    }
    n = (size_t)(end - connection->head) + 4 - before;
    *data += n;
    *size -= n;
    end[2] = '\0';
    length = strcasestr(connection->head, "\r\ncontent-length:");
    if (strncmp(connection->head, "HTTP/1.", 7) != 0 || !length)
        refuse("an answer without a Content-Length", connection);
    connection->status = atoi(connection->head + 9);
    connection->left = strtoul(length + 17, NULL, 10);
    connection->will_close = strcasestr(connection->head, "\r\nconnection: close\r\n") != NULL;
    connection->head_done = true;
    return true;
}

static void lost(struct load *load, struct load_connection *connection)
{
    if (connection->request && ++load->totals.broken > BROKEN_MAX)
        refuse("the server closes connections without an answer", connection);
    reconnect(load, connection);
    if (connection->request)
        end_request(load, connection);
}

static void receive(struct load *load, struct load_connection *connection)
{
    static char in[262144];
    const char *data = in;
    ssize_t n = recv(connection->fd, in, sizeof(in), 0);
    size_t size = n > 0 ? (size_t)n : 0;

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || !connection->request) {
        lost(load, connection);
        return;
    }
    if (!connection->head_done && !read_head(connection, &data, &size))
        return;
    if (size > connection->left)
        refuse("more bytes than the answer has", connection);
    connection->left -= size;
    if (connection->left > 0)
        return;
    count_answer(load, connection);
    if (connection->will_close || connection->sent < connection->request->size)
        reconnect(load, connection);
    end_request(load, connection);
}

void load_wait(struct load *load, uint64_t now, uint64_t until)
{
    uint64_t ns = until > now ? until - now : 0;
    struct timespec timeout = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    struct epoll_event events[256];
    int count = epoll_pwait2(load->epoll, events, 256, &timeout, NULL);

    /* the bodies beside the measured requests are large: they come last */
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < count; i++) {
            struct load_connection *connection = events[i].data.ptr;

            if (connection->beside != (pass == 1))
                continue;
            if ((events[i].events & EPOLLOUT) && connection->request)
                send_more(load, connection);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                receive(load, connection);
        }
    }
}
