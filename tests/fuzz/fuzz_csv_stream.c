/*
 * text/csv as a stream. The first byte chooses model, rules and answer, the second the size of the
 * blocks, the third how the body is cut into pieces; the rest is the body. Whatever that is: the
 * answer is the one to the whole body, to the byte.
 */
#include "tests/stream_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_MAX 65536

static size_t next_piece(struct stream_cuts *cuts, size_t left)
{
    cuts->state = cuts->state * 6364136223846793005u + 1442695040888963407u;
    return left < 2 ? left : 1 + (size_t)(cuts->state >> 40) % (cuts->state >> 63 ? left : 9);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const accepts[] = {"text/csv", "application/json", "application/jsonlines",
                                          "application/x-recordio-protobuf"};
    static struct model *models[2];
    struct stream_cuts cuts = {.next = next_piece};
    struct stream_answer whole, streamed;
    struct invocation_rules rules;
    struct stream_bench bench;

    if (size < 3 || size > BODY_MAX)
        return 0;
    if (!models[0]) {
        models[0] = stream_model(false, NULL);
        models[1] = stream_model(true, NULL);
    }
    rules = (struct invocation_rules){.strict = data[0] & 1, .batch = data[0] & 2};
    if (data[0] & 4)
        rules.default_accept = "application/x-npy";
    stream_bench_init(&bench, models[data[0] >> 3 & 1], &rules, 0);
    bench.request = (struct invocation){.body = bytes_of(data + 3, size - 3),
                                        .has_content_type = true,
                                        .content_type = bytes_text("text/csv"),
                                        .has_accept = data[0] & 16,
                                        .accept = bytes_text(accepts[data[0] >> 5 & 3])};
    stream_answer_init(&whole);
    stream_answer_init(&streamed);
    stream_whole(&bench, &whole);
    cuts.state = data[2];
    stream_must(
        stream_streamed(&bench, 1 + (size_t)data[1], UINT64_MAX, data[0] >> 7, &cuts, &streamed),
        "memory");
    stream_must(stream_same(&whole, &streamed), "the same answer");
    buffer_fini(&whole.body);
    buffer_fini(&streamed.body);
    stream_bench_restart(&bench);
    stream_bench_fini(&bench);
    return 0;
}
