#pragma once
/*
 * What the files of multi-model mode share.
 *
 *     multi_model.c          answers, routes, the HTTP server's calls
 *     multi_model_invoke.c   invocations
 *     multi_model_manage.c   loading, listing, describing, unloading
 *     mme_request.c          requests: paths, queries, JSON
 *     mme_answer.c           response bodies
 */

#include <stdatomic.h>

#include "server/container/mme_request.h"
#include "server/container/multi_model.h"
#include "server/container/stream_exchange.h"
#include "server/workers.h"

struct multi_model {
    struct multi_model_settings settings;
    struct registry *registry;
    struct access_log *log;
    struct counters counters;
    struct workers *workers;
    struct workers *loaders;
    struct stream_exchanges *streams;
    struct invocation_scratch *scratches; /* one a loop, then one a worker */
    size_t scratch_count;
    atomic_size_t unloading; /* requests that wait for a removal */
};

/* Fills status, reason, headers and type. */
void multi_model_head(struct http_response *response, int status);

/* The same, and the body is empty. */
void multi_model_begin(struct http_response *response, int status);

/* The error object. `message` is foreign text; it is also the log's line, unless that is set. */
void multi_model_error(struct http_response *response, int status, const char *type,
                       struct bytes message);
void multi_model_errorf(struct http_response *response, int status, const char *type,
                        const char *format, ...) PRINTF_LIKE(4, 5);

/* {"status": ...} with a status below 300. */
void multi_model_statusf(struct http_response *response, int status, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Where an answer's memory is short: the body so far is dropped. */
void multi_model_check(struct http_response *response, int failed);

/* "Model not found: NAME". */
void multi_model_not_found(struct http_response *response, const struct mme_text *name);

/* multi_model_invoke.c */
enum http_action multi_model_invoke(struct multi_model *self, struct http_exchange *exchange,
                                    unsigned loop, const struct mme_text *name);

/* From the head of an invocation whose body is large: whether it is scored as it arrives. */
enum http_action multi_model_stream(struct multi_model *self, struct http_exchange *exchange,
                                    const struct mme_text *name);
struct stream_exchange_calls multi_model_stream_calls(
    enum http_action (*request)(void *self, struct http_exchange *exchange, unsigned loop));

/* multi_model_manage.c: /models and /models/NAME. */
enum http_action multi_model_models(struct multi_model *self, struct http_exchange *exchange);
enum http_action multi_model_model(struct multi_model *self, struct http_exchange *exchange,
                                   const struct mme_text *name);
