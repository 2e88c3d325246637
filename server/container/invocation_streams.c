/*
 * Streams that are not in use, and the making and unmaking of those that are.
 */
#include "server/container/invocation_stream.h"

#include "server/container/invocation_stream_internal.h"
#include "server/container/policy.h"

/* Memory that is kept for the next requests: of all streams together, of one of its blocks, of a
 * block's results, of any other buffer. */
#define POOL_BYTES      ((size_t)4 * 1024 * 1024)
#define KEEP_BLOCK_TEXT INVOCATION_STREAM_WORKER_BLOCK
#define KEEP_RESULTS    ((size_t)256 * 1024)
#define KEEP_BUFFER     ((size_t)64 * 1024)

static void free_blocks(struct invocation_block *block)
{
    while (block) {
        struct invocation_block *next = block->next;

        invocation_block_free(block);
        block = next;
    }
}

static struct invocation_stream *new_stream(struct invocation_streams *streams)
{
    struct invocation_stream *stream = mem_zero(1, sizeof(*stream));

    if (!stream)
        return NULL;
    stream->streams = streams;
    pthread_mutex_init(&stream->lock, NULL);
    buffer_init(&stream->message, SIZE_MAX);
    decode_fault_init(&stream->verdict.fault);
    predictions_init(&stream->predictions);
    buffer_init(&stream->body, streams->settings.answer_max);
    stream->last = &stream->first;
    return stream;
}

static void free_stream(struct invocation_stream *stream)
{
    free_blocks(stream->spare);
    buffer_fini(&stream->message);
    decode_fault_fini(&stream->verdict.fault);
    predictions_fini(&stream->predictions);
    buffer_fini(&stream->body);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

static void trim(struct buffer *buffer, size_t most)
{
    buffer_clear(buffer);
    if (buffer->capacity > most)
        buffer_fini(buffer);
}

static void trim_predictions(struct predictions *predictions, size_t most)
{
    predictions_clear(predictions);
    if (predictions->capacity * sizeof(float) > most)
        predictions_fini(predictions);
}

/* All blocks become spare ones, of which none stays large, and no more than have `most` bytes.
 * Returns the bytes that they have. */
static size_t gather_blocks(struct invocation_stream *stream, size_t most)
{
    struct invocation_block **link = &stream->spare;
    size_t bytes = 0;

    *stream->last = stream->filling ? stream->filling : stream->spare;
    if (stream->filling)
        stream->filling->next = stream->spare;
    stream->spare = stream->first;
    stream->filling = NULL;
    stream->first = NULL;
    stream->last = &stream->first;
    for (; *link; link = &(*link)->next) {
        struct invocation_block *block = *link;
        size_t more;

        trim(&block->text, KEEP_BLOCK_TEXT);
        trim(&block->out, KEEP_RESULTS);
        trim(&block->fault.message, KEEP_BUFFER);
        trim_predictions(&block->predictions, KEEP_RESULTS);
        more = block->text.capacity + invocation_block_results(block);
        if (bytes + more > most) {
            free_blocks(block);
            *link = NULL;
            break;
        }
        bytes += more;
    }
    return bytes;
}

/* Under the lock. */
static void link_stream(struct invocation_stream *stream)
{
    struct invocation_streams *streams = stream->streams;

    stream->released = false;
    stream->previous = NULL;
    stream->next = streams->in_use;
    if (stream->next)
        stream->next->previous = stream;
    streams->in_use = stream;
}

static void unlink_stream(struct invocation_stream *stream)
{
    if (stream->next)
        stream->next->previous = stream->previous;
    if (stream->previous)
        stream->previous->next = stream->next;
    else
        stream->streams->in_use = stream->next;
}

static void release_model(struct invocation_stream *stream)
{
    const struct invocation_streams_settings *settings = &stream->streams->settings;

    if (!stream->released)
        settings->release(settings->self, stream->request.model_owner);
    stream->released = true;
}

/* Makes the stream small, to `most` bytes if that is enough for more than nothing. Returns what it
 * has then. */
static size_t shrink(struct invocation_stream *stream, size_t most)
{
    size_t bytes;

    trim(&stream->message, KEEP_BUFFER);
    trim(&stream->verdict.fault.message, KEEP_BUFFER);
    trim(&stream->body, KEEP_BUFFER);
    trim_predictions(&stream->predictions, KEEP_BUFFER);
    bytes = stream->message.capacity + stream->verdict.fault.message.capacity +
            stream->body.capacity + stream->predictions.capacity * sizeof(float);
    return bytes + gather_blocks(stream, most > bytes ? most - bytes : 0);
}

/* Nobody has anything of the stream any more. */
void invocation_stream_recycle(struct invocation_stream *stream)
{
    struct invocation_streams *streams = stream->streams;
    size_t room;
    bool keep;

    release_model(stream);
    pthread_mutex_lock(&streams->lock);
    unlink_stream(stream);
    room = POOL_BYTES - streams->pool_bytes;
    streams->pool_bytes += room; /* until it is known how much is taken */
    pthread_mutex_unlock(&streams->lock);
    stream->held = shrink(stream, room);
    keep = stream->held <= room && stream->spare;
    pthread_mutex_lock(&streams->lock);
    streams->pool_bytes -= keep ? room - stream->held : room;
    if (keep) {
        stream->next = streams->pool;
        streams->pool = stream;
    }
    pthread_mutex_unlock(&streams->lock);
    if (!keep)
        free_stream(stream);
}

/* Sets a stream to that of no body; its memory stays. */
static void reset(struct invocation_stream *stream)
{
    stream->cut = (struct line_cut){0};
    stream->received = stream->offset = stream->text_held = stream->results_held = 0;
    stream->found = stream->begun = stream->used_workers = false;
    stream->out = stream->busy = 0;
    stream->paused = stream->closed = stream->gone = false;
    stream->fits = false;
    stream->full = stream->streams->settings.block;
    err_clear(&stream->err);
    for (struct invocation_block *block = stream->spare; block; block = block->next) {
        stream->text_held += block->text.capacity;
        block->held = invocation_block_results(block);
        stream->results_held += block->held;
    }
}

struct invocation_stream *invocation_stream_new(struct invocation_streams *streams,
                                                const struct invocation_stream_request *request)
{
    struct invocation_stream *stream;

    pthread_mutex_lock(&streams->lock);
    stream = streams->pool;
    if (stream) {
        streams->pool = stream->next;
        streams->pool_bytes -= stream->held;
    } else {
        stream = new_stream(streams);
    }
    if (stream)
        link_stream(stream);
    pthread_mutex_unlock(&streams->lock);
    if (!stream)
        return NULL;
    reset(stream);
    stream->request = *request;
    stream->rules =
        policy_of(request->model)
            ->decode_rules(request->model, streams->settings.rules->strict, &request->type);
    return stream;
}

void invocation_stream_free(struct invocation_stream *stream)
{
    bool idle;

    if (!stream)
        return;
    pthread_mutex_lock(&stream->lock);
    stream->gone = true;
    idle = stream->busy == 0; /* else the worker that has the last block does it */
    pthread_mutex_unlock(&stream->lock);
    if (idle)
        invocation_stream_recycle(stream);
}

/* All of a server's. */

bool invocation_stream_takes(const struct model *model, const struct invocation_rules *rules,
                             const struct invocation *request, struct request_type *ret)
{
    struct buffer message;
    bool is_csv;

    buffer_init(&message, 0); /* the text of a refusal is not wanted here */
    is_csv = policy_of(model)->request_type(rules, request, ret, &message) == CONTENT_TYPE_OK &&
             ret->format == FORMAT_CSV;
    buffer_fini(&message);
    return is_csv;
}

int invocation_streams_new(const struct invocation_streams_settings *settings,
                           struct invocation_streams **ret, struct err *err)
{
    struct invocation_streams *streams = mem_zero(1, sizeof(*streams));

    if (!streams)
        return err_memory(err, sizeof(*streams), "streams");
    streams->settings = *settings;
    pthread_mutex_init(&streams->lock, NULL);
    *ret = streams;
    return 0;
}

void invocation_streams_release(struct invocation_streams *streams)
{
    for (struct invocation_stream *s = streams ? streams->in_use : NULL; s; s = s->next)
        release_model(s);
}

void invocation_streams_free(struct invocation_streams *streams)
{
    if (!streams)
        return;
    while (streams->pool) {
        struct invocation_stream *stream = streams->pool;

        streams->pool = stream->next;
        free_stream(stream);
    }
    pthread_mutex_destroy(&streams->lock);
    free(streams);
}
