#include "server/container/stream_exchange.h"

#include "base/memory.h"

struct stream_exchanges {
    struct stream_exchanges_settings settings;
    struct invocation_streams *streams;
};

struct invocation stream_exchange_invocation(const struct http_request *request)
{
    return (struct invocation){
        .body = request->body,
        .has_content_type = request->has_content_type,
        .content_type = request->content_type,
        .has_accept = request->has_accept,
        .accept = request->accept,
    };
}

static void finish(struct stream_exchanges *exchanges, struct http_exchange *exchange,
                   struct invocation_scratch *scratch)
{
    const struct stream_exchanges_settings *settings = &exchanges->settings;

    settings->calls.finish(settings->self, exchange, exchange->user, scratch);
    stream_exchange_drop(exchange);
}

/* What streams call, on the thread of a worker. */

static void on_resume(void *self, void *exchange)
{
    (void)self;
    http_exchange_resume(exchange);
}

static void on_finish(void *self, void *exchange, unsigned worker)
{
    struct stream_exchanges *exchanges = self;
    const struct stream_exchanges_settings *settings = &exchanges->settings;

    finish(exchanges, exchange, &settings->scratches[settings->loops + worker]);
    http_exchange_finish(exchange);
}

static void on_release(void *self, void *model_owner)
{
    const struct stream_exchanges_settings *settings = &((struct stream_exchanges *)self)->settings;

    settings->calls.release(settings->self, model_owner);
}

/* How many blocks of a request workers may have, and of what size: smaller and then fewer where
 * they would take more than an eighth of what may be in flight. */
static void size_blocks(struct invocation_streams_settings *streams, unsigned workers)
{
    size_t share = streams->answer_max / 8;
    size_t block;
    size_t most;

    streams->blocks = invocation_stream_blocks(workers);
    block = share / (streams->blocks + 1);
    if (block > INVOCATION_STREAM_WORKER_BLOCK)
        block = INVOCATION_STREAM_WORKER_BLOCK;
    if (block < INVOCATION_STREAM_WORKER_BLOCK_MIN)
        block = INVOCATION_STREAM_WORKER_BLOCK_MIN;
    most = share / block > 3 ? share / block - 1 : 2;
    if (streams->blocks > most)
        streams->blocks = (unsigned)most;
    streams->worker_block = block;
}

int stream_exchanges_new(const struct stream_exchanges_settings *settings,
                         struct stream_exchanges **ret, struct err *err)
{
    struct stream_exchanges *exchanges = mem_zero(1, sizeof(*exchanges));
    struct invocation_streams_settings streams = {
        .workers = settings->pool,
        .answer_max = settings->answer_max,
        .inline_ns = INVOCATION_STREAM_INLINE_NS,
        .step_ns = INVOCATION_INLINE_NS,
        .block = INVOCATION_STREAM_BLOCK,
        .rules = settings->rules,
        .scratches = settings->scratches + settings->loops,
        .resume = on_resume,
        .finish = on_finish,
        .release = on_release,
        .self = exchanges,
    };

    if (!exchanges)
        return err_memory(err, sizeof(*exchanges), "streams");
    size_blocks(&streams, settings->workers);
    exchanges->settings = *settings;
    if (invocation_streams_new(&streams, &exchanges->streams, err)) {
        stream_exchanges_free(exchanges);
        return -1;
    }
    *ret = exchanges;
    return 0;
}

void stream_exchanges_release(struct stream_exchanges *exchanges)
{
    if (exchanges)
        invocation_streams_release(exchanges->streams);
}

void stream_exchanges_free(struct stream_exchanges *exchanges)
{
    if (!exchanges)
        return;
    invocation_streams_free(exchanges->streams);
    free(exchanges);
}

enum http_action stream_exchange_start(struct stream_exchanges *exchanges,
                                       struct http_exchange *exchange, const struct model *model,
                                       void *model_owner, const struct encoding *encoding)
{
    const struct stream_exchanges_settings *settings = &exchanges->settings;
    struct invocation invocation = stream_exchange_invocation(&exchange->request);
    struct invocation_stream_request request = {
        .model = model,
        .encoded = encoding != NULL,
        .length = exchange->request.content_length, /* 0 where it comes in chunks */
        .owner = exchange,
        .model_owner = model_owner,
    };

    if (encoding)
        request.encoding = *encoding;
    if (exchange->request.content_length <= settings->body_max &&
        invocation_stream_takes(model, settings->rules, &invocation, &request.type)) {
        exchange->user = invocation_stream_new(exchanges->streams, &request);
        if (exchange->user)
            return HTTP_STREAM_BODY;
    }
    on_release(exchanges, model_owner);
    return HTTP_READ_BODY;
}

struct http_room stream_exchange_room(struct http_exchange *exchange)
{
    struct http_room room;

    room.data = invocation_stream_room(exchange->user, &room.size, &room.held);
    return room;
}

enum http_action stream_exchange_arrived(struct stream_exchanges *exchanges,
                                         struct http_exchange *exchange, unsigned loop, size_t size,
                                         bool last)
{
    const struct stream_exchanges_settings *settings = &exchanges->settings;
    struct invocation_scratch *scratch = &settings->scratches[loop];

    switch (invocation_stream_arrived(exchange->user, size, last, scratch)) {
    case INVOCATION_STREAM_MORE:
        return HTTP_READ_BODY;
    case INVOCATION_STREAM_PAUSE:
        return HTTP_PAUSE;
    case INVOCATION_STREAM_DEFERRED:
        return HTTP_DEFERRED;
    case INVOCATION_STREAM_BLANK:
        exchange->request.body = invocation_stream_body(exchange->user);
        return settings->calls.blank(settings->self, exchange, loop);
    case INVOCATION_STREAM_READY:
        finish(exchanges, exchange, scratch);
        break;
    case INVOCATION_STREAM_FULL:
        settings->calls.full(settings->self, exchange);
        stream_exchange_drop(exchange);
        break;
    case INVOCATION_STREAM_NO_MEMORY:
        settings->calls.no_memory(settings->self, exchange);
        stream_exchange_drop(exchange);
        break;
    }
    return HTTP_RESPOND;
}
