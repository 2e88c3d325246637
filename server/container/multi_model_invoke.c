/*
 * Invocations: scored as in single-model mode, answered in the shapes and errors of this one.
 */
#include <string.h>

#include "server/container/mme_answer.h"
#include "server/container/multi_model_internal.h"
#include "server/container/policy.h"
#include "server/formats/encode.h"

/* What the response is to be. */
struct wish {
    bool encoded; /* false: it is nothing that there is */
    struct encoding encoding;
    const char *type; /* echoed */
    bool is_default;
};

/* The built-ins answer as in single-model mode. */
static struct wish negotiate_builtin(const struct model *model,
                                     const struct invocation_rules *rules,
                                     const struct http_request *request)
{
    const struct policy *policy = policy_of(model);
    struct invocation invocation = stream_exchange_invocation(request);
    struct wish wish = {.is_default = !request->has_accept};
    struct response_type type;
    struct buffer message;

    buffer_init(&message, 0);
    type = policy->response_type(model, rules, &invocation, &message);
    buffer_fini(&message);
    wish.encoded = policy->encoding(model, rules, &type, &wish.encoding);
    wish.type = type.content_type;
    return wish;
}

/* Of XGBoost not the single-model list. Missing, empty and * / * mean the default. */
static struct wish negotiate(const struct model *model, const struct invocation_rules *rules,
                             const struct http_request *request)
{
    static const char *const types[] = {"application/json", "text/csv", "csv"};
    struct bytes accept = request->accept;
    const uint8_t *end = accept.size ? memchr(accept.data, ';', accept.size) : NULL;
    struct bytes type = bytes_of("", 0);
    struct wish wish = {.encoded = false};

    if (model->builtin)
        return negotiate_builtin(model, rules, request);
    if (request->has_accept)
        type = bytes_trim(bytes_of(accept.data, end ? (size_t)(end - accept.data) : accept.size));
    wish.is_default = type.size == 0 || bytes_is(type, "*/*");
    if (wish.is_default)
        type = bytes_text(rules->default_accept ? rules->default_accept : "application/json");
    for (size_t i = 0; i < ARRAY_LENGTH(types) && !wish.encoded; i++) {
        if (!bytes_is_nocase(type, types[i]))
            continue;
        wish.type = types[i];
        wish.encoded = true;
        wish.encoding = i == 0         ? encoding_bare_json
                        : rules->batch ? encoding_batch
                                       : encoding_csv_joined;
    }
    return wish;
}

/* The body that is there, or that is made of the predictions (NULL: it is there). */
static void answer_predictions(struct multi_model *self, struct http_exchange *exchange,
                               const struct model *model, const struct predictions *predictions)
{
    const struct invocation_rules *rules = &self->settings.rules;
    struct http_response *response = &exchange->response;
    struct wish wish = negotiate(model, rules, &exchange->request);
    struct err err = ERR_INIT;

    if (!wish.encoded && wish.is_default) {
        multi_model_errorf(response, 500, "InternalServerException",
                           "no encoder for the default response type %s: set "
                           "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT to application/json or text/csv",
                           rules->default_accept);
        return;
    }
    if (!wish.encoded) {
        struct bytes accept = bytes_head(exchange->request.accept, 1000);

        multi_model_errorf(response, 406, "BadRequestException",
                           "Accept type %.*s is not supported. Please use supported accept types: "
                           "['application/json', 'text/csv'].",
                           (int)accept.size, (const char *)accept.data);
        return;
    }
    multi_model_head(response, 200);
    response->reason = "";
    response->content_type = wish.type;
    if (predictions && encode_body(&wish.encoding, predictions, &response->body, &err))
        multi_model_errorf(response, 507, "InternalServerException", "Out of resources");
}

/* The single-model outcome that is no success, as an error object with the same text. */
static void answer_failure(struct http_response *response, const struct invocation_result *result,
                           struct invocation_scratch *scratch)
{
    int status = result->status;
    struct bytes message;

    if (status == 204) {
        multi_model_begin(response, 204);
        response->content_type = NULL;
        response->no_length = true;
        return;
    }
    if (status == 503) { /* the only reason there is: no memory */
        multi_model_errorf(response, 507, "InternalServerException", "Out of resources");
        return;
    }
    /* the text is in the body that the answer will replace, or, of a page, only in the log */
    buffer_clear(&scratch->message);
    if (!result->content_type)
        message = bytes_text(response->log);
    else if (buffer_append(&scratch->message, response->body.data, response->body.size))
        message = bytes_text("the message does not fit in memory");
    else
        message = bytes_of(scratch->message.data, scratch->message.size);
    multi_model_error(response, status,
                      status < 500 ? "BadRequestException" : "InternalServerException", message);
}

/* Runs one invocation to its answer, on whichever thread. */
static void score(struct multi_model *self, struct http_exchange *exchange,
                  const struct model *model, struct invocation_scratch *scratch)
{
    struct http_response *response = &exchange->response;
    struct invocation invocation = stream_exchange_invocation(&exchange->request);
    struct invocation_result result;

    invocation_score(model, &self->settings.rules, &invocation, scratch, &response->body, &result,
                     response->log, sizeof(response->log));
    if (result.status == 200)
        answer_predictions(self, exchange, model, &scratch->predictions);
    else
        answer_failure(response, &result, scratch);
    counter_add(&self->counters.rows, result.rows);
}

static void refuse_full(struct multi_model *self, struct http_exchange *exchange, struct bytes name)
{
    counter_add(&self->counters.queue_full, 1);
    multi_model_errorf(&exchange->response, 503, "ServiceUnavailableException",
                       "No worker is available to serve request: %.*s", (int)name.size,
                       (const char *)name.data);
    exchange->response.note = "the queue for large requests is full (--queue)";
}

/* An invocation on its way through a worker. */
struct job {
    struct worker_job base;
    struct multi_model *self;
    struct http_exchange *exchange;
    struct registry_entry *entry;
};

static void run_job(struct worker_job *base, unsigned worker)
{
    struct job *job = (struct job *)base;
    struct multi_model *self = job->self;
    struct http_exchange *exchange = job->exchange;

    score(self, exchange, registry_model(job->entry),
          &self->scratches[self->settings.loops + worker]);
    registry_put(job->entry);
    free(job);
    workers_leave(self->workers);
    http_exchange_finish(exchange);
}

/* Takes over the reference to the model. */
static enum http_action defer(struct multi_model *self, struct http_exchange *exchange,
                              struct registry_entry *entry)
{
    struct job *job = mem_alloc(1, sizeof(*job));

    if (job && workers_enter(self->workers)) {
        *job = (struct job){{run_job}, self, exchange, entry};
        counter_add(&self->counters.deferred, 1);
        workers_submit(self->workers, &job->base);
        return HTTP_DEFERRED;
    }
    free(job);
    refuse_full(self, exchange, registry_name(entry));
    registry_put(entry);
    return HTTP_RESPOND;
}

enum http_action multi_model_invoke(struct multi_model *self, struct http_exchange *exchange,
                                    unsigned loop, const struct mme_text *name)
{
    struct registry_entry *entry = registry_get(self->registry, bytes_of(name->data, name->size));

    if (!entry) {
        multi_model_not_found(&exchange->response, name);
        return HTTP_RESPOND;
    }
    counter_add(&self->counters.body_bytes, exchange->request.body.size);
    if (invocation_cost(registry_model(entry), exchange->request.body.size) > INVOCATION_INLINE_NS)
        return defer(self, exchange, entry);
    score(self, exchange, registry_model(entry), &self->scratches[loop]);
    registry_put(entry);
    return HTTP_RESPOND;
}

/* Streams: bodies that are scored as they arrive. */

static void finish_stream(void *argument, struct http_exchange *exchange,
                          struct invocation_stream *stream, struct invocation_scratch *scratch)
{
    struct multi_model *self = argument;
    struct http_response *response = &exchange->response;
    const struct model *model = invocation_stream_model(stream);
    bool encoded = negotiate(model, &self->settings.rules, &exchange->request).encoded;
    struct invocation_result result;

    counter_add(&self->counters.body_bytes, invocation_stream_size(stream));
    counter_add(&self->counters.deferred, invocation_stream_used_workers(stream));
    invocation_stream_score(stream, scratch, &response->body, &result, response->log,
                            sizeof(response->log));
    if (result.status == 200)
        answer_predictions(self, exchange, model, encoded ? NULL : &scratch->predictions);
    else
        answer_failure(response, &result, scratch);
    counter_add(&self->counters.rows, result.rows);
}

static void refuse_full_stream(void *self, struct http_exchange *exchange)
{
    const struct registry_entry *entry = invocation_stream_owner(exchange->user);

    refuse_full(self, exchange, registry_name(entry));
}

static void refuse_no_memory(void *self, struct http_exchange *exchange)
{
    (void)self;
    multi_model_errorf(&exchange->response, 507, "InternalServerException", "Out of resources");
}

static void release_model(void *self, void *entry)
{
    (void)self;
    registry_put(entry);
}

struct stream_exchange_calls multi_model_stream_calls(
    enum http_action (*request)(void *self, struct http_exchange *exchange, unsigned loop))
{
    return (struct stream_exchange_calls){finish_stream, request, refuse_full_stream,
                                          refuse_no_memory, release_model};
}

enum http_action multi_model_stream(struct multi_model *self, struct http_exchange *exchange,
                                    const struct mme_text *name)
{
    struct registry_entry *entry = registry_get(self->registry, bytes_of(name->data, name->size));
    struct wish wish;

    if (!entry)
        return HTTP_READ_BODY;
    wish = negotiate(registry_model(entry), &self->settings.rules, &exchange->request);
    return stream_exchange_start(self->streams, exchange, registry_model(entry), entry,
                                 wish.encoded ? &wish.encoding : NULL);
}
