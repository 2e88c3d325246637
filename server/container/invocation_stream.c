#include "server/container/invocation_stream.h"

#include "base/text_tally.h"
#include "server/container/invocation_answer.h"
#include "server/container/invocation_stream_internal.h"

/* A block is full where less than this is free: what is received at a time is worth the call. */
#define ROOM_MIN ((size_t)16 * 1024)

/* Blocks. */

/* A spare block, or a new one: there are never more than the workers may have and one. */
static struct invocation_block *take_block(struct invocation_stream *stream)
{
    struct invocation_block *block;

    pthread_mutex_lock(&stream->lock);
    block = stream->spare;
    if (block)
        stream->spare = block->next;
    pthread_mutex_unlock(&stream->lock);
    if (!block)
        block = invocation_block_new(stream);
    if (!block)
        return NULL;
    block->next = NULL;
    block->done = false;
    buffer_clear(&block->text);
    return block;
}

static int reserve_text(struct invocation_stream *stream, struct invocation_block *block,
                        size_t more)
{
    size_t before = block->text.capacity;

    if (buffer_reserve(&block->text, more))
        return -1;
    stream->text_held += block->text.capacity - before;
    return 0;
}

void *invocation_stream_room(struct invocation_stream *stream, size_t *ret_size, uint64_t *ret_held)
{
    struct buffer *text;
    size_t most = stream->full;
    size_t room;
    size_t wanted;

    if (!stream->filling)
        stream->filling = take_block(stream);
    if (!stream->filling)
        return NULL;
    text = &stream->filling->text;
    /* of a body that may be small, small steps; a line that is longer than a block makes it grow */
    if (stream->request.length && text->capacity < most && text->size < most &&
        reserve_text(stream, stream->filling, most - text->size))
        return NULL;
    if (reserve_text(stream, stream->filling, ROOM_MIN < most ? ROOM_MIN : most))
        return NULL;
    room = text->capacity - text->size;
    wanted = most > text->size ? most - text->size : room;
    *ret_size = room < wanted ? room : wanted;
    pthread_mutex_lock(&stream->lock);
    *ret_held = stream->text_held + stream->results_held + stream->body.size +
                stream->predictions.rows * stream->predictions.columns * sizeof(float);
    pthread_mutex_unlock(&stream->lock);
    /* what a small body needs, in a block that an earlier one left */
    if (!stream->begun && *ret_held > 2 * (text->size + ROOM_MIN))
        *ret_held = 2 * (text->size + ROOM_MIN);
    return text->data + text->size;
}

/* White space before the body is no part of it. */
static void find_body(struct invocation_stream *stream)
{
    struct buffer *text = &stream->filling->text;
    struct bytes body = bytes_trim(bytes_of(text->data, text->size));
    size_t before = body.size ? (size_t)(body.data - (const uint8_t *)text->data) : text->size;

    memmove(text->data, text->data + before, text->size - before);
    text->size -= before;
    stream->found = body.size > 0;
}

/* Kernels score so many rows at a time; of so many rows the rest is worth to be kept back. */
#define BLOCK_ROWS_GROUP 64
#define BLOCK_ROWS_MANY  256

/* About how many bytes of the answer the rows of a block may become, were they as short as rows of
 * so many columns can be. */
#define RESULTS_MAX ((uint64_t)4 * 1024 * 1024)

/* Where rows are short and become many numbers, blocks are smaller than they would be. */
static size_t limit_block(const struct invocation_stream *stream, size_t size)
{
    uint64_t outputs = model_columns(stream->request.model, MODEL_VALUE);
    uint64_t most = RESULTS_MAX / (INVOCATION_NUMBER_ABOUT * outputs);

    if (stream->shape.columns < UINT32_MAX)
        most *= stream->shape.columns;
    if (most < ROOM_MIN)
        most = ROOM_MIN;
    return size < most ? size : (size_t)most;
}

/* The first line of the first block: what it tells of all others. */
static int begin(struct invocation_stream *stream, struct bytes block)
{
    const struct invocation_stream_request *request = &stream->request;
    const uint8_t *end = memchr(block.data, '\n', block.size);
    struct bytes line = bytes_of(block.data, end ? (size_t)(end - block.data) : block.size);
    struct err err = ERR_INIT;

    stream->line_size = line.size + 1;
    stream->shape = csv_shape_of(line, &stream->rules);
    csv_verdict_begin(&stream->verdict, &stream->shape);
    buffer_clear(&stream->message);
    stream->fits =
        policy_of(request->model)
            ->columns_fit(request->model, FORMAT_CSV, stream->shape.columns, &stream->message);
    stream->full = limit_block(stream, stream->streams->settings.block);
    stream->begun = true;
    return request->encoded ? encode_begin(&request->encoding, &stream->body, &err) : 0;
}

/* About how long so many bytes of so many rows take, in nanoseconds. */
static uint64_t cost_of(const struct invocation_stream *stream, uint64_t bytes, uint64_t rows)
{
    return 2 * bytes + (rows + 1) * stream->request.model->row_ns;
}

/* Whether the block takes longer than a callback may. Where its rows were not counted, they are
 * only if it could, were they as short as can be. */
static bool is_long(const struct invocation_stream *stream, const struct invocation_block *block)
{
    const uint64_t most = stream->streams->settings.step_ns;
    struct bytes text = bytes_of(block->text.data, block->size);

    if (block->rows)
        return cost_of(stream, text.size, block->rows) > most;
    return cost_of(stream, text.size, text.size / stream->shape.columns) > most &&
           cost_of(stream, text.size, text_tally_of(text, '\n', '\n').first) > most;
}

/* Whether the next block goes to the workers, for the first time or again. The body's rows are
 * taken to be as long as the first one. */
static bool wants_workers(const struct invocation_stream *stream,
                          const struct invocation_block *block)
{
    const struct invocation_streams_settings *settings = &stream->streams->settings;
    uint64_t length = stream->request.length ? stream->request.length : stream->received;

    if (!settings->workers || stream->used_workers)
        return settings->workers;
    return cost_of(stream, length, length / stream->line_size) > settings->inline_ns ||
           is_long(stream, block);
}

/* Behind the blocks that were cut before. Under the lock. */
static void append(struct invocation_stream *stream, struct invocation_block *block, bool last)
{
    *stream->last = block;
    stream->last = &block->next;
    stream->out++;
    stream->closed = last;
}

static enum invocation_stream_next score_here(struct invocation_stream *stream,
                                              struct invocation_block *block, bool last,
                                              struct invocation_scratch *scratch)
{
    invocation_block_score(block, scratch);
    pthread_mutex_lock(&stream->lock);
    append(stream, block, last);
    block->done = true;
    invocation_block_add(stream);
    pthread_mutex_unlock(&stream->lock);
    return last ? INVOCATION_STREAM_READY : INVOCATION_STREAM_MORE;
}

static enum invocation_stream_next hand_over(struct invocation_stream *stream,
                                             struct invocation_block *block, bool last)
{
    const struct invocation_streams_settings *settings = &stream->streams->settings;
    bool paused;

    if (!stream->used_workers && !workers_enter(settings->workers)) {
        block->next = stream->spare; /* no worker has the stream */
        stream->spare = block;
        return INVOCATION_STREAM_FULL;
    }
    pthread_mutex_lock(&stream->lock);
    if (stream->busy++ == 0 && stream->used_workers)
        workers_enter_again(settings->workers);
    append(stream, block, last);
    paused = !last && stream->out >= settings->blocks;
    stream->paused = paused;
    pthread_mutex_unlock(&stream->lock);
    stream->used_workers = true;
    stream->full = limit_block(stream, settings->worker_block);
    workers_submit(settings->workers, &block->job);
    if (last)
        return INVOCATION_STREAM_DEFERRED;
    return paused ? INVOCATION_STREAM_PAUSE : INVOCATION_STREAM_MORE;
}

/* Nothing is with the workers, and the block is small. */
static bool is_quick(struct invocation_stream *stream, const struct invocation_block *block)
{
    bool idle;

    pthread_mutex_lock(&stream->lock);
    idle = !stream->first;
    pthread_mutex_unlock(&stream->lock);
    return idle && !is_long(stream, block);
}

/* How much of the text, lines that are ended, becomes a block: not the last few rows of many, which
 * are scored with the next ones at less cost. *ret_rows: how many that are. */
static size_t find_cut(struct bytes text, uint64_t *ret_rows)
{
    uint64_t rows = text_tally_of(text, '\n', '\n').first;
    uint64_t rest = rows < BLOCK_ROWS_MANY ? 0 : rows % BLOCK_ROWS_GROUP;

    *ret_rows = rows - rest;
    for (; rest; rest--) {
        const uint8_t *before = memrchr(text.data, '\n', text.size - 1);

        text.size = (size_t)(before - text.data) + 1;
    }
    return text.size;
}

/* Cuts `size` bytes off the front of what is there: so many rows, or, if 0, they were not counted.
 */
static enum invocation_stream_next cut_block(struct invocation_stream *stream, size_t size,
                                             uint64_t rows, bool last,
                                             struct invocation_scratch *scratch)
{
    struct invocation_block *block = stream->filling;
    struct invocation_block *next = NULL;
    struct buffer *text = &block->text;
    size_t rest = text->size - size;

    block->first = !stream->begun;
    if (!stream->begun && begin(stream, bytes_of(text->data, size)))
        return INVOCATION_STREAM_NO_MEMORY;
    block->size = size;
    block->rows = rows;
    block->offset = stream->offset;
    if (!last) {
        next = take_block(stream);
        if (!next)
            return INVOCATION_STREAM_NO_MEMORY;
        next->next = NULL;
        if (reserve_text(stream, next, rest > stream->full ? rest : stream->full)) {
            invocation_block_free(next);
            return INVOCATION_STREAM_NO_MEMORY;
        }
        memcpy(next->text.data, text->data + size, rest);
        next->text.size = rest;
        stream->offset += size;
        line_cut_drop(&stream->cut, size);
    }
    stream->filling = next;
    if (!wants_workers(stream, block) || (last && is_quick(stream, block)))
        return score_here(stream, block, last, scratch);
    return hand_over(stream, block, last);
}

enum invocation_stream_next invocation_stream_arrived(struct invocation_stream *stream, size_t size,
                                                      bool last, struct invocation_scratch *scratch)
{
    struct buffer *text = &stream->filling->text;
    struct bytes all;
    uint64_t rows = 0;

    text->size += size;
    stream->received += size;
    if (!stream->found)
        find_body(stream);
    all = bytes_of(text->data, text->size);
    if (last && !stream->found)
        return INVOCATION_STREAM_BLANK;
    if (last)
        return cut_block(stream, line_cut_solid(all, 0), 0, true, scratch);
    line_cut_scan(&stream->cut, all);
    if (text->size + ROOM_MIN <= stream->full || stream->cut.whole == 0)
        return INVOCATION_STREAM_MORE;
    size = stream->cut.whole;
    if (!stream->used_workers) /* whose blocks have so many rows that it does not matter */
        size = find_cut(bytes_head(all, size), &rows);
    return cut_block(stream, size, rows, false, scratch);
}

struct bytes invocation_stream_body(const struct invocation_stream *stream)
{
    return bytes_text(stream->received ? " " : "");
}

const struct model *invocation_stream_model(const struct invocation_stream *stream)
{
    return stream->request.model;
}

void *invocation_stream_owner(const struct invocation_stream *stream)
{
    return stream->request.model_owner;
}

uint64_t invocation_stream_size(const struct invocation_stream *stream)
{
    return stream->received;
}

bool invocation_stream_used_workers(const struct invocation_stream *stream)
{
    return stream->used_workers;
}

/* The answer. */

/* False: answered otherwise than by predictions. */
static bool has_predictions(struct invocation_stream *stream, struct invocation_scratch *scratch,
                            const struct invocation_answer *answer)
{
    const struct policy *policy = policy_of(stream->request.model);
    int fault = csv_verdict_end(&stream->verdict);

    if (stream->err.kind != ERR_NONE)
        invocation_answer_failure(answer, &stream->err);
    else if (fault)
        invocation_answer_fault(answer, policy, FORMAT_CSV, &stream->verdict.fault,
                                &scratch->message);
    else if (!stream->fits)
        invocation_answer_columns(answer, policy, &stream->message);
    else
        return true;
    return false;
}

static void swap_buffers(struct buffer *a, struct buffer *b)
{
    struct buffer before = *a;

    *a = *b;
    *b = before;
}

/* Moves what the blocks made to where the answer is made of it. */
static bool take_results(struct invocation_stream *stream, struct invocation_scratch *scratch,
                         const struct invocation_answer *answer)
{
    struct predictions before = scratch->predictions;
    struct err err = ERR_INIT;

    if (!has_predictions(stream, scratch, answer))
        return false;
    if (!stream->request.encoded) {
        scratch->predictions = stream->predictions;
        stream->predictions = before;
    } else if (encode_end(&stream->request.encoding, &stream->body, &err)) {
        invocation_answer_no_memory(answer);
        return false;
    } else {
        swap_buffers(answer->body, &stream->body);
    }
    return true;
}

void invocation_stream_score(struct invocation_stream *stream, struct invocation_scratch *scratch,
                             struct buffer *body, struct invocation_result *ret, char *why,
                             size_t why_size)
{
    struct invocation_answer answer = {body, ret, why, why_size,
                                       stream->streams->settings.rules->strict};

    invocation_answer_begin(&answer);
    if (take_results(stream, scratch, &answer)) {
        ret->status = 200;
        ret->rows = stream->verdict.rows;
    }
}

void invocation_stream_answer(struct invocation_stream *stream, const struct invocation *request,
                              struct invocation_scratch *scratch, struct buffer *body,
                              struct invocation_result *ret, char *why, size_t why_size)
{
    struct invocation_answer answer = {body, ret, why, why_size,
                                       stream->streams->settings.rules->strict};

    invocation_answer_begin(&answer);
    if (take_results(stream, scratch, &answer))
        invocation_answer_predictions(&answer, stream->request.model,
                                      stream->streams->settings.rules, request,
                                      stream->request.encoded, stream->verdict.rows, scratch);
}
