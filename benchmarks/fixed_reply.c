/*
 * The real HTTP layer with a handler that does nothing but give a fixed answer: what the layer
 * costs over benchmarks/ceiling.c, which sends the same bytes.
 *
 *     taskset -c 0 build/benchmarks/fixed_reply PORT [LOOPS]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/http/http_server.h"

static enum http_action on_head(void *self, struct http_exchange *exchange, unsigned loop)
{
    (void)self;
    (void)exchange;
    (void)loop;
    return HTTP_READ_BODY;
}

static enum http_action on_request(void *self, struct http_exchange *exchange, unsigned loop)
{
    static const char body[] = "0.7284902334213257\n";

    (void)self;
    (void)loop;
    exchange->response.status = 200;
    exchange->response.content_type = "text/csv; charset=utf-8";
    if (buffer_append(&exchange->response.body, body, sizeof(body) - 1))
        exchange->response.status = 503;
    return HTTP_RESPOND;
}

static void on_refuse(void *self, struct http_exchange *exchange, int status, const char *why)
{
    (void)self;
    fprintf(stderr, "%d %s\n", status, why);
    exchange->response.status = status;
}

static void on_done(void *self, struct http_exchange *exchange, unsigned loop, bool sent)
{
    (void)self;
    (void)exchange;
    (void)loop;
    (void)sent;
}

static void on_signal(void *self, int signal)
{
    (void)signal;
    http_server_stop(*(struct http_server **)self);
}

int main(int argc, char **argv)
{
    static const char *const hosts[] = {"127.0.0.1"};
    static const int signals[] = {SIGTERM, SIGINT};
    struct http_settings settings = {
        .hosts = hosts,
        .host_count = 1,
        .port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 8091),
        .loops = (unsigned)(argc > 2 ? atoi(argv[2]) : 1),
        .connections = 4096,
        .limits = {.request_line = 8192, .head = 16384},
        .body_max = 64 << 20,
        .in_flight_max = 256 << 20,
        .head_seconds = 10,
        .body_seconds = 10,
        .body_rate = 16384,
        .write_seconds = 30,
        .idle_seconds = 75,
        .drain_seconds = 5,
    };
    struct http_handler handler = {
        .head = on_head, .request = on_request, .refuse = on_refuse, .done = on_done};
    struct http_server *server = NULL;
    struct err err = ERR_INIT;

    if (http_server_new(&settings, &handler, &server, &err) || http_server_start(server, &err) ||
        http_server_run(server, signals, 2, NULL, on_signal, &server, &err)) {
        fprintf(stderr, "%s\n", err.text);
        http_server_free(server);
        return 1;
    }
    http_server_free(server);
    return 0;
}
