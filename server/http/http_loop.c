/*
 * An event loop and its thread: what other threads hand over, deadlines, unused frames, the date.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/http/http_internal.h"
#include "server/time_slice.h"

static void start_ticking(struct http_loop *loop)
{
    const struct timeval period = {.tv_usec = HTTP_TICK_MS * 1000};

    /* Where it fails, which only lack of memory can cause, the next connection tries again. */
    if (!loop->ticking)
        loop->ticking = event_add(loop->tick_event, &period) == 0;
}

void http_loop_link(struct http_loop *loop, struct http_connection *connection)
{
    connection->previous = NULL;
    connection->next = loop->connections;
    if (connection->next)
        connection->next->previous = connection;
    loop->connections = connection;
    start_ticking(loop);
}

static void leave_if_done(struct http_loop *loop)
{
    if (loop->stopping && !loop->connections)
        event_base_loopbreak(loop->base);
}

void http_loop_unlink(struct http_loop *loop, struct http_connection *connection)
{
    if (connection->again) {
        struct http_connection **link = &loop->again;

        while (*link != connection)
            link = &(*link)->next_again;
        *link = connection->next_again;
    }
    if (connection->next)
        connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        loop->connections = connection->next;
    leave_if_done(loop);
}

/* Lets the loop look at all other connections before it goes on with this one. */
void http_loop_again(struct http_loop *loop, struct http_connection *connection)
{
    const struct timeval at_once = {0};

    if (connection->again)
        return;
    if (!loop->again && event_add(loop->again_event, &at_once)) {
        http_connection_drop(connection);
        return;
    }
    connection->again = true;
    connection->next_again = loop->again;
    loop->again = connection;
}

static void on_again(evutil_socket_t fd, short what, void *argument)
{
    struct http_loop *loop = argument;
    struct http_connection *list = loop->again;

    (void)fd;
    (void)what;
    loop->again = NULL; /* who has still more to do enters a new list */
    while (list) {
        struct http_connection *connection = list;

        list = connection->next_again;
        connection->again = false;
        if (connection->phase == HTTP_PHASE_IDLE && connection->frame)
            http_connection_proceed(connection);
    }
}

static void cut_off(struct http_loop *loop)
{
    struct http_connection *connection = loop->connections;

    while (connection) {
        struct http_connection *next = connection->next;

        if (connection->phase != HTTP_PHASE_DEAD)
            http_connection_drop(connection);
        connection = next;
    }
    loop->cut = true;
    event_base_loopbreak(loop->base);
}

static void on_tick(evutil_socket_t fd, short what, void *argument)
{
    struct http_loop *loop = argument;
    struct http_connection *connection = loop->connections;

    (void)fd;
    (void)what;
    loop->now = http_clock();
    while (connection) {
        struct http_connection *next = connection->next;

        if (connection->deadline <= loop->now)
            http_connection_expire(connection);
        connection = next;
    }
    http_loop_trim(loop);
    if (loop->stopping && loop->stop_deadline <= http_clock()) {
        cut_off(loop);
    } else if (!loop->connections && !loop->stopping && loop->pool_count <= 1 && !loop->pool_kept) {
        event_del(loop->tick_event);
        loop->ticking = false;
    }
}

/* Idle connections are closed, but for those whose next request is there already. */
static void begin_stop(struct http_loop *loop)
{
    struct http_connection *connection;

    loop->stopping = true;
    loop->stop_deadline = http_clock() + http_seconds(loop->server->settings.drain_seconds);
    start_ticking(loop);
    if (loop->index == 0)
        http_listeners_stop(loop->server);
    connection = loop->connections;
    while (connection) {
        struct http_connection *next = connection->next;

        if (connection->phase == HTTP_PHASE_IDLE && !connection->again)
            http_connection_readable(connection->fd, EV_READ, connection);
        connection = next;
    }
}

/* Other threads. */

void http_loop_wake(struct http_loop *loop)
{
    const uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof(one));

    (void)n; /* it can only fail because the counter is full, and then the loop will wake */
}

/* False where the loop has ended. */
bool http_loop_give(struct http_loop *loop, struct http_connection *connection)
{
    bool taken;

    pthread_mutex_lock(&loop->lock);
    taken = !loop->left;
    if (taken) {
        connection->next = loop->arrived;
        loop->arrived = connection;
        http_loop_wake(loop);
    }
    pthread_mutex_unlock(&loop->lock);
    return taken;
}

/* The exchange is the loop's again. */
static void give_back(struct http_exchange *exchange)
{
    struct http_frame *frame = (struct http_frame *)exchange;
    struct http_loop *loop = frame->loop;

    /* The loop is woken under the lock: once it can see the frame, this thread has no more to do
     * with anything of the server's, which may go away. */
    pthread_mutex_lock(&loop->lock);
    frame->next = loop->finished;
    loop->finished = frame;
    if (!frame->next)
        http_loop_wake(loop);
    pthread_mutex_unlock(&loop->lock);
}

void http_exchange_finish(struct http_exchange *exchange)
{
    give_back(exchange);
}

void http_exchange_resume(struct http_exchange *exchange)
{
    give_back(exchange);
}

/* First come, first served: lists are pushed at the front. */
static struct http_frame *take_finished(struct http_loop *loop)
{
    struct http_frame *finished = NULL;

    while (loop->finished) {
        struct http_frame *frame = loop->finished;

        loop->finished = frame->next;
        frame->next = finished;
        finished = frame;
    }
    return finished;
}

static void empty_inbox(struct http_loop *loop)
{
    struct http_connection *arrived;
    struct http_frame *finished;

    pthread_mutex_lock(&loop->lock);
    arrived = loop->arrived;
    loop->arrived = NULL;
    finished = take_finished(loop);
    pthread_mutex_unlock(&loop->lock);

    while (finished) {
        struct http_frame *frame = finished;

        finished = frame->next;
        http_connection_finished(frame->connection);
    }
    while (arrived) {
        struct http_connection *connection = arrived;

        arrived = connection->next;
        http_connection_start(loop, connection);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *argument)
{
    struct http_loop *loop = argument;
    uint64_t count;
    ssize_t n = read(fd, &count, sizeof(count));

    (void)n;
    (void)what;
    loop->now = http_clock();
    empty_inbox(loop);
    if (loop->index == 0)
        http_listeners_check(loop->server);
    if (!loop->stopping && atomic_load(&loop->server->stopping))
        begin_stop(loop);
    leave_if_done(loop);
}

/* True where nothing is left to do, and then nothing more comes. */
static bool leave(struct http_loop *loop)
{
    bool left;

    pthread_mutex_lock(&loop->lock);
    left = !loop->arrived && (!loop->connections || loop->cut);
    loop->left = left;
    pthread_mutex_unlock(&loop->lock);
    return left;
}

static void *run(void *argument)
{
    struct http_loop *loop = argument;
    struct http_server *server = loop->server;

    time_slice_set(TIME_SLICE_LOOP_NS);
    while (event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY) >= 0) {
        if (leave(loop))
            break;
    }
    if (atomic_fetch_sub(&server->loops_left, 1) == 1) {
        const uint64_t one = 1;
        ssize_t n = write(server->drained_fd, &one, sizeof(one));

        (void)n;
    }
    return NULL;
}

/* The date. */

static char *put_two(char *at, int number)
{
    at[0] = (char)('0' + number / 10 % 10);
    at[1] = (char)('0' + number % 10);
    return at + 2;
}

/* "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", for the time of loop->now. */
const char *http_loop_date(struct http_loop *loop, size_t *ret_size)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char layout[] = "Date: Sun, 00 Jan 0000 00:00:00 GMT\r\n";
    struct timespec wall;
    struct tm tm;

    *ret_size = sizeof(layout) - 1;
    if (LIKELY(loop->now < loop->date_until))
        return loop->date;
    clock_gettime(CLOCK_REALTIME, &wall);
    loop->date_until = http_clock() + 1000000000u - (uint64_t)wall.tv_nsec;
    memcpy(loop->date, layout, sizeof(layout));
    if (!gmtime_r(&wall.tv_sec, &tm))
        return loop->date;
    memcpy(loop->date + 6, days + 3 * (size_t)tm.tm_wday, 3);
    put_two(loop->date + 11, tm.tm_mday);
    memcpy(loop->date + 14, months + 3 * (size_t)tm.tm_mon, 3);
    put_two(put_two(loop->date + 18, (tm.tm_year + 1900) / 100), (tm.tm_year + 1900) % 100);
    put_two(loop->date + 23, tm.tm_hour);
    put_two(loop->date + 26, tm.tm_min);
    put_two(loop->date + 29, tm.tm_sec);
    return loop->date;
}

/* The loop itself. */

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (!config)
        return NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

int http_loop_init(struct http_loop *loop, struct http_server *server, unsigned index,
                   struct err *err)
{
    loop->server = server;
    loop->index = index;
    pthread_mutex_init(&loop->lock, NULL);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0)
        return err_system(err, errno, "make an eventfd");
    loop->base = new_base();
    if (!loop->base)
        return err_set(err, ERR_SYSTEM,
                       "cannot make an event loop (libevent): too few descriptors"
                       " or too little memory");
    loop->wake_event = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    loop->tick_event = event_new(loop->base, -1, EV_PERSIST, on_tick, loop);
    loop->again_event = event_new(loop->base, -1, 0, on_again, loop);
    if (!loop->wake_event || !loop->tick_event || !loop->again_event ||
        event_add(loop->wake_event, NULL))
        return err_memory(err, sizeof(struct event), "an event");
    return 0;
}

int http_loop_start(struct http_loop *loop, struct err *err)
{
    char name[16];
    sigset_t all;
    sigset_t before;
    int failed;

    /* Signals are for the thread that waits for them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&loop->thread, NULL, run, loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return err_system(err, failed, "start the thread of an event loop");
    loop->has_thread = true;
    snprintf(name, sizeof(name), "http-%u", loop->index % 1000);
    pthread_setname_np(loop->thread, name);
    return 0;
}

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

/* After the thread has ended, and all deferred exchanges are finished. */
void http_loop_fini(struct http_loop *loop)
{
    if (loop->base) {
        empty_inbox(loop);
        cut_off(loop);
        while (loop->connections) {
            http_exchange_end(loop->connections->frame, false);
            http_connection_free(loop->connections);
        }
    }
    while (loop->pool) {
        struct http_frame *frame = loop->pool;

        loop->pool = frame->next;
        http_frame_free(frame);
    }
    free_event(loop->wake_event);
    free_event(loop->tick_event);
    free_event(loop->again_event);
    if (loop->base)
        event_base_free(loop->base);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    loop->wake_fd = -1;
    pthread_mutex_destroy(&loop->lock);
}
