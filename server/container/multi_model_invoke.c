/*
 * Invocations: scored as in single-model mode, answered in the shapes and errors of this one.
 */
#include <string.h>

#include "server/container/mme_answer.h"
#include "server/container/multi_model_internal.h"
#include "server/formats/encode.h"

enum answer {
    ANSWER_JSON,
    ANSWER_CSV,
    ANSWER_UNKNOWN,
};

/* What the response is to be: not the single-model list. Missing, empty and * / * mean the default.
 * *ret_type is echoed. */
static enum answer negotiate(bool present, struct bytes accept, const char *default_accept,
                             const char **ret_type, bool *ret_is_default)
{
    static const struct {
        const char *name;
        enum answer answer;
    } types[] = {
        {"application/json", ANSWER_JSON},
        {"text/csv", ANSWER_CSV},
        {"csv", ANSWER_CSV},
    };
    const uint8_t *end = accept.size ? memchr(accept.data, ';', accept.size) : NULL;
    struct bytes type = bytes_of("", 0);

    if (present)
        type = bytes_trim(bytes_of(accept.data, end ? (size_t)(end - accept.data) : accept.size));
    *ret_is_default = type.size == 0 || bytes_is(type, "*/*");
    if (*ret_is_default)
        type = bytes_text(default_accept ? default_accept : "application/json");
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        if (bytes_is_nocase(type, types[i].name)) {
            *ret_type = types[i].name;
            return types[i].answer;
        }
    }
    return ANSWER_UNKNOWN;
}

/* The body in the shapes of multi-model mode, from the predictions that scoring left. */
static void answer_predictions(struct multi_model *self, struct http_exchange *exchange,
                               const struct predictions *predictions)
{
    const struct invocation_rules *rules = &self->settings.rules;
    struct http_response *response = &exchange->response;
    const char *type = NULL;
    struct err err = ERR_INIT;
    bool is_default;
    enum answer answer = negotiate(exchange->request.has_accept, exchange->request.accept,
                                   rules->default_accept, &type, &is_default);
    const struct encoding *encoding = answer == ANSWER_JSON ? &encoding_bare_json
                                      : rules->batch        ? &encoding_batch
                                                            : &encoding_csv_joined;

    if (answer == ANSWER_UNKNOWN && is_default) {
        multi_model_errorf(response, 500, "InternalServerException",
                           "no encoder for the default response type %s: set "
                           "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT to application/json or text/csv",
                           rules->default_accept);
        return;
    }
    if (answer == ANSWER_UNKNOWN) {
        struct bytes accept = bytes_head(exchange->request.accept, 1000);

        multi_model_errorf(response, 406, "BadRequestException",
                           "Accept type %.*s is not supported. Please use supported accept types: "
                           "['application/json', 'text/csv'].",
                           (int)accept.size, (const char *)accept.data);
        return;
    }
    multi_model_begin(response, 200);
    response->reason = "";
    response->content_type = type;
    if (encode_body(encoding, predictions, &response->body, &err))
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
    const struct http_request *request = &exchange->request;
    struct http_response *response = &exchange->response;
    struct invocation invocation = {
        .body = request->body,
        .has_content_type = request->has_content_type,
        .content_type = request->content_type,
    };
    struct invocation_result result;

    invocation_score(model, &self->settings.rules, &invocation, scratch, &response->body, &result,
                     response->log, sizeof(response->log));
    if (result.status == 200)
        answer_predictions(self, exchange, &scratch->predictions);
    else
        answer_failure(response, &result, scratch);
    counter_add(&self->counters.rows, result.rows);
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
                              struct registry_entry *entry, const struct mme_text *name)
{
    struct job *job = mem_alloc(1, sizeof(*job));

    if (job && workers_enter(self->workers)) {
        *job = (struct job){{run_job}, self, exchange, entry};
        counter_add(&self->counters.deferred, 1);
        workers_submit(self->workers, &job->base);
        return HTTP_DEFERRED;
    }
    free(job);
    registry_put(entry);
    counter_add(&self->counters.queue_full, 1);
    multi_model_errorf(&exchange->response, 503, "ServiceUnavailableException",
                       "No worker is available to serve request: %s", name->data);
    exchange->response.note = "the queue for large requests is full (--queue)";
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
        return defer(self, exchange, entry, name);
    score(self, exchange, registry_model(entry), &self->scratches[loop]);
    registry_put(entry);
    return HTTP_RESPOND;
}
