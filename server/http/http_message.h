#pragma once
/*
 * HTTP/1.1 messages on the wire: a strict parser over a buffer (RFC 9112), without state of its
 * own. What could be read in two ways is refused. All views point into the buffer that was parsed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define HTTP_FIELDS_MAX     100  /* header fields a request may have; more: 431 */
#define HTTP_CHUNK_LINE_MAX 256  /* bytes of a chunk's first line, extension included; more: 400 */
#define HTTP_TRAILER_MAX    4096 /* bytes of trailers, read and dropped; more: 431 */

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_PATCH,
    HTTP_TRACE,
    HTTP_METHOD_OTHER, /* a token that is none of these */
};

struct http_field {
    struct bytes name;
    struct bytes value; /* without surrounding spaces and tabs */
};

struct http_request {
    enum http_method method;
    struct bytes method_text;
    struct bytes target; /* as sent */
    struct bytes path;   /* of the target, without query; of an absolute target too; not decoded.
                          * Begins with '/', or is "*" (OPTIONS) */
    struct bytes query;  /* after '?', empty where none */
    unsigned minor;      /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;     /* what the client wants, by version and Connection */
    bool chunked;
    bool has_length;
    bool expect_continue;
    uint64_t content_length;
    bool has_content_type;
    struct bytes content_type;
    bool has_accept;
    struct bytes accept; /* of the first such field */
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t field_count;
    struct bytes head; /* the bytes parsed, request line to blank line */
    struct bytes body; /* set when the whole body is there */
};

struct http_limits {     /* each far below SIZE_MAX */
    size_t request_line; /* bytes, without its end; more: 414 */
    size_t head;         /* bytes of the whole head; more: 431 */
};

enum http_parse {
    HTTP_PARSE_DONE,
    HTTP_PARSE_MORE,  /* not all there yet */
    HTTP_PARSE_ERROR, /* *ret_status, *ret_reason: answer and close */
};

/* Reads one request head from the front of `data`. `seen` is how many bytes of it an earlier call
 * already found to hold no end (0 at first): a slow sender does not make parsing quadratic.
 * *ret_size: bytes of the head, up to two leading empty lines included. Status 400 (also a
 * Transfer-Encoding other than chunked), 414, 431, 505, 417 (an Expect other than 100-continue).
 * The reason is static text, one line for the log and the body. Neither result nor reason depends
 * on how the bytes were cut into calls. *ret has valid contents only after DONE. */
enum http_parse http_parse_head(struct bytes data, size_t seen, const struct http_limits *limits,
                                struct http_request *ret, size_t *ret_size, int *ret_status,
                                const char **ret_reason);

/* The value of the first field of that name, any case; false where absent. */
bool http_field(const struct http_request *request, const char *name, struct bytes *ret);

/*
 * The chunked coding, decoded as it arrives. Feed http_chunks_read with what is there; it tells
 * what it consumed and what part of that is data.
 */
struct http_chunks {
    uint64_t left;  /* data bytes left in this chunk */
    unsigned state; /* all members 0 to begin with */
    unsigned line;  /* bytes of a size's line so far */
    size_t trailer; /* bytes of trailers so far, the empty line that ends them included */
};

/* Consumes at most one run: *ret_used bytes, of which *ret_data (a view, perhaps empty) is content.
 * DONE: the last chunk and the trailers were read, what follows is the next request's. MORE: call
 * again with the bytes behind the used ones; where there are none, nothing need be kept. Right
 * after a size was read, `left` tells what the chunk will be. ERROR: 400, or 431 for trailers. */
enum http_parse http_chunks_read(struct http_chunks *chunks, struct bytes data, size_t *ret_used,
                                 struct bytes *ret_data, int *ret_status, const char **ret_reason);

/* How many of the bytes that come next are content for certain: 0 unless it is in a chunk's data.
 * So many at most may be read past http_chunks_read, and told to http_chunks_skip. */
uint64_t http_chunks_content(const struct http_chunks *chunks);
void http_chunks_skip(struct http_chunks *chunks, size_t size);
