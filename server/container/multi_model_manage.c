/*
 * The management half: POST and GET /models; GET, PUT and DELETE /models/NAME.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "models/background.h"
#include "server/container/mme_answer.h"
#include "server/container/multi_model_internal.h"

#define LIST_MAX    100
#define WORKERS_MAX 1000000

static void not_allowed(struct http_response *response)
{
    multi_model_errorf(response, 405, "MethodNotAllowedException",
                       "Requested method is not allowed, please refer to API document.");
}

/* Loading. */

struct load_job {
    struct worker_job base;
    struct multi_model *self;
    struct http_exchange *exchange; /* NULL: answered already (synchronous=false) */
    struct registry_entry *entry;
    bool no_workers; /* initial_workers=0 */
    struct mme_text name;
    struct mme_text url;
};

/* For log lines: a name in quotes, cut where it is long. */
static const char *quote(char *out, size_t size, const struct mme_text *text)
{
    return err_quote(out, size, text->data, text->size);
}

static void log_loaded(const struct load_job *job)
{
    struct registry_usage usage;
    char name[160];
    char url[200];

    registry_usage(job->self->registry, &usage);
    log_line("loaded model %s from %s: %zu loaded, %llu of %llu bytes",
             quote(name, sizeof(name), &job->name), quote(url, sizeof(url), &job->url),
             usage.models, (unsigned long long)usage.bytes, (unsigned long long)usage.budget);
}

static void answer_load(const struct load_job *job, enum registry_result result,
                        const struct err *err, struct http_response *response)
{
    switch (result) {
    case REGISTRY_OK:
        if (job->no_workers)
            multi_model_statusf(response, 200, "Model \"%s\" registered", job->name.data);
        else
            multi_model_statusf(response, 200, "Workers scaled");
        return;
    case REGISTRY_NOT_THERE:
        multi_model_errorf(response, 404, "ModelNotFoundException",
                           "Model not found in model store: %s", job->url.data);
        return;
    case REGISTRY_EXISTS:
        multi_model_errorf(response, 409, "ConflictStatusException",
                           "Model %s is already registered.", job->name.data);
        return;
    case REGISTRY_NO_ROOM:
        snprintf(response->log, sizeof(response->log), "%.255s", err->text);
        multi_model_errorf(response, 507, "InternalServerException", "System out of memory");
        return;
    case REGISTRY_BAD_MODEL:
    case REGISTRY_WITHDRAWN:
        break;
    }
    multi_model_errorf(response, 500, "InternalServerException", "%s", err->text);
}

/* On a thread of the loaders. */
static void run_load(struct worker_job *base, unsigned loader)
{
    struct load_job *job = (struct load_job *)base;
    struct workers *loaders = job->self->loaders;
    struct http_exchange *exchange = job->exchange;
    struct err err = ERR_INIT;
    enum registry_result result;

    (void)loader;
    background_yield_on_wake();
    result = registry_load(job->entry, &err);
    if (result == REGISTRY_OK) {
        log_loaded(job);
    } else if (!exchange) {
        char name[160];

        log_line("model %s was not loaded: %s", quote(name, sizeof(name), &job->name), err.text);
    }
    if (exchange)
        answer_load(job, result, &err, &exchange->response);
    free(job);
    workers_leave(loaders);
    if (exchange)
        http_exchange_finish(exchange);
}

static void answer_bad_load(struct http_response *response, enum mme_load_result result,
                            const struct mme_load *load, const struct err *err)
{
    switch (result) {
    case MME_LOAD_RELATIVE:
        multi_model_errorf(response, 404, "ModelNotFoundException",
                           "Relative path is not allowed in url: %s", load->url.data);
        return;
    case MME_LOAD_BAD_JSON:
        multi_model_errorf(response, 500, "JsonSyntaxException", "%s", err->text);
        return;
    case MME_LOAD_NO_JSON:
        multi_model_errorf(response, 500, "NullPointerException", "%s", err->text);
        return;
    case MME_LOAD_NO_MEMORY:
        multi_model_errorf(response, 507, "InternalServerException", "System out of memory");
        return;
    case MME_LOAD_BAD_PARAMETER:
    case MME_LOAD_OK:
        break;
    }
    multi_model_errorf(response, 400, "BadRequestException", "%s", err->text);
}

/* Takes the name and gives the load to the loaders. The answer is there at once only where that
 * fails, or is not waited for. */
static enum http_action start_load(struct multi_model *self, struct http_exchange *exchange,
                                   const struct mme_load *load, struct load_job *job)
{
    struct http_response *response = &exchange->response;
    int64_t workers =
        load->initial_workers >= 0 ? load->initial_workers : self->settings.default_workers;
    const struct registry_attributes attributes = {
        .min_workers = workers,
        .max_workers = workers,
        .batch_size = load->batch_size,
        .max_batch_delay = load->max_batch_delay,
    };
    enum registry_result result;
    bool wait = load->synchronous;

    *job = (struct load_job){{run_load}, .self = self, .exchange = wait ? exchange : NULL};
    job->no_workers = load->initial_workers == 0;
    job->name = load->name;
    job->url = load->url;
    result = registry_reserve(self->registry, bytes_of(load->name.data, load->name.size),
                              bytes_of(load->url.data, load->url.size), &attributes, &job->entry);
    if (result != REGISTRY_OK) {
        struct err err = ERR_INIT;

        err_set(&err, ERR_MEMORY, "no memory for one more model's name");
        /* the original looks for the files first */
        if (result == REGISTRY_EXISTS && job->url.data[0] == '/' && access(job->url.data, F_OK))
            result = REGISTRY_NOT_THERE;
        answer_load(job, result, &err, response);
        free(job);
        return HTTP_RESPOND;
    }
    if (workers_enter(self->loaders)) {
        workers_submit(self->loaders, &job->base);
        if (wait)
            return HTTP_DEFERRED;
        multi_model_statusf(response, 202, "Processing worker updates...");
        return HTTP_RESPOND;
    }
    registry_cancel(job->entry);
    free(job);
    multi_model_errorf(response, 503, "ServiceUnavailableException",
                       "too many models are waiting to be loaded: try again");
    return HTTP_RESPOND;
}

static enum http_action load_model(struct multi_model *self, struct http_exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    struct http_response *response = &exchange->response;
    struct bytes content_type = request->has_content_type ? request->content_type : bytes_of("", 0);
    struct load_job *job;
    struct mme_load load;
    struct err err = ERR_INIT;
    enum mme_load_result result =
        mme_load_parse(content_type, request->query, request->body, &load, &err);

    if (result != MME_LOAD_OK) {
        answer_bad_load(response, result, &load, &err);
        return HTTP_RESPOND;
    }
    job = mem_alloc(1, sizeof(*job));
    if (job)
        return start_load(self, exchange, &load, job);
    answer_bad_load(response, MME_LOAD_NO_MEMORY, &load, &err);
    return HTTP_RESPOND;
}

/* Listing. */

static void list_models(struct multi_model *self, struct http_exchange *exchange)
{
    struct http_response *response = &exchange->response;
    struct bytes query = exchange->request.query;
    int64_t limit = mme_parameter_number(query, "limit", LIST_MAX);
    int64_t offset = mme_parameter_number(query, "next_page_token", 0);
    struct registry_entry *entries[LIST_MAX];
    size_t total;
    size_t count;

    if (limit < 0 || limit > LIST_MAX)
        limit = LIST_MAX;
    if (offset < 0)
        offset = 0;
    count = registry_list(self->registry, (size_t)offset, (size_t)limit, entries, &total);
    multi_model_begin(response, 200);
    multi_model_check(response,
                      mme_answer_list(&response->body, entries, count,
                                      offset + limit <= (int64_t)total ? offset + limit : -1));
    for (size_t i = 0; i < count; i++)
        registry_put(entries[i]);
}

enum http_action multi_model_models(struct multi_model *self, struct http_exchange *exchange)
{
    if (exchange->request.method == HTTP_POST)
        return load_model(self, exchange);
    if (exchange->request.method == HTTP_GET)
        list_models(self, exchange);
    else
        not_allowed(&exchange->response);
    return HTTP_RESPOND;
}

/* One model. */

static void describe(struct http_exchange *exchange, struct registry_entry *entry)
{
    multi_model_begin(&exchange->response, 200);
    multi_model_check(&exchange->response, mme_answer_model(&exchange->response.body, entry));
}

/* The number of workers is what the model's description tells, and nothing else. */
static void scale(struct http_exchange *exchange, struct registry_entry *entry)
{
    struct http_response *response = &exchange->response;
    struct bytes query = exchange->request.query;
    int64_t min = mme_parameter_number(query, "min_worker", 1);
    int64_t max = mme_parameter_number(query, "max_worker", min);

    if (min < 0 || max < min || max > WORKERS_MAX) {
        multi_model_errorf(response, 400, "BadRequestException",
                           max < min ? "max_worker cannot be less than min_worker."
                                     : "min_worker and max_worker must be 0 to %d.",
                           WORKERS_MAX);
        return;
    }
    registry_scale(entry, min, max);
    if (mme_parameter_bool(query, "synchronous", false))
        multi_model_statusf(response, 200, "Workers scaled");
    else
        multi_model_statusf(response, 202, "Processing worker updates...");
}

struct unload_job {
    struct multi_model *self;
    struct http_exchange *exchange;
    struct mme_text name;
};

/* On the registry's thread. */
static void unloaded(void *argument, bool freed)
{
    struct unload_job *job = argument;
    struct multi_model *self = job->self;
    struct http_exchange *exchange = job->exchange;
    struct registry_usage usage;
    char name[160];

    registry_usage(self->registry, &usage);
    log_line("unloaded model %s%s: %zu loaded, %llu of %llu bytes",
             quote(name, sizeof(name), &job->name),
             freed ? "" : ", whose memory is still in use by requests", usage.models,
             (unsigned long long)usage.bytes, (unsigned long long)usage.budget);
    multi_model_statusf(&exchange->response, 200, "Model \"%s\" unregistered", job->name.data);
    free(job);
    http_exchange_finish(exchange);
    atomic_fetch_sub(&self->unloading, 1);
}

static enum http_action unload(struct multi_model *self, struct http_exchange *exchange,
                               const struct mme_text *name)
{
    struct unload_job *job = mem_alloc(1, sizeof(*job));

    if (!job) {
        multi_model_errorf(&exchange->response, 507, "InternalServerException",
                           "System out of memory");
        return HTTP_RESPOND;
    }
    *job = (struct unload_job){.self = self, .exchange = exchange};
    job->name = *name;
    atomic_fetch_add(&self->unloading, 1);
    if (registry_remove(self->registry, bytes_of(name->data, name->size), unloaded, job) ==
        REGISTRY_OK)
        return HTTP_DEFERRED;
    atomic_fetch_sub(&self->unloading, 1);
    free(job);
    multi_model_not_found(&exchange->response, name);
    return HTTP_RESPOND;
}

enum http_action multi_model_model(struct multi_model *self, struct http_exchange *exchange,
                                   const struct mme_text *name)
{
    enum http_method method = exchange->request.method;
    struct registry_entry *entry;

    if (method == HTTP_DELETE)
        return unload(self, exchange, name);
    if (method != HTTP_GET && method != HTTP_PUT) {
        not_allowed(&exchange->response);
        return HTTP_RESPOND;
    }
    entry = registry_get(self->registry, bytes_of(name->data, name->size));
    if (!entry)
        multi_model_not_found(&exchange->response, name);
    else if (method == HTTP_GET)
        describe(exchange, entry);
    else
        scale(exchange, entry);
    registry_put(entry);
    return HTTP_RESPOND;
}
