#pragma once
/*
 * What the files of the HTTP server share.
 *
 *     http_server.c      settings, start, signals, stop, counters
 *     http_listener.c    addresses, accepting, the cap on connections
 *     http_loop.c        a loop's thread: hand-over from other threads, deadlines, the date
 *     http_frame.c       what a request needs, kept for the next one; begin and end of an exchange
 *     http_connection.c  a connection: events, bytes in, heads
 *     http_body.c        bodies that are collected
 *     http_stream.c      bodies that the program takes as they arrive
 *     http_response.c    bytes out, and the end of a connection
 *
 * A connection is small. What a request needs (its exchange, the buffers in and out) is a frame,
 * which a connection has only while there are unread bytes or a request is in flight; frames are
 * taken from and given back to the loop, last in first out. So ten thousand idle connections hold
 * no buffers, and a few busy ones share one that stays in the cache.
 *
 * Everything is the loop's own and touched by its thread alone, but for what is marked: atomic
 * members, and the inbox under its lock.
 */

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "server/http/http_server.h"

#define HTTP_READ_QUANTUM   ((size_t)64 * 1024)  /* bytes read from a connection per callback */
#define HTTP_WRITE_QUANTUM  ((size_t)256 * 1024) /* bytes written per callback */
#define HTTP_PIPELINE_MAX   16                   /* requests of a connection per callback */
#define HTTP_IN_SLACK       ((size_t)4096)       /* of a frame's `in`, beyond the largest head */
#define HTTP_OUT_SIZE       4096 /* a response up to this size is copied, sent at once */
#define HTTP_KEEP_LARGE     ((size_t)64 * 1024)  /* buffers above are not kept for long */
#define HTTP_LOOP_KEEP_MAX  ((size_t)32 << 20)   /* all buffers of a loop's unused frames */
#define HTTP_LINGER_BYTES   ((uint64_t)64 << 20) /* read and dropped after an early response */
#define HTTP_LINGER_SECONDS 5
#define HTTP_TICK_MS        500 /* how often deadlines are looked at */
#define HTTP_NEVER          UINT64_MAX

enum http_phase {
    HTTP_PHASE_IDLE,     /* between requests; no byte of the next one was looked at */
    HTTP_PHASE_HEAD,     /* part of a head is there */
    HTTP_PHASE_BODY,     /* the head is there, part of the body is missing */
    HTTP_PHASE_DEFERRED, /* another thread has the exchange, for good or during a pause */
    HTTP_PHASE_WRITE,    /* the kernel did not take the whole response yet */
    HTTP_PHASE_LINGER,   /* answered and shut down; the client may still be sending */
    HTTP_PHASE_DEAD,     /* closed while deferred: kept for http_exchange_finish */
};

/* Where the body of a request goes. */
enum http_body_mode {
    HTTP_BODY_IN_PLACE, /* stays behind its head in `in` */
    HTTP_BODY_BUFFER,   /* of known length, into `body` */
    HTTP_BODY_CHUNKED,  /* decoded from `in` into `body` */
    HTTP_BODY_STREAM,   /* into the program's memory; chunked where the request is */
};

struct http_frame {
    struct http_exchange exchange; /* first: http_exchange_finish finds the frame by it */
    struct http_loop *loop;
    struct http_connection *connection;
    struct http_frame *next; /* in the loop's pool, or in its inbox */

    /* Input: in[at..end) is unread; a request in flight keeps what its views need before `at`. */
    size_t at;
    size_t end;
    size_t seen;      /* bytes from `at` on that hold no end of a head */
    size_t head_size; /* of the request in flight */
    enum http_body_mode body_mode;
    struct http_chunks chunks;
    struct buffer body;
    uint64_t charged;   /* bytes of the process's budget */
    uint64_t streamed;  /* HTTP_BODY_STREAM: content so far */
    uint64_t paused_at; /* when the pause began */
    uint64_t paused_ns; /* all pauses that have ended */
    bool paused;        /* waits for http_exchange_resume */

    bool live;   /* an exchange began: the handler's `done` is owed */
    bool unread; /* part of the request was not and will not be read */
    bool failed; /* the server refused: the connection cannot go on */
    bool close;  /* after this response */

    /* Output: out[0..out_size) and then, unless it was copied there, response.body. */
    size_t out_size;
    size_t out_sent;
    size_t body_out;
    char out[HTTP_OUT_SIZE];

    uint8_t in[]; /* server->in_size bytes */
};

struct http_connection {
    struct http_connection *next; /* in the loop's list, or in its inbox */
    struct http_connection *previous;
    struct http_connection *next_again;
    struct http_loop *loop;
    struct http_frame *frame; /* NULL while idle */
    uint64_t deadline;        /* CLOCK_MONOTONIC ns, HTTP_NEVER */
    uint64_t lingered;        /* bytes dropped in HTTP_PHASE_LINGER */
    int fd;                   /* -1 when dead */
    enum http_phase phase;
    bool reading; /* which events are pending */
    bool writing;
    bool ended; /* the client will send no more */
    bool again; /* in the loop's list of those to go on with */
    struct event read_event;
    struct event write_event;
    char peer[INET6_ADDRSTRLEN];
};

/* One writer, any reader. */
struct http_loop_counters {
    _Atomic uint64_t requests;
    _Atomic uint64_t refused;
    _Atomic uint64_t timeouts;
};

struct http_loop {
    struct http_server *server;
    unsigned index;
    pthread_t thread;
    bool has_thread;
    struct event_base *base;
    struct event *wake_event;
    struct event *tick_event;
    struct event *again_event;
    int wake_fd; /* eventfd */

    struct http_connection *connections;
    struct http_connection *again; /* connections with more to do that let others go first */
    struct http_frame *pool;
    size_t pool_count;
    size_t pool_low;  /* smallest pool_count since the last tick: frames nobody needed */
    size_t pool_kept; /* bytes of buffers that frames of the pool hold */
    bool used_large;  /* a request needed a large buffer since the last tick */
    bool ticking;
    bool stopping;
    bool cut; /* the drain took too long: what is left was closed */
    uint64_t stop_deadline;

    uint64_t now;        /* the last time that was asked for */
    uint64_t date_until; /* when the line below is out of date */
    char date[40];       /* "Date: ...\r\n" */
    size_t date_size;

    struct http_loop_counters counters;
    _Atomic unsigned open; /* connections; the acceptor reads it */

    pthread_mutex_t lock; /* guards the inbox: */
    struct http_connection *arrived;
    struct http_frame *finished;
    bool left; /* the thread takes no more */
};

struct http_listener {
    int fd;
    struct event *event;
    char address[80]; /* as http_server_address gives it */
};

struct http_server {
    struct http_settings settings; /* hosts is NULL */
    struct http_handler handler;
    size_t in_size; /* of every frame's `in` */
    struct http_loop *loops;
    unsigned loop_count; /* initialised ones */

    /* The acceptor's, which is loop 0. */
    struct http_listener *listeners;
    size_t listener_count;
    struct event *accept_event; /* to go on after descriptors ran out */
    bool accepting;             /* the listeners' events are pending */
    bool starved;               /* descriptors ran out */
    unsigned next_loop;
    uint64_t log_after; /* CLOCK_MONOTONIC: when trouble may be logged again */

    _Atomic bool capped; /* the listeners rest until a connection closes */
    _Atomic bool stopping;
    _Atomic unsigned open;
    _Atomic uint64_t accepted;
    _Atomic uint64_t in_flight;

    _Atomic unsigned loops_left; /* loops that still run */
    int drained_fd;              /* eventfd: no loop runs any more */
    bool started;
};

static inline uint64_t http_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t http_seconds(uint64_t seconds)
{
    return seconds < UINT32_MAX ? seconds * 1000000000u : UINT64_MAX / 4;
}

/* Input that nobody has read yet. */
static inline struct bytes http_unread(const struct http_frame *frame)
{
    return bytes_of(frame->in + frame->at, frame->end - frame->at);
}

/* A counter with one writer: no locked instruction. */
static inline void http_count(_Atomic uint64_t *counter)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

/* What is to happen with a connection next. */
enum http_next {
    HTTP_NEXT_REQUEST, /* idle, perhaps with unread bytes: go on */
    HTTP_NEXT_WAIT,    /* an event or another thread will go on */
    HTTP_NEXT_GONE,    /* it is no more; do not touch it */
};

/* http_listener.c */
int http_listeners_open(struct http_server *server, const char *const *hosts, size_t count,
                        struct err *err) MUST_CHECK;
int http_listeners_start(struct http_server *server, struct err *err) MUST_CHECK;
void http_listeners_check(struct http_server *server); /* after a wake-up: accept again? */
void http_listeners_stop(struct http_server *server);  /* takes what waits, closes */
void http_listeners_fini(struct http_server *server);

/* http_loop.c */
int http_loop_init(struct http_loop *loop, struct http_server *server, unsigned index,
                   struct err *err) MUST_CHECK;
int http_loop_start(struct http_loop *loop, struct err *err) MUST_CHECK;
void http_loop_wake(struct http_loop *loop);                                     /* any thread */
bool http_loop_give(struct http_loop *loop, struct http_connection *connection); /* acceptor */
void http_loop_again(struct http_loop *loop, struct http_connection *connection);
void http_loop_link(struct http_loop *loop, struct http_connection *connection);
void http_loop_unlink(struct http_loop *loop, struct http_connection *connection);
const char *http_loop_date(struct http_loop *loop, size_t *ret_size);
void http_loop_fini(struct http_loop *loop);

/* http_frame.c */
struct http_frame *http_loop_take_frame(struct http_loop *loop);
void http_loop_return_frame(struct http_loop *loop, struct http_frame *frame);
void http_loop_trim(struct http_loop *loop);
void http_frame_free(struct http_frame *frame);
bool http_charge(struct http_frame *frame, uint64_t bytes);
void http_exchange_begin(struct http_frame *frame, bool parsed);
void http_exchange_end(struct http_frame *frame, bool sent);
void http_response_reset(struct http_response *response);

/* http_connection.c */
void http_connection_start(struct http_loop *loop, struct http_connection *connection);
void http_connection_readable(evutil_socket_t fd, short what, void *connection);
void http_connection_proceed(struct http_connection *connection);
void http_connection_finished(struct http_connection *connection);
void http_connection_expire(struct http_connection *connection);
void http_connection_ended(struct http_connection *connection);
void http_connection_troubled(struct http_connection *connection, int error);
void http_connection_drop(struct http_connection *connection);
void http_connection_free(struct http_connection *connection);
int http_connection_watch(struct http_connection *connection, bool reading, bool writing);

/* http_body.c */
uint64_t http_body_deadline(const struct http_frame *frame, uint64_t size);
const char *http_chunk_refusal(const struct http_frame *frame, uint64_t size, size_t more);
enum http_next http_body_start(struct http_connection *connection, bool stream);
enum http_next http_body_continue(struct http_connection *connection);
enum http_next http_body_finish(struct http_connection *connection, struct bytes body);
bool http_body_receive(struct http_connection *connection);

/* http_stream.c */
enum http_next http_stream_continue(struct http_connection *connection);
bool http_stream_receives(const struct http_frame *frame);
enum http_next http_stream_receive(struct http_connection *connection);
enum http_next http_stream_resume(struct http_connection *connection);

/* http_response.c */
enum http_next http_respond(struct http_connection *connection);
enum http_next http_refuse(struct http_connection *connection, int status, const char *why);
enum http_next http_write(struct http_connection *connection);
void http_linger(struct http_connection *connection);
