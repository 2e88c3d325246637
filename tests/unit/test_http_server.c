#include "server/http/http_server.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "server/workers.h"
#include "tests/unit/http_client.h"

#define MB ((size_t)1 << 20)

/*
 * The program that the server serves. By path: /echo gives the body back, /early answers 404 from
 * the head, /size?N gives N bytes, /empty is a 204, /close closes, /defer echoes from a worker
 * after N milliseconds (/defer?N), /gate echoes from a worker once the gate is open,
 * /slow takes 10 ms on the loop itself.
 */
static struct {
    struct workers *workers;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool gate_open;
    unsigned in_gate;
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

static unsigned query_number(const struct http_exchange *exchange)
{
    char text[16] = "";

    if (exchange->request.query.size < sizeof(text))
        memcpy(text, exchange->request.query.data, exchange->request.query.size);
    return (unsigned)atoi(text);
}

static enum http_action on_head(void *self, struct http_exchange *exchange, unsigned loop)
{
    assert_ptr_equal(self, &program);
    assert_true(loop < 2);
    assert_null(exchange->user);
    assert_string_equal(exchange->peer, "127.0.0.1");
    assert_true(exchange->started_ns > 0);
    exchange->user = &program;
    if (!is_path(exchange, "/early"))
        return HTTP_READ_BODY;
    respond(exchange, 404, "not here", 8);
    return HTTP_RESPOND;
}

struct job {
    struct worker_job base;
    struct http_exchange *exchange;
};

static void work(struct worker_job *base, unsigned worker)
{
    struct http_exchange *exchange = ((struct job *)base)->exchange;
    struct bytes body = exchange->request.body;

    (void)worker;
    if (is_path(exchange, "/gate")) {
        pthread_mutex_lock(&program.lock);
        program.in_gate++;
        pthread_cond_broadcast(&program.changed);
        while (!program.gate_open)
            pthread_cond_wait(&program.changed, &program.lock);
        pthread_mutex_unlock(&program.lock);
    } else {
        usleep(query_number(exchange) * 1000);
    }
    respond(exchange, 200, body.data, body.size);
    free(base);
    http_exchange_finish(exchange);
}

static enum http_action on_request(void *self, struct http_exchange *exchange, unsigned loop)
{
    struct bytes body = exchange->request.body;

    (void)self;
    (void)loop;
    assert_ptr_equal(exchange->user, &program);
    if (is_path(exchange, "/defer") || is_path(exchange, "/gate")) {
        struct job *job = malloc(sizeof(*job));

        assert_non_null(job);
        *job = (struct job){{work}, exchange};
        workers_submit(program.workers, &job->base);
        return HTTP_DEFERRED;
    } else if (is_path(exchange, "/size")) {
        unsigned n = query_number(exchange);

        exchange->response.status = 200;
        if (buffer_reserve(&exchange->response.body, n) == 0) {
            memset(exchange->response.body.data, 's', n);
            exchange->response.body.size = n;
        }
    } else if (is_path(exchange, "/empty")) {
        exchange->response.status = 204;
        exchange->response.no_length = true;
    } else if (is_path(exchange, "/slow")) {
        usleep(10000);
        respond(exchange, 200, body.data, body.size);
    } else if (is_path(exchange, "/allow")) {
        respond(exchange, 405, "", 0);
        exchange->response.allow = "GET, HEAD";
        exchange->response.reason = "Nope";
    } else {
        respond(exchange, 200, body.data, body.size);
        exchange->response.close = is_path(exchange, "/close");
    }
    return HTTP_RESPOND;
}

static void on_refuse(void *self, struct http_exchange *exchange, int status, const char *why)
{
    (void)self;
    atomic_fetch_add(&program.refused, 1);
    respond(exchange, status, why, strlen(why));
}

static void on_done(void *self, struct http_exchange *exchange, unsigned loop, bool sent)
{
    (void)self;
    (void)loop;
    assert_true(exchange->response.status >= 200 || !sent);
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

static int new_server(const struct http_settings *settings, struct err *err)
{
    static const struct http_handler handler = {
        .self = &program,
        .head = on_head,
        .request = on_request,
        .refuse = on_refuse,
        .done = on_done,
    };

    return http_server_new(settings, &handler, &server, err);
}

static void begin(const struct http_settings *settings)
{
    struct err err = ERR_INIT;

    program.gate_open = false;
    program.in_gate = 0;
    program.done_sent = program.done_lost = program.refused = 0;
    assert_int_equal(workers_new(4, 0, 1000, &program.workers, &err), 0);
    if (new_server(settings, &err) || http_server_start(server, &err))
        fail_msg("%s", err.text);
    port = (uint16_t)atoi(strrchr(http_server_address(server, 0), ':') + 1);
    assert_true(port > 0);
}

static void finish(void)
{
    struct err err = ERR_INIT;

    http_server_stop(server);
    assert_int_equal(http_server_run(server, NULL, 0, NULL, NULL, NULL, &err), 0);
    workers_free(program.workers);
    http_server_free(server);
    server = NULL;
}

static struct http_counters counters(void)
{
    struct http_counters result;

    http_server_counters(server, &result);
    return result;
}

static void open_gate(void)
{
    pthread_mutex_lock(&program.lock);
    program.gate_open = true;
    pthread_cond_broadcast(&program.changed);
    pthread_mutex_unlock(&program.lock);
}

static void wait_for_gate(unsigned n)
{
    pthread_mutex_lock(&program.lock);
    while (program.in_gate < n)
        pthread_cond_wait(&program.changed, &program.lock);
    pthread_mutex_unlock(&program.lock);
}

/* Waits, 5 s at most, until what another thread counts has got there. */
static void wait_until(const _Atomic unsigned *count, unsigned n)
{
    double end = now() + 5;

    while (atomic_load(count) < n && now() < end)
        usleep(1000);
    assert_int_equal(atomic_load(count), n);
}

/* The client can have the last byte before the server has counted it. */
static void wait_for_nothing_in_flight(void)
{
    double end = now() + 5;

    while (counters().in_flight_bytes && now() < end)
        usleep(1000);
    assert_int_equal(counters().in_flight_bytes, 0);
}

/* Tests. */

static void test_keep_alive(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    for (int i = 0; i < 3; i++) {
        char text[20];

        snprintf(text, sizeof(text), "number %d", i);
        put_post(fd, "/echo", text);
        expect(fd, 200, text, false);
    }
    put(fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(try_get(fd, true, &reply));
    assert_memory_equal(reply.head, "HTTP/1.1 200 OK\r\nDate: ", 23);
    assert_non_null(strstr(reply.head, " GMT\r\nContent-Type: text/plain\r\n"));
    assert_non_null(strstr(reply.head, "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n"));
    put(fd, "GET /allow HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(try_get(fd, true, &reply));
    assert_memory_equal(reply.head, "HTTP/1.1 405 Nope\r\n", 19);
    assert_non_null(strstr(reply.head, "\r\nAllow: GET, HEAD\r\n"));
    put(fd, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n");
    expect(fd, 200, "", true);
    expect_end(fd);
    fd = dial();
    put_post(fd, "/close", "bye");
    expect(fd, 200, "bye", true);
    expect_end(fd);
    assert_int_equal(program.done_sent, 7);
    assert_int_equal(counters().connections_accepted, 2);
    assert_int_equal(counters().requests, 7);
    assert_int_equal(counters().refused, 0);
    finish();
}

static void test_date_is_now(void **state)
{
    struct reply reply;
    struct tm tm = {0};
    time_t said;
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    put(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(try_get(fd, true, &reply));
    assert_non_null(strptime(strstr(reply.head, "Date: "), "Date: %a, %d %b %Y %H:%M:%S GMT", &tm));
    said = timegm(&tm);
    assert_true(said <= time(NULL) && said >= time(NULL) - 2);
    close(fd);
    finish();
}

static void test_head_and_empty(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    put(fd, "HEAD /size?5 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(try_get(fd, true, &reply));
    assert_int_equal(reply.size, 5);
    put(fd, "HEAD /size?9000 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(try_get(fd, true, &reply));
    assert_int_equal(reply.size, 9000);
    put(fd, "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(try_get(fd, true, &reply));
    assert_memory_equal(reply.head, "HTTP/1.1 204 NO CONTENT\r\n", 25);
    assert_null(strstr(reply.head, "Content-Length"));
    put_post(fd, "/echo", "still in step");
    expect(fd, 200, "still in step", false);
    close(fd);
    finish();
}

static void test_pipelining(void **state)
{
    char *text = memory(200 * 100);
    size_t size = 0;
    int fd;

    (void)state;
    begin(&usual);
    for (int i = 0; i < 100; i++) {
        size += (size_t)sprintf(text + size,
                                "POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n%03d",
                                i % 7 == 3 ? "defer?2" : "echo", i);
    }
    fd = dial();
    assert_true(try_put(fd, text, size));
    for (int i = 0; i < 100; i++) {
        sprintf(text, "%03d", i);
        expect(fd, 200, text, false);
    }
    /* the client sends all, says so, and then reads */
    for (int i = 0; i < 40; i++)
        put_post(fd, "/echo", "x");
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 40; i++)
        expect(fd, 200, "x", false);
    expect_end(fd);
    free(text);
    finish();
}

/* More than is read ahead, while the first request is with a worker: what does not fit stays in the
 * kernel, and nothing is lost or reordered. */
static void test_pipelining_behind_a_deferred_request(void **state)
{
    char *filler = memory(MB);
    char post[200];
    size_t sent = 0;
    int fd;
    int n;

    (void)state;
    begin(&usual);
    n = snprintf(post, sizeof(post), "POST /echo HTTP/1.1\r\nHost: a\r\nX: %090d\r\n\r\n", 0);
    for (int i = 0; i < 4000; i++)
        memcpy(filler + i * n, post, (size_t)n);
    fd = dial();
    put_post(fd, "/gate", "first");
    wait_for_gate(1);
    while (sent < (size_t)n * 4000) {
        ssize_t now_sent =
            send(fd, filler + sent, (size_t)n * 4000 - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (now_sent <= 0)
            break;
        sent += (size_t)now_sent;
    }
    usleep(50000);
    assert_int_equal(program.done_sent, 0);
    open_gate();
    expect(fd, 200, "first", false);
    for (size_t i = 0; i < sent / (size_t)n; i++)
        expect(fd, 200, "", false);
    close(fd);
    free(filler);
    finish();
}

static void test_pipelining_leaves_others_their_turn(void **state)
{
    struct http_settings settings = usual;
    char text[60 * 40] = "";
    double start;
    int greedy;
    int other;

    (void)state;
    settings.loops = 1;
    begin(&settings);
    other = dial();
    greedy = dial();
    put_post(other, "/echo", "warm");
    expect(other, 200, "warm", false);
    for (int i = 0; i < 60; i++)
        strcat(text, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    put(greedy, text);
    start = now();
    expect(greedy, 200, "", false); /* now its others are under way, 0.6 s of work */
    put_post(other, "/echo", "me too");
    expect(other, 200, "me too", false);
    assert_true(now() - start < 0.4);
    for (int i = 1; i < 60; i++)
        expect(greedy, 200, "", false);
    assert_true(now() - start > 0.55);
    close(greedy);
    close(other);
    finish();
}

static void test_byte_by_byte(void **state)
{
    static const char text[] =
        "\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;x\r\nwor\r\n2\r\nld\r\n0\r\nT: t\r\n\r\n";
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

static void test_chunked(void **state)
{
    char *piece = memory(100000);
    struct reply reply;
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\n0\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    expect(fd, 200, "hello", false);
    expect(fd, 200, "", false);
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        memset(piece, 'a' + i, 100000);
        put(fd, "186a0\r\n");
        assert_true(try_put(fd, piece, 100000));
        put(fd, "\r\n");
    }
    put(fd, "0\r\n\r\n");
    put_post(fd, "/echo", "next");
    assert_true(try_get(fd, false, &reply));
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.size, 2000000);
    for (size_t i = 0; i < reply.size; i++)
        assert_int_equal(reply.body[i], 'a' + (int)(i / 100000));
    free(reply.body);
    expect(fd, 200, "next", false);
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello");
    expect(fd, 400, "a chunk does not begin with its size", true);
    expect_end(fd);
    free(piece);
    finish();
}

static void test_large_bodies(void **state)
{
    const size_t size = 4 * MB - 1000;
    char *body = memory(size);
    struct reply reply;
    char head[200];
    int fd;

    (void)state;
    begin(&usual);
    for (size_t i = 0; i < size; i++)
        body[i] = (char)('0' + i * 7 % 71);
    fd = dial();
    for (int i = 0; i < 2; i++) {
        snprintf(head, sizeof(head), "POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                 i ? "defer" : "echo", size);
        put(fd, head);
        assert_true(try_put(fd, body, size));
        put_post(fd, "/echo", "after it");
        assert_true(try_get(fd, false, &reply));
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.size, size);
        assert_memory_equal(reply.body, body, size);
        free(reply.body);
        expect(fd, 200, "after it", false);
    }
    assert_int_equal(counters().in_flight_bytes, 0);
    /* bodies of all sizes around those at which they are kept elsewhere */
    for (size_t n = 7900; n < 8300; n++) {
        snprintf(head, sizeof(head),
                 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", n);
        put(fd, head);
        assert_true(try_put(fd, body, n));
        assert_true(try_get(fd, false, &reply));
        assert_int_equal(reply.size, n);
        assert_memory_equal(reply.body, body, n);
        free(reply.body);
    }
    close(fd);
    free(body);
    finish();
}

static void test_continue(void **state)
{
    struct reply reply;
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_true(try_get(fd, true, &reply));
    assert_string_equal(reply.head, "HTTP/1.1 100 Continue\r\n\r\n");
    put(fd, "hello");
    expect(fd, 200, "hello", false);
    /* the body is there already, or there is none: nothing to wait for */
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
            "hello");
    expect(fd, 200, "hello", false);
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    expect(fd, 200, "", false);
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
            "Expect: 100-continue\r\n\r\n");
    assert_true(try_get(fd, true, &reply));
    assert_string_equal(reply.head, "HTTP/1.1 100 Continue\r\n\r\n");
    put(fd, "0\r\n\r\n");
    expect(fd, 200, "", false);
    /* refused without asking for it */
    put(fd, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
            "Expect: 100-continue\r\n\r\n");
    expect(fd, 404, "not here", true);
    expect_end(fd);
    fd = dial();
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4194305\r\n"
            "Expect: 100-continue\r\n\r\n");
    expect(fd, 413, NULL, true);
    expect_end(fd);
    fd = dial();
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: cake\r\n\r\n");
    expect(fd, 417, NULL, true);
    expect_end(fd);
    finish();
}

static void test_http_1_0(void **state)
{
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    put(fd, "POST /echo HTTP/1.0\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi");
    expect(fd, 200, "hi", false);
    put(fd, "POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi");
    expect(fd, 200, "hi", true);
    expect_end(fd);
    fd = dial();
    put(fd, "GET /echo HTTP/1.1\r\n\r\n");
    expect(fd, 400, "the request has no Host", true);
    expect_end(fd);
    finish();
}

static void test_early_answers(void **state)
{
    char *body = memory(16 * MB);
    int fd;

    (void)state;
    begin(&usual);
    /* all of the body is there: the connection goes on */
    fd = dial();
    put_post(fd, "/early", "0123456789");
    expect(fd, 404, "not here", false);
    put(fd, "GET /early HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(fd, 404, "not here", false);
    /* it is not: the answer comes now, and can be read after everything was sent */
    put(fd, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    assert_true(try_put(fd, body, 3000000));
    expect(fd, 404, "not here", true);
    expect_end(fd);
    fd = dial();
    put(fd, "POST /early HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    expect(fd, 404, "not here", true);
    expect_end(fd);
    /* a client that sends 16 MB where 4 are allowed, and only then looks */
    fd = dial();
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 16777216\r\n\r\n");
    assert_true(try_put(fd, body, 16 * MB));
    expect(fd, 413, "the body is larger than the limit", true);
    expect_end(fd);
    free(body);
    finish();
}

static void test_body_limit_at_n_and_one_more(void **state)
{
    struct http_settings settings = usual;
    char *body = memory(100001);
    int fd;

    (void)state;
    settings.body_max = 100000;
    begin(&settings);
    fd = dial();
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    assert_true(try_put(fd, body, 100000));
    expect(fd, 200, NULL, false);
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n");
    assert_true(try_put(fd, body, 100000));
    put(fd, "\r\n0\r\n\r\n");
    expect(fd, 200, NULL, false);
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n");
    expect(fd, 413, NULL, true);
    expect_end(fd);
    fd = dial();
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a1\r\n");
    expect(fd, 413, NULL, true); /* before any of it is sent */
    expect_end(fd);
    fd = dial();
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n");
    assert_true(try_put(fd, body, 100000));
    put(fd, "\r\n1\r\n");
    expect(fd, 413, NULL, true);
    expect_end(fd);
    assert_int_equal(counters().refused, 3);
    free(body);
    finish();
}

static void check_head(size_t line, size_t head, int status)
{
    char *text = memory(head + 1);
    size_t n;
    int fd = dial();

    assert_non_null(text);
    n = (size_t)sprintf(text, "GET /");
    memset(text + n, 'p', line - 14);
    n += line - 14;
    n += (size_t)sprintf(text + n, " HTTP/1.1\r\nHost: a\r\nX: ");
    memset(text + n, 'v', head - 4 - n);
    sprintf(text + head - 4, "\r\n\r\n");
    put(fd, text);
    expect(fd, status, NULL, status != 200);
    if (status != 200)
        expect_end(fd);
    else
        close(fd);
    free(text);
}

static void test_head_limits_at_n_and_one_more(void **state)
{
    char text[8000];
    int n;
    int fd;

    (void)state;
    begin(&usual);
    check_head(1000, 2000, 200);
    check_head(1001, 2000, 414);
    check_head(100, 4000, 200);
    check_head(100, 4001, 431);
    for (int fields = 100; fields <= 101; fields++) {
        n = sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (int i = 1; i < fields; i++)
            n += sprintf(text + n, "A: b\r\n");
        sprintf(text + n, "\r\n");
        fd = dial();
        put(fd, text);
        expect(fd, fields > 100 ? 431 : 200, NULL, fields > 100);
        close(fd);
    }
    finish();
}

static void test_refusals_are_counted_and_closed(void **state)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "\x16\x03\x01 a TLS client",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
    };

    (void)state;
    begin(&usual);
    for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
        int fd = dial();

        put(fd, bad[i]);
        expect(fd, 400, NULL, true);
        expect_end(fd);
    }
    assert_int_equal(program.refused, ARRAY_LENGTH(bad));
    assert_int_equal(program.done_sent, ARRAY_LENGTH(bad));
    assert_int_equal(counters().refused, ARRAY_LENGTH(bad));
    finish();
}

static void test_half_closed_clients(void **state)
{
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    put_post(fd, "/defer?50", "late");
    shutdown(fd, SHUT_WR);
    expect(fd, 200, "late", false);
    expect_end(fd);
    fd = dial();
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    shutdown(fd, SHUT_WR);
    expect(fd, 400, "the connection ended before the body was complete", true);
    expect_end(fd);
    fd = dial();
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhello");
    shutdown(fd, SHUT_WR);
    expect(fd, 400, "the connection ended before the body was complete", true);
    expect_end(fd);
    fd = dial();
    put(fd, "POST /echo HTTP/1.1\r\nHost");
    shutdown(fd, SHUT_WR);
    expect_end(fd);
    finish();
}

/* Several slow clients at once, each breaking another deadline. */
static void test_deadlines(void **state)
{
    struct http_settings settings = usual;
    double start;
    int idle;
    int head;
    int body;
    int chunked;
    int stalled;

    (void)state;
    settings.head_seconds = settings.body_seconds = settings.write_seconds = 1;
    settings.idle_seconds = 2;
    settings.body_rate = 1 << 30;
    begin(&settings);
    start = now();
    idle = dial();
    head = dial();
    put(head, "GET /");
    body = dial();
    put(body, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    chunked = dial();
    put(chunked, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n");
    stalled = dial();
    put(stalled, "GET /size?30000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    while (now() < start + 0.9) { /* bytes that arrive buy no time */
        put(head, "x");
        put(body, "x");
        put(chunked, "x");
        usleep(100000);
    }
    expect(head, 408, "the request head did not arrive in time", true);
    expect_end(head);
    expect(body, 408, "the request body did not arrive in time", true);
    expect_end(body);
    expect(chunked, 408, "the request body did not arrive in time", true);
    expect_end(chunked);
    assert_true(now() - start < 2.1);
    wait_until(&program.done_lost, 1); /* the stalled one */
    assert_true(now() - start < 2.5);
    close(stalled);
    expect_end(idle);
    assert_true(now() - start > 1.9 && now() - start < 3.5);
    assert_int_equal(counters().timeouts, 4);
    wait_for_nothing_in_flight();
    finish();
}

/* A body that keeps the minimum rate has the time it needs. */
static void test_rate_extends_the_body_deadline(void **state)
{
    struct http_settings settings = usual;
    int fd;

    (void)state;
    settings.body_seconds = 1;
    settings.body_rate = 1;
    begin(&settings);
    fd = dial();
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    usleep(2000000);
    put(fd, "llo");
    expect(fd, 200, "hello", false);
    close(fd);
    finish();
}

static void test_slow_clients_do_not_delay_a_good_one(void **state)
{
    enum { SLOW = 300 };
    int slow[SLOW];
    double start;
    int fd;

    (void)state;
    begin(&usual);
    for (int i = 0; i < SLOW; i++) {
        slow[i] = dial();
        put(slow[i], i % 3 == 0   ? "GET / HTTP/1.1\r\nHo"
                     : i % 3 == 1 ? "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\nx"
                                  : "POST / HTTP/1.1\r\nHost: a\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n5\r\nx");
    }
    fd = dial();
    start = now();
    for (int i = 0; i < 500; i++) {
        if (i < SLOW)
            put(slow[i], "a");
        put_post(fd, "/echo", "quick");
        expect(fd, 200, "quick", false);
    }
    assert_true(now() - start < 4); /* 8 ms each: far above what it takes, far below a stall */
    assert_int_equal(counters().connections_open, SLOW + 1);
    for (int i = 0; i < SLOW; i++)
        close(slow[i]);
    put_post(fd, "/echo", "quick");
    expect(fd, 200, "quick", false);
    close(fd);
    finish();
}

static void test_deferred(void **state)
{
    enum { CLIENTS = 40 };
    int fds[CLIENTS];
    char text[40];

    (void)state;
    begin(&usual);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            if (round == 0)
                fds[i] = dial();
            snprintf(text, sizeof(text), "%d of %d", i, round);
            put_post(fds[i], i % 2 ? "/defer" : "/defer?1", text);
        }
        for (int i = CLIENTS - 1; i >= 0; i--) {
            snprintf(text, sizeof(text), "%d of %d", i, round);
            expect(fds[i], 200, text, false);
        }
    }
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    wait_until(&program.done_sent, 5 * CLIENTS);
    finish();
}

static void test_client_goes_while_deferred(void **state)
{
    int fd;

    (void)state;
    begin(&usual);
    fd = dial();
    put_post(fd, "/gate", "nobody reads this");
    wait_for_gate(1);
    close_with_reset(fd);
    for (int i = 0; i < 1000 && counters().connections_open; i++)
        usleep(1000);
    assert_int_equal(counters().connections_open, 0);
    assert_int_equal(program.done_lost, 0); /* the worker still has it */
    open_gate();
    wait_until(&program.done_lost, 1);
    assert_int_equal(program.done_sent, 0);
    finish();
}

static void *run_server(void *argument)
{
    struct err err = ERR_INIT;
    double *ended = argument;

    assert_int_equal(http_server_run(server, NULL, 0, NULL, NULL, NULL, &err), 0);
    *ended = now();
    return NULL;
}

static void test_drain(void **state)
{
    pthread_t thread;
    double ended = 0;
    int gated;
    int idle;
    int body;
    int other;

    (void)state;
    begin(&usual);
    assert_int_equal(pthread_create(&thread, NULL, run_server, &ended), 0);
    idle = dial();
    put_post(idle, "/echo", "one");
    expect(idle, 200, "one", false);
    gated = dial();
    put_post(gated, "/gate", "in flight");
    body = dial();
    put(body, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    wait_for_gate(1);
    usleep(50000);
    http_server_stop(server);
    expect_end(idle);
    other = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect_fd(other), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(other);
    put(body, "llo");
    expect(body, 200, "hello", true);
    expect_end(body);
    assert_true(ended == 0);
    open_gate();
    expect(gated, 200, "in flight", true);
    expect_end(gated);
    pthread_join(thread, NULL);
    assert_true(ended > 0);
    workers_free(program.workers);
    http_server_free(server);
    assert_int_equal(program.done_sent, 3);
}

static void test_drain_is_cut_off(void **state)
{
    struct http_settings settings = usual;
    struct err err = ERR_INIT;
    double start;
    int gated;
    int slow;

    (void)state;
    settings.drain_seconds = 1;
    begin(&settings);
    gated = dial();
    put_post(gated, "/gate", "never read");
    slow = dial();
    put(slow, "GET / HT");
    wait_for_gate(1);
    usleep(20000);
    start = now();
    http_server_stop(server);
    assert_int_equal(http_server_run(server, NULL, 0, NULL, NULL, NULL, &err), 0);
    assert_true(now() - start >= 1 && now() - start < 2.5);
    expect_end(slow);
    assert_int_equal(program.done_lost, 0);
    open_gate();
    workers_free(program.workers); /* it finishes the exchange of a server that has stopped */
    http_server_free(server);
    assert_int_equal(program.done_lost, 1);
    close(gated);
}

static void on_signal(void *self, int signal)
{
    assert_int_equal(signal, SIGUSR1);
    atomic_fetch_add((_Atomic int *)self, 1);
    http_server_stop(server);
}

/* Sends the signal until somebody has noticed. */
static void *send_signals(void *argument)
{
    const _Atomic int *count = argument;

    usleep(50000);
    while (atomic_load(count) == 0) {
        kill(getpid(), SIGUSR1);
        usleep(20000);
    }
    return NULL;
}

static void test_signal_stops(void **state)
{
    static const int signals[] = {SIGUSR1, SIGUSR2};
    struct err err = ERR_INIT;
    _Atomic int count = 0;
    pthread_t thread;

    (void)state;
    begin(&usual);
    signal(SIGUSR1, SIG_IGN); /* until http_server_run catches it, and after */
    assert_int_equal(pthread_create(&thread, NULL, send_signals, &count), 0);
    assert_int_equal(http_server_run(server, signals, 2, NULL, on_signal, &count, &err), 0);
    assert_true(count >= 1);
    pthread_join(thread, NULL);
    workers_free(program.workers);
    http_server_free(server);
}

static void test_connection_cap(void **state)
{
    struct http_settings settings = usual;
    int fds[5];

    (void)state;
    settings.connections = 3;
    begin(&settings);
    for (int i = 0; i < 5; i++) {
        fds[i] = dial(); /* the kernel's backlog takes them all */
        put_post(fds[i], "/echo", "me");
    }
    for (int i = 0; i < 3; i++)
        expect(fds[i], 200, "me", false);
    expect_silence(fds[3], 200);
    assert_int_equal(counters().connections_open, 3);
    close(fds[0]);
    expect(fds[3], 200, "me", false);
    expect_silence(fds[4], 100);
    close(fds[3]);
    expect(fds[4], 200, "me", false);
    assert_int_equal(counters().connections_accepted, 5);
    close(fds[1]);
    close(fds[2]);
    close(fds[4]);
    finish();
}

static void test_in_flight_budget(void **state)
{
    struct http_settings settings = usual;
    char *body = memory(MB);
    char head[100];
    int first;
    int second;

    (void)state;
    settings.in_flight_max = MB;
    begin(&settings);
    snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
             (size_t)MB);
    first = dial();
    put(first, head);
    assert_true(try_put(first, body, 700000));
    while (counters().in_flight_bytes < 700000)
        usleep(1000);
    second = dial();
    put(second, head);
    (void)try_put(second, body, MB);
    expect(second, 503, "too many bytes of requests in flight", true);
    expect_end(second);
    /* what is small needs no budget */
    second = dial();
    put_post(second, "/echo", "small");
    expect(second, 200, "small", false);
    /* n bytes are in order, and when they are answered the budget is free again */
    assert_true(try_put(first, body, MB - 700000));
    expect(first, 200, NULL, false);
    wait_for_nothing_in_flight();
    put(second, head);
    assert_true(try_put(second, body, MB));
    expect(second, 200, NULL, false);
    wait_for_nothing_in_flight();
    close(first);
    close(second);
    free(body);
    finish();
}

static void test_descriptors_run_out(void **state)
{
    struct rlimit before;
    struct rlimit low;
    struct rusage cpu[2];
    int fds[3];

    (void)state;
    begin(&usual);
    for (int i = 0; i < 3; i++)
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
    getrlimit(RLIMIT_NOFILE, &before);
    low = before;
    low.rlim_cur = (rlim_t)fds[2] + 1;
    setrlimit(RLIMIT_NOFILE, &low);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(connect_fd(fds[i]), 0);
        put_post(fds[i], "/echo", "me");
    }
    getrusage(RUSAGE_SELF, &cpu[0]);
    expect_silence(fds[2], 500);
    getrusage(RUSAGE_SELF, &cpu[1]);
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 3; i++) {
        expect(fds[i], 200, "me", false);
        close(fds[i]);
    }
    /* it did not spin */
    assert_true((cpu[1].ru_utime.tv_sec - cpu[0].ru_utime.tv_sec) * 1000000 +
                    cpu[1].ru_utime.tv_usec - cpu[0].ru_utime.tv_usec +
                    (cpu[1].ru_stime.tv_sec - cpu[0].ru_stime.tv_sec) * 1000000 +
                    cpu[1].ru_stime.tv_usec - cpu[0].ru_stime.tv_usec <
                100000);
    finish();
}

static void expect_no_server(const struct http_settings *settings, const char *text)
{
    struct err err = ERR_INIT;

    assert_int_equal(new_server(settings, &err), -1);
    if (strcmp(err.text, text) != 0)
        fail_msg("expected: %s\nnot: %s", text, err.text);
}

static void test_addresses_that_fail(void **state)
{
    static const char *const foreign[] = {"192.0.2.1"};
    static const char *const senseless[] = {"no such host"};
    static const char *const empty[] = {""};
    struct http_settings settings = usual;
    char text[200];

    (void)state;
    begin(&usual);
    settings.port = port;
    snprintf(text, sizeof(text),
             "cannot listen on 127.0.0.1 port %u: port %u is in use: stop the other server or "
             "choose --port",
             port, port);
    expect_no_server(&settings, text);
    settings.port = 0;
    settings.hosts = foreign;
    expect_no_server(&settings, "cannot listen on 192.0.2.1 port 0: this machine does not have "
                                "that address: check --host");
    settings.hosts = empty;
    expect_no_server(&settings, "cannot listen on '': Name or service not known: check --host");
    settings.hosts = senseless;
    settings.host_count = 0;
    expect_no_server(&settings, "there is no address to listen on");
    finish();
}

static void test_several_addresses(void **state)
{
    static const char *const both[] = {"127.0.0.1", "127.0.0.2", "127.0.0.1", "[::1]"};
    struct http_settings settings = usual;
    struct err err = ERR_INIT;
    char expected[40];
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has_ipv6 = probe >= 0 && bind(probe, (struct sockaddr *)&loopback, sizeof(loopback)) == 0;

    (void)state;
    if (probe >= 0)
        close(probe);
    settings.hosts = both;
    settings.host_count = has_ipv6 ? 4 : 3;
    if (new_server(&settings, &err))
        fail_msg("%s", err.text);
    port = (uint16_t)atoi(strrchr(http_server_address(server, 0), ':') + 1);
    snprintf(expected, sizeof(expected), "127.0.0.1:%u", port);
    assert_string_equal(http_server_address(server, 0), expected);
    snprintf(expected, sizeof(expected), "127.0.0.2:%u", port); /* the same port */
    assert_string_equal(http_server_address(server, 1), expected);
    if (has_ipv6) {
        snprintf(expected, sizeof(expected), "[::1]:%u", port);
        assert_string_equal(http_server_address(server, 2), expected);
    }
    assert_null(http_server_address(server, has_ipv6 ? 3 : 2));
    http_server_free(server); /* one that was never started */
}

static void test_both_wildcards(void **state)
{
    static const char *const both[] = {"0.0.0.0", "::"};
    struct http_settings settings = usual;
    struct err err = ERR_INIT;
    int probe = socket(AF_INET6, SOCK_STREAM, 0);

    (void)state;
    if (probe < 0) {
        print_message("skipped: no IPv6 here\n");
        skip();
    }
    close(probe);
    settings.hosts = both;
    settings.host_count = 2;
    if (new_server(&settings, &err))
        fail_msg("%s", err.text);
    assert_memory_equal(http_server_address(server, 0), "0.0.0.0:", 8);
    assert_memory_equal(http_server_address(server, 1), "[::]:", 5);
    http_server_free(server);
}

static void test_no_memory_at_start(void **state)
{
    (void)state;
    for (long n = 1; n <= 3; n++) {
        struct err err = ERR_INIT;

        mem_fail_at(n);
        assert_int_equal(new_server(&usual, &err), -1);
        mem_fail_at(0);
        assert_int_equal(err.kind, ERR_MEMORY);
    }
}

/* mem_fail_at is not made for several threads, so not with the thread sanitizer. */
static void test_no_memory_for_a_request(void **state)
{
#ifdef __SANITIZE_THREAD__
    (void)state;
    print_message("skipped: thread sanitizer\n");
    skip();
#else
    struct http_settings settings = usual;
    char *body = memory(100000);
    char byte;
    int fd;
    int other;

    (void)state;
    settings.loops = 1;
    begin(&settings);
    fd = dial();
    put_post(fd, "/echo", "hello");
    expect(fd, 200, "hello", false);
    mem_fail_at(1);
    put(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    assert_true(try_put(fd, body, 100000));
    expect(fd, 503, "no memory for the body", true);
    expect_end(fd);
    mem_fail_at(1);
    other = dial(); /* not even a connection: closed */
    assert_true(recv(other, &byte, 1, 0) <= 0);
    close(other);
    mem_fail_at(0);
    fd = dial();
    put_post(fd, "/echo", "again");
    expect(fd, 200, "again", false);
    close(fd);
    free(body);
    finish();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_date_is_now),
        cmocka_unit_test(test_head_and_empty),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_pipelining_behind_a_deferred_request),
        cmocka_unit_test(test_pipelining_leaves_others_their_turn),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_chunked),
        cmocka_unit_test(test_large_bodies),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_http_1_0),
        cmocka_unit_test(test_early_answers),
        cmocka_unit_test(test_body_limit_at_n_and_one_more),
        cmocka_unit_test(test_head_limits_at_n_and_one_more),
        cmocka_unit_test(test_refusals_are_counted_and_closed),
        cmocka_unit_test(test_half_closed_clients),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_rate_extends_the_body_deadline),
        cmocka_unit_test(test_slow_clients_do_not_delay_a_good_one),
        cmocka_unit_test(test_deferred),
        cmocka_unit_test(test_client_goes_while_deferred),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_is_cut_off),
        cmocka_unit_test(test_signal_stops),
        cmocka_unit_test(test_connection_cap),
        cmocka_unit_test(test_in_flight_budget),
        cmocka_unit_test(test_descriptors_run_out),
        cmocka_unit_test(test_addresses_that_fail),
        cmocka_unit_test(test_several_addresses),
        cmocka_unit_test(test_both_wildcards),
        cmocka_unit_test(test_no_memory_at_start),
        cmocka_unit_test(test_no_memory_for_a_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
