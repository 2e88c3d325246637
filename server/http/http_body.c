/*
 * The body of a request: in place behind its head where it fits, in a buffer that grows with what
 * arrives, or decoded from chunks.
 */
#include <errno.h>
#include <sys/socket.h>

#include "server/http/http_internal.h"

static enum http_next call_handler(struct http_connection *connection)
{
    struct http_loop *loop = connection->loop;
    const struct http_handler *handler = &loop->server->handler;
    struct http_frame *frame = connection->frame;

    /* said before the call: the other thread may be done before it returns */
    connection->phase = HTTP_PHASE_DEFERRED;
    connection->deadline = HTTP_NEVER;
    if (handler->request(handler->self, &frame->exchange, loop->index) == HTTP_DEFERRED)
        return HTTP_NEXT_WAIT;
    return http_respond(connection);
}

/* Makes room for `want` more bytes of body; never much more than what has arrived, whatever length
 * the client announced. What is charged is what a new buffer would have by now: this one may be
 * larger from an earlier request. NULL, or a refusal's text. */
static const char *grow_body(struct http_frame *frame, size_t want, uint64_t expected)
{
    uint64_t charge = 2 * ((uint64_t)frame->body.size + want);

    if (buffer_reserve(&frame->body, want))
        return "no memory for the body";
    if (charge > expected)
        charge = expected;
    if (charge > frame->body.capacity)
        charge = frame->body.capacity;
    return http_charge(frame, charge) ? NULL : "too many bytes of requests in flight";
}

/* When `size` bytes of body must be there. */
uint64_t http_body_deadline(const struct http_frame *frame, uint64_t size)
{
    const struct http_settings *settings = &frame->loop->server->settings;
    uint64_t seconds = settings->body_seconds;

    if (settings->body_rate)
        seconds += size / settings->body_rate;
    return frame->exchange.started_ns + frame->paused_ns + http_seconds(seconds);
}

/* NULL where `more` bytes after `size` are within the limit, and the chunk that has begun, too. */
const char *http_chunk_refusal(const struct http_frame *frame, uint64_t size, size_t more)
{
    const uint64_t max = frame->loop->server->settings.body_max;

    if (more > max - size || frame->chunks.left > max - size - more)
        return "the body is larger than the limit";
    return NULL;
}

enum http_next http_body_finish(struct http_connection *connection, struct bytes body)
{
    connection->frame->exchange.request.body = body;
    return call_handler(connection);
}

/* Decodes what is in `in`. All of it is consumed, or the body is complete and the next request
 * follows. */
static enum http_next decode_chunks(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;
    struct http_request *request = &frame->exchange.request;
    const size_t start = frame->at;

    while (frame->at < frame->end) {
        enum http_parse result;
        struct bytes data;
        const char *why;
        size_t used;
        int status;

        result = http_chunks_read(&frame->chunks, http_unread(frame), &used, &data, &status, &why);
        if (result == HTTP_PARSE_ERROR)
            return http_refuse(connection, status, why);
        why = http_chunk_refusal(frame, frame->body.size, data.size);
        if (why)
            return http_refuse(connection, 413, why);
        why = grow_body(frame, data.size, UINT64_MAX);
        if (why || buffer_append(&frame->body, data.data, data.size))
            return http_refuse(connection, 503, why ? why : "no memory for the body");
        frame->at += used;
        if (result == HTTP_PARSE_DONE) {
            request->content_length = frame->body.size;
            return http_body_finish(
                connection, bytes_of(frame->body.size ? frame->body.data : "", frame->body.size));
        }
    }
    frame->at = frame->end = start;
    connection->deadline = http_body_deadline(frame, frame->body.size);
    return HTTP_NEXT_WAIT;
}

enum http_next http_body_continue(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;
    size_t size = (size_t)frame->exchange.request.content_length;

    switch (frame->body_mode) {
    case HTTP_BODY_CHUNKED:
        return decode_chunks(connection);
    case HTTP_BODY_IN_PLACE:
        if (frame->end - frame->at < size)
            return HTTP_NEXT_WAIT;
        frame->at += size;
        return http_body_finish(connection, bytes_of(frame->in + frame->at - size, size));
    case HTTP_BODY_STREAM:
        return http_stream_continue(connection);
    case HTTP_BODY_BUFFER:
    default:
        if (frame->body.size < size)
            return HTTP_NEXT_WAIT;
        return http_body_finish(connection, bytes_of(frame->body.data, size));
    }
}

/* The client waits for leave to send its body. There is always room for these few bytes in the
 * socket; where there is none, the client will stop waiting by itself. */
static int send_continue(int fd)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    ssize_t n = send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    return n == (ssize_t)(sizeof(text) - 1) ? 0 : -1;
}

/* The head was accepted and part of the body is missing. The head is at the front of `in`. */
enum http_next http_body_start(struct http_connection *connection, bool stream)
{
    struct http_frame *frame = connection->frame;
    const struct http_request *request = &frame->exchange.request;
    uint64_t length = request->content_length;
    const char *why;

    connection->phase = HTTP_PHASE_BODY;
    connection->deadline = http_body_deadline(frame, length);
    frame->at = frame->head_size;
    buffer_clear(&frame->body);
    if (request->expect_continue && frame->at == frame->end && send_continue(connection->fd)) {
        http_connection_drop(connection);
        return HTTP_NEXT_GONE;
    }
    frame->chunks = (struct http_chunks){0};
    if (!request->chunked && length <= connection->loop->server->in_size - frame->at) {
        frame->body_mode = HTTP_BODY_IN_PLACE;
        return HTTP_NEXT_WAIT;
    }
    if (stream) {
        frame->body_mode = HTTP_BODY_STREAM;
        return http_stream_continue(connection);
    }
    if (request->chunked) {
        uint64_t max = connection->loop->server->settings.body_max;

        frame->body_mode = HTTP_BODY_CHUNKED;
        frame->body.max = max < SIZE_MAX / 2 ? (size_t)max : SIZE_MAX / 2;
        return decode_chunks(connection);
    }
    frame->body_mode = HTTP_BODY_BUFFER;
    frame->body.max = (size_t)length;
    why = grow_body(frame, frame->end - frame->at, length);
    if (why || buffer_append(&frame->body, frame->in + frame->at, frame->end - frame->at))
        return http_refuse(connection, 503, why ? why : "no memory for the body");
    frame->end = frame->at;
    return HTTP_NEXT_WAIT;
}

/* Reads into the body. True: it is complete. */
bool http_body_receive(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;
    uint64_t length = frame->exchange.request.content_length;
    uint64_t want = length - frame->body.size;
    const char *why;
    ssize_t n;

    if (want > HTTP_READ_QUANTUM)
        want = HTTP_READ_QUANTUM;
    why = grow_body(frame, (size_t)want, length);
    if (why) {
        (void)http_refuse(connection, 503, why);
        return false;
    }
    n = recv(connection->fd, frame->body.data + frame->body.size, (size_t)want, 0);
    if (n > 0) {
        frame->body.size += (size_t)n;
        return frame->body.size == length;
    }
    if (n == 0)
        http_connection_ended(connection);
    else
        http_connection_troubled(connection, errno);
    return false;
}
