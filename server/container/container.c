#include "server/container/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/container/pages.h"
#include "server/container/stream_exchange.h"

struct container {
    struct container_settings settings;
    struct store *store;
    struct access_log *log;
    struct counters counters;
    struct workers *workers;
    struct stream_exchanges *streams;
    struct invocation_scratch *scratches; /* one a loop, then one a worker */
    size_t scratch_count;
};

enum route {
    ROUTE_PING,
    ROUTE_INVOCATIONS,
    ROUTE_EXECUTION_PARAMETERS,
    ROUTE_NONE_NEAR, /* a path under a known prefix: the framework's 404 */
    ROUTE_NONE,      /* any other path: the front end's 404 */
};

static const struct route_entry {
    const char *path;
    const char *allow;
    enum route route;
} routes[] = {
    {"/ping", "GET, HEAD, OPTIONS", ROUTE_PING},
    {"/invocations", "OPTIONS, POST", ROUTE_INVOCATIONS},
    {"/execution-parameters", "GET, HEAD, OPTIONS", ROUTE_EXECUTION_PARAMETERS},
};

static enum route find_route(struct bytes path, const char **ret_allow)
{
    enum route near = ROUTE_NONE;

    *ret_allow = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(routes); i++) {
        if (!bytes_starts(path, routes[i].path))
            continue;
        near = ROUTE_NONE_NEAR;
        if (bytes_is(path, routes[i].path)) {
            *ret_allow = routes[i].allow;
            return routes[i].route;
        }
    }
    return near;
}

/* The profile's error pages; without a model (it is being replaced at start) the older ones. */
static bool html5(struct container *container)
{
    struct model *model = store_get(container->store);
    bool yes = model && model->profile->html5_pages;

    model_unref(model);
    return yes;
}

static void answer_ping(struct container *container, struct http_response *response)
{
    struct model *model = store_get(container->store);

    if (model) {
        pages_text(response, 200, bytes_text(""));
        model_unref(model);
    } else {
        pages_fill(response, 503, false, "no model is loaded yet");
    }
}

static void answer_execution_parameters(struct container *container, struct http_response *response)
{
    const struct container_settings *settings = &container->settings;

    response->status = 200;
    response->content_type = "application/json";
    buffer_clear(&response->body);
    if (buffer_print(&response->body,
                     "{\"MaxConcurrentTransforms\": %u, %s\"MaxPayloadInMB\": %llu}",
                     settings->cpus,
                     settings->omit_batch_strategy ? "" : "\"BatchStrategy\": \"MULTI_RECORD\", ",
                     (unsigned long long)(settings->body_max / 1048576)))
        pages_fill(response, 503, false, "out of memory");
}

static bool is_get(enum http_method method)
{
    return method == HTTP_GET || method == HTTP_HEAD;
}

/* How a scoring request's body is to be read. */
static enum http_action read_body(struct container *container, struct http_exchange *exchange)
{
    struct encoding encoding;
    struct invocation request;
    struct model *model;
    bool encoded;

    if (LIKELY(!stream_exchange_is_large(&exchange->request)))
        return HTTP_READ_BODY;
    model = store_get(container->store);
    if (!model)
        return HTTP_READ_BODY;
    request = stream_exchange_invocation(&exchange->request);
    encoded = invocation_parts(model, &container->settings.rules, &request,
                               &exchange->response.body, &encoding);
    buffer_clear(&exchange->response.body);
    return stream_exchange_start(container->streams, exchange, model, model,
                                 encoded ? &encoding : NULL);
}

/* Everything that needs no body. */
static enum http_action on_head(void *self, struct http_exchange *exchange, unsigned loop)
{
    struct container *container = self;
    struct http_response *response = &exchange->response;
    enum http_method method = exchange->request.method;
    const char *allow;
    enum route route = find_route(exchange->request.path, &allow);

    (void)loop;
    if (route == ROUTE_NONE) {
        pages_unknown_path(response, exchange->request.path);
        response->note = "no such path: /ping, /invocations and /execution-parameters are served";
    } else if (route == ROUTE_NONE_NEAR) {
        pages_fill(response, 404, html5(container), "");
        response->note = "no such path: /ping, /invocations and /execution-parameters are served";
    } else if (method == HTTP_OPTIONS) {
        pages_text(response, 200, bytes_text(""));
        response->allow = allow;
    } else if (route == ROUTE_INVOCATIONS ? method != HTTP_POST : !is_get(method)) {
        pages_fill(response, 405, html5(container), "");
        response->allow = allow;
        response->note = "the path takes other methods: see the Allow header";
    } else if (route == ROUTE_PING) {
        answer_ping(container, response);
    } else if (route == ROUTE_EXECUTION_PARAMETERS) {
        answer_execution_parameters(container, response);
    } else {
        return read_body(container, exchange);
    }
    return HTTP_RESPOND;
}

/* What scoring answered, as the response. */
static void respond(struct container *container, struct http_response *response,
                    const struct model *model, const struct invocation_result *result)
{
    response->status = result->status;
    response->content_type = result->content_type;
    response->no_length = result->status == 204;
    if (!result->content_type)
        pages_fill(response, result->status, model->profile->html5_pages, response->log);
    counter_add(&container->counters.rows, result->rows);
}

/* Runs one scoring request to its answer, on whichever thread. */
static void score(struct container *container, struct http_exchange *exchange,
                  const struct model *model, struct invocation_scratch *scratch)
{
    struct http_response *response = &exchange->response;
    struct invocation request = stream_exchange_invocation(&exchange->request);
    struct invocation_result result;

    invocation_run(model, &container->settings.rules, &request, scratch, &response->body, &result,
                   response->log, sizeof(response->log));
    respond(container, response, model, &result);
}

static void refuse_full(void *self, struct http_exchange *exchange)
{
    struct container *container = self;

    counter_add(&container->counters.queue_full, 1);
    pages_fill(&exchange->response, 503, false,
               "too many large requests are waiting: try again, or raise --queue or --workers");
    exchange->response.note = "the queue for large requests is full (--queue)";
}

/* A request on its way through a worker. */
struct job {
    struct worker_job base;
    struct container *container;
    struct http_exchange *exchange;
    struct model *model;
};

static void run_job(struct worker_job *base, unsigned worker)
{
    struct job *job = (struct job *)base;
    struct container *container = job->container;
    struct http_exchange *exchange = job->exchange;

    score(container, exchange, job->model,
          &container->scratches[container->settings.loops + worker]);
    model_unref(job->model);
    free(job);
    workers_leave(container->workers);
    http_exchange_finish(exchange);
}

/* Takes over the reference to the model. */
static enum http_action defer(struct container *container, struct http_exchange *exchange,
                              struct model *model)
{
    struct job *job = mem_alloc(1, sizeof(*job));

    if (job && workers_enter(container->workers)) {
        *job = (struct job){{run_job}, container, exchange, model};
        counter_add(&container->counters.deferred, 1);
        workers_submit(container->workers, &job->base);
        return HTTP_DEFERRED;
    }
    free(job);
    model_unref(model);
    refuse_full(container, exchange);
    return HTTP_RESPOND;
}

static enum http_action on_request(void *self, struct http_exchange *exchange, unsigned loop)
{
    struct container *container = self;
    struct model *model = store_get(container->store);

    if (!model) {
        pages_fill(&exchange->response, 503, false, "no model is loaded yet");
        return HTTP_RESPOND;
    }
    counter_add(&container->counters.body_bytes, exchange->request.body.size);
    if (invocation_cost(model, exchange->request.body.size) > INVOCATION_INLINE_NS)
        return defer(container, exchange, model);
    score(container, exchange, model, &container->scratches[loop]);
    model_unref(model);
    return HTTP_RESPOND;
}

/* Streams: bodies that are scored as they arrive. */

static void finish_stream(void *self, struct http_exchange *exchange,
                          struct invocation_stream *stream, struct invocation_scratch *scratch)
{
    struct container *container = self;
    struct http_response *response = &exchange->response;
    struct invocation request = stream_exchange_invocation(&exchange->request);
    struct invocation_result result;

    counter_add(&container->counters.body_bytes, invocation_stream_size(stream));
    counter_add(&container->counters.deferred, invocation_stream_used_workers(stream));
    invocation_stream_answer(stream, &request, scratch, &response->body, &result, response->log,
                             sizeof(response->log));
    respond(container, response, invocation_stream_model(stream), &result);
}

static void refuse_no_memory(void *self, struct http_exchange *exchange)
{
    pages_fill(&exchange->response, 503, html5(self), "out of memory for this request");
}

static void release_model(void *self, void *model)
{
    (void)self;
    model_unref(model);
}

static struct http_room on_room(void *self, struct http_exchange *exchange, unsigned loop)
{
    (void)self;
    (void)loop;
    return stream_exchange_room(exchange);
}

static enum http_action on_arrived(void *self, struct http_exchange *exchange, unsigned loop,
                                   size_t size, bool last)
{
    struct container *container = self;

    return stream_exchange_arrived(container->streams, exchange, loop, size, last);
}

static void on_refuse(void *self, struct http_exchange *exchange, int status, const char *why)
{
    struct container *container = self;

    stream_exchange_drop(exchange);
    pages_fill(&exchange->response, status, html5(container), why);
    exchange->response.note = why;
}

static void on_done(void *self, struct http_exchange *exchange, unsigned loop, bool sent)
{
    struct container *container = self;
    unsigned hundreds = sent ? (unsigned)exchange->response.status / 100 : 0;

    (void)loop;
    counter_add(&container->counters.requests, 1);
    counter_add(&container->counters.status[hundreds < 6 ? hundreds : 0], 1);
    counter_add(&container->counters.sent_bytes, exchange->sent_bytes);
    access_log_request(container->log, exchange, sent);
    stream_exchange_drop(exchange);
}

struct http_handler container_handler(struct container *container)
{
    return (struct http_handler){
        .self = container,
        .head = on_head,
        .request = on_request,
        .room = on_room,
        .arrived = on_arrived,
        .refuse = on_refuse,
        .done = on_done,
    };
}

static int start_streams(struct container *container, struct err *err)
{
    const struct container_settings *settings = &container->settings;
    struct stream_exchanges_settings streams = {
        .loops = settings->loops,
        .workers = settings->workers,
        .body_max = settings->body_max,
        .answer_max = settings->answer_max,
        .rules = &settings->rules,
        .pool = container->workers,
        .scratches = container->scratches,
        .calls = {finish_stream, on_request, refuse_full, refuse_no_memory, release_model},
        .self = container,
    };

    return stream_exchanges_new(&streams, &container->streams, err);
}

int container_new(const struct container_settings *settings, struct store *store,
                  struct access_log *log, struct container **ret, struct err *err)
{
    struct container *container = mem_zero(1, sizeof(*container));
    size_t count = settings->loops + settings->workers;

    if (!container)
        return err_memory(err, sizeof(*container), "the container");
    container->settings = *settings;
    container->store = store;
    container->log = log;
    container->scratches = mem_zero(count, sizeof(*container->scratches));
    if (!container->scratches) {
        free(container);
        return err_memory(err, count * sizeof(*container->scratches), "scratch memory");
    }
    container->scratch_count = count;
    for (size_t i = 0; i < count; i++)
        invocation_scratch_init(&container->scratches[i]);
    if (workers_new(settings->workers, WORKERS_NICE, settings->queue, &container->workers, err) ||
        start_streams(container, err)) {
        container_free(container);
        return -1;
    }
    *ret = container;
    return 0;
}

void container_stop(struct container *container)
{
    if (!container)
        return;
    workers_free(container->workers);
    container->workers = NULL;
}

void container_free(struct container *container)
{
    if (!container)
        return;
    container_stop(container);
    stream_exchanges_free(container->streams);
    for (size_t i = 0; i < container->scratch_count; i++)
        invocation_scratch_fini(&container->scratches[i]);
    free(container->scratches);
    free(container);
}

struct counters *container_counters(struct container *container)
{
    return &container->counters;
}

size_t container_waiting(struct container *container)
{
    return workers_waiting(container->workers);
}

bool container_idle(struct container *container)
{
    return workers_idle(container->workers);
}
