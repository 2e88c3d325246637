#include "server/http/http_server.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "server/http/http_internal.h"

#define OTHER_DESCRIPTORS 128 /* of the process, beside connections */

/* Each connection needs a descriptor; the usual soft limit of 1024 is for programs that select().
 */
static void raise_file_limit(unsigned connections)
{
    rlim_t need = (rlim_t)connections + OTHER_DESCRIPTORS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
        return;
    limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < need)
        log_line("the limit of open files is %llu, too low for %u connections: raise it "
                 "(ulimit -n)",
                 (unsigned long long)limit.rlim_cur, connections);
}

static int check_settings(const struct http_settings *settings, struct err *err)
{
    if (settings->host_count == 0)
        return err_set(err, ERR_INPUT, "there is no address to listen on");
    if (settings->loops == 0 || settings->connections == 0)
        return err_set(err, ERR_INPUT, "at least one event loop and one connection are needed");
    if (settings->limits.head > SIZE_MAX / 4 || settings->limits.request_line > SIZE_MAX / 4)
        return err_set(err, ERR_INPUT, "the limit of the request head is too large");
    return 0;
}

static int init(struct http_server *server, const struct http_settings *settings, struct err *err)
{
    server->drained_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (server->drained_fd < 0)
        return err_system(err, errno, "make an eventfd");
    if (http_listeners_open(server, settings->hosts, settings->host_count, err))
        return -1;
    server->loops = mem_zero(settings->loops, sizeof(*server->loops));
    if (!server->loops)
        return err_memory(err, settings->loops * sizeof(*server->loops), "the event loops");
    while (server->loop_count < settings->loops) {
        unsigned index = server->loop_count++;

        if (http_loop_init(server->loops + index, server, index, err))
            return -1;
    }
    return 0;
}

/* libevent's own warnings, as lines of the log. */
static void on_libevent_log(int severity, const char *text)
{
    (void)severity;
    log_line("libevent: %s", text);
}

int http_server_new(const struct http_settings *settings, const struct http_handler *handler,
                    struct http_server **ret, struct err *err)
{
    struct http_server *server;

    event_set_log_callback(on_libevent_log);
    if (check_settings(settings, err))
        return -1;
    server = mem_zero(1, sizeof(*server));
    if (!server)
        return err_memory(err, sizeof(*server), "the server");
    server->settings = *settings;
    server->settings.hosts = NULL;
    if (server->settings.body_max > SIZE_MAX / 2)
        server->settings.body_max = SIZE_MAX / 2;
    server->handler = *handler;
    server->in_size = settings->limits.head + HTTP_IN_SLACK;
    if (init(server, settings, err)) {
        http_server_free(server);
        return -1;
    }
    raise_file_limit(settings->connections);
    *ret = server;
    return 0;
}

const char *http_server_address(const struct http_server *server, size_t i)
{
    return i < server->listener_count ? server->listeners[i].address : NULL;
}

int http_server_start(struct http_server *server, struct err *err)
{
    if (http_listeners_start(server, err))
        return -1;
    for (unsigned i = 0; i < server->loop_count; i++) {
        atomic_fetch_add(&server->loops_left, 1);
        if (http_loop_start(server->loops + i, err)) {
            atomic_fetch_sub(&server->loops_left, 1);
            return -1; /* http_server_free ends those that run */
        }
    }
    server->started = true;
    return 0;
}

void http_server_stop(struct http_server *server)
{
    atomic_store(&server->stopping, true);
    for (unsigned i = 0; i < server->loop_count; i++)
        http_loop_wake(server->loops + i);
}

/* The thread that waits: for signals, and for the end. */
struct waiter {
    struct event_base *base;
    struct event **events;
    size_t count;
    void (*on_signal)(void *self, int signal);
    void *self;
};

static void on_signal(evutil_socket_t signal, short what, void *argument)
{
    struct waiter *waiter = argument;

    (void)what;
    waiter->on_signal(waiter->self, (int)signal);
}

static void on_drained(evutil_socket_t fd, short what, void *argument)
{
    struct waiter *waiter = argument;

    (void)fd;
    (void)what;
    event_base_loopbreak(waiter->base);
}

static void waiter_fini(struct waiter *waiter)
{
    for (size_t i = 0; i < waiter->count; i++)
        event_free(waiter->events[i]);
    free(waiter->events);
    if (waiter->base)
        event_base_free(waiter->base);
}

static int waiter_add(struct waiter *waiter, int fd, short what, event_callback_fn callback)
{
    struct event *event = event_new(waiter->base, fd, what, callback, waiter);

    if (!event)
        return -1;
    waiter->events[waiter->count++] = event;
    return event_add(event, NULL);
}

static int waiter_init(struct waiter *waiter, const struct http_server *server, const int *signals,
                       size_t signal_count)
{
    waiter->base = event_base_new();
    waiter->events = mem_zero(signal_count + 1, sizeof(struct event *));
    if (!waiter->base || !waiter->events)
        return -1;
    for (size_t i = 0; i < signal_count; i++) {
        if (waiter_add(waiter, signals[i], EV_SIGNAL | EV_PERSIST, on_signal))
            return -1;
    }
    return waiter_add(waiter, server->drained_fd, EV_READ, on_drained);
}

static void join(struct http_server *server)
{
    for (unsigned i = 0; i < server->loop_count; i++) {
        if (server->loops[i].has_thread)
            pthread_join(server->loops[i].thread, NULL);
        server->loops[i].has_thread = false;
    }
}

int http_server_run(struct http_server *server, const int *signals, size_t signal_count,
                    void (*on_ready)(void *self),
                    void (*on_signal_callback)(void *self, int signal), void *self, struct err *err)
{
    struct waiter waiter = {.on_signal = on_signal_callback, .self = self};
    int failed;

    if (!server->started)
        return err_set(err, ERR_SYSTEM, "the HTTP server was not started");
    failed = waiter_init(&waiter, server, signals, signal_count);
    if (!failed) {
        if (on_ready)
            on_ready(self);
        event_base_dispatch(waiter.base);
    }
    waiter_fini(&waiter);
    if (failed)
        return err_set(err, ERR_SYSTEM,
                       "cannot wait for signals: too few descriptors or too "
                       "little memory");
    join(server);
    return 0;
}

void http_server_counters(const struct http_server *server, struct http_counters *ret)
{
    *ret = (struct http_counters){
        .connections_open = atomic_load(&server->open),
        .connections_accepted = atomic_load(&server->accepted),
        .in_flight_bytes = atomic_load(&server->in_flight),
    };
    for (unsigned i = 0; i < server->loop_count; i++) {
        const struct http_loop_counters *counters = &server->loops[i].counters;

        ret->requests += atomic_load_explicit(&counters->requests, memory_order_relaxed);
        ret->refused += atomic_load_explicit(&counters->refused, memory_order_relaxed);
        ret->timeouts += atomic_load_explicit(&counters->timeouts, memory_order_relaxed);
    }
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    http_server_stop(server);
    join(server);
    http_listeners_fini(server);
    for (unsigned i = 0; i < server->loop_count; i++)
        http_loop_fini(server->loops + i);
    free(server->loops);
    if (server->drained_fd >= 0)
        close(server->drained_fd);
    free(server);
}
