/*
 * The first half of an exchange: bytes in, and the head.
 *
 * A frame's `in` while a request is in flight, and after it:
 *
 *     0          head_size       at                  end
 *     | head      | body in place |  next request ...  |  free ...  |
 *
 * Heads are parsed where they are; the bytes are moved to the front only when a message is not all
 * there. Nothing is moved while views of it exist.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http/http_internal.h"

/* Adds and removes the two events so that they are as told; most calls find nothing to do. */
int http_connection_watch(struct http_connection *connection, bool reading, bool writing)
{
    if (connection->reading != reading) {
        if (reading ? event_add(&connection->read_event, NULL) : event_del(&connection->read_event))
            return -1;
        connection->reading = reading;
    }
    if (connection->writing != writing) {
        if (writing ? event_add(&connection->write_event, NULL)
                    : event_del(&connection->write_event))
            return -1;
        connection->writing = writing;
    }
    return 0;
}

void http_connection_free(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;

    if (connection->frame)
        http_loop_return_frame(loop, connection->frame);
    connection->frame = NULL;
    http_loop_unlink(loop, connection);
    free(connection);
}

/* Closes it. A deferred exchange keeps the rest until its other thread is done with it. */
void http_connection_drop(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;
    struct http_server *server = loop->server;

    (void)http_connection_watch(connection, false, false);
    close(connection->fd);
    connection->fd = -1;
    atomic_fetch_sub(&loop->open, 1);
    atomic_fetch_sub(&server->open, 1);
    if (atomic_load(&server->capped) && atomic_exchange(&server->capped, false))
        http_loop_wake(server->loops);
    if (connection->phase == HTTP_PHASE_DEFERRED) {
        connection->phase = HTTP_PHASE_DEAD;
        connection->deadline = HTTP_NEVER;
        return;
    }
    if (connection->frame)
        http_exchange_end(connection->frame, false);
    http_connection_free(connection);
}

static enum http_next drop(struct http_connection *connection)
{
    http_connection_drop(connection);
    return HTTP_NEXT_GONE;
}

static void move_to_front(struct http_frame *frame)
{
    if (frame->at == 0)
        return;
    memmove(frame->in, frame->in + frame->at, frame->end - frame->at);
    frame->end -= frame->at;
    frame->at = 0;
}

/* Heads. */

/* The handler answered without the body. Where all of that has arrived it is passed over, else the
 * connection ends with the response. */
static enum http_next respond_early(struct http_connection *connection, bool whole)
{
    struct http_frame *frame = connection->frame;

    if (whole) {
        frame->at += frame->head_size + (size_t)frame->exchange.request.content_length;
    } else {
        frame->unread = true;
        frame->at = frame->end;
    }
    return http_respond(connection);
}

static enum http_next take_head(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;
    const struct http_handler *handler = &loop->server->handler;
    struct http_frame *frame = connection->frame;
    struct http_request *request = &frame->exchange.request;
    uint64_t length = request->content_length;
    bool whole = !request->chunked && length <= frame->end - frame->at - frame->head_size;
    enum http_action action;

    frame->seen = 0;
    if (!whole && frame->at > 0) {
        const char *reason;
        int status;

        /* The body will want the room: read the same head again at the front. */
        move_to_front(frame);
        (void)http_parse_head(http_unread(frame), 0, &loop->server->settings.limits, request,
                              &frame->head_size, &status, &reason);
    }
    http_exchange_begin(frame, true);
    action = handler->head(handler->self, &frame->exchange, loop->index);
    if (action != HTTP_READ_BODY && action != HTTP_STREAM_BODY)
        return respond_early(connection, whole);
    if (length > loop->server->settings.body_max)
        return http_refuse(connection, 413, "the body is larger than the limit");
    if (!whole)
        return http_body_start(connection, action == HTTP_STREAM_BODY);
    frame->at += frame->head_size + (size_t)length;
    return http_body_finish(connection, bytes_of(frame->in + frame->at - length, (size_t)length));
}

static enum http_next wait_for_head(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;

    if (connection->ended)
        return drop(connection);
    if (connection->phase == HTTP_PHASE_IDLE) {
        connection->phase = HTTP_PHASE_HEAD;
        connection->deadline =
            http_clock() + http_seconds(connection->loop->server->settings.head_seconds);
    }
    frame->seen = frame->end - frame->at;
    move_to_front(frame);
    return HTTP_NEXT_WAIT;
}

static enum http_next next_request(struct http_connection *connection)
{
    const struct http_limits *limits = &connection->loop->server->settings.limits;
    struct http_frame *frame = connection->frame;
    const char *reason;
    int status;

    if (frame->at == frame->end) {
        http_loop_return_frame(connection->loop, frame);
        connection->frame = NULL;
        return connection->ended ? drop(connection) : HTTP_NEXT_WAIT;
    }
    switch (http_parse_head(http_unread(frame), frame->seen, limits, &frame->exchange.request,
                            &frame->head_size, &status, &reason)) {
    case HTTP_PARSE_DONE:
        return take_head(connection);
    case HTTP_PARSE_ERROR:
        return http_refuse(connection, status, reason);
    case HTTP_PARSE_MORE:
    default:
        return wait_for_head(connection);
    }
}

/* Goes on with what is there until something is missing, or other connections should have a turn.
 */
void http_connection_proceed(struct http_connection *connection)
{
    unsigned turns = HTTP_PIPELINE_MAX;

    for (;;) {
        enum http_next next = connection->phase == HTTP_PHASE_BODY ? http_body_continue(connection)
                                                                   : next_request(connection);

        if (next != HTTP_NEXT_REQUEST)
            return;
        if (turns-- == 1 && connection->frame->at < connection->frame->end) {
            http_loop_again(connection->loop, connection);
            return;
        }
    }
}

/* Events. */

/* The client sends no more, but may still read. */
void http_connection_ended(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;

    connection->ended = true;
    if (connection->phase == HTTP_PHASE_BODY) {
        (void)http_refuse(connection, 400, "the connection ended before the body was complete");
        return;
    }
    /* A request is with another thread, or more of them are read already: they are answered. */
    if ((connection->phase == HTTP_PHASE_DEFERRED || (frame && connection->again)) &&
        http_connection_watch(connection, false, connection->writing) == 0)
        return;
    http_connection_drop(connection);
}

/* Something went wrong, or only seemed to be there. */
void http_connection_troubled(struct http_connection *connection, int error)
{
    struct http_frame *frame = connection->frame;

    if (error != EAGAIN && error != EINTR) {
        http_connection_drop(connection);
    } else if (connection->phase == HTTP_PHASE_IDLE && frame->at == frame->end) {
        http_loop_return_frame(connection->loop, frame);
        connection->frame = NULL;
        if (connection->loop->stopping)
            http_connection_drop(connection);
    }
}

/* Reads into `in`. True: bytes came, go on. */
static bool receive(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;
    size_t room;
    ssize_t n;

    if (!frame) {
        frame = http_loop_take_frame(connection->loop);
        if (!frame) {
            http_connection_drop(connection);
            return false;
        }
        frame->connection = connection;
        connection->frame = frame;
    }
    if (connection->phase == HTTP_PHASE_IDLE && frame->end > frame->at)
        move_to_front(frame);
    room = connection->loop->server->in_size - frame->end;
    if (room == 0) {
        /* Requests are waiting here: the next ones may wait in the kernel. */
        if (http_connection_watch(connection, false, connection->writing))
            http_connection_drop(connection);
        return false;
    }
    n = recv(connection->fd, frame->in + frame->end, room, 0);
    if (n > 0) {
        frame->end += (size_t)n;
        return connection->phase != HTTP_PHASE_DEFERRED;
    }
    if (n == 0)
        http_connection_ended(connection);
    else
        http_connection_troubled(connection, errno);
    return false;
}

/* Reads to where the body goes. True: go on. */
static bool receive_body(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;

    connection->loop->now = http_clock(); /* long after the head, perhaps */
    if (frame->body_mode == HTTP_BODY_BUFFER)
        return http_body_receive(connection);
    if (frame->body_mode == HTTP_BODY_STREAM && http_stream_receives(frame))
        return http_stream_receive(connection) == HTTP_NEXT_REQUEST;
    return receive(connection);
}

void http_connection_readable(evutil_socket_t fd, short what, void *argument)
{
    struct http_connection *connection = argument;
    bool go_on;

    (void)fd;
    (void)what;
    if (connection->phase == HTTP_PHASE_LINGER) {
        http_linger(connection);
        return;
    }
    if (connection->phase == HTTP_PHASE_BODY)
        go_on = receive_body(connection);
    else
        go_on = receive(connection);
    if (go_on)
        http_connection_proceed(connection);
}

static void on_writable(evutil_socket_t fd, short what, void *argument)
{
    struct http_connection *connection = argument;

    (void)fd;
    (void)what;
    connection->loop->now = http_clock();
    if (http_write(connection) == HTTP_NEXT_REQUEST)
        http_connection_proceed(connection);
}

/* The other thread has filled the response, or can take more of the body. */
void http_connection_finished(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;
    enum http_next next;

    if (connection->phase == HTTP_PHASE_DEAD) {
        http_exchange_end(frame, false);
        http_connection_free(connection);
        return;
    }
    next = frame->paused ? http_stream_resume(connection) : http_respond(connection);
    if (next == HTTP_NEXT_REQUEST)
        http_connection_proceed(connection);
}

/* The deadline has passed. */
void http_connection_expire(struct http_connection *connection)
{
    bool head = connection->phase == HTTP_PHASE_HEAD;

    if (head || connection->phase == HTTP_PHASE_BODY) {
        http_count(&connection->loop->counters.timeouts);
        (void)http_refuse(connection, 408,
                          head ? "the request head did not arrive in time"
                               : "the request body did not arrive in time");
        return;
    }
    if (connection->phase == HTTP_PHASE_WRITE)
        http_count(&connection->loop->counters.timeouts);
    http_connection_drop(connection);
}

void http_connection_start(struct http_loop *loop, struct http_connection *connection)
{
    connection->loop = loop;
    connection->phase = HTTP_PHASE_IDLE;
    connection->deadline = http_clock() + http_seconds(loop->server->settings.idle_seconds);
    event_assign(&connection->read_event, loop->base, connection->fd, EV_READ | EV_PERSIST,
                 http_connection_readable, connection);
    event_assign(&connection->write_event, loop->base, connection->fd, EV_WRITE | EV_PERSIST,
                 on_writable, connection);
    http_loop_link(loop, connection);
    if (http_connection_watch(connection, true, false))
        http_connection_drop(connection);
    else if (loop->stopping) /* came with the last ones: its request may have, too */
        http_connection_readable(connection->fd, EV_READ, connection);
}
