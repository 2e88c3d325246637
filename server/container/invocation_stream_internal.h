#pragma once
/*
 * What the files of a stream share.
 *
 *     invocation_streams.c  life: streams that are in use, and those that wait for the next request
 *     invocation_stream.c   the loop's part: the body is cut into blocks; the answer
 *     invocation_block.c    blocks: decoded, scored and encoded, by whichever thread, and put
 *                           together in the order of the body
 */

#include <pthread.h>

#include "server/container/invocation_stream.h"
#include "server/formats/csv_stream.h"
#include "server/formats/line_cut.h"

/* Bytes of a number in the answer, about. */
#define INVOCATION_NUMBER_ABOUT 20

struct invocation_block {
    struct worker_job job; /* first: run_block finds the block by it */
    struct invocation_block *next;
    struct invocation_stream *stream;
    struct buffer text; /* `size` of it are the block, the rest is in the next one, too */
    size_t size;
    uint64_t offset; /* in the body without the white space before it */
    bool first;      /* it has the body's first row */
    uint64_t rows;
    bool done; /* the rest is set: */
    struct decode_fault fault;
    struct err err; /* scoring failed */
    struct predictions predictions;
    struct buffer out; /* with an encoding: the rows of the answer */
    size_t held;       /* the last two's memory, as far as it is counted in results_held */
};

struct invocation_stream {
    struct invocation_streams *streams;
    struct invocation_stream_request request; /* constant, as the next three from `begun` on */
    struct decode_rules rules;
    struct csv_shape shape;
    bool fits; /* the columns, or `message` says that they do not */
    struct buffer message;

    /* The loop's. */
    struct invocation_block *filling;
    struct line_cut cut; /* of its text */
    uint64_t received;
    uint64_t offset;    /* of filling's text in the body without the white space before it */
    uint64_t text_held; /* all blocks' text */
    size_t full;        /* text that makes a block */
    size_t line_size;   /* of the first line */
    bool found;         /* something other than white space has come */
    bool begun;         /* the first block was cut */
    bool used_workers;

    pthread_mutex_t lock;           /* guards what follows */
    struct invocation_block *first; /* cut off, not put together yet, in the body's order */
    struct invocation_block **last; /* where the next one goes */
    unsigned out;                   /* how many these are */
    struct invocation_block *spare;
    unsigned busy; /* blocks that workers have */
    bool paused;
    bool closed; /* the last block was cut */
    bool gone;   /* nobody wants an answer any more */
    struct csv_verdict verdict;
    struct err err; /* the first that a block had */
    struct predictions predictions;
    struct buffer body;
    uint64_t results_held;

    /* Under the lock of `streams`. */
    struct invocation_stream *next; /* in the pool, or among those in use */
    struct invocation_stream *previous;
    bool released; /* the model */
    size_t held;   /* by its blocks, in the pool */
};

struct invocation_streams {
    struct invocation_streams_settings settings;
    pthread_mutex_t lock; /* guards what follows */
    struct invocation_stream *in_use;
    struct invocation_stream *pool;
    size_t pool_bytes;
};

/* invocation_streams.c */
void invocation_stream_recycle(struct invocation_stream *stream);

/* invocation_block.c */
struct invocation_block *invocation_block_new(struct invocation_stream *stream);
void invocation_block_free(struct invocation_block *block);
size_t invocation_block_results(const struct invocation_block *block);
void invocation_block_score(struct invocation_block *block, struct invocation_scratch *scratch);
void invocation_block_add(struct invocation_stream *stream);
void invocation_block_run(struct worker_job *job, unsigned worker);
