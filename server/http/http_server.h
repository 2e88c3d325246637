#pragma once
/*
 * The HTTP server: event loops on libevent's plain events (the one place that includes libevent),
 * our own buffers, one request in flight per connection, pipelining in order. A loop owns a
 * connection from accept to close; a request may be finished by another thread
 * (http_exchange_finish), everything else happens on its loop.
 *
 * One thread accepts and hands descriptors to the loop with the fewest connections. Bounds:
 * connections (at the cap the listener rests and the kernel's backlog holds the others), request
 * line and head, body, bytes of bodies and responses in flight in the whole process (beyond: 503
 * and close). Deadlines are absolute and not moved by arriving bytes: head, body (plus size /
 * minimum rate), stalled write, idle connection.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/memory.h"
#include "server/http/http_message.h"

struct http_settings {
    const char *const *hosts; /* to listen on: IPv4, IPv6 (in brackets or not) or names */
    size_t host_count;
    uint16_t port; /* 0: the kernel chooses; the first address's choice serves the others */
    unsigned loops;
    unsigned connections; /* most at a time */
    struct http_limits limits;
    uint64_t body_max; /* bytes of a body */
    /* Bytes of bodies and responses in the process, and the most that one response may have. What
     * is small enough for the fixed buffers of a busy connection (4 KB of response; a body that
     * fits with its head in limits.head + 4 KB) does not count. */
    uint64_t in_flight_max;
    unsigned head_seconds;  /* first byte of a head to its last */
    unsigned body_seconds;  /* end of head to end of body, plus ... */
    unsigned body_rate;     /* ... one second for each this many bytes of body */
    unsigned write_seconds; /* no byte of the response taken */
    unsigned idle_seconds;  /* between requests, and from accept to the first byte */
    unsigned drain_seconds; /* after http_server_stop: then what is left is cut off */
};

struct http_exchange;

struct http_response {
    int status;
    const char *reason;       /* reason phrase; NULL: the usual one in upper case ("BAD REQUEST") */
    const char *content_type; /* static text; NULL: no such header */
    const char *allow;        /* Allow header, or NULL */
    const char *extra_headers; /* static text: further lines, each ended by "\r\n"; or NULL */
    char request_id[40];       /* x-request-id header, or "" */
    bool no_length;            /* no Content-Length (204) */
    bool close;                /* close the connection after it */
    struct buffer body;        /* empty at first; its memory is reused from request to request */
    const char *note;          /* static text: why, for the log of failed requests; or NULL */
    char log[256];             /* the same, formatted; "" where none */
};

enum http_action {
    HTTP_RESPOND,     /* the response is filled: send it */
    HTTP_READ_BODY,   /* go on; from `head`: collect the body, then call `request` */
    HTTP_STREAM_BODY, /* from `head` alone: give the body away as it arrives */
    HTTP_PAUSE,       /* from `arrived` alone: go on when http_exchange_resume was called */
    HTTP_DEFERRED,    /* http_exchange_finish will be called, by any thread */
};

/* Memory that the program lends for the next bytes of a body that it streams. */
struct http_room {
    void *data;    /* NULL: there is none; the request is refused with a 503 */
    size_t size;   /* at least 1 */
    uint64_t held; /* what the program holds for this request by now: counts as in flight */
};

/*
 * What the server asks of the program. All but `room` and `done` fill exchange->response. `loop` is
 * the index of the calling loop: for per-thread scratch.
 *
 * A body that `head` wants streamed is received straight into the program's memory: `room` is
 * asked for some, `arrived` told how much of it was filled, and so on to the end. A body of known
 * length for which there is room behind its head, in the server's own memory, is no stream: it goes
 * to `request`.
 */
struct http_handler {
    void *self;
    /* The head is there; the body was not read. Refuse here what can be refused (404, 405, 413). A
     * length above body_max is refused after it. */
    enum http_action (*head)(void *self, struct http_exchange *exchange, unsigned loop);
    /* The whole body is there. HTTP_RESPOND or HTTP_DEFERRED. */
    enum http_action (*request)(void *self, struct http_exchange *exchange, unsigned loop);
    /* Where to put what comes next; used until the next call of `arrived`, which need not follow.
     * NULL where `head` never says HTTP_STREAM_BODY. */
    struct http_room (*room)(void *self, struct http_exchange *exchange, unsigned loop);
    /* `size` bytes are where `room` said; 0 only with `last`, which says that they are the last
     * ones. HTTP_READ_BODY or HTTP_PAUSE before the last, HTTP_DEFERRED at the last; HTTP_RESPOND
     * at any time, which before the last closes the connection with the rest unread. */
    enum http_action (*arrived)(void *self, struct http_exchange *exchange, unsigned loop,
                                size_t size, bool last);
    /* The server refuses on its own: a head that is not HTTP, a limit, a deadline. status and why
     * (static text) are given; fill the page. The connection is closed after it. It can come after
     * `head` and `arrived` (user is as they left it, the response is empty again), never after
     * `request`, the last `arrived`, or between a pause and its end. */
    void (*refuse)(void *self, struct http_exchange *exchange, int status, const char *why);
    /* The exchange ends: the response was handed to the kernel, or the client went away before that
     * (sent is false). Once for each exchange, refused ones included; the request's views still
     * hold. */
    void (*done)(void *self, struct http_exchange *exchange, unsigned loop, bool sent);
};

struct http_exchange {
    /* Without a parsed head (refuse): field_count 0, method_text empty. */
    struct http_request request;
    struct http_response response;
    char peer[64];       /* "192.0.2.1" or "2001:db8::1" */
    uint64_t started_ns; /* CLOCK_MONOTONIC when the head was complete */
    uint64_t sent_bytes; /* of the response, head included: for `done` */
    void *user;          /* the program's, NULL when a request begins */
};

struct http_counters {
    uint64_t connections_open;
    uint64_t connections_accepted;
    uint64_t requests;
    uint64_t refused; /* answered by the server on its own */
    uint64_t timeouts;
    uint64_t in_flight_bytes;
};

struct http_server;

/* Binds and listens on every address, accepts nothing yet. The error says which address and, for a
 * port in use or a privileged one, what to do. */
int http_server_new(const struct http_settings *settings, const struct http_handler *handler,
                    struct http_server **ret, struct err *err) MUST_CHECK;

/* "0.0.0.0:8080", "[::]:8080" of listener i; NULL beyond the last. */
const char *http_server_address(const struct http_server *server, size_t i);

/* Starts the loops' threads and accepts. */
int http_server_start(struct http_server *server, struct err *err) MUST_CHECK;

/* Signals that the process waits for are delivered to on_signal on the thread that runs
 * http_server_run, which returns when a drain that http_server_stop began has ended. They are
 * caught from its call to its return only, and are blocked in the threads that the server starts.
 * on_ready (or NULL) is called once they are caught: nothing sent after it is lost. */
int http_server_run(struct http_server *server, const int *signals, size_t signal_count,
                    void (*on_ready)(void *self), void (*on_signal)(void *self, int signal),
                    void *self, struct err *err) MUST_CHECK;

/* Stop accepting, close idle connections, finish what is in flight (with "Connection: close"), then
 * let http_server_run return. From any thread, and from a signal handler. */
void http_server_stop(struct http_server *server);

void http_server_counters(const struct http_server *server, struct http_counters *ret);

/* After http_server_run; without it, stops and drains first. Every deferred exchange must have been
 * finished, so free the workers before. NULL is fine. */
void http_server_free(struct http_server *server);

/* A deferred request's response is filled: send it. Any thread, once per HTTP_DEFERRED. */
void http_exchange_finish(struct http_exchange *exchange);

/* A paused request can take more of its body. Any thread, once per HTTP_PAUSE: the exchange stays
 * until then, even where the client is gone. The time of a pause is not the client's: it does not
 * count against the deadline of the body. */
void http_exchange_resume(struct http_exchange *exchange);
