#pragma once
/*
 * JSON requests. The first byte chooses the rules and the block size, the rest is the body.
 * Whatever it is: either a fault of one line (an infinity's aside), or rows of one width, or CSR
 * rows of ascending columns, the same for every block size. A document that was read is one to the
 * pull reader too. Lines that were read give the same rows in pieces of one line each.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_reader.h"
#include "server/formats/decode.h"

#define BODY_MAX 65536

/* What two runs must have in common. */
struct outcome {
    int status;
    uint64_t rows, entries, checksum;
    struct decode_fault fault;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void check_fault(const struct decode_fault *fault)
{
    must(!fault->out_of_memory && fault->exception && fault->message.size);
    must(strcmp(fault->exception, "ValueError") != 0 ||
         !memchr(fault->message.data, '\n', fault->message.size));
}

static void add(struct outcome *outcome, uint32_t number)
{
    outcome->checksum = (outcome->checksum ^ number) * 0x100000001b3u;
}

static void add_entry(struct outcome *outcome, uint32_t column, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    add(outcome, column);
    add(outcome, isnan(value) ? 1 : bits);
    outcome->entries++;
}

/* A dense row counts as a CSR row of all columns. */
static void take_row(const struct matrix *matrix, size_t row, struct outcome *outcome)
{
    if (matrix->kind == MATRIX_DENSE) {
        for (size_t i = 0; i < matrix->columns; i++)
            add_entry(outcome, (uint32_t)i, matrix->values[row * matrix->columns + i]);
    } else {
        must(matrix->row_start[row] <= matrix->row_start[row + 1]);
        for (size_t i = matrix->row_start[row]; i < matrix->row_start[row + 1]; i++) {
            must(matrix->column[i] < matrix->columns);
            must(i == matrix->row_start[row] || matrix->column[i - 1] < matrix->column[i]);
            add_entry(outcome, matrix->column[i], matrix->values[i]);
        }
    }
    add(outcome, 0xffffffffu);
}

static void take_rows(struct decoder *decoder, size_t block, struct outcome *outcome)
{
    struct matrix matrix;

    for (;;) {
        outcome->status = decoder_next(decoder, block, &matrix, &outcome->fault);
        if (outcome->status || !matrix.rows)
            break;
        must(matrix.rows <= block && matrix.columns > 0 && matrix.columns == decoder->columns);
        for (size_t row = 0; row < matrix.rows; row++)
            take_row(&matrix, row, outcome);
        outcome->rows += matrix.rows;
    }
    must(!outcome->status); /* all faults are found by decoder_open */
    must(outcome->rows == decoder->rows && outcome->rows == decoder->rows_done);
}

static void run(struct decoder *decoder, enum format format, struct bytes body,
                const struct decode_rules *rules, size_t block, struct outcome *outcome)
{
    outcome->rows = outcome->entries = outcome->checksum = 0;
    outcome->status = decoder_open(decoder, format, body, rules, &outcome->fault);
    if (outcome->status) {
        check_fault(&outcome->fault);
        return;
    }
    take_rows(decoder, block, outcome);
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
    outcome->rows = outcome->entries = outcome->checksum = 0;
    while (body.size) {
        const uint8_t *end = memchr(body.data, '\n', body.size);
        size_t size = end ? (size_t)(end - body.data) + 1 : body.size;
        struct bytes line = bytes_of(body.data, size);

        outcome->status =
            first ? decoder_open(decoder, FORMAT_JSONLINES, line, &rules, &outcome->fault)
                  : decoder_continue(decoder, line, &outcome->fault);
        must(!outcome->status);
        take_rows(decoder, 3, outcome);
        first = false;
        body = bytes_of(body.data + size, body.size - size);
    }
}

static void json_rows_check(enum format format, const uint8_t *data, size_t size)
{
    static const size_t blocks[] = {1, 2, 7, 64};
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
    decode_fault_init(&first.fault);
    decode_fault_init(&second.fault);
    run(&decoder, format, body, &rules, 1000, &first);
    run(&decoder, format, body, &rules, blocks[data[0] >> 2 & 3], &second);
    must(first.status == second.status);
    if (!first.status) {
        must(first.rows == second.rows && first.entries == second.entries);
        must(first.checksum == second.checksum);
        if (format == FORMAT_JSON) {
            check_document(body);
        } else {
            run_lines(&decoder, body, rules, &second);
            must(first.rows == second.rows && first.entries == second.entries);
            must(first.checksum == second.checksum);
        }
    }
    decode_fault_fini(&first.fault);
    decode_fault_fini(&second.fault);
    decoder_fini(&decoder);
}
