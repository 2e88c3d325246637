#pragma once
/*
 * What the unit test and the fuzz target of streamed bodies share: a small model, the answer to a
 * body as a whole and the answer to the same body as a stream, in pieces and blocks of any size, on
 * this thread or by workers. The two must be the same to the byte.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "models/model.h"
#include "server/container/invocation_stream.h"
#include "server/container/invocations.h"

static inline void stream_must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "must: %s\n", what);
        abort();
    }
}

#define STREAM_MODEL_PATH "/tmp/stream-model-XXXXXX"

/* The file of a linear model of three features, or of two features and three classes. */
static inline void stream_model_write(bool classes, char path[sizeof(STREAM_MODEL_PATH)])
{
    static const char text[] =
        "{\"learner\":{\"attributes\":{},\"feature_names\":[],\"feature_types\":[],"
        "\"gradient_booster\":{\"model\":{\"weights\":[%s]},\"name\":\"gblinear\"},"
        "\"learner_model_param\":{\"base_score\":\"0.25\",\"num_class\":\"%d\","
        "\"num_feature\":\"%d\",\"num_target\":\"1\"},\"objective\":{\"name\":\"%s\","
        "\"%s\":{\"%s\":\"%d\"}}},\"version\":[1,7,4]}";
    int fd;

    memcpy(path, STREAM_MODEL_PATH, sizeof(STREAM_MODEL_PATH));
    fd = mkstemp(path);
    stream_must(fd >= 0, "a temporary file");
    if (classes)
        dprintf(fd, text, "0.5,-1,0.125,2,0.75,-0.3,0.1,0.2,0.3", 3, 2, "multi:softprob",
                "softmax_multiclass_param", "num_class", 3);
    else
        dprintf(fd, text, "0.5,-1.25,0.0625,3", 0, 3, "reg:squarederror", "reg_loss_param",
                "scale_pos_weight", 1);
    close(fd);
}

static inline struct model *stream_model(bool classes, const char *profile)
{
    struct model_options options = MODEL_OPTIONS_DEFAULT;
    char path[sizeof(STREAM_MODEL_PATH)];
    struct model *model = NULL;
    struct err err = ERR_INIT;

    stream_model_write(classes, path);
    options.profile = profile;
    if (model_load(path, &options, &model, &err))
        stream_must(false, err.text);
    unlink(path);
    return model;
}

struct stream_answer {
    struct invocation_result result;
    struct buffer body;
    char why[256];
};

static inline void stream_answer_init(struct stream_answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    buffer_init(&answer->body, SIZE_MAX / 2);
}

/* Equal but for the time of day that a 400 has after its prefix. */
static inline bool stream_same(struct stream_answer *a, struct stream_answer *b)
{
    struct stream_answer *both[] = {a, b};

    for (size_t i = 0; i < 2; i++) {
        struct buffer *body = &both[i]->body;
        char *time = body->size ? memchr(body->data, '[', body->size) : NULL;

        if (both[i]->result.status == 400 && time && (size_t)(body->data + body->size - time) > 9)
            memset(time, '.', 9);
        time = strchr(both[i]->why, '[');
        if (both[i]->result.status == 400 && time && strlen(time) > 9)
            memset(time, '.', 9);
    }
    return a->result.status == b->result.status && a->result.rows == b->result.rows &&
           a->result.content_type == b->result.content_type && strcmp(a->why, b->why) == 0 &&
           a->body.size == b->body.size &&
           (a->body.size == 0 || memcmp(a->body.data, b->body.data, a->body.size) == 0);
}

/* One server's streams, and the one request that is in it. */
struct stream_bench {
    struct model *model;
    struct invocation_rules rules;
    struct invocation_streams_settings settings;
    struct invocation_streams *streams;
    struct invocation_scratch scratches[5]; /* the first is this thread's */
    struct invocation request;
    struct stream_answer *answer;
    struct invocation_stream *stream;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned resumed;
    unsigned finished;
    unsigned released;
    unsigned gate;
    long fail_at; /* the stream's n-th allocation fails; 0: none */
};

static inline void stream_note(struct stream_bench *bench, unsigned *count)
{
    pthread_mutex_lock(&bench->lock);
    (*count)++;
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static inline void stream_wait(struct stream_bench *bench, const unsigned *count, unsigned n)
{
    pthread_mutex_lock(&bench->lock);
    while (*count < n)
        pthread_cond_wait(&bench->changed, &bench->lock);
    pthread_mutex_unlock(&bench->lock);
}

static inline void stream_on_resume(void *self, void *owner)
{
    stream_must(owner == self, "the owner");
    stream_note(self, &((struct stream_bench *)self)->resumed);
}

static inline void stream_take_answer(struct stream_bench *bench, unsigned scratch)
{
    struct stream_answer *answer = bench->answer;

    invocation_stream_answer(bench->stream, &bench->request, &bench->scratches[scratch],
                             &answer->body, &answer->result, answer->why, sizeof(answer->why));
}

static inline void stream_on_finish(void *self, void *owner, unsigned worker)
{
    struct stream_bench *bench = self;

    stream_must(owner == self, "the owner");
    stream_take_answer(bench, worker + 1);
    stream_note(bench, &bench->finished);
}

static inline void stream_on_release(void *self, void *model_owner)
{
    struct stream_bench *bench = self;

    stream_must(model_owner == bench->model, "the model's owner");
    stream_note(bench, &bench->released);
}

/* blocks is 0 where there are no workers, else as in the settings. */
static inline void stream_bench_init(struct stream_bench *bench, struct model *model,
                                     const struct invocation_rules *rules, unsigned blocks)
{
    struct err err = ERR_INIT;

    memset(bench, 0, sizeof(*bench));
    bench->model = model;
    bench->rules = *rules;
    pthread_mutex_init(&bench->lock, NULL);
    pthread_cond_init(&bench->changed, NULL);
    for (size_t i = 0; i < 5; i++)
        invocation_scratch_init(&bench->scratches[i]);
    bench->settings = (struct invocation_streams_settings){
        .blocks = blocks,
        .answer_max = SIZE_MAX / 2,
        .rules = &bench->rules,
        .scratches = bench->scratches + 1,
        .resume = stream_on_resume,
        .finish = stream_on_finish,
        .release = stream_on_release,
        .self = bench,
    };
    if (blocks && workers_new(4, WORKERS_NICE, 1, &bench->settings.workers, &err))
        stream_must(false, err.text);
}

static inline void stream_bench_fini(struct stream_bench *bench)
{
    workers_free(bench->settings.workers);
    for (size_t i = 0; i < 5; i++)
        invocation_scratch_fini(&bench->scratches[i]);
    pthread_mutex_destroy(&bench->lock);
    pthread_cond_destroy(&bench->changed);
}

static inline void stream_whole(struct stream_bench *bench, struct stream_answer *answer)
{
    invocation_run(bench->model, &bench->rules, &bench->request, &bench->scratches[0],
                   &answer->body, &answer->result, answer->why, sizeof(answer->why));
}

/* How a body comes: what the next piece's size is. */
struct stream_cuts {
    size_t (*next)(struct stream_cuts *cuts, size_t left);
    uint64_t state;
};

/* Feeds all of the body. */
static inline enum invocation_stream_next stream_feed(struct stream_bench *bench,
                                                      struct stream_cuts *cuts)
{
    struct bytes body = bench->request.body;
    enum invocation_stream_next next;
    unsigned pauses = 0;
    size_t at = 0;

    do {
        uint64_t held;
        size_t size;
        size_t want = cuts->next(cuts, body.size - at);
        void *room = invocation_stream_room(bench->stream, &size, &held);

        if (!room && bench->fail_at)
            return INVOCATION_STREAM_NO_MEMORY;
        stream_must(room && size, "room");
        if (want > body.size - at)
            want = body.size - at;
        if (want > size)
            want = size;
        if (want)
            memcpy(room, body.data + at, want);
        at += want;
        next =
            invocation_stream_arrived(bench->stream, want, at == body.size, &bench->scratches[0]);
        stream_must(next != INVOCATION_STREAM_PAUSE || at < body.size, "no pause at the end");
        if (next == INVOCATION_STREAM_PAUSE)
            stream_wait(bench, &bench->resumed, ++pauses);
    } while (next == INVOCATION_STREAM_MORE || next == INVOCATION_STREAM_PAUSE);
    stream_must(at == body.size || bench->fail_at, "an end before the end");
    return next;
}

/* Feeds the body and takes the answer. False: there was no memory. */
static inline bool stream_run(struct stream_bench *bench, struct stream_cuts *cuts,
                              struct stream_answer *answer)
{
    struct bytes whole = bench->request.body;

    switch (stream_feed(bench, cuts)) {
    case INVOCATION_STREAM_READY:
        stream_take_answer(bench, 0);
        break;
    case INVOCATION_STREAM_DEFERRED:
        stream_wait(bench, &bench->finished, 1);
        break;
    case INVOCATION_STREAM_BLANK:
        bench->request.body = invocation_stream_body(bench->stream);
        stream_whole(bench, answer);
        bench->request.body = whole;
        break;
    case INVOCATION_STREAM_NO_MEMORY:
        stream_must(bench->fail_at, "memory");
        return false;
    default:
        stream_must(false, "an end that is one");
    }
    stream_must(invocation_stream_size(bench->stream) == whole.size, "the size");
    return true;
}

/* The answer to the body as a stream of blocks of that size. inline_ns 0: by the workers. False:
 * there was no memory. */
static inline bool stream_streamed(struct stream_bench *bench, size_t block, uint64_t inline_ns,
                                   bool length_known, struct stream_cuts *cuts,
                                   struct stream_answer *answer)
{
    struct invocation_stream_request request = {.model = bench->model,
                                                .length =
                                                    length_known ? bench->request.body.size : 0,
                                                .owner = bench,
                                                .model_owner = bench->model};
    struct err err = ERR_INIT;
    bool result = false;

    bench->settings.block = bench->settings.worker_block = block;
    bench->settings.inline_ns = bench->settings.step_ns = inline_ns;
    bench->resumed = bench->finished = bench->released = 0;
    bench->answer = answer;
    if (!bench->streams && invocation_streams_new(&bench->settings, &bench->streams, &err))
        stream_must(false, err.text);
    request.encoded = invocation_parts(bench->model, &bench->rules, &bench->request,
                                       &bench->scratches[0].message, &request.encoding);
    stream_must(
        invocation_stream_takes(bench->model, &bench->rules, &bench->request, &request.type),
        "a type that is streamed");
    mem_fail_at(bench->fail_at);
    bench->stream = invocation_stream_new(bench->streams, &request);
    stream_must(bench->stream || bench->fail_at, "a stream");
    if (bench->stream) {
        result = stream_run(bench, cuts, answer);
        invocation_stream_free(bench->stream);
        stream_must(bench->released == 1, "the model is let go of");
    }
    mem_fail_at(0);
    return result;
}

/* The settings of a bench's streams are constant: to change them makes new ones. */
static inline void stream_bench_restart(struct stream_bench *bench)
{
    invocation_streams_free(bench->streams);
    bench->streams = NULL;
}
