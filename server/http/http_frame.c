/*
 * Frames: what a connection has while it has something to do. A loop's unused ones, the bytes they
 * are charged with, and the beginning and end of the exchange in them.
 */
#include <string.h>

#include "server/http/http_internal.h"

static size_t kept_by(const struct http_frame *frame)
{
    return frame->body.capacity + frame->exchange.response.body.capacity;
}

static void free_buffers(struct http_frame *frame)
{
    buffer_fini(&frame->body);
    buffer_fini(&frame->exchange.response.body);
}

struct http_frame *http_loop_take_frame(struct http_loop *loop)
{
    struct http_server *server = loop->server;
    struct http_frame *frame = loop->pool;

    if (LIKELY(frame)) {
        loop->pool = frame->next;
        loop->pool_kept -= kept_by(frame);
        if (--loop->pool_count < loop->pool_low)
            loop->pool_low = loop->pool_count;
        return frame;
    }
    frame = mem_alloc(1, sizeof(*frame) + server->in_size);
    if (!frame)
        return NULL;
    frame->loop = loop;
    frame->connection = NULL;
    frame->next = NULL;
    frame->at = frame->end = frame->seen = frame->head_size = 0;
    frame->charged = 0;
    frame->live = false;
    buffer_init(&frame->body, 0);
    buffer_init(&frame->exchange.response.body, server->settings.in_flight_max < SIZE_MAX / 2
                                                    ? (size_t)server->settings.in_flight_max
                                                    : SIZE_MAX / 2);
    return frame;
}

void http_frame_free(struct http_frame *frame)
{
    free_buffers(frame);
    free(frame);
}

static bool is_large(const struct buffer *buffer)
{
    return buffer->size > HTTP_KEEP_LARGE;
}

/* Buffers are kept for the next request, within bounds: to get and return large ones, page by page,
 * costs as much as to fill them. */
void http_loop_return_frame(struct http_loop *loop, struct http_frame *frame)
{
    if (is_large(&frame->body) || is_large(&frame->exchange.response.body))
        loop->used_large = true;
    buffer_clear(&frame->body);
    buffer_clear(&frame->exchange.response.body);
    if (loop->pool_kept + kept_by(frame) > HTTP_LOOP_KEEP_MAX)
        free_buffers(frame);
    frame->connection = NULL;
    frame->at = frame->end = frame->seen = 0;
    frame->next = loop->pool;
    loop->pool = frame;
    loop->pool_kept += kept_by(frame);
    loop->pool_count++;
}

/* A burst's memory goes in a few seconds, and what is in use stays: half of the frames that nobody
 * took since the last time are freed, and the large buffers if no request needed one. The frame on
 * top is warm and stays; its buffers go, too, when there are no connections. */
void http_loop_trim(struct http_loop *loop)
{
    size_t n = loop->pool_low / 2;

    while (n-- && loop->pool->next) {
        struct http_frame *frame = loop->pool->next;

        loop->pool->next = frame->next;
        loop->pool_kept -= kept_by(frame);
        loop->pool_count--;
        http_frame_free(frame);
    }
    for (struct http_frame *frame = loop->pool; frame && loop->pool_kept; frame = frame->next) {
        if (kept_by(frame) <= HTTP_KEEP_LARGE ? !!loop->connections : loop->used_large)
            continue;
        loop->pool_kept -= kept_by(frame);
        free_buffers(frame);
    }
    loop->pool_low = loop->pool_count;
    loop->used_large = false;
}

/* Sets what the frame holds of the process's budget. False where that is used up. */
bool http_charge(struct http_frame *frame, uint64_t bytes)
{
    struct http_server *server = frame->loop->server;
    uint64_t more;

    if (bytes <= frame->charged) {
        if (bytes < frame->charged)
            atomic_fetch_sub(&server->in_flight, frame->charged - bytes);
        frame->charged = bytes;
        return true;
    }
    more = bytes - frame->charged;
    if (atomic_fetch_add(&server->in_flight, more) + more > server->settings.in_flight_max) {
        atomic_fetch_sub(&server->in_flight, more);
        return false;
    }
    frame->charged = bytes;
    return true;
}

void http_response_reset(struct http_response *response)
{
    response->status = 0;
    response->reason = NULL;
    response->content_type = NULL;
    response->allow = NULL;
    response->extra_headers = NULL;
    response->request_id[0] = '\0';
    response->no_length = false;
    response->close = false;
    response->note = NULL;
    response->log[0] = '\0';
    buffer_clear(&response->body);
}

void http_exchange_begin(struct http_frame *frame, bool parsed)
{
    struct http_exchange *exchange = &frame->exchange;

    frame->live = true;
    frame->unread = false;
    frame->failed = false;
    frame->close = false;
    frame->out_size = 0;
    frame->out_sent = 0;
    frame->body_out = 0;
    frame->streamed = 0;
    frame->paused_ns = 0;
    frame->paused = false;
    if (!parsed) {
        memset(&exchange->request, 0, sizeof(exchange->request));
        exchange->request.method = HTTP_METHOD_OTHER;
        exchange->request.minor = 1;
    }
    http_response_reset(&exchange->response);
    memcpy(exchange->peer, frame->connection->peer, sizeof(frame->connection->peer));
    frame->loop->now = http_clock();
    exchange->started_ns = frame->loop->now;
    exchange->sent_bytes = 0;
    exchange->user = NULL;
}

void http_exchange_end(struct http_frame *frame, bool sent)
{
    struct http_loop *loop = frame->loop;
    const struct http_handler *handler = &loop->server->handler;

    if (!frame->live)
        return;
    frame->live = false;
    frame->exchange.sent_bytes = frame->out_sent;
    http_count(&loop->counters.requests);
    handler->done(handler->self, &frame->exchange, loop->index, sent);
    if (frame->charged) {
        atomic_fetch_sub(&loop->server->in_flight, frame->charged);
        frame->charged = 0;
    }
    if (frame->at < frame->end) { /* the frame stays, for what may take a while to come */
        if (kept_by(frame) > HTTP_KEEP_LARGE)
            free_buffers(frame);
    }
}
