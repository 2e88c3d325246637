/*
 * The second half of an exchange: the response's head, its way to the kernel, and what happens to
 * the connection then.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "server/http/http_internal.h"

#define FIELD_TEXT_MAX                                                                             \
    512 /* of a reason phrase or a header's value; five of them fit in `out`                       \
         */

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {204, "NO CONTENT"},
        {400, "BAD REQUEST"},
        {403, "FORBIDDEN"},
        {404, "NOT FOUND"},
        {405, "METHOD NOT ALLOWED"},
        {406, "NOT ACCEPTABLE"},
        {408, "REQUEST TIMEOUT"},
        {409, "CONFLICT"},
        {411, "LENGTH REQUIRED"},
        {413, "REQUEST ENTITY TOO LARGE"},
        {414, "REQUEST URI TOO LONG"},
        {415, "UNSUPPORTED MEDIA TYPE"},
        {417, "EXPECTATION FAILED"},
        {424, "FAILED DEPENDENCY"},
        {429, "TOO MANY REQUESTS"},
        {431, "REQUEST HEADER FIELDS TOO LARGE"},
        {500, "INTERNAL SERVER ERROR"},
        {501, "NOT IMPLEMENTED"},
        {502, "BAD GATEWAY"},
        {503, "SERVICE UNAVAILABLE"},
        {504, "GATEWAY TIMEOUT"},
        {505, "HTTP VERSION NOT SUPPORTED"},
        {507, "INSUFFICIENT STORAGE"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "UNKNOWN";
}

static char *put(char *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

static char *put_text(char *at, const char *text)
{
    return put(at, text, strnlen(text, FIELD_TEXT_MAX));
}

static char *put_number(char *at, uint64_t number)
{
    char digits[20];
    size_t n = sizeof(digits);

    do {
        digits[--n] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return put(at, digits + n, sizeof(digits) - n);
}

static bool has_no_body(int status)
{
    return status == 204 || status == 304 || status < 200;
}

/* Fills `out`: the head, and the body behind it where that fits. */
static void build(struct http_frame *frame)
{
    const struct http_response *response = &frame->exchange.response;
    bool no_length = response->no_length || has_no_body(response->status);
    size_t body = response->body.size;
    size_t date_size;
    const char *date = http_loop_date(frame->loop, &date_size);
    char *at = frame->out;

    if (response->status == 200 && !response->reason) {
        at = PUT(at, "HTTP/1.1 200 OK\r\n");
    } else {
        at = PUT(at, "HTTP/1.1 ");
        at = put_number(at, (uint64_t)response->status);
        at = PUT(at, " ");
        at = put_text(at, response->reason ? response->reason : reason_of(response->status));
        at = PUT(at, "\r\n");
    }
    at = put(at, date, date_size);
    if (response->content_type) {
        at = PUT(at, "Content-Type: ");
        at = put_text(at, response->content_type);
        at = PUT(at, "\r\n");
    }
    if (response->allow) {
        at = PUT(at, "Allow: ");
        at = put_text(at, response->allow);
        at = PUT(at, "\r\n");
    }
    if (response->request_id[0]) {
        at = PUT(at, "x-request-id: ");
        at = put(at, response->request_id,
                 strnlen(response->request_id, sizeof(response->request_id)));
        at = PUT(at, "\r\n");
    }
    if (response->extra_headers)
        at = put_text(at, response->extra_headers);
    if (!no_length) {
        at = PUT(at, "Content-Length: ");
        at = put_number(at, body);
        at = PUT(at, "\r\n");
    }
    if (frame->close)
        at = PUT(at, "Connection: close\r\n\r\n");
    else
        at = PUT(at, "Connection: keep-alive\r\n\r\n");

    if (no_length || frame->exchange.request.method == HTTP_HEAD)
        body = 0;
    if (body && body <= HTTP_OUT_SIZE - (size_t)(at - frame->out)) {
        at = put(at, response->body.data, body);
        body = 0;
    }
    frame->out_size = (size_t)(at - frame->out);
    frame->out_sent = 0;
    frame->body_out = body;
}

/* A response is there already: to refuse it would free nothing. It counts against the next ones. */
static void charge_response(struct http_frame *frame)
{
    if (frame->body_out == 0)
        return;
    atomic_fetch_add(&frame->loop->server->in_flight, frame->body_out);
    frame->charged += frame->body_out;
}

static enum http_next start_lingering(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;

    http_loop_return_frame(loop, connection->frame);
    connection->frame = NULL;
    connection->phase = HTTP_PHASE_LINGER;
    connection->lingered = 0;
    connection->deadline = http_clock() + http_seconds(loop->stopping ? 1 : HTTP_LINGER_SECONDS);
    if (shutdown(connection->fd, SHUT_WR) || http_connection_watch(connection, true, false)) {
        http_connection_drop(connection);
        return HTTP_NEXT_GONE;
    }
    return HTTP_NEXT_WAIT;
}

/* Closing a socket with unread bytes resets it, and a reset can overtake the response. So after a
 * response that the client may not have expected yet, its bytes are read and dropped for a while.
 */
void http_linger(struct http_connection *connection)
{
    char sink[HTTP_READ_QUANTUM];
    ssize_t n = recv(connection->fd, sink, sizeof(sink), MSG_TRUNC); /* which copies nothing */

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        connection->lingered += (uint64_t)n;
        if (connection->lingered <= HTTP_LINGER_BYTES)
            return;
    }
    http_connection_drop(connection);
}

/* The kernel has all of the response. */
static enum http_next response_written(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;
    /* Who asked for the close, and was read to the end, sends nothing any more. */
    bool more = frame->unread || frame->failed || frame->at < frame->end ||
                frame->exchange.request.keep_alive;
    bool close = frame->close;

    http_exchange_end(frame, true);
    if (close && more && !connection->ended)
        return start_lingering(connection);
    connection->phase = HTTP_PHASE_IDLE;
    connection->deadline =
        connection->loop->now + http_seconds(connection->loop->server->settings.idle_seconds);
    if (close || http_connection_watch(connection, !connection->ended, false)) {
        http_connection_drop(connection);
        return HTTP_NEXT_GONE;
    }
    return HTTP_NEXT_REQUEST;
}

static ssize_t send_some(int fd, struct http_frame *frame)
{
    size_t out_left = frame->out_sent < frame->out_size ? frame->out_size - frame->out_sent : 0;
    size_t body_sent = frame->out_sent + out_left - frame->out_size;
    size_t body_left = frame->body_out - body_sent;
    struct iovec parts[2];
    struct msghdr message = {.msg_iov = parts};

    if (body_left == 0)
        return send(fd, frame->out + frame->out_sent, out_left, MSG_NOSIGNAL);
    if (out_left)
        parts[message.msg_iovlen++] = (struct iovec){frame->out + frame->out_sent, out_left};
    if (body_left > HTTP_WRITE_QUANTUM)
        body_left = HTTP_WRITE_QUANTUM;
    parts[message.msg_iovlen++] =
        (struct iovec){frame->exchange.response.body.data + body_sent, body_left};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* Sends what the kernel takes, a quantum at most; the rest waits for the next event. A client that
 * does not read is not read from either. */
enum http_next http_write(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;
    ssize_t n = send_some(connection->fd, frame);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        http_connection_drop(connection);
        return HTTP_NEXT_GONE;
    }
    if (n > 0)
        frame->out_sent += (size_t)n;
    if (frame->out_sent == frame->out_size + frame->body_out)
        return response_written(connection);
    if (n > 0 || !connection->writing) {
        connection->deadline =
            http_clock() + http_seconds(connection->loop->server->settings.write_seconds);
    }
    if (http_connection_watch(connection, false, true)) {
        http_connection_drop(connection);
        return HTTP_NEXT_GONE;
    }
    return HTTP_NEXT_WAIT;
}

/* The response is filled: sends it. */
enum http_next http_respond(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;

    if (frame->exchange.response.status == 0)
        frame->exchange.response.status = 500;
    frame->close = !frame->exchange.request.keep_alive || frame->exchange.response.close ||
                   frame->unread || frame->failed || connection->loop->stopping;
    build(frame);
    if (frame->streamed)
        (void)http_charge(frame, 0); /* the program holds the response alone */
    charge_response(frame);
    connection->phase = HTTP_PHASE_WRITE;
    return http_write(connection);
}

/* The server answers on its own, and closes. */
enum http_next http_refuse(struct http_connection *connection, int status, const char *why)
{
    struct http_frame *frame = connection->frame;
    const struct http_handler *handler = &connection->loop->server->handler;

    if (frame->live)
        http_response_reset(&frame->exchange.response);
    else
        http_exchange_begin(frame, false);
    frame->failed = true;
    http_count(&connection->loop->counters.refused);
    handler->refuse(handler->self, &frame->exchange, status, why);
    if (frame->exchange.response.status == 0)
        frame->exchange.response.status = status;
    return http_respond(connection);
}
