/* Bodies that the program takes as they arrive: server/http/http_stream.c. */
#include "server/http/http_server.h"

#include <pthread.h>

#include "server/workers.h"
#include "tests/unit/http_client.h"

#define MB ((size_t)1 << 20)

/*
 * The program that the server serves. All paths are streamed into rooms of ?N bytes and echoed:
 * /take from the loop, /defer from a worker at the end. /rest does so with a pause after each
 * piece, which a worker ends after 0 or 1 ms; /gate pauses at each piece until the gate is open.
 * /stop?N answers once N bytes are there; /none has no room; /hold?N says that it holds N bytes.
 */
struct taking {
    struct worker_job job;
    struct http_exchange *exchange;
    struct buffer body;
    size_t pieces;
    bool paused;
};

static struct {
    struct workers *workers;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool gate_open;
    unsigned in_gate;
    _Atomic unsigned whole;
    _Atomic unsigned pauses;
    _Atomic unsigned taking;
    _Atomic unsigned done_sent;
    _Atomic unsigned done_lost;
    _Atomic unsigned refused;
} program = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void respond(struct http_exchange *exchange, int status, const void *body, size_t size)
{
    exchange->response.status = status;
    exchange->response.content_type = "text/plain";
    if (buffer_append(&exchange->response.body, body, size))
        exchange->response.status = 503;
}

static bool is_path(const struct http_exchange *exchange, const char *path)
{
    return bytes_is(exchange->request.path, path);
}

static size_t query_number(const struct http_exchange *exchange)
{
    char text[16] = "";

    memcpy(text, exchange->request.query.data, exchange->request.query.size);
    return (size_t)atol(text);
}

static enum http_action on_head(void *self, struct http_exchange *exchange, unsigned loop)
{
    (void)self;
    (void)loop;
    if (!is_path(exchange, "/early"))
        return HTTP_STREAM_BODY;
    respond(exchange, 404, "not here", 8);
    return HTTP_RESPOND;
}

/* What was there with its head. */
static enum http_action on_request(void *self, struct http_exchange *exchange, unsigned loop)
{
    (void)self;
    (void)loop;
    assert_null(exchange->user);
    atomic_fetch_add(&program.whole, 1);
    respond(exchange, 200, exchange->request.body.data, exchange->request.body.size);
    return HTTP_RESPOND;
}

static struct http_room room(void *self, struct http_exchange *exchange, unsigned loop)
{
    struct taking *taking = exchange->user;
    size_t size = is_path(exchange, "/hold") ? 5000 : query_number(exchange);

    (void)self;
    (void)loop;
    if (is_path(exchange, "/none"))
        return (struct http_room){.data = NULL};
    if (!taking) {
        taking = calloc(1, sizeof(*taking));
        assert_non_null(taking);
        taking->exchange = exchange;
        buffer_init(&taking->body, SIZE_MAX);
        exchange->user = taking;
        atomic_fetch_add(&program.taking, 1);
    }
    assert_false(taking->paused);
    assert_int_equal(buffer_reserve(&taking->body, size), 0);
    return (struct http_room){
        .data = taking->body.data + taking->body.size,
        .size = size,
        .held = is_path(exchange, "/hold") ? query_number(exchange) : 2 * taking->body.size,
    };
}

static void echo(struct worker_job *job, unsigned worker)
{
    struct taking *taking = (struct taking *)job;

    (void)worker;
    respond(taking->exchange, 200, taking->body.data, taking->body.size);
    http_exchange_finish(taking->exchange);
}

static void wait_in_gate(void)
{
    pthread_mutex_lock(&program.lock);
    program.in_gate++;
    pthread_cond_broadcast(&program.changed);
    while (!program.gate_open)
        pthread_cond_wait(&program.changed, &program.lock);
    pthread_mutex_unlock(&program.lock);
}

static void rest(struct worker_job *job, unsigned worker)
{
    struct taking *taking = (struct taking *)job;

    (void)worker;
    if (is_path(taking->exchange, "/gate"))
        wait_in_gate();
    else if (taking->pieces % 3 == 0)
        usleep(1000);
    taking->paused = false;
    http_exchange_resume(taking->exchange);
}

static enum http_action hand_over(struct taking *taking,
                                  void (*run)(struct worker_job *job, unsigned worker),
                                  enum http_action action)
{
    taking->job.run = run;
    workers_submit(program.workers, &taking->job);
    return action;
}

static enum http_action arrived(void *self, struct http_exchange *exchange, unsigned loop,
                                size_t size, bool last)
{
    struct taking *taking = exchange->user;
    bool rests = is_path(exchange, "/rest") || is_path(exchange, "/gate");

    (void)self;
    (void)loop;
    assert_true(size || last);
    assert_false(taking->paused);
    taking->body.size += size;
    taking->pieces++;
    if (is_path(exchange, "/stop") && taking->body.size >= query_number(exchange)) {
        respond(exchange, 400, "enough", 6);
        return HTTP_RESPOND;
    }
    if (last) {
        assert_int_equal(taking->body.size, exchange->request.content_length);
        if (rests || is_path(exchange, "/defer"))
            return hand_over(taking, echo, HTTP_DEFERRED);
        respond(exchange, 200, taking->body.data, taking->body.size);
        return HTTP_RESPOND;
    }
    if (!rests)
        return HTTP_READ_BODY;
    atomic_fetch_add(&program.pauses, 1);
    taking->paused = true;
    return hand_over(taking, rest, HTTP_PAUSE);
}

static void on_refuse(void *self, struct http_exchange *exchange, int status, const char *why)
{
    struct taking *taking = exchange->user;

    (void)self;
    assert_true(!taking || !taking->paused);
    atomic_fetch_add(&program.refused, 1);
    respond(exchange, status, why, strlen(why));
}

static void on_done(void *self, struct http_exchange *exchange, unsigned loop, bool sent)
{
    struct taking *taking = exchange->user;

    (void)self;
    (void)loop;
    if (taking) {
        assert_false(taking->paused);
        buffer_fini(&taking->body);
        free(taking);
        atomic_fetch_sub(&program.taking, 1);
    }
    atomic_fetch_add(sent ? &program.done_sent : &program.done_lost, 1);
}

/* The server, one at a time. */

static const char *const local[] = {"127.0.0.1"};

static const struct http_settings usual = {
    .hosts = local,
    .host_count = 1,
    .loops = 2,
    .connections = 1000,
    .limits = {.request_line = 1000, .head = 4000},
    .body_max = 4 << 20,
    .in_flight_max = 64 << 20,
    .head_seconds = 10,
    .body_seconds = 10,
    .body_rate = 16384,
    .write_seconds = 10,
    .idle_seconds = 20,
    .drain_seconds = 10,
};

static struct http_server *server;

static void begin(const struct http_settings *settings)
{
    static const struct http_handler handler = {
        .self = &program,
        .head = on_head,
        .request = on_request,
        .room = room,
        .arrived = arrived,
        .refuse = on_refuse,
        .done = on_done,
    };
    struct err err = ERR_INIT;

    program.gate_open = false;
    program.in_gate = 0;
    program.whole = program.pauses = 0;
    program.done_sent = program.done_lost = program.refused = 0;
    assert_int_equal(workers_new(2, 0, 1000, &program.workers, &err), 0);
    if (http_server_new(settings, &handler, &server, &err) || http_server_start(server, &err))
        fail_msg("%s", err.text);
    port = (uint16_t)atoi(strrchr(http_server_address(server, 0), ':') + 1);
}

static void end(void)
{
    workers_free(program.workers);
    http_server_free(server);
    server = NULL;
    assert_int_equal(program.taking, 0);
}

static void finish(void)
{
    struct err err = ERR_INIT;

    http_server_stop(server);
    assert_int_equal(http_server_run(server, NULL, 0, NULL, NULL, NULL, &err), 0);
    end();
}

static uint64_t in_flight(void)
{
    struct http_counters counters;

    http_server_counters(server, &counters);
    return counters.in_flight_bytes;
}

static void wait_for(uint64_t (*number)(void), uint64_t n)
{
    double until = now() + 5;

    while (number() != n && now() < until)
        usleep(1000);
    assert_int_equal(number(), n);
}

static uint64_t lost(void)
{
    return atomic_load(&program.done_lost);
}

static uint64_t inside(void)
{
    uint64_t n;

    pthread_mutex_lock(&program.lock);
    n = program.in_gate;
    pthread_mutex_unlock(&program.lock);
    return n;
}

static void open_gate(void)
{
    pthread_mutex_lock(&program.lock);
    program.gate_open = true;
    pthread_cond_broadcast(&program.changed);
    pthread_mutex_unlock(&program.lock);
}

/* Bodies. */

static char *pattern(size_t size)
{
    char *body = memory(size + 1);

    for (size_t i = 0; i < size; i++)
        body[i] = (char)('!' + (i * 31 + i / 97) % 90);
    return body;
}

static void put_head(int fd, const char *path, const char *framing)
{
    char text[300];

    snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", path, framing);
    put(fd, text);
}

static void put_length(int fd, const char *path, size_t size)
{
    char text[60];

    snprintf(text, sizeof(text), "Content-Length: %zu", size);
    put_head(fd, path, text);
}

/* The body in chunks of that size. */
static void put_chunks(int fd, const char *body, size_t size, size_t chunk)
{
    char line[40];

    for (size_t at = 0; at < size; at += chunk) {
        size_t n = size - at < chunk ? size - at : chunk;

        snprintf(line, sizeof(line), "%zx;a=b\r\n", n);
        put(fd, line);
        assert_true(try_put(fd, body + at, n));
        put(fd, "\r\n");
    }
    put(fd, "0\r\nT: x\r\n\r\n");
}

static void expect_echo(int fd, const char *body, size_t size)
{
    struct reply reply;

    assert_true(try_get(fd, false, &reply));
    if (reply.status != 200 || reply.size != size || memcmp(reply.body, body, size) != 0)
        fail_msg("%zu bytes are not echoed: %s", size, reply.head);
    free(reply.body);
}

static void put_next(int fd)
{
    put_post(fd, "/take?3", "the next one");
}

static const char *const paths[] = {"/take?1000000", "/take?4999", "/defer?70000", "/rest?100000",
                                    "/rest?30011"};

/* Tests. */

static void test_known_lengths(void **state)
{
    static const size_t sizes[] = {8100, 65535, 65536, 65537, 300000, 4 << 20};
    char *body = pattern(4 << 20);
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    for (unsigned p = 0; p < ARRAY_LENGTH(paths); p++) {
        for (unsigned i = 0; i < ARRAY_LENGTH(sizes); i++) {
            put_length(fd, paths[p], sizes[i]);
            assert_true(try_put(fd, body, sizes[i]));
            put_next(fd);
            expect_echo(fd, body, sizes[i]);
            expect(fd, 200, "the next one", false);
        }
    }
    assert_true(program.pauses > 100);
    wait_for(in_flight, 0);
    close(fd);
    free(body);
    finish();
}

/* What lies in the server's memory with its head needs no room. */
static void test_small_bodies_are_whole(void **state)
{
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    put_post(fd, "/none", "whole");
    expect(fd, 200, "whole", false);
    put(fd, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(fd, 200, "", false);
    put_next(fd);
    expect(fd, 200, "the next one", false);
    assert_int_equal(program.whole, 3);
    close(fd);
    finish();
}

static void test_chunks(void **state)
{
    static const size_t sizes[] = {0, 1, 5000, 200000, 1000000};
    static const size_t chunks[] = {17, 4096, 8191, 70000, 1000000};
    char *body = pattern(1000000);
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    for (unsigned p = 0; p < ARRAY_LENGTH(paths); p++) {
        for (unsigned i = 0; i < ARRAY_LENGTH(sizes); i++) {
            for (unsigned c = sizes[i] > 100000; c < ARRAY_LENGTH(chunks); c++) {
                put_head(fd, paths[p], "Transfer-Encoding: chunked");
                put_chunks(fd, body, sizes[i], chunks[c]);
                put_next(fd);
                expect_echo(fd, body, sizes[i]);
                expect(fd, 200, "the next one", false);
            }
        }
    }
    wait_for(in_flight, 0);
    close(fd);
    free(body);
    finish();
}

static void test_byte_by_byte(void **state)
{
    static const char text[] = "POST /take?1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                               "POST /rest?1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                               "\r\n3;x\r\nwor\r\n2\r\nld\r\n0\r\nT: t\r\n\r\n";
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        assert_true(try_put(fd, text + i, 1));
        usleep(300);
    }
    expect(fd, 200, "hello", false);
    expect(fd, 200, "world", false);
    close(fd);
    finish();
}

static void test_continue(void **state)
{
    char *body = pattern(100000);
    struct reply reply;
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    for (int chunked = 0; chunked < 2; chunked++) {
        put_head(fd, "/take?5000",
                 chunked ? "Transfer-Encoding: chunked\r\nExpect: 100-continue"
                         : "Content-Length: 100000\r\nExpect: 100-continue");
        assert_true(try_get(fd, true, &reply));
        assert_string_equal(reply.head, "HTTP/1.1 100 Continue\r\n\r\n");
        if (chunked)
            put_chunks(fd, body, 100000, 100000);
        else
            assert_true(try_put(fd, body, 100000));
        expect_echo(fd, body, 100000);
    }
    close(fd);
    free(body);
    finish();
}

/* An answer before the end of the body: the client can send all and then read it. */
static void test_an_early_answer(void **state)
{
    char *body = pattern(2000000);
    int fd;

    (void)state;
    begin(&usual);
    for (int chunked = 0; chunked < 2; chunked++) {
        fd = dial();
        put_head(fd, "/stop?100000",
                 chunked ? "Transfer-Encoding: chunked" : "Content-Length: 2000000");
        if (chunked)
            put_chunks(fd, body, 2000000, 30000);
        else
            assert_true(try_put(fd, body, 2000000));
        expect(fd, 400, "enough", true);
        expect_end(fd);
    }
    /* at the end it is no early one */
    fd = dial();
    put_length(fd, "/stop?100000", 100000);
    assert_true(try_put(fd, body, 100000));
    expect(fd, 400, "enough", false);
    put_next(fd);
    expect(fd, 200, "the next one", false);
    close(fd);
    free(body);
    finish();
}

static void expect_refused(const char *path, const char *framing, const char *rest_of_it,
                           int status, const char *why)
{
    int fd = dial();

    put_head(fd, path, framing);
    put(fd, rest_of_it);
    expect(fd, status, why, true);
    expect_end(fd);
}

static void test_refusals(void **state)
{
    struct http_settings settings = usual;
    char *body = pattern(100000);
    int fd;

    (void)state;
    settings.body_max = 100000;
    begin(&settings);
    fd = dial();
    put_length(fd, "/take?6000", 100000);
    assert_true(try_put(fd, body, 100000));
    expect_echo(fd, body, 100000);
    put_head(fd, "/take?6000", "Transfer-Encoding: chunked");
    put_chunks(fd, body, 100000, 100000);
    expect_echo(fd, body, 100000);
    close(fd);
    expect_refused("/take?6000", "Content-Length: 100001", "x", 413,
                   "the body is larger than the limit");
    expect_refused("/take?6000", "Transfer-Encoding: chunked", "186a1\r\n", 413,
                   "the body is larger than the limit");
    expect_refused("/take?6000", "Transfer-Encoding: chunked", "3\r\nabcd", 400,
                   "a chunk's data does not end with CR LF");
    expect_refused("/none", "Transfer-Encoding: chunked", "3\r\nabc", 503,
                   "no memory for the body");
    expect_refused("/none", "Content-Length: 90000", "abc", 503, "no memory for the body");
    assert_int_equal(program.refused, 5);
    free(body);
    finish();
}

static void test_the_budget_at_n_and_one_more(void **state)
{
    struct http_settings settings = usual;
    char *body = pattern(50000);
    int first;
    int second;

    (void)state;
    settings.in_flight_max = MB;
    begin(&settings);
    first = dial();
    put_length(first, "/hold?600000", 50000);
    assert_true(try_put(first, body, 40000));
    wait_for(in_flight, 600000);
    second = dial();
    put_length(second, "/hold?448576", 50000);
    assert_true(try_put(second, body, 50000));
    expect_echo(second, body, 50000);
    wait_for(in_flight, 600000);
    put_length(second, "/hold?448577", 50000);
    (void)try_put(second, body, 50000);
    expect(second, 503, "too many bytes of requests in flight", true);
    expect_end(second);
    /* what is given back is free again */
    assert_true(try_put(first, body + 40000, 10000));
    expect_echo(first, body, 50000);
    wait_for(in_flight, 0);
    close(first);
    free(body);
    finish();
}

/* The time of a pause is not the client's. */
static void test_deadlines(void **state)
{
    struct http_settings settings = usual;
    char *body = pattern(200000);
    int paused;
    int slow;

    (void)state;
    settings.body_seconds = 1;
    settings.body_rate = 1 << 30;
    begin(&settings);
    paused = dial();
    put_length(paused, "/gate?100000", 200000);
    assert_true(try_put(paused, body, 200000));
    slow = dial();
    put_length(slow, "/take?100000", 200000);
    assert_true(try_put(slow, body, 100000));
    expect(slow, 408, "the request body did not arrive in time", true);
    expect_end(slow);
    usleep(500000);
    open_gate();
    expect_echo(paused, body, 200000);
    /* it still has its time after the pause, and no more */
    slow = dial();
    put_length(slow, "/rest?100000", 200000);
    assert_true(try_put(slow, body, 100000));
    expect(slow, 408, "the request body did not arrive in time", true);
    expect_end(slow);
    close(paused);
    free(body);
    finish();
}

static void test_clients_that_go(void **state)
{
    char *body = pattern(200000);
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    put_length(fd, "/take?5000", 200000);
    assert_true(try_put(fd, body, 100000));
    shutdown(fd, SHUT_WR);
    expect(fd, 400, "the connection ended before the body was complete", true);
    expect_end(fd);
    for (unsigned i = 0; i < 6; i++) {
        fd = dial();
        put_length(fd, paths[i % ARRAY_LENGTH(paths)], 200000);
        assert_true(try_put(fd, body, 100000));
        usleep(i * 1000);
        close_with_reset(fd);
    }
    wait_for(lost, 6);
    /* in a pause: another thread still has the exchange */
    fd = dial();
    put_length(fd, "/gate?100000", 200000);
    assert_true(try_put(fd, body, 100000));
    wait_for(inside, 1);
    close_with_reset(fd);
    usleep(20000);
    assert_int_equal(program.done_lost, 6);
    open_gate();
    wait_for(lost, 7);
    /* all is sent, and the client waits for the answer alone */
    fd = dial();
    put_length(fd, "/rest?30000", 200000);
    assert_true(try_put(fd, body, 200000));
    shutdown(fd, SHUT_WR);
    expect_echo(fd, body, 200000);
    expect_end(fd);
    free(body);
    finish();
}

static void test_drain(void **state)
{
    char *body = pattern(200000);
    struct reply reply;
    struct err err = ERR_INIT;
    int gated;
    int half;

    (void)state;
    begin(&usual);
    gated = dial();
    put_length(gated, "/gate?50000", 200000);
    assert_true(try_put(gated, body, 200000));
    half = dial();
    put_length(half, "/rest?50000", 200000);
    assert_true(try_put(half, body, 100000));
    wait_for(inside, 1);
    http_server_stop(server);
    usleep(20000);
    assert_true(try_put(half, body + 100000, 100000));
    assert_true(try_get(half, false, &reply));
    assert_true(reply.close && memcmp(reply.body, body, 200000) == 0);
    free(reply.body);
    expect_end(half);
    open_gate();
    assert_true(try_get(gated, false, &reply));
    assert_true(reply.close && memcmp(reply.body, body, 200000) == 0);
    free(reply.body);
    expect_end(gated);
    assert_int_equal(http_server_run(server, NULL, 0, NULL, NULL, NULL, &err), 0);
    free(body);
    end();
}

static void test_drain_is_cut_off_in_a_pause(void **state)
{
    struct http_settings settings = usual;
    char *body = pattern(100000);
    struct err err = ERR_INIT;
    int fd;

    (void)state;
    settings.drain_seconds = 1;
    begin(&settings);
    fd = dial();
    put_length(fd, "/gate?50000", 200000);
    assert_true(try_put(fd, body, 100000));
    wait_for(inside, 1);
    http_server_stop(server);
    assert_int_equal(http_server_run(server, NULL, 0, NULL, NULL, NULL, &err), 0);
    assert_int_equal(program.done_lost, 0);
    open_gate();
    end(); /* the worker resumes an exchange of a server that has stopped */
    assert_int_equal(program.done_lost, 1);
    close(fd);
    free(body);
}

/* Rooms of any size, pauses, and several connections at a time. */
static void *post_many(void *argument)
{
    const char *body = argument;
    uint64_t random = (uint64_t)(uintptr_t)&random;
    int fd = dial();

    for (int i = 0; i < 60; i++) {
        size_t size;
        char path[40];

        random = random * 6364136223846793005u + 1442695040888963407u;
        size = 4000 + (size_t)(random >> 40) % 300000;
        snprintf(path, sizeof(path), "/%s?%zu", i % 3 ? "rest" : "defer",
                 (size_t)((random >> 20) % (i % 2 ? 90000 : 9000)) + 500);
        if (i % 4 < 2) {
            put_length(fd, path, size);
            assert_true(try_put(fd, body, size));
        } else {
            put_head(fd, path, "Transfer-Encoding: chunked");
            put_chunks(fd, body, size, (size_t)(random >> 30) % 50000 + 100);
        }
        expect_echo(fd, body, size);
    }
    close(fd);
    return NULL;
}

static void test_many(void **state)
{
    char *body = pattern(400000);
    pthread_t threads[6];

    (void)state;
    begin(&usual);
    for (unsigned i = 0; i < ARRAY_LENGTH(threads); i++)
        assert_int_equal(pthread_create(threads + i, NULL, post_many, body), 0);
    for (unsigned i = 0; i < ARRAY_LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
    wait_for(in_flight, 0);
    free(body);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_lengths), cmocka_unit_test(test_small_bodies_are_whole),
        cmocka_unit_test(test_chunks),        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_continue),      cmocka_unit_test(test_an_early_answer),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_the_budget_at_n_and_one_more),
        cmocka_unit_test(test_deadlines),     cmocka_unit_test(test_clients_that_go),
        cmocka_unit_test(test_drain),         cmocka_unit_test(test_drain_is_cut_off_in_a_pause),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
