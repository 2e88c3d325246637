#include "server/container/invocation_stream_internal.h"

struct invocation_block *invocation_block_new(struct invocation_stream *stream)
{
    struct invocation_block *block = mem_zero(1, sizeof(*block));

    if (!block)
        return NULL;
    block->job.run = invocation_block_run;
    block->stream = stream;
    buffer_init(&block->text, SIZE_MAX);
    decode_fault_init(&block->fault);
    predictions_init(&block->predictions);
    buffer_init(&block->out, stream->streams->settings.answer_max);
    return block;
}

void invocation_block_free(struct invocation_block *block)
{
    buffer_fini(&block->text);
    decode_fault_fini(&block->fault);
    predictions_fini(&block->predictions);
    buffer_fini(&block->out);
    free(block);
}

/* Memory that a block's results have. */
size_t invocation_block_results(const struct invocation_block *block)
{
    return block->out.capacity + block->predictions.capacity * sizeof(float);
}

/* What is known of the blocks that were put together, all of them earlier ones: what makes reading
 * this one, or a part of that, needless. */
static enum decode_rank find_known(struct invocation_stream *stream, bool *ret_wanted)
{
    const struct csv_verdict *verdict = &stream->verdict;
    enum decode_rank known;

    pthread_mutex_lock(&stream->lock);
    known = verdict->fault.rank;
    if (stream->gone || stream->err.kind != ERR_NONE || verdict->fault.out_of_memory)
        known = DECODE_RANK_TEXT;
    pthread_mutex_unlock(&stream->lock);
    *ret_wanted = known == DECODE_RANK_NONE && stream->fits;
    return known;
}

/* Sets what the block shows: its rows, fault, error, predictions, encoded rows. */
void invocation_block_score(struct invocation_block *block, struct invocation_scratch *scratch)
{
    const struct invocation_stream *stream = block->stream;
    const struct invocation_stream_request *request = &stream->request;
    struct csv_part part = {.shape = stream->shape,
                            .text = bytes_of(block->text.data, block->size),
                            .offset = block->offset};
    bool wanted;
    int failed;

    part.known = find_known(block->stream, &wanted);
    decode_fault_clear(&block->fault);
    err_clear(&block->err);
    predictions_clear(&block->predictions);
    buffer_clear(&block->out);
    failed = csv_part_open(&scratch->decoder, &part, &stream->rules, &block->fault);
    block->rows = scratch->decoder.rows;
    if (failed || invocation_score_rows(request->model, &scratch->decoder, wanted, &scratch->scorer,
                                        &block->predictions, &block->fault, &block->err))
        return;
    if (!wanted || !request->encoded)
        return;
    /* at once what it will be about; where there is not so much, it may be less */
    (void)!buffer_reserve(&block->out, INVOCATION_NUMBER_ABOUT * block->predictions.rows *
                                           block->predictions.columns);
    if (encode_rows(&request->encoding, &block->predictions, block->first, &block->out,
                    &block->err))
        block->err.kind = ERR_MEMORY; /* beyond the limit is answered alike */
}

static int append_predictions(struct predictions *all, const struct predictions *some,
                              struct err *err)
{
    float *room = predictions_extend(all, some->rows, some->columns, err);

    if (!room)
        return -1;
    memcpy(room, some->values, some->rows * some->columns * sizeof(*room));
    return 0;
}

/* Adds the first block's findings to the stream's. */
static void add_block(struct invocation_stream *stream, struct invocation_block *block)
{
    size_t results = invocation_block_results(block);

    stream->results_held += results - block->held;
    block->held = results;
    csv_verdict_add(&stream->verdict, block->rows, &block->fault);
    if (stream->err.kind != ERR_NONE)
        return;
    stream->err = block->err;
    if (stream->verdict.fault.rank || stream->verdict.fault.out_of_memory ||
        stream->err.kind != ERR_NONE || block->predictions.rows == 0)
        return;
    if (!stream->request.encoded)
        (void)append_predictions(&stream->predictions, &block->predictions, &stream->err);
    else if (buffer_append(&stream->body, block->out.data, block->out.size))
        err_memory(&stream->err, block->out.size, "the response");
}

/* Puts together the blocks that are done, as far as those before them are. Under the lock. */
void invocation_block_add(struct invocation_stream *stream)
{
    while (stream->first && stream->first->done) {
        struct invocation_block *block = stream->first;

        stream->first = block->next;
        if (!stream->first)
            stream->last = &stream->first;
        stream->out--;
        add_block(stream, block);
        block->next = stream->spare;
        stream->spare = block;
    }
}

/* A worker's job. Stream and settings may be gone as soon as the lock is let go of, but where this
 * thread is the one to say that it goes on. */
void invocation_block_run(struct worker_job *job, unsigned worker)
{
    struct invocation_block *block = (struct invocation_block *)job;
    struct invocation_stream *stream = block->stream;
    const struct invocation_streams_settings *settings = &stream->streams->settings;
    struct workers *workers = settings->workers;
    bool left;
    bool gone;
    bool resume;
    bool finish;

    invocation_block_score(block, &settings->scratches[worker]);
    pthread_mutex_lock(&stream->lock);
    block->done = true;
    invocation_block_add(stream);
    left = --stream->busy == 0;
    gone = stream->gone;
    resume = !gone && stream->paused && stream->out <= settings->blocks / 2;
    finish = !gone && stream->closed && !stream->first;
    if (resume)
        stream->paused = false;
    pthread_mutex_unlock(&stream->lock);
    if (left)
        workers_leave(workers);
    if (left && gone)
        invocation_stream_recycle(stream);
    else if (resume)
        settings->resume(settings->self, stream->request.owner);
    else if (finish)
        settings->finish(settings->self, stream->request.owner, worker);
}
