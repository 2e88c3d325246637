/*
 * The head parser and the chunk decoder. The first byte of the input chooses: even, the rest is a
 * head; odd, a chunked body. What is checked beyond memory: all views lie within the bytes that
 * were parsed, and a message gives the same result however it is cut.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/http_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void check_view(struct bytes view, struct bytes all)
{
    CHECK(view.data >= all.data && view.data + view.size <= all.data + all.size);
}

static void check_request(const struct http_request *request, struct bytes head)
{
    CHECK(request->field_count <= HTTP_FIELDS_MAX);
    CHECK(request->minor <= 1);
    CHECK(!(request->chunked && request->has_length));
    CHECK(request->path.size > 0);
    CHECK(request->path.data[0] == '/' || bytes_is(request->path, "*"));
    check_view(request->method_text, head);
    check_view(request->target, head);
    check_view(request->path, head);
    check_view(request->query, head);
    check_view(request->content_type, head);
    check_view(request->accept, head);
    check_view(request->head, head);
    for (size_t i = 0; i < request->field_count; i++) {
        check_view(request->fields[i].name, head);
        check_view(request->fields[i].value, head);
        CHECK(!memchr(request->fields[i].value.data, '\n', request->fields[i].value.size));
        CHECK(!memchr(request->fields[i].value.data, '\0', request->fields[i].value.size));
    }
}

static void fuzz_head(struct bytes data)
{
    static struct http_request whole;
    static struct http_request slow;
    const struct http_limits limits = {.request_line = 200, .head = 1000};
    enum http_parse result;
    enum http_parse again = HTTP_PARSE_MORE;
    size_t whole_size = 0;
    size_t size = 0;
    int whole_status = 0;
    int status = 0;
    const char *whole_reason = NULL;
    const char *reason = NULL;

    result = http_parse_head(data, 0, &limits, &whole, &whole_size, &whole_status, &whole_reason);
    if (result == HTTP_PARSE_DONE) {
        CHECK(whole_size <= data.size && whole_size <= limits.head);
        check_request(&whole, bytes_of(data.data, whole_size));
    }
    if (result == HTTP_PARSE_ERROR)
        CHECK(whole_status >= 400 && whole_status < 600 && whole_reason);
    for (size_t n = 0; n <= data.size && again == HTTP_PARSE_MORE; n++)
        again = http_parse_head(bytes_of(data.data, n), n ? n - 1 : 0, &limits, &slow, &size,
                                &status, &reason);
    CHECK(again == result);
    CHECK(result != HTTP_PARSE_DONE || size == whole_size);
    CHECK(result != HTTP_PARSE_DONE || slow.field_count == whole.field_count);
    CHECK(result != HTTP_PARSE_DONE || bytes_equal(slow.path, whole.path));
    CHECK(result != HTTP_PARSE_ERROR || (status == whole_status && reason == whole_reason));
}

/* A hash of the content, so that nothing need be kept. */
struct content {
    uint64_t hash;
    uint64_t size;
    size_t used;
    int status;
};

static void take(struct content *content, struct bytes data)
{
    for (size_t i = 0; i < data.size; i++)
        content->hash = (content->hash ^ data.data[i]) * 1099511628211u;
    content->size += data.size;
}

/* `past`: what is content for certain is not given to the decoder. */
static enum http_parse decode(struct bytes data, size_t step, bool past, struct content *ret)
{
    struct http_chunks chunks = {0};
    enum http_parse result = HTTP_PARSE_MORE;

    *ret = (struct content){.hash = 14695981039346656037u};
    while (ret->used < data.size && result == HTTP_PARSE_MORE) {
        size_t piece = data.size - ret->used < step ? data.size - ret->used : step;
        struct bytes content;
        uint64_t certain = http_chunks_content(&chunks);
        const char *reason;
        size_t used;

        if (past && certain) {
            used = certain < piece ? (size_t)certain : piece;
            http_chunks_skip(&chunks, used);
            take(ret, bytes_of(data.data + ret->used, used));
            ret->used += used;
            continue;
        }
        result = http_chunks_read(&chunks, bytes_of(data.data + ret->used, piece), &used, &content,
                                  &ret->status, &reason);
        CHECK(used <= piece);
        CHECK(result != HTTP_PARSE_MORE || used > 0);
        if (result == HTTP_PARSE_ERROR)
            CHECK(ret->status == 400 || ret->status == 431);
        check_view(content, bytes_of(data.data + ret->used, piece));
        take(ret, content);
        ret->used += used;
    }
    if (result != HTTP_PARSE_ERROR)
        ret->status = 0;
    return result;
}

static void fuzz_chunks(struct bytes data)
{
    struct content whole;
    struct content slow;
    enum http_parse result = decode(data, SIZE_MAX, false, &whole);

    CHECK(whole.size <= data.size);
    for (size_t step = 1; step < 8; step++) {
        CHECK(decode(data, step, step % 2, &slow) == result);
        CHECK(slow.hash == whole.hash && slow.size == whole.size);
        CHECK(slow.used == whole.used && slow.status == whole.status);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        fuzz_chunks(bytes_of(data + 1, size - 1));
    else
        fuzz_head(bytes_of(data + 1, size - 1));
    return 0;
}
