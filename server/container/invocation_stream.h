#pragma once
/*
 * A scoring request whose body is scored as it arrives, in blocks of whole lines: memory does not
 * grow with the body, and several workers take blocks of one body. The answer is invocation_run's
 * of the whole body, to the byte. Knows no socket.
 *
 * Streamed is text/csv. The other formats are collected: application/json is one document, and of
 * JSON Lines, RecordIO and libsvm decoder_continue tells each piece's faults, where the original
 * tells of the whole body's one: a record that cannot be read comes before an infinity or rows that
 * do not fit together, however far behind these it stands. Nor is it known before the end what the
 * rows are together: dense or sparse, how wide, and of libsvm where indices begin.
 *
 * One thread, the loop that receives the body, calls everything but what is said to be the
 * workers'.
 *
 *   stream = invocation_stream_new(streams, &request)
 *   while (...) { room = invocation_stream_room(stream); receive; invocation_stream_arrived(...); }
 *   invocation_stream_free(stream)          at any time, also while workers have blocks of it
 *
 * Where the work is done. Blocks are scored where they are received while that is cheap: a block's
 * estimated cost is within INVOCATION_INLINE_NS, and the body's (by its length, or, where that is
 * not known, by what came so far) within INVOCATION_STREAM_INLINE_NS. Else they are handed to the
 * workers, at most settings.blocks of one request at a time; then the body is paused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "models/model.h"
#include "server/container/invocations.h"
#include "server/formats/encode.h"
#include "server/workers.h"

/* A body that is known to be no longer is not worth a stream: it fits in what the HTTP server has
 * for a request's head. */
#define INVOCATION_STREAM_MIN ((size_t)16 * 1024)

/* Text of a block that is scored where it is received, and of one that is handed over; more where a
 * line is longer. */
#define INVOCATION_STREAM_BLOCK            ((size_t)128 * 1024)
#define INVOCATION_STREAM_WORKER_BLOCK     ((size_t)256 * 1024)
#define INVOCATION_STREAM_WORKER_BLOCK_MIN ((size_t)32 * 1024) /* where little may be in flight */

/*
 * Estimated nanoseconds of a body up to which it is scored on the loop, a block a callback.
 * Measured (100 trees of depth 6, 30 features, AVX-512 VBMI, one core of an EPYC; median CPU time
 * of the server and of server and client per request, microseconds):
 *
 *     rows (bytes)           1000 (215 K)  2500 (537 K)  5000 (1.1 M)  10000 (2.1 M)
 *     on the loop               145  205      346  447      761   981     1687  2035
 *     by a worker               169  234      364  477      723  1034     1430  1860
 *     collected, by a worker    166  224      382  567      741  1064     1458  2015
 *     estimate                       530          1320          2650            5300
 *
 * So a hand-over costs 20 to 30 us, which no longer counts at half a millisecond of work; from
 * there on it is better that other cores can help and that the loop is free.
 */
#define INVOCATION_STREAM_INLINE_NS 1500000

/* Of a request, that workers may have at a time. */
#define INVOCATION_STREAM_BLOCKS_MAX 16

struct invocation_streams; /* what the requests of a server share */
struct invocation_stream;

struct invocation_streams_settings {
    struct workers *workers; /* NULL: all blocks are scored where they are received */
    unsigned blocks;         /* of a request, that workers may have at a time; at least 2 */
    size_t answer_max;       /* bytes of an answer */
    uint64_t inline_ns;      /* the four as above, but for tests: of a body, */
    uint64_t step_ns;        /* and of a block */
    size_t block;
    size_t worker_block;
    const struct invocation_rules *rules;
    struct invocation_scratch *scratches; /* by worker */

    /* Called by workers. resume: after INVOCATION_STREAM_PAUSE, once: there is room again. finish:
     * after INVOCATION_STREAM_DEFERRED, once: everything is scored, invocation_stream_answer. Both
     * are the last that the worker does with the stream, which may be gone then. */
    void (*resume)(void *self, void *owner);
    void (*finish)(void *self, void *owner, unsigned worker);
    /* Any thread: the request's model is not needed any more. */
    void (*release)(void *self, void *model_owner);
    void *self;
};

/* settings.blocks for so many workers: enough that none waits while the loop, which shares the
 * processors with them, does not run. */
static inline unsigned invocation_stream_blocks(unsigned workers)
{
    return workers < INVOCATION_STREAM_BLOCKS_MAX / 4 ? 4 * workers + 2
                                                      : INVOCATION_STREAM_BLOCKS_MAX;
}

int invocation_streams_new(const struct invocation_streams_settings *settings,
                           struct invocation_streams **ret, struct err *err) MUST_CHECK;

/* Releases the models of streams that are still there: after the workers and all loops have ended,
 * where models are to go before the streams do. NULL is fine. */
void invocation_streams_release(struct invocation_streams *streams);

/* After all streams and the workers. NULL is fine. */
void invocation_streams_free(struct invocation_streams *streams);

/* Whether the body of such a request to such a model is streamed, whatever its length; then also
 * what it is. */
bool invocation_stream_takes(const struct model *model, const struct invocation_rules *rules,
                             const struct invocation *request, struct request_type *ret);

struct invocation_stream_request {
    const struct model *model; /* stays until `release` */
    struct request_type type;  /* as invocation_stream_takes told */
    bool encoded;              /* false: predictions are kept */
    struct encoding encoding;  /* of the answer */
    uint64_t length;           /* of the body; 0: not known */
    void *owner;               /* for resume and finish */
    void *model_owner;         /* for release, called where the result is not NULL */
};

/* NULL: no memory. */
struct invocation_stream *invocation_stream_new(struct invocation_streams *streams,
                                                const struct invocation_stream_request *request);

/* Lets go of the model as soon as no worker has a block. NULL is fine. */
void invocation_stream_free(struct invocation_stream *stream);

/* Memory for what comes next, NULL where there is none; *ret_size bytes, at least 1. *ret_held: the
 * bytes that the stream holds by now. */
void *invocation_stream_room(struct invocation_stream *stream, size_t *ret_size,
                             uint64_t *ret_held);

enum invocation_stream_next {
    INVOCATION_STREAM_MORE,     /* go on */
    INVOCATION_STREAM_PAUSE,    /* go on after `resume` */
    INVOCATION_STREAM_DEFERRED, /* the body has ended, `finish` follows */
    INVOCATION_STREAM_READY,    /* the body has ended and is scored: invocation_stream_answer */
    INVOCATION_STREAM_BLANK,    /* the body has ended, and nothing but white space has come:
                                 * invocation_stream_body */
    INVOCATION_STREAM_FULL,     /* too many requests wait for the workers: answer 503 */
    INVOCATION_STREAM_NO_MEMORY,
};

/* `size` bytes are where invocation_stream_room said; `last`: there are no more. */
enum invocation_stream_next invocation_stream_arrived(struct invocation_stream *stream, size_t size,
                                                      bool last,
                                                      struct invocation_scratch *scratch);

/* After INVOCATION_STREAM_BLANK: what is as good as the body that came, empty or not. */
struct bytes invocation_stream_body(const struct invocation_stream *stream);

const struct model *invocation_stream_model(const struct invocation_stream *stream);
void *invocation_stream_owner(const struct invocation_stream *stream); /* the model's */

/* Bytes that arrived, and whether workers were asked. */
uint64_t invocation_stream_size(const struct invocation_stream *stream);
bool invocation_stream_used_workers(const struct invocation_stream *stream);

/*
 * The answer, as invocation_score's: 200 leaves the predictions in scratch->predictions, or, with
 * an encoding, the answer's body in `body`; ret->rows says how many. Once; any thread, but no other
 * call at the same time.
 */
void invocation_stream_score(struct invocation_stream *stream, struct invocation_scratch *scratch,
                             struct buffer *body, struct invocation_result *ret, char *why,
                             size_t why_size);

/* As invocation_run's: after it was made with invocation_parts. */
void invocation_stream_answer(struct invocation_stream *stream, const struct invocation *request,
                              struct invocation_scratch *scratch, struct buffer *body,
                              struct invocation_result *ret, char *why, size_t why_size);
