/*
 * Bodies that the program takes as they arrive, into memory that it lends. Of a known length they
 * are received straight into it; of the chunked coding only what is certain to be content is, and
 * what stands around it goes through `in`.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "server/http/http_internal.h"

/* Asks for memory. NULL, or a refusal's text. */
static const char *find_room(struct http_connection *connection, struct http_room *ret)
{
    struct http_loop *loop = connection->loop;
    const struct http_handler *handler = &loop->server->handler;

    *ret = handler->room(handler->self, &connection->frame->exchange, loop->index);
    if (!ret->data)
        return "no memory for the body";
    return http_charge(connection->frame, ret->held) ? NULL
                                                     : "too many bytes of requests in flight";
}

/* Content that is still to come, where that is known. */
static uint64_t content_left(const struct http_frame *frame)
{
    const struct http_request *request = &frame->exchange.request;

    return request->chunked ? http_chunks_content(&frame->chunks)
                            : request->content_length - frame->streamed;
}

static enum http_next pause_body(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;

    frame->paused = true;
    frame->paused_at = http_clock();
    connection->phase = HTTP_PHASE_DEFERRED;
    connection->deadline = HTTP_NEVER;
    if (http_connection_watch(connection, false, false))
        http_connection_drop(connection); /* which waits for the end of the pause */
    return HTTP_NEXT_WAIT;
}

/* Tells the program of `size` bytes. *ret_next is what is to happen where the result is not true,
 * which says to go on with what there is. */
static bool tell(struct http_connection *connection, size_t size, bool last,
                 enum http_next *ret_next)
{
    struct http_loop *loop = connection->loop;
    const struct http_handler *handler = &loop->server->handler;
    struct http_frame *frame = connection->frame;
    enum http_action action;

    frame->streamed += size;
    if (last)
        frame->exchange.request.content_length = frame->streamed;
    action = handler->arrived(handler->self, &frame->exchange, loop->index, size, last);
    if (action == HTTP_READ_BODY && !last)
        return true;
    if (action == HTTP_PAUSE && !last) {
        *ret_next = pause_body(connection);
    } else if (action == HTTP_DEFERRED) {
        connection->phase = HTTP_PHASE_DEFERRED;
        connection->deadline = HTTP_NEVER;
        *ret_next = HTTP_NEXT_WAIT;
    } else {
        if (!last) {
            frame->unread = true;
            frame->at = frame->end;
        }
        *ret_next = http_respond(connection);
    }
    return false;
}

/* One run of the chunked coding, from `in` to the program's memory. */
static bool take_chunk(struct http_connection *connection, const struct http_room *room,
                       enum http_next *ret_next)
{
    struct http_frame *frame = connection->frame;
    enum http_parse result;
    struct bytes content;
    const char *why = NULL;
    int status = 413;
    size_t used;

    result = http_chunks_read(&frame->chunks, bytes_head(http_unread(frame), room->size), &used,
                              &content, &status, &why);
    if (result != HTTP_PARSE_ERROR)
        why = http_chunk_refusal(frame, frame->streamed, content.size);
    if (why) {
        *ret_next = http_refuse(connection, result == HTTP_PARSE_ERROR ? status : 413, why);
        return false;
    }
    memcpy(room->data, content.data, content.size);
    frame->at += used;
    if (!content.size && result != HTTP_PARSE_DONE)
        return true;
    return tell(connection, content.size, result == HTTP_PARSE_DONE, ret_next);
}

static bool take_plain(struct http_connection *connection, const struct http_room *room,
                       enum http_next *ret_next)
{
    struct http_frame *frame = connection->frame;
    struct bytes content = bytes_head(http_unread(frame), room->size);

    memcpy(room->data, content.data, content.size);
    frame->at += content.size;
    return tell(connection, content.size, content.size == content_left(frame), ret_next);
}

/* Hands over what is in `in`, behind the head that stays there. */
enum http_next http_stream_continue(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;
    bool chunked = frame->exchange.request.chunked;
    enum http_next next;

    while (frame->at < frame->end) {
        struct http_room room;
        const char *why = find_room(connection, &room);

        if (why)
            return http_refuse(connection, 503, why);
        if (!(chunked ? take_chunk : take_plain)(connection, &room, &next))
            return next;
    }
    frame->at = frame->end = frame->head_size;
    if (chunked)
        connection->deadline = http_body_deadline(frame, frame->streamed);
    return HTTP_NEXT_WAIT;
}

/* Whether what comes next can be received straight into the program's memory: where it is content,
 * and of chunks so much that it is worth a system call of its own. */
bool http_stream_receives(const struct http_frame *frame)
{
    return !frame->exchange.request.chunked ||
           content_left(frame) > frame->loop->server->in_size - frame->head_size;
}

enum http_next http_stream_receive(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;
    uint64_t left = content_left(frame);
    struct http_room room;
    const char *why = find_room(connection, &room);
    enum http_next next;
    size_t want;
    ssize_t n;

    if (why)
        return http_refuse(connection, 503, why);
    want = room.size < HTTP_READ_QUANTUM ? room.size : HTTP_READ_QUANTUM;
    if (want > left)
        want = (size_t)left;
    n = recv(connection->fd, room.data, want, 0);
    if (n == 0)
        http_connection_ended(connection);
    else if (n < 0)
        http_connection_troubled(connection, errno);
    if (n <= 0)
        return HTTP_NEXT_WAIT;
    if (frame->exchange.request.chunked) {
        http_chunks_skip(&frame->chunks, (size_t)n);
        connection->deadline = http_body_deadline(frame, frame->streamed + (size_t)n);
    }
    if (tell(connection, (size_t)n, !frame->exchange.request.chunked && (size_t)n == left, &next))
        return HTTP_NEXT_WAIT;
    return next;
}

/* The program can take more. */
enum http_next http_stream_resume(struct http_connection *connection)
{
    struct http_frame *frame = connection->frame;
    const struct http_request *request = &frame->exchange.request;

    frame->paused = false;
    frame->paused_ns += http_clock() - frame->paused_at;
    connection->phase = HTTP_PHASE_BODY;
    connection->deadline =
        http_body_deadline(frame, request->chunked ? frame->streamed : request->content_length);
    if (http_connection_watch(connection, true, false)) {
        http_connection_drop(connection);
        return HTTP_NEXT_GONE;
    }
    return http_stream_continue(connection);
}
