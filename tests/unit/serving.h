#pragma once
/* The whole server in the test's own process, in either mode, with a small model. */

#include "server/container/container.h"
#include "server/container/multi_model.h"
#include "tests/stream_check.h"
#include "tests/unit/http_client.h"

#ifndef DRAIN_SECONDS
#define DRAIN_SECONDS 10
#endif

#define BODY_MAX   ((size_t)64 << 20)
#define ANSWER_MAX ((size_t)1 << 30)

static const char *const local[] = {"127.0.0.1"};
static struct store store;
static struct access_log *access_log;
static struct container *container;
static struct multi_model *multi_model; /* instead of the container */
static struct http_server *server;

static inline void serve(const struct http_handler *handler)
{
    const struct http_settings settings = {
        .hosts = local,
        .host_count = 1,
        .loops = 1,
        .connections = 100,
        .limits = {.request_line = 8192, .head = 16384},
        .body_max = BODY_MAX,
        .in_flight_max = ANSWER_MAX,
        .head_seconds = 10,
        .body_seconds = 10,
        .body_rate = 16384,
        .write_seconds = 10,
        .idle_seconds = 60,
        .drain_seconds = DRAIN_SECONDS,
    };
    struct err err = ERR_INIT;

    if (http_server_new(&settings, handler, &server, &err) || http_server_start(server, &err))
        fail_msg("%s", err.text);
    port = (uint16_t)atoi(strrchr(http_server_address(server, 0), ':') + 1);
}

static inline void begin_single_model(unsigned workers)
{
    const struct container_settings settings = {
        .loops = 1,
        .workers = workers,
        .queue = 10,
        .body_max = BODY_MAX,
        .answer_max = ANSWER_MAX,
        .cpus = 1,
    };
    struct http_handler handler;
    struct err err = ERR_INIT;

    store_init(&store);
    store_put(&store, stream_model(false, NULL));
    if (access_log_new("off", &access_log, &err) ||
        container_new(&settings, &store, access_log, &container, &err))
        fail_msg("%s", err.text);
    handler = container_handler(container);
    serve(&handler);
}

static inline void load_model(void)
{
    char path[sizeof(STREAM_MODEL_PATH)];
    char text[300];
    int fd = dial();

    stream_model_write(false, path);
    snprintf(text, sizeof(text),
             "POST /models?model_name=m&url=%s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
             path);
    put(fd, text);
    expect(fd, 200, NULL, false);
    unlink(path);
    close(fd);
}

static inline void begin_multi_model(unsigned workers)
{
    const struct multi_model_settings settings = {
        .loops = 1,
        .workers = workers,
        .queue = 10,
        .load_queue = 10,
        .default_workers = 1,
        .body_max = BODY_MAX,
        .answer_max = ANSWER_MAX,
        .registry = {.memory = (uint64_t)1 << 30,
                     .loaders = 1,
                     .remove_wait_ms = 1000,
                     .options = MODEL_OPTIONS_DEFAULT},
    };
    struct http_handler handler;
    struct err err = ERR_INIT;

    store_init(&store);
    if (access_log_new("off", &access_log, &err) ||
        multi_model_new(&settings, access_log, &multi_model, &err))
        fail_msg("%s", err.text);
    handler = multi_model_handler(multi_model);
    serve(&handler);
    load_model();
}

static inline void finish(void)
{
    struct err err = ERR_INIT;

    http_server_stop(server);
    assert_int_equal(http_server_run(server, NULL, 0, NULL, NULL, NULL, &err), 0);
    container_stop(container);
    multi_model_stop(multi_model);
    http_server_free(server);
    container_free(container);
    multi_model_free(multi_model);
    container = NULL;
    multi_model = NULL;
    access_log_free(access_log);
    store_fini(&store);
}
