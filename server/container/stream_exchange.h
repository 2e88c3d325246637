#pragma once
/*
 * HTTP requests whose bodies are scored as they arrive (invocation_stream.h), in single- and in
 * multi-model mode: what lies between the server's calls and the stream, which is exchange->user.
 */

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "server/container/invocation_stream.h"
#include "server/http/http_server.h"

struct stream_exchanges; /* what those of a server share */

/* What the modes do differently. All but `release` are about an exchange. */
struct stream_exchange_calls {
    /* All is scored: fills the response (invocation_stream_answer, invocation_stream_score) and
     * counts. Any thread, with its scratch. */
    void (*finish)(void *self, struct http_exchange *exchange, struct invocation_stream *stream,
                   struct invocation_scratch *scratch);
    /* The body was empty, or white space: request.body, as if nothing had been streamed. */
    enum http_action (*blank)(void *self, struct http_exchange *exchange, unsigned loop);
    /* Fills the response: too many requests wait for the workers; there is no memory. */
    void (*full)(void *self, struct http_exchange *exchange);
    void (*no_memory)(void *self, struct http_exchange *exchange);
    /* The model is not needed any more. Any thread. */
    void (*release)(void *self, void *model_owner);
};

struct stream_exchanges_settings {
    unsigned loops;
    unsigned workers;
    uint64_t body_max;
    size_t answer_max;
    const struct invocation_rules *rules;
    struct workers *pool;
    struct invocation_scratch *scratches; /* one a loop, then one a worker */
    struct stream_exchange_calls calls;
    void *self;
};

int stream_exchanges_new(const struct stream_exchanges_settings *settings,
                         struct stream_exchanges **ret, struct err *err) MUST_CHECK;

/* Releases the models of what is left, when the workers and the loops have ended: exchanges whose
 * client is gone may be ended by http_server_free alone. NULL is fine. */
void stream_exchanges_release(struct stream_exchanges *exchanges);

/* After the workers and the server. NULL is fine. */
void stream_exchanges_free(struct stream_exchanges *exchanges);

/* Whether the body of such a request is large, or may be. */
static inline bool stream_exchange_is_large(const struct http_request *request)
{
    return request->chunked || request->content_length > INVOCATION_STREAM_MIN;
}

/* From `head`, of a request that is large: HTTP_STREAM_BODY; or HTTP_READ_BODY, the model being
 * released, where the body is not of a kind that is streamed, is too large, or there is no memory.
 * encoding: NULL where predictions are to be kept. */
enum http_action stream_exchange_start(struct stream_exchanges *exchanges,
                                       struct http_exchange *exchange, const struct model *model,
                                       void *model_owner, const struct encoding *encoding);

/* The server's calls of these names. */
struct http_room stream_exchange_room(struct http_exchange *exchange);
enum http_action stream_exchange_arrived(struct stream_exchanges *exchanges,
                                         struct http_exchange *exchange, unsigned loop, size_t size,
                                         bool last);

/* From `refuse` and `done`: lets the stream go, if there is one. */
static inline void stream_exchange_drop(struct http_exchange *exchange)
{
    if (exchange->user)
        invocation_stream_free(exchange->user);
    exchange->user = NULL;
}

/* What both modes score by. */
struct invocation stream_exchange_invocation(const struct http_request *request);
