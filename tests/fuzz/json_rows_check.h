#pragma once
/*
 * JSON requests. The first byte chooses the rules and the block size, the rest is the body.
 * Whatever it is: either a fault of one line (an infinity's aside), or rows of one width, or CSR
 * rows of ascending columns, the same for every block size. A document that was read is one to the
 * pull reader too. Lines that were read give the same rows in pieces of one line each.
 */

#include "base/json_reader.h"
#include "tests/fuzz/decode_check.h"

static void run_json(struct decoder *decoder, enum format format, struct bytes body,
                     const struct decode_rules *rules, size_t block, struct outcome *outcome)
{
    const struct decode_fault *fault = &outcome->fault;

    run(decoder, format, body, rules, block, outcome);
    if (outcome->status) {
        must(!outcome->opened); /* all faults are found by decoder_open */
        must(strcmp(fault->exception, "ValueError") != 0 ||
             !memchr(fault->message.data, '\n', fault->message.size));
        return;
    }
    must(!outcome->no_columns);
    must(outcome->entries * 2 <= body.size && outcome->rows * 3 <= body.size);
}

static void check_document(struct bytes body)
{
    struct err err = ERR_INIT;
    struct json_reader reader;
    struct json_event event;

    json_reader_init_strict(&reader, body);
    do
        must(json_next(&reader.source, &event, &err) == 0);
    while (event.type != JSON_END);
}

static void run_lines(struct decoder *decoder, struct bytes body, struct decode_rules rules,
                      struct outcome *outcome)
{
    bool first = true;

    rules.more_follows = true;
    outcome_clear(outcome);
    while (body.size) {
        const uint8_t *end = memchr(body.data, '\n', body.size);
        size_t size = end ? (size_t)(end - body.data) + 1 : body.size;
        struct bytes line = bytes_of(body.data, size);

        if (first)
            run(decoder, FORMAT_JSONLINES, line, &rules, 3, outcome);
        else
            run_on(decoder, line, 3, outcome);
        must(!outcome->status && !outcome->no_columns);
        first = false;
        body = bytes_of(body.data + size, body.size - size);
    }
}

static void json_rows_check(enum format format, const uint8_t *data, size_t size)
{
    struct outcome first, second;
    struct decode_rules rules;
    struct decoder decoder;
    struct bytes body;

    if (size < 1 || size > BODY_MAX)
        return;
    body = bytes_of(data + 1, size - 1);
    rules = (struct decode_rules){.json_null_is_missing = data[0] & 1,
                                  .infinite_ok = data[0] & 16,
                                  .json_one_width = data[0] & 32};
    decoder_init(&decoder);
    outcome_init(&first);
    outcome_init(&second);
    first.nan_alike = second.nan_alike = true;
    run_json(&decoder, format, body, &rules, 1000, &first);
    run_json(&decoder, format, body, &rules, small_block(data[0] >> 2), &second);
    must_equal(&first, &second);
    if (!first.status) {
        if (format == FORMAT_JSON) {
            check_document(body);
        } else {
            run_lines(&decoder, body, rules, &second);
            must_equal(&first, &second);
        }
    }
    outcome_fini(&first);
    outcome_fini(&second);
    decoder_fini(&decoder);
}
