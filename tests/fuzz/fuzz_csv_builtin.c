/*
 * text/csv under the built-ins' rules. The first two bytes choose rules, block size and cuts; the
 * rest is the body. Whatever it is: either a fault with texts or rows of numbers, the same for
 * every block size, on every level of the processor, and in parts. And the same line by line, which
 * a quoted label in front of each line brings about.
 */
#include "base/cpu.h"
#include "server/formats/csv_stream.h"
#include "tests/fuzz/decode_check.h"

static void must_fail_alike(const struct outcome *a, const struct outcome *b)
{
    const struct buffer *x = &a->fault.message, *y = &b->fault.message;

    if (!a->status)
        return;
    must(a->fault.rank == b->fault.rank);
    must(a->fault.row == b->fault.row && a->fault.column == b->fault.column);
    must(x->size == y->size && memcmp(x->data, y->data, x->size) == 0);
}

/* Each line that is not blank with a label before it. */
static void label_lines(struct bytes body, struct buffer *out)
{
    while (body.size) {
        const uint8_t *end = memchr(body.data, '\n', body.size);
        size_t size = end ? (size_t)(end - body.data) + 1 : body.size;

        if (bytes_trim(bytes_of(body.data, size)).size)
            must(buffer_append(out, "\",\",", 4) == 0);
        must(buffer_append(out, body.data, size) == 0);
        body = bytes_of(body.data + size, body.size - size);
    }
}

static void check_by_line(struct decoder *decoder, struct bytes body, struct decode_rules rules,
                          const struct outcome *expected)
{
    struct outcome outcome;
    struct buffer text;

    if (expected->status && expected->fault.rank == DECODE_RANK_TEXT)
        return;
    outcome_init(&outcome);
    buffer_init(&text, SIZE_MAX);
    label_lines(body, &text);
    rules.csv.label_size++;
    run(decoder, FORMAT_CSV, bytes_of(text.data, text.size), &rules, 1000, &outcome);
    must_equal(expected, &outcome);
    if (expected->status) {
        uint64_t column = expected->fault.column;

        must(outcome.fault.row == expected->fault.row);
        must(outcome.fault.column == (column ? column + 1 : 0));
    }
    buffer_fini(&text);
    outcome_fini(&outcome);
}

/* The next part: whole lines, of about the bytes that the state says. */
static struct bytes take_part(struct bytes *body, uint32_t *state)
{
    const uint8_t *end;
    size_t most, size;

    *state = *state * 1664525u + 1013904223u;
    most = *state >> 26;
    if (most >= body->size)
        most = body->size - 1;
    end = memchr(body->data + most, '\n', body->size - most);
    size = end ? (size_t)(end - body->data) + 1 : body->size;
    *body = bytes_of(body->data + size, body->size - size);
    return bytes_of(body->data - size, size);
}

static void run_parts(struct decoder *decoder, struct bytes body, const struct decode_rules *rules,
                      uint32_t state, struct outcome *outcome)
{
    const uint8_t *end = memchr(body.data, '\n', body.size), *start = body.data;
    struct csv_part part = {
        .shape =
            csv_shape_of(bytes_of(body.data, end ? (size_t)(end - body.data) : body.size), rules)};
    struct csv_verdict verdict;
    struct decode_fault fault;

    decode_fault_init(&verdict.fault);
    decode_fault_init(&fault);
    outcome_clear(outcome);
    csv_verdict_begin(&verdict, &part.shape);
    while (body.size) {
        uint64_t rows;

        part.offset = (uint64_t)(body.data - start);
        part.text = take_part(&body, &state);
        part.known = state & 1 ? verdict.fault.rank : DECODE_RANK_NONE;
        decode_fault_clear(&fault);
        outcome->status = csv_part_open(decoder, &part, rules, &fault);
        rows = decoder->rows;
        if (!outcome->status) {
            uint64_t before = outcome->rows;

            outcome->rows = 0;
            if (part.known < DECODE_RANK_CELL) {
                decode_fault_clear(&outcome->fault);
                take_rows(decoder, 5, outcome);
                if (outcome->status) {
                    struct decode_fault swap = outcome->fault;

                    outcome->fault = fault;
                    fault = swap;
                }
            }
            outcome->rows += before;
        }
        csv_verdict_add(&verdict, rows, &fault);
    }
    outcome->status = csv_verdict_end(&verdict);
    must(outcome->status || verdict.rows == outcome->rows);
    decode_fault_fini(&outcome->fault);
    outcome->fault = verdict.fault;
    decode_fault_fini(&fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome first, second;
    struct decode_rules rules;
    struct decoder decoder;
    struct bytes body, stripped;

    if (size < 2 || size > BODY_MAX)
        return 0;
    body = bytes_of(data + 2, size - 2);
    stripped = bytes_trim(body);
    rules = (struct decode_rules){.infinite_ok = true,
                                  .more_follows = data[0] & 32,
                                  .csv = {.builtin = true,
                                          .label_size = data[0] & 3,
                                          .columns = data[0] & 64 ? data[1] & 7 : 0}};
    decoder_init(&decoder);
    outcome_init(&first);
    outcome_init(&second);
    run(&decoder, FORMAT_CSV, body, &rules, 1000, &first);
    must(first.status || first.rows || rules.more_follows);
    must(first.rows * decoder.columns <= body.size + 1);
    run(&decoder, FORMAT_CSV, body, &rules, small_block(data[0] >> 2), &second);
    must_equal(&first, &second);
    must_fail_alike(&first, &second);
    for (int level = CPU_BASELINE; level <= CPU_VBMI && cpu_limit((enum cpu_level)level); level++) {
        run(&decoder, FORMAT_CSV, body, &rules, 1000, &second);
        must_equal(&first, &second);
        must_fail_alike(&first, &second);
    }
    check_by_line(&decoder, body, rules, &first);
    if (stripped.size && !rules.more_follows) {
        run_parts(&decoder, stripped, &rules, data[1], &second);
        must_equal(&first, &second);
        must_fail_alike(&first, &second);
    }
    if (!first.status) {
        run(&decoder, FORMAT_CSV, body, &rules, 1000, &second);
        run_on(&decoder, body, 7, &second); /* more rows, or a fault */
    }
    outcome_fini(&first);
    outcome_fini(&second);
    decoder_fini(&decoder);
    return 0;
}
