/*
 * endpointd serve: load, verify where asked, listen, tell, run until SIGTERM; reload on SIGHUP.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "models/store.h"
#include "models/verify.h"
#include "server/commands.h"
#include "server/container/container.h"
#include "server/container/multi_model.h"
#include "server/http/http_server.h"
#include "server/memory_limit.h"

/* Multi-model mode: models that may wait to be loaded, and the most that are loaded at a time. Less
 * where there are few CPUs, half of which are left to requests. */
#define MODEL_LOAD_QUEUE  1000
#define MODEL_LOADERS_MAX 4

/* How long DELETE waits for requests that still use the model. */
#define UNLOAD_WAIT_MS 20000

struct serve {
    const struct settings *settings;
    struct store store;
    struct access_log *log;
    struct container *container;
    struct multi_model *multi_model; /* instead of the container */
    struct http_server *server;
    struct selectable selectable; /* where settings->inference_output is set */
    pthread_mutex_t reload_mutex;
    bool reloading;
    bool reload_again;
};

/* --verify: every member through libxgboost too. */
static int verify_model(const struct model *model, struct err *err)
{
    if (model->builtin)
        log_line("%s not verified: there is no other program for a %s model", model->path,
                 family_name(model->family));
    for (size_t i = 0; i < model->member_count; i++) {
        const struct model_member *member = &model->members[i];
        enum verify_result result = VERIFY_EQUAL;
        char reason[256] = "";
        size_t rows = 0;

        if (verify_member(member, &result, reason, sizeof(reason), &rows, err))
            return err_wrap(err, "%s: file '%s'", model->path, member->file);
        if (result == VERIFY_IMPOSSIBLE)
            log_line("file '%s' not verified: %s", member->file, reason);
        else
            log_line("file '%s' verified: %zu rows equal libxgboost's to the bit", member->file,
                     rows);
    }
    return 0;
}

static int load(const struct settings *settings, struct model **ret, struct err *err)
{
    struct model_options options = command_model_options(settings);
    struct model *model = NULL;

    if (model_load(settings->model, &options, &model, err))
        return -1;
    if (settings->verify && verify_model(model, err)) {
        model_unref(model);
        return -1;
    }
    *ret = model;
    return 0;
}

static void tell_model(const struct model *model)
{
    struct buffer line;

    buffer_init(&line, 4096);
    if (command_describe_model(model, &line) == 0)
        log_line("loaded %s: %.*s", model->path, (int)line.size, line.data);
    buffer_fini(&line);
    for (size_t i = 0; i < model->left_out_count; i++)
        log_line("file '%s' is no model and is left out", model->left_out[i]);
    if (!model->builtin && model->members[0].source->objective == OBJECTIVE_UNKNOWN)
        log_line("objective '%s' is not one of XGBoost's: raw scores are answered",
                 model->members[0].source->objective_text);
}

/* Reloads aside; a failure changes nothing. Runs on a thread of its own: loading may take seconds.
 */
static void *reload_thread(void *argument)
{
    struct serve *serve = argument;
    struct counters *counters = container_counters(serve->container);

    for (;;) {
        struct model *model = NULL;
        struct err err = ERR_INIT;

        if (load(serve->settings, &model, &err)) {
            log_line("reload failed, the old model goes on: %s", err.text);
            counter_add(&counters->reloads_failed, 1);
        } else {
            tell_model(model);
            store_put(&serve->store, model);
            counter_add(&counters->reloads, 1);
            log_line("reloaded");
        }
        pthread_mutex_lock(&serve->reload_mutex);
        if (!serve->reload_again) {
            serve->reloading = false;
            pthread_mutex_unlock(&serve->reload_mutex);
            return NULL;
        }
        serve->reload_again = false;
        pthread_mutex_unlock(&serve->reload_mutex);
    }
}

static void reload(struct serve *serve)
{
    pthread_attr_t attributes;
    pthread_t thread;
    bool start;
    int code = 0;

    pthread_mutex_lock(&serve->reload_mutex);
    start = !serve->reloading;
    serve->reload_again = !start; /* one more round for what changed meanwhile */
    serve->reloading = true;
    if (start) {
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        code = pthread_create(&thread, &attributes, reload_thread, serve);
        pthread_attr_destroy(&attributes);
        if (code)
            serve->reloading = false;
    }
    pthread_mutex_unlock(&serve->reload_mutex);
    if (code)
        log_line("reload failed, the old model goes on: no thread: %s", strerror(code));
}

static bool reload_is_running(struct serve *serve)
{
    bool yes;

    pthread_mutex_lock(&serve->reload_mutex);
    yes = serve->reloading;
    pthread_mutex_unlock(&serve->reload_mutex);
    return yes;
}

static bool is_multi_model(void)
{
    const char *text = getenv("SAGEMAKER_MULTI_MODEL");

    return text && *text;
}

static void tell_models(struct multi_model *multi_model)
{
    struct registry_usage usage;

    multi_model_usage(multi_model, &usage);
    log_line("models: loaded=%zu loading=%zu bytes=%llu budget=%llu", usage.models, usage.loading,
             (unsigned long long)usage.bytes, (unsigned long long)usage.budget);
}

static void tell_counters(struct serve *serve)
{
    const struct counters *c = serve->multi_model ? multi_model_counters(serve->multi_model)
                                                  : container_counters(serve->container);
    size_t waiting = serve->multi_model ? multi_model_waiting(serve->multi_model)
                                        : container_waiting(serve->container);
    struct http_counters http;

    http_server_counters(serve->server, &http);
    log_line(
        "counters: requests=%llu 2xx=%llu 4xx=%llu 5xx=%llu unsent=%llu rows=%llu "
        "body_bytes=%llu sent_bytes=%llu by_worker=%llu waiting=%zu queue_full=%llu "
        "connections=%llu accepted=%llu refused=%llu timeouts=%llu in_flight_bytes=%llu "
        "reloads=%llu reloads_failed=%llu",
        (unsigned long long)counter_get(&c->requests),
        (unsigned long long)counter_get(&c->status[2]),
        (unsigned long long)counter_get(&c->status[4]),
        (unsigned long long)counter_get(&c->status[5]),
        (unsigned long long)counter_get(&c->status[0]), (unsigned long long)counter_get(&c->rows),
        (unsigned long long)counter_get(&c->body_bytes),
        (unsigned long long)counter_get(&c->sent_bytes),
        (unsigned long long)counter_get(&c->deferred), waiting,
        (unsigned long long)counter_get(&c->queue_full), (unsigned long long)http.connections_open,
        (unsigned long long)http.connections_accepted, (unsigned long long)http.refused,
        (unsigned long long)http.timeouts, (unsigned long long)http.in_flight_bytes,
        (unsigned long long)counter_get(&c->reloads),
        (unsigned long long)counter_get(&c->reloads_failed));
    if (serve->multi_model)
        tell_models(serve->multi_model);
}

static void on_signal(void *self, int signal)
{
    struct serve *serve = self;

    switch (signal) {
    case SIGHUP:
        access_log_reopen(serve->log);
        if (serve->container)
            reload(serve);
        break;
    case SIGUSR1:
        tell_counters(serve);
        break;
    default:
        log_line("stopping: finishing what is in flight");
        http_server_stop(serve->server);
    }
}

/* Environment of the original that has no effect here, told once. */
static void tell_ignored(void)
{
    if (getenv("SAGEMAKER_PROGRAM"))
        log_line(
            "SAGEMAKER_PROGRAM is set: scripts are not run, the model is served as the built-in "
            "algorithm does");
}

static void tell_settings(const struct settings *settings)
{
    struct buffer line;

    buffer_init(&line, 8192);
    if (options_describe(settings, &line) == 0)
        log_line("settings:%.*s", (int)line.size, line.data);
    buffer_fini(&line);
}

static struct http_settings http_settings_of(const struct settings *settings)
{
    return (struct http_settings){
        .hosts = settings->hosts,
        .host_count = settings->host_count,
        .port = (uint16_t)settings->port,
        .loops = (unsigned)settings->threads,
        .connections = (unsigned)settings->max_connections,
        .limits = {.request_line = (size_t)settings->max_request_line,
                   .head = (size_t)settings->max_head},
        .body_max = (uint64_t)settings->max_body,
        .in_flight_max = (uint64_t)settings->max_in_flight,
        .head_seconds = (unsigned)settings->head_timeout,
        .body_seconds = (unsigned)settings->body_timeout,
        .body_rate = (unsigned)(settings->body_rate < 1 << 30 ? settings->body_rate : 1 << 30),
        .write_seconds = (unsigned)settings->write_timeout,
        .idle_seconds = (unsigned)settings->idle_timeout,
        .drain_seconds = (unsigned)settings->drain_timeout,
    };
}

/* SAGEMAKER_NUM_MODEL_WORKERS, which is only told. */
static unsigned default_workers(void)
{
    const char *text = getenv("SAGEMAKER_NUM_MODEL_WORKERS");
    long count = text ? strtol(text, NULL, 10) : 1;

    return count > 0 && count < 1000 ? (unsigned)count : 1;
}

static unsigned loaders(void)
{
    unsigned half = (options_cpus() + 1) / 2;

    return half < MODEL_LOADERS_MAX ? half : MODEL_LOADERS_MAX;
}

static int start_multi_model(struct serve *serve, const struct settings *settings,
                             const struct invocation_rules *rules, struct http_handler *ret_handler,
                             struct err *err)
{
    struct multi_model_settings multi_model = {
        .loops = (unsigned)settings->threads,
        .workers = (unsigned)settings->workers,
        .queue = (size_t)settings->queue,
        .load_queue = MODEL_LOAD_QUEUE,
        .default_workers = default_workers(),
        .body_max = (uint64_t)settings->max_body,
        .answer_max = (size_t)settings->max_in_flight,
        .registry = {.memory = settings->model_memory ? (uint64_t)settings->model_memory
                                                      : memory_limit() / 5 * 4,
                     .loaders = loaders(),
                     .remove_wait_ms = UNLOAD_WAIT_MS,
                     .options = command_model_options(settings),
                     .check = settings->verify ? verify_model : NULL},
        .rules = *rules,
    };

    if (multi_model_new(&multi_model, serve->log, &serve->multi_model, err))
        return -1;
    *ret_handler = multi_model_handler(serve->multi_model);
    log_line("multi-model mode: %llu bytes for models, none is loaded",
             (unsigned long long)multi_model.registry.memory);
    return 0;
}

static int start_container(struct serve *serve, const struct settings *settings,
                           const struct invocation_rules *rules, struct http_handler *ret_handler,
                           struct err *err)
{
    struct container_settings container = {
        .loops = (unsigned)settings->threads,
        .workers = (unsigned)settings->workers,
        .queue = (size_t)settings->queue,
        .body_max = (uint64_t)settings->max_body,
        .answer_max = (size_t)settings->max_in_flight,
        .cpus = options_cpus(),
        /* exactly this text is what the SDK's local mode sets; AWS sets "true" */
        .omit_batch_strategy = settings->batch && strcmp(settings->batch, "True") == 0,
        .rules = *rules,
    };
    struct model *model = NULL;

    if (settings->inference_output) { /* the original has it in single-model mode alone */
        if (selectable_init(&serve->selectable, settings->inference_output, err))
            return err_wrap(err, "--inference-output");
        container.rules.selectable = &serve->selectable;
    }
    if (load(settings, &model, err))
        return -1;
    store_put(&serve->store, model);
    if (container_new(&container, &serve->store, serve->log, &serve->container, err))
        return -1;
    *ret_handler = container_handler(serve->container);
    return 0;
}

static int start(struct serve *serve, const struct settings *settings, struct err *err)
{
    struct invocation_rules rules = {.strict = settings->strict,
                                     .batch = settings->batch && *settings->batch,
                                     .default_accept = settings->default_accept};
    struct http_settings http = http_settings_of(settings);
    struct http_handler handler;

    if (access_log_new(settings->access_log, &serve->log, err))
        return -1;
    if (is_multi_model() ? start_multi_model(serve, settings, &rules, &handler, err)
                         : start_container(serve, settings, &rules, &handler, err))
        return -1;
    if (http_server_new(&http, &handler, &serve->server, err))
        return -1;
    if (serve->container)
        tell_model(serve->store.model);
    tell_settings(settings);
    return http_server_start(serve->server, err);
}

/* The last lines of the start: whoever waits for them may send requests and signals at once. */
static void on_ready(void *self)
{
    struct serve *serve = self;

    for (size_t i = 0; http_server_address(serve->server, i); i++)
        log_line("listening on %s", http_server_address(serve->server, i));
}

/* While the model loads nothing is in flight: there is nothing to finish. */
static void quit_at_once(int signal)
{
    (void)signal;
    _exit(0);
}

/* Until the server's own handling begins. As process 1 of a container a signal that nobody handles
 * would be lost. */
static void handle_early_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, quit_at_once);
    signal(SIGINT, quit_at_once);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
}

int command_serve(const struct settings *given)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    struct settings settings = *given;
    struct serve serve = {.settings = &settings};
    struct err err = ERR_INIT;
    int status = 0;

    if (settings.argument_count) {
        log_line("serve takes no argument: name the model with --model %s", settings.arguments[0]);
        return 2;
    }
    if (settings.threads == 0)
        settings.threads = options_cpus();
    if (settings.workers == 0)
        settings.workers = options_cpus();
    handle_early_signals();
    store_init(&serve.store);
    pthread_mutex_init(&serve.reload_mutex, NULL);
    tell_ignored();
    if (start(&serve, &settings, &err) ||
        http_server_run(serve.server, signals, ARRAY_LENGTH(signals), on_ready, on_signal, &serve,
                        &err)) {
        log_line("%s", err.text);
        status = 1;
    }
    /* a load that nobody waits for, or scoring for clients that the drain's end cut off: their
     * memory is the kernel's to take */
    if (reload_is_running(&serve) || (serve.container && !container_idle(serve.container)) ||
        (serve.multi_model && !multi_model_idle(serve.multi_model)))
        _exit(status);
    container_stop(serve.container);
    multi_model_stop(serve.multi_model);
    http_server_free(serve.server);
    container_free(serve.container);
    multi_model_free(serve.multi_model);
    access_log_free(serve.log);
    store_fini(&serve.store);
    selectable_fini(&serve.selectable);
    pthread_mutex_destroy(&serve.reload_mutex);
    if (status == 0)
        log_line("stopped");
    return status;
}
