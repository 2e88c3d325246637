/*
 * Addresses to listen on, and the acceptor, which is loop 0: it takes connections from the kernel
 * and hands each to the loop that has the fewest. At the cap, or when descriptors run out, it rests
 * and the kernel's backlog holds the others.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "server/http/http_internal.h"

#define BACKLOG       4096 /* the kernel lowers it to net.core.somaxconn */
#define ACCEPTS_MAX   64   /* per callback */
#define REST_MS       200  /* after descriptors ran out */
#define LOG_SECONDS   60   /* between two lines about such trouble */
#define ADDRESSES_MAX 64

static const char *trouble_of(int error, uint16_t port, char *out, size_t size)
{
    switch (error) {
    case EADDRINUSE:
        snprintf(out, size, "port %u is in use: stop the other server or choose --port", port);
        break;
    case EACCES:
    case EPERM:
        snprintf(out, size,
                 "port %u needs privileges (CAP_NET_BIND_SERVICE): choose --port 1024 or higher",
                 port);
        break;
    case EADDRNOTAVAIL:
        snprintf(out, size, "this machine does not have that address: check --host");
        break;
    case EAFNOSUPPORT:
        snprintf(out, size, "this machine does not have that kind of address: check --host");
        break;
    default:
        snprintf(out, size, "%s", strerror(error));
    }
    return out;
}

/* "192.0.2.1:80", "[2001:db8::1]:80". */
static void print_address(char *out, size_t size, const struct sockaddr *address, socklen_t length)
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    char port[8];

    if (getnameinfo(address, length, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV))
        snprintf(out, size, "?");
    else
        snprintf(out, size, address->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* TCP_NODELAY is inherited by what is accepted: one system call, not one for each connection. */
static int open_socket(const struct addrinfo *info)
{
    const int on = 1;
    int error;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
        (info->ai_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
        bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void set_port(struct sockaddr *address, uint16_t port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)address)->sin_port = htons(port);
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
    const void *bytes = address;

    return ntohs(address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)bytes)->sin6_port
                                                : ((const struct sockaddr_in *)bytes)->sin_port);
}

/* True where `address`, as print_address writes it, has a listener: a name can have it twice. */
static bool is_open(const struct http_server *server, const char *address)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (strcmp(server->listeners[i].address, address) == 0)
            return true;
    }
    return false;
}

/* -1 with errno. The port that the kernel chose for the first address serves the others. */
static int open_address(struct http_server *server, const struct addrinfo *info)
{
    struct http_listener *listener = server->listeners + server->listener_count;
    struct sockaddr_storage bound;
    socklen_t length = sizeof(bound);
    char address[sizeof(listener->address)];

    set_port(info->ai_addr, server->settings.port);
    print_address(address, sizeof(address), info->ai_addr, info->ai_addrlen);
    if (is_open(server, address))
        return 0;
    if (server->listener_count == ADDRESSES_MAX) {
        errno = E2BIG;
        return -1;
    }
    listener->fd = open_socket(info);
    if (listener->fd < 0)
        return -1;
    server->listener_count++;
    if (getsockname(listener->fd, (struct sockaddr *)&bound, &length))
        return -1;
    server->settings.port = port_of(&bound);
    print_address(listener->address, sizeof(listener->address), (struct sockaddr *)&bound, length);
    return 0;
}

/* All addresses of one host. A name may have some that this machine cannot serve, as ::1 where
 * there is no IPv6: one that works is enough. */
static int open_host(struct http_server *server, const char *host, struct err *err)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *all = NULL;
    const char *name = host;
    char bare[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    char text[160];
    size_t size = strlen(host);
    bool works = false;
    int failed = 0;
    int error;

    if (size > 2 && size - 2 < sizeof(bare) && host[0] == '[' && host[size - 1] == ']') {
        memcpy(bare, host + 1, size - 2);
        bare[size - 2] = '\0';
        name = bare;
    }
    error = size ? getaddrinfo(name, NULL, &hints, &all) : EAI_NONAME;
    if (error)
        return err_set(err, ERR_INPUT, "cannot listen on '%s': %s: check --host", host,
                       error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    for (const struct addrinfo *info = all; info && !err->kind; info = info->ai_next) {
        uint16_t port = server->settings.port;

        if (open_address(server, info) == 0) {
            works = true;
            continue;
        }
        failed = errno;
        if ((failed != EADDRNOTAVAIL && failed != EAFNOSUPPORT) || (!info->ai_next && !works))
            err_set(err, ERR_SYSTEM, "cannot listen on %s port %u: %s", host, port,
                    trouble_of(failed, port, text, sizeof(text)));
    }
    freeaddrinfo(all);
    return err->kind ? -1 : 0;
}

int http_listeners_open(struct http_server *server, const char *const *hosts, size_t count,
                        struct err *err)
{
    server->listeners = mem_zero(ADDRESSES_MAX + 1, sizeof(*server->listeners));
    if (!server->listeners)
        return err_memory(err, (ADDRESSES_MAX + 1) * sizeof(*server->listeners), "the listeners");
    for (size_t i = 0; i < count; i++) {
        if (open_host(server, hosts[i], err))
            return -1;
    }
    return 0;
}

/* Accepting. */

static void watch_listeners(struct http_server *server, bool on)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct event *event = server->listeners[i].event;

        if (on ? event_add(event, NULL) : event_del(event))
            log_line("cannot watch %s for connections: out of memory",
                     server->listeners[i].address);
    }
    server->accepting = on;
}

static bool may_log(struct http_server *server)
{
    uint64_t now = http_clock();

    if (now < server->log_after)
        return false;
    server->log_after = now + http_seconds(LOG_SECONDS);
    return true;
}

/* True where there is no room for another connection; then the next one that closes wakes us. */
static bool is_capped(struct http_server *server)
{
    unsigned cap = server->settings.connections;

    if (atomic_load(&server->open) < cap)
        return false;
    /* Said first and looked at again: a connection that closes in between sees that it must wake
     * us, or is seen here to have closed. */
    atomic_store(&server->capped, true);
    if (atomic_load(&server->open) < cap) {
        atomic_store(&server->capped, false);
        return false;
    }
    watch_listeners(server, false);
    if (may_log(server))
        log_line("%u connections are open, the most there may be: others wait", cap);
    return true;
}

static void rest(struct http_server *server, int error)
{
    const struct timeval pause = {.tv_usec = REST_MS * 1000};

    if (may_log(server))
        log_line("cannot accept connections: %s: they wait (connections open: %u)", strerror(error),
                 atomic_load(&server->open));
    if (event_add(server->accept_event, &pause))
        return; /* without memory for a timer: go on trying */
    server->starved = true;
    watch_listeners(server, false);
}

static struct http_loop *least_loaded(struct http_server *server)
{
    struct http_loop *best = server->loops;
    unsigned least = UINT32_MAX;

    /* starting behind the last choice, so that equals take turns */
    for (unsigned i = 0; i < server->loop_count; i++) {
        struct http_loop *loop = server->loops + (server->next_loop + i) % server->loop_count;
        unsigned open = atomic_load(&loop->open);

        if (open < least) {
            least = open;
            best = loop;
        }
    }
    server->next_loop = best->index + 1;
    return best;
}

static void print_peer(char *out, size_t size, const struct sockaddr_storage *peer)
{
    const void *address = peer->ss_family == AF_INET6
                              ? (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)peer)->sin_addr;

    if (!inet_ntop(peer->ss_family, address, out, (socklen_t)size))
        snprintf(out, size, "?");
}

/* The connection goes to a loop; where that has ended it is ours, the acceptor's. */
static void hand_over(struct http_server *server, int fd, const struct sockaddr_storage *peer)
{
    struct http_loop *self = server->loops;
    struct http_loop *loop = self->stopping ? self : least_loaded(server);
    struct http_connection *connection = mem_zero(1, sizeof(*connection));

    if (!connection) {
        close(fd);
        return;
    }
    connection->fd = fd;
    print_peer(connection->peer, sizeof(connection->peer), peer);
    atomic_fetch_add(&server->open, 1);
    atomic_fetch_add_explicit(&server->accepted, 1, memory_order_relaxed);
    atomic_fetch_add(&loop->open, 1);
    connection->loop = loop;
    if (loop != self) {
        if (http_loop_give(loop, connection))
            return;
        atomic_fetch_sub(&loop->open, 1);
        atomic_fetch_add(&self->open, 1);
    }
    http_connection_start(self, connection);
}

/* False where there is nothing more to accept for now. */
static bool accept_one(struct http_server *server, int fd)
{
    struct sockaddr_storage peer = {0};
    socklen_t length = sizeof(peer);
    int accepted;

    if (is_capped(server))
        return false;
    accepted = accept4(fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) {
        hand_over(server, accepted, &peer);
        return true;
    }
    switch (errno) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        rest(server, errno);
        return false;
    default: /* this one went away, or its network did: accept(2) */
        return true;
    }
}

static void on_accept(evutil_socket_t fd, short what, void *argument)
{
    (void)what;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        if (!accept_one(argument, fd))
            return;
    }
}

static void on_rested(evutil_socket_t fd, short what, void *argument)
{
    struct http_server *server = argument;

    (void)fd;
    (void)what;
    server->starved = false;
    http_listeners_check(server);
}

void http_listeners_check(struct http_server *server)
{
    if (!server->accepting && !server->starved && !server->loops[0].stopping &&
        !atomic_load(&server->capped))
        watch_listeners(server, true);
}

int http_listeners_start(struct http_server *server, struct err *err)
{
    struct event_base *base = server->loops[0].base;

    server->accept_event = event_new(base, -1, 0, on_rested, server);
    if (!server->accept_event)
        return err_memory(err, sizeof(struct event), "an event");
    for (size_t i = 0; i < server->listener_count; i++) {
        struct http_listener *listener = server->listeners + i;

        listener->event = event_new(base, listener->fd, EV_READ | EV_PERSIST, on_accept, server);
        if (!listener->event || event_add(listener->event, NULL))
            return err_memory(err, sizeof(struct event), "an event");
    }
    server->accepting = true;
    return 0;
}

static void close_listener(struct http_listener *listener)
{
    if (listener->event)
        event_free(listener->event);
    listener->event = NULL;
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

/* Those that connected before the stop are taken: to close would reset them. */
void http_listeners_stop(struct http_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        unsigned most = BACKLOG;

        while (most-- && !server->starved && accept_one(server, server->listeners[i].fd))
            ;
        close_listener(server->listeners + i);
    }
    server->accepting = false;
}

void http_listeners_fini(struct http_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++)
        close_listener(server->listeners + i);
    if (server->accept_event)
        event_free(server->accept_event);
    free(server->listeners);
}
