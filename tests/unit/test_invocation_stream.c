/* Bodies that are scored as they arrive: the answer is the one to the whole body. */
#include "tests/unit/unit.h"

#include "tests/number_check.h"
#include "tests/stream_check.h"
#include "tests/unit/linear_parts.h"

static struct check_random random_state = {.state = 88172645463325252u};

static unsigned below(unsigned n)
{
    return (unsigned)(check_next(&random_state) >> 33) % n;
}

static bool once_in(unsigned n)
{
    return below(n) == 0;
}

/* Bodies. */

/* How odd a body is: once in so many cells, lines. */
struct oddness {
    unsigned bad_cell;
    unsigned infinite;
    unsigned bad_text;
    unsigned ragged;
    unsigned blank_line;
    unsigned odd_cell;
};

static void put_cell(struct buffer *body, const struct oddness *odd)
{
    static const char *const odd_cells[] = {"",
                                            "nan",
                                            " 1.5 ",
                                            "1_000",
                                            "\xef\xbc\x91",
                                            "-0",
                                            "5.",
                                            "\xc2\xa0"
                                            "7",
                                            "1e-50",
                                            "\r",
                                            "+3",
                                            "3\0",
                                            "\t2",
                                            ""};
    static const char *const infinities[] = {"inf", "-Infinity", "1e39", "4e38"};
    static const char *const bad[] = {"x",    "1,,",      "0x1", "'",  "\"",
                                      "1__0", "\xc3\xa9", "--1", "1 2"};
    static const char *const bad_text[] = {"\xff",         "\xe2\x82", "\xc3",     "\xf0\x9f\x98",
                                           "\xed\xa0\x80", "\x80",     "1\xe2\x82"};

    if (once_in(odd->bad_text))
        assert_int_equal(buffer_print(body, "%s", bad_text[below(ARRAY_LENGTH(bad_text))]), 0);
    else if (once_in(odd->bad_cell))
        assert_int_equal(buffer_print(body, "%s", bad[below(ARRAY_LENGTH(bad))]), 0);
    else if (once_in(odd->infinite))
        assert_int_equal(buffer_print(body, "%s", infinities[below(4)]), 0);
    else if (once_in(odd->odd_cell))
        assert_int_equal(buffer_print(body, "%s", odd_cells[below(ARRAY_LENGTH(odd_cells))]), 0);
    else
        assert_int_equal(buffer_print(body, "%.*g", 1 + (int)below(17),
                                      ldexp((double)below(2000000) - 1000000, -(int)below(25))),
                         0);
}

static void put_spaces(struct buffer *body)
{
    static const char spaces[] = "  \t\n\r\n\v\f\n";

    for (unsigned n = once_in(2) ? 0 : below(once_in(10) ? 200 : 6); n; n--)
        assert_int_equal(buffer_append(body, spaces + below(sizeof(spaces) - 1), 1), 0);
}

static void put_line(struct buffer *body, unsigned columns, char delimiter,
                     const struct oddness *odd)
{
    if (once_in(odd->blank_line))
        return;
    for (unsigned c = 0; c < columns; c++) {
        if (c)
            assert_int_equal(buffer_append(body, &delimiter, 1), 0);
        put_cell(body, odd);
    }
}

/* Any body: most are odd in one way only, some not at all. */
static void make_body(struct buffer *body, unsigned features, bool commas)
{
    static const char delimiters[] = {',', ',', '\t', ';', ' ', ':', '|', '.'};
    struct oddness odd = {1u << 30, 1u << 30, 1u << 30, 1u << 30, 1u << 30, 1u << 30};
    unsigned *ways[] = {&odd.bad_cell, &odd.infinite,   &odd.bad_text,
                        &odd.ragged,   &odd.blank_line, &odd.odd_cell};
    char delimiter = delimiters[commas && !once_in(8) ? 0 : below(ARRAY_LENGTH(delimiters))];
    unsigned columns = once_in(4) ? 1 + below(5) : features;
    unsigned rows = 1 + below(once_in(40) ? 3000 : once_in(3) ? 200 : 12);
    const char *line_end = once_in(4) ? "\r\n" : "\n";

    for (unsigned n = below(4); n; n--)
        *ways[below(ARRAY_LENGTH(ways))] = 1 + below(3 * rows);
    buffer_clear(body);
    put_spaces(body);
    for (unsigned r = 0; r < rows; r++) {
        put_line(body, once_in(odd.ragged) ? 1 + below(5) : columns, delimiter, &odd);
        if (r + 1 < rows)
            assert_int_equal(buffer_print(body, "%s", line_end), 0);
    }
    put_spaces(body);
}

/* Cuts. */

static size_t cut_all(struct stream_cuts *cuts, size_t left)
{
    (void)cuts;
    return left;
}

static size_t cut_bytes(struct stream_cuts *cuts, size_t left)
{
    (void)cuts;
    return left < 1 ? left : 1;
}

static size_t cut_random(struct stream_cuts *cuts, size_t left)
{
    (void)cuts;
    return left ? 1 + below(once_in(3) ? (unsigned)left : 9) : 0;
}

static struct stream_cuts any_cuts(void)
{
    size_t (*const all[])(struct stream_cuts *, size_t) = {cut_all, cut_bytes, cut_random,
                                                           cut_random};

    return (struct stream_cuts){.next = all[below(4)]};
}

/* Rules. */

static struct selectable selectable;

static struct invocation_rules any_rules(void)
{
    return (struct invocation_rules){
        .strict = once_in(4),
        .batch = once_in(6),
        .default_accept = once_in(8)   ? "application/x-npy"
                          : once_in(8) ? "image/png"
                          : once_in(8) ? "application/json"
                                       : NULL,
        .selectable = once_in(6) ? &selectable : NULL,
    };
}

static struct bytes any_accept(void)
{
    static const char *const accepts[] = {"text/csv",
                                          "application/json",
                                          "application/jsonlines",
                                          "application/x-recordio-protobuf",
                                          "image/png",
                                          "*/*"};

    return bytes_text(accepts[below(ARRAY_LENGTH(accepts))]);
}

/* The test. */

static uint64_t statuses[6];
static uint64_t streams; /* that were cut into blocks */

static void check_body(struct stream_bench *bench, size_t block, struct stream_answer *whole,
                       struct stream_answer *streamed)
{
    struct stream_cuts cuts = any_cuts();
    const struct bytes body = bench->request.body;

    buffer_clear(&streamed->body);
    stream_whole(bench, whole);
    assert_true(
        stream_streamed(bench, block, once_in(2) ? 0 : UINT64_MAX, once_in(2), &cuts, streamed));
    streams += body.size > block;
    statuses[whole->result.status / 100]++;
    if (stream_same(whole, streamed))
        return;
    fwrite(body.data, 1, body.size, stderr);
    fail_msg("block %zu: expected %d '%.*s' of %u rows, not %d '%.*s' of %u", block,
             whole->result.status, (int)whole->body.size, whole->body.data,
             (unsigned)whole->result.rows, streamed->result.status, (int)streamed->body.size,
             streamed->body.data, (unsigned)streamed->result.rows);
}

static const struct {
    const char *text;
    unsigned labels;
} types[] = {
    {"text/csv", 0},
    {"text/csv; label_size=1", 1},
    {"text/csv;label_size=2", 2},
    {"text/csv; charset=utf-8", 0},
};

/* Takes over the reference to the model. */
static void check_model(struct model *model, unsigned blocks, unsigned rounds)
{
    static const size_t sizes[] = {1, 7, 30, 64, 200, 1000, 5000, 20000};
    struct stream_answer whole, streamed;
    struct buffer body;

    if (unit_is_brief())
        rounds = (rounds + 9) / 10;

    stream_answer_init(&whole);
    stream_answer_init(&streamed);
    buffer_init(&body, SIZE_MAX);
    while (rounds--) {
        struct invocation_rules rules = any_rules();
        struct stream_bench bench;

        stream_bench_init(&bench, model, &rules, blocks);
        for (unsigned n = 0; n < 30; n++) {
            unsigned type = model->builtin ? below(ARRAY_LENGTH(types)) : 0;

            make_body(&body, model->features + types[type].labels, model->builtin);
            bench.request = (struct invocation){.body = bytes_of(body.data, body.size),
                                                .has_content_type = true,
                                                .content_type = bytes_text(types[type].text),
                                                .has_accept = !once_in(4),
                                                .accept = any_accept()};
            if (!bench.request.body.data)
                bench.request.body.data = (const uint8_t *)"";
            check_body(&bench, sizes[below(ARRAY_LENGTH(sizes))], &whole, &streamed);
            stream_bench_restart(&bench);
        }
        stream_bench_fini(&bench);
    }
    buffer_fini(&body);
    buffer_fini(&whole.body);
    buffer_fini(&streamed.body);
    model_unref(model);
}

static void check_many(bool classes, const char *profile, unsigned blocks, unsigned rounds)
{
    check_model(stream_model(classes, profile), blocks, rounds);
}

/* A binary classifier of two features. */
static struct model *builtin_model(void)
{
    LINEAR_PARTS(parts);

    linear_binary(&parts);
    return linear_model(&parts);
}

static void test_builtin(void **state)
{
    uint64_t before[6];

    (void)state;
    memcpy(before, statuses, sizeof(before));
    check_model(builtin_model(), 0, 100);
    for (unsigned blocks = 2; blocks < 7; blocks++)
        check_model(builtin_model(), blocks, 20);
    assert_true(unit_is_brief() ||
                (statuses[2] - before[2] > 500 && statuses[4] - before[4] > 500));
    assert_true(statuses[5] == before[5]);
}

static void test_on_this_thread(void **state)
{
    (void)state;
    check_many(false, NULL, 0, 150);
    check_many(true, NULL, 0, 50);
    check_many(false, "1.3-1", 0, 50);
    check_many(false, "1.0-1", 0, 50);
}

static void test_by_workers(void **state)
{
    (void)state;
    for (unsigned blocks = 2; blocks < 7; blocks++)
        check_many(blocks % 2, blocks == 4 ? "1.2-1" : NULL, blocks, 30);
    /* the bodies were worth the while */
    assert_true(unit_is_brief() ||
                (statuses[2] > 1000 && statuses[4] > 1000 && statuses[5] > 100 && streams > 2000));
}

/* Bounds. A gate holds the workers, so that what they are given stays with them. */

struct gate_job {
    struct worker_job base;
    struct stream_bench *bench;
};

static void wait_in_gate(struct worker_job *job, unsigned worker)
{
    (void)worker;
    stream_wait(((struct gate_job *)job)->bench, &((struct gate_job *)job)->bench->gate, 1);
}

static void close_gate(struct stream_bench *bench, struct gate_job jobs[4])
{
    bench->gate = 0;
    for (unsigned i = 0; i < 4; i++) {
        jobs[i] = (struct gate_job){{wait_in_gate}, bench};
        workers_submit(bench->settings.workers, &jobs[i].base);
    }
}

#define LINE "1,2,3\n"

static enum invocation_stream_next give_lines(struct stream_bench *bench, unsigned lines, bool last)
{
    uint64_t held;
    size_t size;
    char *room = invocation_stream_room(bench->stream, &size, &held);

    assert_non_null(room);
    assert_true(size >= lines * strlen(LINE));
    for (unsigned i = 0; i < lines; i++)
        memcpy(room + i * strlen(LINE), LINE, strlen(LINE));
    return invocation_stream_arrived(bench->stream, lines * strlen(LINE), last,
                                     &bench->scratches[0]);
}

/* A bench whose streams hand over what lines there are, each time. */
static void begin_lines(struct stream_bench *bench, struct model *model, unsigned blocks)
{
    static const struct invocation_rules rules = {.strict = false};
    struct err err = ERR_INIT;

    stream_bench_init(bench, model, &rules, blocks);
    bench->settings.block = bench->settings.worker_block = 100 * strlen(LINE);
    bench->request =
        (struct invocation){.has_content_type = true, .content_type = bytes_text("text/csv")};
    assert_int_equal(invocation_streams_new(&bench->settings, &bench->streams, &err), 0);
}

static void begin_stream(struct stream_bench *bench, struct stream_answer *answer)
{
    struct invocation_stream_request request = {
        .model = bench->model, .owner = bench, .model_owner = bench->model};

    request.encoded = invocation_parts(bench->model, &bench->rules, &bench->request,
                                       &bench->scratches[0].message, &request.encoding);
    bench->answer = answer;
    bench->resumed = bench->finished = bench->released = 0;
    bench->stream = invocation_stream_new(bench->streams, &request);
    assert_non_null(bench->stream);
}

static void end_lines(struct stream_bench *bench)
{
    stream_bench_fini(bench);
    stream_bench_restart(bench);
}

/* A request is paused with its last block but none, and goes on at half of them. */
static void test_blocks_at_n(void **state)
{
    struct model *model = stream_model(false, NULL);
    struct stream_answer answer;
    struct stream_bench bench;
    struct gate_job jobs[4];

    (void)state;
    assert_int_equal(invocation_stream_blocks(1), 6);
    assert_int_equal(invocation_stream_blocks(3), 14);
    assert_int_equal(invocation_stream_blocks(4), 16);
    assert_int_equal(invocation_stream_blocks(1024), 16);
    stream_answer_init(&answer);
    for (unsigned blocks = 2; blocks <= 16; blocks++) {
        begin_lines(&bench, model, blocks);
        begin_stream(&bench, &answer);
        close_gate(&bench, jobs);
        assert_int_equal(give_lines(&bench, 1, false), INVOCATION_STREAM_MORE); /* held back */
        for (unsigned n = 1; n < blocks; n++)
            assert_int_equal(give_lines(&bench, 1, false), INVOCATION_STREAM_MORE);
        assert_int_equal(give_lines(&bench, 1, false), INVOCATION_STREAM_PAUSE);
        assert_int_equal(bench.resumed, 0);
        stream_note(&bench, &bench.gate);
        stream_wait(&bench, &bench.resumed, 1);
        assert_int_equal(give_lines(&bench, 1, true), INVOCATION_STREAM_DEFERRED);
        stream_wait(&bench, &bench.finished, 1);
        assert_int_equal(answer.result.status, 200);
        assert_int_equal(answer.result.rows, blocks + 2);
        assert_true(invocation_stream_used_workers(bench.stream));
        invocation_stream_free(bench.stream);
        end_lines(&bench);
    }
    buffer_fini(&answer.body);
    model_unref(model);
}

/* Four workers and room for one more request: the sixth is refused, those that are in go on. */
static void test_full_queue(void **state)
{
    struct model *model = stream_model(false, NULL);
    struct invocation_stream *in[5];
    struct stream_answer answer;
    struct stream_bench bench;
    struct gate_job jobs[4];

    (void)state;
    stream_answer_init(&answer);
    begin_lines(&bench, model, 3);
    close_gate(&bench, jobs);
    for (unsigned i = 0; i < 5; i++) {
        begin_stream(&bench, &answer);
        assert_int_equal(give_lines(&bench, 2, false), INVOCATION_STREAM_MORE);
        in[i] = bench.stream;
    }
    assert_int_equal(workers_waiting(bench.settings.workers), 1);
    begin_stream(&bench, &answer);
    assert_int_equal(give_lines(&bench, 2, false), INVOCATION_STREAM_FULL);
    invocation_stream_free(bench.stream);
    assert_int_equal(bench.released, 1);
    bench.stream = in[0];
    assert_int_equal(give_lines(&bench, 2, false), INVOCATION_STREAM_MORE);
    /* nobody wants the answers any more: the workers have the blocks, and let go of all */
    for (unsigned i = 0; i < 5; i++)
        invocation_stream_free(in[i]);
    assert_int_equal(bench.released, 1);
    stream_note(&bench, &bench.gate);
    stream_wait(&bench, &bench.released, 6);
    assert_int_equal(bench.resumed + bench.finished, 0);
    end_lines(&bench);
    buffer_fini(&answer.body);
    model_unref(model);
}

/* What a stream says that it holds grows with the blocks and not with the body. */
static void test_held(void **state)
{
    struct model *model = stream_model(false, NULL);
    struct stream_answer answer;
    struct stream_bench bench;
    uint64_t most = 0;

    (void)state;
    stream_answer_init(&answer);
    begin_lines(&bench, model, 0);
    bench.settings.block = INVOCATION_STREAM_BLOCK;
    stream_bench_restart(&bench);
    assert_int_equal(invocation_streams_new(&bench.settings, &bench.streams, &(struct err)ERR_INIT),
                     0);
    begin_stream(&bench, &answer);
    for (unsigned n = 0; n < 3000; n++) {
        uint64_t held;
        size_t size;

        assert_non_null(invocation_stream_room(bench.stream, &size, &held));
        if (n == 0)
            assert_true(held <= INVOCATION_STREAM_BLOCK);
        if (held > most)
            most = held;
        assert_int_equal(give_lines(&bench, 500, n == 2999),
                         n == 2999 ? INVOCATION_STREAM_READY : INVOCATION_STREAM_MORE);
    }
    stream_take_answer(&bench, 0);
    assert_int_equal(answer.result.rows, 3000 * 500);
    assert_true(most >= answer.body.size * 9 / 10);
    assert_true(most <= answer.body.size + 16 * INVOCATION_STREAM_BLOCK);
    invocation_stream_free(bench.stream);
    end_lines(&bench);
    buffer_fini(&answer.body);
    model_unref(model);
}

/* Each allocation fails in turn: there is no memory, or no need of it; never another answer. */
static void test_no_memory(void **state)
{
#ifdef __SANITIZE_THREAD__
    (void)state;
    print_message("skipped: thread sanitizer\n");
    skip();
#else
    static const char *const bodies[] = {"1,2,3\n4,5,6\n7,8,9\n", "1,2,3\n4,x,6\n7,8,9\n",
                                         "1,2,3\n4,5\n7,8,\xff\n", "\xc3\xa9\n1\n",
                                         "1,2,3\n4,5,inf\n"};
    static const struct invocation_rules rules = {.strict = false};
    struct model *model = stream_model(false, NULL);
    struct stream_cuts cuts = {.next = cut_all};
    struct stream_answer whole, streamed;
    struct stream_bench bench;

    (void)state;
    stream_answer_init(&whole);
    stream_answer_init(&streamed);
    for (size_t b = 0; b < ARRAY_LENGTH(bodies); b++) {
        unsigned failures = 0;
        bool failed = true;

        for (long n = 1; failed; n++) {
            stream_bench_init(&bench, model, &rules, 0);
            bench.request = (struct invocation){.body = bytes_text(bodies[b]),
                                                .has_content_type = true,
                                                .content_type = bytes_text("text/csv")};
            stream_whole(&bench, &whole);
            buffer_fini(&streamed.body);
            buffer_init(&streamed.body, SIZE_MAX / 2);
            bench.fail_at = n;
            /* where it is the text of a 415 that has no room, that is empty */
            failed = !stream_streamed(&bench, 10, UINT64_MAX, false, &cuts, &streamed) ||
                     streamed.result.status == 503 || streamed.body.size == 0;
            failures += failed;
            if (!failed && !stream_same(&whole, &streamed))
                fail_msg("body %zu: %d, not %d", b, streamed.result.status, whole.result.status);
            stream_bench_restart(&bench);
            stream_bench_fini(&bench);
        }
        assert_true(failures > 2);
    }
    buffer_fini(&whole.body);
    buffer_fini(&streamed.body);
    model_unref(model);
#endif
}

static int setup(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    return selectable_init(&selectable, "predicted_score,probabilities,foo", &err);
}

static int teardown(void **state)
{
    (void)state;
    selectable_fini(&selectable);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_on_this_thread), cmocka_unit_test(test_by_workers),
        cmocka_unit_test(test_builtin),        cmocka_unit_test(test_blocks_at_n),
        cmocka_unit_test(test_full_queue),     cmocka_unit_test(test_held),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
