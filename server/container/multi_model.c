#include "server/container/multi_model.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "server/container/mme_answer.h"
#include "server/container/multi_model_internal.h"

#define STATUS_TEXT_MAX 8192 /* of our own words and a name or url in them */

/* Answers. */

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {202, "Accepted"},
        {204, "No Content"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Request Entity Too Large"},
        {414, "Request-URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Error";
}

static uint64_t next_random(void)
{
    static _Thread_local uint64_t state;
    uint64_t z;

    if (state == 0 && getrandom(&state, sizeof(state), GRND_NONBLOCK) != sizeof(state))
        state = (uint64_t)time(NULL) ^ (uint64_t)(uintptr_t)&state;
    state += 0x9e3779b97f4a7c15u; /* splitmix64: the ids need only differ */
    z = (state ^ state >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* A random UUID, version 4. */
static void set_request_id(struct http_response *response)
{
    static const char layout[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
    static const char digits[] = "0123456789abcdef";
    uint64_t bits[2] = {next_random(), next_random()};

    _Static_assert(sizeof(layout) <= sizeof(response->request_id), "a UUID has room");
    memcpy(response->request_id, layout, sizeof(layout));
    for (size_t i = 0; i < sizeof(layout) - 1; i++) {
        uint64_t *half = &bits[i / 18]; /* no more than 16 digits of each */

        if (layout[i] != 'x' && layout[i] != 'y')
            continue;
        response->request_id[i] = digits[layout[i] == 'y' ? (*half & 3) | 8 : *half & 15];
        *half >>= 4;
    }
}

void multi_model_head(struct http_response *response, int status)
{
    response->status = status;
    response->reason = reason_of(status);
    response->content_type = "application/json";
    response->extra_headers = "Pragma: no-cache\r\n"
                              "Cache-Control: no-cache; no-store, must-revalidate, private\r\n"
                              "Expires: Thu, 01 Jan 1970 00:00:00 UTC\r\n";
    response->close = status >= 400;
    set_request_id(response);
}

void multi_model_begin(struct http_response *response, int status)
{
    multi_model_head(response, status);
    buffer_clear(&response->body);
}

void multi_model_check(struct http_response *response, int failed)
{
    if (failed)
        multi_model_begin(response, 503);
}

/* One line for the log: the beginning of the text, control characters as spaces. */
static void tell(struct http_response *response, struct bytes text)
{
    size_t n = text.size < sizeof(response->log) - 1 ? text.size : sizeof(response->log) - 1;

    for (size_t i = 0; i < n; i++) {
        uint8_t c = text.data[i];

        response->log[i] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
    }
    response->log[n] = '\0';
}

void multi_model_error(struct http_response *response, int status, const char *type,
                       struct bytes message)
{
    multi_model_begin(response, status);
    multi_model_check(response, mme_answer_error(&response->body, status, type, message));
    if (!response->log[0])
        tell(response, message);
}

void multi_model_errorf(struct http_response *response, int status, const char *type,
                        const char *format, ...)
{
    char text[STATUS_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    multi_model_error(response, status, type, bytes_text(text));
}

void multi_model_statusf(struct http_response *response, int status, const char *format, ...)
{
    char text[STATUS_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    multi_model_begin(response, status);
    multi_model_check(response, mme_answer_status(&response->body, bytes_text(text)));
}

void multi_model_not_found(struct http_response *response, const struct mme_text *name)
{
    multi_model_errorf(response, 404, "ModelNotFoundException", "Model not found: %s", name->data);
}

/* Routes. */

static void answer_ping(struct http_response *response)
{
    multi_model_statusf(response, 200, "Healthy");
}

static void answer_execution_parameters(struct multi_model *self, struct http_exchange *exchange)
{
    struct http_response *response = &exchange->response;
    enum http_method method = exchange->request.method;

    if (method != HTTP_GET && method != HTTP_HEAD) {
        multi_model_errorf(response, 500, "ModelServerEndpointException",
                           "/execution-parameters takes GET only");
        return;
    }
    multi_model_begin(response, 200);
    response->content_type = NULL;
    multi_model_check(response,
                      mme_answer_execution_parameters(&response->body, self->settings.body_max));
}

static void answer_root(struct http_exchange *exchange)
{
    struct http_response *response = &exchange->response;

    if (exchange->request.method != HTTP_OPTIONS) {
        multi_model_errorf(response, 405, "MethodNotAllowedException",
                           "Requested method is not allowed, please refer to API document.");
        return;
    }
    multi_model_begin(response, 200);
    multi_model_check(response, mme_answer_api(&response->body));
}

/* The model's name, from the path or, for /invocations, the query. */
static enum mme_decoded decode_name(const struct http_exchange *exchange, enum mme_route route,
                                    struct bytes encoded, struct mme_text *ret)
{
    if (route == MME_ROUTE_INVOCATIONS)
        return mme_parameter(exchange->request.query, "model_name", ret);
    return mme_decode(encoded, false, ret);
}

/* False: answered. */
static bool find_name(struct http_exchange *exchange, enum mme_route route, struct bytes encoded,
                      struct mme_text *ret)
{
    struct http_response *response = &exchange->response;
    enum mme_decoded decoded = decode_name(exchange, route, encoded, ret);

    if (decoded == MME_DECODED && ret->size)
        return true;
    if (decoded == MME_DECODED || decoded == MME_NOT_THERE)
        multi_model_errorf(response, 400, "BadRequestException",
                           "Parameter model_name is required.");
    else
        multi_model_errorf(response, 400, "BadRequestException",
                           decoded == MME_TOO_LONG
                               ? "The model's name is too long."
                               : "The model's name is not percent-encoded UTF-8 text.");
    return false;
}

/* Requests are answered when they are whole, but for large bodies of an invocation, which are
 * scored as they arrive. */
static enum http_action on_head(void *argument, struct http_exchange *exchange, unsigned loop)
{
    struct multi_model *self = argument;
    struct mme_text name;
    struct bytes encoded;
    enum mme_route route;

    (void)loop;
    if (LIKELY(!stream_exchange_is_large(&exchange->request)))
        return HTTP_READ_BODY;
    route = mme_route(exchange->request.path, &encoded);
    if ((route != MME_ROUTE_INVOKE && route != MME_ROUTE_INVOCATIONS) ||
        decode_name(exchange, route, encoded, &name) != MME_DECODED)
        return HTTP_READ_BODY;
    return multi_model_stream(self, exchange, &name);
}

static enum http_action on_request(void *argument, struct http_exchange *exchange, unsigned loop)
{
    struct multi_model *self = argument;
    struct http_response *response = &exchange->response;
    struct mme_text name;
    struct bytes encoded;
    enum mme_route route = mme_route(exchange->request.path, &encoded);

    switch (route) {
    case MME_ROUTE_PING:
        answer_ping(response);
        return HTTP_RESPOND;
    case MME_ROUTE_EXECUTION_PARAMETERS:
        answer_execution_parameters(self, exchange);
        return HTTP_RESPOND;
    case MME_ROUTE_ROOT:
        answer_root(exchange);
        return HTTP_RESPOND;
    case MME_ROUTE_MODELS:
        return multi_model_models(self, exchange);
    case MME_ROUTE_MODEL:
        return find_name(exchange, route, encoded, &name) ? multi_model_model(self, exchange, &name)
                                                          : HTTP_RESPOND;
    case MME_ROUTE_INVOKE:
    case MME_ROUTE_INVOCATIONS:
        return find_name(exchange, route, encoded, &name)
                   ? multi_model_invoke(self, exchange, loop, &name)
                   : HTTP_RESPOND;
    case MME_ROUTE_NONE:
        break;
    }
    multi_model_errorf(response, 404, "ResourceNotFoundException",
                       "Requested resource is not found, please refer to API document.");
    return HTTP_RESPOND;
}

static struct http_room on_room(void *argument, struct http_exchange *exchange, unsigned loop)
{
    (void)argument;
    (void)loop;
    return stream_exchange_room(exchange);
}

static enum http_action on_arrived(void *argument, struct http_exchange *exchange, unsigned loop,
                                   size_t size, bool last)
{
    struct multi_model *self = argument;

    return stream_exchange_arrived(self->streams, exchange, loop, size, last);
}

static void on_refuse(void *argument, struct http_exchange *exchange, int status, const char *why)
{
    struct http_response *response = &exchange->response;

    (void)argument;
    stream_exchange_drop(exchange);
    if (status == 413) { /* as the original: nothing */
        multi_model_begin(response, status);
        response->content_type = NULL;
    } else {
        multi_model_errorf(response, status,
                           status < 500    ? "BadRequestException"
                           : status == 503 ? "ServiceUnavailableException"
                                           : "InternalServerException",
                           "%s", why);
    }
    response->note = why;
}

static void on_done(void *argument, struct http_exchange *exchange, unsigned loop, bool sent)
{
    struct multi_model *self = argument;
    unsigned hundreds = sent ? (unsigned)exchange->response.status / 100 : 0;

    (void)loop;
    counter_add(&self->counters.requests, 1);
    counter_add(&self->counters.status[hundreds < 6 ? hundreds : 0], 1);
    counter_add(&self->counters.sent_bytes, exchange->sent_bytes);
    access_log_request(self->log, exchange, sent);
    stream_exchange_drop(exchange);
}

struct http_handler multi_model_handler(struct multi_model *self)
{
    return (struct http_handler){
        .self = self,
        .head = on_head,
        .request = on_request,
        .room = on_room,
        .arrived = on_arrived,
        .refuse = on_refuse,
        .done = on_done,
    };
}

/* The whole. */

static int init(struct multi_model *self, struct err *err)
{
    const struct multi_model_settings *settings = &self->settings;
    size_t count = settings->loops + settings->workers;

    self->scratches = mem_zero(count, sizeof(*self->scratches));
    if (!self->scratches)
        return err_memory(err, count * sizeof(*self->scratches), "scratch memory");
    self->scratch_count = count;
    for (size_t i = 0; i < count; i++)
        invocation_scratch_init(&self->scratches[i]);
    if (registry_new(&settings->registry, &self->registry, err) ||
        workers_new(settings->workers, WORKERS_NICE, settings->queue, &self->workers, err) ||
        workers_new(settings->registry.loaders, 0, settings->load_queue, &self->loaders, err))
        return -1;
    return stream_exchanges_new(
        &(struct stream_exchanges_settings){
            .loops = settings->loops,
            .workers = settings->workers,
            .body_max = settings->body_max,
            .answer_max = settings->answer_max,
            .rules = &settings->rules,
            .pool = self->workers,
            .scratches = self->scratches,
            .calls = multi_model_stream_calls(on_request),
            .self = self,
        },
        &self->streams, err);
}

int multi_model_new(const struct multi_model_settings *settings, struct access_log *log,
                    struct multi_model **ret, struct err *err)
{
    struct multi_model *self = mem_zero(1, sizeof(*self));

    if (!self)
        return err_memory(err, sizeof(*self), "multi-model mode");
    self->settings = *settings;
    self->log = log;
    if (init(self, err)) {
        multi_model_free(self);
        return -1;
    }
    *ret = self;
    return 0;
}

void multi_model_stop(struct multi_model *self)
{
    if (!self)
        return;
    if (self->registry)
        registry_stop(self->registry);
    workers_free(self->loaders);
    self->loaders = NULL;
    workers_free(self->workers);
    self->workers = NULL;
    stream_exchanges_release(self->streams);
    registry_free(self->registry);
    self->registry = NULL;
}

void multi_model_free(struct multi_model *self)
{
    if (!self)
        return;
    multi_model_stop(self);
    stream_exchanges_free(self->streams);
    for (size_t i = 0; i < self->scratch_count; i++)
        invocation_scratch_fini(&self->scratches[i]);
    free(self->scratches);
    free(self);
}

struct counters *multi_model_counters(struct multi_model *self)
{
    return &self->counters;
}

size_t multi_model_waiting(struct multi_model *self)
{
    return workers_waiting(self->workers);
}

bool multi_model_idle(struct multi_model *self)
{
    return workers_idle(self->workers) && workers_idle(self->loaders) &&
           atomic_load(&self->unloading) == 0;
}

void multi_model_usage(struct multi_model *self, struct registry_usage *ret)
{
    registry_usage(self->registry, ret);
}
