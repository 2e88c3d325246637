#include "server/http/http_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct http_limits roomy = {.request_line = 8192, .head = 16384};

struct result {
    enum http_parse parse;
    size_t size;
    int status;
    const char *reason;
    struct http_request request;
};

/* In memory of exactly that size, so that a sanitizer sees a read beyond it. The views of the
 * result point into *ret_copy, which the caller frees. */
static void parse(const char *text, size_t size, const struct http_limits *limits,
                  struct result *ret, char **ret_copy)
{
    char *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    memcpy(copy, text, size);
    memset(ret, 0x5a, sizeof(*ret)); /* nothing may depend on what was there */
    ret->status = 0;
    ret->reason = NULL;
    ret->parse = http_parse_head(bytes_of(copy, size), 0, limits, &ret->request, &ret->size,
                                 &ret->status, &ret->reason);
    *ret_copy = copy;
}

/* Byte by byte, as from a slow sender: the answer comes with some byte, and must be the same. */
static void check_every_cut(const char *text, size_t size, const struct http_limits *limits,
                            const struct result *whole)
{
    struct result slow = {.parse = HTTP_PARSE_MORE};
    size_t seen = 0;

    for (size_t n = 0; n <= size && slow.parse == HTTP_PARSE_MORE; n++) {
        char *copy = malloc(n ? n : 1);

        assert_non_null(copy);
        memcpy(copy, text, n);
        slow.parse = http_parse_head(bytes_of(copy, n), seen, limits, &slow.request, &slow.size,
                                     &slow.status, &slow.reason);
        free(copy);
        seen = n;
    }
    assert_int_equal(slow.parse, whole->parse);
    if (whole->parse == HTTP_PARSE_DONE) {
        assert_int_equal(slow.size, whole->size);
        assert_int_equal(slow.request.field_count, whole->request.field_count);
        assert_int_equal(slow.request.content_length, whole->request.content_length);
        assert_int_equal(slow.request.keep_alive, whole->request.keep_alive);
    } else if (whole->parse == HTTP_PARSE_ERROR) {
        assert_int_equal(slow.status, whole->status);
        assert_string_equal(slow.reason, whole->reason);
    }
}

#define H "Host: a\r\n"

/* Status 0: accepted. */
static const struct {
    const char *head;
    int status;
} heads[] = {
    {"GET / HTTP/1.1\r\n" H "\r\n", 0},
    {"GET / HTTP/1.0\r\n\r\n", 0},
    {"\r\nGET / HTTP/1.1\r\n" H "\r\n", 0},
    {"\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 0},
    {"\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400},
    {"\rGET / HTTP/1.1\r\n" H "\r\n", 400},
    {"\nGET / HTTP/1.1\r\n" H "\r\n", 400},
    {" GET / HTTP/1.1\r\n" H "\r\n", 400},
    {"\x16\x03\x01\x02\x00\x01", 400}, /* a TLS client: told at once */
    /* request line */
    {"GET  / HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /  HTTP/1.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1 \r\n" H "\r\n", 400},
    {"GET\t/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\tHTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\r\n" H "\r\n", 400},
    {"GET \r\n" H "\r\n", 400},
    {"GET\r\n" H "\r\n", 400},
    {"GET / \r\n" H "\r\n", 400},
    {"G(T / HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /a b HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\x80 HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\x7f HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /a#b HTTP/1.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1\n" H "\r\n", 400},
    {"GET / HTTP/1.1\r" H "\r\n", 400},
    {"GET / HTTP/1.\r\n" H "\r\n", 400},
    {"GET / HTTP/1\r\n" H "\r\n", 400},
    {"GET / HTTP/11\r\n" H "\r\n", 400},
    {"GET / HTTP/1.10\r\n" H "\r\n", 400},
    {"GET / HTTP/+1.1\r\n" H "\r\n", 400},
    {"GET / http/1.1\r\n" H "\r\n", 400},
    {"GET / HTTPS/1.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1.x\r\n" H "\r\n", 400},
    {"GET / HTTP/1.2\r\n" H "\r\n", 505},
    {"GET / HTTP/2.0\r\n" H "\r\n", 505},
    {"GET / HTTP/0.9\r\n" H "\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\n", 505},
    /* targets */
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", 0},
    {"GET * HTTP/1.1\r\n" H "\r\n", 400},
    {"OPTIONS ** HTTP/1.1\r\n" H "\r\n", 400},
    {"GET ping HTTP/1.1\r\n" H "\r\n", 400},
    {"CONNECT a:80 HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http://a/ping HTTP/1.1\r\n" H "\r\n", 0},
    {"GET HTTPS://a:8080 HTTP/1.1\r\n" H "\r\n", 0},
    {"GET http:///ping HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http://:80/ping HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http://u@a/ping HTTP/1.1\r\n" H "\r\n", 400},
    {"GET ftp://a/ping HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http:/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET h HTTP/1.1\r\n" H "\r\n", 400},
    {"BREW /pot HTTP/1.1\r\n" H "\r\n", 0},
    /* fields */
    {"GET / HTTP/1.1\r\n" H "A:b\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" H "A:\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" H "A: \t b \xc3\xa9 \t\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" H "A : b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A\t: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H ": b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n A: b\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\nC: d\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\rC: d\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\r\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\x01\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: a value that is long enough\x7f for words\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: a value that is long enough\x1f for words\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: a value that is long\tenough for words\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" H "A\xc3: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "\n", 400},
    {"GET / HTTP/1.1\r\n" H "\r\r\n\r\n", 400},
    {"GET / HTTP/1.1\n\n", 400},
    /* Host */
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\nhOST: [2001:db8::1]:80\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" H H "\r\n", 400},
    {"GET / HTTP/1.0\r\n" H H "\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost2: a\r\n\r\n", 400},
    /* lengths */
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", 0},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 0005\r\n\r\n", 0},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775807\r\n\r\n", 0},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5.0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\ncontent-length: 6\r\n\r\n", 400},
    /* codings */
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 0},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: CHUNKED\r\n\r\n", 0},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding:\x0b"
     "chunked\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 400},
    {"POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 400},
    /* others */
    {"POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n\r\n", 0},
    {"POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n", 417},
    {"POST / HTTP/1.1\r\n" H "Content-Type: a\r\nContent-Type: a\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" H "Accept: a\r\nAccept: b\r\n\r\n", 0},
};

static void test_table_of_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
        size_t size = strlen(heads[i].head);
        struct result result;
        char *copy;

        parse(heads[i].head, size, &roomy, &result, &copy);
        if (result.status != heads[i].status ||
            result.parse != (heads[i].status ? HTTP_PARSE_ERROR : HTTP_PARSE_DONE))
            fail_msg("head %zu: status %d (%s), not %d:\n%s", i, result.status,
                     result.reason ? result.reason : "accepted", heads[i].status, heads[i].head);
        if (heads[i].status == 0)
            assert_int_equal(result.size, size);
        else
            assert_true(strlen(result.reason) > 10);
        check_every_cut(heads[i].head, size, &roomy, &result);
        free(copy);
    }
}

static void test_nul_is_refused_everywhere(void **state)
{
    static const char head[] = "POST /a?b HTTP/1.1\r\nHost: a\r\nX-A: some value\r\n\r\n";

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(head) - 1; i++) {
        char text[sizeof(head)];
        struct result result;
        char *copy;

        memcpy(text, head, sizeof(head));
        text[i] = '\0';
        parse(text, sizeof(head) - 1, &roomy, &result, &copy);
        if (result.parse == HTTP_PARSE_DONE)
            fail_msg("NUL at %zu was accepted", i);
        check_every_cut(text, sizeof(head) - 1, &roomy, &result);
        free(copy);
    }
}

static void test_what_follows_is_not_read(void **state)
{
    static const char text[] = "GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /\nbad";
    struct result result;
    char *copy;

    (void)state;
    parse(text, sizeof(text) - 1, &roomy, &result, &copy);
    assert_int_equal(result.parse, HTTP_PARSE_DONE);
    assert_int_equal(result.size, strlen("GET /x HTTP/1.1\r\nHost: a\r\n\r\n"));
    free(copy);
}

static void test_parts(void **state)
{
    static const char text[] = "\r\nPOST http://h:1/m/a%20b/invoke?x=1?y HTTP/1.1\r\n"
                               "Host: h\r\n"
                               "content-TYPE: \ttext/csv; a=b \r\n"
                               "Accept:application/json\r\n"
                               "Accept: text/csv\r\n"
                               "Content-Length: 12\r\n"
                               "Expect: 100-continue\r\n"
                               "X-Empty:  \r\n\r\n";
    struct result result;
    struct http_request *r = &result.request;
    struct bytes value;
    char *copy;

    (void)state;
    parse(text, sizeof(text) - 1, &roomy, &result, &copy);
    assert_int_equal(result.parse, HTTP_PARSE_DONE);
    assert_int_equal(r->method, HTTP_POST);
    assert_true(bytes_is(r->method_text, "POST"));
    assert_true(bytes_is(r->target, "http://h:1/m/a%20b/invoke?x=1?y"));
    assert_true(bytes_is(r->path, "/m/a%20b/invoke"));
    assert_true(bytes_is(r->query, "x=1?y"));
    assert_int_equal(r->minor, 1);
    assert_true(r->keep_alive && r->has_length && r->expect_continue && !r->chunked);
    assert_int_equal(r->content_length, 12);
    assert_true(r->has_content_type && bytes_is(r->content_type, "text/csv; a=b"));
    assert_true(r->has_accept && bytes_is(r->accept, "application/json"));
    assert_int_equal(r->field_count, 7);
    assert_true(http_field(r, "x-empty", &value) && value.size == 0);
    assert_true(http_field(r, "ACCEPT", &value) && bytes_is(value, "application/json"));
    assert_false(http_field(r, "X-Empt", &value));
    assert_int_equal(r->head.size, sizeof(text) - 1 - 2);
    assert_int_equal(r->body.size, 0);
    free(copy);
}

static void check_path(const char *line, const char *path, const char *query,
                       enum http_method method)
{
    struct result result;
    char text[256];
    char *copy;
    int n = snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: a\r\n\r\n", line);

    parse(text, (size_t)n, &roomy, &result, &copy);
    assert_int_equal(result.parse, HTTP_PARSE_DONE);
    assert_int_equal(result.request.method, method);
    assert_true(bytes_is(result.request.path, path));
    assert_true(bytes_is(result.request.query, query));
    free(copy);
}

static void test_targets(void **state)
{
    (void)state;
    check_path("GET /ping", "/ping", "", HTTP_GET);
    check_path("HEAD /ping?", "/ping", "", HTTP_HEAD);
    check_path("PUT //a//?/b?c", "//a//", "/b?c", HTTP_PUT);
    check_path("DELETE http://h", "/", "", HTTP_DELETE);
    check_path("PATCH https://h?q=/", "/", "q=/", HTTP_PATCH);
    check_path("TRACE hTTp://h:80/p", "/p", "", HTTP_TRACE);
    check_path("OPTIONS *", "*", "", HTTP_OPTIONS);
    check_path("get /", "/", "", HTTP_METHOD_OTHER);
    check_path("GETS /", "/", "", HTTP_METHOD_OTHER);
}

static void check_keep_alive(const char *version, const char *field, bool expected)
{
    struct result result;
    char text[256];
    char *copy;
    int n = snprintf(text, sizeof(text), "GET / HTTP/%s\r\nHost: a\r\n%s\r\n", version, field);

    parse(text, (size_t)n, &roomy, &result, &copy);
    assert_int_equal(result.parse, HTTP_PARSE_DONE);
    if (result.request.keep_alive != expected)
        fail_msg("HTTP/%s with '%s': keep_alive is %d", version, field, !expected);
    free(copy);
}

static void test_keep_alive(void **state)
{
    (void)state;
    check_keep_alive("1.1", "", true);
    check_keep_alive("1.1", "Connection: Close\r\n", false);
    check_keep_alive("1.1", "Connection: keep-alive, close\r\n", false);
    check_keep_alive("1.1", "Connection: upgrade ,\t close ,x\r\n", false);
    check_keep_alive("1.1", "Connection: x\r\nConnection: close\r\n", false);
    check_keep_alive("1.1", "Connection: closed\r\n", true);
    check_keep_alive("1.1", "Connection: not close\r\n", true);
    check_keep_alive("1.1", "Connection: ,,\r\n", true);
    check_keep_alive("1.0", "", false);
    check_keep_alive("1.0", "Connection: Keep-Alive\r\n", true);
    check_keep_alive("1.0", "Connection: keep-alive, close\r\n", false);
}

static void test_expect_of_http_1_0_is_ignored(void **state)
{
    static const char text[] = "POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n";
    struct result result;
    char *copy;

    (void)state;
    parse(text, sizeof(text) - 1, &roomy, &result, &copy);
    assert_int_equal(result.parse, HTTP_PARSE_DONE);
    assert_false(result.request.expect_continue);
    free(copy);
}

/* A request whose line and head have exactly the given sizes. */
static char *sized_head(size_t line, size_t head)
{
    const size_t fixed = strlen("GET / HTTP/1.1");
    const size_t rest = strlen("\r\nHost: a\r\nX: \r\n\r\n");
    char *text = malloc(head + 1);
    char *at = text;

    assert_non_null(text);
    assert_true(line >= fixed && head >= line + rest);
    at += sprintf(at, "GET /");
    memset(at, 'p', line - fixed);
    at += line - fixed;
    at += sprintf(at, " HTTP/1.1\r\nHost: a\r\nX: ");
    memset(at, 'v', head - line - rest);
    at += head - line - rest;
    sprintf(at, "\r\n\r\n");
    return text;
}

static void check_size(size_t line, size_t head, const struct http_limits *limits, int status)
{
    char *text = sized_head(line, head);
    struct result result;
    char *copy;

    parse(text, head, limits, &result, &copy);
    assert_int_equal(result.status, status);
    assert_int_equal(result.parse, status ? HTTP_PARSE_ERROR : HTTP_PARSE_DONE);
    check_every_cut(text, head, limits, &result);
    free(copy);
    free(text);
}

static void test_limits_at_n_and_one_more(void **state)
{
    const struct http_limits limits = {.request_line = 100, .head = 300};

    (void)state;
    check_size(100, 200, &limits, 0);
    check_size(101, 200, &limits, 414);
    check_size(20, 300, &limits, 0);
    check_size(20, 301, &limits, 431);
    check_size(100, 301, &limits, 431);
    check_size(101, 301, &limits, 414);
}

static void test_line_without_end_is_refused_early(void **state)
{
    const struct http_limits limits = {.request_line = 100, .head = 300};
    char text[400];
    struct result result;
    char *copy;

    (void)state;
    memset(text, 'G', sizeof(text));
    parse(text, 101, &limits, &result, &copy);
    assert_int_equal(result.parse, HTTP_PARSE_MORE); /* CR LF may follow */
    free(copy);
    parse(text, 102, &limits, &result, &copy);
    assert_int_equal(result.status, 414);
    free(copy);
    memcpy(text, "GET / HTTP/1.1\r\nA: ", 19);
    parse(text, 299, &limits, &result, &copy);
    assert_int_equal(result.parse, HTTP_PARSE_MORE);
    free(copy);
    parse(text, 300, &limits, &result, &copy);
    assert_int_equal(result.status, 431);
    check_every_cut(text, 400, &limits, &result);
    free(copy);
}

static void test_number_of_fields(void **state)
{
    (void)state;
    for (unsigned n = HTTP_FIELDS_MAX; n <= HTTP_FIELDS_MAX + 1; n++) {
        char text[4096];
        size_t size = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");
        struct result result;
        char *copy;

        for (unsigned i = 1; i < n; i++)
            size += (size_t)sprintf(text + size, "A: %u\r\n", i);
        size += (size_t)sprintf(text + size, "\r\n");
        parse(text, size, &roomy, &result, &copy);
        assert_int_equal(result.status, n > HTTP_FIELDS_MAX ? 431 : 0);
        if (n == HTTP_FIELDS_MAX)
            assert_true(bytes_is(result.request.fields[n - 1].value, "99"));
        free(copy);
    }
}

/* Chunks. */

struct decoded {
    enum http_parse parse;
    int status;
    size_t used; /* up to the end, or to the bad byte */
    char data[8192];
    size_t size;
};

/* One run, as http_chunks_read; what is content for certain may as well be read past it. */
static enum http_parse read_run(struct http_chunks *chunks, bool past, struct bytes left,
                                size_t *ret_used, struct bytes *ret_data, int *ret_status)
{
    uint64_t content = http_chunks_content(chunks);
    const char *reason;

    if (!past || content == 0)
        return http_chunks_read(chunks, left, ret_used, ret_data, ret_status, &reason);
    *ret_data = bytes_head(left, content < SIZE_MAX ? (size_t)content : SIZE_MAX);
    *ret_used = ret_data->size;
    http_chunks_skip(chunks, ret_data->size);
    return HTTP_PARSE_MORE;
}

/* Feeds pieces of `step` bytes. */
static void decode(const char *text, size_t size, size_t step, struct decoded *ret)
{
    struct http_chunks chunks = {0};

    memset(ret, 0, sizeof(*ret));
    ret->parse = HTTP_PARSE_MORE;
    for (size_t at = 0; at < size && ret->parse == HTTP_PARSE_MORE;) {
        size_t piece = size - at < step ? size - at : step;
        char *copy = malloc(piece);
        struct bytes left = bytes_of(copy, piece);

        memcpy(copy, text + at, piece);
        at += piece;
        while (left.size && ret->parse == HTTP_PARSE_MORE) {
            struct bytes data;
            size_t used;

            ret->parse = read_run(&chunks, step % 2, left, &used, &data, &ret->status);
            if (ret->parse == HTTP_PARSE_MORE)
                assert_true(used > 0);
            assert_true(used <= left.size);
            if (ret->parse != HTTP_PARSE_ERROR) {
                assert_true(ret->size + data.size <= sizeof(ret->data));
                memcpy(ret->data + ret->size, data.data, data.size);
                ret->size += data.size;
            }
            ret->used += used;
            left = bytes_of(left.data + used, left.size - used);
        }
        free(copy);
    }
    if (ret->parse != HTTP_PARSE_ERROR)
        ret->status = 0;
}

/* Status -1: not complete. */
static const struct {
    const char *text;
    int status;
    const char *data;
} chunkings[] = {
    {"5\r\nhello\r\n0\r\n\r\n", 0, "hello"},
    {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 0, "hello world"},
    {"0\r\n\r\n", 0, ""},
    {"000\r\n\r\n", 0, ""},
    {"A\r\n0123456789\r\n0\r\n\r\n", 0, "0123456789"},
    {"a\r\n0123456789\r\n0\r\n\r\n", 0, "0123456789"},
    {"5;x=y\r\nhello\r\n0;z\r\n\r\n", 0, "hello"},
    {"5 ; x=\"a b\"\r\nhello\r\n0\r\n\r\n", 0, "hello"},
    {"0000000000000005\r\nhello\r\n0\r\n\r\n", 0, "hello"},
    {"00000000000000005\r\nhello\r\n0\r\n\r\n", 400, ""},
    {"10000000000000000\r\n", 400, ""},
    {"ffffffffffffffff\r\nhello", -1, "hello"},
    {"+5\r\nhello\r\n0\r\n\r\n", 400, ""},
    {"-5\r\nhello\r\n0\r\n\r\n", 400, ""},
    {"0x5\r\nhello\r\n0\r\n\r\n", 400, ""},
    {"5h\r\nhello\r\n0\r\n\r\n", 400, ""},
    {" 5\r\nhello\r\n0\r\n\r\n", 400, ""},
    {"5 \r\nhello\r\n0\r\n\r\n", 400, ""},
    {"5,\r\nhello\r\n0\r\n\r\n", 400, ""},
    {"\r\nhello\r\n0\r\n\r\n", 400, ""},
    {";x\r\nhello\r\n0\r\n\r\n", 400, ""},
    {"5\nhello\r\n0\r\n\r\n", 400, ""},
    {"5\rhello\r\n0\r\n\r\n", 400, ""},
    {"5;x\nhello\r\n0\r\n\r\n", 400, ""},
    {"5;x\x01\r\nhello\r\n0\r\n\r\n", 400, ""},
    {"5\r\nhello0\r\n\r\n", 400, "hello"},
    {"5\r\nhello\n0\r\n\r\n", 400, "hello"},
    {"5\r\nhello\r0\r\n\r\n", 400, "hello"},
    {"5\r\nhello\r\n", -1, "hello"},
    {"5\r\nhello\r\n0\r\n", -1, "hello"},
    {"5\r\nhello\r\n0\r\n\r", -1, "hello"},
    {"5\r\nhello\r\n0\r\n\n", 400, "hello"},
    {"5\r\nhello\r\n0\r\n\rX", 400, "hello"},
    {"5\r\nhello\r\n0\r\nA: b\r\nC:\r\n\r\n", 0, "hello"},
    {"5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n", 400, "hello"},
    {"5\r\nhello\r\n0\r\nA: b\n\r\n", 400, "hello"},
    {"5\r\nhello\r\n0\r\nA b\r\n\r\n", 400, "hello"},
    {"5\r\nhello\r\n0\r\nA: b\x01\r\n\r\n", 400, "hello"},
    {"5\r\nhello\r\n0\r\n: b\r\n\r\n", 400, "hello"},
};

static void test_table_of_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(chunkings); i++) {
        size_t size = strlen(chunkings[i].text);

        for (size_t step = 1; step <= size; step++) {
            int wanted = chunkings[i].status;
            enum http_parse parsed = wanted > 0   ? HTTP_PARSE_ERROR
                                     : wanted < 0 ? HTTP_PARSE_MORE
                                                  : HTTP_PARSE_DONE;
            struct decoded decoded;

            decode(chunkings[i].text, size, step, &decoded);
            if (decoded.status != (wanted > 0 ? wanted : 0) || decoded.parse != parsed)
                fail_msg("chunks %zu in steps of %zu: status %d, not %d", i, step, decoded.status,
                         wanted);
            assert_int_equal(decoded.size, strlen(chunkings[i].data));
            assert_memory_equal(decoded.data, chunkings[i].data, decoded.size);
            if (wanted == 0)
                assert_int_equal(decoded.used, size);
        }
    }
}

static void test_chunks_end_where_they_end(void **state)
{
    static const char text[] = "1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1";
    struct decoded decoded;

    (void)state;
    decode(text, sizeof(text) - 1, sizeof(text), &decoded);
    assert_int_equal(decoded.parse, HTTP_PARSE_DONE);
    assert_int_equal(decoded.used, strlen("1\r\nx\r\n0\r\n\r\n"));
}

static void test_chunk_limits(void **state)
{
    (void)state;
    for (size_t more = 0; more <= 1; more++) {
        char text[8192];
        struct decoded decoded;
        size_t size;

        size = (size_t)sprintf(text, "1;");
        memset(text + size, 'e', HTTP_CHUNK_LINE_MAX - 2 + more);
        size += HTTP_CHUNK_LINE_MAX - 2 + more;
        size += (size_t)sprintf(text + size, "\r\nx\r\n0\r\n\r\n");
        decode(text, size, 100, &decoded);
        assert_int_equal(decoded.status, more ? 400 : 0);

        size = (size_t)sprintf(text, "1\r\nx\r\n0\r\nT:");
        memset(text + size, 't', HTTP_TRAILER_MAX - 6 + more);
        size += HTTP_TRAILER_MAX - 6 + more;
        size += (size_t)sprintf(text + size, "\r\n\r\n");
        decode(text, size, 100, &decoded);
        assert_int_equal(decoded.status, more ? 431 : 0);
    }
}

static void test_chunk_size_is_told_before_its_data(void **state)
{
    struct http_chunks chunks = {0};
    struct bytes data;
    const char *reason;
    size_t used;
    int status;

    (void)state;
    assert_int_equal(http_chunks_read(&chunks, bytes_text("7fffffffffffffff\r\n"), &used, &data,
                                      &status, &reason),
                     HTTP_PARSE_MORE);
    assert_true(chunks.left == INT64_MAX);
    assert_int_equal(data.size, 0);
    assert_true(http_chunks_content(&chunks) == INT64_MAX);
    http_chunks_skip(&chunks, 100);
    assert_true(http_chunks_content(&chunks) == INT64_MAX - 100);
    /* half of a size is no content yet */
    chunks = (struct http_chunks){0};
    assert_int_equal(http_chunks_read(&chunks, bytes_text("5"), &used, &data, &status, &reason),
                     HTTP_PARSE_MORE);
    assert_true(http_chunks_content(&chunks) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_of_heads),
        cmocka_unit_test(test_nul_is_refused_everywhere),
        cmocka_unit_test(test_what_follows_is_not_read),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_expect_of_http_1_0_is_ignored),
        cmocka_unit_test(test_limits_at_n_and_one_more),
        cmocka_unit_test(test_line_without_end_is_refused_early),
        cmocka_unit_test(test_number_of_fields),
        cmocka_unit_test(test_table_of_chunks),
        cmocka_unit_test(test_chunks_end_where_they_end),
        cmocka_unit_test(test_chunk_limits),
        cmocka_unit_test(test_chunk_size_is_told_before_its_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
